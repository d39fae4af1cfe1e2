/* es-group: look at consumer groups, and stop, start, retry, skip, redefine. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "groupreport.h"
#include "runner.h"

struct options {
	const char *verb, *name, *handler, *by;
	bool json, queried, partition, from_given;
	struct query query;
	struct query_bounds bounds;
	struct runner_options from;
	char **command;
};

static const char *const synopsis[] = {
	"list [--json]",
	"show NAME [--json]",
	"start|stop|adopt NAME",
	"retry|skip NAME [-p NAME=VALUE]...",
	"redefine NAME HANDLER",
	"redefine NAME [QUERY-FLAGS] [--by NAME[,NAME]] [--from WHERE] "
	    "-- CMD [ARG...]",
	NULL
};

static const int flags[] = {
	CLI_JSON, CLI_PARTITION, CLI_TYPE, CLI_KEY, CLI_TAG, CLI_OR, CLI_KIND,
	CLI_BY, CLI_FROM, 0
};

static const struct cli_help help[] = {
	{CLI_PARTITION, NULL, "the failing partition that is meant (repeat "
	    "for each of its names)"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-group",
	.synopsis = synopsis,
	.summary = "Show consumer groups, and stop, start, retry, skip, "
	    "redefine or adopt them.",
	.examples =
	    "  es-group list                    # state, lag, what is parked\n"
	    "  es-group show receipts           # its failing partitions, why\n"
	    "  es-group retry receipts          # all that is parked, again\n"
	    "  es-group skip receipts -p donation_id=d1\n"
	    "  es-group list --json | jq 'select(.lag > 100) | .name'\n",
	.see_also = "es-react(1), es-query(1), es-handler(5)",
	.flags = flags,
	.help = help,
};

static const char *const verbs[] = {
	"list", "show", "start", "stop", "adopt", "retry", "skip", "redefine",
	NULL
};

static int operand(const struct cli *cli, struct options *o,
    struct es_err *err)
{
	size_t i;

	if (!o->verb) {
		for (i = 0; verbs[i] && strcmp(verbs[i], cli->arg) != 0; i++)
			;
		o->verb = verbs[i];
		return verbs[i] ? 0 : es_fail(err, ES_USAGE, "\"%s\" is none "
		    "of list, show, start, stop, adopt, retry, skip, redefine",
		    cli->arg);
	}
	if (!o->name && strcmp(o->verb, "list") != 0)
		o->name = cli->arg;
	else if (!o->handler && strcmp(o->verb, "redefine") == 0)
		o->handler = cli->arg;
	else
		return es_fail(err, ES_USAGE, "\"%s\" is too much", cli->arg);
	return 0;
}

static bool is_verb(const struct options *o, const char *a, const char *b)
{
	return strcmp(o->verb, a) == 0 || strcmp(o->verb, b) == 0;
}

/* A flag that a verb does not know must not look as if it had been heeded. */
static int check_flags(const struct options *o, struct es_err *err)
{
	bool redefine = strcmp(o->verb, "redefine") == 0;
	const char *fault = NULL;

	if (o->json && !is_verb(o, "list", "show"))
		fault = "--json goes with list and show";
	else if (o->partition && !redefine && !is_verb(o, "retry", "skip"))
		fault = "-p goes with retry, skip and redefine";
	else if ((o->queried || o->by || o->from_given) && !redefine)
		fault = "query flags, --by and --from go with redefine";
	else if (o->command && !redefine)
		fault = "-- CMD goes with redefine";
	return fault ? es_fail(err, ES_USAGE, "%s: %s", o->verb, fault) : 0;
}

static int parse(struct cli *cli, struct options *o, struct es_err *err)
{
	int id, n;

	while ((id = cli_next(cli, err)) != CLI_END) {
		int r = 0;

		if (id == CLI_DONE || id == CLI_ERROR)
			return id == CLI_DONE ? 1 : -1;
		if (cli_ended(cli)) {
			o->command = cli_rest(cli, &n);
			break;
		}
		if (id == CLI_OPERAND)
			r = operand(cli, o, err);
		else if (id == CLI_JSON)
			o->json = true;
		else if (id == CLI_BY)
			o->by = cli->arg;
		else if (id == CLI_FROM) {
			r = runner_parse_from(cli->arg, &o->from, err);
			o->from_given = true;
		} else {
			r = query_flag(&o->query, &o->bounds, id, cli->arg,
			    err);
			if (id == CLI_PARTITION)
				o->partition = true;
			else
				o->queried = true;
		}
		if (r < 0)
			return -1;
	}
	if (!o->verb)
		return es_fail(err, ES_USAGE, "list, show, start, stop, "
		    "adopt, retry, skip or redefine?");
	if (!o->name && strcmp(o->verb, "list") != 0)
		return es_fail(err, ES_USAGE, "%s: which group?", o->verb);
	return check_flags(o, err);
}

/* ---- list and show ---- */

static int report(struct groups *g, const struct options *o,
    struct es_err *err)
{
	struct buf out = {0};
	int r = o->name ? groupreport_show(g, o->name, o->json, &out, err) :
	    groupreport_list(g, o->json, &out, err);

