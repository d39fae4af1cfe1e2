/*
 * scan: what a jq handler decides, folds and reacts to, read from its source.
 *
 * A tokenizer (jqlex.h), a reader of `def`s and calls that knows jq's scopes
 * (scandefs.c), and what can be said about a handler from these; it runs no
 * jq.  What cannot be read for sure is refused with PLACE:LINE, as DESIGN "What
 * it handles" lists, because the answer also defines what is read and guarded.
 *
 * A type counts for decide, evolve or react when an on() or apply() with it
 * stands in that definition or in one that it calls, through any number of
 * helpers; what stands in the argument of a call counts for the caller.
 * apply() counts for evolve only.
 *
 * If about has `handles`, types may be computed and helpers redefined; whoever
 * runs about then sees to it that it says what was not read (scan.unread).
 */
#ifndef ES_SCAN_H
#define ES_SCAN_H

#include "buf.h"

struct scan_types {		/* literal types, sorted, without repeats */
	char **v;
	size_t n;
};

enum scan_op {			/* bits: reserved definitions that are there */
	SCAN_ABOUT = 1, SCAN_INITIAL = 2, SCAN_EVOLVE = 4, SCAN_DECIDE = 8,
	SCAN_REACT = 16,
	SCAN_RENDER = 32, SCAN_LAYOUT = 64,	/* only in pages */
	/* every on() and apply() has one type, which is no prefix: a cheaper
	 * test is enough */
	SCAN_PLAIN = 256
};

/* What is said of helpers that only a later version has. */
#define SCAN_NO_AT "at: this version has no schedules"
#define SCAN_NO_BROADCAST "broadcast: this version has no live pages"

#define SCAN_OPS 3		/* decide, evolve, react, in this order */

/*
 * A type that the source names, in a call that decide, evolve or react
 * reaches.
 */
struct scan_use {
	enum { SCAN_USE_ON, SCAN_USE_APPLY, SCAN_USE_EVENT,
	    SCAN_USE_COMMAND } what;
	unsigned ops;		/* which of them (enum scan_op) reach it */
	unsigned line;
	char *type;		/* NULL: it is computed */
	/* of event() and command(): the names in a payload that is a literal
	 * object; whole: these are all of them */
	char **attributes;
	size_t n_attributes;
	bool whole;
};

struct scan {
	const char *later;	/* the first such helper that is called; NULL */
	unsigned later_line;
	unsigned ops, about_line;
	struct scan_types decides;	/* on() reached from decide */
	struct scan_types evolves;	/* on()/apply() reached from evolve */
	struct scan_types reacts;	/* on() reached from react */
	/* names of all top-level definitions, "name/arity", each once; NULL
	 * after the last */
	char **defs;
	size_t n_defs;
	struct scan_use *uses;	/* in the order of the source */
	size_t n_uses, cap_uses;
	/*
	 * What could not be read of decide, evolve and react, as an error's
	 * text; only where about has `handles`, which has to say it.
	 */
	char *unread[SCAN_OPS];
};

/*
 * place names the file in errors: "loans.jq:3: …".  Of several faults each is
 * a line of err's text, in the order of the source, as long as there is room.
 */
int scan_jq(const char *place, const char *p, size_t n, struct scan *out,
    struct es_err *);
/*
 * The same for a page's file: render($page) and layout are reserved too, and
 * form, field, submit, link_command, raw and slot are es's own; decide and
 * react, and what only they can use, are refused.
 */
int scan_page_jq(const char *place, const char *p, size_t n,
    struct scan *out, struct es_err *);
void scan_free(struct scan *);

/* Add a type (a trailing dot makes it a prefix) in its place; checks its form
 * and says what is wrong with it. */
int scan_types_add(struct scan_types *, struct span type, struct es_err *);

#endif
