/* trial: what a handler made is compared with what was expected of it. */
#include <string.h>

#include "trialimpl.h"

#define REJECTED "es.command_rejected"	/* by a run in a store */

/* ---- what came ---- */

/* After a rejection by an es-react, which nobody looks at but for this. */
static int show_rejected(struct trial *t, const struct message *m,
    struct buf *out, struct es_err *err)
{
	struct json_doc d = {0};
	uint32_t type, reason;
	int r = json_parse(&d, m->payload.p, m->payload.n, err);

	if (r == 0) {
		type = json_get(&d, 0, "type");
		reason = json_get(&d, 0, "reason");
		buf_adds(out, REJECTED "\n");
		if (reason != JSON_NONE) {
			buf_adds(out, "  reason: ");
			trial_plain(t, &d, reason, out);
			buf_addc(out, '\n');
		}
		if (type != JSON_NONE) {
			buf_adds(out, "  type: ");
			trial_plain(t, &d, type, out);
			buf_addc(out, '\n');
		}
		r = buf_check(out, err);
	}
	json_free(&d);
	return r;
}

static bool counts(const struct message *m, enum message_kind kind)
{
	bool own = m->type.n > 3 && memcmp(m->type.p, "es.", 3) == 0;

	if (own)
		return kind == KIND_NONE && span_is(m->type, REJECTED);
	return kind == KIND_NONE || m->kind == kind;
}

/* kind KIND_NONE: events and commands. */
static int show_made(struct trial *t, enum message_kind kind,
    struct buf *out, struct es_err *err)
{
	int64_t i;

	for (i = t->made + 1; i <= given_head(t->given); i++) {
		const struct message *m = given_at(t->given, i);

		if (!counts(m, kind))
			continue;
		if (span_is(m->type, REJECTED) ?
		    show_rejected(t, m, out, err) < 0 :
		    trial_show(t, m->type, m->payload, out, err) < 0)
			return -1;
	}
	return 0;
}

bool trial_show_outcome(const struct trial *t, struct buf *out)
{
	if (t->outcome != TRIAL_REJECTED && t->outcome != TRIAL_FAULT)
		return false;
	buf_adds(out, t->outcome == TRIAL_REJECTED ? "rejected: " :
	    "fault: ");
	buf_add_span(out, buf_span(&t->reason));
	buf_addc(out, '\n');
	if (t->detail.n) {
		buf_adds(out, "  detail: ");
		buf_add_span(out, buf_span(&t->detail));
		buf_addc(out, '\n');
	}
	return true;
}

/* All of it, for a comparison that is lost already. */
static int show_all(struct trial *t, struct es_err *err)
{
	buf_truncate(&t->actual, 0);
	if (trial_show_outcome(t, &t->actual))
		return buf_check(&t->actual, err);
	if (show_made(t, KIND_NONE, &t->actual, err) < 0)
		return -1;
	if (t->actual.n == 0)
		buf_adds(&t->actual, "nothing\n");
	return buf_check(&t->actual, err);
}

/* ---- what was expected ---- */

static int show_expected(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	struct form f = {0};
	struct draft d;
	size_t i;
	int r = form_flag(&f, CLI_TYPE, words[0], err);

	for (i = 1; i < n && r == 0; i++)
		r = form_word(&f, words[i], err);
	if (r == 0)
		r = form_draft(&f, &t->scratch, &d, err);
	if (r == 0)
		r = trial_show_draft(t, &d, &t->expected, err);
	form_free(&f);
	return r;
}

static int same(struct trial *t, const char *what, struct es_err *err)
{
	if (span_eq(buf_span(&t->expected), buf_span(&t->actual)))
		return 0;
	if (t->actual.n == 0)
		buf_adds(&t->actual, "nothing\n");
	return es_fail(err, ES_REJECTED, "%s", what);
}

/* TYPE [attributes] TYPE [attributes]...: a word without "=" is a type. */
static int compare(struct trial *t, char **words, size_t n,
    enum message_kind kind, const char *what, struct es_err *err)
{
	size_t i, end;

