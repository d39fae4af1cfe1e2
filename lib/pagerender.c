/*
 * page: renders under way.
 *
 * A render waits until no other of its partition is in the fold (one at a time
 * is fold's rule), then its queries run and its worker gets it.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "pageint.h"

void page_result_free(struct page_result *r)
{
	buf_free(&r->html);
	buf_free(&r->text);
	*r = (struct page_result){0};
}

static void free_render(struct render *r)
{
	partition_free(&r->partition);
	buf_free(&r->path);
	buf_free(&r->params);
	buf_free(&r->query);
	buf_free(&r->key);
	page_result_free(&r->result);
	free(r);
}

void renders_free(struct pages *ps)
{
	struct render *r;

	while ((r = ps->renders)) {
		ps->renders = r->next;
		free_render(r);
	}
	ps->last = &ps->renders;
}

/* ---- results ---- */

static void finish_failed(struct render *r, const char *text)
{
	r->state = RENDER_DONE;
	r->result.failed = true;
	buf_free(&r->result.html);
	buf_adds(&r->result.text, text);
}

/* "pages/donation.jq: /c1/d1: evolve: TYPE ID at 3: what is wrong" */
static void finish_fault(struct render *r, const struct fold_result *f)
{
	struct buf text = {0};

	buf_addf(&text, "%s: ", r->page->handler.path);
	buf_add_span(&text, buf_span(&r->path));
	if (f->reply.operation && *f->reply.operation)
		buf_addf(&text, ": %s", f->reply.operation);
	if (f->place.n) {
		buf_adds(&text, ": ");
		buf_add_span(&text, buf_span(&f->place));
	}
	buf_adds(&text, ": ");
	buf_add_span(&text, f->reply.reason);
	finish_failed(r, text.n && !text.failed ? text.p : "out of memory");
	buf_free(&text);
}

static void finish_tree(struct render *r, struct span tree)
{
	struct buf *html = &r->result.html;
	struct json_doc d = {0};
	struct es_err err = {0};

	buf_adds(html, "<main id=\"page\">");
	if (json_parse(&d, tree.p, tree.n, &err) == 0 &&
	    tree_render(&d, 0, jqrun_key(r->page->jqrun), r->form,
	    SPAN_NONE, NULL, html, &err) == 0) {
		buf_adds(html, "</main>");
		if (buf_check(html, &err) == 0) {
			r->state = RENDER_DONE;
			json_free(&d);
			return;
		}
	}
	json_free(&d);
	es_err_at(&err, "%s: %.*s: render", r->page->handler.path,
	    (int)r->path.n, r->path.p);
	finish_failed(r, err.text);
}

/* ---- beginning ---- */

static int print_page(const struct render *r, const struct buf *rows,
    struct buf *out, struct es_err *err)
{
	buf_adds(out, "{\"path\":");
	json_quote_span(out, buf_span(&r->path));
	buf_adds(out, ",\"params\":");
	buf_add_span(out, buf_span(&r->params));
	buf_adds(out, ",\"query\":");
	buf_add_span(out, buf_span(&r->query));
	buf_adds(out, ",\"rows\":");
	buf_add_span(out, buf_span(rows));
	buf_adds(out, ",\"as_of\":null}");
	return buf_check(out, err);
}

static int start(struct pages *ps, struct render *r, struct es_err *err)
{
	struct buf rows = {0}, page = {0};
	int64_t head, views;
	int result = -1;

	if (store_head(ps->store, &head, err) < 0)
		return -1;
	if (r->up_to == 0 || r->up_to > head)
		r->up_to = head;
	if (page_query(r->page, ps->store, buf_span(&r->params),
	    buf_span(&r->query), &rows, &views, err) == 0 &&
	    print_page(r, &rows, &page, err) == 0)
		result = fold_submit(r->page->fold, JQ_RENDER, &r->partition,
		    r->up_to, buf_span(&page), r, err);
	r->result.position = views < r->up_to ? views : r->up_to;
	buf_free(&rows);
	buf_free(&page);
	return result;
}

static bool may_start(const struct render *r)
{
	const struct page *p = r->page;
	size_t i;

	for (i = 0; i < p->n_runs; i++)
		if (span_eq(buf_span(&p->runs[i]->key), buf_span(&r->key)))
			return false;
	return p->n_runs < PAGE_RUNS_MAX;
}

