/*
 * es-decide: decide commands; es-decide(1).
 *
 * The handler is compiled and its worker forked before the store is opened.
 * Each command is a transaction of its own, and is printed after its commit.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "form.h"

static const char *const synopsis[] = {
	"[-q] [--given FILE] HANDLER [FILE...]",
	"[-q] [--given FILE] HANDLER -t TYPE [NAME=STRING | NAME:=JSON]...",
	"[--given FILE] --state [-p NAME=VALUE]... HANDLER",
	NULL
};

static const int flags[] = {
	CLI_TYPE, CLI_ID, CLI_TAG, CLI_META, CLI_CAUSE, CLI_GIVEN, CLI_STATE,
	CLI_PARTITION, CLI_DEADLINE, 0
};

static const struct cli_help help[] = {
	{CLI_TYPE, "TYPE", "decide one command of this type, made of the "
	    "words; no input is read"},
	{CLI_ID, "ID", "its id (with -t)"},
	{CLI_TAG, "TAG", "add this tag to the commands (repeat)"},
	{CLI_STATE, NULL, "print the state of the partition instead"},
	{CLI_PARTITION, NULL, "with --state: the partition's values, one for "
	    "each name of the handler's partition_by"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-decide",
	.synopsis = synopsis,
	.summary = "Decide commands by a handler, append each with its events, "
	    "and print the events.",
	.examples =
	    "  es-decide loans.jq -t loans.lend_book book_id=b1 member_id=m7\n"
	    "  es-decide loans.jq <commands.ndjson\n"
	    "  es-decide loans.jq --state -p book_id=b1\n"
	    "  es-decide loans.jq --given history.ndjson -t loans.lend_book "
	    "book_id=b1\n"
	    "  es-query --kind command -t loans. | es-decide loans.jq\n",
	.see_also = "es-append(1), es-react(1), es-handler(5), es(7)",
	.flags = flags,
	.help = help,
};

struct options {
	struct cli cli;
	const char *handler;
	char **files;			/* or words, with -t */
	int n_files;
	struct form form;
	const char *given;
	bool state;
	struct query values;		/* one item: a partition */
	int64_t deadline;		/* ms, 0: not given */
};

struct job {
	struct options *o;
	struct handler handler;
	struct jqrun *jqrun;
	struct store *store;
	struct given *given;
	struct answers *answers;
	struct answer answer;
	struct message_scratch scratch;
	struct buf text;
	int64_t stored;			/* the last position that is certain */
	bool refused;
};

/* ---- options ---- */

static int take_option(struct options *o, int id, struct es_err *err)
{
	switch (id) {
	case CLI_OPERAND:
		if (!o->handler)
			o->handler = o->cli.arg;
		else
			o->files[o->n_files++] = o->cli.argv[o->cli.at - 1];
		return 0;
	case CLI_GIVEN:
		o->given = o->cli.arg;
		return 0;
	case CLI_STATE:
		o->state = true;
		return 0;
	case CLI_PARTITION:
		return query_flag(&o->values, NULL, id, o->cli.arg, err);
	case CLI_DEADLINE:
		if (cli_duration(&o->cli, &o->deadline, err) < 0)
			return -1;
		return o->deadline > 0 && o->deadline <= INT32_MAX / 2 ? 0 :
		    es_fail(err, ES_USAGE, "--deadline: out of range");
	default:
		return form_flag(&o->form, id, o->cli.arg, err);
	}
}

static int check_state(const struct options *o, struct es_err *err)
{
	if (!o->state)
		return o->values.n == 0 ? 0 : es_fail(err, ES_USAGE,
		    "--partition: only with --state");
	if (o->form.type.p)
		return es_fail(err, ES_USAGE, "--state: takes no command");
	return o->n_files == 0 ? 0 : es_fail(err, ES_USAGE,
	    "%s: --state reads no commands", o->files[0]);
}

static bool is_stdin(const char *file)
{
	return strcmp(file, "-") == 0;
}

static int check_inputs(const struct options *o, struct es_err *err)
{
	int i, n = o->given && is_stdin(o->given);

	if (!o->form.type.p && !o->state && o->n_files == 0)
		n++;
	for (i = 0; i < o->n_files && !o->form.type.p; i++)
		n += is_stdin(o->files[i]);
	return n <= 1 ? 0 : es_fail(err, ES_USAGE, "standard input cannot be "
	    "read twice");
}

