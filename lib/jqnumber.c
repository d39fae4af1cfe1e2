/* jqnumber: numbers that jq does not keep. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "jqvm.h"

#define SAFE 9007199254740991.0		/* 2^53-1: exact, and so is the next */
#define DOUBLE_DIGITS 17		/* tell every double from the others */
#define EXPONENT_MAX 1000000000
#define SAFE_DIGITS "9007199254740991"
#define DIGITS " is more than jq keeps of a number (15 to 17 digits, up to " \
    "1e308): make it a string"
#define BEYOND " is beyond what jq keeps exactly (2^53-1): make it a string"

/* ---- decimals ---- */

/* A number's value, but for its sign: 0.DIGITS times ten to the exponent. */
struct decimal {
	struct buf digits;	/* neither begins nor ends in 0 */
	long exponent;
};

static void read_digits(const char *p, size_t n, struct decimal *out)
{
	bool fraction = false;
	size_t i;

	for (i = 0; i < n; i++) {
		fraction = fraction || p[i] == '.';
		if (p[i] < '0' || p[i] > '9')
			continue;
		if (out->digits.n > 0 || p[i] != '0')
			buf_addc(&out->digits, p[i]);
		if (fraction)
			out->exponent -= out->digits.n == 0;
		else
			out->exponent += out->digits.n > 0;
	}
	for (i = out->digits.n; i > 0 && out->digits.p[i - 1] == '0'; i--)
		;
	buf_truncate(&out->digits, i);
}

/* Of a literal of JSON, or what printf() makes of a double. */
static void read_decimal(const char *literal, struct decimal *out)
{
	size_t n = strcspn(literal, "eE");
	long exponent;

	*out = (struct decimal){0};
	read_digits(literal, n, out);
	exponent = literal[n] ? strtol(literal + n + 1, NULL, 10) : 0;
	if (exponent > EXPONENT_MAX)
		exponent = EXPONENT_MAX;
	if (exponent < -EXPONENT_MAX)
		exponent = -EXPONENT_MAX;
	out->exponent += exponent;
}

/* The shortest text that reads as this double. */
static void print_shortest(double x, char *out, size_t size)
{
	int digits = 1;

	do
		snprintf(out, size, "%.*e", digits - 1, x);
	while (++digits <= DOUBLE_DIGITS && strtod(out, NULL) != x);
}

/* ---- in what goes in ---- */

enum loss {
	LOSS_NONE,
	LOSS_TEXT,	/* another decimal, but the same double */
	LOSS_NUMBER
};

static enum loss decimal_loss(const char *literal)
{
	struct decimal came, kept;
	double x = strtod(literal, NULL);
	char text[40];
	enum loss loss = LOSS_NONE;

	read_decimal(literal, &came);
	print_shortest(x, text, sizeof text);
	read_decimal(text, &kept);
	if (came.digits.n > 0 && (isinf(x) || kept.digits.n == 0))
		loss = LOSS_NUMBER;
	else if (!span_eq(buf_span(&came.digits), buf_span(&kept.digits)) ||
	    (came.digits.n > 0 && came.exponent != kept.exponent))
		loss = came.digits.n > DOUBLE_DIGITS ? LOSS_NUMBER : LOSS_TEXT;
	buf_free(&came.digits);
	buf_free(&kept.digits);
	return loss;
}

static enum loss loss_of(struct span literal)
{
	const char *p = literal.p + (*literal.p == '-');
	size_t n = literal.n - (size_t)(p - literal.p), i;
	struct buf text = {0};
	enum loss loss;

	for (i = 0; i < n && p[i] >= '0' && p[i] <= '9'; i++)
		;
	if (i == n)
		return n > sizeof SAFE_DIGITS - 1 ||
		    (n == sizeof SAFE_DIGITS - 1 && memcmp(p, SAFE_DIGITS,
		    n) > 0) ? LOSS_NUMBER : LOSS_NONE;
	/* What has few digits is kept, unless it is very large or small. */
	if (n <= DBL_DIG + 1 && !memchr(p, 'e', n) && !memchr(p, 'E', n))
		return LOSS_NONE;
	buf_add(&text, p, n);
	loss = text.failed ? LOSS_NUMBER : decimal_loss(text.p);
	buf_free(&text);
	return loss;
}

/*
 * The first number from *at on that jq would change, and *at behind it; text is
 * valid JSON.
 */
static enum loss next_loss(struct span text, const char **at,
    struct span *literal)
{
	const char *p = *at, *end = text.p + text.n;
	enum loss loss;

