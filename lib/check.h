/*
 * check: whether a store is what its programs wrote; es-check(1).
 *
 * It only reads, takes no lock that a writer waits for, and looks at a store
 * that is being written: what came after the beginning is left alone.  The
 * messages are read page by page, so that the -wal can be emptied meanwhile;
 * SQLite's own checks, the walk over the index, and each smaller table are one
 * snapshot each.  Memory does not grow with the log.
 *
 * Whatever is wrong is told as a finding, one after the other, and the work
 * goes on where that has a meaning.  An error is what keeps it from telling:
 * no such file, another program's file, a newer format, busy, no memory.
 *
 * One thread.  Nothing is kept between calls.
 */
#ifndef ES_CHECK_H
#define ES_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct check_finding {
	const char *table;	/* "message"; "file" for the whole */
	const char *row;	/* which: "17", "17 to 29", or "" */
	int64_t position;	/* of the message, or 0 */
	const char *what;	/* the check: "digest" */
	const char *expected, *found;	/* one line each, escaped */
};

/* What a check is told; the texts live until the function returns. */
struct check_listener {
	/* -1 with err filled in ends the check */
	int (*finding)(void *ctx, const struct check_finding *,
	    struct es_err *err);
	/* how far: total 0 where that is not known; may be NULL */
	void (*progress)(void *ctx, const char *phase, int64_t done,
	    int64_t total);
	void *ctx;
};

struct check_summary {
	char store[40], epoch[40];	/* empty where they cannot be read */
	int64_t format;
	int64_t messages;		/* read and looked at */
	int64_t findings;
};

/* 0 when all was looked at, whatever was found. */
int check_store(const char *path, const struct check_listener *,
    struct check_summary *, struct es_err *err);

#endif
