/*
 * batch: lines, or one message that is told by words, stored in one
 * transaction; what es-append does.
 *
 *   batch_begin -> { batch_lines* | batch_form } -> batch_end | batch_drop
 *   -> (use out and reasons) -> batch_reset;  batch_free at the end
 *
 * What the transaction stores is gathered in `out`, to be printed after
 * batch_end() and not before.  With `keep` the lines before a fault count
 * (--each); else a fault leaves only batch_drop().  With `refused` a line that
 * is refused goes there, its reason to `reasons`, and the others count.
 */
#ifndef ES_BATCH_H
#define ES_BATCH_H

#include "condition.h"
#include "form.h"
#include "import.h"
#include "intake.h"
#include "refused.h"

struct batch {
	/* what is wanted; all borrowed, set before the first batch_begin */
	struct store *store;
	struct condition *condition;
	struct form *form;		/* what flags say of each message */
	struct refused *refused;	/* NULL: a refused line is a fault */
	bool keep, import, dry, quiet;	/* quiet: out stays empty */

	/* of this transaction: what counts so far */
	size_t fresh;			/* messages that are new */
	size_t skipped;			/* lines that were refused */
	const char *name;		/* place of the last line */
	int64_t line;			/* 0: none */
	int64_t last;			/* the highest position, or 0 */
	size_t out_n, reasons_n;	/* bytes of these that count: */
	struct spool out;		/* lines, as they are stored */
	struct spool reasons;		/* "PLACE: fault", each ended by NUL */

	/* private */
	struct import importing;
	struct message_scratch scratch;
	struct buf text;
	int64_t old;			/* position of one that is not new */
	size_t fresh_before;		/* as of the last batch_lines */
};

/* Lock, look at the condition and at the cause that is given to all. */
int batch_begin(struct batch *, struct es_err *);

/*
 * At most max lines of those gathered (0: all).  A fault of a line has its
 * place in front.
 */
int batch_lines(struct batch *, struct intake *, int64_t max,
    struct es_err *);
int batch_form(struct batch *, struct es_err *);

/* Commit, or with `dry` take everything back. */
int batch_end(struct batch *, struct es_err *);
void batch_drop(struct batch *);

void batch_reset(struct batch *);	/* empty out and reasons */
void batch_free(struct batch *);

#endif