static int check_options(struct options *o, struct es_err *err)
{
	int i;

	if (!o->handler)
		return es_fail(err, ES_USAGE, "HANDLER is missing");
	if (o->form.id.p && !o->form.type.p)
		return es_fail(err, ES_USAGE, "--id: only with --type");
	for (i = 0; i < o->n_files && o->form.type.p; i++)
		if (form_word(&o->form, o->files[i], err) < 0)
			return -1;
	return check_state(o, err) < 0 ? -1 : check_inputs(o, err);
}

static int parse_options(struct options *o, int argc, char **argv,
    struct es_err *err)
{
	int id, r = 0;

	cli_begin(&o->cli, &program, argc, argv);
	o->files = calloc((size_t)argc + 1, sizeof *o->files);
	if (!o->files)
		return es_fail_nomem(err);
	while (r == 0 && (id = cli_next(&o->cli, err)) != CLI_END) {
		if (id == CLI_DONE)
			return 1;
		if (id == CLI_ERROR)
			return -1;
		r = take_option(o, id, err);
	}
	return r < 0 ? -1 : check_options(o, err);
}

/* ---- answers ---- */

/* A rejection is a line on stderr; the other commands go on. */
static void tell(struct job *j, const char *place)
{
	const struct answer *a = &j->answer;

	j->refused = true;
	if (a->kind == ANSWER_SKIPPED)
		cli_warn(&j->o->cli, "%s: skipped: it was left undecided "
		    "(es-group skip)", place);
	else if (a->detail.n && j->o->cli.verbose)
		cli_warn(&j->o->cli, "%s: rejected: %.*s %.*s", place,
		    (int)a->reason.n, a->reason.p, (int)a->detail.n,
		    a->detail.p);
	else
		cli_warn(&j->o->cli, "%s: rejected: %.*s", place,
		    (int)a->reason.n, a->reason.n ? a->reason.p : "");
}

static int not_acknowledged(const struct job *j, struct es_err *err)
{
	struct es_err why = *err;

	if (!j->stored)
		return -1;
	return es_fail(err, ES_FAILED, "%s (stored up to position %lld)",
	    why.text, (long long)j->stored);
}

static int flush(struct job *j, struct es_err *err)
{
	return cli_flush(err) < 0 ? not_acknowledged(j, err) : 0;
}

static int acknowledge(struct job *j, const char *place, struct es_err *err)
{
	const struct answer *a = &j->answer;

	if (a->stored > j->stored)
		j->stored = a->stored;
	if (a->kind != ANSWER_DECIDED) {
		tell(j, place);
		return 0;
	}
	if (j->o->cli.quiet)
		return 0;
	return cli_write(a->lines.p, a->lines.n, err) < 0 ?
	    not_acknowledged(j, err) : 0;
}

/* A fault of the store names it, whoever met it; words have no place. */
static int at_place(struct job *j, const char *place, struct es_err *err)
{
	const char *path = j->store ? store_path(j->store) : "";

	if (!j->answer.bad_command || j->o->form.type.p ||
	    (*path && strncmp(err->text, path, strlen(path)) == 0))
		return -1;
	return es_err_at(err, "%s", place);
}

static int answer(struct job *j, const struct draft *d, const char *place,
    struct es_err *err)
{
	int r = j->given ? answer_given(j->answers, d, &j->answer, err) :
	    answer_command(j->answers, d, &j->answer, err);

	return r < 0 ? at_place(j, place, err) : acknowledge(j, place, err);
}

static int answer_line(struct job *j, const struct cli_lines *l,
    struct span line, bool unterminated, struct es_err *err)
{
	char place[512];
	struct draft d;

	snprintf(place, sizeof place, "%s:%lld", l->name, (long long)l->line);
	if (message_parse(&j->scratch, line.p, line.n, MESSAGE_STORED, &d,
	    err) < 0) {
		if (unterminated)
			es_err_at(err, "cut off, or without its newline");
		return es_err_at(err, "%s", place);
	}
	if (form_defaults(&j->o->form, &d, &j->scratch, &j->text, err) < 0)
		return es_err_at(err, "%s", place);
	return answer(j, &d, place, err);
}

