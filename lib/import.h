/*
 * import: the lines of an export, stored as they were; es-append(1).
 *
 *   import_begin -> import_line* -> import_end -> import_free
 *
 * All within one transaction of the store, between store_begin() and
 * store_commit(): an import that does not come to its end has not been.
 *
 * What a log is made of is kept: positions, ids, times, versions, causes, the
 * toolkit's own messages, and with these the catalog: each message is found by
 * what the catalog said of it when it was stored.  What an export does not
 * tell is made anew: digests, and an outcome for each command, so that none is
 * decided again.  The log goes on in a new epoch, and its groups are stopped.
 *
 * A zeroed struct import is valid and nothing.  Errors as in store.h: what is
 * wrong with a line has no place in front, and after any error only a rollback
 * is left.
 */
#ifndef ES_IMPORT_H
#define ES_IMPORT_H

#include "store.h"

/* What the messages behind a command say of its outcome. */
struct import_outcome {
	int64_t command;		/* 0: none */
	int64_t first, last;		/* what it has caused */
	bool rejected;
};

struct import {
	/* private */
	struct store *store;
	struct message_scratch scratch;
	struct import_outcome run;
	int64_t handler;		/* of what is told of outcomes, or 0 */
	size_t unflushed;
	sqlite3_stmt *erased, *decided;
};

/* ES_FAILED when the store has a message already. */
int import_begin(struct import *, struct store *, struct es_err *);

/*
 * The next message, a line of es-query without its newline.  *printed is the
 * line as es-query will print it, with its newline, until the next call.
 */
int import_line(struct import *, const char *p, size_t n,
    struct span *printed, struct es_err *);

/* Outcomes, groups, epoch; nothing when there was no line. */
int import_end(struct import *, struct es_err *);

void import_free(struct import *);

#endif
