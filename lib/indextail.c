#include <stdlib.h>
#include <string.h>

#include "indexint.h"
#include "tagkey.h"

/* Grow the array that the pointer at p points to, to hold n. */
static int grow(void *p, size_t *cap, size_t n, size_t size)
{
	size_t want = *cap ? *cap : 64;
	void *old, *array;

	if (n <= *cap)
		return 0;
	while (want < n)
		want *= 2;
	memcpy(&old, p, sizeof old);	/* whatever its type is */
	array = realloc(old, want * size);
	if (!array)
		return -1;
	memcpy(p, &array, sizeof array);
	*cap = want;
	return 0;
}

static int grow_keys(struct tail *t, size_t n)
{
	size_t cap = t->cap_key, cap_mark = cap;

	return grow(&t->key, &cap, n, sizeof *t->key) ||
	    grow(&t->mark, &cap_mark, n, 1) ||
	    grow(&t->owner, &t->cap_key, n, sizeof *t->owner) ? -1 : 0;
}

int64_t index_tail_stamp(const struct index *ix, const struct tail_row *row)
{
	uint64_t words[4] = {(uint64_t)row->prev, (uint64_t)row->last,
	    siphash(ix->secret, row->meta, row->n_meta),
	    siphash(ix->secret, row->keys, row->n_keys)};
	int64_t stamp = (int64_t)siphash(ix->secret, words, sizeof words);

	return stamp ? stamp : 1;
}

static int bad_row(const struct tail_row *row, struct es_err *err)
{
	return es_fail(err, ES_FAILED, "tag_tail row %lld: not a list of "
	    "messages", (long long)row->first);
}

/*
 * A byte of the key that is hashed, whatever the kind of key (tagkey.h), so
 * that memchr() looks through the tail: 7,000 keys in under a microsecond.
 */
static unsigned char mark_of(uint64_t key)
{
	return (unsigned char)(key >> 18);
}

/* Decode one message's meta; returns 1 when the row is damaged. */
static int read_meta(const unsigned char **p, const unsigned char *end,
    struct posting *at, int64_t *n_keys)
{
	int64_t step, shape;

	if (varint_read(p, end, &step) || varint_read(p, end, &shape) ||
	    varint_read(p, end, n_keys) || step < 1 ||
	    step > INDEX_POSITION_MAX - at->position ||
	    shape >= INDEX_SHAPES || *n_keys > INDEX_KEYS)
		return 1;
	at->position += step;
	at->shape = (int)shape;
	return 0;
}

/* Append a row of tag_tail to what is known. */
static int know_row(struct index *ix, const struct tail_row *row,
    struct es_err *err)
{
	struct tail *t = &ix->tail;
	const unsigned char *meta = row->meta, *end = meta + row->n_meta;
	const unsigned char *key = row->keys, *keys_end = key + row->n_keys;
	struct posting at = {0};
	int64_t n;

	if (row->first < 1 || row->stamp != index_tail_stamp(ix, row))
		return bad_row(row, err);
	if (grow(&t->row, &t->cap_row, t->n_row + 1, sizeof *t->row) ||
	    grow(&t->message, &t->cap_message, t->n_message + row->n_meta / 3,
	    sizeof *t->message) || grow_keys(t, t->n_key + row->n_keys / 8))
		return es_fail_nomem(err);
	at.position = row->first - 1;
	t->row[t->n_row++] = (struct tail_known){row->stamp, t->n_message,
	    t->n_key};
	while (meta < end) {
		if (read_meta(&meta, end, &at, &n) || n * 8 > keys_end - key)
			return bad_row(row, err);
		t->message[t->n_message] = (struct tail_message){at, t->n_key};
		for (; n > 0; n--, key += 8) {
			t->owner[t->n_key] = (uint32_t)t->n_message;
			t->key[t->n_key] = load64(key);
			t->mark[t->n_key] = mark_of(t->key[t->n_key]);
			t->n_key++;
		}
		t->n_message++;
	}
	if (key != keys_end || at.position != row->last ||
	    row->last < row->first)
		return bad_row(row, err);
	return 0;
}

/* Forget all rows but the first n. */
static void forget(struct tail *t, size_t n)
{
	if (n >= t->n_row)
		return;
	t->n_message = t->row[n].message;
	t->n_key = t->row[n].key;
	t->n_row = n;
}

/* How many rows are known up to the one with this stamp; 0: it is not. */
static size_t known(const struct tail *t, int64_t stamp)
{
	size_t n = t->n_row;

	while (n > 0 && t->row[n - 1].stamp != stamp)
		n--;
	return n;
}

/*
 * Go back from the newest row to one that comes after a known row, or is the
 * first; forget what is not in the tail any more.  *after: the position before
 * the first row that has to be loaded.
 */
static int find_known(struct index *ix, int64_t *after, struct es_err *err)
{
	struct tail_row row = {0};
	size_t keep = 0;
	int rc;

	*after = INT64_MAX;
	if (indexdb_tail(&ix->db, true, INT64_MIN, err))
		return -1;
	while ((rc = indexdb_tail_step(&ix->db, true, &row, err)) == 1) {
		if ((keep = known(&ix->tail, row.stamp)) > 0)
			break;
		if (row.first < 1)
			break;
		*after = row.first - 1;
		if (row.prev == 0 || (keep = known(&ix->tail, row.prev)) > 0)
			break;
	}
	if (rc < 0)
		return -1;
	if (rc == 0)
		return es_fail(err, ES_FAILED, "tag_tail row %lld: the row "
		    "before it is missing", (long long)row.first);
	indexdb_tail_end(&ix->db, true);
	if (row.first < 1)
		return bad_row(&row, err);
	forget(&ix->tail, keep);
	return 0;
}

