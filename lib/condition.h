/*
 * condition: what must still hold when a program appends; DESIGN "A guard".
 *
 *   condition_read | condition_query
 *   store_begin -> condition_check -> store_append* -> store_commit
 *               -> condition_move
 *
 * A zeroed struct condition is valid and always holds.
 */
#ifndef ES_CONDITION_H
#define ES_CONDITION_H

#include "find.h"

struct condition {
	bool set;
	struct guard guard;
	struct query_bounds bounds;	/* what they leave of the guard's query;
					   not used: after */
	int64_t broken_at;	/* the first message that breaks it; 0: none */
};

void condition_free(struct condition *);

/*
 * Write the guard of what a query gives as of a head, before any of it is given.
 */
int condition_write(const char *path, struct store *, const struct query *,
    const struct query_bounds *, int64_t head, struct es_err *);
/*
 * A guard that was written so.  ES_FAILED when it is missing, empty or no
 * guard, or when it was read in another store or epoch.
 */
int condition_read(struct condition *, const char *path,
    const struct store *, struct es_err *);
/* Nothing that matches the query within the bounds. */
int condition_query(struct condition *, const struct query *,
    const struct query_bounds *, struct es_err *);

/*
 * ES_FAILED when the log does not have what the guard has read: it is another
 * one, such as a backup that was restored.
 *
 * Within a transaction, before it appends: look, and remember in broken_at.
 * Whoever appends something new then calls condition_failed(), which is
 * ES_CONFLICT; what is stored already may be looked up all the same.
 */
int condition_check(struct condition *, struct store *, struct es_err *);
int condition_failed(const struct condition *, const struct store *,
    struct es_err *);

/*
 * After the commit of a transaction in which it held: past the messages that
 * this transaction has appended, so that the next one is not stopped by them.
 */
void condition_move(struct condition *, const struct store *, size_t appended);

#endif
