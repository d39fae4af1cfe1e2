/*
 * find: read the messages that match a query, page by page.
 *
 * The log only grows, so a reader that fixes the head at its start reads one
 * consistent state although each page has a read transaction of its own;
 * none is held between pages, so a slow reader never keeps the WAL from being
 * reset.  Inside a store's open write transaction pages read in that one.
 *
 *   find_open -> find_next* | find_lines* -> find_close
 *
 * A find borrows store and query.  Messages of find_next() are valid until the
 * next call.
 */
#ifndef ES_FIND_H
#define ES_FIND_H

#include "query.h"
#include "store.h"

struct find;

/*
 * Refuse (ES_USAGE) a query on a name that no possible type indexes: no stored
 * message of a matching type carries it, no catalog entry can, and no type is
 * asked for that the catalog leaves open.  Programs call it for what a user
 * typed; within a write transaction the names of its own messages count.
 * coming: a condition for an append, whose messages may be the first of a type
 * that the catalog lacks: then a name that it does not have at all may pass.
 */
int find_check_names(struct store *, const struct query *, bool coming,
    struct es_err *err);

/* head: the log as of this position (0: as it is now). */
int find_open(struct store *, const struct query *,
    const struct query_bounds *, int64_t head, struct find **out,
    struct es_err *err);
/* 1 with a message, 0 at the end, -1. */
int find_next(struct find *, struct message *out, struct es_err *err);
/*
 * Instead of find_next(): those of the next page, *count of them, as lines (of
 * which the last ends in a newline, too); valid until the next call.
 */
int find_lines(struct find *, struct span *lines, int64_t *count,
    struct es_err *err);
int64_t find_head(const struct find *);		/* the head it reads up to */
/*
 * The last position up to which all that matches was given: head at the end,
 * the last message's with a limit, at most before - 1.
 */
int64_t find_covered(const struct find *);
/*
 * Read on to a new head (follow): after the end, only what came since.
 * ES_FAILED when the log has become shorter: it is another one.
 */
int find_more(struct find *, struct es_err *err);
void find_close(struct find *);

/* How many match, without giving them. */
int find_count(struct find *, int64_t *count, struct es_err *err);

/*
 * Whether a message matches with after < position <= up_to; *position is the
 * first such (may be NULL).  This is the append condition: its cost does not
 * grow with the log.
 */
int find_any(struct store *, const struct query *, int64_t after,
    int64_t up_to, bool *any, int64_t *position, struct es_err *err);
/* The same of what the bounds leave, whose order and numbers do not count. */
int find_any_within(struct store *, const struct query *,
    const struct query_bounds *, int64_t up_to, bool *any, int64_t *position,
    struct es_err *err);

/*
 * Whether a message was erased with after < position <= up_to, that is, by an
 * es.message_erased there: what was made by then of older messages may hold one
 * that is gone.  Costs next to nothing where nothing was ever erased.
 */
int find_erased(struct store *, int64_t after, int64_t up_to, bool *any,
    struct es_err *err);
/* The query for es.message_erased; static. */
extern const struct query find_erasures;

/* Rows of the index, and messages, read by finds so far, for tests. */
uint64_t find_rows_read(const struct store *);
uint64_t find_messages_read(const struct store *);

#endif
