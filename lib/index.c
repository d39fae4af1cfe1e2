#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "indexint.h"
#include "tagkey.h"

/*
 * Bytes of an open chunk, and of a tag_post chunk.  Larger open chunks are
 * spread over the shapes' pages less often, and make each write longer;
 * tests/bench/LAYOUTS.md has the figures.
 */
#define OPEN_MAX 240
#define POST_MAX 240

/* Gathered postings are written early when there are so many. */
#define GATHER_MAX 65536

int index_open(struct sqlite3 *db, const unsigned char secret[16],
    struct index **out, struct es_err *err)
{
	struct index *ix = calloc(1, sizeof *ix);

	*out = ix;
	if (!ix)
		return es_fail_nomem(err);
	ix->db.db = db;
	memcpy(ix->secret, secret, sizeof ix->secret);
	return 0;
}

void index_close(struct index *ix)
{
	if (!ix)
		return;
	indexdb_close(&ix->db);
	free(ix->wait);
	buf_free(&ix->row.data);
	buf_free(&ix->data);
	postings_free(&ix->open);
	postings_free(&ix->list);
	postings_free(&ix->chunk);
	postings_free(&ix->merged);
	free(ix);
}

uint64_t index_key(const struct index *ix, const char *p, size_t n)
{
	return tagkey(ix->secret, p, n);
}

uint64_t index_rows_read(const struct index *ix)
{
	return ix->db.rows_read;
}

void index_rollback(struct index *ix)
{
	ix->n_wait = 0;
	ix->newest = 0;
}

int index_add(struct index *ix, int64_t position, int shape,
    const uint64_t *keys, size_t n, struct es_err *err)
{
	struct entry *to;
	size_t i;

	if (position <= ix->newest || position > INDEX_POSITION_MAX ||
	    shape < 0 || shape >= INDEX_SHAPES || n > INDEX_KEYS)
		return es_fail(err, ES_FAILED, "index: cannot add position "
		    "%lld, shape %d, %zu keys", (long long)position, shape, n);
	if (ix->n_wait + n >= GATHER_MAX && index_flush(ix, err))
		return -1;
	if (ix->n_wait + n + 1 > ix->cap_wait) {
		size_t cap = ix->cap_wait ? ix->cap_wait * 2 : 256;

		to = realloc(ix->wait, cap * sizeof *to);
		if (!to)
			return es_fail_nomem(err);
		ix->wait = to;
		ix->cap_wait = cap;
	}
	to = ix->wait + ix->n_wait;
	*to++ = (struct entry){INDEX_EVERY, position, (short)shape, 0};
	for (i = 0; i < n; i++)
		*to++ = (struct entry){keys[i], position, (short)shape,
		    (short)i};
	ix->n_wait += n + 1;
	ix->newest = position;
	return 0;
}

static int by_key(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->position > b->position) - (a->position < b->position);
}

static int by_shape(const void *pa, const void *pb)
{
	const struct posting *a = pa, *b = pb;

	if (a->shape != b->shape)
		return a->shape - b->shape;
	return (a->position > b->position) - (a->position < b->position);
}

static int save_chunk(struct index *ix, int64_t id, int shape,
    const struct post_row *row, bool is_new, struct es_err *err)
{
	if (buf_check(&ix->data, err))
		return -1;
	return indexdb_post_save(&ix->db, id, shape, row->first, row->last,
	    buf_span(&ix->data), is_new, err);
}

/* Append postings of one shape to its newest chunk, and to new ones. */
static int append_run(struct index *ix, int64_t id, const struct posting *run,
    size_t n, struct es_err *err)
{
	struct post_row row = {0};
	int shape = run->shape, rc;
	bool is_new;
	size_t i;

	buf_truncate(&ix->data, 0);
	if (indexdb_post(&ix->db, true, id, shape, INT64_MAX, err) ||
	    (rc = indexdb_post_step(&ix->db, true, &row, err)) < 0)
		return -1;
	is_new = rc == 0;
	if (!is_new) {
		buf_add(&ix->data, row.data, row.n);
		indexdb_post_end(&ix->db, true);
	}
	for (i = 0; i < n; i++) {
		if (ix->data.n >= POST_MAX || (i == 0 && is_new)) {
			if (i > 0 && save_chunk(ix, id, shape, &row, is_new,
			    err))
				return -1;
			buf_truncate(&ix->data, 0);
			row.first = run[i].position;
			row.last = row.first - 1;
			is_new = true;
		}
		chunk_add(&ix->data, row.last, shape, run[i]);
		row.last = run[i].position;
	}
	return save_chunk(ix, id, shape, &row, is_new, err);
}