static void try_start(struct pages *ps, struct render *r)
{
	struct es_err err = {0};

	if (r->state != RENDER_WAITS || !may_start(r))
		return;
	if (start(ps, r, &err) < 0) {
		finish_failed(r, err.text);
		return;
	}
	r->state = RENDER_RUNS;
	r->page->runs[r->page->n_runs++] = r;
}

static int copy_request(struct render *r, const struct page_request *q,
    struct es_err *err)
{
	const char *mark = memchr(q->url.p, '?', q->url.n);

	buf_add(&r->path, q->url.p, mark ? (size_t)(mark - q->url.p) :
	    q->url.n);
	buf_add_span(&r->params, buf_span(&q->params));
	buf_add_span(&r->query, buf_span(&q->query));
	if (buf_check(&r->path, err) < 0 || buf_check(&r->params, err) < 0 ||
	    buf_check(&r->query, err) < 0 ||
	    page_partition(r->page, buf_span(&r->params), &r->partition,
	    err) < 0)
		return -1;
	partition_print(&r->partition, &r->key);
	return buf_check(&r->key, err);
}

int page_submit(struct pages *ps, const struct page_request *q, int64_t up_to,
    const struct tree_form *form, void *tag, struct es_err *err)
{
	struct render *r = calloc(1, sizeof *r);

	if (!r)
		return es_fail_nomem(err);
	/* Pages are immutable for all but this room. */
	r->page = (struct page *)(uintptr_t)q->page;
	r->up_to = up_to;
	r->form = form;
	r->result.tag = tag;
	if (copy_request(r, q, err) < 0) {
		free_render(r);
		return -1;
	}
	*ps->last = r;
	ps->last = &r->next;
	try_start(ps, r);
	return 0;
}

/* ---- taking results ---- */

static bool take_done(struct pages *ps, struct page_result *out)
{
	struct render **at, *r;

	for (at = &ps->renders; (r = *at); at = &r->next) {
		if (r->state != RENDER_DONE)
			continue;
		*at = r->next;
		if (!*at)
			ps->last = at;
		*out = r->result;
		r->result = (struct page_result){0};
		free_render(r);
		return true;
	}
	return false;
}

static void stop_run(struct page *p, const struct render *r)
{
	size_t i;

	for (i = 0; i < p->n_runs && p->runs[i] != r; i++)
		;
	if (i < p->n_runs)
		p->runs[i] = p->runs[--p->n_runs];
}

/* Take in what a page's worker has done. */
static int take_in(struct page *p, struct es_err *err)
{
	struct fold_result f;
	struct render *r;
	int got = 0;

	while (p->n_runs && (got = fold_next(p->fold, &f, err)) > 0) {
		r = f.tag;
		stop_run(p, r);
		if (f.reply.result == JQ_OK)
			finish_tree(r, f.reply.state);
		else
			finish_fault(r, &f);
		fold_result_free(&f);
	}
	return got < 0 ? es_err_at(err, "%s", p->handler.path) : 0;
}

int pages_next(struct pages *ps, struct page_result *out, struct es_err *err)
{
	struct render *r;
	size_t i;

	page_result_free(out);
	if (take_done(ps, out))
		return 1;
	for (i = 0; i < ps->n; i++)
		if (take_in(ps->v[i], err) < 0)
			return -1;
	for (r = ps->renders; r; r = r->next)
		try_start(ps, r);
	return take_done(ps, out);
}

int pages_poll(const struct pages *ps, struct pollfd *fds, int max)
{
	size_t i;
	int n = 0;

	for (i = 0; i < ps->n && n + PROC_FDS <= max; i++)
		if (ps->v[i]->n_runs)
			n += jqrun_poll(ps->v[i]->jqrun, fds + n);
	return n;
}

int pages_timeout(const struct pages *ps)
{
	const struct render *r;
	int timeout = -1;
	size_t i;

	for (r = ps->renders; r; r = r->next)
		if (r->state == RENDER_DONE)
			return 0;
	for (i = 0; i < ps->n; i++) {
		int t = ps->v[i]->n_runs ?
		    jqrun_timeout(ps->v[i]->jqrun) : -1;

		if (t >= 0 && (timeout < 0 || t < timeout))
			timeout = t;
	}
	return timeout;
}
