/*
 * fault: what the tests tell a shim that is preloaded into the programs, by a
 * file that both have mapped (its name is in ES_FAULT).
 *
 * The calls of the chosen classes are counted over all processes that have
 * the shim, or only in the first; the nth is the one that something happens
 * to.  Only programs whose names begin with "es-" are meddled with, and never
 * their standard error.
 */
#ifndef ES_FAULT_H
#define ES_FAULT_H

#include <stdatomic.h>

enum fault_class {
	FAULT_WRITE = 1, FAULT_SYNC = 2, FAULT_MEMORY = 4, FAULT_MAP = 8,
	FAULT_TRUNCATE = 16, FAULT_OPEN = 32, FAULT_LOCK = 64,
	FAULT_READ = 128, FAULT_NAME = 256	/* unlink, rename, mkdir … */
};
/* All that changes something outside of the process. */
#define FAULT_CHANGES (FAULT_WRITE | FAULT_SYNC | FAULT_TRUNCATE | \
	FAULT_OPEN | FAULT_LOCK | FAULT_NAME)

enum fault_mode {
	FAULT_NOTHING,		/* only count */
	FAULT_ONCE,		/* the nth fails with `error` */
	FAULT_FROM,		/* so do all that come after it */
	FAULT_SHORT,		/* it writes, or reads, only a part */
	FAULT_KILL		/* the process is killed instead */
};

struct fault {
	unsigned classes;
	enum fault_mode mode;
	int error;		/* errno */
	long n;			/* from 1 */
	int only_first;		/* the first process alone */
	_Atomic long calls, hits;
	_Atomic int first;	/* its pid */
};

#endif
