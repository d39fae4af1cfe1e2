#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "pageint.h"
#include "sys.h"
#include "view.h"

#define PAGE_MAX ((size_t)1 << 20)	/* bytes of a page's file */
#define LAYOUT "layout.jq"

/* ---- memory ---- */

static void free_page(struct page *p)
{
	size_t i;

	if (!p)
		return;
	fold_close(p->fold);
	jqrun_close(p->jqrun);
	page_layout_free(&p->layout);
	for (i = 0; i < p->n_segments; i++)
		free(p->segments[i].text);
	for (i = 0; i < p->n_queries; i++) {
		free(p->queries[i].name);
		free(p->queries[i].sql);
	}
	for (i = 0; i < p->on.n; i++)
		free(p->on.v[i]);
	free(p->on.v);
	free(p->segments);
	free(p->queries);
	free(p->path);
	free(p->title);
	free(p->channel);
	handler_free(&p->handler);
	free(p);
}

void pages_free(struct pages *ps)
{
	size_t i;

	if (!ps)
		return;
	renders_free(ps);
	for (i = 0; i < ps->n; i++)
		free_page(ps->v[i]);
	free(ps->v);
	free(ps->name);
	page_layout_free(&ps->layout);
	buf_free(&ps->sheets);
	keys_free(&ps->keys);
	free(ps);
}

/* ---- a file ---- */

static int read_source(struct handler *h, const char *path, const char *name,
    struct es_err *err)
{
	h->retries = -1;
	h->backoff_ms = h->deadline_ms = -1;
	h->path = strdup(path);
	h->name = strndup(name, strlen(name) - strlen(".jq"));
	if (!h->path || !h->name)
		return es_fail_nomem(err);
	if (sys_read_file(path, PAGE_MAX, &h->text, err) < 0 ||
	    scan_page_jq(path, h->text.p, h->text.n, &h->scan, err) < 0)
		return -1;
	h->ops = h->scan.ops;
	return 0;
}

static int compile(const struct handler *h, struct jqrun **out,
    struct buf *about, struct es_err *err)
{
	struct jqrun_limits limits = JQRUN_LIMITS_DEFAULT;

	return jqrun_open(h->path, buf_span(&h->text), h->scan.defs, h->ops,
	    &limits, out, about, err);
}

static int start_page(struct page *p, const struct app *app,
    struct es_err *err)
{
	struct handler *h = &p->handler;
	struct buf about = {0};
	int r;

	if (!(h->ops & SCAN_RENDER))
		return es_fail(err, ES_FAILED, "%s: a page must define "
		    "def render($page): …;", h->path);
	r = compile(h, &p->jqrun, &about, err) < 0 ||
	    page_about(p, app, buf_span(&about), err) < 0 ||
	    page_query_check(p, err) < 0 ? -1 : 0;
	buf_free(&about);
	if (r == 0 && h->deadline_ms > 0)
		jqrun_set_deadline(p->jqrun, (int)h->deadline_ms);
	if (r == 0 && h->ops & SCAN_LAYOUT)
		r = page_layout_make(&p->layout, p->jqrun, h->path, err);
	return r;
}

static int add_page(struct pages *ps, const char *path, const char *name,
    struct es_err *err)
{
	struct page *p = calloc(1, sizeof *p), **v;

	v = p ? realloc(ps->v, (ps->n + 1) * sizeof *v) : NULL;
	if (!v) {
		free(p);
		return es_fail_nomem(err);
	}
	ps->v = v;
	ps->v[ps->n++] = p;
	return read_source(&p->handler, path, name, err) < 0 ||
	    start_page(p, ps->app, err) < 0 ? -1 : 0;
}

static int load_layout(struct pages *ps, const char *path, struct es_err *err)
{
	struct handler h = {0};
	struct jqrun *jq = NULL;
	struct buf about = {0};
	int r = read_source(&h, path, LAYOUT, err);

	if (r == 0 && (h.ops & ~(unsigned)SCAN_PLAIN) != SCAN_LAYOUT)
		r = es_fail(err, ES_FAILED, "%s: defines layout and nothing "
		    "else that is reserved", path);
	if (r == 0)
		r = compile(&h, &jq, &about, err);
	if (r == 0)
		r = page_layout_make(&ps->layout, jq, path, err);
	jqrun_close(jq);
	buf_free(&about);
	handler_free(&h);
	return r;
}

