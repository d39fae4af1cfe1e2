/*
 * follow: a find that goes on with what comes; es-query -f.
 *
 *   find_open -> find_next* -> follow_begin
 *   { follow_more -> find_next* -> follow_wait }* -> follow_end
 *
 * Nothing is missed: the bell is heard before the log is read, and it is read
 * whether it rang or not.  No read transaction is held while it waits.
 *
 * The log may not change behind a follower: it stops (ES_FAILED) when another
 * file has the store's name, when another epoch has begun, and when the message
 * that it saw last is not at its position any more (a backup was restored into
 * the file).  It goes on when -wal, -shm or the bell were removed and made
 * anew, by opening the store again.
 */
#ifndef ES_FOLLOW_H
#define ES_FOLLOW_H

#include "find.h"

struct follow;

/*
 * The store and the find that has come to its end, with the query and bounds
 * of its opening; all borrowed.  Both may be replaced by follow_more(), and are
 * NULL after some of its failures; the caller closes them.
 */
int follow_begin(struct store **, struct find **, const struct query *,
    const struct query_bounds *, struct follow **out, struct es_err *err);
void follow_end(struct follow *);

/* What came since: read it from the find. */
int follow_more(struct follow *, struct es_err *err);
/* Until something may have come, but not for long. */
int follow_wait(struct follow *, struct es_err *err);

#endif
