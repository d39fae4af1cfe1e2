/* What a branch of a store cannot take over row by row. */
#include <string.h>

#include "copyint.h"

#define FLUSH 10000		/* messages gathered for the index */

struct branch {
	struct store *from, *to;
	sqlite3_stmt *read, *reserve;
	struct arena arena;
	struct keys keys;
	struct json_doc doc;
	struct buf text;
};

/*
 * The index of the original knows what a message was found by, whatever the
 * catalog was.
 */
static int index_message(struct branch *b, const struct message *m, int shape,
    struct es_err *err)
{
	uint64_t keys[KEYS_MAX];
	size_t i;

	if (store_keys_of(b->from, m, shape, &b->keys, err) < 0)
		return -1;
	for (i = 0; i < b->keys.n; i++)
		keys[i] = index_key(b->to->index, b->keys.v[i].text.p,
		    b->keys.v[i].text.n);
	if (index_add(b->to->index, m->position, shape, keys, b->keys.n,
	    err) < 0 || (m->position % FLUSH == 0 &&
	    index_flush(b->to->index, err) < 0))
		return es_err_at(err, "%s", b->to->db->path);
	return 0;
}

/* The message that it had reserved the id for may lie beyond the branch. */
static int reserve(struct branch *b, const struct message *m,
    struct es_err *err)
{
	unsigned char uuid[16];
	uint32_t message, id;

	if (!span_is(m->type, "es.scheduled") || m->erased_at)
		return 0;
	if (json_parse(&b->doc, m->payload.p, m->payload.n, err) < 0)
		return -1;
	message = json_get(&b->doc, 0, "message");
	if (message == JSON_NONE ||
	    (id = json_get(&b->doc, message, "id")) == JSON_NONE)
		return 0;
	buf_truncate(&b->text, 0);
	row_bind_id(b->reserve, 1, json_string(&b->doc, id, &b->text), uuid);
	sqlite3_bind_int64(b->reserve, 2, -m->position);
	return db_done(b->to->db, b->reserve, err);
}

static int one(struct branch *b, struct es_err *err)
{
	struct message m;
	int shape;

	arena_reset(&b->arena);
	return row_read(b->to->names, b->read, &b->arena, &m, &shape,
	    err) < 0 || index_message(b, &m, shape, err) < 0 ||
	    reserve(b, &m, err) < 0 ? -1 : 0;
}

int copy_index(struct copy *c, struct store *to, struct es_err *err)
{
	struct branch b = {.from = c->from, .to = to};
	int r = -1;

	if (db_prepare(to->db, "select " ROW_COLUMNS " from message "
	    "order by position", &b.read, err) == 0 &&
	    db_prepare(to->db, "insert or ignore into ids(id, position) "
	    "values (?, ?)", &b.reserve, err) == 0)
		while ((r = db_row(to->db, b.read, err)) > 0 &&
		    (r = one(&b, err)) == 0)
			;
	sqlite3_finalize(b.read);
	sqlite3_finalize(b.reserve);
	arena_free(&b.arena);
	keys_free(&b.keys);
	json_free(&b.doc);
	buf_free(&b.text);
	return r;
}
