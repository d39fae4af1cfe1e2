#include <string.h>

#include "bytes.h"
#include "json.h"
#include "utf8.h"

static struct span raw_key(const struct json_doc *d, uint32_t key)
{
	return (struct span){d->text + d->nodes[key].start + 1,
	    d->nodes[key].len - 2};
}

/* ---- reading ---- */

struct span json_text(const struct json_doc *d, uint32_t node)
{
	return (struct span){d->text + d->nodes[node].start,
	    d->nodes[node].len};
}

uint32_t json_first(const struct json_doc *d, uint32_t container)
{
	(void)d;
	return container + 1;
}

uint32_t json_next(const struct json_doc *d, uint32_t node)
{
	return d->nodes[node].end;
}

bool json_is(const struct json_doc *d, uint32_t string, const char *text)
{
	struct buf b = {0};
	bool same;

	if (d->nodes[string].type != JSON_STRING)
		return false;
	if (!d->nodes[string].escaped)
		return span_is(raw_key(d, string), text);
	json_decode(d, string, &b);
	same = !b.failed && span_is(buf_span(&b), text);
	buf_free(&b);
	return same;
}

uint32_t json_get(const struct json_doc *d, uint32_t object, const char *name)
{
	uint32_t i;

	if (d->nodes[object].type != JSON_OBJECT)
		return JSON_NONE;
	for (i = object + 1; i < d->nodes[object].end;
	    i = d->nodes[i + 1].end)
		if (json_is(d, i, name))
			return i + 1;
	return JSON_NONE;
}

struct span json_string(const struct json_doc *d, uint32_t string,
    struct buf *out)
{
	size_t from = out->n;

	if (!d->nodes[string].escaped)
		return raw_key(d, string);
	json_decode(d, string, out);
	if (out->failed)
		return (struct span){"", 0};
	return (struct span){out->p + from, out->n - from};
}

int json_int(const struct json_doc *d, uint32_t node, int64_t min, int64_t max,
    int64_t *out)
{
	struct span s = json_text(d, node);
	bool negative = s.n && s.p[0] == '-';
	int64_t v = 0;
	size_t i;

	if (d->nodes[node].type != JSON_NUMBER || !d->nodes[node].integer)
		return -1;
	for (i = negative; i < s.n; i++) {
		int digit = s.p[i] - '0';

		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_sub_overflow(v, digit, &v))
			return -1;
	}
	if (!negative && __builtin_sub_overflow(0, v, &v))
		return -1;
	if (v < min || v > max)
		return -1;
	*out = v;
	return 0;
}

/* ---- writing ---- */

bool json_utf8(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;
	size_t i, len;

	for (i = 0; i < n; i += len) {
		len = utf8_length(u + i, n - i);
		if (!len || u[i] == 0)
			return false;
	}
	return true;
}

void json_compact(const struct json_doc *d, uint32_t node, struct buf *out)
{
	struct span s = json_text(d, node);
	size_t i, from = 0;
	bool in_string = false;

	for (i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
			buf_add(out, s.p + from, i - from);
			from = i + 1;
		}
	}
	buf_add(out, s.p + from, s.n - from);
}

/* The escape of an ASCII character. */
static char *put_escape(char *to, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	char name = c == '\n' ? 'n' : c == '\t' ? 't' : c == '\r' ? 'r' :
	    c == '\b' ? 'b' : c == '\f' ? 'f' : c == '"' ? '"' :
	    c == '\\' ? '\\' : 'u';

	*to++ = '\\';
	*to++ = name;
	if (name == 'u') {
		*to++ = '0';
		*to++ = '0';
		*to++ = hex[c >> 4];
		*to++ = hex[c & 15];
	}
	return to;
}

void json_quote(struct buf *out, const char *p, size_t n)
{
	size_t i = 0, from = 0;
	char escape[6];

	buf_addc(out, '"');
	for (; i < n; i++) {
		i += bytes_plain(p + i, n - i);
		if (i < n && (unsigned char)p[i] < 0x80) {
			buf_add(out, p + from, i - from);
			buf_add(out, escape, (size_t)(put_escape(escape,
			    (unsigned char)p[i]) - escape));
			from = i + 1;
		}
	}
	if (n > from)
		buf_add(out, p + from, n - from);
	buf_addc(out, '"');
}

void json_quote_span(struct buf *out, struct span s)
{
	json_quote(out, s.p, s.n);
}

const char *json_type_name(enum json_type type)
{
	static const char *const names[] = {
		[JSON_NULL] = "null", [JSON_FALSE] = "boolean",
		[JSON_TRUE] = "boolean", [JSON_NUMBER] = "number",
		[JSON_STRING] = "string", [JSON_ARRAY] = "array",
		[JSON_OBJECT] = "object",
	};

	return names[type];
}
