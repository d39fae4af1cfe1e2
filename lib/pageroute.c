#include <stdlib.h>
#include <string.h>

#include "pageint.h"
#include "url.h"

#define SEGMENTS_MAX 32

/* ---- paths of pages ---- */

bool page_has_parameter(const struct page *p, struct span name)
{
	size_t i;

	for (i = 0; i < p->n_segments; i++)
		if (p->segments[i].parameter &&
		    span_is(name, p->segments[i].text))
			return true;
	return false;
}

/* What es-serve answers itself. */
static bool is_reserved(struct span s)
{
	return span_is(s, "public") || span_is(s, "commands") ||
	    span_is(s, "updates") || span_is(s, "events") ||
	    span_is(s, "_es");
}

static int check_segment(const struct page *p, struct span s, bool parameter,
    struct es_err *err)
{
	char shown[80];
	size_t i;

	es_escape(shown, sizeof shown, s.p, s.n);
	if (parameter && !message_name_indexable(s))
		return es_fail(err, ES_FAILED, "\":%s\" is not a parameter "
		    "(\":\" and a name, [A-Za-z_][A-Za-z0-9_]*)", shown);
	if (parameter && page_has_parameter(p, s))
		return es_fail(err, ES_FAILED, "\":%s\" stands twice", shown);
	if (parameter)
		return 0;
	for (i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127 ||
		    strchr("?#%\\", s.p[i]))
			return es_fail(err, ES_FAILED, "\"%s\" holds what no "
			    "path may hold", shown);
	if (s.n == 0 || span_is(s, ".") || span_is(s, ".."))
		return es_fail(err, ES_FAILED, "\"%s\" is not a segment of a "
		    "path", shown);
	if (p->n_segments == 0 && is_reserved(s))
		return es_fail(err, ES_FAILED, "/%s is es-serve's own", shown);
	return 0;
}

static int add_segment(struct page *p, struct span s, struct es_err *err)
{
	bool parameter = s.n > 0 && *s.p == ':';

	if (parameter) {
		s.p++;
		s.n--;
	}
	if (p->n_segments == SEGMENTS_MAX)
		return es_fail(err, ES_FAILED, "at most %d segments",
		    SEGMENTS_MAX);
	if (check_segment(p, s, parameter, err) < 0)
		return -1;
	p->segments[p->n_segments].parameter = parameter;
	p->segments[p->n_segments].text = strndup(s.p, s.n);
	if (!p->segments[p->n_segments].text)
		return es_fail_nomem(err);
	p->n_segments++;
	return 0;
}

int page_set_path(struct page *p, struct span path, struct es_err *err)
{
	p->segments = calloc(SEGMENTS_MAX, sizeof *p->segments);
	if (!p->segments)
		return es_fail_nomem(err);
	if (path.n == 0 || *path.p != '/')
		return es_fail(err, ES_FAILED, "must begin with \"/\"");
	path.p++;
	path.n--;
	if (path.n && path.p[path.n - 1] == '/')
		return es_fail(err, ES_FAILED, "must not end in \"/\"");
	while (path.n)
		if (add_segment(p, url_cut(&path, '/'), err) < 0)
			return -1;
	return 0;
}

/* The first segment in which they differ counts: what is literal comes first. */
static int compare(const struct page *a, const struct page *b)
{
	size_t i;

	for (i = 0; i < a->n_segments && i < b->n_segments; i++) {
		const struct page_segment *s = &a->segments[i],
		    *t = &b->segments[i];
		int order = s->parameter - t->parameter;

		if (order == 0 && !s->parameter)
			order = strcmp(s->text, t->text);
		if (order)
			return order;
	}
	return a->n_segments < b->n_segments ? -1 :
	    a->n_segments > b->n_segments;
}

static int by_path(const void *a, const void *b)
{
	return compare(*(struct page *const *)a, *(struct page *const *)b);
}

int pages_sort(struct pages *ps, struct es_err *err)
{
	size_t i;

	if (ps->n)
		qsort(ps->v, ps->n, sizeof *ps->v, by_path);
	for (i = 1; i < ps->n; i++)
		if (compare(ps->v[i - 1], ps->v[i]) == 0)
			return es_fail(err, ES_FAILED, "%s: about: path: %s "
			    "is that of %s too", ps->v[i]->handler.path,
			    ps->v[i]->path, ps->v[i - 1]->handler.path);
	return 0;
}

