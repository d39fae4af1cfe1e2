#include <stdlib.h>
#include <string.h>

#include "plan.h"

/* One condition `name:value` of an item and what the index says of it. */
struct condition {
	struct span text;	/* name:value */
	struct span name;	/* SPAN_NONE: a tag without a name */
	struct span value;	/* p NULL: the name must be lacking */
	bool partition;
	uint64_t key;
	int64_t count;		/* -1: not asked yet */
};

struct conditions {
	struct condition *v;
	size_t n;
	struct arena arena;
};

struct span plan_tag_name(struct span tag)
{
	const char *colon = memchr(tag.p, ':', tag.n);

	return colon && colon > tag.p ?
	    (struct span){tag.p, (size_t)(colon - tag.p)} : SPAN_NONE;
}

static struct span pair_text(struct arena *a, const struct query_pair *p)
{
	size_t name = strlen(p->name), value = strlen(p->value);
	char *text = arena_bytes(a, name + 1 + value);

	if (!text)
		return SPAN_NONE;
	memcpy(text, p->name, name);
	text[name] = ':';
	memcpy(text + name + 1, p->value, value);
	return (struct span){text, name + 1 + value};
}

static int conditions_of(struct store *s, const struct query_item *item,
    struct conditions *c, struct es_err *err)
{
	size_t i;

	c->v = calloc(item->n_tags + item->n_partition + 1, sizeof *c->v);
	if (!c->v)
		return es_fail_nomem(err);
	for (i = 0; i < item->n_tags; i++) {
		struct span tag = span_str(item->tags[i]);

		c->v[c->n++] = (struct condition){.text = tag,
		    .name = plan_tag_name(tag), .value = tag, .count = -1,
		    .key = index_key(s->index, tag.p, tag.n)};
	}
	for (i = 0; i < item->n_partition; i++) {
		const struct query_pair *p = &item->partition[i];
		struct condition *to = &c->v[c->n++];

		*to = (struct condition){.name = span_str(p->name),
		    .value = span_str(p->value), .partition = true,
		    .count = -1};
		if (!p->value)
			continue;
		to->text = pair_text(&c->arena, p);
		if (c->arena.failed)
			return es_fail_nomem(err);
		to->key = index_key(s->index, to->text.p, to->text.n);
	}
	return 0;
}

static void conditions_free(struct conditions *c)
{
	free(c->v);
	arena_free(&c->arena);
}

bool plan_type_wanted(const struct query_item *item, struct span type)
{
	if (item->n_types)
		return query_type_in(item->types, item->n_types, type);
	return type.n < 3 || memcmp(type.p, "es.", 3) != 0;
}

/*
 * Whether a shape can match, and which of its conditions can drive: tags, and
 * of the partition the names that the shape carries.
 */
static bool shape_matches(const struct conditions *c,
    const struct names_shape *shape, bool *usable)
{
	bool partition = false, carried = false, wanted = false;
	size_t i;

	for (i = 0; i < c->n; i++) {
		const struct condition *k = &c->v[i];
		bool has = k->name.p && names_carries(shape, k->name);

		usable[i] = k->value.p && (has || !k->partition);
		if (!k->partition) {
			if (k->name.p && !has)
				return false;
			continue;
		}
		partition = true;
		if (has && !k->value.p)
			return false;
		carried |= has;
		wanted |= k->value.p != NULL;
	}
	/* All values null: the messages that carry none of the names. */
	return !partition || carried || !wanted;
}

static int rarest(struct store *s, struct conditions *c, const bool *usable,
    uint64_t *key, struct es_err *err)
{
	int64_t best = INT64_MAX;
	size_t i, usables = 0;

	*key = INDEX_EVERY;
	for (i = 0; i < c->n; i++)
		if (usable[i]) {
			*key = c->v[i].key;
			usables++;
		}
	if (usables < 2)
		return 0;
	for (i = 0; i < c->n; i++) {
		struct condition *k = &c->v[i];

		if (!usable[i])
			continue;
		if (k->count < 0 && index_count(s->index, k->key, &k->count,
		    err) < 0)
			return -1;
		if (k->count < best) {
			best = k->count;
			*key = k->key;
		}
	}
	return 0;
}

/* Shapes come ascending, item by item, so most belong at the end. */
static int add_shape(struct plan_stream *st, int shape, struct es_err *err)
{
	size_t low = 0, high = st->n;
	int *shapes;

	if (st->n && st->shapes[st->n - 1] < shape)
		low = st->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (st->shapes[middle] == shape)
			return 0;
		if (st->shapes[middle] < shape)
			low = middle + 1;
		else
			high = middle;
	}
	/* It is full at every power of two. */
	if ((st->n & (st->n - 1)) == 0) {
		shapes = realloc(st->shapes, (st->n ? st->n * 2 : 1) *
		    sizeof *shapes);
		if (!shapes)
			return es_fail_nomem(err);
		st->shapes = shapes;
	}
	memmove(st->shapes + low + 1, st->shapes + low,
	    (st->n - low) * sizeof *st->shapes);
	st->shapes[low] = shape;
	st->n++;
	return 0;
}

