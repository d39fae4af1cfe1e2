/* jqnumber: numbers that jq does not keep. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

#include "jqvm.h"

#define SAFE 9007199254740991.0		/* 2^53-1: exact, and so is the next */
#define SAFE_DIGITS "9007199254740991"
#define BEYOND " is beyond what jq keeps exactly (2^53-1): make it a string"

/* ---- in what goes in ---- */

static bool is_rounded(struct span literal)
{
	const char *p = literal.p + (*literal.p == '-');
	size_t n = literal.n - (size_t)(p - literal.p), i;
	struct buf text = {0};
	bool infinite;

	for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		;
	if (i == n)
		return n > sizeof SAFE_DIGITS - 1 ||
		    (n == sizeof SAFE_DIGITS - 1 && memcmp(p, SAFE_DIGITS,
		    n) > 0);
	if (i > sizeof SAFE_DIGITS - 1)
		return true;
	if (!memchr(p, 'e', n) && !memchr(p, 'E', n) && n < 300)
		return false;
	buf_add(&text, p, n);
	infinite = !text.failed && isinf(strtod(text.p, NULL));
	buf_free(&text);
	return infinite;
}

/* The first number that jq would change; text is valid JSON. */
static struct span find_rounded(struct span text)
{
	const char *p = text.p, *end = p + text.n;

	while (p < end) {
		struct span literal = {p, 0};

		if (*p == '"') {
			for (p++; p < end && *p != '"'; p++)
				p += *p == '\\';
			p++;
			continue;
		}
		if (*p != '-' && (*p < '0' || *p > '9')) {
			p++;
			continue;
		}
		while (p < end && (strchr("+-.eE", *p) ? *p != '\0' :
		    *p >= '0' && *p <= '9'))
			p++;
		literal.n = (size_t)(p - literal.p);
		/* What has few digits is exact, and finite. */
		if (literal.n > 3 && is_rounded(literal))
			return literal;
	}
	return SPAN_NONE;
}

static void add_member(struct jqvm *vm, struct buf *line, const char *name)
{
	uint32_t node = json_get(&vm->doc, 0, name);

	if (node == JSON_NONE)
		return;
	buf_addc(line, ' ');
	json_decode(&vm->doc, node, line);
}

void jqvm_warn_rounded(struct jqvm *vm, const char *operation,
    struct span text)
{
	struct span found;
	struct buf line = {0};
	ssize_t n;

	if (vm->warned)
		return;
	found = find_rounded(text);
	if (!found.p || json_parse(&vm->doc, text.p, text.n, NULL) < 0 ||
	    vm->doc.nodes[0].type != JSON_OBJECT)
		return;
	vm->warned = true;
	buf_addf(&line, "%s: %s: %s", program_invocation_short_name,
	    jqvm_part(vm)->file, operation);
	add_member(vm, &line, "type");
	add_member(vm, &line, "id");
	buf_addf(&line, ": %.*s" BEYOND "\n", (int)found.n, found.p);
	n = line.failed ? 0 : write(*jqworker_stderr(), line.p, line.n);
	(void)n;
	buf_free(&line);
}

/* ---- in what comes out ---- */

struct place {			/* of a value, for an error's text */
	const struct place *up;
	const char *name;	/* or */
	int index;
};

static void add_place(struct buf *out, const struct place *p)
{
	if (!p)
		return;
	add_place(out, p->up);
	if (!p->name)
		buf_addf(out, "[%d]", p->index);
	else
		buf_addf(out, "%s%s", p->up ? "." : "", p->name);
}

static bool is_bad(double x, bool strict)
{
	if (!(fabs(x) < DBL_MAX))	/* also what is not a number */
		return strict;
	return fabs(x) > SAFE;
}

static bool find_bad(jv v, bool strict, const struct place *at,
    struct buf *where);

static bool find_in_object(jv v, bool strict, const struct place *up,
    struct buf *where)
{
	bool bad = false;

	jv_object_foreach(v, key, x) {
		struct place at = {up, jv_string_value(key), 0};

		bad = bad || find_bad(x, strict, &at, where);
		jv_free(key);
		jv_free(x);
	}
	return bad;
}

static bool find_bad(jv v, bool strict, const struct place *up,
    struct buf *where)
{
	bool bad = false;
	double x;

	switch (jv_get_kind(v)) {
	case JV_KIND_NUMBER:
		x = jv_number_value(v);
		if (!is_bad(x, strict))
			return false;
		if (up) {
			buf_adds(where, ": ");
			add_place(where, up);
		}
		if (isnan(x) || fabs(x) >= DBL_MAX)
			buf_adds(where, ": is not a number, or infinite");
		else
			buf_addf(where, ": %.17g" BEYOND, x);
		return true;
	case JV_KIND_ARRAY:
		jv_array_foreach(v, i, element) {
			struct place at = {up, NULL, i};

			bad = bad || find_bad(element, strict, &at, where);
			jv_free(element);
		}
		return bad;
	case JV_KIND_OBJECT:
		return find_in_object(v, strict, up, where);
	default:
		return false;
	}
}

bool jqvm_find_rounded(jv v, bool strict, struct buf *where)
{
	return find_bad(v, strict, NULL, where);
}
