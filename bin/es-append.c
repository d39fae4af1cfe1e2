/*
 * es-append: append messages; es-append(1).
 *
 * Input is gathered before the store is locked: all of it, or with --each what
 * is there at the moment.  What was gathered is one transaction, and what that
 * stored is printed after its commit.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "condition.h"
#include "form.h"
#include "intake.h"

static const char *const synopsis[] = {
	"[-q] [--each] [--guard FILE] [FILE...] [--unless QUERY-FLAGS]",
	"[-q] -t TYPE [NAME=STRING | NAME:=JSON]... [--id ID] "
	    "[--unless QUERY-FLAGS]",
	NULL
};

static const int flags[] = {
	CLI_TYPE, CLI_ID, CLI_KIND, CLI_TAG, CLI_META, CLI_CAUSE, CLI_EACH,
	CLI_GUARD, CLI_UNLESS, CLI_KEY, CLI_PARTITION, CLI_OR, CLI_LAST,
	CLI_AFTER, CLI_BEFORE, CLI_SINCE, CLI_UNTIL, CLI_CORRELATION,
	CLI_LIMIT, CLI_TAIL, CLI_REVERSE, 0
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

struct options {
	struct cli cli;
	char **files;
	int n_files;
	struct form form;
	bool each, unless;
	const char *guard;
	struct query query;		/* behind --unless */
	struct query_bounds bounds;
};

struct job {
	struct options *o;
	struct store *store;
	struct intake in;
	struct spool out;		/* what will be acknowledged */
	struct condition condition;
	struct message_scratch scratch;
	struct buf text;
	/* of the open transaction */
	size_t fresh;			/* messages that are new */
	int64_t old;			/* position of one that is not, or 0 */
	int64_t last;			/* last position given or found */
};

/* ---- options ---- */

static int take_unless(struct options *o, int id, struct es_err *err)
{
	if (id == CLI_OPERAND)
		return es_fail(err, ES_USAGE, "%.100s: --unless comes last; "
		    "behind it stand only query flags", o->cli.arg);
	if (id == CLI_META || id == CLI_CAUSE || id == CLI_EACH ||
	    id == CLI_GUARD || id == CLI_UNLESS)
		return es_fail(err, ES_USAGE, "%s: has to stand before "
		    "--unless", cli_flag_name(id));
	return query_flag(&o->query, &o->bounds, id, o->cli.arg, err);
}

static int take_option(struct options *o, int id, struct es_err *err)
{
	int r = form_flag(&o->form, id, o->cli.arg, err);

	if (r <= 0)
		return r;
	switch (id) {
	case CLI_OPERAND:
		o->files[o->n_files++] = o->cli.argv[o->cli.at - 1];
		return 0;
	case CLI_EACH:
		o->each = true;
		return 0;
	case CLI_GUARD:
		o->guard = o->cli.arg;
		return 0;
	case CLI_UNLESS:
		o->unless = true;
		return 0;
	default:
		return es_fail(err, ES_USAGE, "%s: stands only behind "
		    "--unless", cli_flag_name(id));
	}
}

/* With -t the words are attributes, else files. */
static int check_options(struct options *o, struct es_err *err)
{
	int i;

	if (o->unless && o->guard)
		return es_fail(err, ES_USAGE,
		    "--guard and --unless: only one of them");
	if (o->unless && query_flags_end(&o->query, err) < 0)
		return -1;
	if (o->bounds.limit == 0 || o->bounds.tail == 0)
		return es_fail(err, ES_USAGE, "%s: nothing ever matches 0 "
		    "messages", o->bounds.limit ? "--tail" : "--limit");
	if (!o->form.type.p)
		return !o->form.id.p ? 0 : es_fail(err, ES_USAGE,
		    "--id: needs -t; lines have an id of their own");
	if (o->each)
		return es_fail(err, ES_USAGE,
		    "--each: is for lines; with -t there are none");
	for (i = 0; i < o->n_files; i++)
		if (form_word(&o->form, o->files[i], err) < 0)
			return -1;
	return 0;
}

static int parse_options(struct options *o, int argc, char **argv,
    struct es_err *err)
{
	int id, r = 0;

	cli_begin(&o->cli, &program, argc, argv);
	o->bounds = (struct query_bounds)QUERY_BOUNDS_ALL;
	o->files = calloc((size_t)argc + 1, sizeof *o->files);
	if (!o->files)
		return es_fail_nomem(err);
	while (r == 0 && (id = cli_next(&o->cli, err)) != CLI_END) {
		if (id == CLI_DONE)
			return 1;
		if (id == CLI_ERROR)
			return -1;
		r = o->unless ? take_unless(o, id, err) :
		    take_option(o, id, err);
	}
	return r < 0 ? -1 : check_options(o, err);
}

/* ---- the condition ---- */

/* Read only when there is something to append, or the input has ended. */
static int load_condition(struct job *j, struct es_err *err)
{
	struct options *o = j->o;

	if (j->condition.set)
		return 0;
	if (o->guard)
		return condition_read(&j->condition, o->guard, j->store, err);
	return !o->unless ? 0 : condition_query(&j->condition, &o->query,
	    &o->bounds, err);
}

/* A message that is there already is looked up before any condition. */
static int refuse_new(struct job *j, const struct draft *m,
    struct es_err *err)
{
	int64_t position;
	int r;

	if (!j->condition.broken_at)
		return 0;
	r = m->id.p ? store_find_id(j->store, m->id, &position, err) : 0;
	if (r == 0)
		return condition_failed(&j->condition, j->store, err);
	return r < 0 ? -1 : 0;
}

/* ---- storing ---- */

