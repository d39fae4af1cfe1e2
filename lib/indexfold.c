/* index_write_key(): postings of a busy key into its tables. */
#include <stdlib.h>
#include <string.h>

#include "indexrun.h"

/*
 * Bytes of an open chunk, and of a tag_post chunk.  Larger open chunks are
 * spread over the shapes' pages less often, and make each write longer;
 * tests/bench/LAYOUTS.md has the figures.
 */
#define OPEN_MAX 3800
#define POST_MAX 400

/* Copy postings to another list, by shape; those of one keep their order. */
static int by_shape(const struct postings *from, struct postings *to)
{
	size_t end[INDEX_SHAPES] = {0}, i;

	to->n = 0;
	if (postings_room(to, from->n))
		return -1;
	for (i = 0; i < from->n; i++)
		end[from->p[i].shape]++;
	for (i = 1; i < INDEX_SHAPES; i++)
		end[i] += end[i - 1];
	for (i = from->n; i-- > 0; )
		to->p[--end[from->p[i].shape]] = from->p[i];
	to->n = from->n;
	return 0;
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

	buf_reset(&ix->data);
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
	const struct posting *p;
	size_t n = ix->open.n, i, j;

	if (by_shape(&ix->open, &ix->list))
		return es_fail_nomem(err);
	p = ix->list.p;
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

static void add_open(struct open_row *row, const struct entry *e, size_t n)
{
	int64_t last = row->data.n ? row->last : indexdb_base(row->id);
	size_t i;

	for (i = 0; i < n; i++) {
		chunk_add(&row->data, last, CHUNK_MIXED,
		    (struct posting){e[i].position, e[i].shape});
		last = e[i].position;
	}
	row->last = last;
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

/*
 * Give a key an id, and begin its open row.  The first posting may be that of
 * other keys, too, which have another slot.
 */
static int begin_key(struct index *ix, const struct entry *e,
    struct es_err *err)
{
	struct open_row *row = &ix->row;
	int64_t id;
	int slot, rc = 1;

	for (slot = 0; rc == 1 && slot < INDEX_KEYS; slot++) {
		id = indexdb_id((struct posting){e->position, e->shape}, slot);
		rc = indexdb_open_row(&ix->db, id, row, err);
	}
	if (rc != 0)
		return rc < 0 ? -1 : es_fail(err, ES_FAILED, "no id is left "
		    "at position %lld", (long long)e->position);
	row->last = indexdb_base(id);
	return indexdb_key_add(&ix->db, e->key, id, err) < 0 ? -1 : 1;
}

/* Find the open row of a key, or begin one; 1 when it is new. */
static int begin_row(struct index *ix, const struct entry *e,
    struct es_err *err)
{
	struct open_row *row = &ix->row;
	struct posting first;
	int rc;

	if (e->key == INDEX_EVERY) {
		rc = indexdb_open_row(&ix->db, 0, row, err);
		if (rc == 0)
			row->last = indexdb_base(0);
		return rc < 0 ? -1 : rc == 0;
	}
	rc = indexdb_key_open(&ix->db, e->key, row, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (row->id == 0)
		return begin_key(ix, e, err);
	/* It was used once, before format 3: the row in tag_key said it all. */
	first = indexdb_id_posting(row->id);
	chunk_add(&row->data, indexdb_base(row->id), CHUNK_MIXED, first);
	row->last = first.position;
	return 1;
}

int index_write_key(struct index *ix, const struct entry *e, size_t n,
    struct es_err *err)
{
	struct open_row *row = &ix->row;
	int is_new = begin_row(ix, e, err);

	if (is_new < 0)
		return -1;
	if (e->position <= row->last)
		return es_fail(err, ES_FAILED, "position %lld comes after %lld",
		    (long long)e->position, (long long)row->last);
	if (row->data.n + 3 * n <= OPEN_MAX)
		add_open(row, e, n);
	else if (spill_with(ix, e, n, err))
		return -1;
	return indexdb_open_save(&ix->db, row, is_new, err);
}
