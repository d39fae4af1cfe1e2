/* trial: states and read models. */
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "trialimpl.h"
#include "view.h"

/* ---- expressions ---- */

/* "def initial" of a program without anything else gives the answer. */
static int run_jq(const char *expression, struct span value, struct buf *gave,
    struct es_err *err)
{
	struct buf input = {0};
	struct handler h = {.kind = HANDLER_JQ, .retries = -1,
	    .backoff_ms = -1, .deadline_ms = -1};
	struct jqrun_request q = {.op = JQ_STATE, .fresh = true};
	struct jqrun_reply reply = {0};
	struct jqrun *jq = NULL;
	int r = -1;

	buf_addf(&h.text, "def initial: .state | (%s\n);\n"
	    "def evolve($e): apply($e; \"es.none\"; .);\n", expression);
	buf_adds(&input, "{\"state\":");
	buf_add_span(&input, value);
	buf_addc(&input, '}');
	h.path = strdup("EXPRESSION");
	h.name = strdup("expression");
	if (!h.path || !h.name || buf_check(&h.text, err) < 0 ||
	    buf_check(&input, err) < 0)
		es_fail_nomem(err);
	else if (scan_jq(h.path, h.text.p, h.text.n, &h.scan, err) == 0) {
		h.ops = h.scan.ops;
		q.partition = buf_span(&input);
		if (handler_start(&h, NULL, &jq, err) == 0)
			r = jqrun_call(jq, &q, &reply, err);
	}
	if (r == 0 && reply.result != JQ_OK)
		r = es_fail(err, ES_FAILED, "%.*s", (int)reply.reason.n,
		    reply.reason.n ? reply.reason.p : "");
	if (r == 0)
		buf_add_span(gave, reply.state);
	jqrun_reply_free(&reply);
	jqrun_close(jq);
	handler_free(&h);
	buf_free(&input);
	return r;
}

