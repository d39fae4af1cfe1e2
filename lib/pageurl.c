/* page: what a URL is made of. */
#include <stdlib.h>
#include <string.h>

#include "pageint.h"

#define PARAMETERS_MAX 64	/* of a URL's query */

struct span page_cut(struct span *rest, char at)
{
	const char *end = rest->n ? memchr(rest->p, at, rest->n) : NULL;
	struct span s = {rest->p, end ? (size_t)(end - rest->p) : rest->n};

	rest->p += s.n + (end != NULL);
	rest->n -= s.n + (end != NULL);
	return s;
}

void page_add_member(struct buf *out, struct span name, struct span value)
{
	if (out->n > 1)
		buf_addc(out, ',');
	json_quote_span(out, name);
	buf_addc(out, ':');
	json_quote_span(out, value);
}

/* ---- decoding ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What "%" and two digits stand for; -1 when they do not. */
static int escaped(const char *p, size_t n)
{
	int high = n > 1 ? hex(p[1]) : -1, low = n > 2 ? hex(p[2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int page_decode(struct span s, bool form, struct buf *out,
    struct es_err *err)
{
	size_t i, from = out->n;

	for (i = 0; i < s.n; i++) {
		int c = (unsigned char)s.p[i];

		if (c == '%') {
			c = escaped(s.p + i, s.n - i);
			i += 2;
		} else if (c == '+' && form) {
			c = ' ';
		}
		if (c < 0)
			return es_fail(err, ES_USAGE,
			    "\"%%\" without two hexadecimal digits");
		buf_addc(out, (char)c);
	}
	if (buf_check(out, err) < 0)
		return -1;
	if (out->n > from && !json_utf8(out->p + from, out->n - from))
		return es_fail(err, ES_USAGE, "not UTF-8");
	return 0;
}

/* RFC 3986's unreserved characters stand as they are. */
void page_encode(struct buf *out, struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || (c && strchr("-._~", c)))
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}

/* ---- the URL's query ---- */

struct pair {
	struct span name, value;
	size_t order;
};

/* By name; of one name what came first. */
static int by_name(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;
	int order = span_cmp(x->name, y->name);

	return order ? order : x->order < y->order ? -1 : 1;
}

static int take_pair(struct span s, struct buf *text, struct pair *out,
    struct es_err *err)
{
	struct span name = page_cut(&s, '=');
	size_t from = text->n, middle;

	if (page_decode(name, true, text, err) < 0)
		return -1;
	middle = text->n;
	if (page_decode(s, true, text, err) < 0)
		return -1;
	/* As lengths: the text still moves. */
	out->name = (struct span){NULL, middle - from};
	out->value = (struct span){NULL, text->n - middle};
	return 0;
}

static int take_pairs(struct span query, struct buf *text, struct pair *v,
    size_t *n, struct es_err *err)
{
	const char *p;
	size_t i;

	*n = 0;
	while (query.n) {
		struct span s = page_cut(&query, '&');

		if (s.n == 0)
			continue;
		if (*n == PARAMETERS_MAX)
			return es_fail(err, ES_USAGE, "more than %d "
			    "parameters", PARAMETERS_MAX);
		if (take_pair(s, text, &v[*n], err) < 0)
			return -1;
		v[*n].order = *n;
		++*n;
	}
	p = text->p;
	for (i = 0; i < *n; i++) {
		v[i].name.p = p;
		v[i].value.p = p + v[i].name.n;
		p = v[i].value.p + v[i].value.n;
	}
	return 0;
}

int page_take_query(struct span query, struct page_request *out,
    struct es_err *err)
{
	struct pair v[PARAMETERS_MAX];
	struct buf text = {0};
	size_t i, n, first = 0;
	int r = take_pairs(query, &text, v, &n, err);

	if (r == 0 && n)
		qsort(v, n, sizeof *v, by_name);
	buf_addc(&out->query, '{');
	for (i = 0; i < n && r == 0; i++) {
		if (span_is(v[i].name, "as_of"))
			r = es_fail(err, ES_USAGE,
			    "as_of: this version has no such parameter");
		if (i > 0 && span_eq(v[i].name, v[i - 1].name))
			continue;
		page_add_member(&out->query, v[i].name, v[i].value);
		buf_addc(&out->url, first++ ? '&' : '?');
		page_encode(&out->url, v[i].name);
		buf_addc(&out->url, '=');
		page_encode(&out->url, v[i].value);
	}
	buf_addc(&out->query, '}');
	buf_free(&text);
	return r;
}
