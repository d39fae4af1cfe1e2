/*
 * layouts: the ways to lay out the index that tests/bench/layouts.c compares.
 * Prototypes for measuring, not for keeping; LAYOUTS.md tells what came out.
 *
 * floor  one table with one TEXT column: what SQLite can do at most
 * none   the store's rows and ids, without any index of tags
 * N      (key, position, shape) rows under interned keys
 * P      a mixed chunk a key, moved to older chunks when full
 * P2     the same, but full chunks are spread over chunks by shape
 * L2     P2 behind a tail: the last 4,000 messages' postings stand in a few
 *        rows that are only appended to, and are folded into P2 at once
 * es0    lib/index without its tail: sorted runs, and P2 for busy keys
 * es     lib/index: es0 behind a tail of 2,000 messages
 * es4    with a tail of 4,000
 */
#ifndef ES_BENCH_LAYOUTS_H
#define ES_BENCH_LAYOUTS_H

#include <sqlite3.h>

#include "index.h"
#include "posting.h"

#define N_LAYOUTS 9
#define TAIL_MESSAGES 4000

struct entry {
	uint64_t key;
	int64_t position;
	int shape;
};

struct layout;

struct layout_kind {
	const char *name, *schema;
	/* write the postings of one key, ascending */
	void (*put)(struct layout *l, const struct entry *e, size_t n);
	void (*read)(struct layout *l, const struct index_range *r,
	    struct posting *out, size_t max, size_t *n);
	bool messages;			/* has the store's rows */
	bool tail, es;
};

struct layout {
	const struct layout_kind *kind;
	sqlite3 *db;
	struct index *ix;		/* es only */
	sqlite3_stmt *st[12];		/* by put and read */
	sqlite3_stmt *message, *ids, *raw, *fetch;
	struct entry *wait;		/* since the last fold */
	size_t n_wait, cap_wait;
	size_t kept;			/* of wait: in the tail's rows */
	int64_t tail_first;		/* position of the tail's first */
	int64_t next;			/* position of the next message */
	double seconds[4], worst[4];	/* by mode */
	int64_t messages[4], pages[4], bytes;
	double us[4];			/* by read */
	size_t found[4];
};

extern const struct layout_kind layout_kinds[N_LAYOUTS];

void die(const char *what, sqlite3 *db);
/* span: of the tail of es; 0: as it is. */
void layout_open(struct layout *l, const char *path, int64_t span);
void layout_add(struct layout *l, int64_t position, int shape,
    const uint64_t *keys, size_t n);
void layout_flush(struct layout *l);	/* before COMMIT */
void layout_read(struct layout *l, const struct index_range *r,
    struct posting *out, size_t max, size_t *n);

#endif
