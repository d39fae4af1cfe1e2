/*
 * jqvm: a compiled program in libjq's hands, in a worker.  Private to jqrun.
 *
 *   jqvm.c      compile it, begin a call
 *   jqvalue.c   JSON text as a value
 *   jqcall.c    the calls: initial, evolve, decide, react, render, …
 *   jqoutput.c  values as JSON text, outputs, faults
 *   jqnumber.c  numbers that jq does not keep
 *
 * A jv is owned by whoever holds it and moves with the call, but where it says
 * `borrowed`.
 */
#ifndef ES_JQVM_H
#define ES_JQVM_H

#include <jq.h>
#include "json.h"
#include "jqrunint.h"

#define JQVM_KEYS 64
#define JQVM_KEPT 256

struct jqkept {			/* a text, and the value that it is */
	struct buf text;
	jv value;
	bool plain;
};

struct jqrounded {		/* a number that jq does not keep */
	double is;		/* what it makes of it */
	struct span literal;	/* in the request */
};

struct jqvm {
	const struct jqprogram *program;
	size_t index;		/* the part of it that a worker runs */
	jq_state *jq;
	struct buf *errors;	/* while it compiles */
	jv inputs[8 + JQ_CHOICES];		/* what _es_in gives next */
	int n_inputs, next_input;
	jv slots[JQRUN_SLOTS];	/* invalid: empty */
	struct json_doc doc;
	struct buf decoded;	/* a string of it */
	bool plain;		/* its numbers are integers that jq keeps */
	jv keys[JQVM_KEYS];	/* of objects, as they were parsed last */
	struct jqkept kept[JQVM_KEPT];
	bool warned;		/* of a number, once a worker */
	struct buf rounded;	/* struct jqrounded: of what is handled */
};

static inline const struct jqpart *jqvm_part(const struct jqvm *vm)
{
	return &vm->program->parts[vm->index];
}

/*
 * Begin a call: the driver asks for true or false per operation, then for the
 * message.
 */
void jqvm_start(struct jqvm *, enum jq_operation, jv input, jv message);

/* ---- jqvalue.c ---- */

/* Invalid when text is not JSON.  vm->plain says whether to look at numbers. */
jv jqvm_value(struct jqvm *, struct span text);
/* The same of what may come again soon, such as events that several read. */
jv jqvm_kept_value(struct jqvm *, struct span text);

/* ---- jqoutput.c ---- */

/* The answer is a fault that begins with this text. */
void jqvm_fault(struct jqanswer *, const char *text);
/*
 * Append a string's bytes, at most so many, and no part of a character; whether
 * it was cut.  Borrowed.
 */
bool jqvm_add_cut(struct buf *out, jv string, size_t most);
/* Append a value to an error's text, cut. */
void jqvm_show(struct buf *out, jv);
/* Whether event(), command() or reject() made it; borrowed. */
bool jqvm_is_made(const struct jqvm *, jv);
jv jqvm_get(jv object /* borrowed */, const char *name);
/* Append a value as JSON text; a fault that names it when that cannot be. */
int jqvm_add_json(struct jqvm *, struct buf *out, jv, const char *what,
    struct jqanswer *);
/* The same for a tree, which may hold what form(), field(), … made. */
int jqvm_add_tree(struct jqanswer *, jv);
/* ---- jqnumber.c ---- */

/*
 * jq 1.6 makes a double of every number, later ones of what they compute with,
 * and prints it with as few digits as tell it from others.  Whoever is at the
 * terminal hears of a message with a number that becomes another decimal so,
 * once.
 */
void jqvm_warn_rounded(struct jqvm *, const char *operation,
    struct span text);
/*
 * Keep in mind which numbers of a text become other doubles than what they say:
 * until the next call outputs must not hold them.  Borrows the text.
 */
void jqvm_note_rounded(struct jqvm *, struct span text);
/*
 * Whether one of them, or a finite number beyond 2^53-1, stands in a value, on
 * all versions alike; strict: or one that is not finite.  Appends ": PLACE:
 * what is wrong".  vm may be NULL: none was noted.  Borrowed; not nested
 * deeply.
 */
bool jqvm_find_rounded(const struct jqvm *, jv, bool strict,
    struct buf *where);

/* ---- jqoutput.c, too ---- */

/* Take an output of decide or react; given: the payload handled, borrowed. */
int jqvm_add_output(struct jqvm *, jv, jv given, const struct jqwork *,
    struct jqanswer *);

#endif
