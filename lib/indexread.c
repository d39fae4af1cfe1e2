#include <inttypes.h>

#include "indexrun.h"

int index_key_at(uint64_t key, struct es_err *err)
{
	return es_err_at(err, "index key %016" PRIx64, key);
}

int index_bad_chunk(int rc, const char *table, int64_t id, int shape,
    int64_t first, struct es_err *err)
{
	if (rc < 0)
		return es_fail_nomem(err);
	return es_fail(err, ES_FAILED, "%s row (%lld, %d, %lld): "
	    "not a list of postings", table, (long long)id, shape,
	    (long long)first);
}

int index_read_open(struct index *ix, struct es_err *err)
{
	struct open_row *row = &ix->row;
	struct postings *l = &ix->open;
	int rc;

	l->n = 0;
	rc = chunk_read(l, indexdb_base(row->id), CHUNK_MIXED, row->data.p,
	    row->data.n);
	if (!rc && (row->spilled < 0 || (l->n == 0 && row->spilled == 0) ||
	    (l->n && l->p[l->n - 1].position != row->last)))
		rc = 1;
	return rc ? index_bad_chunk(rc, "tag_open", row->id, -1, row->last,
	    err) : 0;
}

int index_read_post(struct index *ix, int64_t id, int shape,
    const struct post_row *row, struct es_err *err)
{
	struct postings *l = &ix->chunk;
	int rc;

	l->n = 0;
	rc = row->first < 1 ? 1 :
	    chunk_read(l, row->first - 1, shape, row->data, row->n);
	if (!rc && (l->n == 0 || l->p[0].position != row->first ||
	    l->p[l->n - 1].position != row->last))
		rc = 1;
	return rc ? index_bad_chunk(rc, "tag_post", id, shape, row->first,
	    err) : 0;
}

/* Take from the rows of a walk until ix->list has max or the range ends. */
static int take_posts(struct index *ix, bool down, int64_t id, int shape,
    const struct index_range *r, size_t max, struct es_err *err)
{
	struct post_row row;
	int rc = 1;

	while (ix->list.n < max) {
		rc = indexdb_post_step(&ix->db, down, &row, err);
		if (rc < 1)
			return rc;
		if (down ? row.last <= r->after : row.first >= r->before)
			break;
		if (index_read_post(ix, id, shape, &row, err)) {
			rc = -1;
			break;
		}
		postings_take(&ix->chunk, r, ix->list.p, max, &ix->list.n);
		if (down && !r->reverse)
			break;		/* it was only to find the start */
	}
	indexdb_post_end(&ix->db, down);
	return rc < 0 ? -1 : 0;
}

/* Put the first max spilled postings of one shape into ix->list. */
static int read_shape(struct index *ix, int64_t id, int shape,
    const struct index_range *r, size_t max, struct es_err *err)
{
	int64_t from = r->reverse ? r->before - 1 : r->after + 1;

	ix->list.n = 0;
	if (postings_room(&ix->list, max))
		return es_fail_nomem(err);
	if (indexdb_post(&ix->db, true, id, shape, from, err) ||
	    take_posts(ix, true, id, shape, r, max, err))
		return -1;
	if (r->reverse || ix->list.n == max)
		return 0;
	if (indexdb_post(&ix->db, false, id, shape, from, err))
		return -1;
	return take_posts(ix, false, id, shape, r, max, err);
}

/*
 * The first max of the spilled postings.  Once there are max, only what
 * comes before the last of them matters of the shapes that are left.
 */
static int read_spilled(struct index *ix, int64_t id,
    const struct index_range *range, struct posting *out, size_t max,
    size_t *n, struct es_err *err)
{
	struct index_range r = *range;
	int shape = -1, rc;
	size_t i;

	for (i = 0; !r.shapes || i < r.nshapes; i++) {
		shape = r.shapes ? r.shapes[i] : shape + 1;
		if (!r.shapes && (rc = indexdb_post_shape(&ix->db, id, &shape,
		    err)) < 1)
			return rc;
		if (read_shape(ix, id, shape, &r, max, err))
			return -1;
		if (postings_merge(&ix->merged, &ix->list, r.reverse, out, max,
		    n))
			return es_fail_nomem(err);
		if (*n == max && r.reverse)
			r.after = out[max - 1].position;
		else if (*n == max)
			r.before = out[max - 1].position;
	}
	return 0;
}

/* What is open is newer than all that is spilled. */
static int read_row(struct index *ix, const struct index_range *r,
    struct posting *out, size_t max, size_t *n, struct es_err *err)
{
	const struct open_row *row = &ix->row;
	const struct postings *open = &ix->open;
	bool spilled;
	size_t m = 0;

