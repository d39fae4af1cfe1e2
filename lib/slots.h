/*
 * slots: which partition's state is in which slot of a jq worker; fold's.
 *
 * A slot is found by the partition's text and says up to which position the
 * log was folded into it.  A new partition takes the slot that was used
 * longest ago; one that is busy (an operation on it is under way) is passed
 * over.  Zeroed is not valid: slots_open() first.
 */
#ifndef ES_SLOTS_H
#define ES_SLOTS_H

#include <stdbool.h>
#include <stdint.h>
#include "buf.h"

struct slots;

int slots_open(unsigned n, struct slots **out, struct es_err *err);
void slots_close(struct slots *);

/* The slot of a partition, or -1; it becomes the one used last. */
int slots_find(struct slots *, struct span key);
/* The same, taking one where there is none; -1: all are busy, or no memory. */
int slots_take(struct slots *, struct span key);

int64_t slots_position(const struct slots *, int slot);	/* -1: no state */
void slots_set(struct slots *, int slot, int64_t position);
bool slots_busy(const struct slots *, int slot);
void slots_set_busy(struct slots *, int slot, bool busy);
/* The worker's states are gone, all of them. */
void slots_forget(struct slots *);

#endif