	while (p < end) {
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
		literal->p = p;
		while (p < end && (strchr("+-.eE", *p) ? *p != '\0' :
		    *p >= '0' && *p <= '9'))
			p++;
		literal->n = (size_t)(p - literal->p);
		*at = p;
		if (literal->n > 3 && (loss = loss_of(*literal)) != LOSS_NONE)
			return loss;
	}
	return LOSS_NONE;
}

void jqvm_note_rounded(struct jqvm *vm, struct span text)
{
	struct jqrounded r;
	const char *at = text.p;
	enum loss loss;

	buf_truncate(&vm->rounded, 0);
	while (text.p && (loss = next_loss(text, &at, &r.literal))) {
		jv v;

		if (loss != LOSS_NUMBER)
			continue;
		/* Later ones have their own way to a double. */
		v = jv_parse_sized(r.literal.p, (int)r.literal.n);
		r.is = jv_get_kind(v) == JV_KIND_NUMBER ?
		    jv_number_value(v) : 0;
		jv_free(v);
		buf_add(&vm->rounded, &r, sizeof r);
	}
}

/* A literal, cut, and what is wrong with it. */
static void add_number(struct buf *out, struct span literal)
{
	bool whole = literal.n == strspn(literal.p, "-0123456789");

	buf_addf(out, " %.*s%s%s", (int)(literal.n > 80 ? 80 : literal.n),
	    literal.p, literal.n > 80 ? "..." : "", whole ? BEYOND : DIGITS);
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
	const char *at = text.p;
	struct span found;
	struct buf line = {0};
	ssize_t n;

	if (vm->warned || next_loss(text, &at, &found) == LOSS_NONE ||
	    json_parse(&vm->doc, text.p, text.n, NULL) < 0 ||
	    vm->doc.nodes[0].type != JSON_OBJECT)
		return;
	vm->warned = true;
	buf_addf(&line, "%s: %s: %s", program_invocation_short_name,
	    jqvm_part(vm)->file, operation);
	add_member(vm, &line, "type");
	add_member(vm, &line, "id");
	buf_addc(&line, ':');
	add_number(&line, found);
	buf_addc(&line, '\n');
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

struct search {
	const struct buf *rounded;	/* NULL: none is looked for */
	bool strict;
	struct buf *where;
};

static const struct jqrounded *find_noted(const struct search *s, double x)
{
	size_t i, n = s->rounded ? s->rounded->n / sizeof(struct jqrounded) : 0;
	const struct jqrounded *r;

	for (i = 0; i < n; i++) {
		r = (const struct jqrounded *)(const void *)s->rounded->p + i;
		if (r->is == x)
			return r;
	}
	return NULL;
}

static bool find_bad(const struct search *, jv v, const struct place *at);

static bool find_in_object(const struct search *s, jv v,
    const struct place *up)
{
	bool bad = false;

	jv_object_foreach(v, key, x) {
		struct place at = {up, jv_string_value(key), 0};

		bad = bad || find_bad(s, x, &at);
		jv_free(key);
		jv_free(x);
	}
	return bad;
}

static bool find_bad(const struct search *s, jv v, const struct place *up)
{
	const struct jqrounded *noted;
	bool bad = false;
	double x;

	switch (jv_get_kind(v)) {
	case JV_KIND_NUMBER:
		x = jv_number_value(v);
		noted = find_noted(s, x);
		if (!noted && !is_bad(x, s->strict))
			return false;
		if (up) {
			buf_adds(s->where, ": ");
			add_place(s->where, up);
		}
		buf_addc(s->where, ':');
		if (isnan(x) || fabs(x) >= DBL_MAX)
			buf_adds(s->where, " is not a number, or infinite");
		else if (is_bad(x, s->strict))
			buf_addf(s->where, " %.17g" BEYOND, x);
		else
			add_number(s->where, noted->literal);
		return true;
	case JV_KIND_ARRAY:
		jv_array_foreach(v, i, element) {
			struct place at = {up, NULL, i};

			bad = bad || find_bad(s, element, &at);
			jv_free(element);
		}
		return bad;
	case JV_KIND_OBJECT:
		return find_in_object(s, v, up);
	default:
		return false;
	}
}

bool jqvm_find_rounded(const struct jqvm *vm, jv v, bool strict,
    struct buf *where)
{
	struct search s = {vm && vm->rounded.n ? &vm->rounded : NULL, strict,
	    where};

	return find_bad(&s, v, NULL);
}
