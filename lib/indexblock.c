#include "indexblock.h"
#include "tagkey.h"

int run_bad(const struct run *r, const char *why, struct es_err *err)
{
	return es_fail(err, ES_FAILED, "tag_run row %lld: %s",
	    (long long)r->number, why);
}

int block_bad(const struct run *r, struct es_err *err)
{
	return es_fail(err, ES_FAILED, "tag_block row of run %lld: not a list "
	    "of keys", (long long)r->number);
}

bool run_may_have(const struct run *r, uint64_t key)
{
	return !tagkey_is_timed(key) || (key >= r->low && key <= r->high);
}

static int distance_read(const unsigned char **p, const unsigned char *end,
    uint64_t *v)
{
	const unsigned char *q = *p;
	int shift = 0;

	for (*v = 0; q < end && shift < 63; shift += 7, q++) {
		*v |= (uint64_t)(*q & 0x7f) << shift;
		if (*q < 0x80) {
			*p = q + 1;
			return 0;
		}
	}
	return 1;
}

int block_head(const unsigned char **p, const unsigned char *end,
    uint64_t *key, int64_t *n)
{
	uint64_t distance;

	if (distance_read(p, end, &distance) || varint_read(p, end, n) ||
	    *n < 1 || *n > end - *p || distance > INT64_MAX - *key)
		return 1;
	*key += distance;
	return 0;
}

int block_skip(const unsigned char **p, const unsigned char *end,
    int64_t n)
{
	for (n *= 2; n > 0 && *p < end; ++*p)
		n -= **p < 0x80;
	return n > 0;
}

int block_postings(const struct run *r, const unsigned char **p,
    const unsigned char *end, int64_t n, struct postings *l,
    struct es_err *err)
{
	const unsigned char *from = *p;
	int rc;

	l->n = 0;
	if (block_skip(p, end, n))
		return block_bad(r, err);
	rc = chunk_read(l, r->first - 1, CHUNK_MIXED, from,
	    (size_t)(*p - from));
	if (rc < 0)
		return es_fail_nomem(err);
	if (rc > 0 || l->n != (size_t)n || l->p[l->n - 1].position > r->last)
		return block_bad(r, err);
	return 0;
}

int block_open(const struct run *r, const void *data, size_t size,
    struct block *b, struct es_err *err)
{
	const unsigned char *p = data;

	*b = (struct block){.p = p};
	if (size < 2)
		return block_bad(r, err);
	size -= 2;
	b->n_restarts = load16(p + size);
	if (b->n_restarts * RESTART_BYTES >= size)
		return block_bad(r, err);
	b->end = b->restarts = p + size - b->n_restarts * RESTART_BYTES;
	return 0;
}

int block_restart(const struct run *r, const struct block *b, size_t i,
    struct restart *out, struct es_err *err)
{
	const unsigned char *at = b->restarts + i * RESTART_BYTES;

	*out = (struct restart){load64(at), b->p + load16(at + 8)};
	return out->before <= INT64_MAX && out->p > b->p && out->p < b->end ?
	    0 : block_bad(r, err);
}

/* The last place from which a key can be met. */
static int seek(const struct run *r, const struct block *b, uint64_t key,
    struct restart *from, struct es_err *err)
{
	size_t lo = 0, hi = b->n_restarts;
	struct restart at;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (block_restart(r, b, mid, &at, err))
			return -1;
		if (at.before < key) {
			*from = at;
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return 0;
}

int block_find(const struct run *r, const struct block *b, uint64_t h,
    uint64_t key, struct block_place *out, struct es_err *err)
{
	struct restart at = {h, b->p};

	if (seek(r, b, key, &at, err))
		return -1;
	while (at.p < b->end) {
		if (block_head(&at.p, b->end, &at.before, &out->n))
			return block_bad(r, err);
		if (at.before >= key) {
			out->p = at.p;
			return at.before == key;
		}
		if (block_skip(&at.p, b->end, out->n))
			return block_bad(r, err);
	}
	return 0;
}

/* ---- writing ---- */

void block_write(struct block_writer *w, uint64_t key, int64_t first,
    const struct posting *p, size_t n)
{
	unsigned char restart[RESTART_BYTES];
	int64_t last = first - 1;
	size_t i;

	if (w->n == 0)
		w->key = w->before = key;
	else if (w->n % RESTART_KEYS == 0) {
		store64(restart, w->before);
		store16(restart + 8, (uint16_t)w->data.n);
		buf_add(&w->restarts, restart, sizeof restart);
	}
	varint_add(&w->data, key - w->before);
	varint_add(&w->data, n);
	for (i = 0; i < n; last = p[i++].position)
		chunk_add(&w->data, last, CHUNK_MIXED, p[i]);
	w->before = key;
	w->n++;
}

size_t block_size(const struct block_writer *w)
{
	return w->data.n + w->restarts.n + 2;
}

int block_end(struct block_writer *w, struct es_err *err)
{
	unsigned char count[2];

	store16(count, (uint16_t)(w->restarts.n / RESTART_BYTES));
	buf_add_span(&w->data, buf_span(&w->restarts));
	buf_add(&w->data, count, sizeof count);
	return buf_check(&w->restarts, err) || buf_check(&w->data, err) ? -1 :
	    0;
}

void block_clear(struct block_writer *w)
{
	buf_reset(&w->data);
	buf_reset(&w->restarts);
	w->n = 0;
}

void block_free(struct block_writer *w)
{
	buf_free(&w->data);
	buf_free(&w->restarts);
}
