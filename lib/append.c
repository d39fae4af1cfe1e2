/* store_append(): what happens to a message on its way into the log. */
#include <stdlib.h>
#include <string.h>

#include "storeimpl.h"

static bool own_type(struct span type)
{
	return type.n > 3 && memcmp(type.p, "es.", 3) == 0;
}

/* ---- making a message of a draft ---- */

/* What a message borrows that its sender has left out. */
struct made {
	char id[UUID_TEXT];
	char created_at[RFC3339_BYTES];
};

/* Kind, version and payload as the catalog wants them. */
static int apply_catalog(struct store *s, const struct draft *d,
    const struct catalog_entry *entry, struct message *m, struct es_err *err)
{
	m->kind = d->kind != KIND_NONE ? d->kind :
	    entry ? catalog_kind(entry) : KIND_EVENT;
	if (m->kind == KIND_NONE)
		m->kind = KIND_EVENT;
	m->version = d->version ? d->version :
	    entry ? catalog_version(entry) : 1;
	buf_reset(&s->payload);
	if (entry && catalog_check(entry, d, &s->scratch, &s->payload,
	    err) < 0)
		return -1;
	m->payload = s->payload.n ? buf_span(&s->payload) : identity_payload(d);
	return 0;
}

static int make_id(const struct draft *d, char text[UUID_TEXT],
    struct message *m, struct es_err *err)
{
	unsigned char uuid[16];

	m->id = d->id;
	if (d->id.p)
		return 0;
	if (hash_uuid7(uuid, err) < 0)
		return -1;
	hash_uuid_text(uuid, text);
	m->id = (struct span){text, UUID_TEXT - 1};
	return 0;
}

/*
 * A cause that is stored gives its correlation; the arena of store_get() holds
 * it until the message is in.
 */
static int apply_causes(struct store *s, const struct draft *d,
    struct message *m, struct es_err *err)
{
	struct message cause;
	int64_t position;
	int r;

	m->causation_id = d->causation_id.p ? d->causation_id : m->id;
	m->correlation_id = d->correlation_id.p ? d->correlation_id : m->id;
	if (!d->causation_id.p || d->correlation_id.p ||
	    span_eq(d->causation_id, m->id))
		return 0;
	r = store_find_id(s, d->causation_id, &position, err);
	if (r < 0)
		return -1;
	if (r == 0 || position < 0)
		return 0;
	if (store_get_known(s, position, &cause, err) < 0)
		return -1;
	m->correlation_id = cause.correlation_id;
	return 0;
}

static int make_line(struct store *s, const struct message *m,
    struct es_err *err)
{
	buf_reset(&s->line);
	message_print(&s->line, m);
	if (buf_check(&s->line, err) < 0)
		return -1;
	if (s->line.n - 1 > MESSAGE_LINE_MAX)
		return es_fail(err, ES_FAILED, "as it would be printed the "
		    "message has %zu bytes, more than %d", s->line.n - 1,
		    MESSAGE_LINE_MAX);
	return 0;
}

static int find_keys(struct store *s, const struct draft *d,
    const struct message *m, const struct catalog_entry *entry,
    struct es_err *err)
{
	const struct json_doc *doc = s->payload.n ? NULL :
	    message_draft_doc(d);
	void *ctx = (void *)(uintptr_t)entry;

	return doc ? message_keys_parsed(doc, d->tags_at, d->payload_at,
	    catalog_indexes, ctx, &s->keys, err) :
	    message_keys(d->tags, m->payload, catalog_indexes, ctx, &s->keys,
	    err);
}

int store_write(struct store *s, const struct message *m, struct es_err *err)
{
	return make_line(s, m, err) < 0 ? -1 :
	    append_row(s, m, false, err);
}

/* A message out of a draft, checked but not written; keys are in s->keys. */
static int make_message(struct store *s, const struct draft *d, bool own,
    struct made *made, struct message *m, struct es_err *err)
{
	const struct catalog_entry *entry = catalog_find(s->catalog, d->type);

