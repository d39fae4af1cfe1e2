/*
 * writer: the programs that kill.c runs and kills, and what they are given.
 */
#ifndef ES_WRITER_H
#define ES_WRITER_H

#include <stdbool.h>
#include <sys/types.h>

#include "verify.h"

enum { WRITERS = 3, WRITER_SHAPES = 12, WRITER_ERASES = 8 };

enum writer_input { NOTHING, MESSAGE, COMMAND, SECRET, ID };

struct shape {
	const char *name;
	const char *const argv[6];
	enum writer_input input;
	int lines;		/* at most */
	int pad;		/* bytes of a message, about */
	bool batch;		/* all of its lines, or none */
	bool busy;		/* it may be told to come later */
	int millis;		/* killed within, to begin with */
	const char *after;	/* what has to succeed then, for sh */
};

extern const struct shape writer_shapes[WRITER_SHAPES];

struct writer {
	const struct shape *shape;
	pid_t pid;
	long batch;		/* in all of its messages */
	int lines;
	struct buf input;
	int64_t erases[WRITER_ERASES];	/* positions; none was erased */
	int n_erases;
	char out[32], err[32];	/* where it prints to, for run_path() */
};

/*
 * Start one of any shape in a directory, as number 0 to WRITERS - 1 of those
 * that run side by side; `before` is the log as it is.
 */
void writer_start(struct writer *, int number, long batch,
    const struct log *before, const char *dir);

/* Whether a line of the log is that of an erased message. */
bool writer_is_erased(struct span line);
bool writer_is_secret(struct span line);

#endif
