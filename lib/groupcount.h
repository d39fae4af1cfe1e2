/*
 * groupcount: which messages a group has still to handle; what groupstatus and
 * groupbranch share, not for others.
 */
#ifndef ES_GROUPCOUNT_H
#define ES_GROUPCOUNT_H

#include "groupstatus.h"
#include "groupimpl.h"

struct counting {
	struct groups *groups;
	struct group_status *status;	/* row and failing partitions */
	struct handler handler;
	struct query query;
	struct group_shard shards[GROUP_SHARDS];
	struct buf partition;		/* of the last group_pending() */
	const struct group_failing **failing;	/* by partition */
};

/* 1, 0 when there is no such group, -1; after 1 group_counting_free(). */
int group_counting_open(struct groups *, const char *name, struct counting *,
    struct group_status *, struct es_err *err);
/* The status stays. */
void group_counting_free(struct counting *);

/*
 * Whether the group wants the message at all, and if so whether it is still to
 * be handled.
 */
int group_pending(struct counting *, const struct message *, bool *wants,
    bool *yes, struct es_err *err);

#endif