	*m = (struct message){.position = s->head + 1, .type = d->type,
	    .tags = d->tags, .metadata = d->metadata, .stored_at = s->now};
	if (!own && own_type(d->type))
		return es_fail(err, ES_FAILED, "type: only es itself appends "
		    "\"es.\" types");
	if (!own && !entry && s->strict)
		return es_fail(err, ES_FAILED, "type: %.*s is not in the "
		    "catalog", (int)d->type.n, d->type.p);
	if (!m->metadata.p)
		m->metadata = SPAN_LIT("{}");
	if (apply_catalog(s, d, entry, m, err) < 0 ||
	    make_id(d, made->id, m, err) < 0 ||
	    apply_causes(s, d, m, err) < 0 ||
	    find_keys(s, d, m, entry, err) < 0)
		return -1;
	m->created_at = d->created_at;
	if (!m->created_at.p) {
		rfc3339_put(made->created_at, s->now);
		m->created_at = (struct span){made->created_at,
		    sizeof made->created_at};
	}
	return make_line(s, m, err);
}

static int append(struct store *s, const struct draft *d, bool own,
    struct appended *out, struct es_err *err)
{
	struct made made;
	struct message m;
	int64_t position;
	bool rewritten;
	int r;

	*out = (struct appended){0};
	if (store_check_open(s, err) < 0)
		return -1;
	r = d->id.p ? store_find_id(s, d->id, &position, err) : 0;
	if (r > 0)
		return identity_repeated(s, d, position, out, err);
	if (r < 0 || make_message(s, d, own, &made, &m, err) < 0)
		return -1;
	rewritten = s->payload.n > 0;
	if (rewritten && identity_compact(&s->doc, identity_payload(d),
	    &s->came_in, err) < 0)
		return -1;
	r = append_row(s, &m, rewritten, err);
	out->position = m.position;
	out->line = buf_span(&s->line);
	return r;
}

int store_append(struct store *s, const struct draft *d, struct appended *out,
    struct es_err *err)
{
	return append(s, d, false, out, err);
}

int store_append_own(struct store *s, const struct draft *d,
    struct appended *out, struct es_err *err)
{
	return append(s, d, true, out, err);
}

int store_check(struct store *s, const struct draft *d, struct es_err *err)
{
	struct made made;
	struct appended a;
	struct message m;
	int64_t position;
	int r = d->id.p ? store_find_id(s, d->id, &position, err) : 0;

	if (r > 0)
		return identity_repeated(s, d, position, &a, err);
	if (r == 0)
		r = make_message(s, d, false, &made, &m, err);
	return r;
}

int store_preview(struct store *s, const struct draft *d, int64_t now,
    struct buf *out, struct es_err *err)
{
	struct made made;
	struct message m;
	int64_t was = s->now;
	int r;

	s->now = now;
	r = make_message(s, d, false, &made, &m, err);
	s->now = was;
	if (r < 0)
		return -1;
	/* {"position":N,"id":… without the position. */
	buf_addc(out, '{');
	buf_adds(out, strchr(s->line.p, ',') + 1);
	return buf_check(out, err);
}

int store_load_catalog(struct store *s, const struct catalog *c, bool *changed,
    struct es_err *err)
{
	struct buf payload = {0};
	struct appended a;
	struct draft d = {.type = SPAN_LIT("es.catalog_loaded"),
	    .kind = KIND_EVENT};
	int r = -1;

	*changed = !catalog_equal(s->catalog, c);
	if (!*changed)
		return 0;
	if (catalog_check_change(s->catalog, c, err) < 0)
		return -1;
	catalog_print_loaded(s->catalog, c, &payload);
	if (buf_check(&payload, err) < 0)
		goto out;
	d.payload = buf_span(&payload);
	if (store_append_own(s, &d, &a, err) < 0)
		goto out;
	if (store_write_catalog_at(s, a.position, err) < 0) {
		s->broken = true;
		goto out;
	}
	r = store_read_catalog_at(s, a.position, err);
out:
	buf_free(&payload);
	return r;
}
