/*
 * delivery: which messages a group is given, and in which partition.
 *
 * A group's definition is JSON text in the store; delivery_parse() makes of it
 * as much of a handler as is needed to find its messages, so that es-group can
 * tell what a group has still to do without the handler's file.
 */
#ifndef ES_DELIVERY_H
#define ES_DELIVERY_H

#include "fold.h"

/*
 * What a handler decides (commands) and reacts to; `given` (es-react --name)
 * stands instead of both.  For a projector: what it evolves.
 */
int delivery_query(const struct handler *, const struct query *given,
    struct query *out, struct es_err *err);

/* handler: kind, ops, scan, partition_by; free with handler_free(). */
int delivery_parse(struct span definition, struct handler *handler,
    struct query *query, struct es_err *err);

/*
 * Whether the group has to handle a message at all: it is past the group's
 * beginning (start for what it decides, react_from for the rest), not erased,
 * has no outcome yet if it is decided, and is no es. event of its own making.
 */
int delivery_wants(struct store *, const struct handler *, int64_t start,
    int64_t react_from, const struct message *, bool *wants,
    struct es_err *err);

bool delivery_decides(const struct handler *, const struct message *);

/* The partition's JSON text; out is overwritten. */
int delivery_partition(struct store *, const struct handler *,
    const struct message *, struct buf *out, struct es_err *err);

#endif
