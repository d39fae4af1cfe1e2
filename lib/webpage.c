/* Pages: rendered when asked for, and again when something happened. */
#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "url.h"
#include "webint.h"

/* A form that was refused, shown again with what it had. */
struct form_again {
	struct buf type, values, errors;
	struct json_doc values_doc, errors_doc;
	struct tree_form form;
};

void form_again_free(struct form_again *a)
{
	if (!a)
		return;
	buf_free(&a->type);
	buf_free(&a->values);
	buf_free(&a->errors);
	json_free(&a->values_doc);
	json_free(&a->errors_doc);
	free(a);
}

/* ---- the document ---- */

void web_plain_page(struct request *r, unsigned status, const char *title,
    const char *text)
{
	struct buf main = {0}, html = {0};
	struct es_err err = {0};

	buf_addf(&main, "<main id=\"page\"><h1>%s</h1><p>%s</p>"
	    "<p><a href=\"/\">Home</a></p></main>", title, text);
	if (page_document(r->web->pages, NULL, buf_span(&main), SPAN_NONE, 0,
	    &html, &err) < 0)
		web_respond_text(r, status, text);
	else
		web_respond(r, status, "text/html; charset=utf-8",
		    buf_span(&html));
	buf_free(&main);
	buf_free(&html);
}

static void show(struct request *r, struct span html, int64_t position,
    unsigned status)
{
	struct buf document = {0}, updates = {0};
	struct es_err err = {0};

	buf_adds(&updates, "/updates?page=");
	url_encode(&updates, buf_span(&r->page.url));
	if (page_document(r->web->pages, r->page.page, html,
	    buf_span(&updates), position, &document, &err) < 0) {
		web_say(r->web, "%s", err.text);
		web_plain_page(r, 500, "Sorry", "This page cannot be shown.");
	} else {
		web_session(r);
		web_respond(r, status, "text/html; charset=utf-8",
		    buf_span(&document));
	}
	buf_free(&document);
	buf_free(&updates);
}

static void failed(struct request *r, const char *text)
{
	web_say(r->web, "%s", text);
	web_plain_page(r, 500, "Sorry", "This page cannot be shown.");
}

/* ---- what is asked for ---- */

static int match(struct request *r, struct span path, struct span query)
{
	struct es_err err = {0};
	int found = pages_match(r->web->pages, path, query, &r->page, &err);

	r->has_page = found > 0;
	return found;
}

static void submit(struct request *r, const struct tree_form *form)
{
	struct es_err err = {0};

	if (page_submit(r->web->pages, &r->page, 0, form, r, &err) < 0)
		failed(r, err.text);
	else
		web_suspend(r, WAIT_RENDER);
}

/*
 * The printed URL has the token: it becomes a cookie, and leaves the address
 * bar.  1 when that was it; a page may have a parameter of that name.
 */
static bool take_token(struct request *r)
{
	struct buf value = {0}, header = {0};
	bool is = web_form_value(r->query, "token", &value) > 0 &&
	    web_is_token(r->web, buf_span(&value));

	if (is) {
		buf_add_span(&header, web_own_path(r->path));
		web_respond(r, 303, NULL, SPAN_LIT(""));
		web_add_header(r, "Location", header.failed ? "/" : header.p);
		buf_truncate(&header, 0);
		buf_addf(&header, "es_token=%s; Path=/; HttpOnly; "
		    "SameSite=Strict", r->web->token);
		if (!header.failed)
			web_add_header(r, "Set-Cookie", header.p);
	}
	buf_free(&value);
	buf_free(&header);
	return is;
}

void web_page_get(struct request *r)
{
	struct buf html = {0}, value = {0};
	int64_t position;
	int found;

	if (take_token(r))
		return;
	found = web_form_value(r->query, "as_of", &value);
	buf_free(&value);
	if (found > 0) {
		web_plain_page(r, 400, "Not yet", "This version cannot show pages "
		    "as of another time (as_of).");
		return;
	}
	found = match(r, r->path, r->query);
	if (found < 0)
		web_plain_page(r, 400, "Bad address",
		    "This is not an address of a page.");
	else if (found == 0)
		web_plain_page(r, 404, "Not found", "There is no such page.");
	else if (live_cached(r->web->live, &r->page, &html, &position) > 0)
		show(r, buf_span(&html), position, 200);
	else
		submit(r, NULL);
	buf_free(&html);
}

