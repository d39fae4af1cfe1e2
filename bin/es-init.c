/*
 * es-init: make or upgrade a store, and load its catalog; es-init(1).
 */
#include "app.h"
#include "cli.h"
#include "runner.h"
#include "store.h"
#include "storefile.h"
#include "sys.h"
#include "upcast.h"
#include "upgrade.h"

#define CATALOG_BYTES (1024 * 1024)

static const char *const synopsis[] = {
	"[-v] [-s FILE]",
	"[-v] [-s FILE] -m CATALOG",
	"[-v] [-s FILE] APP",
	"--new DIR",
	"[-v] [-s FILE] --delete [--force]",
	NULL
};

static const int flags[] = {CLI_CATALOG, CLI_NEW, CLI_DELETE, CLI_FORCE, 0};

static const struct cli_help help[] = {
	{CLI_FORCE, NULL, "with --delete: although programs have it open"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-init",
	.synopsis = synopsis,
	.summary = "Make a store, or upgrade one, and load a catalog into it. "
	    "Running it again is harmless.",
	.examples =
	    "  es-init                    es.db in this directory\n"
	    "  es-init -m messages.json   ... with this catalog\n"
	    "  es-init loans              ... with that of the app in loans/\n"
	    "  es-init --new donations && cd donations && es-init .\n"
	    "                             a starter app, and a store for it\n"
	    "  es-init --delete           remove es.db and its files\n",
	.see_also = "es-append(1), es-query(1), es-store(5), es(7)",
	.flags = flags,
	.help = help,
};

struct options {
	struct cli cli;
	const char *app;
	const char *catalog;
	const char *new;	/* where the starter app goes */
	bool delete, force;
};

static int check_options(const struct options *o, struct es_err *err)
{
	if (o->app && o->catalog)
		return es_fail(err, ES_USAGE, "-m: the catalog of an APP is "
		    "its messages.json");
	if (o->new && (o->app || o->catalog || o->delete))
		return es_fail(err, ES_USAGE, "--new stands alone: make a "
		    "store for the new app with es-init APP");
	if (o->delete && (o->app || o->catalog))
		return es_fail(err, ES_USAGE, "--delete: removes a store, and "
		    "loads nothing");
	if (o->force && !o->delete)
		return es_fail(err, ES_USAGE, "--force goes with --delete");
	return 0;
}

static int parse_options(struct options *o, int argc, char **argv,
    struct es_err *err)
{
	int id;

	cli_begin(&o->cli, &program, argc, argv);
	while ((id = cli_next(&o->cli, err)) != CLI_END) {
		if (id == CLI_DONE)
			return 1;
		if (id == CLI_ERROR)
			return -1;
		if (id == CLI_CATALOG)
			o->catalog = o->cli.arg;
		else if (id == CLI_NEW)
			o->new = o->cli.arg;
		else if (id == CLI_DELETE)
			o->delete = true;
		else if (id == CLI_FORCE)
			o->force = true;
		else if (o->app)
			return es_fail(err, ES_USAGE, "%.200s: more than one "
			    "APP", o->cli.arg);
		else
			o->app = o->cli.arg;
	}
	return check_options(o, err);
}

/* 126 and 127 are for what was to be run, and this runs nothing. */
static int not_run(struct es_err *err)
{
	if (err->code == ES_NOEXEC || err->code == ES_NOTFOUND)
		err->code = ES_FAILED;
	return -1;
}

static int check_upcasts(const struct catalog *c, struct es_err *err)
{
	return c ? upcast_check(c, err) : 0;
}

/*
 * What is to be loaded, checked before there is a store that would lack it: an
 * app, or a catalog (which then stands in the app).
 */
static int read_app(const struct options *o, struct app *app,
    struct es_err *err)
{
	struct buf text = {0};
	int r = -1;

	if (o->app)
		return app_load(app, o->app, err) < 0 ? not_run(err) :
		    runner_learn(app, err) < 0 ||
		    check_upcasts(app->catalog, err) < 0 ? -1 : 0;
	if (!o->catalog)
		return 0;
	if (sys_read_file(o->catalog, CATALOG_BYTES, &text, err) == 0)
		r = catalog_parse(o->catalog, buf_span(&text).p, text.n,
		    &app->catalog, err);
	buf_free(&text);
	return r < 0 ? -1 : check_upcasts(app->catalog, err);
}

/* A new version that nothing leads to: easily forgotten, but not wrong. */
static void tell_gaps(const struct options *o, const struct catalog *was,
    const struct catalog *c)
{
	const struct catalog_entry *e, *old;
	size_t i;

	for (i = 0; !o->cli.quiet && (e = catalog_at(c, i)); i++) {
		struct span type = catalog_type(e);
		int64_t v = catalog_version(e);

		old = catalog_find(was, type);
		if (old && v > catalog_version(old) && !catalog_upcast(e, v).p)
			cli_warn(&o->cli, "%s: %.*s: version %lld has no "
			    "upcast: handlers are given older messages as "
			    "they are", catalog_place(c), (int)type.n, type.p,
			    (long long)v);
	}
}

static int load(const struct options *o, struct store *s,
    const struct catalog *c, bool *changed, struct es_err *err)
{
	const struct catalog *was;

	if (store_begin(s, err) < 0)
		return -1;
	was = store_catalog(s);		/* lives until the transaction ends */
	if (store_load_catalog(s, c, changed, err) < 0) {
		store_rollback(s);
		return -1;
	}
	if (*changed)
		tell_gaps(o, was, c);
	return store_commit(s, err);
}

/* Older programs cannot use it any more, so it is told without -v. */
static int upgrade(const struct options *o, struct es_err *err)
{
	const char *path = o->cli.store;
	int from;

	if (upgrade_store(path, &from, err) < 0)
		return -1;
	if (from != STORE_FORMAT && !o->cli.quiet)
		cli_warn(&o->cli, "%s: upgraded from format %d to %d", path,
		    from, STORE_FORMAT);
	return 0;
}

static int make(const struct options *o, const struct catalog *catalog,
    struct es_err *err)
{
	const char *path = o->cli.store;
	struct store *s = NULL;
	bool created = false, changed = false;
	int r = store_create(path, &created, err);

	if (r == 0 && o->cli.verbose)
		cli_warn(&o->cli, "%s: %s", path, created ? "store made" :
		    "store is there already");
	if (r == 0)
		r = upgrade(o, err);
	if (r == 0 && catalog)
		r = store_open(path, true, &s, err);
	if (r == 0 && catalog)
		r = load(o, s, catalog, &changed, err);
	if (r == 0 && catalog && o->cli.verbose)
		cli_warn(&o->cli, "%s: %s", path, changed ? "catalog loaded" :
		    "catalog is in force already");
	store_close(s);
	return r;
}

static int delete(const struct options *o, struct es_err *err)
{
	if (storefile_remove(o->cli.store, o->force, err) < 0)
		return -1;
	if (o->cli.verbose)
		cli_warn(&o->cli, "%s: removed", o->cli.store);
	return 0;
}

static int run(const struct options *o, struct es_err *err)
{
	struct app app = {0};
	int r;

	if (o->new)
		return app_new(o->new, err);
	if (o->delete)
		return delete(o, err);
	r = read_app(o, &app, err);
	if (r == 0)
		r = make(o, app.catalog, err);
	if (r == 0 && app.n)
		r = runner_create_groups(o->cli.store, &app, err);
	app_free(&app);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct es_err err = {0};
	int status = ES_OK;
	int r = parse_options(&o, argc, argv, &err);

	if (r == 0)
		r = run(&o, &err);
	if (r < 0)
		status = cli_error(&o.cli, &err);
	return cli_close(&o.cli, status);
}
