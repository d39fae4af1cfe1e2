/*
 * erase: messages are taken out of a store, all of them or none; DESIGN
 * "Deletion".
 *
 *   erasure_open -> erasure_add* -> erasure_end -> store_commit ->
 *   store_erase_clean -> erasure_close
 *
 * erasure_open() begins the store's transaction.  erasure_end() takes along
 * what es itself has told of the erased messages (an es.command_rejected has
 * the command's keys, an es.partition_parked the reason), makes the groups
 * forget, and appends an es.message_erased {id, position, type} for each.
 * Nothing of it counts before store_commit(), which is the caller's; after an
 * error the transaction has to be rolled back.
 *
 * What has no name in the log is not looked for: an event into which a handler
 * has copied a value is a message of its own, and has to be erased as well.
 *
 * Borrows the store.  Errors of erasure_add() are without a place.
 */
#ifndef ES_ERASE_H
#define ES_ERASE_H

#include "group.h"
#include "spool.h"

struct erasure;

int erasure_open(struct store *, struct erasure **out, struct es_err *err);
/*
 * Erase the message with this id; one that is erased already stays as it is.
 * position: where it has to stand, 0: anywhere.  ES_FAILED for an id that is
 * not there, and for what cannot be erased.
 */
int erasure_add(struct erasure *, struct span id, int64_t position,
    struct es_err *err);
/* The lines of the events go to `lines`. */
int erasure_end(struct erasure *, struct spool *lines, struct es_err *err);
/* How many messages were erased by it, those that were taken along too. */
size_t erasure_count(const struct erasure *);
void erasure_close(struct erasure *);

#endif
