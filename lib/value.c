#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "hash.h"
#include "keys.h"
#include "rfc3339.h"
#include "value.h"

#define EMAIL_BYTES 254

void value_look(const struct json_doc *d, uint32_t node, struct buf *text,
    struct value *out)
{
	const struct json_node *n = &d->nodes[node];

	*out = (struct value){.type = (enum json_type)n->type,
	    .integer = n->integer, .count = n->count,
	    .text = json_text(d, node)};
	if (out->type == JSON_STRING)
		out->string = json_string(d, node, text);
}

/* ---- form text ---- */

/* Whether s is a JSON number, and nothing else. */
static bool is_number(struct span s, bool *integer)
{
	struct json_doc d = {0};
	bool yes = json_parse(&d, s.p, s.n, NULL) == 0 &&
	    d.nodes[0].type == JSON_NUMBER && d.nodes[0].len == s.n;

	*integer = yes && d.nodes[0].integer;
	json_free(&d);
	return yes;
}

void value_coerce(const struct value_rule *rule, struct value *v)
{
	bool integer;

	if (v->type != JSON_STRING)
		return;
	if (rule->type == VALUE_BOOLEAN) {
		/* "on" is what a browser sends for a ticked box. */
		if (span_is(v->string, "true") || span_is(v->string, "on"))
			*v = (struct value){.type = JSON_TRUE,
			    .text = SPAN_LIT("true")};
		else if (span_is(v->string, "false"))
			*v = (struct value){.type = JSON_FALSE,
			    .text = SPAN_LIT("false")};
	} else if ((rule->type == VALUE_INTEGER ||
	    rule->type == VALUE_NUMBER) && is_number(v->string, &integer)) {
		*v = (struct value){.type = JSON_NUMBER, .integer = integer,
		    .text = v->string};
	}
}

/* ---- the forms of strings ---- */

static bool is_alnum(char c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9');
}

/* One label of a domain: letters and digits, hyphens within, at most 63. */
static bool is_label(const char *p, size_t n)
{
	size_t i;

	if (n == 0 || n > 63 || !is_alnum(p[0]) || !is_alnum(p[n - 1]))
		return false;
	for (i = 1; i + 1 < n; i++)
		if (!is_alnum(p[i]) && p[i] != '-')
			return false;
	return true;
}

/* "A valid e-mail address" of the HTML standard. */
static bool is_email(struct span s)
{
	const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;
	const char *p, *end = s.p + s.n, *dot;

	if (!at || at == s.p || s.n > EMAIL_BYTES)
		return false;
	for (p = s.p; p < at; p++)
		if (!is_alnum(*p) &&
		    (*p == '\0' || !strchr(".!#$%&'*+/=?^_`{|}~-", *p)))
			return false;
	for (p = at + 1; ; p = dot + 1) {
		dot = memchr(p, '.', (size_t)(end - p));
		if (!is_label(p, (size_t)((dot ? dot : end) - p)))
			return false;
		if (!dot)
			return true;
	}
}

static bool is_choice(const char *choices, struct span s)
{
	const char *p = choices;

	for (;;) {
		size_t n = strcspn(p, "|");

		if (n == s.n && memcmp(p, s.p, n) == 0)
			return true;
		if (!p[n])
			return false;
		p += n + 1;
	}
}

