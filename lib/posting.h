/*
 * posting: chunks of postings as bytes.
 *
 * A *mixed* chunk holds, for each posting, the varint of its distance to the
 * one before and the varint of its shape; a *plain* chunk, whose postings are
 * all of one shape, only the distances.  A chunk's base stands in for the
 * posting before the first, so every distance is at least 1: positions ascend.
 * Varints are of 7 bits a byte, lowest first.
 *
 * Nothing that a chunk may hold is trusted: chunk_read() checks that its
 * varints are whole, its positions ascend and stay within
 * INDEX_POSITION_MAX, and its shapes are below INDEX_SHAPES.
 */
#ifndef ES_POSTING_H
#define ES_POSTING_H

#include "buf.h"
#include "index.h"

#define CHUNK_MIXED (-1)	/* as a shape: the chunk says each posting's */

/* Postings that grow; a zeroed one is empty.  p may move as it grows. */
struct postings {
	struct posting *p;
	size_t n, cap;
};

/* Make room for n more; -1 when out of memory. */
int postings_room(struct postings *l, size_t n);
int postings_add(struct postings *l, int64_t position, int shape);
void postings_free(struct postings *l);

/*
 * varint_read() moves *p past the varint; 1 when it is cut off or has more
 * than 49 bits, which is above INDEX_POSITION_MAX.
 */
void varint_add(struct buf *b, uint64_t v);
int varint_read(const unsigned char **p, const unsigned char *end, int64_t *v);

/* Append postings to the bytes of a chunk whose newest position is last. */
void chunk_add(struct buf *data, int64_t last, int shape, struct posting p);

/*
 * Decode a chunk to the end of l.  shape is that of a plain chunk, or
 * CHUNK_MIXED.  Returns 0, 1 when the bytes are no chunk, -1 when out of
 * memory.
 */
int chunk_read(struct postings *l, int64_t base, int shape, const void *data,
    size_t n);

/* Whether the range, whose before is not 0, wants p; its key is not asked. */
bool posting_wanted(const struct index_range *r, struct posting p);

/*
 * Copy what the range (its before is never 0) wants of an ascending list to
 * the end of out, in the range's order, until *n is max.
 */
void postings_take(const struct postings *l, const struct index_range *r,
    struct posting *out, size_t max, size_t *n);

/* Merge l into out[0..*n), both in order, keep the first max; -1: memory. */
int postings_merge(struct postings *scratch, const struct postings *l,
    bool reverse, struct posting *out, size_t max, size_t *n);

#endif
