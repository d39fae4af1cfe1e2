/*
 * query: which messages; DESIGN "Queries".
 *
 * A query is {} (everything) or an OR of items; an item is an AND of types,
 * tags, a partition and a kind.  Its bounds (after, before, limit, ...) are
 * not part of the query text and stand in struct query_bounds.
 *
 * A struct query owns its strings; zeroed is valid and means nothing
 * ("items":[]) until `everything` is set or an item is added.  It may be read
 * by several threads while nobody changes it.
 *
 * Limits: what can match nothing because of its form (a tag longer than a
 * message can have, text that is not UTF-8) is refused when the query is built.
 */
#ifndef ES_QUERY_H
#define ES_QUERY_H

#include "catalog.h"
#include "cli.h"

struct query_pair {		/* a name and its value in a partition */
	char *name;
	char *value;		/* NULL: messages that lack the name */
};

struct query_item {
	char **types;		/* "a.b", or "a." for a prefix */
	size_t n_types;
	char **tags;		/* "name:value" or any tag */
	size_t n_tags;
	struct query_pair *partition;
	size_t n_partition;
	enum message_kind kind;	/* KIND_NONE: any */
	bool last;		/* only its newest match */
};

struct query {
	bool everything;
	struct query_item *items;
	size_t n;
};

struct query_bounds {
	int64_t after;		/* exclusive; 0: from the start */
	int64_t before;		/* exclusive; 0: to the head */
	int64_t limit;		/* -1: none */
	int64_t tail;		/* -1: none */
	bool reverse;
	int64_t since, until;	/* stored_at, microseconds, both inclusive;
				   0: none */
	struct span id, correlation;	/* borrowed; SPAN_NONE: any */
};
#define QUERY_BOUNDS_ALL {.limit = -1, .tail = -1}

void query_free(struct query *);
int query_copy(const struct query *, struct query *out, struct es_err *);

/*
 * Build: each returns 0 or -1 with ES_USAGE (form) or ES_FAILED (memory).  All
 * but the first add to the last item and make one where there is none.
 */
int query_add_item(struct query *, struct es_err *);
int query_add_type(struct query *, struct span type, struct es_err *);
int query_add_tag(struct query *, struct span tag, struct es_err *);
int query_add_partition(struct query *, struct span name,
    struct span value /* SPAN_NONE: null */, struct es_err *);

/*
 * The flags that all programs share (cli.h gives their ids): -t -k -g -o
 * --last -p --kind go into the query, -a -b -n --tail -r --since --until --id
 * --correlation into the bounds (which borrow arg).  Returns 1 when the id is
 * not a query flag.  Call query_flags_end() after the last: it makes a query
 * without any item the query for everything, and refuses an empty item.
 */
int query_flag(struct query *, struct query_bounds *, int id, const char *arg,
    struct es_err *);
int query_flags_end(struct query *, struct es_err *);
/*
 * --as-of POS|TIME: *position, or -1 and *time, in microseconds from 1.
 */
int query_as_of(const char *arg, int64_t *position, int64_t *time,
    struct es_err *);

/*
 * {"items":[{"types":[…],"tags":[…],"partition":{…},"kind":…,"last":…}]}
 * A field that is not known, an empty list and an item with none of the first
 * four are ES_USAGE.  On failure *out is empty; it is overwritten, not freed.
 */
int query_parse(const char *p, size_t n, struct query *out, struct es_err *);
int query_from_json(const struct json_doc *, uint32_t node,
    struct query *out, struct es_err *);
void query_print(struct buf *out, const struct query *);

/*
 * Whether a type is one of the list; an element that ends in '.' is a prefix.
 * A type that begins with "es." is matched only by an element that does.
 */
bool query_type_in(char *const *types, size_t n, struct span type);

/* Match in memory; `last` and the bounds are not looked at. */
bool query_match(const struct query *, const struct message *,
    const struct keys *);
bool query_item_match(const struct query_item *, const struct message *,
    const struct keys *);

/*
 * The partition of a message for delivery: for each name the first of its
 * values in byte order, SPAN_NONE when it carries none.  values has n places;
 * returns how many are there.  `many` is set when a name has several values.
 */
size_t query_partition_of(const struct keys *, char *const *names, size_t n,
    struct span *values, bool *many);

/* A guard: what was read; DESIGN "A guard". */
struct guard {
	struct query query;
	int64_t after;
	char id[129];			/* of the message at `after`; "": not
					   told */
	char store[37], epoch[37];	/* UUIDs, NUL-ended */
};
void guard_free(struct guard *);
/* Errors are ES_FAILED: a guard is data, not usage. */
int guard_parse(const char *p, size_t n, struct guard *out, struct es_err *);
void guard_print(struct buf *out, const struct guard *);	/* one line */

#endif
