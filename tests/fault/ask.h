/*
 * ask: everything that can be asked of a store, answered in one digest.
 */
#ifndef ES_ASK_H
#define ES_ASK_H

#include "buf.h"

/* The log, line by line: line i is start[i] to start[i + 1] of the text. */
struct ask_lines {
	struct buf text;
	size_t *start;
	size_t n;
};

/* Remember what the messages of a store are found by, to be asked for. */
int ask_remember(const char *path, struct es_err *err);

/*
 * messages: all but the tables beside them.  The log is added to `keep`, where
 * that is not NULL.  -1 when something could not be answered.
 */
int ask_store(const char *path, bool messages, struct ask_lines *keep,
    unsigned char out[32], struct es_err *err);

#endif
