/* What a person, or the runner, does to a whole group; each is an event. */
#include <stdlib.h>
#include <string.h>

#include "groupimpl.h"

/* Append an es. event about a group; fields is the rest of the payload. */
static int append_event(struct groups *g, const char *type, const char *name,
    struct span fields, struct es_err *err)
{
	struct buf payload = {0};
	struct draft d = {.type = span_str(type), .kind = KIND_EVENT};
	struct appended a;
	int r;

	buf_adds(&payload, "{\"group\":");
	json_quote_span(&payload, span_str(name));
	buf_add_span(&payload, fields);
	buf_addc(&payload, '}');
	r = buf_check(&payload, err);
	if (r == 0) {
		d.payload = buf_span(&payload);
		r = store_append_own(g->store, &d, &a, err);
	}
	buf_free(&payload);
	return r;
}

static void add_field(struct buf *out, const char *name, const char *text)
{
	buf_addf(out, ",\"%s\":", name);
	json_quote_span(out, span_str(text));
}

static int set_state(struct groups *g, const char *name, const char *state,
    const char *error, int code, const unsigned char *hash,
    struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_STATE, err);

	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	db_bind_text(st, 2, span_str(state));
	db_bind_text(st, 3, span_str(error));
	sqlite3_bind_int(st, 4, code);
	sqlite3_bind_null(st, 5);
	if (hash)
		db_bind_blob(st, 5, hash, 32);
	return group_run(g, st, err);
}

int group_stop(struct groups *g, const char *name, const char *error, int code,
    const unsigned char *hash, struct es_err *err)
{
	struct buf fields = {0};
	int r;

	if (error)
		add_field(&fields, "reason", error);
	r = buf_check(&fields, err);
	if (r == 0)
		r = set_state(g, name, "stopped", error, code, hash, err);
	if (r == 0)
		r = append_event(g, "es.group_stopped", name,
		    buf_span(&fields), err);
	buf_free(&fields);
	return r;
}

int group_start(struct groups *g, const char *name, struct es_err *err)
{
	return set_state(g, name, "running", NULL, 0, NULL, err) < 0 ||
	    append_event(g, "es.group_started", name, SPAN_LIT(""), err) < 0 ?
	    -1 : 0;
}

int group_adopt(struct groups *g, const char *name, struct es_err *err)
{
	return set_state(g, name, "running", NULL, 0, NULL, err) < 0 ||
	    append_event(g, "es.group_adopted", name, SPAN_LIT(""), err) < 0 ?
	    -1 : 0;
}

/* ,"partition":{…},"id":…,"position":N,"reason":… */
static int partition_event(struct groups *g, const char *type,
    const char *name, const struct group_failing *f, struct span id,
    struct es_err *err)
{
	struct buf fields = {0};
	int r;

	buf_addf(&fields, ",\"partition\":%s,\"id\":", f->partition);
	json_quote_span(&fields, id);
	buf_adds(&fields, ",\"position\":");
	buf_add_int(&fields, f->position);
	add_field(&fields, "reason", f->reason ? f->reason : "");
	r = buf_check(&fields, err);
	if (r == 0)
		r = append_event(g, type, name, buf_span(&fields), err);
	buf_free(&fields);
	return r;
}

int group_parked(struct groups *g, const char *name,
    const struct group_failing *f, struct span id, struct es_err *err)
{
	return partition_event(g, "es.partition_parked", name, f, id, err);
}

int group_retry(struct groups *g, const char *name, const char *partition,
    int64_t *n, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_RETRY, err);

	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	db_bind_text(st, 2, span_str(partition));
	if (group_run(g, st, err) < 0)
		return -1;
	*n = sqlite3_changes64(store_db(g->store)->h);
	return 0;
}

static int skip_one(struct groups *g, const char *name,
    const struct group_failing *f, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_SKIP, err);
	struct message m;
	enum outcome outcome;
	struct span id;
	char text[MESSAGE_ID_BYTES + 1];
	int r;

	if (!st)
		return -1;
	r = store_get(g->store, f->position, &m, err);
	if (r <= 0)
		return r < 0 ? -1 : es_fail(err, ES_FAILED, "no message at "
		    "position %lld", (long long)f->position);
	id = (struct span){text, m.id.n};
	memcpy(text, m.id.p, m.id.n);
	if (m.kind == KIND_COMMAND) {
		if (store_outcome(g->store, f->position, &outcome, NULL, NULL,
		    err) < 0)
			return -1;
		if (outcome == OUTCOME_NONE && store_set_outcome(g->store,
		    f->position, OUTCOME_SKIPPED, 0, err) < 0)
			return -1;
	}
	db_bind_text(st, 1, span_str(name));
	db_bind_text(st, 2, span_str(f->partition));
	if (group_run(g, st, err) < 0)
		return -1;
	return partition_event(g, "es.message_skipped", name, f, id, err);
}

int group_skip(struct groups *g, const char *name, const char *partition,
    struct es_err *err)
{
	struct group_failing *v;
	size_t n, i;
	int r;

	if (group_failing(g, name, &v, &n, err) < 0)
		return -1;
	for (i = 0; i < n && strcmp(v[i].partition, partition) != 0; i++)
		;
	if (i == n)
		r = es_fail(err, ES_FAILED, "group %s has no failing "
		    "partition %s", name, partition);
	else if (v[i].attempt < 0)
		r = es_fail(err, ES_FAILED, "group %s: the message that "
		    "partition %s stands at is skipped already", name,
		    partition);
	else
		r = skip_one(g, name, &v[i], err);
	group_failing_free(v, n);
	return r;
}

int group_set_definition(struct groups *g, const char *name,
    struct span definition, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_REDEFINE, err);
	struct buf fields = {0};
	int r;

	if (!st)
		return -1;
	db_bind_text(st, 1, definition);
	db_bind_text(st, 2, span_str(name));
	if (group_run(g, st, err) < 0)
		return -1;
	buf_adds(&fields, ",\"definition\":");
	buf_add_span(&fields, definition);
	r = buf_check(&fields, err);
	if (r == 0)
		r = append_event(g, "es.group_redefined", name,
		    buf_span(&fields), err);
	buf_free(&fields);
	return r;
}
