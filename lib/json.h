/*
 * json: strict JSON text, read into a flat array of nodes, and written.
 *
 * json_parse() accepts exactly RFC 8259 text in valid UTF-8 and refuses what
 * readers disagree on: duplicate keys at any depth (compared decoded), lone
 * surrogate escapes, a BOM, raw control bytes, nesting deeper than JSON_DEPTH
 * (an escaped NUL, \u0000, is allowed: decoded text may hold one).  Nodes
 * stand in document order; an object's children alternate key and value; `end`
 * is the index of the first node after a node and all it contains, so the next
 * sibling of i is nodes[i].end.  Node 0 is the root.
 *
 * A doc borrows the text, which must outlive it, and owns its nodes; it can be
 * used for one text after another and keeps its memory.  Zeroed is valid.
 * Numbers are never turned into doubles here: their text is what counts.
 */
#ifndef ES_JSON_H
#define ES_JSON_H

#include "buf.h"

#define JSON_DEPTH 128
#define JSON_NONE UINT32_MAX	/* "no such node" */

enum json_type {
	JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING,
	JSON_ARRAY, JSON_OBJECT
};

struct json_node {
	unsigned char type;	/* enum json_type */
	bool escaped;		/* a string with escapes in it */
	bool integer;		/* a number without fraction or exponent */
	uint32_t start, len;	/* its text, quotes and brackets included */
	uint32_t end;		/* index of the first node after it */
	uint32_t count;		/* members or elements */
};

struct json_doc {
	const char *text;
	struct json_node *nodes;
	uint32_t n, cap;
	size_t fault;		/* where a parse failed, from 0 */
};

/*
 * Parse p[0..n) (at most UINT32_MAX bytes; white space around the value is
 * allowed).  The error names the byte where it went wrong, from 1.
 */
int json_parse(struct json_doc *, const char *p, size_t n, struct es_err *);
void json_free(struct json_doc *);

struct span json_text(const struct json_doc *, uint32_t node);

/* Value of a key in an object, or JSON_NONE; name is compared decoded. */
uint32_t json_get(const struct json_doc *, uint32_t object, const char *name);

/* for (i = json_first(d, obj); i < d->nodes[obj].end; i = json_next(d, i)) */
uint32_t json_first(const struct json_doc *, uint32_t container);
uint32_t json_next(const struct json_doc *, uint32_t node);

/* A string's decoded text, appended to out. */
void json_decode(const struct json_doc *, uint32_t string, struct buf *out);

/*
 * The same, without a copy where the string has no escapes: a span into the
 * text, or into out, which must not be touched while the span is used.
 */
struct span json_string(const struct json_doc *, uint32_t string,
    struct buf *out);

bool json_is(const struct json_doc *, uint32_t string, const char *text);

/* An integer literal within [min, max]; -1 without touching *out otherwise. */
int json_int(const struct json_doc *, uint32_t node, int64_t min, int64_t max,
    int64_t *out);

/* The same text with insignificant white space removed. */
void json_compact(const struct json_doc *, uint32_t node, struct buf *out);

/* Append text as a JSON string with its quotes; bytes must be UTF-8. */
void json_quote(struct buf *out, const char *p, size_t n);
void json_quote_span(struct buf *out, struct span s);

/* Whether bytes are well-formed UTF-8 without NUL. */
bool json_utf8(const char *p, size_t n);

/* "object", "string" ... for error texts. */
const char *json_type_name(enum json_type);

#endif
