/*
 * indexint: what index.c, which writes, and indexread.c share.
 */
#ifndef ES_INDEXINT_H
#define ES_INDEXINT_H

#include "indexdb.h"

struct entry {			/* a posting that waits for the flush */
	uint64_t key;
	int64_t position;
	short shape;
	short slot;
};

struct index {
	struct indexdb db;
	unsigned char secret[16];
	struct entry *wait;
	size_t n_wait, cap_wait;
	int64_t newest;			/* position in wait, 0: none */
	struct open_row row;		/* scratch, as are those below */
	struct postings open, chunk, list, merged;
	struct buf data;
};

/* Put "index key K" in front of an error. */
int index_key_at(uint64_t key, struct es_err *err);

/* Decode ix->row, which is a row of tag_open, into ix->open. */
int index_read_open(struct index *ix, struct es_err *err);

#endif
