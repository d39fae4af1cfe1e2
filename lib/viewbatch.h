/*
 * viewbatch: what a number of messages makes of a projector's states.  For the
 * room of view; knows no file, so that es-project --given is the same code.
 *
 *   viewbatch_begin -> viewbatch_add* -> viewbatch_run -> states -> ...
 *
 * A message that carries all names belongs to the state of its key, which it
 * bears when there is none: then the partition's earlier messages are folded
 * first.  One that carries some names belongs to every state that is there
 * and has these values.  One that carries none belongs to no state.  The
 * messages of one state are folded in one go, states one after the other,
 * always in slot 0 of the worker.
 *
 * After a fault viewbatch_cut() takes out the message at fault and all behind
 * it; the batch is then run again, and what is left of it is good.
 */
#ifndef ES_VIEWBATCH_H
#define ES_VIEWBATCH_H

#include "arena.h"
#include "fold.h"

struct viewbatch_event {
	size_t message;			/* index */
	struct viewbatch_event *next;
};

/* A state that the batch touches. */
struct viewbatch_state {
	struct span key;		/* JSON object text */
	char **values;			/* born here: of the names; else NULL */
	int64_t birth;			/* born here: position, else 0 */
	struct viewbatch_event *first, *last;
	/* after viewbatch_run(): */
	size_t text, text_n;		/* in batch->texts */
	/* private */
	size_t earlier;			/* messages before its birth */
	bool faulted;
};

struct viewbatch_message {
	size_t line, line_n;		/* in batch->lines */
	int64_t position;
	struct span type, id;
};

typedef int viewbatch_feed(void *to, const struct message *, struct es_err *);

/* Where the states are that the batch does not hold. */
struct viewbatch_source {
	void *ctx;
	int (*exists)(void *ctx, struct span key, bool *yes, struct es_err *);
	/* The state's text, appended to out. */
	int (*state)(void *ctx, struct span key, struct buf *out,
	    struct es_err *);
	/* viewbatch_touch() the states with these values, NULL being any. */
	int (*match)(void *ctx, char *const *values, struct es_err *);
	/* Give the messages of a partition before a position, in order. */
	int (*earlier)(void *ctx, char *const *values, int64_t before,
	    viewbatch_feed *, void *to, struct es_err *);
};

struct viewbatch {
	const struct handler *handler;
	struct jqrun *jq;
	struct viewbatch_source source;
	struct viewbatch_message *messages;
	size_t n, cap;
	struct buf lines;
	struct viewbatch_state *states;	/* in the order of their first message */
	size_t n_states, cap_states;
	struct buf texts;
	/* the fault: at this position (0: none), and what to say */
	int64_t limit;
	struct buf fault;
	/* private */
	struct arena arena;
	uint32_t *table;		/* hash table of states, index + 1 */
	size_t table_n;
	size_t *born, n_born, cap_born;
	bool careful;			/* event by event, each waited for */
	bool unclear;			/* a fault that needs that */
};

void viewbatch_begin(struct viewbatch *);	/* forget all, keep memory */
void viewbatch_free(struct viewbatch *);

/* complete: the message carries all names. */
int viewbatch_add(struct viewbatch *, const struct message *,
    char *const *values, bool complete, struct es_err *);
/* From source.match(): the message being added belongs to this state too. */
int viewbatch_touch(struct viewbatch *, struct span key, struct es_err *);

/* 0, 1 with a fault (`limit` and `fault` are set), -1. */
int viewbatch_run(struct viewbatch *, struct es_err *);
/* Keep what is before the limit. */
void viewbatch_cut(struct viewbatch *);

struct span viewbatch_text(const struct viewbatch *,
    const struct viewbatch_state *);
/* Position of the last message that was folded into it. */
int64_t viewbatch_position(const struct viewbatch *,
    const struct viewbatch_state *);

#endif
