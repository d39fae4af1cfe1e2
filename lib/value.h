/*
 * value: the rules for one attribute in the catalog, es-app(5).
 *
 * A rule is written as the name of a type ("integer"), a choice ("a|b|c"), or
 * in full {"type", "default", "min", "max", "pattern", "payload", "items"}; "?"
 * behind the type makes the attribute optional.  min and max bound the value
 * of integer and number, the characters of string and email, the elements of
 * array; pattern (pattern.h) is for string and email.  payload has the rules
 * of an object's own attributes, as a message's payload has them, and items
 * the rule of each element of an array.  A default satisfies its own rule.
 *
 * Rules own their memory and are immutable once parsed; names of attributes
 * stand in the buffer that they were parsed with.
 */
#ifndef ES_VALUE_H
#define ES_VALUE_H

#include "json.h"
#include "pattern.h"

enum value_type {
	VALUE_STRING, VALUE_INTEGER, VALUE_NUMBER, VALUE_BOOLEAN, VALUE_UUID,
	VALUE_EMAIL, VALUE_DATETIME, VALUE_OBJECT, VALUE_ARRAY, VALUE_ANY,
	VALUE_CHOICE
};

struct value_rule {
	enum value_type type;
	bool optional, has_min, has_max;
	double min, max;	/* integers within 2^53 are exact */
	char *choices;		/* "a|b|c" */
	char *initial;		/* the default as JSON text, or NULL */
	struct pattern *pattern;
	bool declared;		/* an object with only these: */
	struct value_attribute *attributes;
	size_t n;
	struct value_rule *items;	/* of an array, or NULL */
};

struct value_attribute {
	struct span name;
	struct value_rule rule;
};

/* A JSON value, looked at: spans are borrowed. */
struct value {
	enum json_type type;
	bool integer;		/* a number without fraction or exponent */
	uint32_t count;		/* elements, members */
	struct span text;	/* JSON text; a NUL or other JSON behind it */
	struct span string;	/* decoded, of a string */
};

/*
 * Errors are the rule's faults, without its attribute's name.  `names` keeps
 * the names of attributes; it must have room for all, so that it never moves.
 */
int value_rule_parse(const struct json_doc *, uint32_t node, struct buf *names,
    struct value_rule *out, struct es_err *);
void value_rule_free(struct value_rule *);
/* The attributes of a "payload" into a rule (declared, attributes, n). */
int value_attributes_parse(const struct json_doc *, uint32_t node,
    struct buf *names, struct value_rule *out, struct es_err *);
const struct value_attribute *value_attribute(const struct value_rule *,
    struct span name);
const char *value_type_name(enum value_type);	/* "a choice" for one */

/* Decoded text goes to `text`, which must have room so that it does not move
 * while the value is used. */
void value_look(const struct json_doc *, uint32_t node, struct buf *text,
    struct value *out);

/*
 * Form text for an integer, number or boolean: turn the string into that
 * value.  What cannot be turned stays a string, for value_check() to refuse.
 */
void value_coerce(const struct value_rule *, struct value *);

/*
 * Whether a value satisfies a rule, but for what is inside of it; if not,
 * `expected` gets "must be …".
 */
bool value_check(const struct value_rule *, const struct value *,
    struct buf *expected);

/* Whether a value can be a key (DESIGN "Tags"). */
bool value_indexable(const struct value *);
/* Whether values of this type ever can. */
bool value_type_indexable(enum value_type);

/* What came, for an error: short, without control bytes. */
void value_describe(const struct value *, char *out, size_t size);

#endif
