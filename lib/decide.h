/*
 * decide: what came of a message is put into the log; DESIGN 5 and 6.
 *
 * Everything here runs inside the caller's store transaction, so that one
 * transaction can take many decisions, and the acknowledgement with them.
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
 * *first and *last are the positions, 0 when there is nothing.  lines (may be
 * NULL) gets them as printed.
 */
int decide_append(struct store *, const struct message *handled,
    const struct made *, size_t n, int64_t *first, int64_t *last,
    struct buf *lines, struct es_err *err);

/*
 * Append es.command_rejected {command_id, type, reason, detail} with the
 * command's tags (explicit ones and its keys, so that who queries by them
 * finds it).
 */
int decide_append_rejection(struct store *, const struct message *command,
    struct span reason, struct span detail, int64_t *position,
    struct buf *lines, struct es_err *err);

/*
 * The guard of a decision: whether something that it reads came after read_at
 * and before the transaction's next message.
 */
int decide_conflict(struct store *, const struct handler *,
    const struct partition *, int64_t read_at, bool *conflict,
    struct es_err *err);

/*
 * Why a command is rejected that does not carry all of partition_by's names,
 * once each.
 */
void decide_incomplete(const struct handler *, const struct partition *,
    bool many, struct buf *out);

/* Convert jqrun's outputs; the array is malloced, its spans borrow. */
int decide_outputs(const struct jqrun_reply *, struct made **out, size_t *n,
    struct es_err *err);

/*
 * Record the decision: provenance with `handler_id` (store_handler), and the
 * command's outcome.
 */
int decide_record(struct store *, int64_t command, int64_t handler_id,
    const struct partition *, int64_t read_at, int attempt, enum outcome,
    int64_t first, int64_t last, struct es_err *err);

/* "decide: TYPE ID at POSITION: what went wrong", for faults. */
void decide_fault_text(const struct handler *, const struct fold_result *,
    const struct message *handled, struct buf *out);

#endif