static struct form_again *make_again(struct span type, struct buf *values,
    struct buf *errors)
{
	struct form_again *a = calloc(1, sizeof *a);

	if (!a)
		return NULL;
	buf_add_span(&a->type, type);
	buf_swap(&a->values, values);
	buf_swap(&a->errors, errors);
	if (json_parse(&a->values_doc, a->values.n ? a->values.p : "{}",
	    a->values.n ? a->values.n : 2, NULL) < 0 ||
	    json_parse(&a->errors_doc, a->errors.n ? a->errors.p : "{}",
	    a->errors.n ? a->errors.n : 2, NULL) < 0) {
		form_again_free(a);
		return NULL;
	}
	a->form = (struct tree_form){.type = buf_span(&a->type),
	    .values = &a->values_doc, .errors = &a->errors_doc};
	return a;
}

void web_page_again(struct request *r, struct span path, struct span type,
    struct buf *values, struct buf *errors)
{
	const char *mark = memchr(path.p, '?', path.n);
	size_t n = mark ? (size_t)(mark - path.p) : path.n;
	struct span query = mark ? (struct span){mark + 1, path.n - n - 1} :
	    (struct span){"", 0};

	r->again = make_again(type, values, errors);
	if (!r->again || match(r, (struct span){path.p, n}, query) <= 0) {
		web_plain_page(r, 422, "Please check",
		    "Something in the form is not right.");
		return;
	}
	r->path = (struct span){path.p, n};
	r->query = query;
	r->again->form.page = buf_span(&r->page.url);
	submit(r, &r->again->form);
}

int web_take_renders(struct web *w, struct es_err *err)
{
	struct page_result result = {0};
	int r;

	while ((r = pages_next(w->pages, &result, err)) > 0) {
		struct request *request;
		int taken = live_take(w->live, &result, err);

		if (taken < 0)
			return -1;
		if (taken > 0)
			continue;
		request = result.tag;
		if (result.failed)
			failed(request, result.text.n ? result.text.p :
			    "a page failed");
		else
			show(request, buf_span(&result.html), result.position,
			    request->again ? 422 : 200);
	}
	page_result_free(&result);
	return r;
}

/* ---- /updates ---- */

static ssize_t read_updates(void *ctx, uint64_t at, char *out, size_t max)
{
	struct request *r = ctx;
	long n = live_read(r->subscriber, out, max);

	(void)at;
	if (n < 0 || r->web->stopping)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (r->conn) {
		r->conn->since = sys_monotonic();
		r->conn->limit = n > 0 ? WEB_STALL_MS : 0;
	}
	if (n == 0)
		web_suspend(r, WAIT_NEWS);
	return n;
}

static void join(struct request *r, struct span page)
{
	const char *mark = memchr(page.p, '?', page.n);
	const char *last = web_header(r, "Last-Event-ID");
	size_t n = mark ? (size_t)(mark - page.p) : page.n;
	struct span query = mark ? (struct span){mark + 1, page.n - n - 1} :
	    (struct span){"", 0};
	struct buf since = {0};
	struct es_err err = {0};

	/* A browser that reconnects by itself says where it was. */
	if (last)
		buf_adds(&since, last);
	else
		web_form_value(r->query, "since", &since);
	if (match(r, (struct span){page.p, n}, query) <= 0)
		web_respond_text(r, 404, "there is no such page");
	else if (live_join(r->web->live, &r->page, buf_span(&since), r,
	    &r->subscriber, &err) < 0 && err.code == ES_USAGE)
		web_respond_text(r, 400, err.text);
	else if (!r->subscriber)
		failed(r, err.text);
	else
		web_respond_stream(r, "text/event-stream; charset=utf-8",
		    read_updates);
	buf_free(&since);
}

void web_updates(struct request *r)
{
	struct buf page = {0};
	int found = web_form_value(r->query, "page", &page);

	if (r->head || found <= 0)
		web_respond_text(r, 400, "page=/PATH is missing");
	else
		join(r, buf_span(&page));
	buf_free(&page);
}
