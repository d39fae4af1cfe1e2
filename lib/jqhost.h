/*
 * jqhost: the caller's side of jqrun, where processes begin and end.  Private
 * to the room.
 *
 *   jqrun.c     requests and replies
 *   jqhost.c    the nursery, the worker, its deadline and its death
 */
#ifndef ES_JQHOST_H
#define ES_JQHOST_H

#include "jqrunint.h"

struct jqnursery {		/* shared by the clones */
	int references;
	struct jqprogram program;
	struct proc proc;
	pid_t owner;
};

struct jqpending {
	uint64_t sequence;
	uint64_t end;		/* of its frame, in bytes queued so far */
	int deadline_ms;
	uint64_t n_events;
	bool failed;		/* the worker died: */
	enum jqrun_result result;
	enum jq_death death;
	int signal;
	enum jq_operation operation;
	uint64_t event;
};

struct jqrun {
	struct jqnursery *nursery;
	size_t index;		/* its part of the program */
	int deadline_ms;
	unsigned generation;
	struct proc worker;
	bool running;
	struct jqprogress *page;
	int starts;		/* since the last reply */
	/*
	 * Requests under way: a queue in an array.  The first `settled` of
	 * them have failed or have their reply in `in`; the others are the
	 * running worker's.
	 */
	struct jqpending *queue;
	size_t first, n, cap, settled;
	uint64_t sequence, queued;
	int64_t waiting_since;	/* for the reply to the first unsettled */
	struct buf in;		/* replies, from `taken` */
	size_t taken, complete;	/* up to here in full */
};

struct jqnursery *jqhost_nursery(const struct jqrun_source *, size_t n,
    size_t memory, struct es_err *);
/* Fork it and hear what the compiler says. */
int jqhost_compile(struct jqnursery *, struct es_err *);
void jqhost_drop(struct jqnursery *);

/* A worker for this jqrun, which has none. */
int jqhost_start(struct jqrun *, struct es_err *);
void jqhost_stop(struct jqrun *);
/* Move bytes, settle what is answered, notice a death. */
int jqhost_pump(struct jqrun *, struct es_err *);

#endif
