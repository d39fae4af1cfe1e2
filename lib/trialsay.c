/* trial: messages that are said in words, and what a handler makes of one. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "sys.h"
#include "trialimpl.h"

/* ---- words ---- */

static const struct { const char *name; int id; } flags[] = {
	{"-g", CLI_TAG}, {"--tag", CLI_TAG}, {"--id", CLI_ID},
	{"--kind", CLI_KIND}, {"--meta", CLI_META}, {"--at", 0},
};

static int flag_at(const char *word)
{
	size_t i;

	for (i = 0; i < sizeof flags / sizeof *flags; i++)
		if (strcmp(word, flags[i].name) == 0)
			return (int)i;
	return -1;
}

static int read_words(char **words, size_t n, struct form *f,
    const char **time, struct es_err *err)
{
	size_t i;
	int flag;

	for (i = 0; i < n; i++) {
		flag = flag_at(words[i]);
		if (flag >= 0 && i + 1 == n)
			return es_fail(err, ES_USAGE, "%s: its value is "
			    "missing", words[i]);
		if (flag >= 0 && !flags[flag].id)
			*time = words[++i];
		else if (flag >= 0 ? form_flag(f, flags[flag].id,
		    words[++i], err) < 0 : !f->type.p ?
		    form_flag(f, CLI_TYPE, words[i], err) < 0 :
		    form_word(f, words[i], err) < 0)
			return -1;
	}
	return f->type.p ? 0 : es_fail(err, ES_USAGE, "TYPE is missing");
}

int trial_pairs(char **words, size_t n, struct query *out,
    struct es_err *err)
{
	size_t i = 0;

	while (i < n && strcmp(words[i], "-p") == 0) {
		if (i + 1 == n)
			return es_fail(err, ES_USAGE, "-p: NAME=VALUE is "
			    "missing");
		if (query_flag(out, NULL, CLI_PARTITION, words[i + 1],
		    err) < 0)
			return -1;
		i += 2;
	}
	return (int)i;
}

bool trial_handles(const struct trial *t, struct span type)
{
	const struct scan *s = &t->now->handler.scan;

	return query_type_in(s->decides.v, s->decides.n, type) ||
	    query_type_in(s->evolves.v, s->evolves.n, type) ||
	    query_type_in(s->reacts.v, s->reacts.n, type);
}

static int by_catalog(struct trial *t, struct draft *d, struct es_err *err)
{
	const struct catalog_entry *e;

	e = t->catalog ? catalog_find(t->catalog, d->type) : NULL;
	if (t->catalog && !e && (!t->now || !trial_handles(t, d->type)))
		return es_fail(err, ES_USAGE, "%.*s: messages.json has no "
		    "such type", (int)d->type.n, d->type.p);
	return given_check(t->given, d, err);
}

int trial_message(struct trial *t, char **words, size_t n, struct form *f,
    struct draft *d, struct es_err *err)
{
	const char *time = NULL;

	if (read_words(words, n, f, &time, err) < 0 ||
	    form_draft(f, &t->scratch, d, err) < 0)
		return -1;
	if (time) {
		d->created_at = span_str(time);
		if (!rfc3339_parse(d->created_at, &d->stored_at))
			return es_fail(err, ES_USAGE, "--at: must be a time "
			    "as 2026-03-01T12:00:00Z, not \"%.100s\"", time);
	}
	return by_catalog(t, d, err);
}

/* ---- given ---- */

static int add(struct trial *t, const struct draft *d, enum message_kind kind,
    struct es_err *err)
{
	struct message m = {.id = d->id, .kind = kind, .type = d->type,
	    .version = d->version ? d->version : 1, .payload = d->payload,
	    .metadata = d->metadata, .created_at = d->created_at,
	    .stored_at = d->stored_at};

	/* "[]" is what words without a tag come to. */
	if (d->tags.n > 2)
		m.tags = d->tags;
	return given_add(t->given, &m, sys_now(), err);
}

