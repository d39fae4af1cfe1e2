/*
 * scan: what a jq handler decides, folds and reacts to, read from its source.
 *
 * A tokenizer and a small reader of `def`s and of the calls on() and apply();
 * it runs no jq.  What cannot be read for sure is refused with FILE:LINE, as
 * DESIGN "What it handles" lists, because the answer also defines what is read
 * and guarded.
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
	SCAN_REACT = 16
};

struct scan {
	unsigned ops;
	struct scan_types decides;	/* on() reached from decide */
	struct scan_types evolves;	/* on()/apply() reached from evolve */
	struct scan_types reacts;	/* on() reached from react */
	/* names of all top-level definitions, "name/arity" */
	char **defs;
	size_t n_defs;
};

/* place names the file in errors: "loans.jq:3: …". */
int scan_jq(const char *place, const char *p, size_t n, struct scan *out,
    struct es_err *);
void scan_free(struct scan *);

#endif
