/*
 * answerimpl: what the files of answer share; not for others.
 *
 * answercommand.c does what concerns one command, answerask.c has the window,
 * answerstore.c the transactions, answergiven.c what is only printed,
 * answerexec.c what an executable decides.  The worker is asked in answerask.c
 * and, waiting, by answer_decide().
 */
#ifndef ES_ANSWERIMPL_H
#define ES_ANSWERIMPL_H

#include "answer.h"
#include "execute.h"
#include "upcast.h"

enum attempt_state {
	ATTEMPT_NEW,	/* it has to be decided */
	ATTEMPT_ASKED,	/* the worker is at it */
	ATTEMPT_KNOWN,	/* answer, or fault, is there; not stored yet */
	ATTEMPT_DONE
};

/* One command on its way to its answer. */
struct attempt {
	struct answer_input in;
	struct answers *a;
	struct answer out;
	enum attempt_state state;
	struct draft d;
	char id[UUID_TEXT];	/* when it came without one */
	int64_t position;	/* where it is stored; 0: it is new */
	int64_t now;		/* its stored_at, while it is new */
	struct buf line;	/* what the handler is given */
	struct buf older;	/* the stored line, where that was upcast */
	struct message_scratch scratch;
	struct message m;	/* of the line, as it is stored */
	struct partition p;
	struct buf key;		/* the partition's text, */
	uint64_t hash;		/* and its hash */
	struct fold_result result;
	struct buf executed;	/* by an executable instead: its lines */
	int64_t read_at;
	int64_t appended;	/* by this process, when it was read */
	bool read;		/* the answer depends on what was read */
	bool told;		/* it is an outcome of before */
	bool inside;		/* decided in the open transaction */
	bool ahead;		/* the command is in there already */
	bool faulted;		/* `fault` is what came of it, */
	bool certain;		/* whatever has changed */
	bool stale;		/* what was prepared is of before */
	int conflicts;
	struct es_err fault;
};

struct answers {
	struct store *store;
	struct given *given;
	const struct handler *handler;
	struct upcast *upcast;	/* of commands; NULL without a store */
	struct fold *fold;	/* NULL for an executable, which has */
	struct executing *stream;	/* that, or a process a command, */
	char *store_path;	/* absolute, */
	struct message_scratch executed;	/* and for what it made */
	struct arena keep;	/* these */
	struct buf definition;
	struct buf again;	/* for answergiven.c */
	int64_t retries;
	bool what_if;
	int64_t as_of, as_of_time;	/* with what_if */
	/* the window: a ring, the oldest one at `first` */
	struct attempt *ring[ANSWER_WINDOW];
	size_t first, n, done;	/* the first `done` of n are answered */
	size_t asked;		/* that the worker is at */
	size_t bytes;		/* of the lines in it */
	bool taken;		/* answer_next() has given the oldest one */
	const struct attempt *failed;	/* whose fault answers_run() gave */
	int64_t clock;		/* no new command is earlier */
	int64_t appended;	/* messages, by this process */
	int64_t newest;		/* the last of them */
	int64_t inside_us;	/* what a decision inside takes, about */
	int caution;		/* commands not to be put ahead of their answer */
	int sleepy;		/* commands whose answer is not looked for */
	int64_t handler_id;	/* in the store; 0: to be looked up */
};

/* ---- answer.c ---- */

void answer_free(struct answer *);
void answer_begin(struct answer *);
/* Its kind and type are those of a command that the handler decides. */
int answer_check(const struct handler *, enum message_kind, struct span type,
    struct es_err *err);
/* A new id. */
int answer_new_id(char id[UUID_TEXT], struct span *out, struct es_err *err);
void answer_reject(struct answer *, struct span reason, struct span detail);
/* Put FILE and command in front of a fault. */
int answer_at_handler(const struct handler *, const struct message *,
    struct es_err *err);
/* The worker's result of t is its answer; -1: a fault. */
int answer_take_result(struct attempt *, struct es_err *err);
/*
 * Decide t, whose text is t->line, as of `head`, and wait for it, with nothing
 * else under way: 0 with outputs in t->result, or rejected; -1: a fault.
 */
int answer_decide(struct attempt *, int64_t head, struct es_err *err);

/* ---- answercommand.c ---- */

/* Forget what came of it so far. */
void attempt_forget(struct attempt *);
/* A new one, whose `in` is filled. */
int attempt_begin(struct attempt *, struct es_err *err);
/*
 * Look it up, and find its text and its partition: it is then KNOWN when there
 * is an outcome or it is rejected without reading, else NEW.
 */
int attempt_prepare(struct attempt *, struct es_err *err);
/* A command that was never in the log leaves nothing there when rejected. */
bool attempt_stores_nothing(const struct attempt *);
/* 1: it, or what was read for it, is another than when it was decided. */
int attempt_changed(struct attempt *, struct es_err *err);
/*
 * In the transaction: append command, events and outcome.  1: it cannot stand
 * as it was decided; *written: and the transaction has to be rolled back.
 * Unless t->ahead, the first does what the second does of the command.
 */
int attempt_put(struct attempt *, bool *written, struct es_err *err);
int attempt_put_command(struct attempt *, bool *written, struct es_err *err);
/* Nothing of the open transaction is to be in the log. */
void answers_rollback(struct answers *);

/* ---- answerask.c ---- */

/* The i-th of the window, in order of input. */
struct attempt *answers_at(const struct answers *, size_t i);
void answers_drop_taken(struct answers *);
/* A fault that no other reading would change. */
void attempt_fail(struct attempt *, const struct es_err *);
/* attempt_prepare(); what is wrong is the attempt's fault. */
void attempt_again(struct attempt *);
/* Outside it would be overtaken again. */
bool attempt_must_be_inside(const struct attempt *);
/* Ask for all that have not to wait for one before them. */
void answers_ask(struct answers *);
/*
 * Wait until the next n are decided as far as they can be outside, or the
 * first one is and the others take long.  Who is to be decided inside has the
 * worker for himself.
 */
int answers_wait(struct answers *, size_t n, struct es_err *err);
/* Wait for the oldest one's decision until then, in monotonic ms. */
int answers_wait_first(struct answers *, int64_t until, struct es_err *err);

/* ---- answerexec.c ---- */

/* The same of an executable: t->executed, or rejected; -1: a fault. */
int answer_execute(struct attempt *, struct es_err *err);
/* What came of t, whatever decided it: malloced, borrows from t and answers. */
int answer_outputs(struct attempt *, struct made **, size_t *n,
    struct es_err *err);
/* answers_run() for an executable and a store. */
int answers_execute(struct answers *, bool all, struct es_err *err);
int answers_open_exec(struct answers *, struct es_err *err);
void answers_close_exec(struct answers *);

/* ---- answergiven.c ---- */

int answer_given(struct attempt *, struct es_err *err);
int answer_what_if(struct attempt *, struct es_err *err);

#endif
