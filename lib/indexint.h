/*
 * indexint: what index.c (life cycle, gathering, the writing of the tail),
 * indexfold.c, indextail.c (what is known of the tail), indexread.c,
 * indexwalk.c, indexrun.c and indexremove.c share.
 *
 * A flush appends to the tail, and when that would reach over more than
 * tail_span positions, folds it, with what was gathered, into the other
 * tables: what belongs to busy keys row by row, the rest as a sorted run.
 */
#ifndef ES_INDEXINT_H
#define ES_INDEXINT_H

#include "indexdb.h"

struct entry {			/* a posting that waits for the flush */
	uint64_t key;
	int64_t position;
	short shape;
};

struct run {			/* a row of tag_run, see indexrun.h */
	int64_t number, first, last, postings;
	uint64_t low, high;
};

/*
 * The tail as it was last looked at, oldest message first.  It is checked
 * against the newest row's stamp at each use, within the caller's transaction,
 * and only rows that are not known are loaded.
 */
struct tail_message {
	struct posting at;
	size_t key;			/* the first of its keys */
};

struct tail_known {			/* a row of tag_tail */
	int64_t stamp;
	size_t message, key;		/* its first ones */
};

struct tail {
	struct tail_known *row;
	struct tail_message *message;
	uint64_t *key;
	uint32_t *owner;		/* of each key: its message */
	unsigned char *mark;		/* of each key: eight bits of it */
	size_t n_row, n_message, n_key;
	size_t cap_row, cap_message, cap_key;
};

struct index {
	struct indexdb db;
	unsigned char secret[16];
	struct entry *wait;
	size_t n_wait, cap_wait;
	int64_t newest;			/* position in wait, 0: none */
	struct tail tail;
	int64_t tail_span;
	bool has_runs;			/* the tables of runs are there */
	struct run *run;		/* oldest first */
	size_t n_run, cap_run;
	struct run_key *run_keys;	/* looked for in these runs */
	struct open_row row;		/* scratch, as are those below */
	struct postings open, chunk, list, merged;
	struct buf data, keys;
};

/* Put "index key K" in front of an error. */
int index_key_at(uint64_t key, struct es_err *err);

/* Decode ix->row, which is a row of tag_open, into ix->open. */
int index_read_open(struct index *ix, struct es_err *err);

/* Gather one message; index_add() without its checks. */
int index_gather(struct index *ix, int64_t position, int shape,
    const uint64_t *keys, size_t n, struct es_err *err);

/* Write the n postings of one key, ascending, into the tables of busy keys. */
int index_write_key(struct index *ix, const struct entry *e, size_t n,
    struct es_err *err);

/*
 * Write all that is gathered, n_new entries, and after them those of the tail,
 * which is older.
 */
int index_fold(struct index *ix, size_t n_new, struct es_err *err);

/* Fold the tail and what is gathered, whatever there is. */
int index_settle(struct index *ix, struct es_err *err);

/*
 * Fail with a chunk of which chunk_read() has said rc; -1.  shape is -1 for one
 * of tag_open.
 */
int index_bad_chunk(int rc, const char *table, int64_t id, int shape,
    int64_t first, struct es_err *err);

/* Decode a row of tag_post into ix->chunk. */
int index_read_post(struct index *ix, int64_t id, int shape,
    const struct post_row *row, struct es_err *err);

/* ---- indextail.c ---- */

/* Bring ix->tail up to date; all below want that. */
int index_tail_sync(struct index *ix, struct es_err *err);
void index_tail_free(struct index *ix);
/* The first and last position in the tail, 0 when it is empty. */
int64_t index_tail_first(const struct index *ix);
int64_t index_tail_last(const struct index *ix);
/* Where in tail.key the keys of message i begin; i may be n_message. */
size_t index_tail_key(const struct tail *t, size_t i);
int64_t index_tail_stamp(const struct index *ix, const struct tail_row *row);
/* Append the range's postings in the tail to out, until *n is max. */
int index_tail_read(struct index *ix, const struct index_range *r,
    struct posting *out, size_t max, size_t *n, struct es_err *err);
int index_tail_count(struct index *ix, uint64_t key, int64_t *count,
    struct es_err *err);
/*
 * The tail's part of index_walk(): loaded anew, it has n_rows and begins after
 * a position.
 */
int index_tail_walk(struct index *ix, int64_t after, int64_t n_rows,
    int (*visit)(void *arg, uint64_t key, struct posting p,
    struct es_err *err), void *arg, struct es_err *err);

#endif
