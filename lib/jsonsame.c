#include <stdlib.h>

#include "arena.h"
#include "jsonsame.h"

struct side {
	struct json_doc doc;
	struct buf text;
	struct arena arena;
};

struct member {
	struct span key;	/* decoded */
	uint32_t value;
};

static bool same_node(struct side *, uint32_t, struct side *, uint32_t);

static int by_key(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return span_cmp(x->key, y->key);
}

/* An object's members in the order of their keys; NULL: no memory. */
static struct member *members(struct side *s, uint32_t object)
{
	const struct json_node *n = &s->doc.nodes[object];
	struct member *v = arena_alloc(&s->arena,
	    ((size_t)n->count + 1) * sizeof *v);
	size_t at = 0;
	uint32_t i;

	for (i = json_first(&s->doc, object); v && i < n->end;
	    i = json_next(&s->doc, json_next(&s->doc, i))) {
		buf_truncate(&s->text, 0);
		v[at].key = json_string(&s->doc, i, &s->text);
		if (s->doc.nodes[i].escaped)
			v[at].key = arena_copy(&s->arena, v[at].key);
		v[at++].value = json_next(&s->doc, i);
	}
	if (!v || s->arena.failed || s->text.failed)
		return NULL;
	qsort(v, at, sizeof *v, by_key);
	return v;
}

static bool same_objects(struct side *a, uint32_t i, struct side *b,
    uint32_t k)
{
	uint32_t n = a->doc.nodes[i].count, at;
	struct member *v, *w;

	if (b->doc.nodes[k].count != n)
		return false;
	v = members(a, i);
	w = members(b, k);
	for (at = 0; v && w && at < n; at++)
		if (!span_eq(v[at].key, w[at].key) ||
		    !same_node(a, v[at].value, b, w[at].value))
			return false;
	return true;
}

static bool same_arrays(struct side *a, uint32_t i, struct side *b, uint32_t k)
{
	uint32_t end = a->doc.nodes[i].end;

	if (a->doc.nodes[i].count != b->doc.nodes[k].count)
		return false;
	i = json_first(&a->doc, i);
	k = json_first(&b->doc, k);
	for (; i < end; i = json_next(&a->doc, i), k = json_next(&b->doc, k))
		if (!same_node(a, i, b, k))
			return false;
	return true;
}

static bool same_node(struct side *a, uint32_t i, struct side *b, uint32_t k)
{
	struct span x = json_text(&a->doc, i), y = json_text(&b->doc, k);

	if (a->doc.nodes[i].type != b->doc.nodes[k].type)
		return false;
	switch (a->doc.nodes[i].type) {
	case JSON_OBJECT:
		return same_objects(a, i, b, k);
	case JSON_ARRAY:
		return same_arrays(a, i, b, k);
	case JSON_STRING:
		buf_truncate(&a->text, 0);
		buf_truncate(&b->text, 0);
		return span_eq(json_string(&a->doc, i, &a->text),
		    json_string(&b->doc, k, &b->text));
	default:
		return span_eq(x, y);
	}
}

static void release(struct side *s)
{
	json_free(&s->doc);
	buf_free(&s->text);
	arena_free(&s->arena);
}

int json_same(struct span a, struct span b, bool *same, struct es_err *err)
{
	struct side x = {0}, y = {0};
	int r = 0;

	*same = span_eq(a, b);
	if (*same)
		return 0;
	if (json_parse(&x.doc, a.p, a.n, err) < 0 ||
	    json_parse(&y.doc, b.p, b.n, err) < 0) {
		r = -1;
	} else {
		*same = same_node(&x, 0, &y, 0);
		if (x.arena.failed || y.arena.failed || x.text.failed ||
		    y.text.failed)
			r = es_fail_nomem(err);
	}
	release(&x);
	release(&y);
	return r;
}
