/*
 * message: one message as it comes in and as it is printed; es-message(5).
 *
 * A struct draft is a message on its way in: spans that are borrowed from the
 * line (or from wherever the caller has them), SPAN_NONE or 0 for what was not
 * given.  A struct message is one that is stored (or printed): everything
 * is there.  Neither owns memory: the text behind the spans must outlive them.
 *
 * Keys.  What a message is found by is a set of texts `name:value`, made by
 * message_keys() out of explicit tags and payload attributes; DESIGN "Tags".
 */
#ifndef ES_MESSAGE_H
#define ES_MESSAGE_H

#include "json.h"

#define MESSAGE_LINE_MAX (1024 * 1024)	/* bytes, without the newline */
#define MESSAGE_TAGS_MAX 64
#define MESSAGE_TAG_BYTES 256
#define MESSAGE_TYPE_BYTES 128
#define MESSAGE_ID_BYTES 128
#define MESSAGE_INT_MAX INT64_C(9007199254740991)

enum message_kind { KIND_NONE, KIND_EVENT, KIND_COMMAND };

struct draft {
	struct span id, type;
	enum message_kind kind;		/* KIND_NONE: not given */
	int64_t version;		/* 0: not given */
	struct span tags;		/* JSON array text */
	struct span payload, metadata;	/* JSON object text */
	struct span causation_id, correlation_id;
	struct span created_at;		/* RFC 3339 text */
	bool coerce;			/* strings are form text: see catalog */
};

struct message {
	int64_t position;
	struct span id;
	enum message_kind kind;
	struct span type;
	int64_t version;
	struct span tags;		/* JSON array text, or SPAN_NONE */
	struct span payload, metadata;	/* as they came in; never SPAN_NONE */
	struct span causation_id, correlation_id;
	struct span created_at;		/* RFC 3339 text */
	int64_t stored_at;		/* microseconds since 1970, UTC */
	int64_t erased_at;		/* the same, or 0 */
};

/*
 * Memory that one message's parsing needs; zeroed is valid, used again for
 * each line, freed once.
 */
struct message_scratch {
	struct json_doc doc, tags, payload;
	struct buf text[8];
};
void message_scratch_free(struct message_scratch *);

/*
 * Parse one line (without its newline) into a draft.  Checks everything that
 * needs neither store nor catalog: fields, their types and lengths, tags,
 * type's form, id's characters, RFC 3339 times.  `position` and the other
 * fields of a stored message that DESIGN says are ignored on input are
 * ignored; any other field is an error that names it.  The draft borrows from
 * line and scratch.
 */
int message_parse(struct message_scratch *, const char *line, size_t n,
    struct draft *, struct es_err *);

/*
 * Parse a line that es-query (or a handler's stdin) has: every output field is
 * required but tags and erased_at.  For --given, follow from a pipe, tests.
 * With lenient set, what a draft may lack may be missing: kind becomes event,
 * position 0, id, causes and times empty.
 */
int message_parse_stored(struct message_scratch *, const char *line, size_t n,
    bool lenient, struct message *, struct es_err *);

/* Append the message as a line, newline included. */
void message_print(struct buf *out, const struct message *);

/* Pretty: one aligned line for people; width 0 = no limit. */
void message_print_pretty(struct buf *out, const struct message *,
    bool colour, int width);

int message_check_type(struct span type, struct es_err *);	/* its form */
int message_check_id(struct span id, const char *what, struct es_err *);
int message_check_tag(struct span tag, struct es_err *);
const char *message_kind_name(enum message_kind);
int message_kind_parse(struct span text, enum message_kind *,
    struct es_err *);

/* Times: RFC 3339 text <-> microseconds since 1970 (UTC). */
int message_time_parse(struct span text, int64_t *micros, struct es_err *);
void message_time_print(struct buf *out, int64_t micros);

/*
 * One text `name:value` by which a message is found.  from_payload tells an
 * attribute from an explicit tag.  For an explicit tag without a colon,
 * name.n is the whole text and it carries no name.
 */
struct key {
	struct span text;	/* name:value */
	struct span name;	/* SPAN_NONE when the tag has no colon */
	bool from_payload;
};

struct keys {
	struct key *v;
	size_t n, cap;
	struct buf text;	/* what the spans point into */
};
void keys_free(struct keys *);

/* Whether payload attribute `name` is indexed; ctx is the catalog's entry. */
typedef bool message_indexes(void *ctx, struct span name);

/*
 * The keys of a message: explicit tags, then attributes that are indexable and
 * that `indexes` (NULL: all) accepts; sorted by bytes, without repeats.  More
 * than MESSAGE_TAGS_MAX is an error.
 */
int message_keys(struct message_scratch *, struct span tags,
    struct span payload, message_indexes *indexes, void *ctx, struct keys *out,
    struct es_err *);

/* Whether a payload value can be a key; appends "value" text to out if so. */
bool message_value_indexable(const struct json_doc *, uint32_t node,
    struct buf *out);
bool message_name_indexable(struct span name);

#endif
