/*
 * keys: what a message is found by; DESIGN "Tags".
 *
 * A key is a text `name:value`, made from an explicit tag as it stands or from
 * a payload attribute.  A struct keys owns its memory, can be used for one
 * message after another, and is valid when zeroed; the spans of its keys hold
 * until it is next used.
 */
#ifndef ES_KEYS_H
#define ES_KEYS_H

#include "json.h"

#define KEYS_MAX 64		/* keys a message */
#define KEY_VALUE_BYTES 256	/* of an attribute's value, of a whole tag */
#define KEY_INT_MAX INT64_C(9007199254740991)	/* 2^53 - 1 */

struct key {
	struct span text;	/* name:value */
	struct span name;	/* SPAN_NONE when a tag has no colon */
	bool from_payload;	/* an attribute, not an explicit tag */
};

struct keys {
	struct key *v;		/* sorted by text, each once */
	size_t n, cap;
	struct buf text;	/* what the spans point into */
	struct json_doc doc;	/* private */
	struct buf decoded;	/* private */
};
void keys_free(struct keys *);

/* Whether payload attribute `name` is indexed; ctx is the catalog's entry. */
typedef bool message_indexes(void *ctx, struct span name);

/*
 * The keys of a message.  tags is JSON array text or SPAN_NONE, payload JSON
 * object text, both already checked; indexes NULL means all attributes.  More
 * than KEYS_MAX is an error.
 */
int message_keys(struct span tags, struct span payload,
    message_indexes *indexes, void *ctx, struct keys *out, struct es_err *);

/*
 * The same of a message that is parsed already: where its payload stands in
 * the doc, and its tags (JSON_NONE without any).  Most of what keys cost is to
 * parse them out of the text again.
 */
int message_keys_parsed(const struct json_doc *, uint32_t tags,
    uint32_t payload, message_indexes *indexes, void *ctx, struct keys *out,
    struct es_err *);

/* Whether a value can be a key; if so its text is appended to out. */
bool message_value_indexable(const struct json_doc *, uint32_t node,
    struct buf *out);

/* [A-Za-z_][A-Za-z0-9_]* */
bool message_name_indexable(struct span name);

#endif
