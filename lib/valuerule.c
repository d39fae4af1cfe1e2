#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "value.h"
#include "keys.h"

static const char *const type_names[] = {
	[VALUE_STRING] = "string", [VALUE_INTEGER] = "integer",
	[VALUE_NUMBER] = "number", [VALUE_BOOLEAN] = "boolean",
	[VALUE_UUID] = "uuid", [VALUE_EMAIL] = "email",
	[VALUE_DATETIME] = "datetime", [VALUE_OBJECT] = "object",
	[VALUE_ARRAY] = "array", [VALUE_ANY] = "any",
};

#define N_TYPES (sizeof type_names / sizeof *type_names)

const char *value_type_name(enum value_type type)
{
	return type == VALUE_CHOICE ? "a choice" : type_names[type];
}

/* As deep as JSON may be nested: JSON_DEPTH. */
void value_rule_free(struct value_rule *rule)
{
	for (size_t i = 0; i < rule->n; i++)
		value_rule_free(&rule->attributes[i].rule);
	free(rule->attributes);
	if (rule->items)
		value_rule_free(rule->items);
	free(rule->items);
	free(rule->choices);
	free(rule->initial);
	pattern_free(rule->pattern);
	*rule = (struct value_rule){0};
}

/* ---- the type ---- */

static bool stands_before(const char *choices, const char *at, size_t n)
{
	const char *p;

	for (p = choices; p < at; p += strcspn(p, "|") + 1)
		if (strcspn(p, "|") == n && memcmp(p, at, n) == 0)
			return true;
	return false;
}

static int parse_choices(struct span text, struct value_rule *rule,
    struct es_err *err)
{
	const char *p;

	rule->type = VALUE_CHOICE;
	if (!json_utf8(text.p, text.n))
		return es_fail(err, ES_FAILED, "NUL in a choice");
	rule->choices = strndup(text.p, text.n);
	if (!rule->choices)
		return es_fail_nomem(err);
	for (p = rule->choices; ; p++) {
		size_t n = strcspn(p, "|");

		if (n == 0 || n > KEY_VALUE_BYTES)
			return es_fail(err, ES_FAILED, "each choice must have "
			    "1 to %d bytes", KEY_VALUE_BYTES);
		if (stands_before(rule->choices, p, n))
			return es_fail(err, ES_FAILED,
			    "a choice stands there twice");
		p += n;
		if (!*p)
			return 0;
	}
}

static int parse_type(struct span text, struct value_rule *rule,
    struct es_err *err)
{
	char shown[80];
	size_t i;

	if (text.n > 0 && text.p[text.n - 1] == '?') {
		rule->optional = true;
		text.n--;
	}
	if (text.n > 0 && memchr(text.p, '|', text.n))
		return parse_choices(text, rule, err);
	for (i = 0; i < N_TYPES; i++)
		if (span_is(text, type_names[i])) {
			rule->type = (enum value_type)i;
			return 0;
		}
	return es_fail(err, ES_FAILED, "no such type \"%s\" (string integer "
	    "number boolean uuid email datetime object array any, or a choice "
	    "as \"a|b\")", es_escape(shown, sizeof shown, text.p, text.n));
}

static int read_type(const struct json_doc *d, uint32_t node,
    struct value_rule *rule, struct es_err *err)
{
	struct buf text = {0};
	struct span s;
	int r;

	if (node == JSON_NONE)
		return es_fail(err, ES_FAILED, "type: missing");
	if (d->nodes[node].type != JSON_STRING)
		return es_fail(err, ES_FAILED, "type: must be a string");
	s = json_string(d, node, &text);
	r = buf_check(&text, err);
	if (r == 0)
		r = parse_type(s, rule, err);
	buf_free(&text);
	return r;
}

/* ---- what the full form adds ---- */

static int read_bound(const struct json_doc *d, uint32_t node,
    const char *what, const struct value_rule *rule, double *out,
    struct es_err *err)
{
	int64_t i;

