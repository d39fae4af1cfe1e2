/*
 * groupreport: groups as text for people and as NDJSON; es-group's output.
 */
#ifndef ES_GROUPREPORT_H
#define ES_GROUPREPORT_H

#include "groupstatus.h"
#include "query.h"

/* {"name","state","position","lag","parked","retrying","workers","error"} */
int groupreport_list(struct groups *, bool json, struct buf *out,
    struct es_err *err);

/* One group with its definition and its failing partitions. */
int groupreport_show(struct groups *, const char *name, bool json,
    struct buf *out, struct es_err *err);

/*
 * The failing partition with these values, or the only one when none are
 * given: its JSON text, malloced.
 */
char *groupreport_partition(struct groups *, const char *name,
    const struct query_pair *values, size_t n, struct es_err *err);

#endif