	if (r == 0)
		r = buf_check(&out, err);
	if (r == 0)
		r = cli_write(out.p ? out.p : "", out.n, err);
	buf_free(&out);
	return r;
}

/* ---- what changes a group ---- */

/* The failing partition that -p names, or the only one there is. */
static char *which(struct groups *g, const struct options *o,
    struct es_err *err)
{
	const struct query_item *item = o->query.n ? o->query.items : NULL;

	return groupreport_partition(g, o->name, item ? item->partition :
	    NULL, item ? item->n_partition : 0, err);
}

static int retry(struct groups *g, const struct options *o,
    struct es_err *err)
{
	char *partition = NULL;
	int64_t n;
	int r;

	if (o->query.n && !(partition = which(g, o, err)))
		return -1;
	r = group_retry(g, o->name, partition, &n, err);
	if (r == 0 && n == 0)
		r = es_fail(err, ES_FAILED, "nothing of group %s is parked",
		    o->name);
	free(partition);
	return r;
}

static int skip(struct groups *g, const struct options *o, struct es_err *err)
{
	char *partition = which(g, o, err);
	int r = partition ? group_skip(g, o->name, partition, err) : -1;

	free(partition);
	return r;
}

static int start(struct groups *g, const struct group_row *row,
    struct es_err *err)
{
	if (row->held)
		return es_fail(err, ES_FAILED, "group %s is held back since a "
		    "new epoch has begun: let it go on with es-group adopt %s",
		    row->name, row->name);
	return row->stopped ? group_start(g, row->name, err) : 0;
}

static int adopt(struct groups *g, const struct group_row *row,
    struct es_err *err)
{
	if (row->held)
		return group_adopt(g, row->name, err);
	return !row->stopped ? 0 : es_fail(err, ES_FAILED, "group %s is "
	    "stopped, and not held back: start it with es-group start %s",
	    row->name, row->name);
}

static int change(struct store *s, struct groups *g, const struct options *o,
    struct span definition, struct es_err *err)
{
	struct group_row row;
	int r;

	if (store_begin(s, err) < 0)
		return -1;
	r = group_load(g, o->name, &row, err);
	if (r == 0)
		r = es_fail(err, ES_FAILED, "%s: there is no group %s",
		    store_path(s), o->name);
	else if (r > 0 && strcmp(o->verb, "start") == 0)
		r = start(g, &row, err);
	else if (r > 0 && strcmp(o->verb, "adopt") == 0)
		r = adopt(g, &row, err);
	else if (r > 0 && strcmp(o->verb, "stop") == 0)
		r = row.stopped ? 0 : group_stop(g, o->name, NULL, 0, NULL,
		    err);
	else if (r > 0 && strcmp(o->verb, "retry") == 0)
		r = retry(g, o, err);
	else if (r > 0 && strcmp(o->verb, "skip") == 0)
		r = skip(g, o, err);
	else if (r > 0)
		r = group_redefine(g, o->name, definition, err);
	group_row_free(&row);
	if (r == 0)
		return store_commit(s, err);
	store_rollback(s);
	return -1;
}

/* ---- redefine ---- */

static int define(struct options *o, struct buf *out, struct es_err *err)
{
	struct handler h;
	struct jqrun *jq = NULL;
	int r = -1;

	if ((o->handler != NULL) == (o->command != NULL))
		return es_fail(err, ES_USAGE, "redefine: a HANDLER, or -- CMD");
	if (o->handler && (o->queried || o->partition || o->by))
		return es_fail(err, ES_USAGE,
		    "query flags and --by go with -- CMD");
	if (o->handler ? handler_load(o->handler, &h, err) < 0 :
	    handler_command(o->name, o->command, &h, err) < 0)
		return -1;
	if (handler_start(&h, NULL, &jq, err) == 0 &&
	    handler_partition_by(&h, o->by, err) == 0 &&
	    (!o->command || query_flags_end(&o->query, err) == 0))
		r = runner_definition(&h, o->command ? &o->query : NULL,
		    &o->from, out, err);
	jqrun_close(jq);
	handler_free(&h);
	return r;
}

static int run(const struct cli *cli, struct options *o, struct es_err *err)
{
	bool read = strcmp(o->verb, "list") == 0 ||
	    strcmp(o->verb, "show") == 0;
	struct store *s = NULL;
	struct groups *g = NULL;
	struct buf definition = {0};
	int r = 0;

	/* The jq worker has to be there before the store is opened. */
	if (strcmp(o->verb, "redefine") == 0)
		r = define(o, &definition, err);
	if (r == 0)
		r = store_open(cli->store, !read, &s, err);
	if (r == 0)
		r = groups_open(s, &g, err);
	if (r == 0)
		r = read ? report(g, o, err) :
		    change(s, g, o, buf_span(&definition), err);
	groups_close(g);
	store_close(s);
	buf_free(&definition);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {.bounds = QUERY_BOUNDS_ALL};
	struct es_err err = {0};
	struct cli cli;
	int r, status = ES_OK;

	cli_begin(&cli, &program, argc, argv);
	r = parse(&cli, &o, &err);
	if (r == 0)
		r = run(&cli, &o, &err);
	if (r < 0)
		status = cli_error(&cli, &err);
	query_free(&o.query);
	return cli_close(&cli, status);
}
