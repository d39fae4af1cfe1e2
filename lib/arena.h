/*
 * arena: memory for many small things that die together.
 *
 * What arena_alloc() and arena_copy() return stays where it is until
 * arena_reset() (which keeps the memory) or arena_free().  Zeroed is valid.
 * Failure is sticky, as in buf: arena_copy() gives SPAN_NONE and `failed`.
 */
#ifndef ES_ARENA_H
#define ES_ARENA_H

#include "buf.h"

struct arena_block;
struct arena {
	struct arena_block *first, *current;
	size_t used;		/* bytes given out since the last reset */
	bool failed;
};

void *arena_alloc(struct arena *, size_t n);	/* aligned for anything */
char *arena_bytes(struct arena *, size_t n);	/* not aligned */
/* A copy, ended by NUL; SPAN_NONE stays SPAN_NONE. */
struct span arena_copy(struct arena *, struct span);
void arena_reset(struct arena *);
void arena_free(struct arena *);

#endif
