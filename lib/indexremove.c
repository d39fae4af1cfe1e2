/*
 * indexremove: taking a message out of the tables.
 *
 * The tail is folded first, so that only tag_key, tag_open, tag_post and the
 * runs have to be looked at.  A chunk keeps its place as long as it has
 * postings.
 *
 * The id of a key names the first posting that it had.  When that one goes the
 * key gets another id, which names the position that is first now with a shape
 * that the message there does not have: so it is no other key's, except of one
 * that was moved in the same way and has, as all those, a row in tag_open.
 */
#include <string.h>

#include "indexrun.h"

/* Bytes of a tag_post chunk that was added to in its middle. */
#define SPLIT_MAX 800

static int missing(int64_t position, struct es_err *err)
{
	return es_fail(err, ES_FAILED, "no posting of position %lld (see "
	    "es-check)", (long long)position);
}

/* Where a position stands in a list, or where it would. */
static size_t place_of(const struct postings *l, int64_t position)
{
	size_t lo = 0, hi = l->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (l->p[mid].position < position)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool is_at(const struct postings *l, size_t i, int64_t position)
{
	return i < l->n && l->p[i].position == position;
}

static void cut(struct postings *l, size_t i)
{
	l->n--;
	memmove(l->p + i, l->p + i + 1, (l->n - i) * sizeof *l->p);
}

static void encode(struct buf *data, int64_t base, int shape,
    const struct posting *p, size_t n)
{
	buf_reset(data);
	for (; n > 0; base = p++->position, n--)
		chunk_add(data, base, shape, *p);
}

/* ---- tag_post ---- */

/*
 * The chunk at or before a position into ix->chunk; with `up`, the first one
 * behind it.  1, 0 when there is none.
 */
static int find_chunk(struct index *ix, bool up, int64_t id, int shape,
    int64_t position, int64_t *first, struct es_err *err)
{
	struct post_row row;
	int rc;

	if (indexdb_post(&ix->db, !up, id, shape, position, err) ||
	    (rc = indexdb_post_step(&ix->db, !up, &row, err)) < 0)
		return -1;
	if (rc == 0)
		return 0;
	*first = row.first;
	if (index_read_post(ix, id, shape, &row, err))
		rc = -1;
	indexdb_post_end(&ix->db, !up);
	return rc;
}

static int add_chunk(struct index *ix, int64_t id, int shape,
    const struct posting *p, size_t n, struct es_err *err)
{
	encode(&ix->data, p->position - 1, shape, p, n);
	if (buf_check(&ix->data, err))
		return -1;
	return indexdb_post_save(&ix->db, id, shape, p->position,
	    p[n - 1].position, buf_span(&ix->data), true, err);
}

/* Write ix->chunk in the place of the row that began at first (0: none). */
static int put_chunk(struct index *ix, int64_t id, int shape, int64_t first,
    struct es_err *err)
{
	const struct postings *l = &ix->chunk;
	size_t half = l->n / 2;

	if (first && indexdb_run(&ix->db, SQL_POST_REMOVE,
	    (int64_t[]){id, shape, first}, 3, err))
		return -1;
	if (l->n == 0)
		return 0;
	encode(&ix->data, l->p->position - 1, shape, l->p, l->n);
	if (ix->data.n <= SPLIT_MAX || half == 0)
		return add_chunk(ix, id, shape, l->p, l->n, err);
	return add_chunk(ix, id, shape, l->p, half, err) ||
	    add_chunk(ix, id, shape, l->p + half, l->n - half, err) ? -1 : 0;
}

static int remove_post(struct index *ix, int64_t id, struct posting p,
    struct es_err *err)
{
	int64_t first = 0;
	int rc = find_chunk(ix, false, id, p.shape, p.position, &first, err);
	size_t i;

	if (rc < 0)
		return -1;
	i = rc ? place_of(&ix->chunk, p.position) : 0;
	if (!rc || !is_at(&ix->chunk, i, p.position))
		return missing(p.position, err);
	cut(&ix->chunk, i);
	return put_chunk(ix, id, p.shape, first, err);
}

static int add_post(struct index *ix, int64_t id, struct posting p,
    struct es_err *err)
{
	struct postings *l = &ix->chunk;
	int64_t first = 0;
	size_t i;
	int rc = find_chunk(ix, false, id, p.shape, p.position, &first, err);

	if (rc == 0)
		rc = find_chunk(ix, true, id, p.shape, p.position, &first,
		    err);
	if (rc < 0)
		return -1;
	if (rc == 0)
		l->n = 0;
	if (postings_room(l, 1))
		return es_fail_nomem(err);
	i = place_of(l, p.position);
	memmove(l->p + i + 1, l->p + i, (l->n - i) * sizeof *l->p);
	l->p[i] = p;
	l->n++;
	return put_chunk(ix, id, p.shape, first, err);
}

/* The first and last of the spilled postings of an id. */
static int spilled_ends(struct index *ix, int64_t id, int64_t *first,
    int64_t *last, struct es_err *err)
{
	struct post_row row;
	int shape, rc;

	*first = INT64_MAX;
	*last = 0;
	for (shape = 0; (rc = indexdb_post_shape(&ix->db, id, &shape,
	    err)) == 1; shape++) {
		bool down = false;

		do {
			if (indexdb_post(&ix->db, down, id, shape, down ?
			    INT64_MAX : INT64_MIN, err) ||
			    indexdb_post_step(&ix->db, down, &row, err) < 1)
				return -1;
			if (row.first < *first)
				*first = row.first;
			if (row.last > *last)
				*last = row.last;
			indexdb_post_end(&ix->db, down);
			down = !down;
		} while (down);
	}
	return rc;
}

/* ---- a key ---- */

/* An id of nobody, for a key whose first posting is now at a position. */
static int free_id(struct index *ix, int64_t position, int shape, int64_t *id,
    struct es_err *err)
{
	struct open_row row = {0};
	int i, slot, rc;

	for (i = 1; i < INDEX_SHAPES; i++)
		for (slot = 0; slot < INDEX_KEYS; slot++) {
			*id = indexdb_id((struct posting){position,
			    (shape + i) % INDEX_SHAPES}, slot);
			rc = indexdb_open_row(&ix->db, *id, &row, err);
			buf_free(&row.data);
			if (rc <= 0)
				return rc;
		}
	return es_fail(err, ES_FAILED, "no id is left at position %lld",
	    (long long)position);
}

/* The shape of a message, from INDEX_EVERY. */
static int shape_at(struct index *ix, int64_t position, int *shape,
    struct es_err *err)
{
	struct index_range r = {.key = INDEX_EVERY, .after = position - 1,
	    .before = position + 1};
	struct posting p;
	size_t n;

	if (index_read(ix, &r, &p, 1, &n, err))
		return -1;
	if (n == 0)
		return missing(position, err);
	*shape = p.shape;
	return 0;
}

/* The key's rows under another id; ix->row is not written yet. */
static int move_key(struct index *ix, uint64_t key, int64_t first,
    struct es_err *err)
{
	int64_t old = ix->row.id, spilled = ix->row.spilled;
	int64_t last = ix->row.last, id = 0;
	struct buf data = {0};
	int shape = 0, rc;

	/* Looking at INDEX_EVERY uses what holds the row. */
	encode(&data, first - 1, CHUNK_MIXED, ix->open.p, ix->open.n);
	rc = buf_check(&data, err) || shape_at(ix, first, &shape, err) ||
	    free_id(ix, first, shape, &id, err) ? -1 : 0;
	if (rc == 0) {
		ix->row.id = id;
		ix->row.spilled = spilled;
		ix->row.last = last;
		buf_swap(&ix->row.data, &data);
		rc = indexdb_run(&ix->db, SQL_OPEN_REMOVE, &old, 1, err) ||
		    indexdb_run(&ix->db, SQL_POST_MOVE, (int64_t[]){old, id}, 2,
		    err) ||
		    indexdb_run(&ix->db, SQL_KEY_SET, (int64_t[]){(int64_t)key,
		    id}, 2, err) ||
		    indexdb_open_save(&ix->db, &ix->row, true, err) ? -1 : 0;
	}
	buf_free(&data);
	return rc;
}

/* What is left of a key, of whose open chunk or chunks one posting is gone. */
static int save_row(struct index *ix, uint64_t key, int64_t removed,
    struct es_err *err)
{
	struct open_row *row = &ix->row;
	const struct postings *l = &ix->open;
	int64_t first = INT64_MAX, last = 0;

	if (l->n == 0 && row->spilled == 0)
		return indexdb_run(&ix->db, SQL_OPEN_REMOVE, &row->id, 1,
		    err) || indexdb_run(&ix->db, SQL_KEY_REMOVE,
		    (int64_t[]){(int64_t)key}, 1, err) ? -1 : 0;
	if (row->spilled > 0 && spilled_ends(ix, row->id, &first, &last, err))
		return -1;
	if (l->n) {
		last = l->p[l->n - 1].position;
		if (row->spilled == 0)
			first = l->p[0].position;
	}
	row->last = last;
	if (indexdb_id_posting(row->id).position >= removed)
		return move_key(ix, key, first, err);
	encode(&row->data, indexdb_base(row->id), CHUNK_MIXED, l->p, l->n);
	return indexdb_open_save(&ix->db, row, false, err);
}

static int remove_key(struct index *ix, uint64_t key, struct posting p,
    struct es_err *err)
{
	int64_t id;
	size_t i;
	int rc = run_remove(ix, key, p.position, err);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	rc = indexdb_key(&ix->db, key, &id, err);
	if (rc == 0)
		return missing(p.position, err);
	if (rc < 0 || (rc = indexdb_open_row(&ix->db, id, &ix->row, err)) < 0)
		return -1;
	if (rc == 0) {
		if (indexdb_id_posting(id).position != p.position)
			return missing(p.position, err);
		return indexdb_run(&ix->db, SQL_KEY_REMOVE,
		    (int64_t[]){(int64_t)key}, 1, err);
	}
	if (index_read_open(ix, err))
		return -1;
	i = place_of(&ix->open, p.position);
	if (is_at(&ix->open, i, p.position))
		cut(&ix->open, i);
	else if (remove_post(ix, id, p, err))
		return -1;
	else
		ix->row.spilled--;
	return save_row(ix, key, p.position, err);
}

/* ---- every message ---- */

static int reshape(struct index *ix, struct posting p, int shape,
    struct es_err *err)
{
	size_t i;
	int rc = indexdb_open_row(&ix->db, 0, &ix->row, err);

	if (rc == 0)
		return missing(p.position, err);
	if (rc < 0 || index_read_open(ix, err))
		return -1;
	i = place_of(&ix->open, p.position);
	if (!is_at(&ix->open, i, p.position))
		return remove_post(ix, 0, p, err) || add_post(ix, 0,
		    (struct posting){p.position, shape}, err) ? -1 : 0;
	ix->open.p[i].shape = shape;
	encode(&ix->row.data, indexdb_base(0), CHUNK_MIXED, ix->open.p,
	    ix->open.n);
	return indexdb_open_save(&ix->db, &ix->row, false, err);
}

int index_remove(struct index *ix, struct posting p, int shape,
    const uint64_t *keys, size_t n, struct es_err *err)
{
	size_t i, k;

	if (index_settle(ix, err) || run_load(ix, err))
		return -1;
	for (i = 0; i < n; i++) {
		for (k = 0; k < i && keys[k] != keys[i]; k++)
			;
		if (k == i && remove_key(ix, keys[i], p, err))
			return index_key_at(keys[i], err);
	}
	if (shape != p.shape && reshape(ix, p, shape, err))
		return index_key_at(INDEX_EVERY, err);
	return 0;
}
