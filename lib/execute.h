/*
 * execute: executables as handlers: what they are given, and what they say.
 *
 * A process a message (execute.c):
 *
 *   execute_start       then proc_pump() until it returns 0
 *   execute_end         what came of it
 *
 * `# es: stream`, a coprocess that is given one message after another
 * (executestream.c):
 *
 *   execute_open -> execute_put* / execute_pump / execute_next -> execute_close
 *
 * Both give a struct execute, whose lines are not looked into yet: with
 * executeout.c they become messages, in a transaction or without a store.
 *
 * Several messages may be on their way to a coprocess; it answers them in the
 * order in which they were put.  When it dies, or says what it must not, the
 * first that it has not answered gets the fault and the others
 * EXECUTE_AGAIN, as all do when it ends well between two messages.  It is started again with the next execute_put(), later and
 * later while it answers nothing (execute_ready() says no meanwhile).
 *
 * Reading and writing never block, so that full pipes on both sides are no
 * deadlock.  Single-threaded; the handler is borrowed.
 */
#ifndef ES_EXECUTE_H
#define ES_EXECUTE_H

#include "arena.h"
#include "decide.h"
#include "proc.h"

#define EXECUTE_AHEAD 256		/* messages on their way at most */
#define EXECUTE_DEADLINE_MS 60000

enum execute_result {
	EXECUTE_DONE, EXECUTE_REJECTED, EXECUTE_FAULT,
	EXECUTE_AGAIN		/* no attempt: give it the message again */
};

struct execute {
	enum execute_result result;
	struct buf lines;	/* done: messages, as it printed them */
	struct buf reason;	/* rejected or a fault: text */
	bool ended;		/* a fault: its process ended, and not for
				   what it said or how long it took */
};
void execute_free(struct execute *);

/* How long a message may take. */
int64_t execute_deadline(const struct handler *);

/* ---- a process a message ---- */

/*
 * line: the message with its newline.  attempt: from 1.  store: its absolute
 * path, NULL when there is none.  ES_NOEXEC and ES_NOTFOUND concern the
 * handler, other errors this message.  Sets the deadline.
 */
int execute_start(struct proc *, const struct handler *,
    const struct message *, struct span line, int attempt, const char *store,
    struct es_err *err);

/* The process has ended.  decides: it may reject. */
int execute_end(struct proc *, bool decides, struct execute *out,
    struct es_err *err);

/* ---- a coprocess ---- */

struct executing;

int execute_open(const struct handler *, const char *store,
    struct executing **out, struct es_err *err);
/* Kills it when it runs still. */
void execute_close(struct executing *);

/* Whether another message may be put. */
bool execute_ready(const struct executing *);
size_t execute_pending(const struct executing *);
/*
 * id and line (with its newline) are copied; tag comes back with the result.
 * Starts the coprocess when it does not run; errors as execute_start()'s.
 */
int execute_put(struct executing *, const struct message *, struct span line,
    bool decides, void *tag, struct es_err *err);
int execute_pump(struct executing *, struct es_err *err);
/* 1 with a result, 0 when there is none yet. */
int execute_next(struct executing *, struct execute *out, void **tag);
int execute_poll(const struct executing *, struct pollfd *fds); /* PROC_FDS */
int execute_timeout(const struct executing *);
/* No more comes: close its stdin once all is written. */
void execute_stop(struct executing *);
bool execute_running(const struct executing *);
/* How it ended without a message to tell it of, or NULL; until it is asked. */
const char *execute_note(struct executing *);

/* ---- either, waiting; for one that decides ---- */

/*
 * One message after another; stream NULL: a process.  Never EXECUTE_AGAIN.
 * After 0 out is to be freed.
 */
int execute_call(const struct handler *, struct executing *stream,
    const struct message *, struct span line, const char *store,
    struct execute *out, struct es_err *err);
/* Let a coprocess come to its end, and wait for it. */
int execute_finish(struct executing *, struct es_err *err);

/* ---- what it printed ---- */

/* The next line that is not empty, and its number: false at the end. */
bool execute_line(struct span *rest, int64_t *number, struct span *line);

/*
 * One line as a draft, with the causes that `handled` gives it; a decider
 * makes events.  Errors have no place.
 */
int execute_draft(struct message_scratch *, const struct message *handled,
    struct span line, bool decides, struct draft *, struct es_err *err);

/*
 * Append all lines in the store's transaction; *first and *last are 0 when
 * nothing is new.  printed (may be NULL) gets them as they are stored.  After
 * -1 the transaction has to be rolled back.
 */
int execute_append(struct store *, struct message_scratch *,
    const struct message *handled, struct span lines, bool decides,
    int64_t *first, int64_t *last, struct buf *printed, struct es_err *err);

/*
 * The lines as an array (malloced), whose spans borrow from lines and keep; kind
 * and type are still to be looked at.  Errors name the line.
 */
int execute_made(struct span lines, struct message_scratch *,
    struct arena *keep, struct made **out, size_t *n, struct es_err *err);

/* 1: {"reject":"REASON"}, with the text in reason; 0: another line; -1: a
 * fault of its form. */
int execute_is_rejection(struct span line, struct buf *reason,
    struct es_err *err);

#endif
