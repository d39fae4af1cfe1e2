/*
 * copy: a whole store, or its beginning, as a store of its own.
 *
 * The copy is of one snapshot; writers go on meanwhile.  It is written row by
 * row, so it holds nothing but what the tables hold: no erased text that a
 * page still has.  It keeps the store's id and begins a new epoch in which
 * executables are held back, store_begin_epoch().
 *
 * It is built in a directory beside its name, TO.copying, which is removed at
 * the end (or by the next copy, if this one is killed), reaches the disk, and
 * then gets its name at once: there is never a half copy.
 */
#ifndef ES_COPY_H
#define ES_COPY_H

#include "buf.h"

struct copy_options {
	bool force;		/* replace the store that is there */
	int64_t as_of;		/* up to this position; -1: no such limit */
	int64_t until;		/* stored until then (micros); 0: no limit */
	/* Told now and then, of about how much; false ends the copy. */
	bool (*progress)(void *ctx, int64_t done, int64_t total);
	void *ctx;
};

/*
 * ES_BUSY when another process makes the same copy, or the store that is to be
 * replaced is busy.  The formats are those that can be read, and the copy has
 * that of its original.  *messages: how many it holds.
 */
int copy_store(const char *from, const char *to, const struct copy_options *,
    int64_t *messages, struct es_err *err);

#endif
