/*
 * viewint: what view.c and viewstep.c share; not for others.
 */
#ifndef ES_VIEWINT_H
#define ES_VIEWINT_H

#include "upcast.h"
#include "viewbatch.h"
#include "viewfile.h"

#define VIEW_BATCH 256		/* messages of the first step */
#define VIEW_MATCHES 16		/* prepared statements kept */

/* What became of the model that was there. */
enum view_reason {
	VIEW_FITS,		/* it can be gone on with */
	VIEW_ABSENT, VIEW_ASKED, VIEW_DAMAGED, VIEW_OTHER_LOG, VIEW_OTHER_TEXT,
	VIEW_ERASED		/* it holds what was erased since */
};

/* The keys that have given values for some of the names (bits). */
struct view_match {
	uint64_t names;
	sqlite3_stmt *st;
};

struct view {
	struct store *store;
	const struct handler *handler;
	struct query query;		/* the types that it evolves */
	struct upcast *upcast;
	char hash[65];			/* of the projector's text */
	struct viewfile file;
	bool opened;
	enum view_reason why;
	char *reason;			/* the text of it */
	struct viewfile_mark at;	/* where the model is */
	bool rebuilding;		/* not what readers see, yet */
	int64_t target;			/* of the rebuild: at least this far */
	int64_t clean;			/* what was erased up to here it has
					   not: it was gone before it was read,
					   or has been looked for */
	/* reading the log */
	struct find *find;
	size_t size;			/* messages a step */
	struct viewbatch batch;
	struct buf fault;
	/* of file.db */
	sqlite3_stmt *exists, *state, *upsert, *add_key, *move, *where;
	struct view_match matches[VIEW_MATCHES];
	size_t n_matches;
};

/* Where the states of a model are, for its batches. */
struct viewbatch_source view_source(struct view *);

/* Whether the log holds, where the mark stands, the message that it names. */
int view_fits_log(struct view *, const struct viewfile_mark *, bool *fits,
    struct es_err *err);

/*
 * Whether a message that a model at a position has taken in was erased by an
 * es.message_erased after `since`, at up_to at most.
 */
int view_holds_erased(struct view *, int64_t position, int64_t since,
    int64_t up_to, bool *yes, struct es_err *err);

/* The message as the projector is to see it; a fault is an error. */
int view_upcast(struct view *, struct message *, struct es_err *err);

void view_detach(struct view *);
/* Leave what is open for a new generation, which does not hold it. */
int view_forget(struct view *, struct es_err *err);
/* Go to the generation that is linked now; what is open is left. */
int view_reattach(struct view *, struct es_err *err);

#endif