/* Move the open postings of a row, which are in ix->open, to tag_post. */
static int spill(struct index *ix, struct es_err *err)
{
	struct posting *p = ix->open.p;
	size_t n = ix->open.n, i, j;

	qsort(p, n, sizeof *p, by_shape);
	for (i = 0; i < n; i = j) {
		for (j = i + 1; j < n && p[j].shape == p[i].shape; j++)
			;
		if (append_run(ix, ix->row.id, p + i, j - i, err))
			return -1;
	}
	ix->row.spilled += (int64_t)n;
	buf_truncate(&ix->row.data, 0);
	return 0;
}

static int add_open(struct open_row *row, const struct entry *e, size_t n)
{
	int64_t last = row->data.n ? row->last : indexdb_base(row->id);
	size_t i;

	for (i = 0; i < n; i++) {
		chunk_add(&row->data, last, CHUNK_MIXED,
		    (struct posting){e[i].position, e[i].shape});
		last = e[i].position;
	}
	row->last = last;
	return 0;
}

/* Spill the row and the n postings that it has no room for. */
static int spill_with(struct index *ix, const struct entry *e, size_t n,
    struct es_err *err)
{
	size_t i;

	ix->open.n = 0;
	if (ix->row.data.n > 0 && index_read_open(ix, err))
		return -1;
	for (i = 0; i < n; i++)
		if (postings_add(&ix->open, e[i].position, e[i].shape))
			return es_fail_nomem(err);
	ix->row.last = e[n - 1].position;
	return spill(ix, err);
}

/* Find the open row of a key, or begin one; 1 when it is new. */
static int begin_row(struct index *ix, const struct entry *e,
    struct es_err *err)
{
	struct open_row *row = &ix->row;
	struct posting p = {e->position, e->shape};
	int64_t id;
	int rc = indexdb_key(&ix->db, e->key, &id, err);

	if (rc < 0)
		return -1;
	if (!rc) {
		row->id = indexdb_id(p, e->slot);
		row->spilled = 0;
		row->last = indexdb_base(row->id);
		buf_truncate(&row->data, 0);
		return indexdb_key_add(&ix->db, e->key, row->id, err) ? -1 : 1;
	}
	if ((rc = indexdb_open_row(&ix->db, id, row, err)))
		return rc < 0 ? -1 : 0;
	row->last = indexdb_base(id);
	if (e->key != INDEX_EVERY) {
		p = indexdb_id_posting(id);
		chunk_add(&row->data, row->last, CHUNK_MIXED, p);
		row->last = p.position;
	}
	return 1;
}

/* Write the n postings of one key, ascending. */
static int write_key(struct index *ix, const struct entry *e, size_t n,
    struct es_err *err)
{
	struct open_row *row = &ix->row;
	int is_new = begin_row(ix, e, err), rc;

	if (is_new < 0)
		return -1;
	if (e->position <= row->last)
		return es_fail(err, ES_FAILED, "position %lld comes after %lld",
		    (long long)e->position, (long long)row->last);
	if (is_new && row->data.n == 0 && n == 1 && e->key != INDEX_EVERY)
		return 0;	/* the row in tag_key says it all */
	rc = row->data.n + 3 * n > OPEN_MAX ? spill_with(ix, e, n, err) :
	    add_open(row, e, n);
	return rc ? -1 : indexdb_open_save(&ix->db, row, is_new, err);
}

int index_flush(struct index *ix, struct es_err *err)
{
	size_t n = ix->n_wait, i, j;
	struct entry *e = ix->wait;

	if (n == 0)
		return 0;
	if (sqlite3_get_autocommit(ix->db.db))
		return es_fail(err, ES_FAILED, "index: added to outside of a "
		    "transaction");
	qsort(e, n, sizeof *e, by_key);
	for (i = 0; i < n; i = j) {
		size_t m = 1;

		for (j = i + 1; j < n && e[j].key == e[i].key; j++)
			if (e[j].position != e[i + m - 1].position)
				e[i + m++] = e[j];
		if (write_key(ix, e + i, m, err))
			return index_key_at(e[i].key, err);
	}
	index_rollback(ix);
	return 0;
}

int index_reset(struct index *ix, struct es_err *err)
{
	index_rollback(ix);
	return indexdb_reset(&ix->db, err);
}
