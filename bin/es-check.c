/* es-check: whether a store is what it should be; what of it can be read. */
#include "check.h"
#include "cli.h"
#include "json.h"
#include "salvage.h"

struct options {
	bool json, salvage;
};

/* What the library's functions are told to talk to. */
struct teller {
	const struct cli *cli;
	const struct options *options;
	struct cli_progress progress;
	struct buf line;
};

static const char *const synopsis[] = {
	"[--json]",
	"--salvage",
	NULL
};

static const int flags[] = {CLI_JSON, CLI_SALVAGE, 0};

static const struct cli_program program = {
	.name = "es-check",
	.synopsis = synopsis,
	.summary = "Check a store, or print what can be read of a damaged "
	    "one.",
	.examples =
	    "  es-check                         # is all as it should be?\n"
	    "  es-check --json | jq 'select(.table == \"message\")'\n"
	    "  es-check --salvage > saved       # every message that is whole\n"
	    "  es-check --salvage -s broken.db | es-append --import -s new.db\n",
	.see_also = "es-init(1), es-append(1), es-store(5)",
	.flags = flags,
};

static int parse(struct cli *cli, struct options *o, struct es_err *err)
{
	int id;

	while ((id = cli_next(cli, err)) != CLI_END) {
		if (id == CLI_DONE || id == CLI_ERROR)
			return id == CLI_DONE ? 1 : -1;
		if (id == CLI_JSON)
			o->json = true;
		else if (id == CLI_SALVAGE)
			o->salvage = true;
		else
			return es_fail(err, ES_USAGE, "\"%s\" is too much",
			    cli->arg);
	}
	return o->json && o->salvage ? es_fail(err, ES_USAGE, "--salvage "
	    "prints messages: --json does not go with it") : 0;
}

static void on_progress(void *ctx, const char *phase, int64_t done,
    int64_t total)
{
	struct teller *t = ctx;

	cli_progress(&t->progress, phase, done, total);
}

/* ---- the report ---- */

static void member(struct buf *b, const char *name, const char *value)
{
	buf_addf(b, "%s\"%s\":", b->n > 1 ? "," : "", name);
	json_quote(b, value, strlen(value));
}

static int put(struct teller *t, struct es_err *err)
{
	buf_addc(&t->line, '\n');
	cli_progress_clear(&t->progress);
	return buf_check(&t->line, err) < 0 ? -1 :
	    cli_write(t->line.p, t->line.n, err);
}

static int on_finding(void *ctx, const struct check_finding *f,
    struct es_err *err)
{
	struct teller *t = ctx;
	struct buf *b = &t->line;

	buf_truncate(b, 0);
	if (t->options->json) {
		buf_addc(b, '{');
		member(b, "table", f->table);
		if (f->row[0])
			member(b, "row", f->row);
		if (f->position)
			buf_addf(b, ",\"position\":%lld",
			    (long long)f->position);
		member(b, "check", f->what);
		member(b, "expected", f->expected);
		member(b, "found", f->found);
		buf_addc(b, '}');
	} else
		buf_addf(b, "%s%s%s: %s: expected %s, found %s", f->table,
		    f->row[0] ? " " : "", f->row, f->what, f->expected,
		    f->found);
	return put(t, err);
}

static int on_summary(struct teller *t, const struct check_summary *s,
    struct es_err *err)
{
	struct buf *b = &t->line;

	buf_truncate(b, 0);
	if (t->options->json) {
		buf_addc(b, '{');
		member(b, "store", s->store);
		member(b, "epoch", s->epoch);
		buf_addf(b, ",\"format\":%lld,\"messages\":%lld,"
		    "\"findings\":%lld,\"sound\":%s}", (long long)s->format,
		    (long long)s->messages, (long long)s->findings,
		    s->findings ? "false" : "true");
	} else if (t->cli->quiet)
		return 0;
	else if (s->findings)
		buf_addf(b, "%s: damaged: %lld finding%s, %lld message%s read",
		    t->cli->store, (long long)s->findings,
		    s->findings == 1 ? "" : "s", (long long)s->messages,
		    s->messages == 1 ? "" : "s");
	else
		buf_addf(b, "%s: sound: %lld message%s, format %lld",
		    t->cli->store, (long long)s->messages,
		    s->messages == 1 ? "" : "s", (long long)s->format);
	return put(t, err);
}

static int check(struct teller *t, int *status, struct es_err *err)
{
	struct check_listener listener = {on_finding, on_progress, t};
	struct check_summary summary;

	if (check_store(t->cli->store, &listener, &summary, err) < 0)
		return -1;
	if (summary.findings)
		*status = ES_FAILED;
	return on_summary(t, &summary, err);
}

/* ---- salvage ---- */

static int on_line(void *ctx, struct span line, struct es_err *err)
{
	(void)ctx;
	return cli_write(line.p, line.n, err);
}

static void on_lost(void *ctx, const char *text)
{
	struct teller *t = ctx;

	cli_progress_clear(&t->progress);
	cli_warn(t->cli, "%s: %s", t->cli->store, text);
}

static int salvage(struct teller *t, int *status, struct es_err *err)
{
	struct salvage_listener listener = {on_line, on_lost, on_progress, t};
	struct salvage_summary s;

	if (salvage_store(t->cli->store, &listener, &s, err) < 0)
		return -1;
	if (s.lost == 0 && !s.uncertain)
		return 0;
	*status = ES_FAILED;
	cli_progress_clear(&t->progress);
	if (s.lost)
		cli_warn(t->cli, "%s: %lld of %lld messages %s lost: see "
		    "es-check(1) for what to do", t->cli->store,
		    (long long)s.lost, (long long)s.lost + (long long)s.printed,
		    s.lost == 1 ? "is" : "are");
	return 0;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct es_err err = {0};
	struct cli cli;
	struct teller t = {.cli = &cli, .options = &o};
	int r, status = ES_OK;

	cli_begin(&cli, &program, argc, argv);
	r = parse(&cli, &o, &err);
	if (r == 0) {
		cli_progress_begin(&t.progress, &cli);
		r = (o.salvage ? salvage : check)(&t, &status, &err);
		cli_progress_clear(&t.progress);
	}
	if (r < 0)
		status = cli_error(&cli, &err);
	buf_free(&t.line);
	return cli_close(&cli, status);
}
