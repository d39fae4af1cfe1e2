/*
 * executeimpl: what executestream.c, the coprocess, and executeanswer.c, what it
 * says, share; not for others.
 */
#ifndef ES_EXECUTEIMPL_H
#define ES_EXECUTEIMPL_H

#include "execute.h"

/* A message on its way, or answered. */
struct item {
	struct item *next;
	void *tag;
	bool decides;
	struct execute result;
	size_t id_n;
	char id[MESSAGE_ID_BYTES];
};

struct items {			/* a queue */
	struct item *first, *last;
	size_t n;
};

struct executing {
	const struct handler *handler;
	char *store;
	struct proc proc;
	bool running, stopping;
	struct items given, answered;
	int64_t since;		/* the first of given is being handled */
	bool answers;		/* this process has answered something */
	int deaths;		/* without an answer in between */
	int64_t ready_at;	/* when it may be started again */
	size_t looked;		/* no newline in proc.received before here */
	struct json_doc doc;
	struct buf text;	/* a decoded string */
	struct buf fault;	/* what it said that it must not */
	struct buf note;
	bool noted;
};

void execute_push(struct items *, struct item *);
struct item *execute_pop(struct items *);	/* NULL: it is empty */

/*
 * Take the whole lines out of what was received: given items become answered
 * ones, or `fault` says what it must not have said.
 */
void execute_take_lines(struct executing *);

/* ---- for executestream.c, from execute.c ---- */

/* With m NULL: without what belongs to one message.  malloced, borrows text. */
char **execute_environment(const struct handler *, const struct message *m,
    int attempt, const char *store, struct buf *text, struct es_err *err);

#endif
