/*
 * jqrun: jq handlers, compiled once and run in a worker process.
 *
 * libjq cannot be contained inside a process (LIMITS 2), so this process never
 * calls it.  A nursery, forked from here, compiles the program once and forks
 * the workers; a worker has a soft deadline for each call of evolve, decide,
 * react, render or initial (jq_halt), a hard one of twice that (it is killed), and a
 * memory limit.  A handler that crashes, loops or eats memory is a fault of one
 * request.  After a death the next request starts another worker, without
 * compiling again, with empty slots.
 *
 *   jqrun_open      compile and report errors FILE:LINE
 *   jqrun_compile   several as one program, jqrun_open_one() each of them
 *   jqrun_submit    queue a request; any number may be under way
 *   jqrun_next      take the next reply, in order
 *   jqrun_call      both, waiting
 *
 * Nothing blocks but jqrun_open, jqrun_clone's and jqrun_submit's fork of a
 * worker, and jqrun_call; bytes move in jqrun_submit and jqrun_next.
 *
 * States live in the worker: a request names a slot, 0 to JQRUN_SLOTS-1, that
 * holds the state of one partition; `fresh` starts it anew from initial.  The
 * caller keeps track of what is in a slot, and forgets all of them when
 * jqrun_generation() changes (the worker died).  A slot is empty at first, and
 * after a fault in initial or evolve; a request that is not fresh for an empty
 * slot is answered by JQ_LOST, and nothing was done.
 *
 * When a worker dies, the request that it was working on gets the bad result,
 * those behind it get JQ_LOST: submit them again, fresh.
 *
 * A request is held in memory twice while it is under way: fold a long history
 * by several JQ_FOLD requests of some hundred kilobytes.
 *
 * Single-threaded.  The texts of a request are copied by jqrun_submit(); a
 * reply owns its own.
 */
#ifndef ES_JQRUN_H
#define ES_JQRUN_H

#include "proc.h"

#define JQRUN_SLOTS 1024

enum jqrun_op {
	JQ_FOLD,	/* fold the events into the slot, no more */
	JQ_STATE,	/* fold, then give the state as JSON text */
	JQ_DECIDE,	/* fold, then decide(message) */
	JQ_REACT,	/* fold, then react(message) */
	JQ_RENDER,	/* fold, then render($page): message is $page's JSON
			   text; state is the tree that it gave (tree.h) */
	JQ_LAYOUT	/* layout, without a slot: state is its tree */
};

struct jqrun_limits {
	int deadline_ms;	/* soft, for one call of a definition; hard is
				   twice that */
	size_t memory;		/* bytes of RLIMIT_DATA */
};
#define JQRUN_LIMITS_DEFAULT {1000, (size_t)1 << 30}

struct jqrun_request {
	enum jqrun_op op;
	unsigned slot;
	bool fresh;		/* begin from initial (or from `state`) */
	struct span partition;	/* JSON object: initial's input, when fresh */
	struct span state;	/* JSON: begin from this instead, when fresh */
	const struct span *events;	/* message lines, in log order */
	size_t n_events;
	struct span message;	/* the command or event that is handled */
};

enum jqrun_result {
	JQ_OK, JQ_REJECTED,
	JQ_FAULT,	/* the handler's own: error, type, no clean end */
	JQ_DEADLINE, JQ_MEMORY, JQ_CRASH,
	JQ_LOST		/* its slot's state is gone: submit it again, fresh */
};

/* One output of decide or react. */
struct jqrun_output {
	bool command;		/* else an event */
	struct span type;
	struct span payload;	/* JSON text; exactly the handled message's
				   payload text when the handler passed it on
				   unchanged */
	struct span metadata;	/* JSON object text or SPAN_NONE */
};

struct jqrun_reply {
	enum jqrun_result result;
	struct jqrun_output *outputs;
	size_t n_outputs;
	struct span state;	/* JQ_STATE; the tree of JQ_RENDER, JQ_LAYOUT */
	struct span reason;	/* rejected, or what went wrong */
	struct span detail;	/* rejected: JSON text or SPAN_NONE */
	/*
	 * Which step failed: "initial", "evolve", "decide", "react", "render",
	 * "layout" ("" for JQ_LOST); and for evolve the index of the event.
	 */
	const char *operation;
	size_t event;
	/* private: owns the memory behind the spans */
	struct buf text;
	size_t cap;
};
void jqrun_reply_free(struct jqrun_reply *);

struct jqrun;

/*
 * Compile the handler file's text and start a worker.  On a compile error err
 * reads "FILE:LINE: message" with the user's own line numbers (several errors
 * are joined by newlines).  about: the value of `about` as JSON text ("{}" without
 * one), to be freed with buf_free by the caller.  defs: "name/arity" of all
 * top-level definitions (scan.h), referred to by the driver so that libjq
 * checks each; NULL-ended.
 */
int jqrun_open(const char *file, struct span text, char *const *defs,
    unsigned ops /* enum scan_op bits that the file defines */,
    const struct jqrun_limits *, struct jqrun **out, struct buf *about,
    struct es_err *);
void jqrun_close(struct jqrun *);

/*
 * Several handlers as one program, in one nursery: on jq 1.6 a compile costs
 * 33 ms, whatever the text.  Fails when one of them does not compile, or when
 * they cannot stand in one text; then jqrun_open() each, for its own errors.
 * Their workers are as apart as those of jqrun_open().
 */
struct jqrun_source {		/* as in jqrun_open(); copied */
	const char *file;
	struct span text;
	char *const *defs;
	unsigned ops;
};
struct jqnursery;
int jqrun_compile(const struct jqrun_source *, size_t n, size_t memory,
    struct jqnursery **out, struct es_err *);
/* The i-th; may outlive the nursery's owner's hold on it. */
int jqrun_open_one(struct jqnursery *, size_t i, int deadline_ms,
    struct jqrun **out, struct buf *about, struct es_err *);
void jqrun_drop(struct jqnursery *);	/* NULL is nothing */

/*
 * The brand of what the helpers made in this process's programs: the name of a
 * member that no data can have, for it is random.  Never show it.
 */
const char *jqrun_key(const struct jqrun *);

/* A second worker of the same program, forked after the one compile. */
int jqrun_clone(const struct jqrun *, struct jqrun **out, struct es_err *);

/* Another (soft) deadline for requests that are submitted from now on. */
void jqrun_set_deadline(struct jqrun *, int milliseconds);

/* Changes when a worker has died, and with it what was in its slots. */
unsigned jqrun_generation(const struct jqrun *);

int jqrun_submit(struct jqrun *, const struct jqrun_request *,
    struct es_err *);
/*
 * 1 with a reply, 0 when none is complete yet (poll jqrun_poll's fds, for at
 * most jqrun_timeout()), -1 when the worker cannot be run at all.  The reply
 * is zeroed or one that was used before.
 */
int jqrun_next(struct jqrun *, struct jqrun_reply *, struct es_err *);
int jqrun_poll(const struct jqrun *, struct pollfd *fds);	/* PROC_FDS */
int jqrun_timeout(const struct jqrun *);	/* milliseconds, -1: none */
size_t jqrun_pending(const struct jqrun *);

/* Only while nothing else is under way. */
int jqrun_call(struct jqrun *, const struct jqrun_request *,
    struct jqrun_reply *, struct es_err *);

#endif
