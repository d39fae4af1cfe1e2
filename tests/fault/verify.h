/*
 * verify: what has to hold of every store, whatever has happened to the
 * programs that wrote it.
 */
#ifndef ES_VERIFY_H
#define ES_VERIFY_H

#include "buf.h"

/* The whole log: line of position p, newline included, is at[p-1] to at[p]. */
struct log {
	struct buf text;
	size_t *at;
	int64_t n;
};

void log_free(struct log *);
struct span log_line(const struct log *, int64_t position);

/*
 * Open the store as a reader, and check: SQLite's integrity check, positions
 * from 1 without gaps, ids and messages one to one, times that do not go back,
 * outcomes of commands that are there, what the index holds against what the
 * messages say.  Then read the log (out may be NULL).  A store that is not
 * there, or has no tables yet, is an error too.
 */
int verify_store(const char *path, struct log *out, struct es_err *);

/*
 * What was acknowledged: each whole line of text must stand in the log under
 * the position that it names, with the same bytes.  *n (may be NULL): how many
 * there were.
 */
int verify_lines(const struct log *, struct span text, int64_t *n,
    struct es_err *);

#endif
