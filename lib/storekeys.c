/* What a stored message is found by: as the catalog was when it came in. */
#include <string.h>

#include "storeimpl.h"

/* What tells whether an attribute of a stored message was indexed. */
struct stored {
	struct store *s;
	const struct message *m;
	const struct names_shape *shape;	/* NULL: "other" */
	struct json_doc doc;
	struct buf text;
	struct es_err *err;
	bool failed;
};

static bool has_tag_of(struct stored *t, struct span name)
{
	struct json_doc *d = &t->doc;
	uint32_t i;

	if (!t->m->tags.p)
		return false;
	if (json_parse(d, t->m->tags.p, t->m->tags.n, t->err) < 0) {
		t->failed = true;
		return false;
	}
	for (i = json_first(d, 0); i < d->nodes[0].end; i = json_next(d, i)) {
		struct span tag;

		buf_truncate(&t->text, 0);
		tag = json_string(d, i, &t->text);
		if (tag.n > name.n && tag.p[name.n] == ':' &&
		    memcmp(tag.p, name.p, name.n) == 0)
			return true;
	}
	return false;
}

/* name:value of the attribute into text; false when it cannot be a key. */
static bool attribute_key(struct stored *t, struct span name)
{
	struct json_doc *d = &t->doc;
	uint32_t i;

	if (json_parse(d, t->m->payload.p, t->m->payload.n, t->err) < 0) {
		t->failed = true;
		return false;
	}
	for (i = json_first(d, 0); i < d->nodes[0].end;
	    i = json_next(d, i + 1)) {
		buf_truncate(&t->text, 0);
		if (span_eq(json_string(d, i, &t->text), name))
			break;
	}
	buf_truncate(&t->text, 0);
	buf_add_span(&t->text, name);
	buf_addc(&t->text, ':');
	return i < d->nodes[0].end &&
	    message_value_indexable(d, i + 1, &t->text);
}

/* The index itself knows. */
static bool is_posted(struct stored *t, struct span name)
{
	struct index_range r = {.after = t->m->position - 1,
	    .before = t->m->position + 1};
	struct posting p;
	size_t n = 0;

	if (!attribute_key(t, name))
		return false;
	if (buf_check(&t->text, t->err) < 0) {
		t->failed = true;
		return false;
	}
	r.key = index_key(t->s->index, t->text.p, t->text.n);
	if (index_read(t->s->index, &r, &p, 1, &n, t->err) < 0) {
		es_err_at(t->err, "%s", t->s->db->path);
		t->failed = true;
	}
	return n > 0;
}

/*
 * The shape has the names that the message carries; where one may be there
 * for an explicit tag's sake the index tells of the attribute.
 */
static bool stored_indexes(void *ctx, struct span name)
{
	struct stored *t = ctx;

	if (t->failed || (t->shape && !names_carries(t->shape, name)))
		return false;
	return t->shape && !has_tag_of(t, name) ? !t->failed :
	    is_posted(t, name);
}

int store_keys_of(struct store *s, const struct message *m, int shape,
    struct keys *out, struct es_err *err)
{
	struct stored t = {.s = s, .m = m, .err = err};
	int r;

	if (shape != NAMES_OTHER && shape < names_shapes(s->names))
		t.shape = names_shape_at(s->names, shape);
	r = message_keys(m->tags, m->payload, stored_indexes, &t, out, err);
	json_free(&t.doc);
	buf_free(&t.text);
	return t.failed ? -1 : r;
}

static int shape_of(struct store *s, int64_t position, int *shape,
    struct es_err *err)
{
	int r;

	sqlite3_bind_int64(s->by_position, 1, position);
	r = db_row(s->db, s->by_position, err);
	*shape = r > 0 ? sqlite3_column_int(s->by_position, 1) : NAMES_OTHER;
	if (r > 0)
		sqlite3_reset(s->by_position);
	return r < 0 ? -1 : 0;
}

int store_keys(struct store *s, const struct message *m, struct keys *out,
    struct es_err *err)
{
	int shape;

	/* Only an older catalog can have said otherwise than the one now. */
	if (m->position <= 0 || m->position > s->catalog_at)
		return message_keys(m->tags, m->payload, catalog_indexes,
		    (void *)(uintptr_t)catalog_find(s->catalog, m->type), out,
		    err);
	return shape_of(s, m->position, &shape, err) < 0 ? -1 :
	    store_keys_of(s, m, shape, out, err);
}