static int append(struct job *j, const struct draft *m, struct es_err *err)
{
	struct appended a;

	if (refuse_new(j, m, err) < 0 ||
	    store_append(j->store, m, &a, err) < 0)
		return -1;
	if (!a.repeated)
		j->fresh++;
	else if (a.position <= store_before(j->store))
		j->old = a.position;
	if (!j->o->each && j->fresh && j->old)
		return es_fail(err, ES_FAILED, "one part of the input is "
		    "stored already (position %lld), the other is not",
		    (long long)j->old);
	if (a.position > j->last)
		j->last = a.position;
	return j->o->cli.quiet ? 0 :
	    spool_add(&j->out, a.line.p, a.line.n, err);
}

/* A fault of the store names it; any other is one of the line. */
static bool of_the_store(const struct job *j, const struct es_err *err)
{
	const char *path = store_path(j->store);

	return strncmp(err->text, path, strlen(path)) == 0;
}

static int append_line(struct job *j, const struct intake_line *l,
    struct es_err *err)
{
	struct draft m;

	if (message_parse(&j->scratch, l->text.p, l->text.n, 0, &m, err) < 0) {
		if (l->unterminated)
			es_err_at(err, "cut off, or without its newline");
	} else if (form_defaults(&j->o->form, &m, &j->scratch, &j->text,
	    err) == 0 && append(j, &m, err) == 0) {
		return 0;
	}
	return of_the_store(j, err) ? -1 :
	    es_err_at(err, "%s:%lld", l->name, (long long)l->line);
}

static int append_form(struct job *j, struct es_err *err)
{
	struct draft m;

	return form_draft(&j->o->form, &j->scratch, &m, err) < 0 ? -1 :
	    append(j, &m, err);
}

static int check_cause(struct job *j, struct es_err *err)
{
	struct span cause = j->o->form.cause;
	int64_t position;
	int r;

	if (!cause.p)
		return 0;
	r = store_find_id(j->store, cause, &position, err);
	if (r == 0 || (r > 0 && position < 0))
		return es_fail(err, ES_FAILED, "%s: --cause: no message has "
		    "the id %.*s", store_path(j->store), (int)cause.n,
		    cause.p);
	return r < 0 ? -1 : 0;
}

static int append_group(struct job *j, struct es_err *err)
{
	struct intake_line line;

	j->fresh = 0;
	j->old = 0;
	if (check_cause(j, err) < 0 || condition_check(&j->condition,
	    j->store, err) < 0)
		return -1;
	if (j->o->form.type.p)
		return append_form(j, err);
	while (intake_next(&j->in, &line))
		if (append_line(j, &line, err) < 0)
			return -1;
	return 0;
}

/* After the commit, and so after everything that could undo it. */
static int acknowledge(struct job *j, struct es_err *err)
{
	struct es_err why;
	struct span all;

	if (spool_end(&j->out, &all, &why) < 0 ||
	    cli_write(all.p, all.n, &why) < 0 || cli_flush(&why) < 0)
		return es_fail(err, ES_FAILED, "%s (stored up to position "
		    "%lld)", why.text, (long long)j->last);
	spool_reset(&j->out);
	return 0;
}

/*
 * One transaction.  With --each what came before a fault is stored and
 * acknowledged before the fault is told of.
 */
static int store_group(struct job *j, struct es_err *err)
{
	struct es_err other;
	int r;

	if (store_begin(j->store, err) < 0)
		return -1;
	/* While the input came, the file may have lost its name. */
	r = store_check_same(j->store, err);
	if (r == 0)
		r = append_group(j, err);
	if (r < 0 && !j->o->each) {
		store_rollback(j->store);
		return -1;
	}
	if (store_commit(j->store, r < 0 ? &other : err) < 0)
		return -1;
	condition_move(&j->condition, j->store, j->fresh);
	if (j->o->cli.verbose)
		cli_warn(&j->o->cli, "%s: %zu stored, up to position %lld",
		    store_path(j->store), j->fresh, (long long)j->last);
	if (acknowledge(j, &other) < 0) {
		*err = other;
		return -1;
	}
	return r;
}

static int append_lines(struct job *j, struct es_err *err)
{
	struct options *o = j->o;
	struct es_err behind;
	int more;

	intake_init(&j->in, o->files, o->n_files, MESSAGE_LINE_MAX);
	do {
		more = intake_gather(&j->in, o->each, &behind);
		if (more < 0 && (!o->each || j->in.group.n == 0))
			break;
		if (load_condition(j, err) < 0)
			return -1;
		if (j->in.group.n > 0 && store_group(j, err) < 0)
			return -1;
	} while (more > 0);
	if (more < 0)
		*err = behind;
	return more;
}

static int run(struct job *j, struct es_err *err)
{
	struct options *o = j->o;

	if (store_open(o->cli.store, true, &j->store, err) < 0)
		return -1;
	if (o->unless && find_check_names(j->store, &o->query, true, err) < 0)
		return -1;
	if (!o->form.type.p)
		return append_lines(j, err);
	return load_condition(j, err) < 0 ? -1 : store_group(j, err);
}

static void release(struct job *j)
{
	struct options *o = j->o;

	intake_free(&j->in);
	spool_free(&j->out);
	condition_free(&j->condition);
	message_scratch_free(&j->scratch);
	buf_free(&j->text);
	store_close(j->store);
	form_free(&o->form);
	query_free(&o->query);
	free(o->files);
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct job j = {.o = &o};
	struct es_err err = {0};
	int status = ES_OK;
	int r = parse_options(&o, argc, argv, &err);

	/* The reader may be gone: then there is still something to say. */
	signal(SIGPIPE, SIG_IGN);
	if (r == 0)
		r = run(&j, &err);
	if (r < 0)
		status = cli_error(&o.cli, &err);
	release(&j);
	return cli_close(&o.cli, status);
}
