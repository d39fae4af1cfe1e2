/*
 * es-diff: where two versions of a decider differ over the stored commands;
 * es-diff(1).
 *
 * Both handlers are compiled and their workers forked before the store is
 * opened.
 */
#include <stdlib.h>
#include <string.h>

#include "replay.h"

static const char *const synopsis[] = {
	"[-qv] [--json] [QUERY-FLAGS] OLD NEW",
	NULL
};

static const int flags[] = {
	CLI_TYPE, CLI_KEY, CLI_TAG, CLI_PARTITION, CLI_OR, CLI_LAST,
	CLI_AFTER, CLI_BEFORE, CLI_LIMIT, CLI_TAIL, CLI_SINCE, CLI_UNTIL,
	CLI_ID, CLI_CORRELATION, CLI_JSON, CLI_DEADLINE, 0
};

static const struct cli_help help[] = {
	{CLI_QUIET, NULL, "print nothing: the exit status tells"},
	{CLI_VERBOSE, NULL, "say at the end how many were compared"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-diff",
	.synopsis = synopsis,
	.summary = "Decide the stored commands once more by two versions of a "
	    "decider, each as of\nwhat was read for it then, and print where "
	    "they differ.",
	.examples =
	    "  es-diff loans.jq loans-new.jq\n"
	    "  git show HEAD:deciders/loans.jq > old.jq && "
	    "es-diff old.jq deciders/loans.jq\n"
	    "  es-diff -t loans.lend_book --since 30d old.jq new.jq\n"
	    "  es-diff --json old.jq new.jq | jq -r .id\n",
	.see_also = "es-decide(1), es-handler(5), es(7)",
	.flags = flags,
	.help = help,
};

struct options {
	struct cli cli;
	struct query query;
	struct query_bounds bounds;
	const char *paths[REPLAY_SIDES];
	int n;
	bool json;
	int64_t deadline;		/* ms, 0: not given */
};

struct job {
	struct options *o;
	struct handler handlers[REPLAY_SIDES];
	struct replay_version versions[REPLAY_SIDES];
	struct store *store;
	struct replay *replay;
	struct cli_progress progress;
	bool colour;
	struct buf out;
	int64_t done, differ, failed;
};

/* ---- options ---- */

static int take_option(struct options *o, int id, struct es_err *err)
{
	int r;

	switch (id) {
	case CLI_OPERAND:
		if (o->n == REPLAY_SIDES)
			return es_fail(err, ES_USAGE, "\"%s\" is too much",
			    o->cli.arg);
		o->paths[o->n++] = o->cli.arg;
		return 0;
	case CLI_JSON:
		o->json = true;
		return 0;
	case CLI_DEADLINE:
		if (cli_duration(&o->cli, &o->deadline, err) < 0)
			return -1;
		return o->deadline > 0 && o->deadline <= INT32_MAX / 2 ? 0 :
		    es_fail(err, ES_USAGE, "--deadline: out of range");
	default:
		r = query_flag(&o->query, &o->bounds, id, o->cli.arg, err);
		return r < 0 ? -1 : 0;
	}
}

static int parse_options(struct options *o, int argc, char **argv,
    struct es_err *err)
{
	int id;

	o->bounds = (struct query_bounds)QUERY_BOUNDS_ALL;
	cli_begin(&o->cli, &program, argc, argv);
	while ((id = cli_next(&o->cli, err)) != CLI_END) {
		if (id == CLI_DONE || id == CLI_ERROR)
			return id == CLI_DONE ? 1 : -1;
		if (take_option(o, id, err) < 0)
			return -1;
	}
	if (o->n < REPLAY_SIDES)
		return es_fail(err, ES_USAGE, "%s is missing",
		    o->n == 0 ? "OLD" : "NEW");
	return query_flags_end(&o->query, err);
}

/* ---- the work ---- */

static int put_difference(struct job *j, const struct replayed *d,
    struct es_err *err)
{
	buf_truncate(&j->out, 0);
	if (j->o->json)
		replay_print_json(d, &j->out);
	else {
		if (j->differ == 1)
			buf_addf(&j->out, "--- %s\n+++ %s\n",
			    j->o->paths[REPLAY_OLD],
			    j->o->paths[REPLAY_NEW]);
		if (replay_print(d, j->colour, &j->out, err) < 0)
			return -1;
	}
	cli_progress_clear(&j->progress);
	return buf_check(&j->out, err) < 0 ? -1 :
	    cli_write(j->out.p, j->out.n, err);
}

static void say_how_many(const struct job *j)
{
	int64_t erased = replay_erased(j->replay);
	char more[96] = "";
	int n = 0;

	if (j->failed)
		n = snprintf(more, sizeof more, ", %lld fail in both",
		    (long long)j->failed);
	if (erased)
		snprintf(more + n, sizeof more - (size_t)n, ", %lld erased "
		    "and left out", (long long)erased);
	cli_warn(&j->o->cli, "%lld command%s replayed, %lld differ%s",
	    (long long)j->done, j->done == 1 ? "" : "s",
	    (long long)j->differ, more);
}

static int replay_all(struct job *j, struct es_err *err)
{
	bool quiet = j->o->cli.quiet;
	int64_t total = replay_total(j->replay);
	struct replayed d;
	int r = 0;

	/* Who wants only the answer has it with the first difference. */
	while (!(quiet && j->differ) &&
	    (r = replay_next(j->replay, &d, err)) > 0) {
		cli_progress(&j->progress, "replaying", ++j->done, total);
		j->differ += d.differ;
		j->failed += !d.differ &&
		    d.answers[REPLAY_OLD]->kind == REPLAY_FAULT;
		if (d.differ && !quiet && put_difference(j, &d, err) < 0)
			return -1;
	}
	return r < 0 ? -1 : 0;
}

static int load_handler(struct job *j, int side, struct es_err *err)
{
	struct jqrun_limits limits = JQRUN_LIMITS_DEFAULT;
	struct handler *h = &j->handlers[side];
	struct replay_version *v = &j->versions[side];

	if (handler_load(j->o->paths[side], h, err) < 0)
		return -1;
	if (h->kind != HANDLER_JQ)
		return es_fail(err, ES_FAILED, "%s: not a jq handler, and "
		    "es-diff runs no other", h->path);
	if (!(h->ops & SCAN_DECIDE))
		return es_fail(err, ES_FAILED, "%s: it decides nothing: "
		    "there is no \"def decide($c):\"", h->path);
	v->handler = h;
	if (handler_start(h, &limits, &v->jqrun, err) < 0)
		return -1;
	if (j->o->deadline)
		jqrun_set_deadline(v->jqrun, (int)j->o->deadline);
	return 0;
}

/* What a version is called says nothing about what it decides. */
static int name_alike(struct job *j, struct es_err *err)
{
	char *name = strdup(j->handlers[REPLAY_OLD].name);

	if (!name)
		return es_fail_nomem(err);
	free(j->handlers[REPLAY_NEW].name);
	j->handlers[REPLAY_NEW].name = name;
	return 0;
}

static int run(struct job *j, struct es_err *err)
{
	struct options *o = j->o;

	if (load_handler(j, REPLAY_OLD, err) < 0 ||
	    load_handler(j, REPLAY_NEW, err) < 0 ||
	    name_alike(j, err) < 0 ||
	    store_open(o->cli.store, false, &j->store, err) < 0 ||
	    replay_open(j->store, j->versions, &j->replay, err) < 0 ||
	    replay_select(j->replay, &o->query, &o->bounds, err) < 0 ||
	    replay_all(j, err) < 0)
		return -1;
	cli_progress_clear(&j->progress);
	if (o->cli.verbose)
		say_how_many(j);
	return 0;
}

static void release(struct job *j)
{
	int i;

	replay_close(j->replay);
	store_close(j->store);
	for (i = 0; i < REPLAY_SIDES; i++) {
		jqrun_close(j->versions[i].jqrun);
		handler_free(&j->handlers[i]);
	}
	query_free(&j->o->query);
	buf_free(&j->out);
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct job j = {.o = &o};
	struct es_err err = {0};
	int status = ES_OK;
	int r = parse_options(&o, argc, argv, &err);

	if (r == 0) {
		cli_progress_begin(&j.progress, &o.cli);
		j.colour = cli_colour(stdout);
		r = run(&j, &err);
		cli_progress_clear(&j.progress);
	}
	if (r < 0)
		status = cli_error(&o.cli, &err);
	else if (j.differ)
		status = ES_REJECTED;
	release(&j);
	return cli_close(&o.cli, status);
}
