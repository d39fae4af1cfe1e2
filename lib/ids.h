/*
 * ids: which message has an id; the table of that name.
 *
 * Rows that a transaction adds wait in memory and are written together, sorted:
 * a statement for each was a tenth of what an append costs.  ids_find() sees
 * those that wait.  The transaction is the store's:
 *
 *   ids_begin -> { ids_find | ids_add | ids_reserve | ids_release }* ->
 *   ids_flush (before COMMIT) | ids_forget (after ROLLBACK)
 *
 * Only ids_find() may be called outside of one.  Nobody else writes the table
 * within it.  Borrows its db and belongs to one thread.
 */
#ifndef ES_IDS_H
#define ES_IDS_H

#include "db.h"

struct ids;

int ids_open(struct db *, const unsigned char secret[16], struct ids **out,
    struct es_err *err);
void ids_close(struct ids *);		/* NULL is fine */

void ids_begin(struct ids *);
int ids_flush(struct ids *, struct es_err *err);
void ids_forget(struct ids *);

/* 1, 0 when it is free, -1.  A reserved one has the negated position. */
int ids_find(struct ids *, struct span id, int64_t *position,
    struct es_err *err);

/* Give a message an id that is free. */
int ids_add(struct ids *, struct span id, int64_t position,
    struct es_err *err);

/* Reserve an id for the schedule at a position, unless it is used. */
int ids_reserve(struct ids *, struct span id, int64_t position,
    struct es_err *err);
int ids_release(struct ids *, struct span id, struct es_err *err);

#endif
