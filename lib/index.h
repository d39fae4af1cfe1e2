/*
 * index: from a key (the hash of a tag) to the messages that carry it.
 *
 * A *posting* is a message's position and its *shape*, the interned number of
 * its type together with the names that it carries.  Each key has its postings
 * in ascending position; key INDEX_EVERY has all messages, so a query by types
 * alone is that key restricted to shapes.  A busy key's postings are kept
 * apart by shape, so a read that names shapes walks no others; those of the
 * other keys are sorted together into runs, so that many keys cost few pages
 * (es-store(5) tells the layout).
 *
 * Keys are made by index_key() with the store's secret.  Two tags may share a
 * key, if rarely, and a message is found under it for either: what comes out
 * is a superset, and the reader checks the message's own tags.  A message that
 * carries a key twice has one posting.
 *
 * Transactions are the caller's; a read without one has one of its own.
 * index_add() wants the store's write transaction, as index_remove() does, and
 * gathers in memory; index_flush() writes what was gathered and must come
 * before COMMIT (and before a SAVEPOINT that may be rolled back to).  After
 * ROLLBACK, or ROLLBACK TO, call index_rollback(), which forgets what was
 * gathered, and the list of the runs.  What is in memory of the stored index,
 * its newest part and that list, is compared with the transaction's own
 * snapshot by each call, so it does not matter what others commit meanwhile.
 * With postings gathered a read flushes first, so a writer reads what it added.
 * No statement stays active between calls.
 *
 * A struct index borrows its sqlite3 connection, which must outlive it, and
 * belongs to one thread.  Errors are ES_FAILED with a text that names key and
 * row when the stored index is damaged, ES_BUSY when SQLite is busy; after an
 * error of a writing call roll the transaction back.
 */
#ifndef ES_INDEX_H
#define ES_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "err.h"

#define INDEX_SHAPES 4096	/* shapes are 0 to INDEX_SHAPES - 1 */
#define INDEX_KEYS 64		/* keys a message at most, INDEX_EVERY aside */
#define INDEX_POSITION_MAX ((INT64_C(1) << 45) - 1)
#define INDEX_EVERY UINT64_C(0)	/* the key of every message */
#define INDEX_TAIL 2000		/* positions kept back from the tables */

struct sqlite3;
struct index;

struct posting {
	int64_t position;
	int shape;
};

/*
 * Which postings: those of key, of one of the shapes (ascending, each once;
 * NULL for any shape), with after < position < before.  "Anything after N?" is
 * after = N, reverse, max 1: it reads a few rows however long the log is.
 */
struct index_range {
	uint64_t key;
	const int *shapes;
	size_t nshapes;
	int64_t after;		/* 0: from the start */
	int64_t before;		/* 0: to the end */
	bool reverse;		/* newest first */
};

/* CREATE statements for a new store: the tables, and those of its runs. */
extern const char index_schema[], index_run_schema[];

/* runs: it has the tables of runs, which it had not before format 3. */
int index_open(struct sqlite3 *db, const unsigned char secret[16], bool runs,
    struct index **out, struct es_err *err);
void index_close(struct index *ix);	/* NULL is fine */

/* The key of the tag p[0..n), never INDEX_EVERY. */
uint64_t index_key(const struct index *ix, const char *p, size_t n);

/*
 * Add a message under its keys and under INDEX_EVERY.  Positions must ascend.
 */
int index_add(struct index *ix, int64_t position, int shape,
    const uint64_t *keys, size_t n, struct es_err *err);
int index_flush(struct index *ix, struct es_err *err);
void index_rollback(struct index *ix);

/*
 * Take a message's postings away from its keys, and give its posting under
 * INDEX_EVERY another shape: what an erased message is found by.  A key that is
 * left without postings is gone.  Costs a fold of the tail, and for a key whose
 * first message it was, the writing of all its rows.  ES_FAILED when a posting
 * is not there.
 */
int index_remove(struct index *ix, struct posting p, int shape,
    const uint64_t *keys, size_t n, struct es_err *err);

/*
 * Fill out with the first max postings of the range in its order; *n says how
 * many there were.  Fewer than max means that the range ends there; else go
 * on with after (reverse: before) moved to the last position.
 */
int index_read(struct index *ix, const struct index_range *r,
    struct posting *out, size_t max, size_t *n, struct es_err *err);

/*
 * How many postings the key has, at most, of any shape: at no cost that grows
 * with their number, so that the rarest of several keys can drive.
 */
int index_count(struct index *ix, uint64_t key, int64_t *count,
    struct es_err *err);

/*
 * Visit every posting of the index, in some order, and check the index's own
 * consistency on the way.  visit returns 0 to go on, or -1 with err filled; it
 * must not use ix.
 */
int index_walk(struct index *ix, int (*visit)(void *arg, uint64_t key,
    struct posting p, struct es_err *err), void *arg, struct es_err *err);

/* Index rows read since it was opened, for tests of what a read costs. */
uint64_t index_rows_read(const struct index *ix);

/* Keep another number of positions back than INDEX_TAIL, for measuring. */
void index_set_tail(struct index *ix, int64_t span);

#endif
