/*
 * indexrun: sorted runs, in which the index has the keys that are not busy.
 *
 * tag_run    run -> first, last, postings, low, high
 * tag_block  run, h -> data
 *
 * A run has postings of a stretch of the log, positions first to last, sorted
 * by key; `postings` is how many.  Runs with higher numbers are newer, and all
 * of each is newer than all of the one before.  low and high bound its keys in
 * the order of time (tagkey.h), 0 when it has none: a key outside cannot be in
 * the run.  They tell the time alone, so that no key is left in them that was
 * removed.
 *
 * A block begins with key h.  For each key it has the varint of the distance to
 * the key before (for the first: 0), the varint of the number of postings, and
 * those as in a mixed chunk whose base is the run's first less one.  All of a
 * key's postings in a run are in one block.  Behind the keys it has restart
 * points, so that a key is found without reading all before it: of each 16th
 * key, but for the first, the key before it, 8 bytes, and where it begins, 2
 * bytes; and last how many there are, 2 bytes, all with the lowest byte first.
 *
 * The runs form a log-structured merge tree (O'Neil, Cheng, Gawlick, O'Neil,
 * 1996): indexmerge.c adds one at each fold, and merges it with the newest when
 * there are many of its size.
 *
 * Functions that look for something return 1 when it is there, 0 when not, -1
 * on error.
 */
#ifndef ES_INDEXRUN_H
#define ES_INDEXRUN_H

#include "indexint.h"

/*
 * Bring ix->run, oldest first, up to date with the transaction's snapshot; all
 * below want that.  run_sync() looks only at the newest, so the older ones may
 * have other numbers of postings than in their rows; run_load() reads them all.
 */
int run_sync(struct index *ix, struct es_err *err);
int run_load(struct index *ix, struct es_err *err);

/* What a key has in all runs, until the next call. */
int run_find(struct index *ix, uint64_t key, const struct postings **out,
    struct es_err *err);

/* Free what ix has of runs. */
void run_forget(struct index *ix);

/* Take a posting away from a key. */
int run_remove(struct index *ix, uint64_t key, int64_t position,
    struct es_err *err);

/* ---- one run from its first key to its last ---- */

struct run_cursor {
	const struct run *run;
	uint64_t key;
	struct postings list;		/* the key's */
	struct buf block;
	size_t at, nth;			/* in the block: what comes next */
	bool done;			/* with the block */
	int64_t blocks, postings;	/* met */
};

/* r must stay until the cursor is freed. */
void run_cursor_begin(struct run_cursor *c, const struct run *r);
/* The next key, and its postings. */
int run_cursor_next(struct index *ix, struct run_cursor *c,
    struct es_err *err);
void run_cursor_free(struct run_cursor *c);

/* ---- writing one ---- */

struct block_writer {			/* see indexblock.h; zeroed is empty */
	struct buf data, restarts;
	uint64_t key, before;		/* the first key, the last one */
	size_t n;			/* keys */
};

struct run_writer {
	struct run run;			/* number, first and last are set */
	struct block_writer block;
};

/* Keys ascend, and so do the postings of each, of which there are n >= 1. */
int run_write(struct index *ix, struct run_writer *w, uint64_t key,
    const struct posting *p, size_t n, struct es_err *err);
/*
 * Write what is left, and the run's row, also when it has no postings: its
 * number tells others that something has changed.
 */
int run_write_end(struct index *ix, struct run_writer *w, struct es_err *err);

/* Remove a run with its blocks. */
int run_drop(struct index *ix, const struct run *r, struct es_err *err);

/* ---- the keys in tag_key, beside those of a run ---- */

struct table_cursor {		/* zeroed: at the beginning */
	uint64_t key;		/* the least above those asked for, or MAX */
	int64_t id;
};

/* Whether a key is in tag_key; asked for in ascending order. */
int table_cursor_find(struct index *ix, struct table_cursor *t, uint64_t key,
    struct es_err *err);

/*
 * Visit every posting of every run (index_walk()); newest: the last position
 * of all that is folded.
 */
int run_walk(struct index *ix, int (*visit)(void *arg, uint64_t key,
    struct posting p, struct es_err *err), void *arg, int64_t newest,
    struct es_err *err);

#endif
