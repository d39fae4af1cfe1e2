/*
 * jqlex: the tokens of a jq program, with their lines and brackets matched.
 *
 * The same tokens as jq 1.6 to 1.8 see.  Where these read a text differently (a
 * comment that ends in a backslash, a carriage return in a comment) it is
 * refused, as are brackets that do not match and a string without an end.
 *
 * A string without interpolation is one token.  One with interpolation is
 * LEX_QUOTE, then for each `\(` … `)` a pair of brackets with the tokens
 * between, then LEX_UNQUOTE.
 *
 * The tokens borrow the text.  Errors read "PLACE:LINE: fault".
 */
#ifndef ES_JQLEX_H
#define ES_JQLEX_H

#include "buf.h"

enum jqlex_type {
	LEX_END,	/* the last token, always there */
	LEX_NAME,	/* a call, an object key, a name being defined */
	LEX_KEYWORD,	/* def if then … (also where jq takes it for a key) */
	LEX_FIELD,	/* .name */
	LEX_BINDING,	/* name behind `$`, which is LEX_OP before it */
	LEX_FORMAT,	/* @name */
	LEX_NUMBER,
	LEX_STRING,	/* without interpolation; quotes included */
	LEX_QUOTE, LEX_UNQUOTE,
	LEX_OPEN, LEX_CLOSE,	/* ( [ { ) ] }, and `\(` of a string */
	LEX_OP
};

struct jqtoken {
	enum jqlex_type type;
	char op;	/* brackets and one-character operators, else 0 */
	bool interpolation;	/* a bracket of a string */
	uint32_t start, len, line;
	uint32_t match;	/* of brackets: the other one's index */
};

struct jqlex {
	const char *text;
	struct jqtoken *v;
	size_t n, cap;
};

int jqlex(const char *place, const char *p, size_t n, struct jqlex *out,
    struct es_err *);
void jqlex_free(struct jqlex *);

struct span jqlex_text(const struct jqlex *, size_t token);
/* Whether the token is of this type and reads so. */
bool jqlex_is(const struct jqlex *, size_t token, enum jqlex_type,
    const char *text);

#endif
