/*
 * indexblock: the bytes of a block (indexrun.h).  Nothing in them is trusted.
 */
#ifndef ES_INDEXBLOCK_H
#define ES_INDEXBLOCK_H

#include "indexrun.h"

#define RESTART_KEYS 16
#define RESTART_BYTES 10

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

/* ---- a block ---- */

struct block {
	const unsigned char *p, *end;	/* the keys */
	const unsigned char *restarts;
	size_t n_restarts;
};

/* Borrows the bytes. */
int block_open(const struct run *r, const void *data, size_t size,
    struct block *b, struct es_err *err);

struct restart {
	uint64_t before;		/* the key before that at p */
	const unsigned char *p;
};

int block_restart(const struct run *r, const struct block *b, size_t i,
    struct restart *out, struct es_err *err);

struct block_place {
	const unsigned char *p;		/* a key's postings */
	int64_t n;
};

/* Look for a key in a block that begins with key h: 1, 0, -1. */
int block_find(const struct run *r, const struct block *b, uint64_t h,
    uint64_t key, struct block_place *out, struct es_err *err);

/* Add a key, of a run that begins at first. */
void block_write(struct block_writer *w, uint64_t key, int64_t first,
    const struct posting *p, size_t n);
/* Its bytes, were it ended now. */
size_t block_size(const struct block_writer *w);
/* Complete w->data; -1 when memory was missing for any of it. */
int block_end(struct block_writer *w, struct es_err *err);
void block_clear(struct block_writer *w);
void block_free(struct block_writer *w);

#endif
