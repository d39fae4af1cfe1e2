/* copyint: what the files of copy share; not for others. */
#ifndef ES_COPYINT_H
#define ES_COPYINT_H

#include "copy.h"
#include "storeimpl.h"

struct copy {
	const struct copy_options *options;
	struct store *from;
	const char *to;		/* as the user calls it */
	char *real;		/* the same, links resolved */
	char *dir, *file;	/* where it is built: REAL.copying/es.db */
	int lock_fd;		/* in dir */
	mode_t mode;
	int64_t up_to;		/* the last message that goes along */
	bool branch;		/* there are more */
};

/*
 * Make c->file of one snapshot of the original, complete but for what has to
 * be computed for a branch; sets up_to and branch.
 */
int copy_rows(struct copy *, struct es_err *err);

/* [w] Index and reserved ids of a branch, from its messages. */
int copy_index(struct copy *, struct store *to, struct es_err *err);

#endif
