/*
 * answer: a command is decided once, and its answer is in the log; es-decide's.
 *
 *   answers_open -> answer_command* -> answers_close        with a store
 *   answers_given -> answer_given* -> answers_close         without one
 *
 * A command that the log does not hold is decided as of the head, outside of
 * any transaction, and then stored together with its events and its outcome if
 * nothing that was read has changed; after ANSWER_CONFLICTS conflicts it is
 * decided inside the write transaction, and so gets through.  One that the log
 * holds is given the outcome that it has, or one now.
 *
 * Borrows store, handler and jqrun.  A struct answer is the caller's: zeroed
 * is valid, used again for one command after another, freed once.
 */
#ifndef ES_ANSWER_H
#define ES_ANSWER_H

#include "decide.h"

#define ANSWER_CONFLICTS 3

enum answer_kind { ANSWER_DECIDED, ANSWER_REJECTED, ANSWER_SKIPPED };

struct answer {
	enum answer_kind kind;
	struct buf lines;	/* decided: the events as they are printed */
	struct buf reason;	/* rejected: text */
	struct buf detail;	/* rejected: JSON text, or nothing */
	int64_t stored;		/* the last position of it, 0: nothing */
	bool bad_command;	/* -1 because of the command itself: its place
				   is still to be named */
};
void answer_free(struct answer *);

struct answers;
int answers_open(struct store *, const struct handler *, struct jqrun *,
    struct answers **out, struct es_err *err);
int answers_given(struct given *, const struct handler *, struct jqrun *,
    struct answers **out, struct es_err *err);
void answers_close(struct answers *);

/*
 * Returns after the commit.  -1: a fault, of which nothing is stored; no
 * transaction is open.
 */
int answer_command(struct answers *, const struct draft *, struct answer *out,
    struct es_err *err);

/*
 * The same with a history in memory, which then holds the command and its
 * events.  The command's stored_at counts, else it is now.  Lines have kind,
 * type, version, tags, payload and metadata only.
 */
int answer_given(struct answers *, const struct draft *, struct answer *out,
    struct es_err *err);

/* A partition's state as JSON text, appended to out. */
int answer_state(struct answers *, const struct partition *, struct buf *out,
    struct es_err *err);

#endif