static size_t characters(struct span s)
{
	size_t i, n = 0;

	for (i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80;
	return n;
}

/* ---- checks ---- */

static bool in_range(const struct value *v)
{
	int64_t i;

	return v->integer && cli_int_parse(v->text, -KEY_INT_MAX, KEY_INT_MAX,
	    &i) == 0;
}

static bool wrong(struct buf *expected, const char *text)
{
	buf_adds(expected, text);
	return false;
}

static bool check_choice(const struct value_rule *rule, const struct value *v,
    struct buf *expected)
{
	const char *p;

	if (v->type == JSON_STRING && is_choice(rule->choices, v->string))
		return true;
	buf_adds(expected, "must be one of ");
	for (p = rule->choices; *p; p++) {
		if (*p == '|')
			buf_adds(expected, ", ");
		else
			buf_addc(expected, *p);
	}
	return false;
}

static bool check_number(const struct value_rule *rule, const struct value *v,
    struct buf *expected)
{
	if (v->type != JSON_NUMBER)
		return wrong(expected, rule->type == VALUE_INTEGER ?
		    "must be an integer" : "must be a number");
	if (rule->type == VALUE_NUMBER)
		return isfinite(strtod(v->text.p, NULL)) ||
		    wrong(expected, "must be a number below 1.8e308");
	if (!v->integer)
		return wrong(expected, "must be an integer");
	return in_range(v) || wrong(expected,
	    "must be an integer within 9007199254740991 (2^53-1); larger "
	    "ones belong in strings");
}

/* The type alone. */
static bool check_type(const struct value_rule *rule, const struct value *v,
    struct buf *expected)
{
	unsigned char uuid[16];
	bool string = v->type == JSON_STRING;

	switch (rule->type) {
	case VALUE_STRING:
		return string || wrong(expected, "must be a string");
	case VALUE_INTEGER:
	case VALUE_NUMBER:
		return check_number(rule, v, expected);
	case VALUE_BOOLEAN:
		return v->type == JSON_TRUE || v->type == JSON_FALSE ||
		    wrong(expected, "must be a boolean");
	case VALUE_UUID:
		return (string && hash_uuid_parse(v->string, uuid)) ||
		    wrong(expected, "must be a UUID (lower case, 8-4-4-4-12)");
	case VALUE_EMAIL:
		return (string && is_email(v->string)) ||
		    wrong(expected, "must be an email address");
	case VALUE_DATETIME:
		return (string && rfc3339_parse(v->string, NULL)) ||
		    wrong(expected, "must be a time as in RFC 3339");
	case VALUE_OBJECT:
		return v->type == JSON_OBJECT ||
		    wrong(expected, "must be an object");
	case VALUE_ARRAY:
		return v->type == JSON_ARRAY ||
		    wrong(expected, "must be an array");
	case VALUE_CHOICE:
		return check_choice(rule, v, expected);
	case VALUE_ANY:
		break;
	}
	return true;
}

/* What min and max bound: a number, characters or elements. */
static double measure(const struct value_rule *rule, const struct value *v,
    const char **verb, const char **unit)
{
	*verb = "have";
	switch (rule->type) {
	case VALUE_INTEGER:
	case VALUE_NUMBER:
		*verb = "be";
		*unit = "";
		return strtod(v->text.p, NULL);
	case VALUE_ARRAY:
		*unit = " elements";
		return v->count;
	default:
		*unit = " characters";
		return (double)characters(v->string);
	}
}

static bool check_bounds(const struct value_rule *rule, const struct value *v,
    struct buf *expected)
{
	const char *verb, *unit;
	double size;

	if (!rule->has_min && !rule->has_max)
		return true;
	size = measure(rule, v, &verb, &unit);
	if (rule->has_min && size < rule->min)
		buf_addf(expected, "must %s at least %.15g%s", verb, rule->min,
		    unit);
	else if (rule->has_max && size > rule->max)
		buf_addf(expected, "must %s at most %.15g%s", verb, rule->max,
		    unit);
	else
		return true;
	return false;
}

bool value_check(const struct value_rule *rule, const struct value *v,
    struct buf *expected)
{
	if (!check_type(rule, v, expected) || !check_bounds(rule, v, expected))
		return false;
	if (!rule->pattern || pattern_match(rule->pattern, v->string))
		return true;
	buf_addf(expected, "must match %s", pattern_source(rule->pattern));
	return false;
}

bool value_indexable(const struct value *v)
{
	switch (v->type) {
	case JSON_STRING:
		return v->string.n <= KEY_VALUE_BYTES &&
		    (v->string.n == 0 || !memchr(v->string.p, 0, v->string.n));
	case JSON_NUMBER:
		return in_range(v);
	case JSON_TRUE:
	case JSON_FALSE:
		return true;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return false;
}

bool value_type_indexable(enum value_type type)
{
	return type != VALUE_OBJECT && type != VALUE_ARRAY;
}

void value_describe(const struct value *v, char *out, size_t size)
{
	if (v->type == JSON_OBJECT || v->type == JSON_ARRAY)
		snprintf(out, size, "an %s", json_type_name(v->type));
	else
		es_escape(out, size, v->text.p, v->text.n);
}