int trial_given(struct trial *t, char **words, size_t n, struct es_err *err)
{
	struct form f = {0};
	struct draft d;
	int r = trial_message(t, words, n, &f, &d, err);

	if (r == 0)
		r = add(t, &d, d.kind == KIND_NONE ? KIND_EVENT : d.kind, err);
	form_free(&f);
	return r;
}

int trial_history(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	int64_t made;

	if (n != 2 || cli_int_parse(span_str(words[1]), 0, INT64_MAX,
	    &made) < 0)
		return es_fail(err, ES_USAGE, "FILE and a position");
	given_close(t->given);
	t->given = NULL;
	partition_free(&t->at);
	t->made = made;
	t->outcome = TRIAL_DONE;
	return given_open(t->catalog, &t->given, err) < 0 ||
	    given_read(t->given, words[0], err) < 0 ? -1 : 0;
}

/* ---- when ---- */

/* The history as it was: nothing can be taken out of one. */
static int rewind_to(struct trial *t, int64_t head, struct es_err *err)
{
	struct given *g;
	int64_t i;

	if (given_open(t->catalog, &g, err) < 0)
		return -1;
	for (i = 1; i <= head; i++)
		if (given_add(g, given_at(t->given, i), 0, err) < 0) {
			given_close(g);
			return -1;
		}
	given_close(t->given);
	t->given = g;
	return 0;
}

/* The command itself stands in front of its events. */
static void take_answer(struct trial *t, const struct answer *a)
{
	if (a->kind == ANSWER_DECIDED) {
		t->made++;
		return;
	}
	t->outcome = TRIAL_REJECTED;
	buf_add_span(&t->reason, buf_span(&a->reason));
	buf_add_span(&t->detail, buf_span(&a->detail));
}

static int decide(struct trial *t, const struct draft *d, struct es_err *err)
{
	struct trial_handler *h = t->now;
	struct answers *answers;
	struct answer_input *in;
	const struct answer *a;
	const char *place;
	int r = answers_given(t->given, &h->handler, h->jq, &answers, err);

	if (r == 0) {
		in = answer_input(answers, err);
		r = in ? 0 : -1;
	}
	if (r == 0) {
		in->draft = *d;
		answer_add(answers);
		r = answers_run(answers, true, err);
		a = r == 0 ? answer_next(answers, &place) : NULL;
		if (a)
			take_answer(t, a);
	}
	answers_close(answers);
	return r;
}

/* One of the outputs, as it would be appended. */
static int add_output(struct trial *t, const struct made *made,
    const struct message *cause, struct es_err *err)
{
	struct draft d = {.type = made->type,
	    .kind = made->command ? KIND_COMMAND : KIND_EVENT,
	    .payload = made->payload.p ? made->payload : SPAN_LIT("{}")};
	struct message m = {.kind = d.kind, .type = d.type,
	    .metadata = made->metadata.p ? made->metadata : SPAN_LIT("{}"),
	    .causation_id = cause->id,
	    .correlation_id = cause->correlation_id,
	    .stored_at = cause->stored_at};

	if (message_check_type(d.type, err) < 0)
		return -1;
	if (d.type.n > 3 && memcmp(d.type.p, "es.", 3) == 0)
		return es_fail(err, ES_FAILED, "%.*s: only es itself makes "
		    "\"es.\" types", (int)d.type.n, d.type.p);
	if (given_check(t->given, &d, err) < 0)
		return -1;
	m.payload = d.payload;
	m.version = d.version ? d.version : 1;
	return given_add(t->given, &m, m.stored_at, err);
}

static int add_outputs(struct trial *t, const struct fold_result *result,
    struct es_err *err)
{
	struct message cause = *given_at(t->given, t->made);
	struct made *made;
	size_t n, i;
	int r = 0;

	if (decide_outputs(&result->reply, &made, &n, err) < 0)
		return -1;
	for (i = 0; i < n && r == 0; i++)
		if ((r = add_output(t, &made[i], &cause, err)) < 0)
			es_err_at(err, "%s: react: %.*s %.*s at %lld: output "
			    "%zu", t->now->handler.path, (int)cause.type.n,
			    cause.type.p, (int)cause.id.n, cause.id.p,
			    (long long)cause.position, i + 1);
	free(made);
	return r;
}

