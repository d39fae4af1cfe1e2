#include <string.h>

#include "import.h"
#include "storeimpl.h"

#define FLUSH_MESSAGES 20000	/* postings gathered in memory */
#define HANDLER "es-append --import"	/* no group can have that name */

int import_begin(struct import *im, struct store *s, struct es_err *err)
{
	*im = (struct import){.store = s};
	if (s->head > 0)
		return es_fail(err, ES_FAILED, "%s: has %lld message%s "
		    "already: --import wants a store without any (es-init "
		    "without a catalog makes one)", s->db->path,
		    (long long)s->head, s->head == 1 ? "" : "s");
	return 0;
}

void import_free(struct import *im)
{
	message_scratch_free(&im->scratch);
	sqlite3_finalize(im->erased);
	sqlite3_finalize(im->decided);
	*im = (struct import){0};
}

/* ---- what a line has to be ---- */

static int missing(const char *field, struct es_err *err)
{
	return es_fail(err, ES_FAILED, "%s: missing: --import takes lines as "
	    "es-query prints them", field);
}

static int check_times(const struct store *s, const struct message *m,
    struct es_err *err)
{
	if (m->stored_at <= 0)
		return es_fail(err, ES_FAILED, "stored_at: is before 1970");
	if (m->stored_at < s->last_stored_at)
		return es_fail(err, ES_FAILED, "stored_at: is earlier than "
		    "that of the message before");
	if (m->erased_at < 0)
		return es_fail(err, ES_FAILED, "erased_at: is before 1970");
	if (m->erased_at && (m->tags.p || !span_is(m->payload, "{}") ||
	    !span_is(m->metadata, "{}")))
		return es_fail(err, ES_FAILED, "erased_at: what is erased has "
		    "no tags, and {} as payload and metadata");
	return 0;
}

static int check_line(const struct import *im, const struct message *m,
    struct es_err *err)
{
	const struct json_doc *d = &im->scratch.doc;
	int64_t wanted = im->store->head + 1;

	if (!m->position)
		return missing("position", err);
	if (m->position != wanted)
		return es_fail(err, ES_FAILED, "position: is %lld, and %lld "
		    "would be the next: an export is whole and in order",
		    (long long)m->position, (long long)wanted);
	if (!m->id.p)
		return missing("id", err);
	if (json_get(d, 0, "stored_at") == JSON_NONE)
		return missing("stored_at", err);
	return check_times(im->store, m, err);
}

/* ---- ids ---- */

static int use_id(struct import *im, const struct message *m,
    struct es_err *err)
{
	char shown[160];
	int64_t position;
	int r = store_find_id(im->store, m->id, &position, err);

	if (r <= 0)
		return r;
	if (position > 0)
		return es_fail(err, ES_FAILED, "id: %s is that of position "
		    "%lld, too", es_escape(shown, sizeof shown, m->id.p,
		    m->id.n), (long long)position);
	/* Its schedule is over: this is the message that it was for. */
	r = ids_release(im->store->ids, m->id, err);
	im->store->broken |= r < 0;
	return r;
}

/* es.scheduled has a message in it, whose id is taken from then on. */
static int reserve_id(struct import *im, const struct message *m,
    struct es_err *err)
{
	struct json_doc *d = &im->store->doc;
	struct buf text = {0};
	uint32_t node;
	int r = -1;

	if (json_parse(d, m->payload.p, m->payload.n, err) < 0)
		return -1;
	node = json_get(d, 0, "message");
	if (node == JSON_NONE || d->nodes[node].type != JSON_OBJECT)
		return 0;
	node = json_get(d, node, "id");
	if (node == JSON_NONE || d->nodes[node].type != JSON_STRING)
		return 0;
	r = ids_reserve(im->store->ids, json_string(d, node, &text),
	    m->position, err);
	im->store->broken |= r < 0;
	buf_free(&text);
	return r;
}

/* ---- outcomes ---- */

static int set_outcome(struct import *im, const struct import_outcome *o,
    struct es_err *err)
{
	static const unsigned char no_hash[32];
	struct provenance p = {.handled = o->command, .read_at = o->command,
	    .attempt = 1, .first = o->first, .last = o->last};
	int64_t id;

	if (!im->handler && store_handler(im->store, HANDLER, no_hash,
	    SPAN_LIT("{}"), &im->handler, err) < 0)
		return -1;
	p.handler = im->handler;
	if (store_add_provenance(im->store, &p, &id, err) < 0 ||
	    db_prepare_once(im->store->db, "update outcome set result = ?2, "
	    "provenance = ?3 where command = ?1", &im->decided, err) < 0)
		return -1;
	sqlite3_bind_int64(im->decided, 1, o->command);
	sqlite3_bind_int(im->decided, 2,
	    o->rejected ? OUTCOME_REJECTED : OUTCOME_DECIDED);
	sqlite3_bind_int64(im->decided, 3, id);
	return store_done(im->store, im->decided, err);
}

/* What came first is the outcome, but a rejection is one for certain. */
static int end_run(struct import *im, struct es_err *err)
{
	struct import_outcome o = im->run;
	enum outcome now;

	im->run = (struct import_outcome){0};
	if (!o.command)
		return 0;
	if (store_outcome(im->store, o.command, &now, NULL, NULL, err) < 0)
		return -1;
	if (now != OUTCOME_SKIPPED && !(o.rejected && now == OUTCOME_DECIDED))
		return 0;
	return set_outcome(im, &o, err);
}

