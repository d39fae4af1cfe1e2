/*
 * plan: which postings a query has to look at.
 *
 * A stream is one key of the index restricted to shapes.  For each item of the
 * query and each shape that can match it, the rarest of the item's keys that
 * the shape carries drives; so a donation's own key drives in a campaign of a
 * hundred thousand messages.  What the streams give is a superset: the reader
 * checks each message with plan_match().
 */
#ifndef ES_PLAN_H
#define ES_PLAN_H

#include "query.h"
#include "storeimpl.h"

struct plan_stream {
	uint64_t key;
	int *shapes;		/* ascending */
	size_t n;
};

struct plan {
	bool everything;	/* no stream: read all by position */
	struct plan_stream *streams;
	size_t n, cap;
	int shapes;		/* number of shapes it was made with */
};

/* skip_last leaves out the items with `last`. */
int plan_make(struct store *, const struct query *, bool skip_last,
    struct plan *out, struct es_err *err);
void plan_free(struct plan *);

/* By its types alone; "es." types only where one is named. */
bool plan_type_wanted(const struct query_item *, struct span type);
/* What stands before the colon, SPAN_NONE when that is nothing. */
struct span plan_tag_name(struct span tag);

/* 1 when any item matches, 0, or -1; skip_last as above. */
int plan_match(struct store *, const struct query *, bool skip_last,
    const struct message *, int shape, struct es_err *err);

/*
 * Positions of all streams with after < position < before, merged in order,
 * each once; at most max.  Fewer than max: there are no more.
 */
int plan_read(struct store *, const struct plan *, int64_t after,
    int64_t before, bool reverse, int64_t *out, size_t max, size_t *n,
    struct es_err *err);

#endif