/* The event is in the history already, so that it is evolved once. */
static int react(struct trial *t, struct es_err *err)
{
	struct trial_handler *h = t->now;
	const struct message *m = given_at(t->given, t->made);
	struct fold_result result = {0};
	struct partition p;
	struct fold *fold;
	struct buf text = {0};
	bool complete, many;
	int r;

	if (fold_open_given(t->given, &h->handler, h->jq, &fold, err) < 0)
		return -1;
	r = partition_of(NULL, &h->handler, m, &p, &complete, &many, err);
	if (r == 0) {
		r = fold_call(fold, JQ_REACT, &p, t->made,
		    given_line(t->given, t->made), &result, err);
		partition_free(&p);
	}
	fold_close(fold);
	if (r == 0 && result.reply.result != JQ_OK) {
		decide_fault_text(&h->handler, &result, m, &text);
		r = es_fail(err, ES_FAILED, "%s", text.p ? text.p : "");
	}
	if (r == 0)
		r = add_outputs(t, &result, err);
	buf_free(&text);
	fold_result_free(&result);
	return r;
}

int trial_place(struct trial *t, const struct message *m,
    struct partition *out, struct es_err *err)
{
	const struct handler *h = &t->now->handler;
	bool complete, many;

	if ((h->n_reads ? partition_of_reads(NULL, h, m, out, &complete,
	    &many, err) : partition_of(NULL, h, m, out, &complete, &many,
	    err)) < 0)
		return -1;
	if (!complete || many)
		partition_free(out);
	return 0;
}

static int handle(struct trial *t, struct draft *d, struct es_err *err)
{
	const struct scan *s = &t->now->handler.scan;
	bool decides = query_type_in(s->decides.v, s->decides.n, d->type);
	struct message m = {.type = d->type, .payload = d->payload};

	if (d->tags.n > 2)
		m.tags = d->tags;
	partition_free(&t->at);
	if (trial_place(t, &m, &t->at, err) < 0)
		return -1;
	if (decides && d->kind != KIND_EVENT) {
		if (d->tags.n <= 2)
			d->tags = SPAN_NONE;
		return decide(t, d, err);
	}
	if (!trial_handles(t, d->type))
		return es_fail(err, ES_USAGE, "%.*s: %s does not handle it",
		    (int)d->type.n, d->type.p, t->now->handler.path);
	if (d->kind == KIND_COMMAND)
		return es_fail(err, ES_USAGE, "%.*s: %s does not decide it",
		    (int)d->type.n, d->type.p, t->now->handler.path);
	if (add(t, d, KIND_EVENT, err) < 0)
		return -1;
	t->made++;
	return query_type_in(s->reacts.v, s->reacts.n, d->type) ?
	    react(t, err) : 0;
}

int trial_when(struct trial *t, char **words, size_t n, struct es_err *err)
{
	struct form f = {0};
	struct draft d;
	struct es_err why = {0};
	int64_t head = given_head(t->given);
	int r;

	if (trial_need_handler(t, err) < 0)
		return -1;
	t->outcome = TRIAL_DONE;
	t->made = head;
	buf_truncate(&t->reason, 0);
	buf_truncate(&t->detail, 0);
	r = trial_message(t, words, n, &f, &d, &why) < 0 ||
	    handle(t, &d, &why) < 0 ? -1 : 0;
	form_free(&f);
	/* What cannot be said at all is the test's fault. */
	if (r < 0 && why.code == ES_USAGE) {
		t->outcome = TRIAL_NO_WHEN;
		return es_fail(err, why.code, "%s", why.text);
	}
	if (r < 0) {
		t->outcome = TRIAL_FAULT;
		buf_truncate(&t->reason, 0);
		buf_adds(&t->reason, why.text);
		t->made = head;
		return rewind_to(t, head, err);
	}
	return 0;
}
