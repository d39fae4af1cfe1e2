/*
 * groupstatus: how a group stands, for people and monitors.
 */
#ifndef ES_GROUPSTATUS_H
#define ES_GROUPSTATUS_H

#include "delivery.h"
#include "group.h"

struct group_status {
	struct group_row row;
	int64_t position;	/* all up to it is handled, or parked */
	int64_t lag;		/* messages that it has still to handle */
	int64_t parked, retrying;	/* partitions */
	int workers;		/* living processes that hold a shard of it */
	struct group_failing *failing;
	size_t n_failing;
};

/*
 * 1, 0 when there is no such group, -1.  The cost grows with the lag.
 */
int group_status(struct groups *, const char *name, struct group_status *out,
    struct es_err *err);
void group_status_free(struct group_status *);

#endif