static int add_stream(struct plan *p, uint64_t key, int shape,
    struct es_err *err)
{
	struct plan_stream *st = NULL;
	size_t i;

	for (i = 0; i < p->n && !st; i++)
		if (p->streams[i].key == key)
			st = &p->streams[i];
	if (!st) {
		struct plan_stream *v = realloc(p->streams,
		    (p->n + 1) * sizeof *v);

		if (!v)
			return es_fail_nomem(err);
		p->streams = v;
		st = &v[p->n++];
		*st = (struct plan_stream){.key = key};
	}
	return add_shape(st, shape, err);
}

/* Shape 0: its messages carry anything, so each condition has to drive. */
static int add_other(struct plan *p, const struct conditions *c,
    struct es_err *err)
{
	bool partition = false, driven = false;
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (!c->v[i].partition && c->v[i].value.p)
			return add_stream(p, c->v[i].key, NAMES_OTHER, err);
		partition |= c->v[i].partition;
	}
	for (i = 0; i < c->n; i++) {
		if (!c->v[i].value.p)
			continue;
		driven = true;
		if (add_stream(p, c->v[i].key, NAMES_OTHER, err) < 0)
			return -1;
	}
	return partition && driven ? 0 :
	    add_stream(p, INDEX_EVERY, NAMES_OTHER, err);
}

static int plan_item(struct store *s, const struct query_item *item,
    struct plan *p, struct es_err *err)
{
	struct conditions c = {0};
	int shape, r = conditions_of(s, item, &c, err);
	bool *usable = NULL;
	uint64_t key;

	if (r == 0 && !(usable = calloc(c.n + 1, sizeof *usable)))
		r = es_fail_nomem(err);
	for (shape = 1; r == 0 && shape < names_shapes(s->names); shape++) {
		const struct names_shape *at = names_shape_at(s->names, shape);

		if (!plan_type_wanted(item, names_type_text(s->names,
		    at->type)) || !shape_matches(&c, at, usable))
			continue;
		r = rarest(s, &c, usable, &key, err);
		if (r == 0)
			r = add_stream(p, key, shape, err);
	}
	if (r == 0 && names_shapes(s->names) == NAMES_SHAPES)
		r = add_other(p, &c, err);
	free(usable);
	conditions_free(&c);
	return r;
}

int plan_make(struct store *s, const struct query *q, bool skip_last,
    struct plan *out, struct es_err *err)
{
	struct plan made = {.shapes = names_shapes(s->names),
	    .everything = q->everything};
	size_t i;

	for (i = 0; i < q->n && !q->everything; i++)
		if (!(skip_last && q->items[i].last) &&
		    plan_item(s, &q->items[i], &made, err) < 0) {
			plan_free(&made);
			return -1;
		}
	plan_free(out);
	*out = made;
	return 0;
}

void plan_free(struct plan *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		free(p->streams[i].shapes);
	free(p->streams);
	*p = (struct plan){0};
}

/* ---- reading postings ---- */

static int ascending(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int descending(const void *a, const void *b)
{
	return ascending(b, a);
}

static int read_stream(struct store *s, const struct plan_stream *st,
    struct index_range *range, struct posting *postings, size_t max,
    int64_t *out, size_t *n, struct es_err *err)
{
	size_t got, i;

	range->key = st->key;
	range->shapes = st->shapes;
	range->nshapes = st->n;
	if (index_read(s->index, range, postings, max, &got, err) < 0)
		return es_err_at(err, "%s", s->db->path);
	for (i = 0; i < got; i++)
		out[(*n)++] = postings[i].position;
	return 0;
}

int plan_read(struct store *s, const struct plan *p, int64_t after,
    int64_t before, bool reverse, int64_t *out, size_t max, size_t *n,
    struct es_err *err)
{
	struct index_range range = {.after = after, .before = before,
	    .reverse = reverse};
	struct posting *postings = malloc(max * sizeof *postings);
	int64_t *all = malloc((p->n * max + 1) * sizeof *all);
	size_t i, count = 0, unique = 0;
	int r = postings && all ? 0 : es_fail_nomem(err);

	*n = 0;
	for (i = 0; i < p->n && r == 0; i++)
		r = read_stream(s, &p->streams[i], &range, postings, max, all,
		    &count, err);
	if (r == 0 && p->n > 1)
		qsort(all, count, sizeof *all,
		    reverse ? descending : ascending);
	for (i = 0; i < count && r == 0 && unique < max; i++)
		if (unique == 0 || all[i] != out[unique - 1])
			out[unique++] = all[i];
	*n = r == 0 ? unique : 0;
	free(postings);
	free(all);
	return r;
}
