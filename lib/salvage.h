/*
 * salvage: every message of a damaged store that is whole; es-check(1).
 *
 * A message is whole when its digest says so, whatever else is broken.  They
 * come in the order of their positions, each once, as the lines that es-query
 * would print.  First SQLite is asked, page by page, around what it cannot
 * read; for what is missing then, the pages of the file are read one by one,
 * without their order, and after them those in the -wal.
 *
 * One thread.  Nothing is kept between calls.
 */
#ifndef ES_SALVAGE_H
#define ES_SALVAGE_H

#include "buf.h"

struct salvage_listener {
	/* a line with its newline; -1 with err filled in ends it */
	int (*line)(void *ctx, struct span line, struct es_err *err);
	/* what is lost, and why, one line */
	void (*lost)(void *ctx, const char *text);
	/* may be NULL; total 0: not known */
	void (*progress)(void *ctx, const char *phase, int64_t done,
	    int64_t total);
	void *ctx;
};

struct salvage_summary {
	int64_t printed, lost;
	bool uncertain;		/* whether there was more cannot be told */
};

/* 0 when all was tried, whatever is lost. */
int salvage_store(const char *path, const struct salvage_listener *,
    struct salvage_summary *, struct es_err *err);

#endif
