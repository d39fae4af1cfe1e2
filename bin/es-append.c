/*
 * es-append: append messages; es-append(1).
 *
 * Input is gathered before the store is locked: all of it, or with --each what
 * is there at the moment, or with --batch so many lines.  What was gathered is
 * one transaction, and what that stored is printed after its commit.  Only
 * --import locks first: nobody else has anything to do in an empty store.
 */
#include <signal.h>
#include <string.h>

#include "batchoptions.h"

static const char *const synopsis[] = {
	"[-q] [--each | --batch N] [--skip-bad FILE] [--dry-run] "
	    "[--guard FILE] [FILE...] [--unless QUERY-FLAGS]",
	"[-q] -t TYPE [NAME=STRING | NAME:=JSON]... [--id ID] [--dry-run] "
	    "[--unless QUERY-FLAGS]",
	"[-q] --import [--dry-run] [FILE...]",
	NULL
};

static const int flags[] = {
	CLI_TYPE, CLI_ID, CLI_KIND, CLI_TAG, CLI_META, CLI_CAUSE, CLI_EACH,
	CLI_BATCH, CLI_SKIP_BAD, CLI_IMPORT, CLI_DRY_RUN, CLI_STRICT, CLI_GUARD,
	CLI_UNLESS, CLI_KEY, CLI_PARTITION, CLI_OR, CLI_LAST, CLI_AFTER,
	CLI_BEFORE, CLI_SINCE, CLI_UNTIL, CLI_CORRELATION, CLI_LIMIT,
	CLI_TAIL, CLI_REVERSE, 0
};

