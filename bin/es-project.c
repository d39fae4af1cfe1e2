/*
 * es-project: bring a read model up to date; es-project(1).
 *
 * Each commit moves states and offset together, and fails if the offset moved
 * meanwhile; so any number of these may run at once, and one that is killed
 * loses nothing.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "bell.h"
#include "spool.h"
#include "vet.h"
#include "view.h"

#define POLL_MS 1000		/* behind the bell, should a ring be missed */

static const char *const synopsis[] = {
	"[-f | --rebuild] HANDLER",
	"[--rebuild] --print [-p NAME=VALUE]... HANDLER",
	"--path HANDLER",
	"--given FILE [-p NAME=VALUE]... HANDLER",
	"--check [-m FILE | -s FILE] HANDLER",
	NULL
};

static const int flags[] = {
	CLI_FOLLOW, CLI_REBUILD, CLI_PRINT, CLI_PARTITION, CLI_PATH,
	CLI_GIVEN, CLI_CHECK, CLI_CATALOG, 0
};

static const struct cli_help help[] = {
	{CLI_PARTITION, "NAME=VALUE", "print only states with this value in "
	    "their key (repeat: and)"},
	{CLI_PRINT, NULL, "then print the read model as lines of JSON"},
	{CLI_GIVEN, "FILE", "no store and no file: print the states that the "
	    "messages of FILE make"},
	{CLI_CATALOG, NULL, "with --check: compare with this catalog"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-project",
	.synopsis = synopsis,
	.summary = "Bring a projector's read model up to date: what its "
	    "evolve makes of the messages, a state for each key, in an SQLite "
	    "file.",
	.examples =
	    "  es-project projectors/campaigns.jq\n"
	    "  es-project --print -p campaign_id=c1 projectors/campaigns.jq\n"
	    "  es-query | es-project --given - projectors/campaigns.jq\n"
	    "  sqlite3 es.db.views/campaigns.db 'select * from campaigns'\n"
	    "  es-project -f projectors/campaigns.jq\n",
	.see_also = "es-react(1), es-query(1), es-handler(5), es(7)",
	.flags = flags,
	.help = help,
};

struct options {
	struct cli cli;
	const char *file, *given, *catalog;
	bool follow, rebuild, print, path, check;
	struct query_pair *values;	/* -p */
	size_t n_values;
};

/* What all ways of working need. */
struct job {
	struct options *o;
	struct handler handler;
	struct jqrun *jq;
	struct store *store;
	struct view *view;
	const char *told;		/* why it is rebuilt: said already */
	bool faulty;			/* --check found an error */
};

/* ---- options ---- */

static int add_value(struct options *o, struct es_err *err)
{
	struct span name, value;
	struct query_pair *v, *pair;

	if (cli_pair(&o->cli, &name, &value, err) < 0)
		return -1;
	v = realloc(o->values, (o->n_values + 1) * sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	o->values = v;
	pair = &v[o->n_values++];
	pair->name = strndup(name.p, name.n);
	pair->value = strndup(value.p, value.n);
	return pair->name && pair->value ? 0 : es_fail_nomem(err);
}

static int take_option(struct options *o, int id, struct es_err *err)
{
	switch (id) {
	case CLI_FOLLOW:
		o->follow = true;
		return 0;
	case CLI_REBUILD:
		o->rebuild = true;
		return 0;
	case CLI_PRINT:
		o->print = true;
		return 0;
	case CLI_PATH:
		o->path = true;
		return 0;
	case CLI_CATALOG:
		o->catalog = o->cli.arg;
		return 0;
	case CLI_CHECK:
		o->check = true;
		return 0;
	case CLI_GIVEN:
		o->given = o->cli.arg;
		return 0;
	case CLI_PARTITION:
		return add_value(o, err);
	default:
		if (o->file)
			return es_fail(err, ES_USAGE, "%.200s: more than one "
			    "HANDLER", o->cli.arg);
		o->file = o->cli.arg;
		return 0;
	}
}

static int check_options(const struct options *o, struct es_err *err)
{
	if (!o->file)
		return es_fail(err, ES_USAGE, "HANDLER is missing");
	if (o->check && (o->follow || o->print || o->path || o->given ||
	    o->rebuild || o->n_values))
		return es_fail(err, ES_USAGE, "--check: takes a HANDLER and "
		    "nothing else");
	if (o->catalog && !o->check)
		return es_fail(err, ES_USAGE, "-m: only with --check");
	if (o->follow && (o->print || o->path || o->given))
		return es_fail(err, ES_USAGE,
		    "-f: goes not with --print, --path and --given");
	if (o->path && (o->print || o->given || o->rebuild))
		return es_fail(err, ES_USAGE, "--path: goes not with --print, "
		    "--rebuild and --given");
	if (o->given && o->rebuild)
		return es_fail(err, ES_USAGE,
		    "--given: goes not with --rebuild");
	if (o->n_values && !o->print && !o->given)
		return es_fail(err, ES_USAGE,
		    "-p: only with --print or --given");
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
		if (id == CLI_ERROR || take_option(o, id, err) < 0)
			return -1;
	}
	return check_options(o, err);
}

static void free_options(struct options *o)
{
	while (o->n_values > 0) {
		free(o->values[--o->n_values].name);
		free(o->values[o->n_values].value);
	}
	free(o->values);
}

/* ---- the handler ---- */

/* The worker is forked before a store is open. */
static int load(struct job *j, struct es_err *err)
{
	const char *file = j->o->file;

	if (handler_load(file, &j->handler, err) < 0)
		return -1;
	if (j->handler.kind != HANDLER_JQ || !(j->handler.ops & SCAN_EVOLVE))
		return es_fail(err, ES_FAILED, "%s: no projector: it defines "
		    "no evolve", file);
	return handler_start(&j->handler, NULL, &j->jq, err) < 0 ? -1 :
	    view_check_values(&j->handler, j->o->values, j->o->n_values,
	    err);
}

/* ---- printing ---- */

static int print_state(void *ctx, struct span key, struct span state,
    int64_t position, struct es_err *err)
{
	struct spool *to = ctx;
	struct buf line = {0};
	int r;

	view_print_state(&line, key, state, position);
	r = buf_check(&line, err);
	if (r == 0)
		r = spool_add(to, line.p, line.n, err);
	buf_free(&line);
	return r;
}

/* The snapshot is closed before a slow reader is waited for. */
static int read_model(const struct job *j, struct spool *to,
    struct es_err *err)
{
	struct view_reader *reader;
	struct span key, state;
	int64_t position;
	int r;

	if (view_read_open(store_path(j->store), j->handler.name,
	    j->o->values, j->o->n_values, &reader, err) < 0)
		return -1;
	while ((r = view_read_next(reader, &key, &state, &position, err)) > 0)
		if (print_state(to, key, state, position, err) < 0) {
			r = -1;
			break;
		}
	view_read_close(reader);
	return r;
}

static int write_out(struct spool *s, struct es_err *err)
{
	struct span all;

	return spool_end(s, &all, err) < 0 ? -1 :
	    cli_write(all.p, all.n, err);
}

static int print_model(const struct job *j, struct es_err *err)
{
	struct spool s = {0};
	int r = read_model(j, &s, err);

	if (r == 0)
		r = write_out(&s, err);
	spool_free(&s);
	return r;
}

static int print_path(const struct job *j, struct es_err *err)
{
	char *path = view_path(store_path(j->store), j->handler.name, err);
	int r;

	if (!path)
		return -1;
	r = cli_write(path, strlen(path), err) < 0 ? -1 :
	    cli_write("\n", 1, err);
	free(path);
	return r;
}

/* ---- --given ---- */

static int run_given(const struct job *j, struct es_err *err)
{
	struct spool s = {0};
	struct given *g;
	int r;

	if (given_open_beside(j->handler.path, &g, err) < 0)
		return -1;
	r = given_read(g, j->o->given, err);
	if (r == 0)
		r = view_given(g, &j->handler, j->jq, j->o->values,
		    j->o->n_values, print_state, &s, err);
	if (r == 0)
		r = write_out(&s, err);
	spool_free(&s);
	given_close(g);
	return r;
}

/* ---- bringing up to date ---- */

static void tell(struct job *j)
{
	const char *why = view_rebuilt(j->view);

	if (why && why != j->told && !j->o->cli.quiet)
		cli_warn(&j->o->cli, "%s: rebuilding", why);
	j->told = why;
}

/* Up to the head as of the call, however fast the log grows. */
static int catch_up(struct job *j, struct es_err *err)
{
	int64_t head;
	bool more = true;

	if (store_head(j->store, &head, err) < 0)
		return -1;
	while (more && (view_rebuilding(j->view) ||
	    view_position(j->view) < head)) {
		if (view_step(j->view, &more, err) < 0)
			return -1;
		tell(j);
	}
	return 0;
}

static int follow(struct job *j, struct es_err *err)
{
	struct bell *bell;
	int r = 0;

	if (bell_open(store_path(j->store), &bell, err) < 0)
		return -1;
	while (r == 0) {
		bool more;

		bell_clear(bell);
		if (store_check_same(j->store, err) < 0 ||
		    store_check_files(j->store, err) < 0 ||
		    view_step(j->view, &more, err) < 0)
			r = -1;
		tell(j);
		if (r == 0 && !more && bell_wait(bell, POLL_MS) < 0 &&
		    errno != EINTR)
			r = es_fail_errno(err, "%s-bell",
			    store_path(j->store));
	}
	bell_close(bell);
	return r;
}

static int update(struct job *j, struct es_err *err)
{
	int r;

	if (view_open(j->store, &j->handler, j->jq, j->o->rebuild, &j->view,
	    err) < 0)
		return -1;
	tell(j);
	r = j->o->follow ? follow(j, err) : catch_up(j, err);
	view_close(j->view);
	return r;
}

/* A model that is there can be printed where it cannot be written. */
static bool read_only(const struct job *j)
{
	char *path = view_path(store_path(j->store), j->handler.name, NULL);
	char *slash = path ? strrchr(path, '/') : NULL;
	bool yes = false;

	if (slash) {
		*slash = '\0';
		yes = access(path, F_OK) == 0 && access(path, W_OK) < 0;
	}
	if (yes && !j->o->cli.quiet)
		cli_warn(&j->o->cli, "%s: cannot be written: printed as it "
		    "is there", path);
	free(path);
	return yes;
}

static void tell_finding(void *ctx, bool error, const char *text)
{
	struct job *j = ctx;

	j->faulty |= error;
	if (error || !j->o->cli.quiet)
		cli_finding(&j->o->cli, text);
}

static int check(struct job *j, struct es_err *err)
{
	const struct options *o = j->o;
	struct vet_catalog with = {o->catalog,
	    o->cli.store_given ? o->cli.store : NULL};

	return vet(&o->file, 1, SCAN_EVOLVE, &with, tell_finding, j, err);
}

static int run(struct job *j, struct es_err *err)
{
	if (j->o->check)
		return check(j, err);
	if (load(j, err) < 0)
		return -1;
	if (j->o->given)
		return run_given(j, err);
	if (store_open(j->o->cli.store, false, &j->store, err) < 0)
		return -1;
	if (j->o->path)
		return print_path(j, err);
	if (!(j->o->print && !j->o->rebuild && read_only(j)) &&
	    update(j, err) < 0)
		return -1;
	return j->o->print ? print_model(j, err) : 0;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct job j = {.o = &o};
	struct es_err err = {0};
	int status = ES_OK;
	int r = parse_options(&o, argc, argv, &err);

	if (r == 0)
		r = run(&j, &err);
	if (r < 0)
		status = cli_error(&o.cli, &err);
	else if (j.faulty)
		status = ES_FAILED;
	store_close(j.store);
	jqrun_close(j.jq);
	handler_free(&j.handler);
	free_options(&o);
	return cli_close(&o.cli, status);
}
