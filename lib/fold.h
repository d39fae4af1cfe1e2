/*
 * fold: a jq handler's states over the log, kept in its worker.
 *
 * Binds a store (or a history in memory), a loaded handler and its running
 * jqrun, which nobody else may use meanwhile.  A partition's state is kept in
 * a slot of the worker together with the position up to which the log was
 * folded into it, so the next operation on it reads only what came since; the
 * least recently used slot gives way.  A state from a slot equals one folded
 * afresh, because the log only grows, and because all are forgotten when a
 * message was erased or a catalog loaded; one that is further than an operation asks for is folded
 * afresh.
 *
 *   fold_submit     read the partition up to a position, fold, then decide,
 *                   react or give the state; any number may be under way (up
 *                   to JQRUN_SLOTS), for different partitions
 *   fold_next       take the next result, in order of submission
 *   fold_call       both, waiting
 *
 * The log is read in fold_submit(), in the store's open transaction when there
 * is one; what is read has to be committed all the same (up_to at most
 * store_before()), because a state that is kept outlives a rollback.  What is
 * on its way to the worker is bounded: a long history makes fold_submit() wait
 * for the worker.  A worker that dies (a crash, a deadline) is a fault of the
 * operation it died in; the ones behind it are read and submitted again here,
 * unseen by the caller.
 *
 * Events are folded as the newest version of their type (upcast.h).  One that
 * cannot be is a fault of the operation, whose reply.operation is "upcast".
 */
#ifndef ES_FOLD_H
#define ES_FOLD_H

#include "find.h"
#include "given.h"
#include "handler.h"
#include "jqrun.h"

/*
 * The values of a handler's partition_by names, or of those that its reads
 * have; NULL: the message lacks it.
 */
struct partition {
	char *const *names;	/* borrowed from the handler */
	char **values;
	size_t n;
};
void partition_free(struct partition *);
int partition_copy(const struct partition *, struct partition *out,
    struct es_err *err);

/*
 * The partition in which a message is delivered to a handler; *complete: it
 * carries every name, *many: one of them more than once.  store may be NULL:
 * every attribute counts then.
 */
int partition_of(struct store *, const struct handler *,
    const struct message *, struct partition *out, bool *complete, bool *many,
    struct es_err *err);
/*
 * What a command is decided on, when the handler has reads: the values of
 * their names; *complete: all that is not optional is there.
 */
int partition_of_reads(struct store *, const struct handler *,
    const struct message *, struct partition *out, bool *complete, bool *many,
    struct es_err *err);
/*
 * Of NAME=VALUE pairs, which must be exactly partition_by, or the names of the
 * reads without those that only optional items have: else ES_USAGE.
 */
int partition_from_pairs(const struct handler *, const struct query_pair *,
    size_t n, struct partition *out, struct es_err *err);
/* {"campaign_id":"c1","donation_id":null}: names in partition_by's order. */
void partition_print(const struct partition *, struct buf *out);
/* Whether it is one of reads. */
bool partition_is_reads(const struct handler *, const struct partition *);
/*
 * What a handler reads of it: the types that it evolves AND the partition, or
 * the items of its reads whose values are there.  Nothing ("items":[]) when it
 * evolves nothing.  ES_USAGE: the values make a tag that none can have.
 */
int partition_query(const struct handler *, const struct partition *,
    struct query *out, struct es_err *err);

struct fold;
/* Exactly one of store and given. */
int fold_open(struct store *, const struct handler *, struct jqrun *,
    struct fold **out, struct es_err *err);
int fold_open_given(struct given *, const struct handler *, struct jqrun *,
    struct fold **out, struct es_err *err);
/*
 * From now on the events that are folded lack the attributes that the catalog
 * calls private: for pages.
 */
void fold_hide_private(struct fold *);
/* No state is kept: what was read was rolled back. */
void fold_forget(struct fold *);
/*
 * Not the jqrun.  What is still under way in it is lost: its replies must be
 * taken by nobody.
 */
void fold_close(struct fold *);

/*
 * message: the line handled (JQ_STATE: SPAN_NONE).  up_to: the position to
 * read up to (react: the event's own, so that it is evolved once).  tag comes
 * back with the result.  The copies that it needs are made here.  A second
 * operation on a partition while one is under way is an error of the caller
 * (the values of reads may be the same).  After -1 the operation is gone, those before it go on.
 */
int fold_submit(struct fold *, enum jqrun_op op, const struct partition *,
    int64_t up_to, struct span message, void *tag, struct es_err *err);

struct fold_result {
	struct jqrun_reply reply;	/* reply.event is not used: */
	/* of a fault in evolve: the event, as "TYPE ID at POSITION" */
	struct buf place;
	int64_t read_at;		/* up_to */
	void *tag;
};
void fold_result_free(struct fold_result *);

/* 1, 0 when none is complete yet (poll the jqrun), -1. */
int fold_next(struct fold *, struct fold_result *, struct es_err *err);
/*
 * Wait for at least one reply, at most so many milliseconds (-1: for ever); 0
 * also when nothing is under way.
 */
int fold_wait(struct fold *, int most_ms, struct es_err *err);
size_t fold_pending(const struct fold *);
/* Nothing else may be under way. */
int fold_call(struct fold *, enum jqrun_op op, const struct partition *,
    int64_t up_to, struct span message, struct fold_result *,
    struct es_err *err);

#endif
