/*
 * intake: the lines of several files, one after the other, gathered into
 * groups before they are used.
 *
 *   intake_init -> { intake_gather -> intake_next* }* -> intake_free
 *
 * A group is everything, so many lines, or what is there at the moment (and at
 * least one line).  Its lines are kept in a spool, so a large input needs no
 * more memory than a small one; each knows where it came from.
 *
 * A line that is too long is an error, unless they are kept: then it comes in
 * pieces, for those who want to put it elsewhere.
 */
#ifndef ES_INTAKE_H
#define ES_INTAKE_H

#include "cli.h"
#include "spool.h"

struct intake {
	/* private */
	char *const *files;
	int n_files, file;
	size_t max;
	bool keep;
	struct cli_lines lines;
	bool open;
	struct spool spool;
	struct span group;
	size_t at;
	/* of the group */
	int64_t count;		/* lines in it */
};

struct intake_line {
	struct span text;
	const char *name;	/* "<stdin>" or the file's */
	int64_t line;		/* from 1 */
	bool unterminated;	/* the last, without its newline */
	bool too_long;		/* a piece of such a line */
	bool more;		/* and not the last piece */
};

/*
 * No files: stdin.  A line may have at most max bytes; keep: longer ones are
 * lines, too.
 */
void intake_init(struct intake *, char *const *files, int n_files,
    size_t max, bool keep);
void intake_free(struct intake *);

/*
 * Gather the next group: so many lines, all that is left, or only what can be
 * had without waiting, up to a few megabytes.  1: there may be more; 0: that
 * was all; -1: an error behind what was gathered, which can be used still.
 */
enum { INTAKE_ALL = 0, INTAKE_READY = -1 };
int intake_gather(struct intake *, int64_t lines, struct es_err *);

/* The next line of the group; its spans are valid until the next gathering. */
bool intake_next(struct intake *, struct intake_line *out);

#endif
