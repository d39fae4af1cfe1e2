#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "indexblock.h"

static int room_for_run(struct index *ix)
{
	size_t cap = ix->cap_run ? 2 * ix->cap_run : 32;
	struct run *r;

	if (ix->n_run < ix->cap_run)
		return 0;
	r = realloc(ix->run, cap * sizeof *r);
	if (!r)
		return -1;
	ix->run = r;
	ix->cap_run = cap;
	return 0;
}

static struct run run_of(sqlite3_stmt *st)
{
	return (struct run){sqlite3_column_int64(st, 0),
	    sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2),
	    sqlite3_column_int64(st, 3), (uint64_t)sqlite3_column_int64(st, 4),
	    (uint64_t)sqlite3_column_int64(st, 5)};
}

static int read_run(struct index *ix, sqlite3_stmt *st, struct es_err *err)
{
	struct run *r;

	if (room_for_run(ix))
		return es_fail_nomem(err);
	r = &ix->run[ix->n_run];
	*r = run_of(st);
	/* A fold has a message at least, so there are no more than those. */
	if (r->number < 1 || r->number > INDEX_POSITION_MAX || r->first < 1 ||
	    r->last < r->first || r->last > INDEX_POSITION_MAX ||
	    r->postings < 0 ||
	    r->postings > (r->last - r->first + 1) * INDEX_KEYS)
		return run_bad(r, "bad numbers", err);
	if (ix->n_run > 0 && r->first <= r[-1].last)
		return run_bad(r, "not newer than the one before", err);
	ix->n_run++;
	return 0;
}

/*
 * A key is counted and then read, and some keys are read again and again; they
 * are known until the list of runs is another.
 */
#define KNOWN_BITS 5

struct run_key {
	uint64_t key;			/* INDEX_EVERY: none */
	struct postings list;
};

/* Whatever was known may not be so any more. */
static void forget_keys(struct index *ix)
{
	size_t i;

	for (i = 0; ix->run_keys && i < 1 << KNOWN_BITS; i++)
		ix->run_keys[i].key = INDEX_EVERY;
}

int run_load(struct index *ix, struct es_err *err)
{
	sqlite3_stmt *st;
	int rc = -1;

	ix->n_run = 0;
	forget_keys(ix);
	if (!ix->has_runs)
		return 0;
	st = indexdb_statement(&ix->db, SQL_RUNS, NULL, 0, err);
	while (st && (rc = indexdb_step(&ix->db, st, err)) == 1)
		if (read_run(ix, st, err) < 0) {
			sqlite3_reset(st);
			rc = -1;
			break;
		}
	if (rc < 0)
		ix->n_run = 0;
	return rc;
}

static bool is_same(const struct run *a, const struct run *b)
{
	return a->number == b->number && a->first == b->first &&
	    a->last == b->last && a->postings == b->postings &&
	    a->low == b->low && a->high == b->high;
}

/*
 * Each fold gives out a new number, so the newest stands for all runs, but for
 * what run_remove() has changed.  What else is in its row tells the log of a
 * backup that was restored, which gives out the same numbers once more.
 */
int run_sync(struct index *ix, struct es_err *err)
{
	struct run newest;
	sqlite3_stmt *st;
	int rc;

	if (!ix->has_runs)
		return 0;
	st = indexdb_statement(&ix->db, SQL_RUN_NEWEST, NULL, 0, err);
	if (!st || (rc = indexdb_step(&ix->db, st, err)) < 0)
		return -1;
	if (rc == 0) {
		ix->n_run = 0;
		forget_keys(ix);
		return 0;
	}
	newest = run_of(st);
	sqlite3_reset(st);
	return ix->n_run && is_same(&newest, &ix->run[ix->n_run - 1]) ? 0 :
	    run_load(ix, err);
}

/* ---- a key ---- */

/* The block that has the key, if one has; the statement stands on it. */
static int find_block(struct index *ix, const struct run *r, uint64_t key,
    sqlite3_stmt **st, struct block *b, struct block_place *at,
    struct es_err *err)
{
	int rc;

	if (!run_may_have(r, key))
		return 0;
	*st = STATEMENT(&ix->db, SQL_BLOCK_FIND, err, r->number, (int64_t)key);
	rc = *st ? indexdb_step(&ix->db, *st, err) : -1;
	if (rc < 1)
		return rc;
	rc = block_open(r, sqlite3_column_blob(*st, 1),
	    (size_t)sqlite3_column_bytes(*st, 1), b, err) < 0 ? -1 :
	    block_find(r, b, (uint64_t)sqlite3_column_int64(*st, 0), key, at,
	    err);
	if (rc < 1)
		sqlite3_reset(*st);
	return rc;
}

