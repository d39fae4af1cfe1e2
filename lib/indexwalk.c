/* index_walk(): all of the index, and whether its rows agree. */
#include "indexrun.h"

struct walk {
	int (*visit)(void *arg, uint64_t key, struct posting p,
	    struct es_err *err);
	void *arg;
	uint64_t key;
	int64_t open, post;		/* rows met */
	int64_t newest;			/* position */
};

static int visit_all(const struct walk *w, const struct postings *l,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		if (w->visit(w->arg, w->key, l->p[i], err))
			return -1;
	return 0;
}

/* Visit the chunks of one shape, which end before `end`; count postings. */
static int walk_shape(struct index *ix, struct walk *w, int shape, int64_t end,
    int64_t *count, struct es_err *err)
{
	int64_t id = ix->row.id, last = 0;
	struct post_row row;
	int rc;

	if (indexdb_post(&ix->db, false, id, shape, INT64_MIN, err))
		return -1;
	while ((rc = indexdb_post_step(&ix->db, false, &row, err)) == 1) {
		w->post++;
		if (index_read_post(ix, id, shape, &row, err))
			break;
		if (row.first <= last || row.last >= end) {
			index_bad_chunk(1, "tag_post", id, shape, row.first,
			    err);
			break;
		}
		last = row.last;
		*count += (int64_t)ix->chunk.n;
		if (visit_all(w, &ix->chunk, err))
			break;
	}
	indexdb_post_end(&ix->db, false);
	return rc ? -1 : 0;
}

static int walk_row(struct index *ix, struct walk *w, struct es_err *err)
{
	const struct open_row *row = &ix->row;
	int shape, rc;
	int64_t count = 0, end;

	w->open++;
	if (row->last > w->newest)
		w->newest = row->last;
	if (index_read_open(ix, err))
		return -1;
	end = ix->open.n ? ix->open.p[0].position : row->last + 1;
	for (shape = 0; (rc = indexdb_post_shape(&ix->db, row->id, &shape,
	    err)) == 1; shape++)
		if (walk_shape(ix, w, shape, end, &count, err))
			return -1;
	if (rc < 0)
		return -1;
	if (count != row->spilled)
		return es_fail(err, ES_FAILED, "tag_open row %lld: %lld "
		    "postings spilled, %lld found", (long long)row->id,
		    (long long)row->spilled, (long long)count);
	return visit_all(w, &ix->open, err);
}

static int walk_key(struct index *ix, struct walk *w, int64_t id,
    struct es_err *err)
{
	int rc = indexdb_open_row(&ix->db, id, &ix->row, err);

	if (rc < 0)
		return -1;
	if (rc)
		return walk_row(ix, w, err);
	if (w->key == INDEX_EVERY)
		return 0;
	return w->visit(w->arg, w->key, indexdb_id_posting(id), err);
}

static int walk(struct index *ix, struct walk *w, struct es_err *err)
{
	int64_t id = 0, open, post, tail;
	int rc;

	do {
		if (walk_key(ix, w, id, err))
			return index_key_at(w->key, err);
	} while ((rc = indexdb_key_next(&ix->db, &w->key, &id, err)) == 1);
	if (rc < 0 || indexdb_count(&ix->db, &open, &post, &tail,
	    err))
		return -1;
	if (open != w->open || post != w->post)
		return es_fail(err, ES_FAILED, "index: %lld rows of no key",
		    (long long)(open - w->open + post - w->post));
	if (run_walk(ix, w->visit, w->arg, w->newest, err))
		return -1;
	return index_tail_walk(ix, w->newest, tail, w->visit, w->arg, err);
}

int index_walk(struct index *ix, int (*visit)(void *arg, uint64_t key,
    struct posting p, struct es_err *err), void *arg, struct es_err *err)
{
	struct walk w = {visit, arg, INDEX_EVERY, 0, 0, 0};
	bool begun;
	int rc;

	if (index_flush(ix, err) || indexdb_begin(&ix->db, &begun, err))
		return -1;
	rc = walk(ix, &w, err);
	indexdb_end(&ix->db, begun);
	return rc;
}
