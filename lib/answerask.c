/* answer: the window of commands, and what the worker is asked of them. */
#include <stdlib.h>

#include "answerimpl.h"
#include "sys.h"

/* Longer lines are not waited for, nor is their memory kept. */
#define WINDOW_BYTES ((size_t)4 * 1024 * 1024)
#define KEPT_BYTES ((size_t)64 * 1024)

#define LOOKS 300		/* for an answer, each of them 0.7 us */
#define SLEEPY 16		/* commands without, after one in vain */

struct attempt *answers_at(const struct answers *a, size_t i)
{
	return a->ring[(a->first + i) % ANSWER_WINDOW];
}

static void set_fault(struct attempt *t, const struct es_err *err)
{
	t->state = ATTEMPT_KNOWN;
	t->faulted = true;
	t->fault = *err;
}

void attempt_fail(struct attempt *t, const struct es_err *err)
{
	set_fault(t, err);
	t->certain = true;
}

/* ---- in ---- */

void answers_drop_taken(struct answers *a)
{
	struct attempt *t = answers_at(a, 0);

	if (!a->taken)
		return;
	a->taken = false;
	a->bytes -= t->in.line.n;
	if (t->in.line.cap > KEPT_BYTES) {
		buf_free(&t->in.line);
		buf_free(&t->line);
	}
	if (t->out.lines.cap > KEPT_BYTES)
		buf_free(&t->out.lines);
	fold_result_free(&t->result);
	a->first = (a->first + 1) % ANSWER_WINDOW;
	a->n--;
	a->done--;
}

struct answer_input *answer_input(struct answers *a, struct es_err *err)
{
	struct attempt **t;

	answers_drop_taken(a);
	t = &a->ring[(a->first + a->n) % ANSWER_WINDOW];
	if (!*t && !(*t = calloc(1, sizeof **t))) {
		es_fail_nomem(err);
		return NULL;
	}
	(*t)->a = a;
	buf_truncate(&(*t)->in.line, 0);
	return &(*t)->in;
}

bool answers_full(const struct answers *a)
{
	return a->n - a->taken == ANSWER_WINDOW || a->bytes >= WINDOW_BYTES;
}

const struct answer *answer_next(struct answers *a, const char **place)
{
	answers_drop_taken(a);
	if (a->done == 0)
		return NULL;
	a->taken = true;
	*place = answers_at(a, 0)->in.place;
	return &answers_at(a, 0)->out;
}

const char *answers_bad_command(const struct answers *a)
{
	return a->failed && a->failed->out.bad_command ?
	    a->failed->in.place : NULL;
}

/* ---- asking the worker ---- */

/* One before it that is not stored yet is in the same partition. */
static bool has_to_wait(const struct answers *a, size_t i)
{
	const struct attempt *t = answers_at(a, i), *o;

	while (i-- > a->done) {
		o = answers_at(a, i);
		if (o->hash == t->hash && o->key.n && span_eq(
		    buf_span(&o->key), buf_span(&t->key)))
			return true;
	}
	return false;
}

bool attempt_must_be_inside(const struct attempt *t)
{
	return t->a->retries > 0 && t->conflicts >= t->a->retries;
}

void attempt_again(struct attempt *t)
{
	struct es_err err = {0};

	t->stale = false;
	if (attempt_prepare(t, &err) < 0)
		attempt_fail(t, &err);
}

static void submit(struct attempt *t)
{
	struct answers *a = t->a;
	struct es_err err = {0};

	t->appended = a->appended;
	if (store_head(a->store, &t->read_at, &err) < 0 ||
	    fold_submit(a->fold, JQ_DECIDE, &t->p, t->read_at,
	    buf_span(&t->line), t, &err) < 0) {
		attempt_fail(t, &err);
		return;
	}
	t->state = ATTEMPT_ASKED;
	a->asked++;
}