/* Events that follow each other and have one cause were made together. */
static int note_event(struct import *im, const struct message *m,
    struct es_err *err)
{
	struct import_outcome *run = &im->run;
	bool rejected = span_is(m->type, "es.command_rejected");
	int64_t cause = 0;
	int r = 0;

	if (!span_eq(m->causation_id, m->id) && (rejected || m->type.n < 3 ||
	    memcmp(m->type.p, "es.", 3) != 0))
		r = store_find_id(im->store, m->causation_id, &cause, err);
	if (r < 0)
		return -1;
	if (r > 0 && cause == run->command && cause > 0 &&
	    rejected == run->rejected && run->last == m->position - 1) {
		run->last = m->position;
		return 0;
	}
	if (end_run(im, err) < 0)
		return -1;
	if (r > 0 && cause > 0)
		*run = (struct import_outcome){.command = cause,
		    .first = m->position, .last = m->position,
		    .rejected = rejected};
	return 0;
}

/*
 * A command of which the log tells nothing was decided to no effect, or never;
 * it is not decided now.
 */
static int note_command(struct import *im, const struct message *m,
    struct es_err *err)
{
	return end_run(im, err) < 0 ? -1 : store_set_outcome(im->store,
	    m->position, OUTCOME_SKIPPED, 0, err);
}

/* ---- a message ---- */

static int set_erased(struct import *im, const struct message *m,
    struct es_err *err)
{
	if (db_prepare_once(im->store->db, "update message set erased_at = ? "
	    "where position = ?", &im->erased, err) < 0)
		return -1;
	sqlite3_bind_int64(im->erased, 1, m->erased_at);
	sqlite3_bind_int64(im->erased, 2, m->position);
	return store_done(im->store, im->erased, err);
}

/* The line's fault, before it becomes one of the store. */
static int check_catalog(struct json_doc *d, struct span payload,
    struct es_err *err)
{
	struct catalog *c;

	if (catalog_parse_loaded(d, payload, &c, err) < 0)
		return -1;
	catalog_free(c);
	return 0;
}

static int take_catalog(struct import *im, const struct message *m,
    struct es_err *err)
{
	struct store *s = im->store;

	if (check_catalog(&s->doc, m->payload, err) < 0 ||
	    store_read_catalog_at(s, m->position, err) < 0)
		return -1;
	if (store_check_open(s, err) == 0 &&
	    store_write_catalog_at(s, m->position, err) == 0)
		return 0;
	s->broken = true;
	return -1;
}

/* What a message of this type does besides being there. */
static int take_effect(struct import *im, const struct message *m,
    struct es_err *err)
{
	if (m->erased_at)
		return set_erased(im, m, err);
	if (span_is(m->type, "es.catalog_loaded"))
		return take_catalog(im, m, err);
	if (span_is(m->type, "es.scheduled"))
		return reserve_id(im, m, err);
	return 0;
}

static int store_message(struct import *im, const struct message *m,
    struct es_err *err)
{
	struct store *s = im->store;
	const struct catalog_entry *entry = catalog_find(s->catalog, m->type);

	if (message_keys(m->tags, m->payload, catalog_indexes,
	    (void *)(uintptr_t)entry, &s->keys, err) < 0 ||
	    store_write(s, m, err) < 0 || take_effect(im, m, err) < 0)
		return -1;
	if (++im->unflushed < FLUSH_MESSAGES)
		return 0;
	im->unflushed = 0;
	return index_flush(s->index, err) < 0 ?
	    es_err_at(err, "%s", s->db->path) : 0;
}

int import_line(struct import *im, const char *p, size_t n,
    struct span *printed, struct es_err *err)
{
	struct buf created = {0};
	struct message m;
	int r = -1;

	if (store_check_open(im->store, err) < 0 ||
	    message_parse_stored(&im->scratch, p, n, &m, err) < 0 ||
	    check_line(im, &m, err) < 0 || use_id(im, &m, err) < 0)
		return -1;
	if (!m.causation_id.p)
		m.causation_id = m.id;
	if (!m.correlation_id.p)
		m.correlation_id = m.id;
	if (!m.created_at.p) {
		rfc3339_print(&created, m.stored_at);
		m.created_at = buf_span(&created);
	}
	if (buf_check(&created, err) == 0 && store_message(im, &m, err) == 0)
		r = (m.kind == KIND_COMMAND ? note_command : note_event)(im,
		    &m, err);
	*printed = buf_span(&im->store->line);
	buf_free(&created);
	return r;
}

/* ---- the end ---- */

/*
 * What groups the store may have have not seen this log.  That is a state and
 * no message: the log stays the one that was exported.
 */
static int stop_groups(struct store *s, struct es_err *err)
{
	if (db_exec(s->db, "update consumer set state = 'stopped', "
	    "error = null, code = 0, hash = null where state <> 'held'",
	    err) == 0)
		return 0;
	s->broken = true;
	return -1;
}

int import_end(struct import *im, struct es_err *err)
{
	if (im->store->head == 0)
		return 0;
	return end_run(im, err) < 0 ||
	    store_begin_epoch(im->store, 0, err) < 0 ||
	    stop_groups(im->store, err) < 0 ? -1 : 0;
}