	switch (rule->type) {
	case VALUE_NUMBER:
		if (d->nodes[node].type == JSON_NUMBER) {
			*out = strtod(json_text(d, node).p, NULL);
			if (isfinite(*out))
				return 0;
		}
		return es_fail(err, ES_FAILED, "%s: must be a number", what);
	case VALUE_INTEGER:
		if (json_int(d, node, -KEY_INT_MAX, KEY_INT_MAX, &i) < 0)
			return es_fail(err, ES_FAILED, "%s: must be an integer "
			    "within 9007199254740991 (2^53-1)", what);
		break;
	case VALUE_STRING:
	case VALUE_EMAIL:
	case VALUE_ARRAY:
		if (json_int(d, node, 0, INT32_MAX, &i) < 0)
			return es_fail(err, ES_FAILED, "%s: must be an integer "
			    "from 0 (%s)", what, rule->type == VALUE_ARRAY ?
			    "elements" : "characters");
		break;
	default:
		return es_fail(err, ES_FAILED, "%s: only for integer, number, "
		    "string, email and array", what);
	}
	*out = (double)i;
	return 0;
}

static int read_pattern(const struct json_doc *d, uint32_t node,
    struct value_rule *rule, struct es_err *err)
{
	struct buf text = {0};
	struct span s;
	int r;

	if (rule->type != VALUE_STRING && rule->type != VALUE_EMAIL)
		return es_fail(err, ES_FAILED,
		    "pattern: only for string and email");
	if (d->nodes[node].type != JSON_STRING)
		return es_fail(err, ES_FAILED, "pattern: must be a string");
	s = json_string(d, node, &text);
	r = buf_check(&text, err);
	if (r == 0)
		r = pattern_compile(s, &rule->pattern, err);
	buf_free(&text);
	return r;
}

/* ---- what is inside ---- */

const struct value_attribute *value_attribute(const struct value_rule *rule,
    struct span name)
{
	size_t i;

	for (i = 0; i < rule->n; i++)
		if (span_eq(rule->attributes[i].name, name))
			return &rule->attributes[i];
	return NULL;
}

int value_attributes_parse(const struct json_doc *d, uint32_t node,
    struct buf *names, struct value_rule *out, struct es_err *err)
{
	size_t count = d->nodes[node].count;
	char shown[160];
	uint32_t i;

	if (d->nodes[node].type != JSON_OBJECT)
		return es_fail(err, ES_FAILED, "payload: must be an object "
		    "with a type for each attribute");
	out->declared = true;
	out->attributes = calloc(count ? count : 1, sizeof *out->attributes);
	if (!out->attributes)
		return es_fail_nomem(err);
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i + 1)) {
		struct value_attribute *a = &out->attributes[out->n];

		a->name = json_string(d, i, names);
		if (a->name.n == 0)
			return es_fail(err, ES_FAILED,
			    "payload: an attribute without a name");
		if (value_rule_parse(d, i + 1, names, &a->rule, err) < 0)
			return es_err_at(err, "%s", es_escape(shown,
			    sizeof shown, a->name.p, a->name.n));
		out->n++;
	}
	return 0;
}

static int read_items(const struct json_doc *d, uint32_t node,
    struct buf *names, struct value_rule *rule, struct es_err *err)
{
	rule->items = calloc(1, sizeof *rule->items);
	if (!rule->items)
		return es_fail_nomem(err);
	if (value_rule_parse(d, node, names, rule->items, err) < 0)
		return es_err_at(err, "items");
	if (rule->items->optional || rule->items->initial)
		return es_fail(err, ES_FAILED, "items: an element can neither "
		    "be optional nor have a default");
	return 0;
}

static int read_inside(const struct json_doc *d, uint32_t node,
    struct buf *names, struct value_rule *rule, struct es_err *err)
{
	uint32_t payload = json_get(d, node, "payload");
	uint32_t items = json_get(d, node, "items");

	if (payload != JSON_NONE && rule->type != VALUE_OBJECT)
		return es_fail(err, ES_FAILED, "payload: only for object");
	if (items != JSON_NONE && rule->type != VALUE_ARRAY)
		return es_fail(err, ES_FAILED, "items: only for array");
	if (payload != JSON_NONE &&
	    value_attributes_parse(d, payload, names, rule, err) < 0)
		return -1;
	return items == JSON_NONE ? 0 :
	    read_items(d, items, names, rule, err);
}

/* ---- defaults ---- */

static bool fits(const struct value_rule *, const struct json_doc *,
    uint32_t node, struct buf *expected);