static const struct cli_help help[] = {
	{CLI_TYPE, "TYPE", "append one message of this type, made of the "
	    "words; no input is read"},
	{CLI_ID, "ID", "its id (with -t); behind --unless: the message with "
	    "this id"},
	{CLI_KIND, "KIND", "event or command, where a message does not say"},
	{CLI_TAG, "TAG", "add this tag (repeat)"},
	{CLI_GUARD, "FILE", "only if nothing came that es-query --guard FILE "
	    "would have printed"},
	{CLI_KEY, NULL, "behind --unless: messages found by this name and "
	    "value (repeat: and)"},
	{CLI_PARTITION, NULL, "behind --unless: what reads this partition"},
	{CLI_OR, NULL, "behind --unless: begin the next item"},
	{CLI_LAST, NULL, "behind --unless: allowed, and no difference"},
	{CLI_AFTER, NULL, "behind --unless: only what came after this "
	    "position"},
	{CLI_BEFORE, NULL, "behind --unless: only what came before it"},
	{CLI_SINCE, NULL, "behind --unless: only what was stored at this "
	    "time or later: RFC 3339, or how long ago (90s, 5m, 2d)"},
	{CLI_UNTIL, NULL, "behind --unless: only what was stored at this "
	    "time or earlier"},
	{CLI_CORRELATION, NULL, "behind --unless: messages with this "
	    "correlation_id"},
	{CLI_LIMIT, NULL, "behind --unless: allowed, and no difference"},
	{CLI_TAIL, NULL, "behind --unless: allowed, and no difference"},
	{CLI_REVERSE, NULL, "behind --unless: allowed, and no difference"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-append",
	.synopsis = synopsis,
	.summary = "Append messages, lines of JSON or one that is told by "
	    "words, and print them as they are stored.",
	.examples =
	    "  es-append -t loans.book_lent book_id=b1 member_id=m7 "
	    "days:=14\n"
	    "  es-append <messages.ndjson\n"
	    "  es-append --id lend-b1-1 -t loans.book_lent book_id=b1\n"
	    "  es-append -t books.added book_id=b1 --unless -k book_id=b1\n"
	    "  es-query --guard g -k book_id=b1 | ./decide | es-append "
	    "--guard g\n",
	.see_also = "es-query(1), es-init(1), es-message(5), es(7)",
	.flags = flags,
	.help = help,
};

struct job {
	struct batch_options *o;
	struct store *store;
	struct intake in;
	struct condition condition;
	struct refused refused;
	struct batch batch;
	/* all that is committed */
	size_t skipped;
	const char *name;		/* place of the last line */
	int64_t line;			/* 0: none */
	int64_t last;			/* highest position given or found */
};

/* ---- the condition ---- */

/* Read only when there is something to append, or the input has ended. */
static int load_condition(struct job *j, struct es_err *err)
{
	struct batch_options *o = j->o;

	if (j->condition.set)
		return 0;
	if (o->guard)
		return condition_read(&j->condition, o->guard, j->store, err);
	return !o->unless ? 0 : condition_query(&j->condition, &o->query,
	    &o->bounds, err);
}

/* ---- what is said of it ---- */

/* Only what counts, of what was gathered. */
static int print_lines(struct batch *b, struct es_err *err)
{
	struct span all;

	return spool_end(&b->out, &all, err) < 0 ||
	    cli_write(all.p, b->out_n, err) < 0 || cli_flush(err) < 0 ? -1 : 0;
}

static int print_reasons(struct job *j, struct es_err *err)
{
	struct batch *b = &j->batch;
	struct span all;
	size_t at = 0;

	if (b->reasons_n == 0)
		return 0;
	if (spool_end(&b->reasons, &all, err) < 0)
		return -1;
	for (; at < b->reasons_n; at += strlen(all.p + at) + 1)
		cli_warn(&j->o->cli, "%s", all.p + at);
	return 0;
}

/* After the commit, and so after everything that could undo it. */
static int acknowledge(struct job *j, struct es_err *err)
{
	struct batch *b = &j->batch;
	struct es_err why;
	int r;

	j->skipped += b->skipped;
	if (b->line) {
		j->name = b->name;
		j->line = b->line;
	}
	if (b->last > j->last)
		j->last = b->last;
	if (j->o->cli.verbose)
		cli_warn(&j->o->cli, "%s: %zu %sstored, up to position %lld",
		    store_path(j->store), b->fresh,
		    j->o->dry ? "would be " : "", (long long)j->last);
	r = print_reasons(j, err);
	if (print_lines(b, &why) == 0)
		return r;
	return j->o->dry ? es_fail(err, ES_FAILED, "%s", why.text) :
	    es_fail(err, ES_FAILED, "%s (stored up to position %lld)",
	    why.text, (long long)j->last);
}

/* A fault behind what is stored says how far that goes. */
static int tell_progress(struct job *j, struct es_err *err)
{
	char text[sizeof err->text];

	if (!j->line || j->o->dry || strstr(err->text, " (stored up to "))
		return -1;
	memcpy(text, err->text, sizeof text);
	return es_fail(err, err->code, "%s (stored up to %s:%lld, position "
	    "%lld)", text, j->name, (long long)j->line, (long long)j->last);
}

/* ---- storing ---- */

/* One transaction; r is what has become of its lines so far. */
static int finish(struct job *j, int r, struct es_err *err)
{
	struct es_err other;

	if (r < 0 && !j->batch.keep && !j->o->dry) {
		batch_drop(&j->batch);
		return -1;
	}
	if (batch_end(&j->batch, r < 0 ? &other : err) < 0)
		return -1;
	if (acknowledge(j, &other) < 0) {
		*err = other;
		return -1;
	}
	return r;
}

static int store_group(struct job *j, struct es_err *err)
{
	struct batch *b = &j->batch;

	if (batch_begin(b, err) < 0)
		return -1;
	return finish(j, j->o->form.type.p ? batch_form(b, err) :
	    batch_lines(b, &j->in, 0, err), err);
}

/* As if each batch were committed; the last may be smaller at the end. */
static int try_group(struct job *j, bool ended, struct es_err *err)
{
	int64_t step = j->o->lines, left = j->in.count;
	int r = 0;

	if (batch_begin(&j->batch, err) < 0)
		return -1;
	if (!step)
		step = left;
	while (r == 0 && (left >= step || (ended && left > 0))) {
		r = batch_lines(&j->batch, &j->in, step, err);
		left -= step;
	}
	return finish(j, r, err);
}

static int append_lines(struct job *j, struct es_err *err)
{
	struct batch_options *o = j->o;
	int64_t want = o->dry ? INTAKE_ALL : o->each ? INTAKE_READY : o->lines;
	bool part = o->each || (o->dry && o->lines);
	struct es_err behind;
	int more, r;

	do {
		more = intake_gather(&j->in, want, &behind);
		if (more < 0 && (!part || j->in.count == 0))
			break;
		if (load_condition(j, err) < 0)
			return -1;
		r = j->in.count == 0 ? 0 : o->dry ?
		    try_group(j, more == 0, err) : store_group(j, err);
		if (r < 0)
			return -1;
	} while (more > 0);
	if (more < 0)
		*err = behind;
	return more;
}

/* All in one transaction, however it comes. */
static int import_lines(struct job *j, struct es_err *err)
{
	struct es_err behind;
	int more = intake_gather(&j->in, INTAKE_READY, &behind), r;

	if (batch_begin(&j->batch, err) < 0)
		return -1;
	while ((r = batch_lines(&j->batch, &j->in, 0, err)) == 0 && more > 0)
		more = intake_gather(&j->in, INTAKE_READY, &behind);
	if (r == 0 && more < 0) {
		*err = behind;
		r = -1;
	}
	if (r < 0)
		batch_drop(&j->batch);
	return r < 0 ? -1 : finish(j, 0, err);
}

static int open_refused(struct job *j, struct es_err *err)
{
	struct batch_options *o = j->o;
	bool same;
	int i;

	if (!o->bad)
		return 0;
	j->batch.refused = &j->refused;
	if (o->dry)
		return 0;
	if (refused_open(&j->refused, o->bad, err) < 0)
		return -1;
	same = o->n_files == 0 && refused_is(&j->refused, NULL);
	for (i = 0; i < o->n_files && !same; i++)
		same = refused_is(&j->refused, o->files[i]);
	return !same ? 0 : es_fail(err, ES_FAILED, "%s: is input, and cannot "
	    "take the lines that are refused, too", o->bad);
}

static int begin(struct job *j, struct es_err *err)
{
	struct batch_options *o = j->o;

	if (store_open(o->cli.store, true, &j->store, err) < 0)
		return -1;
	store_set_strict(j->store, o->strict);
	j->batch = (struct batch){.store = j->store,
	    .condition = &j->condition, .form = &o->form, .keep = o->each,
	    .import = o->import, .dry = o->dry, .quiet = o->cli.quiet};
	intake_init(&j->in, o->files, o->n_files, MESSAGE_LINE_MAX,
	    o->bad != NULL);
	if (o->unless && find_check_names(j->store, &o->query, true, err) < 0)
		return -1;
	return open_refused(j, err);
}

static int run(struct job *j, struct es_err *err)
{
	struct batch_options *o = j->o;
	int r;

	if (begin(j, err) < 0)
		return -1;
	if (o->form.type.p)
		return load_condition(j, err) < 0 ? -1 : store_group(j, err);
	r = o->import ? import_lines(j, err) : append_lines(j, err);
	if (r < 0)
		return tell_progress(j, err);
	return !j->skipped ? 0 : es_fail(err, ES_FAILED, "%zu line%s refused "
	    "%s %s", j->skipped, j->skipped == 1 ? " was" : "s were",
	    o->dry ? "and would be kept in" : "and kept in", o->bad);
}

static void release(struct job *j)
{
	struct batch_options *o = j->o;

	intake_free(&j->in);
	batch_free(&j->batch);
	refused_close(&j->refused);
	condition_free(&j->condition);
	store_close(j->store);
	batch_options_free(o);
}

int main(int argc, char **argv)
{
	struct batch_options o;
	struct job j = {.o = &o};
	struct es_err err = {0};
	int status = ES_OK;
	int r = batch_options(&o, &program, argc, argv, &err);

	/* The reader may be gone: then there is still something to say. */
	signal(SIGPIPE, SIG_IGN);
	if (r == 0)
		r = run(&j, &err);
	if (r < 0)
		status = cli_error(&o.cli, &err);
	release(&j);
	return cli_close(&o.cli, status);
}
