/*
 * catalog: what may be said; the messages.json of es-app(5).
 *
 * Pure: knows JSON and messages, no store.  A catalog is immutable once
 * parsed, owns a copy of its text, and may be read by several threads.
 */
#ifndef ES_CATALOG_H
#define ES_CATALOG_H

#include "message.h"

struct catalog;
struct catalog_entry;

/*
 * Parse a catalog: an object with one entry a type.  `place` (a file name)
 * begins every error, with the entry's type and attribute behind it.  An empty
 * catalog is "{}".  Anything that an entry does not define is an error.
 */
int catalog_parse(const char *place, const char *p, size_t n,
    struct catalog **out, struct es_err *);
void catalog_free(struct catalog *);
struct span catalog_text(const struct catalog *);	/* as it came in */

/* Same meaning, whatever the white space and the order of keys. */
bool catalog_equal(const struct catalog *, const struct catalog *);

/* The entry of a type, or NULL. */
const struct catalog_entry *catalog_find(const struct catalog *,
    struct span type);
enum message_kind catalog_kind(const struct catalog_entry *);
bool catalog_web(const struct catalog_entry *);

/* All entries, in the file's order; NULL past the last. */
const struct catalog_entry *catalog_at(const struct catalog *, size_t i);
struct span catalog_type(const struct catalog_entry *);

/*
 * Check a message's payload against its entry and rewrite what must be:
 * coercion (only when draft->coerce: "10" for an integer attribute becomes 10,
 * an empty string for an optional one is left out) and defaults.  When nothing
 * changes, *out stays empty and the text that came in counts.  Errors name the
 * type, the attribute, what was expected and what came, for example
 * `donations.select_amount: amount: must be an integer, not "ten"`.  Also refused: kind or
 * version that contradicts the entry, an undeclared attribute, a missing one,
 * and an attribute that `keys` names whose value cannot be indexed.
 */
int catalog_check(const struct catalog_entry *, const struct draft *,
    struct message_scratch *, struct buf *out, struct es_err *);

/*
 * Which attributes are indexed: a message_indexes for message_keys(), ctx is
 * the entry (NULL: a type without an entry, all are).
 */
message_indexes catalog_indexes;

/*
 * The names that a message of this type can carry from its payload, declared
 * attributes within `keys` and without `private` ones: for "no possible type
 * indexes this name".  Returns whether `name` is one.
 */
bool catalog_can_carry(const struct catalog_entry *, struct span name);

#endif
