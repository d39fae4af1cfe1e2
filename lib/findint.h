/*
 * findint: what the files of find share.
 */
#ifndef ES_FINDINT_H
#define ES_FINDINT_H

#include "find.h"
#include "plan.h"

#define FIND_PAGE_FIRST 64	/* candidates of the first page */
#define FIND_PAGE_MAX 4096

struct find {
	struct store *store;
	const struct query *query;
	struct query_bounds bounds;
	struct plan plan;
	int64_t head;
	int64_t after, before;	/* what is still to be read, exclusive */
	int64_t left;		/* of the limit; -1: none */
	int64_t covered;
	bool exhausted;		/* no candidates left in (after, before) */
	/* newest matches of the items with `last`, ascending */
	int64_t *last;
	size_t n_last;
	/* the page */
	size_t page;
	struct arena arena;
	struct message *found;
	size_t n, at, cap;	/* n: of the page, whether kept or printed */
	bool as_lines;		/* messages are printed, not kept */
	struct buf lines;
	int64_t reached;	/* the last one of the page */
	int64_t *candidates;
	sqlite3_stmt *scan;	/* of everything */
	size_t rows;		/* that it has met in this page */
	struct es_err fault;	/* what went wrong within it */
};

/* Once, before the first page. */
int find_prepare(struct find *, struct es_err *err);
/*
 * One snapshot, and the store as of it: inside a transaction that is open
 * already, this is that one.
 */
int find_begin(struct store *, bool *began, struct es_err *err);
void find_end(struct store *, bool began);
/*
 * Read the next page of (after, before), in one snapshot, and move that range
 * past it.
 */
int find_page(struct find *, struct es_err *err);

#endif
