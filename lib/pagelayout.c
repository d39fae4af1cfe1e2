/* page: layouts, and the document around a page's main. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "pageint.h"
#include "url.h"

void page_layout_free(struct page_layout *l)
{
	buf_free(&l->before);
	buf_free(&l->after);
	*l = (struct page_layout){0};
}

/* Cut the layout where the marker stands instead of the page. */
static int cut_layout(struct page_layout *l, const struct buf *html,
    struct span marker, struct es_err *err)
{
	const char *at = html->n ? memmem(html->p, html->n, marker.p,
	    marker.n) : NULL;
	const char *after;

	if (!at)
		return es_fail(err, ES_FAILED, "its slot is lost");
	after = at + marker.n;
	buf_add(&l->before, html->p, (size_t)(at - html->p));
	buf_add(&l->after, after, (size_t)(html->p + html->n - after));
	l->there = true;
	return buf_check(&l->before, err) < 0 ||
	    buf_check(&l->after, err) < 0 ? -1 : 0;
}

/* Random, so that nothing else in a layout looks like it. */
static int make_marker(struct buf *out, struct es_err *err)
{
	unsigned char uuid[16];

	if (hash_uuid7(uuid, err) < 0)
		return -1;
	buf_adds(out, "<!--");
	hash_hex(out, uuid, sizeof uuid);
	buf_adds(out, "-->");
	return buf_check(out, err);
}

static int take_layout(struct page_layout *l, const struct jqrun_reply *reply,
    const char *key, struct es_err *err)
{
	struct json_doc d = {0};
	struct buf html = {0}, marker = {0};
	int slots = 0, r;

	r = make_marker(&marker, err) < 0 ||
	    json_parse(&d, reply->state.p, reply->state.n, err) < 0 ||
	    tree_render(&d, 0, key, NULL, buf_span(&marker), &slots, &html,
	    err) < 0 ? -1 : 0;
	if (r == 0 && slots != 1)
		r = es_fail(err, ES_FAILED, "places slot %d times, not once",
		    slots);
	if (r == 0)
		r = cut_layout(l, &html, buf_span(&marker), err);
	json_free(&d);
	buf_free(&html);
	buf_free(&marker);
	return r;
}

int page_layout_make(struct page_layout *l, struct jqrun *jq,
    const char *place, struct es_err *err)
{
	struct jqrun_request request = {.op = JQ_LAYOUT};
	struct jqrun_reply reply = {0};
	int r = jqrun_call(jq, &request, &reply, err);

	if (r == 0 && reply.result != JQ_OK)
		r = es_fail(err, ES_FAILED, "%.*s", (int)reply.reason.n,
		    reply.reason.p);
	if (r == 0)
		r = take_layout(l, &reply, jqrun_key(jq), err);
	jqrun_reply_free(&reply);
	return r < 0 ? es_err_at(err, "%s: layout", place) : 0;
}

/* ---- style sheets, and the icon ---- */

/* What a file of public/ is to every page; NULL: nothing. */
static const char *relation(const char *name)
{
	size_t n = strlen(name);

	if (name[0] != '.' && n > 4 && strcmp(name + n - 4, ".css") == 0)
		return "stylesheet";
	return strcmp(name, "icon.svg") == 0 ? "icon" : NULL;
}

static int is_linked(const struct dirent *d)
{
	return relation(d->d_name) != NULL;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static void add_link(struct buf *out, const char *as, const char *name)
{
	buf_addf(out, "<link rel=\"%s\" href=\"/public/", as);
	url_encode(out, span_str(name));
	buf_adds(out, "\">\n");
}

int pages_find_sheets(struct pages *ps, struct es_err *err)
{
	struct dirent **list = NULL;
	struct buf folder = {0};
	bool styled = false, icon = false;
	int i, n;

	buf_addf(&folder, "%s/public", ps->app->path);
	if (buf_check(&folder, err) < 0)
		return -1;
	n = scandir(folder.p, &list, is_linked, by_name);
	if (n < 0 && errno != ENOENT)
		es_fail_errno(err, "%s", folder.p);
	else if (n < 0)
		n = 0;
	buf_free(&folder);
	for (i = 0; i < n; i++) {
		const char *as = relation(list[i]->d_name);

		styled |= strcmp(as, "stylesheet") == 0;
		icon |= strcmp(as, "icon") == 0;
		add_link(&ps->sheets, as, list[i]->d_name);
		free(list[i]);
	}
	free(list);
	if (!styled)
		add_link(&ps->sheets, "stylesheet", "es.css");
	/* Else browsers ask for /favicon.ico. */
	if (!icon)
		buf_adds(&ps->sheets, "<link rel=\"icon\" href=\"data:,\">\n");
	return n < 0 ? -1 : buf_check(&ps->sheets, err);
}

/* ---- the document ---- */

static void add_head(const struct pages *ps, const struct page *p,
    struct buf *out)
{
	buf_adds(out, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
	    "content=\"width=device-width, initial-scale=1\">\n<title>");
	tree_escape(out, span_str(p && p->title ? p->title : ps->name));
	buf_adds(out, "</title>\n");
	buf_add_span(out, buf_span(&ps->sheets));
	buf_adds(out, "<script type=\"module\" src=\"/public/es.js\">"
	    "</script>\n</head>\n");
}

int page_document(struct pages *ps, const struct page *p, struct span main,
    struct span updates, int64_t position, struct buf *out,
    struct es_err *err)
{
	const struct page_layout *l = p && p->layout.there ? &p->layout :
	    &ps->layout;

	add_head(ps, p, out);
	buf_adds(out, "<body");
	if (updates.p) {
		buf_adds(out, " data-es-updates=\"");
		tree_escape(out, updates);
		buf_addf(out, "\" data-es-since=\"%s:%lld\"",
		    store_epoch(ps->store), (long long)position);
	}
	buf_addc(out, '>');
	buf_add_span(out, buf_span(&l->before));
	buf_add_span(out, main);
	buf_add_span(out, buf_span(&l->after));
	buf_adds(out, "</body>\n</html>\n");
	return buf_check(out, err);
}
