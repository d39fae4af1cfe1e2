#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "indexrun.h"
#include "tagkey.h"

/* Bytes of a tail row: with its header it just fits into a page of 4096. */
#define ROW_MAX 3900

/* Gathered postings are written early when there are so many. */
#define GATHER_MAX 65536

int index_open(struct sqlite3 *db, const unsigned char secret[16], bool runs,
    struct index **out, struct es_err *err)
{
	struct index *ix = calloc(1, sizeof *ix);

	*out = ix;
	if (!ix)
		return es_fail_nomem(err);
	ix->db.db = db;
	ix->tail_span = INDEX_TAIL;
	ix->has_runs = runs;
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
	buf_free(&ix->keys);
	postings_free(&ix->open);
	postings_free(&ix->list);
	postings_free(&ix->chunk);
	postings_free(&ix->merged);
	index_tail_free(ix);
	run_forget(ix);
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

void index_set_tail(struct index *ix, int64_t span)
{
	ix->tail_span = span;
}

static void forget_gathered(struct index *ix)
{
	ix->n_wait = 0;
	ix->newest = 0;
}

void index_rollback(struct index *ix)
{
	forget_gathered(ix);
	ix->n_run = 0;
}

static bool has_key(const struct entry *e, size_t n, uint64_t key)
{
	while (n--)
		if (e[n].key == key)
			return true;
	return false;
}

int index_gather(struct index *ix, int64_t position, int shape,
    const uint64_t *keys, size_t n, struct es_err *err)
{
	size_t cap = ix->cap_wait ? ix->cap_wait : 256, i, m = 0;
	struct entry *to;

	while (ix->n_wait + n + 1 > cap)
		cap *= 2;
	if (cap > ix->cap_wait) {
		to = realloc(ix->wait, cap * sizeof *to);
		if (!to)
			return es_fail_nomem(err);
		ix->wait = to;
		ix->cap_wait = cap;
	}
	to = ix->wait + ix->n_wait;
	*to++ = (struct entry){INDEX_EVERY, position, (short)shape};
	for (i = 0; i < n; i++)
		if (!has_key(to, m, keys[i])) {
			to[m] = (struct entry){keys[i], position,
			    (short)shape};
			m++;
		}
	ix->n_wait += m + 1;
	return 0;
}

static bool are_keys(const uint64_t *keys, size_t n)
{
	while (n--)
		if (keys[n] == INDEX_EVERY || keys[n] > INT64_MAX)
			return false;
	return true;
}

int index_add(struct index *ix, int64_t position, int shape,
    const uint64_t *keys, size_t n, struct es_err *err)
{
	if (position <= ix->newest || position > INDEX_POSITION_MAX ||
	    shape < 0 || shape >= INDEX_SHAPES || n > INDEX_KEYS ||
	    !are_keys(keys, n))
		return es_fail(err, ES_FAILED, "index: cannot add position "
		    "%lld, shape %d, %zu keys", (long long)position, shape, n);
	if ((ix->n_wait + n >= GATHER_MAX && index_flush(ix, err)) ||
	    index_gather(ix, position, shape, keys, n, err))
		return -1;
	ix->newest = position;
	return 0;
}

/* Copy the newest row's bytes to ix->data and ix->keys; 1, 0 without one. */
static int newest_row(struct index *ix, struct tail_row *row,
    struct es_err *err)
{
	int rc;

	buf_reset(&ix->data);
	buf_reset(&ix->keys);
	if (indexdb_tail(&ix->db, true, INT64_MIN, err) ||
	    (rc = indexdb_tail_step(&ix->db, true, row, err)) < 0)
		return -1;
	if (!rc)
		return 0;
	buf_add(&ix->data, row->meta, row->n_meta);
	buf_add(&ix->keys, row->keys, row->n_keys);
	indexdb_tail_end(&ix->db, true);
	return 1;
}

static int save_row(struct index *ix, struct tail_row *row, bool is_new,
    struct es_err *err)
{
	if (buf_check(&ix->data, err) || buf_check(&ix->keys, err))
		return -1;
	row->meta = (const unsigned char *)buf_span(&ix->data).p;
	row->n_meta = ix->data.n;
	row->keys = (const unsigned char *)buf_span(&ix->keys).p;
	row->n_keys = ix->keys.n;
	row->stamp = index_tail_stamp(ix, row);
	return indexdb_tail_save(&ix->db, row, is_new, err);
}

/* e[0] stands for the message, e[1] to e[n - 1] for its keys. */
static void add_message(struct index *ix, const struct entry *e, size_t n,
    int64_t last)
{
	unsigned char key[8];
	size_t i;

	varint_add(&ix->data, (uint64_t)(e->position - last));
	varint_add(&ix->data, (uint64_t)e->shape);
	varint_add(&ix->data, n - 1);
	for (i = 1; i < n; i++) {
		store64(key, e[i].key);
		buf_add(&ix->keys, key, sizeof key);
	}
}

static void begin_tail_row(struct index *ix, struct tail_row *row,
    int64_t first)
{
	buf_truncate(&ix->data, 0);
	buf_truncate(&ix->keys, 0);
	row->prev = row->stamp;
	row->first = first;
	row->last = first - 1;
}

static int append(struct index *ix, struct es_err *err)
{
	const struct entry *e = ix->wait, *end = e + ix->n_wait;
	struct tail_row row = {0};
	int there = newest_row(ix, &row, err);
	bool is_new = there == 0, dirty = false;
	size_t n;

	if (there < 0)
		return -1;
	for (; e < end; e += n) {
		for (n = 1; e + n < end && e[n].key != INDEX_EVERY; n++)
			;
		if (row.first == 0 ||
		    ix->data.n + ix->keys.n + 8 * n > ROW_MAX) {
			if (dirty && save_row(ix, &row, is_new, err))
				return -1;
			begin_tail_row(ix, &row, e->position);
			is_new = true;
		}
		add_message(ix, e, n, row.last);
		row.last = e->position;
		dirty = true;
	}
	return save_row(ix, &row, is_new, err);
}

static int take(struct index *ix, struct es_err *err)
{
	const struct tail *t = &ix->tail;
	size_t i;

	for (i = 0; i < t->n_message; i++) {
		const struct tail_message *m = &t->message[i];

		if (index_gather(ix, m->at.position, m->at.shape,
		    t->key + m->key, index_tail_key(t, i + 1) - m->key, err))
			return -1;
	}
	return indexdb_tail_clear(&ix->db, err);
}

int index_flush(struct index *ix, struct es_err *err)
{
	size_t n_new = ix->n_wait;
	int64_t first, last;

	if (n_new == 0)
		return 0;
	if (sqlite3_get_autocommit(ix->db.db))
		return es_fail(err, ES_FAILED, "index: added to outside of a "
		    "transaction");
	if (index_tail_sync(ix, err))
		return -1;
	first = ix->wait[0].position;
	last = index_tail_last(ix);
	if (last >= first)
		return es_fail(err, ES_FAILED, "index: position %lld comes "
		    "after %lld", (long long)first, (long long)last);
	if (last)
		first = index_tail_first(ix);
	if (ix->newest - first < ix->tail_span) {
		if (append(ix, err))
			return -1;
	} else if (take(ix, err) || index_fold(ix, n_new, err))
		return -1;
	forget_gathered(ix);
	return 0;
}

int index_settle(struct index *ix, struct es_err *err)
{
	if (index_flush(ix, err) || index_tail_sync(ix, err))
		return -1;
	if (ix->tail.n_message == 0)
		return 0;
	if (take(ix, err) || index_fold(ix, 0, err))
		return -1;
	forget_gathered(ix);
	return 0;
}