static int find_in_run(struct index *ix, const struct run *r, uint64_t key,
    struct postings *out, struct es_err *err)
{
	struct block_place at;
	sqlite3_stmt *st;
	struct block b;
	int rc = find_block(ix, r, key, &st, &b, &at, err);

	if (rc < 1)
		return rc;
	rc = block_postings(r, &at.p, b.end, at.n, &ix->chunk, err);
	sqlite3_reset(st);
	if (rc < 0)
		return -1;
	if (postings_room(out, ix->chunk.n))
		return es_fail_nomem(err);
	memcpy(out->p + out->n, ix->chunk.p, ix->chunk.n * sizeof *out->p);
	out->n += ix->chunk.n;
	return 0;
}

int run_find(struct index *ix, uint64_t key, const struct postings **out,
    struct es_err *err)
{
	struct run_key *k;
	size_t i;

	if (!ix->run_keys)
		ix->run_keys = calloc(1 << KNOWN_BITS, sizeof *k);
	if (!ix->run_keys)
		return es_fail_nomem(err);
	/* Fibonacci hashing (Knuth, The Art of Computer Programming 6.4). */
	k = &ix->run_keys[key * UINT64_C(0x9e3779b97f4a7c15) >>
	    (64 - KNOWN_BITS)];
	*out = &k->list;
	if (k->key == key)
		return 0;
	k->key = INDEX_EVERY;
	k->list.n = 0;
	for (i = 0; i < ix->n_run; i++)
		if (find_in_run(ix, &ix->run[i], key, &k->list, err) < 0)
			return -1;
	k->key = key;
	return 0;
}

void run_forget(struct index *ix)
{
	size_t i;

	for (i = 0; ix->run_keys && i < 1 << KNOWN_BITS; i++)
		postings_free(&ix->run_keys[i].list);
	free(ix->run_keys);
	free(ix->run);
}

/* ---- removing ---- */

static void cut(struct postings *l, int64_t position)
{
	size_t i, n = 0;

	for (i = 0; i < l->n; i++)
		if (l->p[i].position != position)
			l->p[n++] = l->p[i];
	l->n = n;
}

/* Copy a block without a posting; 1 when that was there. */
static int copy_without(struct index *ix, const struct run *r,
    const struct block *b, uint64_t h, uint64_t key, int64_t position,
    struct block_writer *to, struct es_err *err)
{
	const unsigned char *p = b->p;
	struct postings *l = &ix->chunk;
	size_t left = 0;
	int64_t n;

	while (p < b->end) {
		if (block_head(&p, b->end, &h, &n))
			return block_bad(r, err);
		if (block_postings(r, &p, b->end, n, l, err))
			return -1;
		if (h == key) {
			cut(l, position);
			left = (size_t)n - l->n;
		}
		if (l->n)
			block_write(to, h, r->first, l->p, l->n);
	}
	return (int)left;
}

static int save_block(struct index *ix, int64_t id, struct block_writer *w,
    struct es_err *err)
{
	sqlite3_stmt *st;

	if (w->n == 0)
		return indexdb_run(&ix->db, SQL_BLOCK_REMOVE, &id, 1, err);
	if (block_end(w, err))
		return -1;
	st = STATEMENT(&ix->db, SQL_BLOCK_SET, err, id, (int64_t)w->key);
	if (!st)
		return -1;
	sqlite3_bind_blob64(st, 3, w->data.p, w->data.n, SQLITE_STATIC);
	return indexdb_execute(&ix->db, st, err);
}

static int remove_of(struct index *ix, struct run *r, uint64_t key,
    int64_t position, struct es_err *err)
{
	struct block_writer w = {0};
	struct block_place at;
	sqlite3_stmt *st;
	struct block b;
	int64_t id;
	int rc = find_block(ix, r, key, &st, &b, &at, err);

	if (rc < 1)
		return rc;
	id = sqlite3_column_int64(st, 2);
	rc = copy_without(ix, r, &b, (uint64_t)sqlite3_column_int64(st, 0),
	    key, position, &w, err);
	sqlite3_reset(st);
	if (rc == 1) {
		r->postings--;
		forget_keys(ix);
		if (save_block(ix, id, &w, err) || indexdb_run(&ix->db,
		    SQL_RUN_SET, (int64_t[]){r->number, r->postings}, 2, err))
			rc = -1;
	}
	block_free(&w);
	return rc;
}

int run_remove(struct index *ix, uint64_t key, int64_t position,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < ix->n_run; i++)
		if (ix->run[i].first <= position &&
		    position <= ix->run[i].last)
			return remove_of(ix, &ix->run[i], key, position, err);
	return 0;
}
