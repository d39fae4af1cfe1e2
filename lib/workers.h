/*
 * workers: which processes that run handlers are alive; the file
 * STORE-workers.
 *
 * Each process holds a byte of the file locked for as long as it lives (the
 * kernel frees it, and sees it across containers on one kernel) and writes the
 * time into its slot now and then.  Alive without a heartbeat for longer than
 * the lease (a stopped process) counts as gone: what it had claimed may be
 * taken over, and the claim's epoch fences it.
 */
#ifndef ES_WORKERS_H
#define ES_WORKERS_H

#include "buf.h"

#define WORKERS_MAX 1024
#define WORKERS_LEASE_MS 30000

struct workers;

/* Take a slot: *me is its number, from 1. */
int workers_join(const char *store, struct workers **out, int *me,
    struct es_err *err);
void workers_leave(struct workers *);	/* NULL is fine */
/* Also fails when the file has lost its name. */
int workers_beat(struct workers *, struct es_err *err);

/*
 * Whether the process of a slot is gone or past its lease, which is
 * WORKERS_LEASE_MS unless workers_lease() says otherwise (for tests).
 */
void workers_lease(struct workers *, int ms);
int workers_gone(struct workers *, int slot, bool *gone, struct es_err *err);

/* The same for a process that is none itself (es-group). */
int workers_alive(const char *store, int slot, bool *alive,
    struct es_err *err);

#endif
