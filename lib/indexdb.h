/*
 * indexdb: the rows in which SQLite holds the index (see index.h).
 *
 * tag_key   h -> id          a busy key, and its id
 * tag_open  id -> data       a mixed chunk: the newest postings of the id
 * tag_post  id, shape, first -> data   plain chunks: older ones, by shape
 * tag_tail  first -> meta, keys        the newest messages, not folded yet
 *
 * and, for the keys that are not busy, tag_run and tag_block (indexrun.h).
 *
 * The id of a key is made of the first posting that it has here: position,
 * shape, and a slot, for a message may be the first of several keys (see
 * indexdb_id()).  INDEX_EVERY has id 0 and no row in tag_key.  A key whose
 * first posting was removed has another id, see indexremove.c.
 *
 * Before format 3 all keys were here, and they stay.  A key that was used once
 * had no row but that in tag_key, and the slot was its place among the
 * message's keys.
 *
 * All postings of a tag_open row are newer than those of its id in tag_post;
 * `spilled` counts the latter.  The base of an open chunk is the position in
 * the id less one, that of a tag_post chunk is `first` less one.
 *
 * A row of tag_tail has messages in ascending position, from `first` to
 * `last`: meta holds three varints a message (distance to the one before, for
 * the first from first - 1; shape; number of keys), keys the keys of all, 8
 * bytes each, lowest first.  All of the tail is newer than all in the other
 * tables.  A row's stamp is a hash of what it holds and of prev, which is the
 * stamp of the row before, or 0 in the first.  Only the newest row ever
 * changes, so its stamp stands for the whole tail.
 *
 * Statements are prepared at first use and reset before a function returns,
 * except where it says otherwise.  Functions that look for a row return 1
 * when there is one, 0 when not, -1 on error.
 */
#ifndef ES_INDEXDB_H
#define ES_INDEXDB_H

#include "posting.h"

enum indexdb_sql {
	SQL_KEY_FIND, SQL_KEY_OPEN, SQL_KEY_ADD,
	SQL_OPEN_FIND, SQL_OPEN_ADD, SQL_OPEN_SET,
	SQL_POST_DOWN, SQL_POST_UP, SQL_POST_ADD, SQL_POST_SET, SQL_POST_SHAPE,
	SQL_TAIL_DOWN, SQL_TAIL_UP, SQL_TAIL_STAMP, SQL_TAIL_ADD,
	SQL_TAIL_SET, SQL_TAIL_CLEAR, SQL_KEYS, SQL_ROWS,
	/* of indexrun.c and indexrunscan.c: */
	SQL_RUN_NEWEST, SQL_RUNS, SQL_RUN_ADD, SQL_RUN_SET, SQL_RUN_REMOVE,
	SQL_BLOCK_FIND, SQL_BLOCK_NEXT, SQL_BLOCK_ADD, SQL_BLOCK_SET,
	SQL_BLOCK_REMOVE, SQL_BLOCKS_REMOVE, SQL_BLOCKS,
	/* of indexremove.c: */
	SQL_KEY_SET, SQL_KEY_REMOVE, SQL_OPEN_REMOVE, SQL_POST_REMOVE,
	SQL_POST_MOVE, SQL_COUNT
};

struct indexdb {
	struct sqlite3 *db;		/* borrowed */
	struct sqlite3_stmt *st[SQL_COUNT];
	uint64_t rows_read;
};

struct open_row {
	int64_t id, spilled, last;
	struct buf data;		/* reused from row to row */
};

struct post_row {
	int64_t first, last;
	const void *data;		/* until the statement moves */
	size_t n;
};

struct tail_row {
	int64_t first, last, stamp, prev;
	const unsigned char *meta, *keys;	/* until the statement moves */
	size_t n_meta, n_keys;			/* bytes */
};

void indexdb_close(struct indexdb *d);

