/*
 * answer: a command is decided once, and its answer is in the log; es-decide's.
 *
 *   answers_open -> (answer_input -> answer_add)* -> answers_run
 *   -> answer_next* -> … -> answers_close
 *
 * Commands are taken into a window, and come out of it answered, in the same
 * order.  Those of different partitions are decided side by side, as of the
 * head, outside of any transaction.  answers_run() then stores what is decided,
 * in order, several in one transaction, each with its events and its outcome if
 * nothing that it read has changed, be it by a command before it.  One that
 * has to see what those before it did is decided in that transaction, unless
 * the handler is slow; then in the next.  The result is that of one after the
 * other.
 *
 * A conflict with another process is decided again outside, and the last of
 * `retries` times inside the write transaction, so that it gets through.  The
 * time for which the store is locked is bounded by ANSWER_LOCKED_MS and by what
 * one decision may take.
 *
 * A single command, whose answer somebody waits for, is appended while the
 * worker decides it, unless others append as well: in a transaction that is
 * rolled back when nothing is to be stored, or the answer takes longer than
 * ANSWER_LOCKED_MS.
 *
 * A command that the log holds is given the outcome that it has, or one now.
 *
 * answers_given() has a history in memory instead of a store, which then holds
 * the commands and their events; answers_as_of() makes of those with a store
 * such that read the log as it was and append nothing.  Both print kind, type,
 * version, tags, payload and metadata only.
 *
 * An executable (jqrun is NULL) decides one command after the other, each with a
 * transaction of its own; answers_finish() waits for the end of a coprocess.
 *
 * Borrows store, handler and jqrun.
 */
#ifndef ES_ANSWER_H
#define ES_ANSWER_H

#include "decide.h"
#include "form.h"

#define ANSWER_RETRIES 3
#define ANSWER_WINDOW 256
#define ANSWER_LOCKED_MS 5

enum answer_kind { ANSWER_DECIDED, ANSWER_REJECTED, ANSWER_SKIPPED };

struct answer {
	enum answer_kind kind;
	struct span id, type;	/* the command's */
	struct buf lines;	/* decided: the events as they are printed */
	struct buf reason;	/* rejected: text */
	struct buf detail;	/* rejected: JSON text, or nothing */
	int64_t stored;		/* the last position of it, 0: nothing */
	bool bad_command;	/* a fault of the command itself: its place
				   is still to be named */
};

/* A command on its way in, in memory that is its own until it is answered. */
struct answer_input {
	struct message_scratch scratch;
	struct buf line, text;	/* the caller's, for what the draft borrows */
	struct draft draft;
	char place[512];	/* FILE:LINE */
};

struct answers;
int answers_open(struct store *, const struct handler *, struct jqrun *,
    struct answers **out, struct es_err *err);
int answers_given(struct given *, const struct handler *, struct jqrun *,
    struct answers **out, struct es_err *err);
void answers_close(struct answers *);

/* How often a conflict is decided again; 0: it is ES_CONDITION. */
void answers_retry(struct answers *, int64_t retries);
/*
 * What would be answered as of a position (clamped to the head), or of a time
 * in microseconds when position is -1; a new command's stored_at is then.
 */
int answers_as_of(struct answers *, int64_t position, int64_t time,
    struct es_err *err);

/* The next command's memory; NULL without any (err is set). */
struct answer_input *answer_input(struct answers *, struct es_err *err);
/* Take what answer_input() gave; what is wrong with it comes at its turn. */
void answer_add(struct answers *);
bool answers_full(const struct answers *);
/* Both, of a line that stands in a file, or of the form's words (place: whose). */
int answer_line(struct answers *, struct form *, const char *file,
    int64_t number, struct span line, bool unterminated, struct es_err *err);
int answer_words(struct answers *, struct form *, const char *place,
    struct es_err *err);

/*
 * Decide and store the oldest ones, or all.  -1: a fault of the command that is
 * now the oldest one, of which nothing is stored, or of the store; those
 * before it are answered, no transaction is open, and there is nothing to be
 * done but to take these answers and close.
 */
int answers_run(struct answers *, bool all, struct es_err *err);
/*
 * The next one that is answered, and stored: until the next call of this or
 * answer_input(); NULL when there is none.
 */
const struct answer *answer_next(struct answers *, const char **place);
/* A line of --rejections: of one that is not ANSWER_DECIDED. */
void answer_print_rejection(const struct answer *, struct buf *out);
/* Whether a fault is the command's own; and its place. */
const char *answers_bad_command(const struct answers *);

/*
 * No more comes: let a coprocess end.  note: how it failed to, if it did.
 */
int answers_finish(struct answers *, struct buf *note, struct es_err *err);

/* A partition's state as JSON text, appended to out. */
int answer_state(struct answers *, const struct partition *, struct buf *out,
    struct es_err *err);

#endif