	if (trial_need_when(t, err) < 0)
		return -1;
	if (n == 0)
		return es_fail(err, ES_USAGE, "TYPE is missing; that there "
		    "is nothing is then_nothing");
	for (i = 0; i < n; i = end) {
		for (end = i + 1; end < n && strchr(words[end], '='); end++)
			;
		if (show_expected(t, words + i, end - i, err) < 0) {
			buf_truncate(&t->expected, 0);
			return -1;
		}
	}
	if (trial_show_outcome(t, &t->actual))
		return same(t, what, err);
	return show_made(t, kind, &t->actual, err) < 0 ? -1 :
	    same(t, what, err);
}

int trial_then_events(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	return compare(t, words, n, KIND_EVENT, "not these events", err);
}

int trial_then_commands(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	return compare(t, words, n, KIND_COMMAND, "not these commands", err);
}

int trial_then_messages(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	return compare(t, words, n, KIND_NONE, "not these messages", err);
}

int trial_then_nothing(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	(void)words;
	if (n > 0)
		return es_fail(err, ES_USAGE, "takes no words");
	if (trial_need_when(t, err) < 0)
		return -1;
	buf_adds(&t->expected, "nothing\n");
	return show_all(t, err) < 0 ? -1 : same(t, "there is something", err);
}

/* ---- rejections and faults ---- */

/* Whether a run in a store rejected a command for this reason. */
static bool was_rejected(struct trial *t, const char *reason)
{
	struct json_doc d = {0};
	bool yes = false;
	int64_t i;
	uint32_t at;

	for (i = t->made + 1; !yes && i <= given_head(t->given); i++) {
		const struct message *m = given_at(t->given, i);

		if (!span_is(m->type, REJECTED) ||
		    json_parse(&d, m->payload.p, m->payload.n, NULL) < 0)
			continue;
		at = json_get(&d, 0, "reason");
		yes = at != JSON_NONE && json_is(&d, at, reason);
	}
	json_free(&d);
	return yes;
}

static int same_detail(struct trial *t, const char *json, struct es_err *err)
{
	struct buf expected = {0}, actual = {0};
	struct span came = t->detail.n ? buf_span(&t->detail) :
	    SPAN_LIT("null");
	int r = trial_plain_text(t, span_str(json), &expected, err);

	if (r < 0)
		err->code = ES_USAGE;
	else
		r = trial_plain_text(t, came, &actual, err);
	if (r == 0 && !span_eq(buf_span(&expected), buf_span(&actual))) {
		buf_addf(&t->expected, "detail: %s\n", expected.p);
		buf_addf(&t->actual, "detail: %s\n", actual.p);
		r = es_fail(err, ES_REJECTED, "another detail");
	}
	buf_free(&expected);
	buf_free(&actual);
	return r;
}

int trial_then_rejected(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	if (n < 1 || n > 2)
		return es_fail(err, ES_USAGE, "takes a REASON, and perhaps "
		    "the detail as JSON");
	if (trial_need_when(t, err) < 0)
		return -1;
	if (t->outcome == TRIAL_REJECTED && span_is(buf_span(&t->reason),
	    words[0]))
		return n == 2 ? same_detail(t, words[1], err) : 0;
	if (t->outcome == TRIAL_DONE && n == 1 && was_rejected(t, words[0]))
		return 0;
	buf_addf(&t->expected, "rejected: %s\n", words[0]);
	if (show_all(t, err) < 0)
		return -1;
	return es_fail(err, ES_REJECTED, "%s", t->outcome == TRIAL_REJECTED ?
	    "another reason" : "it was not rejected");
}

int trial_then_fault(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	const char *text = n > 0 ? words[0] : "";

	if (n > 1)
		return es_fail(err, ES_USAGE, "takes a part of the fault's "
		    "TEXT, or nothing");
	if (trial_need_when(t, err) < 0)
		return -1;
	if (t->outcome == TRIAL_FAULT && t->reason.p &&
	    strstr(t->reason.p, text))
		return 0;
	buf_addf(&t->expected, n ? "fault: ...%s...\n" : "fault: ...\n",
	    text);
	if (show_all(t, err) < 0)
		return -1;
	return es_fail(err, ES_REJECTED, "%s", t->outcome == TRIAL_FAULT ?
	    "another fault" : "there was no fault");
}
