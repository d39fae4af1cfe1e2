#include <string.h>

#include "channel.h"
#include "keys.h"

static bool is_alnum(char c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') || (c >= '0' && c <= '9');
}

/* What a template's segments are made of. */
static bool is_literal(char c)
{
	return is_alnum(c) || (c != '\0' && strchr("_:-", c));
}

/* What channel_encode() leaves. */
static bool is_plain(char c)
{
	return is_literal(c) || c == '~';
}

void channel_encode(struct buf *out, struct span value)
{
	size_t i;

	for (i = 0; i < value.n; i++) {
		if (is_plain(value.p[i]))
			buf_addc(out, value.p[i]);
		else
			buf_addf(out, "%%%02X", (unsigned char)value.p[i]);
	}
}

/* ---- templates ---- */

static int bad_template(struct es_err *err)
{
	return es_fail(err, ES_FAILED, "must be of the form "
	    "area.{attribute}.more: letters, digits, _ : - and {attribute}, "
	    "with dots between");
}

/* The name in the braces that text[at] opens; its end, or 0 without one. */
static size_t read_place(struct span text, size_t at, struct span *name)
{
	const char *close = memchr(text.p + at, '}', text.n - at);

	if (!close || close == text.p + at + 1)
		return 0;
	*name = (struct span){text.p + at + 1,
	    (size_t)(close - text.p) - at - 1};
	return (size_t)(close - text.p) + 1;
}

int channel_check_template(struct span text, struct es_err *err)
{
	bool empty = true;	/* the segment, so far */
	struct span name;
	size_t i = 0;

	while (i < text.n) {
		if (text.p[i] == '{') {
			i = read_place(text, i, &name);
			if (i == 0)
				return bad_template(err);
			empty = false;
			continue;
		}
		if (text.p[i] == '.' ? empty : !is_literal(text.p[i]))
			return bad_template(err);
		empty = text.p[i++] == '.';
	}
	return empty ? bad_template(err) : 0;
}

/* The attribute's value, encoded. */
static bool add_value(const struct json_doc *d, uint32_t object,
    struct span name, struct buf *out)
{
	struct buf value = {0}, text = {0};
	uint32_t node = JSON_NONE;
	bool ok;

	buf_add_span(&text, name);
	if (!text.failed && !memchr(name.p, 0, name.n))
		node = json_get(d, object, text.p);
	ok = node != JSON_NONE && message_value_indexable(d, node, &value) &&
	    value.n > 0;
	if (ok)
		channel_encode(out, buf_span(&value));
	buf_free(&value);
	buf_free(&text);
	return ok;
}

bool channel_make(struct span template, const struct json_doc *d,
    uint32_t object, struct buf *out)
{
	size_t from = out->n, i = 0, end;
	struct span name;

	while (i < template.n) {
		end = template.p[i] == '{' ? read_place(template, i, &name) :
		    0;
		if (end == 0) {
			buf_addc(out, template.p[i++]);
			continue;
		}
		if (!add_value(d, object, name, out)) {
			buf_truncate(out, from);
			return false;
		}
		i = end;
	}
	return true;
}

/* ---- patterns ---- */

/* The segment that *rest begins with; *rest moves behind its dot. */
static struct span next_segment(struct span *rest)
{
	const char *dot = rest->n ? memchr(rest->p, '.', rest->n) : NULL;
	struct span s = {rest->p, dot ? (size_t)(dot - rest->p) : rest->n};

	rest->n = dot ? rest->n - s.n - 1 : 0;
	rest->p = dot ? dot + 1 : NULL;
	return s;
}

static int hex(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

static int check_segment(struct span s, struct es_err *err)
{
	size_t i;

	if (s.n == 0)
		return es_fail(err, ES_FAILED, "an empty segment");
	for (i = 0; i < s.n; i++) {
		if (s.p[i] == '*' || s.p[i] == '>')
			return es_fail(err, ES_FAILED, "%c is a whole segment"
			    "%s", s.p[i], s.p[i] == '>' ? ", the last one" :
			    "");
		if (is_plain(s.p[i]))
			continue;
		if (s.p[i] != '%' || s.n - i < 3 || hex(s.p[i + 1]) < 0 ||
		    hex(s.p[i + 2]) < 0)
			return es_fail(err, ES_FAILED, "a segment is letters, "
			    "digits, _ : - ~ and %%XX (in capitals)");
		if (is_plain((char)(hex(s.p[i + 1]) * 16 + hex(s.p[i + 2]))))
			return es_fail(err, ES_FAILED, "%.3s is not how it is "
			    "encoded: write the character itself", s.p + i);
		i += 2;
	}
	return 0;
}

int channel_check_pattern(struct span text, struct es_err *err)
{
	struct span rest = text, s;

	do {
		s = next_segment(&rest);
		if (span_is(s, ">") && !rest.p)
			return 0;
		if (!span_is(s, "*") && check_segment(s, err) < 0)
			return -1;
	} while (rest.p);
	return 0;
}

bool channel_matches(struct span pattern, struct span channel)
{
	struct span want, is;

	do {
		want = next_segment(&pattern);
		if (span_is(want, ">") && !pattern.p)
			return true;
		is = next_segment(&channel);
		if (!span_is(want, "*") && !span_eq(want, is))
			return false;
	} while (pattern.p && channel.p);
	return !pattern.p && !channel.p;
}
