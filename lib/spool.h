/*
 * spool: bytes that are gathered before they are used; in memory at first, in
 * an unlinked temporary file when they become many.
 *
 *   zeroed -> spool_add* -> spool_end -> (use the span) -> spool_reset | _free
 *
 * A zeroed struct spool is empty and valid.  After an error only spool_free()
 * is left.  Disk space is taken by spool_add() and spool_end(), so a full disk
 * is an error there, never a signal while the content is read.
 */
#ifndef ES_SPOOL_H
#define ES_SPOOL_H

#include "buf.h"

#define SPOOL_MEMORY (64 * 1024 * 1024)	/* bytes before a file is used */

struct spool {
	/* private */
	struct buf memory;	/* all, or what is not yet in the file */
	bool spilled;
	int fd;			/* once spilled */
	size_t in_file;
	void *map;
};

int spool_add(struct spool *, const void *p, size_t n, struct es_err *);

size_t spool_size(const struct spool *);	/* bytes that were added */

/* All that was added; valid until the spool is reset or freed. */
int spool_end(struct spool *, struct span *all, struct es_err *);

void spool_reset(struct spool *);	/* empty; keeps a little memory */
void spool_free(struct spool *);

#endif
