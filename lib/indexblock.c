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

void block_add(struct buf *block, uint64_t distance, int64_t first,
    const struct posting *p, size_t n)
{
	int64_t last = first - 1;
	size_t i;

	varint_add(block, distance);
	varint_add(block, n);
	for (i = 0; i < n; last = p[i++].position)
		chunk_add(block, last, CHUNK_MIXED, p[i]);
}