/* ---- matching a path ---- */

/* One decoded text behind another. */
struct parts {
	struct buf text;
	size_t from[SEGMENTS_MAX + 1], n;
};

static struct span part(const struct parts *x, size_t i)
{
	return (struct span){x->text.p + x->from[i],
	    x->from[i + 1] - x->from[i]};
}

/* 1, 0 for a path that no page can have, -1. */
static int take_apart(struct span path, struct parts *out, struct es_err *err)
{
	if (path.n == 0 || *path.p != '/')
		return 0;
	if (path.n > 1 && path.p[path.n - 1] == '/')
		return 0;
	path.p++;
	path.n--;
	while (path.n) {
		struct span s = url_cut(&path, '/');

		if (s.n == 0 || out->n == SEGMENTS_MAX)
			return 0;
		if (url_decode(s, false, &out->text, err) < 0)
			return es_err_at(err, "path");
		out->from[++out->n] = out->text.n;
	}
	return 1;
}

static bool fits(const struct page *p, const struct parts *x)
{
	size_t i;

	if (p->n_segments != x->n)
		return false;
	for (i = 0; i < x->n; i++)
		if (!p->segments[i].parameter &&
		    !span_is(part(x, i), p->segments[i].text))
			return false;
	return true;
}

static void take_params(const struct page *p, const struct parts *x,
    struct page_request *out)
{
	size_t i;

	buf_addc(&out->params, '{');
	if (x->n == 0)
		buf_addc(&out->url, '/');
	for (i = 0; i < x->n; i++) {
		buf_addc(&out->url, '/');
		url_encode(&out->url, part(x, i));
		if (p->segments[i].parameter)
			page_add_member(&out->params,
			    span_str(p->segments[i].text), part(x, i));
	}
	buf_addc(&out->params, '}');
}

/* ---- requests ---- */

static int make_request(const struct page *p, const struct parts *x,
    struct span query, struct page_request *out, struct es_err *err)
{
	out->page = p;
	take_params(p, x, out);
	if (page_take_query(query, out, err) < 0)
		return -1;
	buf_addf(&out->key, "%s ", p->path);
	buf_add_span(&out->key, buf_span(&out->url));
	if (buf_check(&out->key, err) < 0 || buf_check(&out->url, err) < 0 ||
	    buf_check(&out->query, err) < 0 ||
	    buf_check(&out->params, err) < 0)
		return -1;
	return page_take_hears(p, out, err);
}

int pages_match(struct pages *ps, struct span path, struct span query,
    struct page_request *out, struct es_err *err)
{
	struct parts x = {0};
	size_t i;
	int r = take_apart(path, &x, err);

	*out = (struct page_request){0};
	for (i = 0; r > 0 && i < ps->n; i++)
		if (fits(ps->v[i], &x))
			break;
	if (r > 0 && i == ps->n)
		r = 0;
	if (r > 0 && make_request(ps->v[i], &x, query, out, err) < 0) {
		page_request_free(out);
		r = -1;
	}
	buf_free(&x.text);
	return r;
}

int page_request_copy(const struct page_request *r, struct page_request *out,
    struct es_err *err)
{
	*out = (struct page_request){.page = r->page};
	buf_add_span(&out->params, buf_span(&r->params));
	buf_add_span(&out->query, buf_span(&r->query));
	buf_add_span(&out->key, buf_span(&r->key));
	buf_add_span(&out->url, buf_span(&r->url));
	buf_add_span(&out->channel, buf_span(&r->channel));
	if (buf_check(&out->params, err) == 0 &&
	    buf_check(&out->query, err) == 0 &&
	    buf_check(&out->key, err) == 0 &&
	    buf_check(&out->url, err) == 0 &&
	    buf_check(&out->channel, err) == 0 &&
	    query_copy(&r->hears, &out->hears, err) == 0)
		return 0;
	page_request_free(out);
	return -1;
}

void page_request_free(struct page_request *r)
{
	buf_free(&r->params);
	buf_free(&r->query);
	buf_free(&r->key);
	buf_free(&r->url);
	buf_free(&r->channel);
	query_free(&r->hears);
	*r = (struct page_request){0};
}
