/*
 * es-copy: a consistent copy of a store, or of its beginning; es-copy(1).
 */
#include <signal.h>
#include <string.h>

#include "cli.h"
#include "copy.h"
#include "query.h"

static const char *const synopsis[] = {
	"[-qv] [-s FILE] [--as-of POS|TIME] [--force] DEST",
	NULL
};

static const int flags[] = {CLI_AS_OF, CLI_FORCE, 0};

static const struct cli_help help[] = {
	{CLI_AS_OF, NULL, "only up to this position, or to this time: RFC "
	    "3339, or how long ago (90s, 5m, 2d)"},
	{CLI_FORCE, NULL, "replace a store that is there"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-copy",
	.synopsis = synopsis,
	.summary = "Copy a store, whole or as it was, while programs go on "
	    "writing to it.",
	.examples =
	    "  es-copy backup.db                 # a backup, of one moment\n"
	    "  es-copy --force backup.db         # over the last one\n"
	    "  es-copy --as-of 1200 before.db    # as the log was then\n"
	    "  es-copy --as-of 2d try.db && es-query -s try.db --tail 3\n",
	.see_also = "es-check(1), es-group(1), es-init(1), es-store(5)",
	.flags = flags,
	.help = help,
};

struct options {
	struct cli cli;
	const char *to;
	struct copy_options copy;
	struct cli_progress progress;
};

static volatile sig_atomic_t stopped_by;

static void stop(int signal)
{
	stopped_by = signal;
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
		if (id == CLI_FORCE)
			o->copy.force = true;
		else if (id == CLI_AS_OF) {
			if (query_as_of(o->cli.arg, &o->copy.as_of,
			    &o->copy.until, err) < 0)
				return -1;
		} else if (o->to)
			return es_fail(err, ES_USAGE, "%.200s: more than one "
			    "DEST", o->cli.arg);
		else
			o->to = o->cli.arg;
	}
	return o->to && *o->to ? 0 : es_fail(err, ES_USAGE, "where to?");
}

static bool progress(void *ctx, int64_t done, int64_t total)
{
	struct options *o = ctx;

	cli_progress(&o->progress, o->to, done, total);
	return !stopped_by;
}

/* An interrupted copy is taken away before the program ends as usual. */
static void catch_signals(void)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction act = {.sa_handler = stop}, old;

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			sigaction(signals[i], &act, NULL);
}

static int run(struct options *o, struct es_err *err)
{
	int64_t messages;
	int r;

	o->copy.progress = progress;
	o->copy.ctx = o;
	catch_signals();
	cli_progress_begin(&o->progress, &o->cli);
	r = copy_store(o->cli.store, o->to, &o->copy, &messages, err);
	cli_progress_clear(&o->progress);
	if (r == 0 && o->cli.verbose)
		cli_warn(&o->cli, "%s: copied, %lld messages", o->to,
		    (long long)messages);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {.copy.as_of = -1};
	struct es_err err = {0};
	int status = ES_OK;
	int r = parse_options(&o, argc, argv, &err);

	if (r == 0)
		r = run(&o, &err);
	if (r < 0 && stopped_by) {
		signal(stopped_by, SIG_DFL);
		raise(stopped_by);
	}
	if (r < 0)
		status = cli_error(&o.cli, &err);
	return cli_close(&o.cli, status);
}
