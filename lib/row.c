#include <string.h>

#include "hash.h"
#include "row.h"

static struct span read_id(sqlite3_stmt *st, int column, struct arena *a)
{
	if (sqlite3_column_type(st, column) == SQLITE_BLOB &&
	    sqlite3_column_bytes(st, column) == 16) {
		char *text = arena_bytes(a, UUID_TEXT);

		if (!text)
			return SPAN_NONE;
		hash_uuid_text(sqlite3_column_blob(st, column), text);
		return (struct span){text, UUID_TEXT - 1};
	}
	return arena_copy(a, db_text(st, column));
}

static struct span read_time(sqlite3_stmt *st, int column, int64_t otherwise,
    struct arena *a)
{
	int64_t micros = otherwise;
	struct buf text = {0};
	struct span s;

	if (sqlite3_column_type(st, column) == SQLITE_TEXT)
		return arena_copy(a, db_text(st, column));
	if (sqlite3_column_type(st, column) == SQLITE_INTEGER)
		micros = sqlite3_column_int64(st, column);
	rfc3339_print(&text, micros);
	s = arena_copy(a, buf_span(&text));
	buf_free(&text);
	return s;
}

int row_type(sqlite3_stmt *st)
{
	return sqlite3_column_int(st, 13);
}

int row_read(const struct names *names, sqlite3_stmt *st, struct arena *a,
    struct message *m, int *shape, struct es_err *err)
{
	int s = sqlite3_column_int(st, 1);

	*m = (struct message){0};
	m->position = sqlite3_column_int64(st, 0);
	m->type = names_type_text(names, row_type(st));
	m->kind = sqlite3_column_int(st, 2) == KIND_COMMAND ? KIND_COMMAND :
	    KIND_EVENT;
	m->version = sqlite3_column_int64(st, 3);
	m->id = read_id(st, 4, a);
	m->tags = arena_copy(a, db_text(st, 5));
	m->payload = arena_copy(a, db_text(st, 6));
	m->metadata = arena_copy(a, db_text(st, 7));
	if (!m->metadata.p)
		m->metadata = SPAN_LIT("{}");
	m->causation_id = read_id(st, 8, a);
	if (!m->causation_id.p)
		m->causation_id = m->id;
	m->correlation_id = read_id(st, 9, a);
	if (!m->correlation_id.p)
		m->correlation_id = m->id;
	m->stored_at = sqlite3_column_int64(st, 11);
	m->created_at = read_time(st, 10, m->stored_at, a);
	m->erased_at = sqlite3_column_int64(st, 12);
	if (shape)
		*shape = s;
	return a->failed ? es_fail_nomem(err) : 0;
}

void row_bind_id(sqlite3_stmt *st, int parameter, struct span id,
    unsigned char uuid[16])
{
	if (id.p && hash_uuid_parse(id, uuid))
		db_bind_blob(st, parameter, uuid, 16);
	else
		db_bind_text(st, parameter, id);
}

bool row_has_attribute(const struct message *m, struct span tag,
    struct span name, struct json_doc *doc, struct buf *text)
{
	struct span value;
	uint32_t i;

	if (json_parse(doc, m->payload.p, m->payload.n, NULL) < 0)
		return false;
	value = (struct span){tag.p + name.n + 1, tag.n - name.n - 1};
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