	if (row->last <= r->after)
		return 0;
	if (index_read_open(ix, err))
		return -1;
	spilled = row->spilled > 0 &&
	    (open->n == 0 || open->p[0].position - 1 > r->after);
	if (r->reverse)
		postings_take(open, r, out, max, n);
	if (spilled && *n < max && read_spilled(ix, row->id, r, out + *n,
	    max - *n, &m, err))
		return -1;
	*n += m;
	if (!r->reverse)
		postings_take(open, r, out, max, n);
	return 0;
}

static int read_key(struct index *ix, const struct index_range *r,
    struct posting *out, size_t max, size_t *n, struct es_err *err)
{
	struct posting p;
	int64_t id;
	int rc;

	if ((rc = indexdb_key(&ix->db, r->key, &id, err)) < 1)
		return rc;
	rc = indexdb_open_row(&ix->db, id, &ix->row, err);
	if (rc < 0)
		return -1;
	if (rc)
		return read_row(ix, r, out, max, n, err);
	p = indexdb_id_posting(id);
	if (r->key != INDEX_EVERY)
		postings_take(&(struct postings){&p, 1, 1}, r, out, max, n);
	return 0;
}

static int read_runs(struct index *ix, const struct index_range *r,
    struct posting *out, size_t max, size_t *n, struct es_err *err)
{
	const struct postings *l;

	if (*n == max || ix->n_run == 0 ||
	    ix->run[ix->n_run - 1].last <= r->after ||
	    ix->run[0].first >= r->before)
		return 0;
	if (run_find(ix, r->key, &l, err))
		return -1;
	postings_take(l, r, out, max, n);
	return 0;
}

/* What a key has in the runs is older than what it has in the tables. */
static int read_folded(struct index *ix, const struct index_range *r,
    struct posting *out, size_t max, size_t *n, struct es_err *err)
{
	bool runs = r->key != INDEX_EVERY;

	if (runs && (run_sync(ix, err) ||
	    (!r->reverse && read_runs(ix, r, out, max, n, err))))
		return -1;
	if (*n < max && read_key(ix, r, out, max, n, err))
		return -1;
	return runs && r->reverse ? read_runs(ix, r, out, max, n, err) : 0;
}

/* All of the tail is newer than all that is folded. */
static int read_both(struct index *ix, const struct index_range *r,
    struct posting *out, size_t max, size_t *n, struct es_err *err)
{
	int64_t first;

	if (index_tail_sync(ix, err))
		return -1;
	first = index_tail_first(ix);
	if (r->reverse && index_tail_read(ix, r, out, max, n, err))
		return -1;
	if (*n < max && (!first || first - 1 > r->after) &&
	    read_folded(ix, r, out, max, n, err))
		return -1;
	return r->reverse ? 0 : index_tail_read(ix, r, out, max, n, err);
}

int index_read(struct index *ix, const struct index_range *range,
    struct posting *out, size_t max, size_t *n, struct es_err *err)
{
	struct index_range r = *range;
	bool begun;
	int rc;

	*n = 0;
	if (r.before == 0)
		r.before = INT64_MAX;
	if (r.after < 0)
		r.after = 0;
	if (max == 0 || r.after >= INDEX_POSITION_MAX || r.before <= 1 ||
	    (r.shapes && r.nshapes == 0))
		return 0;
	if (index_flush(ix, err) || indexdb_begin(&ix->db, &begun, err))
		return -1;
	rc = read_both(ix, &r, out, max, n, err);
	indexdb_end(&ix->db, begun);
	return rc ? index_key_at(r.key, err) : 0;
}

static int count_key(struct index *ix, uint64_t key, int64_t *count,
    struct es_err *err)
{
	int64_t id;
	int rc;

	if ((rc = indexdb_key(&ix->db, key, &id, err)) < 1)
		return rc;
	rc = indexdb_open_row(&ix->db, id, &ix->row, err);
	if (rc < 0)
		return -1;
	if (rc)
		*count += ix->row.spilled + (int64_t)(ix->row.data.n / 2);
	else
		*count += key != INDEX_EVERY;
	return 0;
}

int index_count(struct index *ix, uint64_t key, int64_t *count,
    struct es_err *err)
{
	const struct postings *in_runs;
	bool begun;
	int rc;

	*count = 0;
	if (index_flush(ix, err) || indexdb_begin(&ix->db, &begun, err))
		return -1;
	rc = index_tail_sync(ix, err) ||
	    index_tail_count(ix, key, count, err) ||
	    count_key(ix, key, count, err) || (key != INDEX_EVERY &&
	    (run_sync(ix, err) || run_find(ix, key, &in_runs, err)));
	if (rc == 0 && key != INDEX_EVERY)
		*count += (int64_t)in_runs->n;
	indexdb_end(&ix->db, begun);
	return rc ? index_key_at(key, err) : 0;
}