/* Begin a read transaction, unless there is one; end it if it was begun. */
int indexdb_begin(struct indexdb *d, bool *begun, struct es_err *err);
void indexdb_end(struct indexdb *d, bool begun);

int64_t indexdb_id(struct posting p, int slot);
struct posting indexdb_id_posting(int64_t id);
int64_t indexdb_base(int64_t id);

int indexdb_key(struct indexdb *d, uint64_t key, int64_t *id,
    struct es_err *err);
/* Give a key an id; 1, or 0 when it has one. */
int indexdb_key_add(struct indexdb *d, uint64_t key, int64_t id,
    struct es_err *err);

int indexdb_open_row(struct indexdb *d, int64_t id, struct open_row *row,
    struct es_err *err);
/*
 * indexdb_key() and indexdb_open_row() in one: 1 with the row, 0 when the key
 * has an id (row->id) and no row, or has none (row->id is 0).
 */
int indexdb_key_open(struct indexdb *d, uint64_t key, struct open_row *row,
    struct es_err *err);
/* is_new: the row was not there. */
int indexdb_open_save(struct indexdb *d, const struct open_row *row,
    bool is_new, struct es_err *err);

/*
 * Walk the chunks of (id, shape): down from the newest whose first is at most
 * `from`, or up from the oldest whose first is above it.  Then step until it
 * returns 0 or -1; to stop earlier call indexdb_post_end().
 */
int indexdb_post(struct indexdb *d, bool down, int64_t id, int shape,
    int64_t from, struct es_err *err);
int indexdb_post_step(struct indexdb *d, bool down, struct post_row *row,
    struct es_err *err);
void indexdb_post_end(struct indexdb *d, bool down);

/* The lowest shape from *shape up of which the id has chunks. */
int indexdb_post_shape(struct indexdb *d, int64_t id, int *shape,
    struct es_err *err);
int indexdb_post_save(struct indexdb *d, int64_t id, int shape, int64_t first,
    int64_t last, struct span data, bool is_new, struct es_err *err);

/* The stamp of the newest row. */
int indexdb_tail_stamp(struct indexdb *d, int64_t *stamp, struct es_err *err);
/* Walk the rows begun after a position, newest first or oldest first. */
int indexdb_tail(struct indexdb *d, bool down, int64_t after,
    struct es_err *err);
int indexdb_tail_step(struct indexdb *d, bool down, struct tail_row *row,
    struct es_err *err);
void indexdb_tail_end(struct indexdb *d, bool down);
int indexdb_tail_save(struct indexdb *d, const struct tail_row *row,
    bool is_new, struct es_err *err);
int indexdb_tail_clear(struct indexdb *d, struct es_err *err);

/* The least key above *key, with its id (for a walk over all). */
int indexdb_key_next(struct indexdb *d, uint64_t *key, int64_t *id,
    struct es_err *err);
/* How many rows the tables have. */
int indexdb_count(struct indexdb *d, int64_t *open, int64_t *post,
    int64_t *tail, struct es_err *err);

/* Run a statement that gives no rows, with n integers for its parameters. */
int indexdb_run(struct indexdb *d, enum indexdb_sql which, const int64_t *v,
    int n, struct es_err *err);

/* ---- for indextailrow.c, indexrun.c, indexrunscan.c ---- */

/* A statement with its first n parameters bound; NULL with err filled. */
struct sqlite3_stmt *indexdb_statement(struct indexdb *d,
    enum indexdb_sql which, const int64_t *v, int n, struct es_err *err);

#define STATEMENT(d, which, err, ...) indexdb_statement(d, which, \
	(int64_t[]){__VA_ARGS__}, \
	sizeof (int64_t[]){__VA_ARGS__} / sizeof (int64_t), err)

/* Step a query; end it when it is at its end or failed. */
int indexdb_step(struct indexdb *d, struct sqlite3_stmt *st,
    struct es_err *err);
int indexdb_execute(struct indexdb *d, struct sqlite3_stmt *st,
    struct es_err *err);

#endif
