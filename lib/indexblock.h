/*
 * indexblock: the bytes of a block (indexrun.h).  Nothing in them is trusted.
 */
#ifndef ES_INDEXBLOCK_H
#define ES_INDEXBLOCK_H

#include "indexrun.h"

/* Fail with the run's row, or with one of its blocks; -1. */
int run_bad(const struct run *r, const char *why, struct es_err *err);
int block_bad(const struct run *r, struct es_err *err);

/* Whether the key is in the range of those in the order of time. */
bool run_may_have(const struct run *r, uint64_t key);

/*
 * Pass a key, which *key is before it, and the number of its postings; 1 when
 * that is no such thing.
 */
int block_head(const unsigned char **p, const unsigned char *end,
    uint64_t *key, int64_t *n);
/* Pass n postings; 1 when there are fewer. */
int block_skip(const unsigned char **p, const unsigned char *end, int64_t n);
/* Pass n postings and decode them into l. */
int block_postings(const struct run *r, const unsigned char **p,
    const unsigned char *end, int64_t n, struct postings *l,
    struct es_err *err);

/* Add a key, so far from the one before, of a run that begins at first. */
void block_add(struct buf *block, uint64_t distance, int64_t first,
    const struct posting *p, size_t n);

#endif
