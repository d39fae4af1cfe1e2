/* es-react: run an app's deciders, reactors and projectors over a store. */
#include <signal.h>
#include <stdlib.h>

#include "cli.h"
#include "runner.h"
#include "vet.h"

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

struct options {
	struct runner_options run;
	struct app app;
	struct query query;
	struct query_bounds bounds;
	const char *name, *by, *catalog;
	bool queried;
	const char **paths;		/* handlers and apps */
	size_t n_paths;
	bool check, faulty;
	const struct cli *cli;
};

static const char *const synopsis[] = {
	"[-f] [-j N] [--breaker N] HANDLER|APP...",
	"--check [-m FILE | -s FILE] HANDLER|APP...",
	"[-f] [-j N] --name NAME [QUERY-FLAGS] [--by NAME[,NAME]] "
	    "[--from WHERE] -- CMD [ARG...]",
	NULL
};

static const int flags[] = {
	CLI_FOLLOW, CLI_ONCE, CLI_JOBS, CLI_BREAKER, CLI_STRICT, CLI_NAME,
	CLI_TYPE, CLI_KEY, CLI_TAG, CLI_OR, CLI_PARTITION, CLI_KIND, CLI_BY,
	CLI_FROM, CLI_CHECK, CLI_CATALOG, 0
};

static const struct cli_help help[] = {
	{CLI_JOBS, NULL, "this many executables at once (default: 4)"},
	{CLI_FOLLOW, NULL, "stay, and handle what comes"},
	{CLI_CATALOG, NULL, "with --check: compare with this catalog"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-react",
	.synopsis = synopsis,
	.summary = "Run deciders, reactors and projectors until nothing is "
	    "pending, or stay.",
	.examples =
	    "  es-react .                       # run what is pending here\n"
	    "  es-react -f -j 8 donations       # stay; 8 executables at once\n"
	    "  es-react -f --name receipts -t donations.payment_confirmed \\\n"
	    "      --by donation_id --from now -- ./send-receipt\n",
	.see_also = "es-decide(1), es-group(1), es-project(1), es-handler(5), "
	    "es-app(5)",
	.flags = flags,
	.help = help,
};

static void say(void *ctx, const char *line)
{
	const struct cli *cli = ctx;

	if (!cli->quiet)
		cli_warn(cli, "%s", line);
}

static int number(const struct cli *cli, int max, int *out,
    struct es_err *err)
{
	int64_t n;

	if (cli_int(cli, 1, max, &n, err) < 0)
		return -1;
	*out = (int)n;
	return 0;
}

static int flag(struct cli *cli, int id, struct options *o, struct es_err *err)
{
	switch (id) {
	case CLI_FOLLOW:
		o->run.follow = true;
		return 0;
	case CLI_ONCE:
		o->run.follow = false;
		return 0;
	case CLI_STRICT:
		o->run.strict = true;
		return 0;
	case CLI_JOBS:
		return number(cli, 256, &o->run.jobs, err);
	case CLI_BREAKER:
		return number(cli, 1000000, &o->run.breaker, err);
	case CLI_NAME:
		o->name = cli->arg;
		return 0;
	case CLI_BY:
		o->by = cli->arg;
		return 0;
	case CLI_FROM:
		return runner_parse_from(cli->arg, &o->run, err);
	case CLI_OPERAND:
		o->paths[o->n_paths++] = cli->arg;
		return 0;
	case CLI_CATALOG:
		o->catalog = cli->arg;
		return 0;
	case CLI_CHECK:
		o->check = true;
		return 0;
	default:
		o->queried = true;
		return query_flag(&o->query, &o->bounds, id, cli->arg, err);
	}
}

static int command(struct options *o, char **argv, struct es_err *err)
{
	struct handler h;

	if (o->n_paths)
		return es_fail(err, ES_USAGE, "a command (--name … -- CMD) and "
		    "handlers do not go together");
	if (!argv[0])
		return es_fail(err, ES_USAGE, "--name wants -- CMD behind it");
	if (handler_command(o->name, argv, &h, err) < 0) {
		err->code = ES_USAGE;
		return es_err_at(err, "--name");
	}
	if (handler_partition_by(&h, o->by, err) < 0 ||
	    query_flags_end(&o->query, err) < 0 ||
	    app_add(&o->app, APP_REACTOR, &h, err) < 0) {
		handler_free(&h);
		return -1;
	}
	o->run.deliver = &o->query;
	return 0;
}

static void tell_finding(void *ctx, bool error, const char *text)
{
	struct options *o = ctx;

	o->faulty |= error;
	if (error || !o->cli->quiet)
		cli_finding(o->cli, text);
}

static int parse(struct cli *cli, struct options *o, struct es_err *err)
{
	struct vet_catalog with;
	size_t i;
	int id, n;

	while ((id = cli_next(cli, err)) != CLI_END) {
		if (id == CLI_DONE || id == CLI_ERROR)
			return id == CLI_DONE ? 1 : -1;
		if (cli_ended(cli) && o->name)
			break;
		if (flag(cli, id, o, err) < 0)
			return -1;
	}
	if (o->name)
		return command(o, cli_rest(cli, &n), err);
	if (o->queried || o->by)
		return es_fail(err, ES_USAGE,
		    "query flags and --by go with --name NAME … -- CMD");
	if (!o->n_paths)
		return es_fail(err, ES_USAGE, "an app or a handler is missing");
	if (o->catalog && !o->check)
		return es_fail(err, ES_USAGE, "-m: only with --check");
	with = (struct vet_catalog){o->catalog,
	    cli->store_given ? cli->store : NULL};
	if (o->check)
		return vet(o->paths, o->n_paths, 0, &with, tell_finding, o,
		    err);
	for (i = 0; i < o->n_paths; i++)
		if (app_load(&o->app, o->paths[i], err) < 0)
			return -1;
	return 0;
}

static int run(const struct cli *cli, struct options *o, struct es_err *err)
{
	struct sigaction act = {.sa_handler = on_signal};
	struct runner *r;
	int status;

	sigemptyset(&act.sa_mask);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (runner_open(cli->store, &o->app, &o->run, &r, err) < 0)
		return cli_error(cli, err);
	if (runner_run(r, err) < 0)
		status = cli_error(cli, err);
	else if (stop || (status = runner_status(r, err)) < 0)
		status = stop ? ES_OK : cli_error(cli, err);
	runner_close(r);
	return status;
}

int main(int argc, char **argv)
{
	struct options o = {.bounds = QUERY_BOUNDS_ALL};
	struct es_err err = {0};
	struct cli cli;
	int r, status = ES_OK;

	cli_begin(&cli, &program, argc, argv);
	o.cli = &cli;
	o.run.say = say;
	o.run.ctx = &cli;
	o.run.stop = &stop;
	o.paths = calloc((size_t)argc + 1, sizeof *o.paths);
	r = o.paths ? parse(&cli, &o, &err) : es_fail_nomem(&err);
	if (r < 0)
		status = cli_error(&cli, &err);
	else if (r == 0 && o.check)
		status = o.faulty ? ES_FAILED : ES_OK;
	else if (r == 0)
		status = run(&cli, &o, &err);
	free(o.paths);
	app_free(&o.app);
	query_free(&o.query);
	return cli_close(&cli, status);
}
