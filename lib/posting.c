#include <stdlib.h>
#include <string.h>

#include "posting.h"

int postings_room(struct postings *l, size_t n)
{
	size_t cap = l->cap ? l->cap : 64;
	struct posting *p;

	if (l->n + n <= l->cap)
		return 0;
	while (cap < l->n + n)
		cap *= 2;
	p = realloc(l->p, cap * sizeof *p);
	if (!p)
		return -1;
	l->p = p;
	l->cap = cap;
	return 0;
}

int postings_add(struct postings *l, int64_t position, int shape)
{
	if (postings_room(l, 1))
		return -1;
	l->p[l->n++] = (struct posting){position, shape};
	return 0;
}

void postings_free(struct postings *l)
{
	free(l->p);
	*l = (struct postings){0};
}

void varint_add(struct buf *b, uint64_t v)
{
	while (v > 0x7f) {
		buf_addc(b, (char)(v | 0x80));
		v >>= 7;
	}
	buf_addc(b, (char)v);
}

int varint_read(const unsigned char **p, const unsigned char *end, int64_t *v)
{
	const unsigned char *q = *p;
	int shift = 0;
	int64_t r = 0;

	for (; q < end && shift < 49; shift += 7, q++) {
		r |= (int64_t)(*q & 0x7f) << shift;
		if (*q < 0x80) {
			*p = q + 1;
			*v = r;
			return 0;
		}
	}
	return 1;
}

void chunk_add(struct buf *data, int64_t last, int shape, struct posting p)
{
	varint_add(data, (uint64_t)(p.position - last));
	if (shape == CHUNK_MIXED)
		varint_add(data, (uint64_t)p.shape);
}

int chunk_read(struct postings *l, int64_t base, int shape, const void *data,
    size_t n)
{
	const unsigned char *p = data, *end = p + n;
	int64_t at = base, step, s = shape;

	if (postings_room(l, shape == CHUNK_MIXED ? n / 2 : n))
		return -1;
	while (p < end) {
		if (varint_read(&p, end, &step) || step < 1 ||
		    step > INDEX_POSITION_MAX - at)
			return 1;
		at += step;
		if (shape == CHUNK_MIXED && (varint_read(&p, end, &s) ||
		    s >= INDEX_SHAPES))
			return 1;
		l->p[l->n++] = (struct posting){at, (int)s};
	}
	return 0;
}

bool posting_wanted(const struct index_range *r, struct posting p)
{
	size_t lo = 0, hi = r->nshapes;

	if (p.position <= r->after || p.position >= r->before)
		return false;
	if (!r->shapes)
		return true;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (r->shapes[mid] < p.shape)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < r->nshapes && r->shapes[lo] == p.shape;
}

void postings_take(const struct postings *l, const struct index_range *r,
    struct posting *out, size_t max, size_t *n)
{
	size_t i;

	for (i = 0; i < l->n && *n < max; i++) {
		struct posting p = l->p[r->reverse ? l->n - 1 - i : i];

		if (posting_wanted(r, p))
			out[(*n)++] = p;
	}
}

int postings_merge(struct postings *scratch, const struct postings *l,
    bool reverse, struct posting *out, size_t max, size_t *n)
{
	struct postings *m = scratch;
	size_t i = 0, j = 0;

	m->n = 0;
	if (postings_room(m, max))
		return -1;
	while (m->n < max && (i < *n || j < l->n)) {
		bool old = j == l->n || (i < *n &&
		    (out[i].position < l->p[j].position) != reverse);

		m->p[m->n++] = old ? out[i++] : l->p[j++];
	}
	memcpy(out, m->p, m->n * sizeof *out);
	*n = m->n;
	return 0;
}
