/*
 * foldint: what fold.c and foldread.c share; not for others.
 *
 * fold.c keeps the operations and takes the replies, foldread.c reads the log
 * and makes the requests.
 */
#ifndef ES_FOLDINT_H
#define ES_FOLDINT_H

#include "fold.h"
#include "slots.h"
#include "upcast.h"

#define BATCH_EVENTS 512
#define BATCH_BYTES ((size_t)1024 * 1024)
#define BATCHES_AHEAD 4		/* full batches that may wait for the worker */

/* One operation: a final request, and before it one a full batch of events. */
struct op {
	struct op *next;
	enum jqrun_op kind;
	struct partition partition;
	struct buf key, message;
	int64_t up_to;
	void *tag;
	int slot;
	unsigned erasures;	/* the fold's, when it read the log */
	size_t requests;	/* under way in the worker */
	bool submitted;		/* all of them were made */
	bool answered;		/* reply is there */
	bool lost;		/* the worker lost its state: from the start */
	bool abandoned;		/* nobody wants the answer */
	struct jqrun_reply reply;
	struct buf place;
};

/* A request under way, in order; which events it carries. */
struct request {
	struct request *next;
	struct op *op;
	bool final;
	size_t n;
	int64_t positions[];
};

/* Events on their way to the worker. */
struct batch {
	struct buf text;
	struct span events[BATCH_EVENTS];
	int64_t positions[BATCH_EVENTS];
	size_t n;
};

struct fold {
	struct store *store;
	struct given *given;
	const struct handler *handler;
	struct jqrun *jqrun;
	unsigned generation;
	int64_t looked;		/* for erasures, up to here; -1: never */
	unsigned erasures;	/* how often states were void */
	struct slots *slots;
	struct op *first, **last;
	struct request *first_request, **last_request;
	size_t pending;
	struct batch batch;
	struct upcast *upcast;	/* NULL with a given history */
	int64_t catalog_at;	/* of the catalog that states were folded by */
	bool hides;		/* private attributes */
	struct buf shown;	/* a payload without them */
};

/*
 * Read what the operation needs and submit its requests, from the start again
 * when the worker dies meanwhile.  Not submitted when it is answered before.
 */
int fold_submit_op(struct fold *, struct op *, struct es_err *err);
/* "TYPE ID at POSITION". */
void fold_name_message(const struct message *, struct buf *out);
/* A worker that was started again has no states. */
void fold_check_generation(struct fold *);

#endif
