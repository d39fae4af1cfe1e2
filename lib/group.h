/*
 * group: consumer groups as they stand in the store; how far each has come.
 *
 * A group is a handler's name with its definition (what it handles, how it is
 * partitioned).  Its messages are spread over GROUP_SHARDS shards by a hash of
 * their partition; for each shard the store keeps
 *   - a low-water position: every message of the shard up to it is handled,
 *     or belongs to a failing partition;
 *   - the positions above it that are handled as well (`done`);
 *   - an owner (workers.h) and an epoch, which each claim raises and each
 *     acknowledgement checks, so that who lost a shard cannot acknowledge;
 * and for each failing partition of the group a row: the message it stands
 * at, tries so far, when to try again, or that it is parked.  While there is a
 * row all later messages of the partition wait for it.
 *
 * A struct groups holds prepared statements on a store; one thread.  Functions
 * marked [w] run inside the store's write transaction.
 */
#ifndef ES_GROUP_H
#define ES_GROUP_H

#include "handler.h"
#include "store.h"

#define GROUP_SHARDS 16

struct groups;
int groups_open(struct store *, struct groups **out, struct es_err *err);
void groups_close(struct groups *);

struct group_row {
	char *name, *definition;
	bool stopped;			/* held is stopped, too */
	bool held;			/* until group_adopt() */
	char *error;			/* why, or NULL: a person stopped it */
	int code;			/* exit status of an error's stop */
	bool has_hash;
	unsigned char hash[32];		/* of the handler that ran last */
	int64_t start;			/* messages after it are handled */
	int64_t react_from;		/* the same for react of a handler that
					   decides too */
};
void group_row_free(struct group_row *);

/*
 * [w] Make the group, or check that it is the same: another definition is
 * ES_FAILED with a text that names es-group redefine.
 */
int group_ensure(struct groups *, const char *name, struct span definition,
    int64_t start, int64_t react_from, bool *created, struct es_err *err);

/* That alone, of a row that was loaded. */
int group_check_definition(const struct group_row *, struct span definition,
    struct es_err *err);

/* 1, 0 when there is none, -1. */
int group_load(struct groups *, const char *name, struct group_row *out,
    struct es_err *err);
/* All names, sorted; free each and the array. */
int group_names(struct groups *, char ***out, size_t *n, struct es_err *err);

/* ---- shards ---- */

struct group_shard {
	int64_t position, epoch;
	int owner;			/* 0: nobody */
};
int group_shard_of(struct span partition);
int group_shards(struct groups *, const char *name,
    struct group_shard out[GROUP_SHARDS], struct es_err *err);
/* [w] Take a shard for `me`; raises its epoch and tells it. */
int group_claim(struct groups *, const char *name, int shard, int me,
    int64_t *epoch, struct es_err *err);
/* [w] Free the shards of a slot whose earlier process is dead. */
int group_release(struct groups *, int owner, struct es_err *err);
/*
 * [w] Move a shard's low-water mark, and forget what is done below it: 1, or
 * 0 when the epoch is not the shard's any more.
 */
int group_ack(struct groups *, const char *name, int shard, int64_t epoch,
    int64_t position, struct es_err *err);
int group_done_add(struct groups *, const char *name, int shard,
    int64_t position, struct es_err *err);	/* [w] */
/* Whether a position above the low-water mark is done. */
int group_is_done(struct groups *, const char *name, int shard,
    int64_t position, bool *done, struct es_err *err);

/* ---- failing partitions ---- */

struct group_failing {
	char *partition;		/* JSON object text */
	int shard;
	int64_t position;		/* the message it stands at */
	int attempt;			/* tries made of that message */
	int64_t retry_at;		/* microseconds since 1970 */
	bool parked;
	char *reason;
};
void group_failing_free(struct group_failing *, size_t n);
int group_failing(struct groups *, const char *name,
    struct group_failing **out, size_t *n, struct es_err *err);
int group_failing_put(struct groups *, const char *name,
    const struct group_failing *, struct es_err *err);		/* [w] */
/* Whether a person gave up the message that the partition stands at. */
int group_is_skipped(struct groups *, const char *name,
    const char *partition, bool *skipped, struct es_err *err);
int group_failing_remove(struct groups *, const char *name,
    const char *partition, struct es_err *err);			/* [w] */

/* ---- what a person (or the runner) does to a group; each [w] ---- */

/* error NULL: asked for.  Appends es.group_stopped {group, reason}. */
int group_stop(struct groups *, const char *name, const char *error, int code,
    const unsigned char *hash, struct es_err *err);
int group_start(struct groups *, const char *name, struct es_err *err);
/*
 * Let a group go on that a new epoch holds back, store_begin_epoch(), from
 * where it had come to.  Appends es.group_adopted.
 */
int group_adopt(struct groups *, const char *name, struct es_err *err);
/* An error that names es-group adopt when there is such a group, held back. */
int group_check_held(struct store *, const char *name, struct es_err *err);
/* Appends es.partition_parked {group, partition, id, position, reason}. */
int group_parked(struct groups *, const char *name,
    const struct group_failing *, struct span id, struct es_err *err);
/* Parked partitions (NULL: all of the group) try again now. */
int group_retry(struct groups *, const char *name, const char *partition,
    int64_t *n, struct es_err *err);
/*
 * Give up the message that a failing partition stands at; a command gets the
 * outcome skipped.  Appends es.message_skipped.  The partition goes on behind
 * it.
 */
int group_skip(struct groups *, const char *name, const char *partition,
    struct es_err *err);
/*
 * Take another definition, from where the group has come to; refused while a
 * partition of it fails.  Appends es.group_redefined.
 */
int group_redefine(struct groups *, const char *name, struct span definition,
    struct es_err *err);

/*
 * Messages were erased in this transaction: no partition of any group stands
 * at one any more, and a reason that names one is gone.
 */
struct group_forgotten {
	void *ctx;
	bool (*is_erased)(void *ctx, int64_t position);
	bool (*names_erased)(void *ctx, struct span text);
};
int group_forget(struct groups *, const struct group_forgotten *,
    struct es_err *err);

#endif
