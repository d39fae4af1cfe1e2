#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "catalogfile.h"
#include "sys.h"
#include "vetint.h"

/* Once: apps that are loaded one after another are compared each time. */
static void tell(struct vet *v, bool error, const char *text)
{
	size_t n = strlen(text);
	struct buf line = {0};

	buf_addc(&line, '\n');
	buf_adds(&line, text);
	buf_addc(&line, '\n');
	if (!v->told.n)
		buf_addc(&v->told, '\n');
	if (line.failed || v->told.failed ||
	    !memmem(v->told.p, v->told.n, line.p, line.n)) {
		buf_add(&v->told, text, n);
		buf_addc(&v->told, '\n');
		v->tell(v->ctx, error, text);
	}
	buf_free(&line);
}

void vet_say(struct vet *v, bool error, const char *fmt, ...)
{
	char text[sizeof((struct es_err *)0)->text];
	va_list ap;

	va_start(ap, fmt);
	es_text(text, sizeof text, fmt, ap);
	va_end(ap);
	tell(v, error, text);
}

static void fault(void *ctx, const struct es_err *err)
{
	struct vet *v = ctx;

	v->incomplete = true;
	tell(v, true, err->text);
}

/* ---- what is vetted ---- */

static int look_beside(struct vet *v, const char *path, struct es_err *err)
{
	struct es_err why;
	char *file;

	if (v->beside || v->catalog_path)
		return 0;
	if (catalog_path_beside(path, &file, err) < 0)
		return -1;
	if (!file || access(file, R_OK) < 0) {
		free(file);
		return 0;
	}
	if (catalog_read(file, &v->beside, &why) < 0)
		tell(v, true, why.text);
	v->catalog_path = file;
	return 0;
}

static int ask_for(struct vet *v, const struct vet_catalog *from,
    struct es_err *err)
{
	struct buf name = {0};

	if (from->file && from->store)
		return es_fail(err, ES_USAGE, "-m: goes not with -s");
	if ((from->file && catalog_read(from->file, &v->file, err) < 0) ||
	    (from->store && store_open(from->store, false, &v->store,
	    err) < 0))
		return -1;
	if (v->store)
		buf_addf(&name, "the catalog of %s", from->store);
	else if (from->file)
		buf_adds(&name, from->file);
	else
		return 0;
	v->catalog_path = buf_detach(&name);
	return v->catalog_path ? 0 : es_fail_nomem(err);
}

static int is_jq(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 3 &&
	    strcmp(d->d_name + n - 3, ".jq") == 0;
}

/* Of a page what it evolves is of interest, and whether it can be read. */
static int look_at_page(struct vet *v, const char *file, struct es_err *err)
{
	struct buf text = {0};
	struct es_err why = {0};
	struct scan s = {0};
	size_t i;
	int r = 0;

	if (sys_read_file(file, (size_t)1 << 20, &text, &why) < 0 ||
	    scan_page_jq(file, text.p ? text.p : "", text.n, &s, &why) < 0)
		fault(v, &why);
	for (i = 0; i < s.evolves.n && r == 0; i++)
		r = scan_types_add(&v->shown, span_str(s.evolves.v[i]), err);
	scan_free(&s);
	buf_free(&text);
	return r;
}

static int look_at_pages(struct vet *v, const char *app, struct es_err *err)
{
	struct dirent **list = NULL;
	struct buf path = {0};
	int i, n, r = 0;

	buf_addf(&path, "%s/pages", app);
	if (buf_check(&path, err) < 0)
		return -1;
	n = scandir(path.p, &list, is_jq, alphasort);
	for (i = 0; i < n; i++) {
		buf_truncate(&path, 0);
		buf_addf(&path, "%s/pages/%s", app, list[i]->d_name);
		free(list[i]);
		if (r == 0)
			r = buf_check(&path, err) < 0 ? -1 :
			    look_at_page(v, path.p, err);
	}
	free(list);
	buf_free(&path);
	return r;
}

static int add(struct vet *v, const char *path, struct es_err *err)
{
	struct buf file = {0};
	struct es_err why = {0};
	struct stat st;
	int r = 0;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		v->folders++;
		buf_addf(&file, "%s/messages.json", path);
		if (buf_check(&file, err) < 0)
			r = -1;
		else if (access(file.p, F_OK) == 0 && !v->catalog_path &&
		    !(v->catalog_path = strdup(file.p)))
			r = es_fail_nomem(err);
		buf_free(&file);
		if (r == 0)
			r = look_at_pages(v, path, err);
	} else {
		r = look_beside(v, path, err);
	}
	if (r == 0 && app_load(&v->app, path, &why) < 0)
		fault(v, &why);
	return r;
}

/* ---- running ---- */

static void start(struct vet *v, struct handler *h)
{
	struct jqrun *jq = NULL;
	struct es_err why = {0};

	if (handler_start(h, NULL, &jq, &why) < 0)
		tell(v, true, why.text);
	jqrun_close(jq);
}

static const char *op_name(unsigned needs)
{
	return needs & SCAN_DECIDE ? "decide($c)" :
	    needs & SCAN_EVOLVE ? "evolve($e)" : "react($e)";
}

static int run(struct vet *v, unsigned needs, struct es_err *err)
{
	struct app *a = &v->app;
	struct es_err why = {0};
	size_t i;

	for (i = 0; i < a->n; i++) {
		struct handler *h = &a->handlers[i].handler;

		if (needs && !(h->ops & needs))
			vet_say(v, true, "%s:1: there is no \"def %s:\"",
			    h->path, op_name(needs));
		start(v, h);
	}
	if (app_check(a, &why) < 0)
		tell(v, true, why.text);
	return vet_compare(v, err);
}

int vet(const char *const *paths, size_t n, unsigned needs,
    const struct vet_catalog *catalog, vet_tell *say, void *ctx,
    struct es_err *err)
{
	struct vet v = {.tell = say, .ctx = ctx};
	size_t i;
	int r;

	v.app.fault = fault;
	v.app.fault_ctx = &v;
	r = ask_for(&v, catalog, err);
	for (i = 0; i < n && r == 0; i++)
		r = add(&v, paths[i], err);
	if (r == 0)
		r = run(&v, needs, err);
	app_free(&v.app);
	catalog_free(v.beside);
	catalog_free(v.file);
	store_close(v.store);
	free(v.catalog_path);
	while (v.shown.n > 0)
		free(v.shown.v[--v.shown.n]);
	free(v.shown.v);
	buf_free(&v.told);
	return r;
}
