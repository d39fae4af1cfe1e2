/*
 * message: one message as it comes in and as it is printed; es-message(5).
 *
 * A struct draft is a message on its way in: spans that are borrowed from the
 * line (or from wherever the caller has them), SPAN_NONE or 0 for what was not
 * given.  A struct message is one that is stored (or printed): everything
 * is there.  Neither owns memory: the text behind the spans must outlive them.
 *
 * What a message is found by is made by message_keys() (keys.h).
 */
#ifndef ES_MESSAGE_H
#define ES_MESSAGE_H

#include "keys.h"
#include "rfc3339.h"

#define MESSAGE_LINE_MAX (1024 * 1024)	/* bytes, without the newline */
#define MESSAGE_TYPE_BYTES 128
#define MESSAGE_ID_BYTES 128

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
	const struct span *exact;	/* names of attributes that are not */
	size_t n_exact;
	int64_t stored_at;		/* microseconds; not 0: a line of
					   es-query, so that its payload is as
					   a catalog may have left it */
	/* set by message_parse(), for message_draft_doc() */
	const struct json_doc *doc;
	uint32_t tags_at, payload_at;
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
	struct json_doc doc;
	struct buf text;
};
void message_scratch_free(struct message_scratch *);

/*
 * Parse one line (without its newline) into a draft.  Checks everything that
 * needs neither store nor catalog: fields, their types and lengths, tags,
 * type's form, id's characters, RFC 3339 times.  `position` is ignored;
 * stored_at is for MESSAGE_STORED only (a message as es-query prints it); any
 * other field is an error that names it.  The draft borrows from line and
 * scratch.
 */
enum { MESSAGE_STORED = 1 };
int message_parse(struct message_scratch *, const char *line, size_t n,
    unsigned allow, struct draft *, struct es_err *);

/*
 * The doc in which the draft's tags and payload stand as they were parsed, at
 * tags_at (JSON_NONE without any) and payload_at; NULL when they are not in
 * one, or have been replaced since.
 */
const struct json_doc *message_draft_doc(const struct draft *);

/*
 * Parse a line as a message that was stored, for what has no store (--given):
 * type is required; what else is missing becomes position 0, kind event,
 * version 1, {} and empty text, or time 0.
 */
int message_parse_stored(struct message_scratch *, const char *line, size_t n,
    struct message *, struct es_err *);

/* Append the message as a line, newline included. */
void message_print(struct buf *out, const struct message *);

/*
 * One aligned line for people: position, time, type, payload; commands are
 * marked with ">".  Cut at width columns, 0 = no limit.
 */
void message_print_pretty(struct buf *out, const struct message *,
    bool colour, int width);

int message_check_type(struct span type, struct es_err *);	/* its form */
int message_check_id(struct span id, const char *what, struct es_err *);
int message_check_tag(struct span tag, struct es_err *);
int message_check_tags(const struct json_doc *, uint32_t array,
    struct es_err *);
const char *message_kind_name(enum message_kind);
int message_kind_parse(struct span text, enum message_kind *,
    struct es_err *);

#endif
