/*
 * refused: the file for lines that were refused, to be repaired and used
 * again.
 *
 *   refused_open -> { refused_add* -> refused_keep | refused_drop }* -> _close
 *
 * What is added since the last refused_keep() belongs to the open transaction:
 * it is on the disk when refused_keep() has returned, so call that before the
 * commit, and refused_undo() when the commit failed.  The file is added to,
 * never emptied: nothing that stands in it has been stored.
 *
 * A zeroed struct refused is valid, and keeps nothing anywhere.
 */
#ifndef ES_REFUSED_H
#define ES_REFUSED_H

#include <sys/types.h>

#include "spool.h"

struct refused {
	const char *path;	/* NULL: not opened */
	/* private */
	int fd;
	bool regular;
	off_t was, is;		/* its size around the last refused_keep() */
	bool torn;		/* it ends within a line */
	struct spool lines;
};

/* Make the file, or open it to add to it.  path is borrowed. */
int refused_open(struct refused *, const char *path, struct es_err *);
/* Whether it is the file of that name; NULL or "-": stdin. */
bool refused_is(const struct refused *, const char *path);

/* A line without its newline, or (more) a piece of it. */
int refused_add(struct refused *, struct span text, bool more,
    struct es_err *);
int refused_keep(struct refused *, struct es_err *);
void refused_drop(struct refused *);
void refused_undo(struct refused *);
void refused_close(struct refused *);

#endif
