/* answer: the options of es-decide. */
#include <stdlib.h>
#include <string.h>

#include "answeroptions.h"

static int take_option(struct answer_options *o, int id, struct es_err *err)
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
	case CLI_STRICT:
		o->strict = true;
		return 0;
	case CLI_STATE:
		o->state = true;
		return 0;
	case CLI_CATALOG:
		o->catalog = o->cli.arg;
		return 0;
	case CLI_CHECK:
		o->check = true;
		return 0;
	case CLI_TRIAL:
		o->trial = true;
		return 0;
	case CLI_PARTITION:
		return query_flag(&o->values, NULL, id, o->cli.arg, err);
	case CLI_AS_OF:
		o->as_of = true;
		return query_as_of(o->cli.arg, &o->position, &o->time, err);
	case CLI_REJECTIONS:
		o->rejections = true;
		return 0;
	case CLI_RETRIES:
		return cli_int(&o->cli, 0, 1000, &o->retries, err);
	case CLI_DEADLINE:
		if (cli_duration(&o->cli, &o->deadline, err) < 0)
			return -1;
		return o->deadline > 0 && o->deadline <= INT32_MAX / 2 ? 0 :
		    es_fail(err, ES_USAGE, "--deadline: out of range");
	default:
		return form_flag(&o->form, id, o->cli.arg, err);
	}
}

static int check_state(const struct answer_options *o, struct es_err *err)
{
	if (!o->state)
		return o->values.n == 0 ? 0 : es_fail(err, ES_USAGE,
		    "--partition: only with --state");
	if (o->form.type.p)
		return es_fail(err, ES_USAGE, "--state: takes no command");
	if (o->rejections)
		return es_fail(err, ES_USAGE, "--rejections: not with --state");
	return o->n_files == 0 ? 0 : es_fail(err, ES_USAGE,
	    "%s: --state reads no commands", o->files[0]);
}

/* What appends nothing has no conflicts, and one history is enough. */
static int check_as_of(const struct answer_options *o, struct es_err *err)
{
	if (o->given && o->as_of)
		return es_fail(err, ES_USAGE, "--as-of: not with --given");
	if (o->retries >= 0 && (o->given || o->as_of || o->state))
		return es_fail(err, ES_USAGE, "--retries: not with %s",
		    o->state ? "--state" : o->given ? "--given" : "--as-of");
	return 0;
}

static int check_check(const struct answer_options *o, struct es_err *err)
{
	if (o->check && (o->form.type.p || o->state || o->given ||
	    o->n_files || o->as_of || o->rejections || o->retries >= 0))
		return es_fail(err, ES_USAGE, "--check: takes a HANDLER and "
		    "nothing else");
	return !o->catalog || o->check ? 0 :
	    es_fail(err, ES_USAGE, "-m: only with --check");
}

static bool is_stdin(const char *file)
{
	return strcmp(file, "-") == 0;
}

static int check_inputs(const struct answer_options *o, struct es_err *err)
{
	int i, n = o->given && is_stdin(o->given);

	if (!o->form.type.p && !o->state && o->n_files == 0)
		n++;
	for (i = 0; i < o->n_files && !o->form.type.p; i++)
		n += is_stdin(o->files[i]);
	return n <= 1 ? 0 : es_fail(err, ES_USAGE, "standard input cannot be "
	    "read twice");
}

static int check_options(struct answer_options *o, struct es_err *err)
{
	int i;

	if (o->trial)
		return !o->handler && !o->form.type.p && !o->state &&
		    !o->given ? 0 : es_fail(err, ES_USAGE, "--trial: goes "
		    "with nothing else");
	if (!o->handler)
		return es_fail(err, ES_USAGE, "HANDLER is missing");
	if (o->form.id.p && !o->form.type.p)
		return es_fail(err, ES_USAGE, "--id: only with --type");
	for (i = 0; i < o->n_files && o->form.type.p; i++)
		if (form_word(&o->form, o->files[i], err) < 0)
			return -1;
	return check_check(o, err) < 0 || check_state(o, err) < 0 ||
	    check_as_of(o, err) < 0 ? -1 :
	    check_inputs(o, err);
}

int answer_options(struct answer_options *o, const struct cli_program *p,
    int argc, char **argv, struct es_err *err)
{
	int id, r = 0;

	*o = (struct answer_options){.retries = -1};
	cli_begin(&o->cli, p, argc, argv);
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

void answer_options_free(struct answer_options *o)
{
	form_free(&o->form);
	query_free(&o->values);
	free(o->files);
}
