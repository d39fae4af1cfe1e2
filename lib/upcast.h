/*
 * upcast: stored messages as the catalog's newest version has them.
 *
 * A message is never changed in the log.  Who is given one that is older than
 * its catalog entry is shown the payload that the entry's jq programs
 * (catalog_upcast) make of it, version by version, and the version that it
 * then has; as far as there are programs.  Everything else stays: id, tags, and
 * what it is found by.
 *
 * What comes out has to satisfy the entry, which gives it its defaults.
 *
 * The programs run as handlers do (jqrun.h), in a worker of their own that is
 * started for the first message that needs it and has handlers' limits.  A
 * program gives exactly one object.
 *
 *   upcast_open -> upcast_message* -> upcast_close
 *
 * Single-threaded.  The catalog may be another at each call.
 */
#ifndef ES_UPCAST_H
#define ES_UPCAST_H

#include "catalog.h"

struct upcast;
int upcast_open(struct upcast **out, struct es_err *err);
void upcast_close(struct upcast *);	/* NULL is good */

enum upcast_result {
	UPCAST_SAME,		/* nothing was to be done */
	UPCAST_DONE,
	UPCAST_FAULT		/* of a program: upcast_fault() says which */
};

/*
 * Of a message: payload and version become the newest; the payload is then
 * borrowed until the next call.  -1: no worker can be run.
 */
int upcast_message(struct upcast *, const struct catalog *, struct message *,
    struct es_err *err);
/* "to version 2: what went wrong". */
const char *upcast_fault(const struct upcast *);
/* The same, but a fault is an error: "upcast: TYPE ID at POSITION: to …". */
int upcast_or_fail(struct upcast *, const struct catalog *, struct message *,
    struct es_err *err);

/*
 * Compile all of a catalog's own programs; the error is "PLACE: TYPE: upcast to
 * version 2:LINE: message", with lines of the program.
 */
int upcast_check(const struct catalog *, struct es_err *err);

#endif
