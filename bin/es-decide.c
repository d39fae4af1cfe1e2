/*
 * es-decide: decide commands; es-decide(1).
 *
 * The handler is compiled and its worker forked before the store is opened.
 * Commands are taken as long as they are there; before waiting for more of them
 * all are answered, and what was answered is handed on.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "answeroptions.h"
#include "group.h"
#include "sys.h"
#include "trial.h"
#include "vet.h"

static const char *const synopsis[] = {
	"[-q] [--given FILE | --as-of POS|TIME] HANDLER [FILE...]",
	"[-q] [--given FILE | --as-of POS|TIME] HANDLER -t TYPE "
	    "[NAME=STRING | NAME:=JSON]...",
	"[--given FILE | --as-of POS|TIME] --state [-p NAME=VALUE]... HANDLER",
	"--check [-m FILE | -s FILE] HANDLER",
	"--trial",
	NULL
};

static const int flags[] = {
	CLI_TYPE, CLI_ID, CLI_TAG, CLI_META, CLI_CAUSE, CLI_GIVEN, CLI_STATE,
	CLI_PARTITION, CLI_AS_OF, CLI_REJECTIONS, CLI_RETRIES, CLI_DEADLINE,
	CLI_STRICT, CLI_CHECK, CLI_CATALOG, CLI_TRIAL, 0
};

static const struct cli_help help[] = {
	{CLI_TYPE, "TYPE", "decide one command of this type, made of the "
	    "words; no input is read"},
	{CLI_ID, "ID", "its id (with -t)"},
	{CLI_TAG, "TAG", "add this tag to the commands (repeat)"},
	{CLI_STATE, NULL, "print the state of the partition instead"},
	{CLI_PARTITION, NULL, "with --state: the partition's values, one for "
	    "each name of the handler's partition_by"},
	{CLI_AS_OF, NULL, "as of this position or time (RFC 3339, or how long "
	    "ago): what would be decided, or the state; nothing is appended"},
	{CLI_REJECTIONS, NULL, "print a line for each rejection, too"},
	{CLI_RETRIES, "N", "how often a decision is made again because "
	    "something came meanwhile, the last time with the store locked "
	    "(default 3; 0: not at all, exit 3)"},
	{CLI_CATALOG, NULL, "with --check: compare with this catalog"},
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

struct job {
	struct answer_options *o;
	struct handler handler;
	struct jqrun *jqrun;
	struct store *store;
	struct given *given;
	struct answers *answers;
	struct buf text;
	int64_t stored;			/* the last position that is certain */
	int64_t answered;		/* commands */
	bool refused, faulty;
};

/* ---- answers ---- */

