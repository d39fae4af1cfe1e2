/*
 * batchoptions: what es-append is asked for, and what of it goes together.
 *
 * Borrows argv.  Errors are ES_USAGE.
 */
#ifndef ES_BATCHOPTIONS_H
#define ES_BATCHOPTIONS_H

#include "batch.h"
#include "cli.h"

struct batch_options {
	struct cli cli;
	char **files;
	int n_files;
	struct form form;
	bool each, import, dry, unless, strict;
	bool given;			/* a flag about each message */
	int64_t lines;			/* of a batch; 0: no batches */
	const char *guard, *bad;
	struct query query;		/* behind --unless */
	struct query_bounds bounds;
};

/* As cli_next() ends: 0, 1 when there is nothing to be done, -1. */
int batch_options(struct batch_options *, const struct cli_program *, int argc,
    char **argv, struct es_err *err);
/* After a failure, too. */
void batch_options_free(struct batch_options *);

#endif
