/*
 * bell: the doorbell of a store; a file beside it that writers touch after
 * COMMIT and that followers watch.
 *
 * A ring may be missed (a writer dies between COMMIT and ring; the file is
 * recreated): bell_wait() returns after at most its timeout, and the follower
 * looks at the log then.  It is inotify's; without that, or while there is no
 * file, bell_wait() waits for 20 ms at most.
 */
#ifndef ES_BELL_H
#define ES_BELL_H

#include "buf.h"

struct bell;
int bell_open(const char *store, struct bell **out, struct es_err *);
void bell_close(struct bell *);
/* A descriptor that becomes readable at a ring, or -1 (then poll by time). */
int bell_fd(const struct bell *);
/* Forget rings until now: call before looking at the log. */
void bell_clear(struct bell *);
/* Wait for a ring, or timeout_ms.  0, or -1 with errno EINTR on a signal. */
int bell_wait(struct bell *, int timeout_ms);

/* The writer's side: never fails loudly. */
void bell_ring(int fd);
int bell_ring_open(const char *store);	/* fd or -1 */

#endif
