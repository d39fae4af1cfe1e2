/*
 * catalog: what may be said; the messages.json of es-app(5).
 *
 * Pure: knows JSON and messages, no store.  A catalog is immutable once
 * parsed, owns a copy of its text, and may be read by several threads.
 *
 * An entry: kind, web, version, upcast, keys, private, channel, and payload,
 * an object with a rule (value.h) for each attribute.  Without payload any
 * attributes are good.
 *
 * What earlier versions of an entry said is needed for as long as their
 * messages are stored: es.catalog_loaded, which is how a catalog stands in a
 * log, keeps the upcasts and the private names that the new catalog does not
 * repeat, so that one message says everything.
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
const char *catalog_place(const struct catalog *);

/* Same meaning: the same JSON but for white space, the order of keys and the
 * way in which a string is escaped. */
bool catalog_equal(const struct catalog *, const struct catalog *);

/* The entry of a type, or NULL; it lives as long as its catalog. */
const struct catalog_entry *catalog_find(const struct catalog *,
    struct span type);
enum message_kind catalog_kind(const struct catalog_entry *); /* or NONE */
int64_t catalog_version(const struct catalog_entry *);	/* from 1 */
bool catalog_web(const struct catalog_entry *);
struct span catalog_channel(const struct catalog_entry *); /* or SPAN_NONE */
bool catalog_private(const struct catalog_entry *, struct span name);
/*
 * A payload's text without what is private, appended to out: 1, or 0 when
 * nothing is and out stays as it was.
 */
int catalog_public(const struct catalog_entry *, struct span payload,
    struct buf *out);

/* All entries, in the file's order; NULL past the last. */
const struct catalog_entry *catalog_at(const struct catalog *, size_t i);
struct span catalog_type(const struct catalog_entry *);

/*
 * The jq program that makes a payload of `version` from one of the version
 * before, or SPAN_NONE.
 */
struct span catalog_upcast(const struct catalog_entry *, int64_t version);
/* All that there are, in no order; SPAN_NONE past the last. */
struct span catalog_upcast_at(const struct catalog_entry *, size_t i,
    int64_t *version);
/* The version that a message of `version` becomes: as far as upcasts go. */
int64_t catalog_reach(const struct catalog_entry *, int64_t version);

/*
 * Refuse a new version that is lower, and, without a new one, what would make
 * a payload bad that was good.  The error begins with the new catalog's place
 * and names the first offender: "messages.json: loans.book_lent: days: was
 * integer, now string, without a new version".
 */
int catalog_check_change(const struct catalog *was, const struct catalog *now,
    struct es_err *err);

/* The payload of es.catalog_loaded, appended to out. */
void catalog_print_loaded(const struct catalog *before,
    const struct catalog *, struct buf *out);
/* ... and read; doc is overwritten.  The place of errors is "catalog". */
int catalog_parse_loaded(struct json_doc *doc, struct span payload,
    struct catalog **out, struct es_err *err);

/*
 * Check a message's payload against its entry and rewrite what must be:
 * coercion (only when draft->coerce, and not for the attributes that
 * draft->exact names: "10" for an integer attribute becomes 10,
 * "on" for a boolean true, an empty string for an optional one is left out)
 * and defaults, which are added at the end.  When nothing changes, *out stays
 * empty and the text that came in counts; what needs no change keeps its bytes.
 *
 * Errors name the type, the attribute, what was expected and what came, for
 * example `donations.select_amount: amount: must be an integer, not "ten"`.
 * Also refused: kind or version that contradicts the entry, an undeclared
 * attribute, a missing one, and an attribute that `keys` names whose value
 * cannot be indexed.
 *
 * The scratch's doc is overwritten, its text is not.
 */
int catalog_check(const struct catalog_entry *, const struct draft *,
    struct message_scratch *, struct buf *out, struct es_err *);

/*
 * The same, but every fault of an attribute (donor.address.zip, lines[0]) is
 * told to `fault`, once an attribute, and err has the first.  `expected` is "must be an integer", "is
 * missing" …; `came` is what came, or empty.
 */
typedef void catalog_fault(void *ctx, struct span attribute,
    const char *expected, const char *came);
int catalog_check_all(const struct catalog_entry *, const struct draft *,
    struct message_scratch *, struct buf *out, catalog_fault *fault, void *ctx,
    struct es_err *);

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
/* Whether the type's payload is declared to have it, indexed or not. */
bool catalog_declares(const struct catalog_entry *, struct span name);

#endif
