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

int run_load(struct index *ix, struct es_err *err)
{
	sqlite3_stmt *st;
	int rc = -1;

	ix->n_run = 0;
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
		return 0;
	}
	newest = run_of(st);
	sqlite3_reset(st);
	return ix->n_run && is_same(&newest, &ix->run[ix->n_run - 1]) ? 0 :
	    run_load(ix, err);
}

/* ---- a key ---- */

struct place {			/* of a key in a block */
	const unsigned char *p, *end;	/* its postings, the block's end */
	int64_t n;
};

/* Look for a key in a block that begins with key h. */
static int find_in_block(const struct run *r, uint64_t h, const void *data,
    size_t size, uint64_t key, struct place *at, struct es_err *err)
{
	*at = (struct place){data, (const unsigned char *)data + size, 0};
	while (at->p < at->end) {
		if (block_head(&at->p, at->end, &h, &at->n))
			return block_bad(r, err);
		if (h >= key)
			return h == key;
		if (block_skip(&at->p, at->end, at->n))
			return block_bad(r, err);
	}
	return 0;
}

/* The block that has the key, if one has; the statement stands on it. */
static int find_block(struct index *ix, const struct run *r, uint64_t key,
    sqlite3_stmt **st, struct place *at, struct es_err *err)
{
	int rc;

	if (!run_may_have(r, key))
		return 0;
	*st = STATEMENT(&ix->db, SQL_BLOCK_FIND, err, r->number, (int64_t)key);
	rc = *st ? indexdb_step(&ix->db, *st, err) : -1;
	if (rc < 1)
		return rc;
	rc = find_in_block(r, (uint64_t)sqlite3_column_int64(*st, 0),
	    sqlite3_column_blob(*st, 1), (size_t)sqlite3_column_bytes(*st, 1),
	    key, at, err);
	if (rc < 1)
		sqlite3_reset(*st);
	return rc;
}

int run_find(struct index *ix, const struct run *r, uint64_t key,
    struct es_err *err)
{
	sqlite3_stmt *st;
	struct place at;
	int rc = find_block(ix, r, key, &st, &at, err);

	if (rc < 1)
		return rc;
	rc = block_postings(r, &at.p, at.end, at.n, &ix->chunk, err) ? -1 : 1;
	sqlite3_reset(st);
	return rc;
}

int run_count(struct index *ix, uint64_t key, int64_t *count,
    struct es_err *err)
{
	sqlite3_stmt *st;
	struct place at;
	size_t i;
	int rc;

	for (i = 0; i < ix->n_run; i++) {
		rc = find_block(ix, &ix->run[i], key, &st, &at, err);
		if (rc < 0)
			return -1;
		if (rc) {
			*count += at.n;
			sqlite3_reset(st);
		}
	}
	return 0;
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

/*
 * Copy a block to ix->data without a posting; *h: its first key, then and now.
 * 1 when the posting was there.
 */
static int copy_without(struct index *ix, const struct run *r, uint64_t *h,
    const void *data, size_t size, uint64_t key, int64_t position,
    struct es_err *err)
{
	const unsigned char *p = data, *end = p + size;
	struct postings *l = &ix->chunk;
	uint64_t at = *h, before = 0;
	size_t left = 0;
	int64_t n;

	buf_reset(&ix->data);
	while (p < end) {
		if (block_head(&p, end, &at, &n))
			return block_bad(r, err);
		if (block_postings(r, &p, end, n, l, err))
			return -1;
		if (at == key) {
			cut(l, position);
			left = (size_t)n - l->n;
		}
		if (l->n == 0)
			continue;
		if (ix->data.n == 0)
			*h = before = at;
		block_add(&ix->data, at - before, r->first, l->p, l->n);
		before = at;
	}
	return buf_check(&ix->data, err) ? -1 : (int)left;
}

static int save_block(struct index *ix, int64_t id, uint64_t h,
    struct es_err *err)
{
	sqlite3_stmt *st;

	if (ix->data.n == 0)
		return indexdb_run(&ix->db, SQL_BLOCK_REMOVE, &id, 1, err);
	st = STATEMENT(&ix->db, SQL_BLOCK_SET, err, id, (int64_t)h);
	if (!st)
		return -1;
	sqlite3_bind_blob64(st, 3, ix->data.p, ix->data.n, SQLITE_STATIC);
	return indexdb_execute(&ix->db, st, err);
}

static int remove_of(struct index *ix, struct run *r, uint64_t key,
    int64_t position, struct es_err *err)
{
	sqlite3_stmt *st;
	struct place at;
	uint64_t h;
	int64_t id;
	int rc = find_block(ix, r, key, &st, &at, err);

	if (rc < 1)
		return rc;
	h = (uint64_t)sqlite3_column_int64(st, 0);
	id = sqlite3_column_int64(st, 2);
	rc = copy_without(ix, r, &h, sqlite3_column_blob(st, 1),
	    (size_t)sqlite3_column_bytes(st, 1), key, position, err);
	sqlite3_reset(st);
	if (rc < 1)
		return rc;
	r->postings--;
	if (save_block(ix, id, h, err) || indexdb_run(&ix->db, SQL_RUN_SET,
	    (int64_t[]){r->number, r->postings}, 2, err))
		return -1;
	return 1;
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