/* ---- the folder ---- */

static int is_page(const struct dirent *d)
{
	return d->d_name[0] != '.' && d->d_name[strlen(d->d_name) - 1] != '~';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int load_entry(struct pages *ps, const char *folder, const char *name,
    struct es_err *err)
{
	size_t n = strlen(name);
	struct buf path = {0};
	struct stat st;
	int r = 0;

	buf_addf(&path, "%s/%s", folder, name);
	if (buf_check(&path, err) < 0)
		return -1;
	if (stat(path.p, &st) < 0)
		r = es_fail_errno(err, "%s", path.p);
	else if (S_ISDIR(st.st_mode))
		r = 0;
	else if (n <= 3 || strcmp(name + n - 3, ".jq") != 0)
		r = es_fail(err, ES_FAILED, "%s: a page is a .jq file",
		    path.p);
	else if (strcmp(name, LAYOUT) == 0)
		r = load_layout(ps, path.p, err);
	else
		r = add_page(ps, path.p, name, err);
	buf_free(&path);
	return r;
}

static int load_folder(struct pages *ps, const char *folder,
    struct es_err *err)
{
	struct dirent **list = NULL;
	int i, n, r = 0;

	n = scandir(folder, &list, is_page, by_name);
	if (n < 0 && errno != ENOENT)
		r = es_fail_errno(err, "%s", folder);
	for (i = 0; i < n; i++) {
		if (r == 0)
			r = load_entry(ps, folder, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	return r;
}

/* What the app's folder is called: "." and "apps/donations/" have names, too. */
static int name_app(struct pages *ps, struct es_err *err)
{
	char *path = realpath(ps->app->path, NULL);
	const char *slash = path ? strrchr(path, '/') : NULL;

	ps->name = strdup(slash && slash[1] ? slash + 1 : "es");
	free(path);
	return ps->name ? 0 : es_fail_nomem(err);
}

static int load_all(struct pages *ps, struct es_err *err)
{
	struct buf folder = {0};
	int r;

	if (!ps->app->path)
		return 0;	/* a handler's file alone */
	buf_addf(&folder, "%s/pages", ps->app->path);
	r = buf_check(&folder, err) < 0 || name_app(ps, err) < 0 ||
	    load_folder(ps, folder.p, err) < 0 ||
	    pages_find_sheets(ps, err) < 0 ? -1 : 0;
	buf_free(&folder);
	return r < 0 ? -1 : pages_sort(ps, err);
}

int pages_load(const struct app *app, struct pages **out, struct es_err *err)
{
	struct pages *ps = calloc(1, sizeof *ps);

	*out = NULL;
	if (!ps)
		return es_fail_nomem(err);
	ps->app = app;
	ps->last = &ps->renders;
	if (load_all(ps, err) < 0) {
		pages_free(ps);
		return -1;
	}
	*out = ps;
	return 0;
}

/* ---- with a store ---- */

int pages_bind(struct pages *ps, struct store *s, struct es_err *err)
{
	size_t i;

	ps->store = s;
	for (i = 0; i < ps->n; i++) {
		struct page *p = ps->v[i];

		if (fold_open(s, &p->handler, p->jqrun, &p->fold, err) < 0)
			return -1;
		fold_hide_private(p->fold);
	}
	return 0;
}

int page_views_position(struct pages *ps, const struct page *p, int64_t *out,
    struct es_err *err)
{
	size_t i;

	*out = INT64_MAX;
	for (i = 0; i < p->n_views; i++) {
		int64_t at;

		if (view_read_position(store_path(ps->store),
		    p->views[i]->name, &at, err) < 0)
			return -1;
		if (at < *out)
			*out = at;
	}
	return 0;
}
