/*
 * webcommand: a command on its way, for the files that have to do with it.
 *
 *   webcommand.c  POST /commands/TYPE: made, checked, queued or refused
 *   webbody.c     its body read into it
 *   webfields.c   the fields of a form
 *   webcommit.c   the queue appended in one transaction, each one answered
 *   weboutcome.c  GET /commands/ID
 */
#ifndef ES_WEBCOMMAND_H
#define ES_WEBCOMMAND_H

#include "webfields.h"
#include "webint.h"

struct command {
	struct buf type, id, payload, metadata;
	struct buf page;	/* of ?page= */
	bool form;		/* sent by a form without a script */
	bool coerce;
	/* While the body is read: */
	struct fields fields;	/* of a form */
	size_t n_fields;
	struct buf values;	/* JSON object of strings, for the form again */
	struct buf errors;	/* JSON object: attribute -> what is wrong */
	struct buf faulty;	/* names of these, each ended by NUL */
	const struct catalog_entry *entry;	/* while it is checked */
	/* After the commit: */
	int64_t position;
	struct buf refusal;	/* why it was left out; empty: it was not */
};

#define COMMANDS "/commands/"	/* and the type, or the id */

/* A member of a JSON object that is empty at first, and then ends in "}". */
void command_add_member(struct buf *object, struct span name,
    struct span json_value);
void command_add_text(struct buf *object, struct span name, struct span text);

/* The first fault of an attribute counts; "" is the whole command. */
void command_fault(struct command *, struct span attribute, struct span text);

/* Into payload, id, values, errors; -1 when it is answered already. */
int command_body(struct request *);
/* What is appended; borrowed from the command. */
struct draft command_draft(const struct command *);
/* The page that a plain form was on, or "/". */
struct span command_page(struct request *);
/* 503: to be tried again in some seconds. */
void command_unavailable(struct request *, const char *text, int seconds);
/* Answer with a fault that is no attribute's. */
void command_conflict(struct request *, const char *text);

#endif
