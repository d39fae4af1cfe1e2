/*
 * decide: what came of a message is put into the log; DESIGN 5 and 6.
 *
 * Everything here that appends or records runs inside the caller's store
 * transaction, so that one transaction can take many decisions, and the
 * acknowledgement with them.  The order for one decision:
 *
 *   decide_conflict      in the transaction, before anything of it is appended
 *   decide_outputs, decide_only_events
 *   decide_append or decide_append_rejection
 *   decide_record
 *
 * Ownership: `handled` must not borrow from the store (store_get() lends its
 * text only until the next store call: copy it); everything else that is
 * passed in is borrowed for the call, and outputs go into buffers and arrays
 * that are the caller's.
 *
 * Errors: ES_FAILED of decide_append() and decide_append_rejection() is a
 * fault of what the handler made, without place; the transaction is as it was
 * before the call and may go on, unless *first (*position) is not 0: then it
 * has to be rolled back.
 */
#ifndef ES_DECIDE_H
#define ES_DECIDE_H

#include "fold.h"

/* One message that a handler made. */
struct made {
	bool command;
	struct span type, payload, metadata;	/* SPAN_NONE: {} */
	struct span id;				/* SPAN_NONE: a new one */
	struct span tags;			/* JSON array or SPAN_NONE */
	int64_t version;			/* 0: the catalog's */
	struct span created_at;
};

/*
 * Append what a handler made of `handled` (stored, or to be stored just before
 * in this transaction): causation_id and correlation_id are set from it.
 * *first and *last are the positions, 0 when there is nothing; what was stored
 * before (its id is given and there) does not count.  lines (may be NULL) gets
 * them as printed, with newlines.
 */
int decide_append(struct store *, const struct message *handled,
    const struct made *, size_t n, int64_t *first, int64_t *last,
    struct buf *lines, struct es_err *err);

/*
 * Append es.command_rejected {command_id, type, reason, detail} with the
 * command's tags (explicit ones and its keys, so that who queries by them
 * finds it).  reason is plain text, detail JSON text or SPAN_NONE.
 */
int decide_append_rejection(struct store *, const struct message *command,
    struct span reason, struct span detail, int64_t *position,
    struct buf *lines, struct es_err *err);

/*
 * The guard of a decision: whether something that it reads came after read_at,
 * be it in this transaction, or a message was erased after it, which it may have
 * read.
 */
int decide_conflict(struct store *, const struct handler *,
    const struct partition *, int64_t read_at, bool *conflict,
    struct es_err *err);

/*
 * What a command is decided on: its partition, or the values of the handler's
 * reads.  store may be NULL.  A command that does not carry partition_by's
 * names and the values, once each, is rejected: reason says why, and is empty
 * otherwise.
 */
int decide_partition(struct store *, const struct handler *,
    const struct message *command, struct partition *out, struct buf *reason,
    struct es_err *err);

/* Convert jqrun's outputs; the array is malloced, its spans borrow. */
int decide_outputs(const struct jqrun_reply *, struct made **out, size_t *n,
    struct es_err *err);

/* A decider makes events, of types that may be: else it is a fault. */
int decide_only_events(const struct made *, size_t n, struct es_err *err);

/*
 * Record the decision: provenance with `handler_id` (store_handler), and the
 * command's outcome (OUTCOME_NONE: no command's, only provenance).
 */
int decide_record(struct store *, const struct handler *, int64_t command,
    int64_t handler_id, const struct partition *, int64_t read_at, int attempt, enum outcome,
    int64_t first, int64_t last, struct es_err *err);

/*
 * Of a fault: "FILE: decide: TYPE ID at POSITION: what went wrong", or
 * "FILE: evolve: TYPE ID at POSITION (for TYPE ID): what went wrong"; handled
 * NULL: the state was asked for.
 */
void decide_fault_text(const struct handler *, const struct fold_result *,
    const struct message *handled, struct buf *out);

#endif