/* All that is looked up of one command is read in one snapshot. */
static void ask(struct answers *a, size_t i)
{
	struct attempt *t = answers_at(a, i);
	struct es_err err = {0};

	if (db_read_begin(store_db(a->store), &err) < 0) {
		attempt_fail(t, &err);
		return;
	}
	if (t->stale)
		attempt_again(t);
	if (t->state == ATTEMPT_NEW && !has_to_wait(a, i))
		submit(t);
	db_read_end(store_db(a->store));
}

void answer_add(struct answers *a)
{
	struct attempt *t = answers_at(a, a->n);
	int64_t now = sys_now();

	a->bytes += t->in.line.n;
	a->n++;
	t->state = ATTEMPT_NEW;
	if (a->given || a->what_if || !a->fold)
		return;
	if (a->clock < now)
		a->clock = now;
	t->now = a->clock;
	buf_truncate(&t->key, 0);
	t->stale = true;
	if (attempt_begin(t, &t->fault) < 0)
		attempt_fail(t, &t->fault);
	else
		ask(a, a->n - 1);
}

void answers_ask(struct answers *a)
{
	size_t i;

	for (i = a->done; i < a->n; i++)
		if (answers_at(a, i)->state == ATTEMPT_NEW &&
		    !attempt_must_be_inside(answers_at(a, i)) &&
		    !has_to_wait(a, i))
			ask(a, i);
}

/* ---- waiting for it ---- */

static int collect(struct answers *a, struct es_err *err)
{
	struct fold_result result;
	struct es_err fault = {0};
	int r;

	while ((r = fold_next(a->fold, &result, err)) > 0) {
		struct attempt *t = result.tag;

		t->result = result;
		t->state = ATTEMPT_KNOWN;
		a->asked--;
		if (answer_take_result(t, &fault) < 0)
			set_fault(t, &fault);
	}
	return r;
}

static size_t count(const struct answers *a, size_t n, enum attempt_state s)
{
	size_t i, found = 0;

	for (i = a->done; i < a->done + n; i++)
		found += answers_at(a, i)->state == s;
	return found;
}

int answers_wait(struct answers *a, size_t n, struct es_err *err)
{
	int64_t until = sys_monotonic() + ANSWER_LOCKED_MS;
	const struct attempt *first = answers_at(a, a->done);
	bool alone = count(a, n, ATTEMPT_NEW) > 0;

	for (;;) {
		if (collect(a, err) < 0)
			return -1;
		if (alone ? a->asked == 0 : !count(a, n, ATTEMPT_ASKED))
			return 0;
		if (first->state == ATTEMPT_KNOWN &&
		    sys_monotonic() > until)
			return 0;
		if (fold_wait(a->fold, -1, err) < 0)
			return -1;
	}
}

/*
 * Most answers are there within 0.2 ms, and to sleep and be woken takes 30 us.
 * So look for as long first; where it is in vain, because the handler is slower
 * or there is no processor to spare, it is seldom tried again.
 */
static int look(struct answers *a, const struct attempt *t, struct es_err *err)
{
	int i;

	if (a->sleepy > 0) {
		a->sleepy--;
		return 0;
	}
	for (i = 0; i < LOOKS && t->state == ATTEMPT_ASKED; i++)
		if (collect(a, err) < 0)
			return -1;
	if (t->state == ATTEMPT_ASKED)
		a->sleepy = SLEEPY;
	return 0;
}

int answers_wait_first(struct answers *a, int64_t until, struct es_err *err)
{
	const struct attempt *t = answers_at(a, a->done);
	int64_t left;

	if (look(a, t, err) < 0)
		return -1;
	for (;;) {
		if (collect(a, err) < 0)
			return -1;
		left = until - sys_monotonic();
		if (t->state != ATTEMPT_ASKED || left <= 0)
			return 0;
		if (fold_wait(a->fold, (int)left, err) < 0)
			return -1;
	}
}