/* Load the rows above a position, which follow what is known. */
static int load_rows(struct index *ix, int64_t after, struct es_err *err)
{
	struct tail *t = &ix->tail;
	int64_t prev = t->n_row ? t->row[t->n_row - 1].stamp : 0;
	struct tail_row row;
	size_t n;
	int rc;

	if (indexdb_tail(&ix->db, false, after, err))
		return -1;
	while ((rc = indexdb_tail_step(&ix->db, false, &row, err)) == 1) {
		if (row.prev != prev || row.first <= index_tail_last(ix)) {
			bad_row(&row, err);
			break;
		}
		n = t->n_row;
		if (know_row(ix, &row, err)) {
			forget(t, n);
			break;
		}
		prev = row.stamp;
	}
	if (rc == 1)
		indexdb_tail_end(&ix->db, false);
	return rc ? -1 : 0;
}

int index_tail_sync(struct index *ix, struct es_err *err)
{
	struct tail *t = &ix->tail;
	int64_t stamp, after;
	int rc = indexdb_tail_stamp(&ix->db, &stamp, err);

	if (rc < 0)
		return -1;
	if (!rc)
		forget(t, 0);
	if (!rc || (t->n_row && t->row[t->n_row - 1].stamp == stamp))
		return 0;
	return find_known(ix, &after, err) || load_rows(ix, after, err) ? -1 :
	    0;
}

void index_tail_free(struct index *ix)
{
	free(ix->tail.row);
	free(ix->tail.message);
	free(ix->tail.key);
	free(ix->tail.owner);
	free(ix->tail.mark);
}

int64_t index_tail_first(const struct index *ix)
{
	return ix->tail.n_message ? ix->tail.message[0].at.position : 0;
}

int64_t index_tail_last(const struct index *ix)
{
	size_t n = ix->tail.n_message;

	return n ? ix->tail.message[n - 1].at.position : 0;
}

/* Where the keys of message i begin, or end when it is beyond the last. */
size_t index_tail_key(const struct tail *t, size_t i)
{
	return i < t->n_message ? t->message[i].key : t->n_key;
}

/* The first message at a position or above it. */
static size_t first_from(const struct tail *t, int64_t position)
{
	size_t lo = 0, hi = t->n_message;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->message[mid].at.position < position)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/*
 * Put the messages that carry the key, of those from lo up to hi, into
 * ix->list.
 */
static int carriers(struct index *ix, uint64_t key, size_t lo, size_t hi,
    struct es_err *err)
{
	const struct tail *t = &ix->tail;
	size_t i = index_tail_key(t, lo), end = index_tail_key(t, hi);
	struct postings *l = &ix->list;
	const unsigned char *hit;

	l->n = 0;
	if (key == INDEX_EVERY) {
		if (postings_room(l, hi - lo))
			return es_fail_nomem(err);
		for (; lo < hi; lo++)
			l->p[l->n++] = t->message[lo].at;
		return 0;
	}
	for (; i < end; i++) {
		hit = memchr(t->mark + i, mark_of(key), end - i);
		if (!hit)
			break;
		i = (size_t)(hit - t->mark);
		if (t->key[i] != key)
			continue;
		if (postings_room(l, 1))
			return es_fail_nomem(err);
		l->p[l->n++] = t->message[t->owner[i]].at;
	}
	return 0;
}

int index_tail_read(struct index *ix, const struct index_range *r,
    struct posting *out, size_t max, size_t *n, struct es_err *err)
{
	size_t lo = first_from(&ix->tail, r->after + 1);
	size_t hi = first_from(&ix->tail, r->before);

	if (lo >= hi || *n == max)
		return 0;
	if (carriers(ix, r->key, lo, hi, err))
		return -1;
	postings_take(&ix->list, r, out, max, n);
	return 0;
}

int index_tail_count(struct index *ix, uint64_t key, int64_t *count,
    struct es_err *err)
{
	if (carriers(ix, key, 0, ix->tail.n_message, err))
		return -1;
	*count = (int64_t)ix->list.n;
	return 0;
}

int index_tail_walk(struct index *ix, int64_t after, int64_t n_rows,
    int (*visit)(void *arg, uint64_t key, struct posting p,
    struct es_err *err), void *arg, struct es_err *err)
{
	const struct tail *t = &ix->tail;
	size_t i, k = 0;

	forget(&ix->tail, 0);
	if (index_tail_sync(ix, err))
		return -1;
	if ((int64_t)t->n_row != n_rows)
		return es_fail(err, ES_FAILED, "tag_tail: %lld rows, of which "
		    "%zu belong together", (long long)n_rows, t->n_row);
	if (t->n_row && index_tail_first(ix) <= after)
		return es_fail(err, ES_FAILED, "tag_tail: position %lld is "
		    "not after %lld", (long long)index_tail_first(ix),
		    (long long)after);
	for (i = 0; i < t->n_message; i++) {
		const struct posting *at = &t->message[i].at;

		if (visit(arg, INDEX_EVERY, *at, err))
			return -1;
		for (; k < index_tail_key(t, i + 1); k++)
			if (visit(arg, t->key[k], *at, err))
				return -1;
	}
	return 0;
}