/* `.a.b == JSON`: what most expressions are, and jq takes long to begin. */
static bool path_equals(struct trial *t, const struct json_doc *d,
    const char *p, size_t n, bool *yes)
{
	struct buf name = {0}, want = {0}, is = {0};
	const char *end = p + n;
	uint32_t at = 0;
	bool known = true;

	while (p < end && *p == ' ')
		p++;
	while (known && p < end && *p == '.') {
		size_t k = strspn(++p, "abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

		buf_truncate(&name, 0);
		buf_add(&name, p, k);
		p += k;
		known = k > 0 && (p[-(ptrdiff_t)k] < '0' ||
		    p[-(ptrdiff_t)k] > '9') && at != JSON_NONE &&
		    d->nodes[at].type == JSON_OBJECT && !name.failed;
		if (known)
			at = json_get(d, at, name.p);
	}
	while (p < end && *p == ' ')
		p++;
	known = known && name.p && end - p > 2 && p[0] == '=' && p[1] == '=' &&
	    trial_plain_text(t, (struct span){p + 2, (size_t)(end - p) - 2},
	    &want, NULL) == 0;
	if (known && at == JSON_NONE)
		buf_adds(&is, "null");
	else if (known)
		trial_plain(t, d, at, &is);
	*yes = known && span_eq(buf_span(&want), buf_span(&is));
	buf_free(&name);
	buf_free(&want);
	buf_free(&is);
	return known;
}

/* Several of them with "and" between.  False: ask jq. */
static bool without_jq(struct trial *t, const char *expression,
    struct span value, bool *yes)
{
	static const char between[] = " and ";
	struct json_doc d = {0};
	const char *p = expression, *next;
	bool one, known = json_parse(&d, value.p, value.n, NULL) == 0;

	*yes = true;
	do {
		next = strstr(p, between);
		known = known && path_equals(t, &d, p,
		    next ? (size_t)(next - p) : strlen(p), &one);
		*yes = known && *yes && one;
		p = next ? next + sizeof between - 1 : p;
	} while (known && next);
	json_free(&d);
	return known;
}

static int holds(struct trial *t, const char *expression, struct span value,
    struct es_err *err)
{
	struct buf gave = {0};
	struct json_doc d = {0};
	bool yes;
	int r = 0;

	if (without_jq(t, expression, value, &yes))
		buf_adds(&gave, yes ? "true" : "false");
	else
		r = run_jq(expression, value, &gave, err);
	yes = r == 0 && span_is(buf_span(&gave), "true");
	if (r == 0 && !yes)
		r = json_parse(&d, value.p, value.n, err);
	if (r == 0 && !yes) {
		trial_show_value(t, &d, 0, &t->actual, err);
		r = es_fail(err, ES_REJECTED, "%s: is %.200s, not true, of "
		    "this state", expression, gave.p ? gave.p : "nothing");
	}
	json_free(&d);
	buf_free(&gave);
	return r;
}

/* ---- then_state ---- */

/* Where the newest message belongs that has all the names. */
static int find_place(struct trial *t, struct partition *out,
    struct es_err *err)
{
	int64_t i;

	for (i = given_head(t->given); i > 0; i--) {
		if (trial_place(t, given_at(t->given, i), out, err) < 0)
			return -1;
		if (out->values)
			return 0;
	}
	return es_fail(err, ES_USAGE, "of which partition: -p NAME=VALUE");
}

static int place(struct trial *t, const struct query *q,
    struct partition *out, struct es_err *err)
{
	const struct handler *h = &t->now->handler;

	if (q->n > 0)
		return partition_from_pairs(h, q->items[0].partition,
		    q->items[0].n_partition, out, err);
	if (t->at.values)
		return partition_copy(&t->at, out, err);
	return h->n_partition_by + h->n_reads > 0 ? find_place(t, out, err) :
	    partition_from_pairs(h, NULL, 0, out, err);
}

static int state_at(struct trial *t, const struct partition *p,
    struct buf *out, struct es_err *err)
{
	struct answers *answers;
	int r = answers_given(t->given, &t->now->handler, t->now->jq,
	    &answers, err);

	if (r == 0)
		r = answer_state(answers, p, out, err);
	answers_close(answers);
	return r;
}

int trial_then_state(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	struct partition p = {0};
	struct query q = {0};
	struct buf state = {0};
	int i = 0, r = trial_need_handler(t, err);

	if (r == 0)
		r = i = trial_pairs(words, n, &q, err);
	if (r >= 0)
		r = (size_t)i == n ? es_fail(err, ES_USAGE, "EXPRESSION is "
		    "missing") : place(t, &q, &p, err);
	if (r == 0)
		r = state_at(t, &p, &state, err);
	for (; r == 0 && (size_t)i < n; i++)
		r = holds(t, words[i], buf_span(&state), err);
	partition_free(&p);
	query_free(&q);
	buf_free(&state);
	return r;
}

/* ---- then_read_model ---- */

struct rows {
	struct trial *t;
	struct json_doc *expected;	/* one for each row */
	size_t n, at;
};

static int show_row(struct rows *w, const char *name, struct span json,
    struct buf *out, struct es_err *err)
{
	struct json_doc d = {0};
	int r = json_parse(&d, json.p, json.n, err);

	if (r == 0) {
		buf_addf(out, "%s\n", name);
		r = trial_show_value(w->t, &d, 0, out, err);
	}
	json_free(&d);
	return r;
}

/* A row that is not expected is shown whole. */
static int take_row(void *ctx, struct span key, struct span state,
    int64_t position, struct es_err *err)
{
	struct rows *w = ctx;
	const struct json_doc *d = w->at < w->n ? &w->expected[w->at] : NULL;
	struct buf *out = &w->t->actual;

	(void)position;
	w->at++;
	if ((!d || json_get(d, 0, "key") != JSON_NONE) &&
	    show_row(w, "key", key, out, err) < 0)
		return -1;
	return !d || json_get(d, 0, "state") != JSON_NONE ?
	    show_row(w, "state", state, out, err) : 0;
}

static int expect_row(struct rows *w, const char *json, struct json_doc *d,
    struct es_err *err)
{
	static const char *const names[] = {"key", "state"};
	struct buf *out = &w->t->expected;
	uint32_t at, found = 0;
	size_t i;

	if (json_parse(d, json, strlen(json), err) < 0) {
		err->code = ES_USAGE;
		return -1;
	}
	for (i = 0; i < 2 && d->nodes[0].type == JSON_OBJECT; i++) {
		at = json_get(d, 0, names[i]);
		if (at == JSON_NONE)
			continue;
		found++;
		if (show_row(w, names[i], json_text(d, at), out, err) < 0)
			return -1;
	}
	return found > 0 && found == d->nodes[0].count ? 0 : es_fail(err,
	    ES_USAGE, "%.200s: a row is {\"key\":{...},\"state\":...}, or one "
	    "of both", json);
}

static int compare_rows(struct trial *t, struct rows *w, struct query *q,
    struct es_err *err)
{
	const struct handler *h = &t->now->handler;

	if (!(h->ops & SCAN_EVOLVE))
		return es_fail(err, ES_USAGE, "%s: no projector: it defines "
		    "no evolve", h->path);
	if (view_given(t->given, h, t->now->jq,
	    q->n ? q->items[0].partition : NULL,
	    q->n ? q->items[0].n_partition : 0, take_row, w, err) < 0)
		return -1;
	if (span_eq(buf_span(&t->expected), buf_span(&t->actual)))
		return 0;
	if (t->expected.n == 0)
		buf_adds(&t->expected, "nothing\n");
	if (t->actual.n == 0)
		buf_adds(&t->actual, "nothing\n");
	return es_fail(err, ES_REJECTED, "not these states");
}

int trial_then_read_model(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	struct rows w = {.t = t};
	struct query q = {0};
	size_t k;
	int i = 0, r = trial_need_handler(t, err);

	w.expected = calloc(n + 1, sizeof *w.expected);
	if (r == 0 && !w.expected)
		r = es_fail_nomem(err);
	if (r == 0)
		r = i = trial_pairs(words, n, &q, err);
	for (; r >= 0 && (size_t)i < n; i++) {
		r = expect_row(&w, words[i], &w.expected[w.n], err);
		w.n++;
	}
	if (r >= 0)
		r = compare_rows(t, &w, &q, err);
	for (k = 0; k < w.n; k++)
		json_free(&w.expected[k]);
	free(w.expected);
	query_free(&q);
	return r;
}