static int answer_file(struct job *j, const char *path, struct es_err *err)
{
	struct cli_lines l;
	struct span line;
	bool unterminated;
	int r;

	if (cli_lines_open(&l, path, err) < 0)
		return -1;
	while ((r = cli_lines_next(&l, MESSAGE_LINE_MAX, &line, &unterminated,
	    err)) > 0) {
		r = answer_line(j, &l, line, unterminated, err);
		/* Who waits for answers before he goes on gets them. */
		if (r == 0 && !cli_lines_ready(&l))
			r = flush(j, err);
		if (r < 0)
			break;
	}
	cli_lines_close(&l);
	return r < 0 ? -1 : 0;
}

static int answer_form(struct job *j, struct es_err *err)
{
	struct draft d;

	return form_draft(&j->o->form, &j->scratch, &d, err) < 0 ? -1 :
	    answer(j, &d, j->o->handler, err);
}

static int check_cause(struct job *j, struct es_err *err)
{
	struct span cause = j->o->form.cause;
	int64_t position;
	int r;

	if (!cause.p || j->given)
		return 0;
	r = store_find_id(j->store, cause, &position, err);
	if (r == 0 || (r > 0 && position < 0))
		return es_fail(err, ES_FAILED, "%s: --cause: no message has "
		    "the id %.*s", store_path(j->store), (int)cause.n,
		    cause.p);
	return r < 0 ? -1 : 0;
}

static int answer_all(struct job *j, struct es_err *err)
{
	struct options *o = j->o;
	int i, r = check_cause(j, err);

	if (r == 0 && o->form.type.p)
		r = answer_form(j, err);
	else if (r == 0 && o->n_files == 0)
		r = answer_file(j, NULL, err);
	else
		for (i = 0; i < o->n_files && r == 0; i++)
			r = answer_file(j, o->files[i], err);
	if (r == 0)
		return flush(j, err);
	/* What was stored before the fault is acknowledged before it. */
	cli_flush(NULL);
	return -1;
}

/* ---- opening ---- */

static int load_handler(struct job *j, struct es_err *err)
{
	struct jqrun_limits limits = JQRUN_LIMITS_DEFAULT;
	struct handler *h = &j->handler;

	if (handler_load(j->o->handler, h, err) < 0)
		return -1;
	if (h->kind != HANDLER_JQ)
		return es_fail(err, ES_FAILED, "%s: not a jq handler, and "
		    "es-decide runs no other", h->path);
	if (!j->o->state && !(h->ops & SCAN_DECIDE))
		return es_fail(err, ES_FAILED, "%s: it decides nothing: "
		    "there is no \"def decide($c):\"", h->path);
	if (handler_start(h, &limits, &j->jqrun, err) < 0)
		return -1;
	if (j->o->deadline)
		jqrun_set_deadline(j->jqrun, (int)j->o->deadline);
	return 0;
}

static int open_answers(struct job *j, struct es_err *err)
{
	struct options *o = j->o;

	if (o->given)
		return given_open(&j->given, err) < 0 ||
		    given_read(j->given, o->given, err) < 0 ||
		    answers_given(j->given, &j->handler, j->jqrun,
		    &j->answers, err) < 0 ? -1 : 0;
	return store_open(o->cli.store, !o->state, &j->store, err) < 0 ? -1 :
	    answers_open(j->store, &j->handler, j->jqrun, &j->answers, err);
}

static int print_state(struct job *j, struct es_err *err)
{
	const struct query *v = &j->o->values;
	struct partition p = {0};
	int r = -1;

	if (partition_from_pairs(&j->handler,
	    v->n ? v->items[0].partition : NULL,
	    v->n ? v->items[0].n_partition : 0, &p, err) < 0)
		return -1;
	if (answer_state(j->answers, &p, &j->text, err) == 0) {
		buf_addc(&j->text, '\n');
		r = j->o->cli.quiet ? 0 :
		    cli_write(j->text.p, j->text.n, err);
	}
	partition_free(&p);
	return r;
}

static int run(struct job *j, struct es_err *err)
{
	if (load_handler(j, err) < 0 || open_answers(j, err) < 0)
		return -1;
	return j->o->state ? print_state(j, err) : answer_all(j, err);
}

static void release(struct job *j)
{
	struct options *o = j->o;

	answers_close(j->answers);
	answer_free(&j->answer);
	given_close(j->given);
	store_close(j->store);
	jqrun_close(j->jqrun);
	handler_free(&j->handler);
	message_scratch_free(&j->scratch);
	buf_free(&j->text);
	form_free(&o->form);
	query_free(&o->values);
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
	else if (j.refused)
		status = ES_REJECTED;
	release(&j);
	return cli_close(&o.cli, status);
}
