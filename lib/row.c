#include <string.h>

#include "hash.h"
#include "row.h"

static struct span text_of(sqlite3_value *v)
{
	const void *p;
	int n;

	if (sqlite3_value_type(v) == SQLITE_NULL)
		return SPAN_NONE;
	p = sqlite3_value_blob(v);
	n = sqlite3_value_bytes(v);
	return (struct span){n ? p : "", (size_t)n};
}

static struct span read_id(sqlite3_value *v, struct arena *a)
{
	struct span s = text_of(v);
	char *text;

	if (s.n != 16 || sqlite3_value_type(v) != SQLITE_BLOB)
		return arena_copy(a, s);
	text = arena_bytes(a, UUID_TEXT);
	if (!text)
		return SPAN_NONE;
	hash_uuid_text((const unsigned char *)s.p, text);
	return (struct span){text, UUID_TEXT - 1};
}

/* NULL: the message's own id. */
static struct span read_cause(sqlite3_value *v, struct span id,
    struct arena *a)
{
	return sqlite3_value_type(v) == SQLITE_NULL ? id : read_id(v, a);
}

static struct span read_time(sqlite3_value *v, int64_t otherwise,
    struct arena *a)
{
	int64_t micros = otherwise;
	char *text;

	switch (sqlite3_value_type(v)) {
	case SQLITE_TEXT:
		return arena_copy(a, text_of(v));
	case SQLITE_INTEGER:
		micros = sqlite3_value_int64(v);
	}
	text = arena_bytes(a, RFC3339_BYTES);
	if (!text)
		return SPAN_NONE;
	rfc3339_put(text, micros);
	return (struct span){text, RFC3339_BYTES};
}

int row_type(sqlite3_stmt *st)
{
	return sqlite3_column_int(st, 13);
}

/*
 * A column is fetched once and then asked: each sqlite3_column_*() would look
 * for it anew.  SQLite gives no guarantee for such values where other threads
 * use the connection; a db is one thread's.
 */
void row_values(sqlite3_stmt *st, sqlite3_value *v[ROW_VALUES])
{
	int i;

	for (i = 0; i < ROW_VALUES; i++)
		v[i] = sqlite3_column_value(st, i);
}

int row_borrow(const struct names *names, sqlite3_value **v, struct arena *a,
    struct message *m, int *shape, struct es_err *err)
{
	*m = (struct message){0};
	m->position = sqlite3_value_int64(v[0]);
	*shape = sqlite3_value_int(v[1]);
	m->kind = sqlite3_value_int(v[2]) == KIND_COMMAND ? KIND_COMMAND :
	    KIND_EVENT;
	m->version = sqlite3_value_int64(v[3]);
	m->id = read_id(v[4], a);
	m->tags = text_of(v[5]);
	m->payload = text_of(v[6]);
	m->metadata = text_of(v[7]);
	if (!m->metadata.p)
		m->metadata = SPAN_LIT("{}");
	m->causation_id = read_cause(v[8], m->id, a);
	m->correlation_id = read_cause(v[9], m->id, a);
	m->stored_at = sqlite3_value_int64(v[11]);
	m->created_at = read_time(v[10], m->stored_at, a);
	m->erased_at = sqlite3_value_int64(v[12]);
	m->type = names_type_text(names, sqlite3_value_int(v[13]));
	return a->failed ? es_fail_nomem(err) : 0;
}

int row_keep(struct arena *a, struct message *m, struct es_err *err)
{
	m->tags = arena_copy(a, m->tags);
	m->payload = arena_copy(a, m->payload);
	m->metadata = arena_copy(a, m->metadata);
	return a->failed ? es_fail_nomem(err) : 0;
}

int row_read(const struct names *names, sqlite3_stmt *st, struct arena *a,
    struct message *m, int *shape, struct es_err *err)
{
	sqlite3_value *v[ROW_VALUES];
	int unused;

	row_values(st, v);
	return row_borrow(names, v, a, m, shape ? shape : &unused, err) < 0 ?
	    -1 : row_keep(a, m, err);
}

void row_bind_id(sqlite3_stmt *st, int parameter, struct span id,
    unsigned char uuid[16])
{
	if (id.p && hash_uuid_parse(id, uuid))
		db_bind_blob(st, parameter, uuid, 16);
	else
		db_bind_text(st, parameter, id);
}

bool row_has_attribute(const struct json_doc *doc, struct span name,
    struct span value, struct buf *text)
{
	uint32_t i;

	for (i = json_first(doc, 0); i < doc->nodes[0].end;
	    i = json_next(doc, i + 1)) {
		size_t from;

		buf_truncate(text, 0);
		if (!span_eq(json_string(doc, i, text), name))
			continue;
		from = text->n;
		return message_value_indexable(doc, i + 1, text) &&
		    span_eq(value, (struct span){text->p + from,
		    text->n - from});
	}
	return false;
}