/* A rejection is a line on stderr; the other commands go on. */
static void tell(struct job *j, const struct answer *a, const char *place)
{
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

static int print_rejection(struct job *j, const struct answer *a,
    struct es_err *err)
{
	buf_truncate(&j->text, 0);
	answer_print_rejection(a, &j->text);
	return buf_check(&j->text, err) < 0 ? -1 :
	    cli_write(j->text.p, j->text.n, err);
}

static int print_answer(struct job *j, const struct answer *a,
    struct es_err *err)
{
	if (a->kind != ANSWER_DECIDED)
		return j->o->rejections ? print_rejection(j, a, err) : 0;
	return j->o->cli.quiet ? 0 : cli_write(a->lines.p, a->lines.n, err);
}

/* All that is answered so far: it is stored, whether it can be said or not. */
static int acknowledge(struct job *j, struct es_err *err)
{
	const struct answer *a;
	const char *place;
	bool fits = true;

	while ((a = answer_next(j->answers, &place))) {
		if (a->stored > j->stored)
			j->stored = a->stored;
		if (a->kind != ANSWER_DECIDED)
			tell(j, a, place);
		fits = fits && print_answer(j, a, err) == 0;
		j->answered++;
	}
	return fits ? 0 : not_acknowledged(j, err);
}

/* A fault of the store names it, whoever met it; words have no place. */
static int at_place(struct job *j, struct es_err *err)
{
	const char *path = j->store ? store_path(j->store) : "";
	const char *place = answers_bad_command(j->answers);

	if (!place || j->o->form.type.p ||
	    (*path && strncmp(err->text, path, strlen(path)) == 0))
		return -1;
	return es_err_at(err, "%s", place);
}

/* What was stored before a fault is acknowledged before it is told. */
static int run_answers(struct job *j, bool all, struct es_err *err)
{
	struct es_err other = {0};

	if (answers_run(j->answers, all, err) == 0)
		return acknowledge(j, err);
	at_place(j, err);
	acknowledge(j, &other);
	return -1;
}

/* Who waits for answers before he goes on gets them. */
static int take_lines(struct job *j, struct cli_lines *l, struct es_err *err)
{
	struct span line;
	bool unterminated, more = true;
	int r;

	while ((r = cli_lines_next(l, MESSAGE_LINE_MAX, &line, &unterminated,
	    err)) > 0) {
		if (answer_line(j->answers, &j->o->form, l->name, l->line,
		    line, unterminated, err) < 0)
			return -1;
		more = cli_lines_ready(l);
		if ((!more || answers_full(j->answers)) &&
		    run_answers(j, !more, err) < 0)
			return -1;
		if (!more && flush(j, err) < 0)
			return -1;
	}
	return r;
}

/* A line that is wrong does not keep those before it from their answers. */
static int answer_file(struct job *j, const char *path, struct es_err *err)
{
	struct es_err first = {0};
	struct cli_lines l;
	int r;

	if (cli_lines_open(&l, path, err) < 0)
		return -1;
	r = take_lines(j, &l, err);
	cli_lines_close(&l);
	if (r == 0)
		return 0;
	if (run_answers(j, true, &first) < 0)
		*err = first;
	return -1;
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
	struct answer_options *o = j->o;
	int i, r = check_cause(j, err);

	if (r == 0 && o->form.type.p)
		r = answer_words(j->answers, &o->form, o->handler, err) < 0 ?
		    -1 : run_answers(j, true, err);
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

/* ---- --trial ---- */

/* Who asks waits for the answer. */
static int run_trial(struct job *j, struct es_err *err)
{
	struct cli_lines l;
	struct trial *t;
	struct span line;
	bool unterminated;
	int r;

	if (trial_open(&t, err) < 0)
		return -1;
	r = cli_lines_open(&l, NULL, err);
	while (r == 0 && (r = cli_lines_next(&l, MESSAGE_LINE_MAX, &line,
	    &unterminated, err)) > 0) {
		buf_truncate(&j->text, 0);
		trial_answer(t, line, &j->text);
		r = buf_check(&j->text, err) < 0 ||
		    cli_write(j->text.p, j->text.n, err) < 0 ||
		    cli_flush(err) < 0 ? -1 : 0;
	}
	cli_lines_close(&l);
	trial_close(t);
	return r;
}

/* ---- opening ---- */

static int load_handler(struct job *j, struct es_err *err)
{
	struct jqrun_limits limits = JQRUN_LIMITS_DEFAULT;
	struct handler *h = &j->handler;

	if (handler_load(j->o->handler, h, err) < 0)
		return -1;
	if (h->kind == HANDLER_EXEC && (j->o->state || j->o->as_of))
		return es_fail(err, ES_USAGE, "%s: an executable has no "
		    "state, and reads for itself: %s goes with a jq file",
		    h->path, j->o->state ? "--state" : "--as-of");
	if (!j->o->state && !(h->ops & SCAN_DECIDE))
		return es_fail(err, ES_FAILED, "%s: it decides nothing: "
		    "there is no \"%s\"", h->path, h->kind == HANDLER_EXEC ?
		    "# es: decide TYPE..." : "def decide($c):");
	if (h->kind == HANDLER_EXEC) {
		if (j->o->deadline)
			h->deadline_ms = j->o->deadline;
		return 0;
	}
	if (handler_start(h, &limits, &j->jqrun, err) < 0)
		return -1;
	if (j->o->deadline)
		jqrun_set_deadline(j->jqrun, (int)j->o->deadline);
	return 0;
}

static int open_answers(struct job *j, struct es_err *err)
{
	struct answer_options *o = j->o;

	if (o->given)
		return given_open_beside(j->handler.path, &j->given, err) < 0 ||
		    (o->strict && given_set_strict(j->given, err) < 0) ||
		    given_read(j->given, o->given, err) < 0 ||
		    answers_given(j->given, &j->handler, j->jqrun,
		    &j->answers, err) < 0 ? -1 : 0;
	if (store_open(o->cli.store, !o->state && !o->as_of, &j->store,
	    err) < 0)
		return -1;
	store_set_strict(j->store, o->strict);
	if (answers_open(j->store, &j->handler, j->jqrun,
	    &j->answers, err) < 0)
		return -1;
	if (o->retries >= 0)
		answers_retry(j->answers, o->retries);
	return !o->as_of ? 0 :
	    answers_as_of(j->answers, o->position, o->time, err);
}

/* In a new epoch no executable runs until somebody has said that it may. */
static int check_held(const struct job *j, struct es_err *err)
{
	return !j->store || j->handler.kind != HANDLER_EXEC ? 0 :
	    group_check_held(j->store, j->handler.name, err);
}

/* How a coprocess ends comes after all answers. */
static int finish(struct job *j, struct es_err *err)
{
	buf_truncate(&j->text, 0);
	if (answers_finish(j->answers, &j->text, err) < 0)
		return -1;
	if (j->text.n)
		cli_warn(&j->o->cli, "%s", j->text.p);
	return 0;
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

static void tell_finding(void *ctx, bool error, const char *text)
{
	struct job *j = ctx;

	j->faulty |= error;
	if (error || !j->o->cli.quiet)
		cli_finding(&j->o->cli, text);
}

static int check(struct job *j, struct es_err *err)
{
	struct answer_options *o = j->o;
	struct vet_catalog with = {o->catalog,
	    o->cli.store_given ? o->cli.store : NULL};

	return vet(&o->handler, 1, SCAN_DECIDE, &with, tell_finding, j, err);
}

static int run(struct job *j, struct es_err *err)
{
	int r;

	if (j->o->check)
		return check(j, err);
	if (j->o->trial)
		return run_trial(j, err);
	if (load_handler(j, err) < 0 || open_answers(j, err) < 0 ||
	    check_held(j, err) < 0)
		return -1;
	if (j->o->state)
		return print_state(j, err);
	r = answer_all(j, err);
	if (r == 0)
		r = finish(j, err);
	if (j->store && j->o->cli.verbose && j->answered > 1)
		cli_warn(&j->o->cli, "%lld commands answered, %llu messages "
		    "read", (long long)j->answered,
		    (unsigned long long)find_messages_read(j->store));
	return r;
}

static void release(struct job *j)
{
	struct answer_options *o = j->o;

	answers_close(j->answers);
	given_close(j->given);
	store_close(j->store);
	jqrun_close(j->jqrun);
	handler_free(&j->handler);
	buf_free(&j->text);
	answer_options_free(o);
}

int main(int argc, char **argv)
{
	struct answer_options o;
	struct job j = {.o = &o};
	struct es_err err = {0};
	int status = ES_OK;
	int r = answer_options(&o, &program, argc, argv, &err);

	/* The reader may be gone: then there is still something to say. */
	signal(SIGPIPE, SIG_IGN);
	if (r == 0)
		r = run(&j, &err);
	if (r < 0)
		status = cli_error(&o.cli, &err);
	else if (j.faulty)
		status = ES_FAILED;
	else if (j.refused)
		status = ES_REJECTED;
	release(&j);
	return cli_close(&o.cli, status);
}