static bool fits_attributes(const struct value_rule *rule,
    const struct json_doc *d, uint32_t node, struct buf *expected)
{
	struct buf text = {0};
	size_t needed = 0, i;
	uint32_t k;
	bool yes = true;

	for (i = 0; i < rule->n; i++)
		needed += !rule->attributes[i].rule.optional;
	for (k = json_first(d, node); yes && k < d->nodes[node].end;
	    k = json_next(d, k + 1)) {
		const struct value_attribute *a;

		buf_truncate(&text, 0);
		a = value_attribute(rule, json_string(d, k, &text));
		yes = a && fits(&a->rule, d, k + 1, expected);
		needed -= a && !a->rule.optional;
	}
	buf_free(&text);
	if (yes && needed == 0)
		return true;
	if (expected->n == 0)
		buf_adds(expected, "must have the attributes of its payload, "
		    "all that are not optional");
	return false;
}

/* A value with all that is inside of it. */
static bool fits(const struct value_rule *rule, const struct json_doc *d,
    uint32_t node, struct buf *expected)
{
	struct buf text = {0};
	struct value v;
	uint32_t i;
	bool yes;

	value_look(d, node, &text, &v);
	yes = value_check(rule, &v, expected);
	buf_free(&text);
	if (yes && rule->declared)
		return fits_attributes(rule, d, node, expected);
	if (yes && rule->items)
		for (i = json_first(d, node); yes && i < d->nodes[node].end;
		    i = json_next(d, i))
			yes = fits(rule->items, d, i, expected);
	return yes;
}

/* Last, because a default has to satisfy all the rest. */
static int read_default(const struct json_doc *d, uint32_t node,
    struct value_rule *rule, struct es_err *err)
{
	struct buf text = {0}, expected = {0};
	char came[64];
	struct value v;
	int r = 0;

	if (!fits(rule, d, node, &expected)) {
		value_look(d, node, &text, &v);
		value_describe(&v, came, sizeof came);
		r = es_fail(err, ES_FAILED, "default: %s, not %s", expected.p ?
		    expected.p : "", came);
	}
	buf_truncate(&text, 0);
	json_compact(d, node, &text);
	if (r == 0 && !(rule->initial = buf_detach(&text)))
		r = es_fail_nomem(err);
	buf_free(&text);
	buf_free(&expected);
	return r;
}

static int check_fields(const struct json_doc *d, uint32_t node,
    struct es_err *err)
{
	static const char *const known[] = {"type", "default", "min", "max",
	    "pattern", "payload", "items"};
	char shown[80];
	uint32_t i;
	size_t k;

	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i + 1)) {
		struct span key = json_text(d, i);

		for (k = 0; k < sizeof known / sizeof *known; k++)
			if (json_is(d, i, known[k]))
				break;
		if (k == sizeof known / sizeof *known)
			return es_fail(err, ES_FAILED, "%s: no such field",
			    es_escape(shown, sizeof shown, key.p + 1,
			    key.n - 2));
	}
	return 0;
}

static int read_full(const struct json_doc *d, uint32_t node,
    struct buf *names, struct value_rule *rule, struct es_err *err)
{
	uint32_t min = json_get(d, node, "min"), max = json_get(d, node, "max");
	uint32_t pattern = json_get(d, node, "pattern");
	uint32_t initial = json_get(d, node, "default");

	if (check_fields(d, node, err) < 0 ||
	    read_type(d, json_get(d, node, "type"), rule, err) < 0)
		return -1;
	rule->has_min = min != JSON_NONE;
	rule->has_max = max != JSON_NONE;
	if (rule->has_min &&
	    read_bound(d, min, "min", rule, &rule->min, err) < 0)
		return -1;
	if (rule->has_max &&
	    read_bound(d, max, "max", rule, &rule->max, err) < 0)
		return -1;
	if (rule->has_min && rule->has_max && rule->min > rule->max)
		return es_fail(err, ES_FAILED, "min: is above max");
	if (pattern != JSON_NONE && read_pattern(d, pattern, rule, err) < 0)
		return -1;
	if (read_inside(d, node, names, rule, err) < 0)
		return -1;
	if (initial != JSON_NONE && read_default(d, initial, rule, err) < 0)
		return -1;
	return 0;
}

int value_rule_parse(const struct json_doc *d, uint32_t node,
    struct buf *names, struct value_rule *out, struct es_err *err)
{
	int r;

	*out = (struct value_rule){0};
	if (d->nodes[node].type == JSON_STRING)
		r = read_type(d, node, out, err);
	else if (d->nodes[node].type == JSON_OBJECT)
		r = read_full(d, node, names, out, err);
	else
		r = es_fail(err, ES_FAILED, "must be the name of a type, or "
		    "an object with one");
	if (r < 0)
		value_rule_free(out);
	return r;
}
