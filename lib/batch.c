#include <string.h>

#include "batch.h"

static int at_line(const struct intake_line *l, struct es_err *err)
{
	return es_err_at(err, "%s:%lld", l->name, (long long)l->line);
}

/* ---- one message ---- */

/* A message that is there already is looked up before any condition. */
static int refuse_new(struct batch *b, const struct draft *m,
    struct es_err *err)
{
	int64_t position;
	int r;

	if (!b->condition->broken_at)
		return 0;
	r = m->id.p ? store_find_id(b->store, m->id, &position, err) : 0;
	if (r == 0)
		return condition_failed(b->condition, b->store, err);
	return r < 0 ? -1 : 0;
}

/* The place of this batch's beginning: what is older was there before. */
static int64_t before(const struct batch *b)
{
	return store_before(b->store) + (int64_t)b->fresh_before;
}

static int append(struct batch *b, const struct draft *m, struct span *line,
    struct es_err *err)
{
	struct appended a;

	if (refuse_new(b, m, err) < 0 ||
	    store_append(b->store, m, &a, err) < 0)
		return -1;
	if (!a.repeated)
		b->fresh++;
	else if (a.position <= before(b))
		b->old = a.position;
	if (a.position > b->last)
		b->last = a.position;
	*line = a.line;
	return 0;
}

/* All or nothing is also: all of it is new, or none. */
static int check_whole(const struct batch *b, struct es_err *err)
{
	if (b->keep || !b->old || b->fresh == b->fresh_before)
		return 0;
	return es_fail(err, ES_FAILED, "one part of the input is stored "
	    "already (position %lld), the other is not", (long long)b->old);
}

static int add_output(struct batch *b, struct span line, struct es_err *err)
{
	return b->quiet ? 0 : spool_add(&b->out, line.p, line.n, err);
}

/* ---- lines ---- */

static int cut_off(const struct intake_line *l, struct es_err *err)
{
	return !l->unterminated ? -1 :
	    es_err_at(err, "cut off, or without its newline");
}

static int import(struct batch *b, const struct intake_line *l,
    struct span *line, struct es_err *err)
{
	if (import_line(&b->importing, l->text.p, l->text.n, line, err) < 0)
		return cut_off(l, err);
	b->fresh++;
	b->last = (int64_t)b->fresh;
	return 0;
}

static int take_line(struct batch *b, const struct intake_line *l,
    struct span *line, struct es_err *err)
{
	struct draft m;

	if (b->import)
		return import(b, l, line, err);
	if (message_parse(&b->scratch, l->text.p, l->text.n, 0, &m, err) < 0)
		return cut_off(l, err);
	return form_defaults(b->form, &m, &b->scratch, &b->text, err) < 0 ?
	    -1 : append(b, &m, line, err);
}

/* The line goes where it is kept, and why goes to the reasons. */
static int refuse(struct batch *b, const struct intake_line *l,
    const struct es_err *why, struct es_err *err)
{
	if (!b->dry && refused_add(b->refused, l->text, l->more, err) < 0)
		return -1;
	if (l->more)
		return 0;
	b->skipped++;
	return spool_add(&b->reasons, why->text, strlen(why->text) + 1, err);
}

static int refuse_long(struct batch *b, const struct intake_line *l,
    struct es_err *err)
{
	struct es_err why;

	es_fail(&why, ES_FAILED, "line is longer than %d bytes",
	    MESSAGE_LINE_MAX);
	at_line(l, &why);
	return refuse(b, l, &why, err);
}

static int store_line(struct batch *b, const struct intake_line *l,
    struct es_err *err)
{
	struct span line;
	struct es_err why;

	if (l->too_long)
		return refuse_long(b, l, err);
	if (take_line(b, l, &line, err) < 0) {
		if (store_at_fault(b->store, err))
			return -1;
		at_line(l, err);
		if (!b->refused)
			return -1;
		why = *err;
		return refuse(b, l, &why, err);
	}
	if (check_whole(b, err) < 0)
		return at_line(l, err);
	return add_output(b, line, err);
}

static void counts(struct batch *b, const char *name, int64_t line)
{
	b->name = name;
	b->line = line;
	b->out_n = spool_size(&b->out);
	b->reasons_n = spool_size(&b->reasons);
}

int batch_lines(struct batch *b, struct intake *in, int64_t max,
    struct es_err *err)
{
	struct intake_line l = {0};
	int64_t n = 0;

	b->old = 0;
	b->fresh_before = b->fresh;
	while ((max == 0 || n < max) && intake_next(in, &l)) {
		if (store_line(b, &l, err) < 0) {
			if (!b->keep)
				b->fresh = b->fresh_before;
			return -1;
		}
		if (l.more)
			continue;
		n++;
		if (b->keep)
			counts(b, l.name, l.line);
	}
	if (n > 0)
		counts(b, l.name, l.line);
	return 0;
}

int batch_form(struct batch *b, struct es_err *err)
{
	struct draft m;
	struct span line;

	b->old = 0;
	b->fresh_before = 0;
	if (form_draft(b->form, &b->scratch, &m, err) < 0 ||
	    append(b, &m, &line, err) < 0 || add_output(b, line, err) < 0)
		return -1;
	counts(b, NULL, 0);
	return 0;
}

/* ---- the transaction ---- */

static int check_cause(const struct batch *b, struct es_err *err)
{
	struct span cause = b->form->cause;
	int64_t position;
	int r;

	if (!cause.p)
		return 0;
	r = store_find_id(b->store, cause, &position, err);
	if (r == 0 || (r > 0 && position < 0))
		return es_fail(err, ES_FAILED, "%s: --cause: no message has "
		    "the id %.*s", store_path(b->store), (int)cause.n,
		    cause.p);
	return r < 0 ? -1 : 0;
}

int batch_begin(struct batch *b, struct es_err *err)
{
	batch_reset(b);
	if (store_begin(b->store, err) < 0)
		return -1;
	/* While the input came, the file may have lost its name. */
	if (store_check_same(b->store, err) == 0 &&
	    check_cause(b, err) == 0 &&
	    condition_check(b->condition, b->store, err) == 0 &&
	    (!b->import || import_begin(&b->importing, b->store, err) == 0))
		return 0;
	batch_drop(b);
	return -1;
}

void batch_drop(struct batch *b)
{
	import_free(&b->importing);
	store_rollback(b->store);
	if (b->refused)
		refused_drop(b->refused);
	b->fresh = 0;
}

static int commit(struct batch *b, struct es_err *err)
{
	if (b->refused && refused_keep(b->refused, err) < 0) {
		batch_drop(b);
		return -1;
	}
	if (store_commit(b->store, err) == 0)
		return 0;
	if (b->refused)
		refused_undo(b->refused);
	return -1;
}

int batch_end(struct batch *b, struct es_err *err)
{
	if (b->import && import_end(&b->importing, err) < 0) {
		batch_drop(b);
		return -1;
	}
	import_free(&b->importing);
	if (b->dry) {
		store_rollback(b->store);
		return 0;
	}
	if (commit(b, err) < 0)
		return -1;
	condition_move(b->condition, b->store, b->fresh);
	return 0;
}

void batch_reset(struct batch *b)
{
	spool_reset(&b->out);
	spool_reset(&b->reasons);
	b->fresh = b->skipped = b->fresh_before = 0;
	b->out_n = b->reasons_n = 0;
	b->line = b->last = b->old = 0;
	b->name = NULL;
}

void batch_free(struct batch *b)
{
	import_free(&b->importing);
	spool_free(&b->out);
	spool_free(&b->reasons);
	message_scratch_free(&b->scratch);
	buf_free(&b->text);
}
