/*
 * trialimpl: what trial*.c share; not for others.
 */
#ifndef ES_TRIALIMPL_H
#define ES_TRIALIMPL_H

#include "arena.h"
#include "catalog.h"
#include "fold.h"
#include "form.h"
#include "trial.h"

struct trial_handler {
	struct handler handler;
	struct jqrun *jq;
};

enum trial_outcome {
	TRIAL_NO_WHEN, TRIAL_DONE, TRIAL_REJECTED,
	TRIAL_FAULT		/* or what was said is refused by the catalog */
};

struct trial {
	char *app;			/* of "begin" */
	struct catalog *catalog;	/* NULL: none */
	struct trial_handler **handlers;
	size_t n_handlers;
	struct trial_handler *now;	/* NULL: none yet */
	struct given *given;
	enum trial_outcome outcome;	/* of the last `when` */
	int64_t made;			/* what it made comes after this */
	struct buf reason, detail;
	struct partition at;		/* of the last `when`; values NULL: none */
	/* of one request */
	struct arena words;
	struct message_scratch scratch;
	struct buf expected, actual;	/* of the answer */
};

/* The words of a request behind its first; NULL-ended. */
typedef int trial_word(struct trial *, char **words, size_t n,
    struct es_err *err);

/* ---- trialsay.c: what is said ---- */

/*
 * [-g TAG] [--id ID] [--kind KIND] [--meta NAME=VALUE] [--at TIME] TYPE
 * [NAME=STRING | NAME:=JSON]...: the draft borrows from form and t.  It
 * satisfies the catalog.
 */
int trial_message(struct trial *, char **words, size_t n, struct form *,
    struct draft *, struct es_err *err);
/* The handler's type list for errors: "decides a, b". */
bool trial_handles(const struct trial *, struct span type);
/* -p NAME=VALUE in front of what follows; returns how many words, or -1. */
int trial_pairs(char **words, size_t n, struct query *out,
    struct es_err *err);

/* What a message is decided on, or where it is delivered; empty when it lacks a
 * value. */
int trial_place(struct trial *, const struct message *, struct partition *out,
    struct es_err *err);

trial_word trial_given, trial_when, trial_history;

/* ---- trialshow.c: one form for what is to be equal ---- */

/* A JSON value with sorted names and plain numbers, in one line. */
void trial_plain(struct trial *, const struct json_doc *, uint32_t node,
    struct buf *out);
int trial_plain_text(struct trial *, struct span json, struct buf *out,
    struct es_err *err);
/* The type, then a line for each attribute. */
int trial_show(struct trial *, struct span type, struct span payload,
    struct buf *out, struct es_err *err);
/* The same of an expected message: strings are coerced by the catalog. */
int trial_show_draft(struct trial *, const struct draft *, struct buf *out,
    struct es_err *err);
/* An object with a line for each member, indented; others in one. */
int trial_show_value(struct trial *, const struct json_doc *, uint32_t node,
    struct buf *out, struct es_err *err);

/* ---- trialthen.c, trialstate.c: what is expected ---- */

trial_word trial_then_events, trial_then_commands, trial_then_messages,
    trial_then_nothing, trial_then_rejected, trial_then_fault;
trial_word trial_then_state, trial_then_read_model;

/* What came instead of an answer, as a line of `actual`: false when events
 * or commands did. */
bool trial_show_outcome(const struct trial *, struct buf *out);

/* "no handler yet" and the like. */
int trial_need_handler(const struct trial *, struct es_err *err);
int trial_need_when(const struct trial *, struct es_err *err);

#endif
