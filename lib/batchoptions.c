/* batch: the options of es-append. */
#include <stdlib.h>

#include "batchoptions.h"

static int take_unless(struct batch_options *o, int id, struct es_err *err)
{
	if (id == CLI_OPERAND)
		return es_fail(err, ES_USAGE, "%.100s: --unless comes last; "
		    "behind it stand only query flags", o->cli.arg);
	if (id == CLI_META || id == CLI_CAUSE || id == CLI_EACH ||
	    id == CLI_BATCH || id == CLI_SKIP_BAD || id == CLI_IMPORT ||
	    id == CLI_DRY_RUN || id == CLI_STRICT || id == CLI_GUARD ||
	    id == CLI_UNLESS)
		return es_fail(err, ES_USAGE, "%s: has to stand before "
		    "--unless", cli_flag_name(id));
	return query_flag(&o->query, &o->bounds, id, o->cli.arg, err);
}

static int take_option(struct batch_options *o, int id, struct es_err *err)
{
	int r = form_flag(&o->form, id, o->cli.arg, err);

	if (r <= 0) {
		o->given = true;
		return r;
	}
	switch (id) {
	case CLI_OPERAND:
		o->files[o->n_files++] = o->cli.argv[o->cli.at - 1];
		return 0;
	case CLI_EACH:
		o->each = true;
		return 0;
	case CLI_BATCH:
		return cli_int(&o->cli, 1, INT64_MAX, &o->lines, err);
	case CLI_SKIP_BAD:
		o->bad = o->cli.arg;
		return 0;
	case CLI_IMPORT:
		o->import = true;
		return 0;
	case CLI_DRY_RUN:
		o->dry = true;
		return 0;
	case CLI_STRICT:
		o->strict = true;
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

/* What is about lines, or about how they are stored together. */
static const char *about_lines(const struct batch_options *o)
{
	return o->each ? "--each" : o->lines ? "--batch" :
	    o->bad ? "--skip-bad" : NULL;
}

static int check_import(const struct batch_options *o, struct es_err *err)
{
	const char *other = about_lines(o);

	if (o->strict)
		other = "--strict";
	if (o->guard || o->unless)
		other = o->guard ? "--guard" : "--unless";
	if (other)
		return es_fail(err, ES_USAGE, "--import and %s: an import is "
		    "whole, and into a store without any message", other);
	if (o->given)
		return es_fail(err, ES_USAGE, "--import: messages come as "
		    "they were, and take nothing from flags");
	return 0;
}

/* With -t the words are attributes, else files. */
static int check_form(struct batch_options *o, struct es_err *err)
{
	int i;

	if (!o->form.type.p)
		return !o->form.id.p ? 0 : es_fail(err, ES_USAGE,
		    "--id: needs -t; lines have an id of their own");
	if (about_lines(o))
		return es_fail(err, ES_USAGE,
		    "%s: is for lines; with -t there are none",
		    about_lines(o));
	for (i = 0; i < o->n_files; i++)
		if (form_word(&o->form, o->files[i], err) < 0)
			return -1;
	return 0;
}

static int check_options(struct batch_options *o, struct es_err *err)
{
	if (o->unless && o->guard)
		return es_fail(err, ES_USAGE,
		    "--guard and --unless: only one of them");
	if (o->each && o->lines)
		return es_fail(err, ES_USAGE,
		    "--each and --batch: only one of them");
	if (o->unless && query_flags_end(&o->query, err) < 0)
		return -1;
	if (o->bounds.limit == 0 || o->bounds.tail == 0)
		return es_fail(err, ES_USAGE, "%s: nothing ever matches 0 "
		    "messages", o->bounds.limit ? "--tail" : "--limit");
	return o->import ? check_import(o, err) : check_form(o, err);
}

int batch_options(struct batch_options *o, const struct cli_program *p,
    int argc, char **argv, struct es_err *err)
{
	int id, r = 0;

	*o = (struct batch_options){.bounds = QUERY_BOUNDS_ALL};
	cli_begin(&o->cli, p, argc, argv);
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

void batch_options_free(struct batch_options *o)
{
	form_free(&o->form);
	query_free(&o->query);
	free(o->files);
}
