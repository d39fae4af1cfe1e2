/* The index against what the messages say: no posting less, none more. */
#include <inttypes.h>
#include <stdlib.h>

#include "checkint.h"
#include "storeimpl.h"

#define BUCKETS_TOLD 16		/* looked at more closely */
#define DIFFERENCES_TOLD 100

/* ---- all, by sums ---- */

static int add(void *arg, uint64_t key, struct posting p, struct es_err *err)
{
	struct check *c = arg;

	(void)err;
	if (p.position >= 1 && p.position <= c->head)
		c->postings.there[check_bucket(&c->postings, p.position)] +=
		    check_mix(key, (uint64_t)p.position, (uint64_t)p.shape);
	return 0;
}

/* 1 when all of it could be read. */
static int walk(struct check *c, int (*visit)(void *, uint64_t,
    struct posting, struct es_err *), void *arg, struct es_err *err)
{
	struct es_err why = {0};

	if (index_walk(c->index, visit, arg, &why) == 0)
		return 1;
	if (why.code == ES_BUSY || why.outside ||
	    (!rows_well(c->db) && !rows_damage(c->db))) {
		*err = why;
		return -1;
	}
	return check_found(c, "index", "", "form", "rows that agree",
	    check_span(c, span_str(why.text)), err);
}

/* ---- some, one by one ---- */

struct item {
	uint64_t key;
	int64_t position;
	int shape;
	bool wanted;
};

struct closer {
	struct check *c;
	size_t buckets[BUCKETS_TOLD], n_buckets;
	struct item *v;
	size_t n, cap;
};

static int take(struct closer *l, uint64_t key, int64_t position, int shape,
    bool wanted, struct es_err *err)
{
	size_t cap = l->cap ? 2 * l->cap : 4096;
	struct item *v;

	if (l->n == l->cap) {
		v = realloc(l->v, cap * sizeof *v);
		if (!v)
			return es_fail_nomem(err);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = (struct item){key, position, shape, wanted};
	return 0;
}

static int collect(void *arg, uint64_t key, struct posting p,
    struct es_err *err)
{
	struct closer *l = arg;
	size_t i, bucket;

	if (p.position < 1 || p.position > l->c->head)
		return 0;
	bucket = check_bucket(&l->c->postings, p.position);
	for (i = 0; i < l->n_buckets; i++)
		if (l->buckets[i] == bucket)
			return take(l, key, p.position, p.shape, false, err);
	return 0;
}

/* What the message that a statement stands on should have. */
static int want(struct closer *l, sqlite3_stmt *st, struct es_err *err)
{
	struct check *c = l->c;
	struct message m;
	int stored, shape, type = row_type(st), r;
	size_t i;

	arena_reset(&c->arena);
	if (row_read(c->names, st, &c->arena, &m, &stored, err) < 0)
		return -1;
	r = check_keys_of(c, &m, type, stored, &shape, err);
	if (r <= 0)
		return r;
	if (shape < 0)
		shape = stored;
	if (take(l, INDEX_EVERY, m.position, shape, true, err) < 0)
		return -1;
	for (i = 0; i < c->keys.n; i++)
		if (take(l, index_key(c->index, c->keys.v[i].text.p,
		    c->keys.v[i].text.n), m.position, shape, true, err) < 0)
			return -1;
	return 0;
}

static int want_bucket(struct closer *l, size_t bucket, struct es_err *err)
{
	struct check *c = l->c;
	int64_t first = ((int64_t)bucket << c->postings.shift) + 1;
	int64_t last = first + (INT64_C(1) << c->postings.shift) - 1;
	sqlite3_stmt *st = NULL;
	int r;

	if (db_prepare(c->db, "select " ROW_COLUMNS " from message "
	    "where position between ? and ? order by position", &st,
	    err) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, first);
	sqlite3_bind_int64(st, 2, last < c->head ? last : c->head);
	while ((r = db_row(c->db, st, err)) > 0)
		if (want(l, st, err) < 0)
			break;
	sqlite3_finalize(st);
	return r ? -1 : 0;
}

static int by_place(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (int)y->wanted - (int)x->wanted;
}

/* The items i to j are of one key and position. */
static int tell(struct check *c, const struct item *v, size_t n,
    struct es_err *err)
{
	const struct item *wanted = v[0].wanted ? &v[0] : NULL, *there;
	const char *row = v[0].key == INDEX_EVERY ?
	    check_text(c, "all messages") :
	    check_text(c, "key %016" PRIx64, v[0].key);
	size_t i, n_there = 0;

	there = &v[n - 1];
	for (i = 0; i < n; i++)
		n_there += !v[i].wanted;
	/* Two tags of a message may have one key. */
	if (wanted && n_there == 1 && there->shape == wanted->shape)
		return 0;
	return check_found(c, "index", row, "posting", wanted ?
	    check_text(c, "%lld of shape %d", (long long)v[0].position,
	    wanted->shape) : check_text(c, "none at %lld",
	    (long long)v[0].position), n_there == 0 ? "none" :
	    n_there == 1 ? check_text(c, "%lld of shape %d",
	    (long long)there->position, there->shape) :
	    check_text(c, "%zu at %lld", n_there,
	    (long long)there->position), err);
}

static int tell_all(struct closer *l, struct es_err *err)
{
	int64_t before = l->c->sum->findings;
	size_t i, j;

	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_place);
	for (i = 0; i < l->n; i = j) {
		for (j = i + 1; j < l->n && l->v[j].key == l->v[i].key &&
		    l->v[j].position == l->v[i].position; j++)
			;
		if (tell(l->c, l->v + i, j - i, err) < 0)
			return -1;
		if (l->c->sum->findings - before >= DIFFERENCES_TOLD)
			return check_found(l->c, "index", "", "postings",
			    "those of the messages", "more that differ", err);
	}
	return 0;
}

static int compare(struct check *c, struct es_err *err)
{
	struct closer l = {.c = c};
	size_t i = check_sums_differ(&c->postings, 0), k;
	int r = 0;

	if (i == c->postings.n)
		return 0;
	for (; i < c->postings.n && l.n_buckets < BUCKETS_TOLD;
	    i = check_sums_differ(&c->postings, i + 1))
		l.buckets[l.n_buckets++] = i;
	if (db_read_begin(c->db, err) < 0)
		return check_unreadable(c, "index", err);
	for (k = 0; r == 0 && k < l.n_buckets; k++)
		r = want_bucket(&l, l.buckets[k], err);
	if (r < 0)
		r = check_unreadable(c, "message", err);
	else if ((r = walk(c, collect, &l, err)) > 0)
		r = tell_all(&l, err);
	db_read_end(c->db);
	free(l.v);
	if (r == 0 && i < c->postings.n)
		r = check_found(c, "index", "", "postings",
		    "those of the messages", check_text(c, "others, from "
		    "position %lld on, too",
		    (long long)((int64_t)i << c->postings.shift) + 1), err);
	return r;
}

int check_index(struct check *c, struct es_err *err)
{
	int r;

	check_progress(c, "index", 0, 0);
	if (db_read_begin(c->db, err) < 0)
		return check_unreadable(c, "index", err);
	r = walk(c, add, c, err);
	db_read_end(c->db);
	return r <= 0 ? r : compare(c, err);
}
