/*
 * answeroptions: what es-decide is asked for, and what of it goes together.
 *
 * Borrows argv.  Errors are ES_USAGE.
 */
#ifndef ES_ANSWEROPTIONS_H
#define ES_ANSWEROPTIONS_H

#include "answer.h"
#include "cli.h"

struct answer_options {
	struct cli cli;
	const char *handler;
	char **files;			/* or words, with -t: in the form */
	int n_files;
	struct form form;
	const char *given;
	bool state, strict, check, trial;
	const char *catalog;		/* of --check */
	bool as_of;
	int64_t position, time;		/* as of: -1 when it is the other */
	bool rejections;
	int64_t retries;		/* -1: not given */
	struct query values;		/* one item: a partition */
	int64_t deadline;		/* ms, 0: not given */
};

/* As cli_next() ends: 0, 1 when there is nothing to be done, -1. */
int answer_options(struct answer_options *, const struct cli_program *,
    int argc, char **argv, struct es_err *err);
/* After a failure, too. */
void answer_options_free(struct answer_options *);

#endif
