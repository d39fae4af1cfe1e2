/* page: a URL's query. */
#include <stdlib.h>
#include <string.h>

#include "pageint.h"
#include "url.h"

#define PARAMETERS_MAX 64	/* of a URL's query */

void page_add_member(struct buf *out, struct span name, struct span value)
{
	if (out->n > 1)
		buf_addc(out, ',');
	json_quote_span(out, name);
	buf_addc(out, ':');
	json_quote_span(out, value);
}

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
	struct span name = url_cut(&s, '=');
	size_t from = text->n, middle;

	if (url_decode(name, true, text, err) < 0)
		return -1;
	middle = text->n;
	if (url_decode(s, true, text, err) < 0)
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
		struct span s = url_cut(&query, '&');

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
		url_encode(&out->url, v[i].name);
		buf_addc(&out->url, '=');
		url_encode(&out->url, v[i].value);
	}
	buf_addc(&out->query, '}');
	buf_free(&text);
	return r;
}
