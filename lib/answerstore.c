/* answer: the window of commands, and the transactions that store them. */
#include <stdlib.h>

#include "answerimpl.h"
#include "sys.h"

/* Longer lines are not waited for, nor is their memory kept. */
#define WINDOW_BYTES ((size_t)4 * 1024 * 1024)
#define KEPT_BYTES ((size_t)64 * 1024)

static struct attempt *at(const struct answers *a, size_t i)
{
	return a->ring[(a->first + i) % ANSWER_WINDOW];
}

static void set_fault(struct attempt *t, const struct es_err *err)
{
	t->state = ATTEMPT_KNOWN;
	t->faulted = true;
	t->fault = *err;
}

/* A fault that no other reading would change. */
static void set_certain(struct attempt *t, const struct es_err *err)
{
	set_fault(t, err);
	t->certain = true;
}

/* ---- in ---- */

static void drop_taken(struct answers *a)
{
	struct attempt *t = at(a, 0);

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

	drop_taken(a);
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
	drop_taken(a);
	if (a->done == 0)
		return NULL;
	a->taken = true;
	*place = at(a, 0)->in.place;
	return &at(a, 0)->out;
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
	const struct attempt *t = at(a, i), *o;

	while (i-- > a->done) {
		o = at(a, i);
		if (o->hash == t->hash && o->key.n && span_eq(
		    buf_span(&o->key), buf_span(&t->key)))
			return true;
	}
	return false;
}

/* It would keep others from the store for too long. */
static bool is_slow(const struct answers *a)
{
	return a->inside_us > ANSWER_LOCKED_MS * 1000;
}

/* Outside it would be overtaken again. */
static bool must_be_inside(const struct attempt *t)
{
	return t->a->retries > 0 && t->conflicts >= t->a->retries;
}

static void prepare(struct attempt *t)
{
	struct es_err err = {0};

	t->stale = false;
	if (attempt_prepare(t, &err) < 0)
		set_certain(t, &err);
}

static void ask(struct attempt *t)
{
	struct answers *a = t->a;
	struct es_err err = {0};

	if (t->stale)
		prepare(t);
	if (t->state != ATTEMPT_NEW)
		return;
	t->appended = a->appended;
	if (store_head(a->store, &t->read_at, &err) < 0 ||
	    fold_submit(a->fold, JQ_DECIDE, &t->p, t->read_at,
	    buf_span(&t->line), t, &err) < 0) {
		set_certain(t, &err);
		return;
	}
	t->state = ATTEMPT_ASKED;
	a->asked++;
}

void answer_add(struct answers *a)
{
	struct attempt *t = at(a, a->n);
	int64_t now = sys_now();

	a->bytes += t->in.line.n;
	a->n++;
	t->state = ATTEMPT_NEW;
	if (a->given || a->what_if)
		return;
	if (a->clock < now)
		a->clock = now;
	t->now = a->clock;
	buf_truncate(&t->key, 0);
	if (attempt_begin(t, &t->fault) < 0)
		set_certain(t, &t->fault);
	else
		prepare(t);
	if (t->state == ATTEMPT_NEW && !has_to_wait(a, a->n - 1))
		ask(t);
}

static void ask_more(struct answers *a)
{
	size_t i;

	for (i = a->done; i < a->n; i++)
		if (at(a, i)->state == ATTEMPT_NEW &&
		    !must_be_inside(at(a, i)) && !has_to_wait(a, i))
			ask(at(a, i));
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
		found += at(a, i)->state == s;
	return found;
}

/*
 * Until the next n are decided as far as they can be outside, or the first one
 * is and the others take long.  Who is to be decided inside has the worker for
 * himself.
 */
static int wait_for(struct answers *a, size_t n, struct es_err *err)
{
	int64_t until = sys_monotonic() + ANSWER_LOCKED_MS;
	const struct attempt *first = at(a, a->done);
	bool alone = count(a, n, ATTEMPT_NEW) > 0;

	for (;;) {
		if (collect(a, err) < 0)
			return -1;
		if (alone ? a->asked == 0 : !count(a, n, ATTEMPT_ASKED))
			return 0;
		if (first->state == ATTEMPT_KNOWN &&
		    sys_monotonic() > until)
			return 0;
		if (fold_wait(a->fold, err) < 0)
			return -1;
	}
}

/* ---- a transaction ---- */

struct round {
	struct answers *a;
	bool open, undone;
	int64_t until;
};

static int begin(struct round *r, struct es_err *err)
{
	if (r->open)
		return 0;
	if (store_begin(r->a->store, err) < 0)
		return -1;
	r->open = true;
	r->until = sys_monotonic() + ANSWER_LOCKED_MS;
	return 0;
}

/* Whether another process has, since t was read for. */
static bool others_appended(const struct attempt *t)
{
	const struct answers *a = t->a;

	return store_before(a->store) - t->read_at >
	    a->appended - t->appended;
}

static void decide_again(struct attempt *t)
{
	attempt_forget(t);
	t->stale = true;
}

static void decide_inside(struct attempt *t)
{
	struct answers *a = t->a;
	int64_t head, from = sys_monotonic();
	struct es_err err = {0};

	if (!store_set_now(a->store, t->now)) {
		t->now = a->clock = store_now(a->store);
		t->stale = true;
	}
	/* One of before may have had its id, or decided it. */
	if (t->stale || t->position || t->d.id.p != t->id)
		prepare(t);
	if (t->state == ATTEMPT_NEW) {
		t->state = ATTEMPT_KNOWN;
		if (store_head(a->store, &head, &err) < 0 ||
		    answer_decide(t, head, &err) < 0)
			set_certain(t, &err);
	}
	t->inside = true;
	a->inside_us += ((sys_monotonic() - from) * 1000 - a->inside_us) / 8;
}

/* 1 when t is decided in this round, 0 when it is not its turn yet. */
static int try_inside(struct round *r, struct attempt *t, struct es_err *err)
{
	struct answers *a = r->a;

	if (a->asked > 0 || (!must_be_inside(t) && (!r->open || is_slow(a))))
		return 0;
	if (begin(r, err) < 0)
		return -1;
	decide_inside(t);
	return 1;
}

/* The same of one that was decided, but not as of now. */
static int try_again(struct round *r, struct attempt *t, struct es_err *err)
{
	struct answers *a = r->a;
	struct es_err fault = {0};

	decide_again(t);
	if (!r->open || !others_appended(t))
		return try_inside(r, t, err);
	if (a->retries == 0) {
		es_fail(&fault, ES_CONFLICT, "conflict: something came that "
		    "it may have read");
		t->out.bad_command = true;
		set_certain(t, &fault);
		return 1;
	}
	t->conflicts++;
	return must_be_inside(t) ? try_inside(r, t, err) : 0;
}

/* 1 when t's answer is one as of now. */
static int settle(struct round *r, struct attempt *t, struct es_err *err)
{
	struct answers *a = r->a;
	int changed;

	if (t->state == ATTEMPT_NEW)
		return try_inside(r, t, err);
	if (t->state != ATTEMPT_KNOWN)
		return 0;
	if (t->told || t->certain)
		return 1;
	if (!attempt_stores_nothing(t) && begin(r, err) < 0)
		return -1;
	/* As of its reading it was so, and nothing of ours came since. */
	if (!r->open && t->read_at >= a->newest)
		return 1;
	changed = attempt_changed(t, err);
	if (changed < 0)
		return -1;
	if (changed)
		return try_again(r, t, err);
	if (attempt_stores_nothing(t) || t->position ||
	    store_set_now(a->store, t->now))
		return 1;
	/* The log's clock is ahead of what the handler was told. */
	t->now = a->clock = store_now(a->store);
	decide_again(t);
	return try_inside(r, t, err);
}

/*
 * Nothing of this round is in the log.  What the worker has read of it is
 * forgotten, and who was told of it is decided again.
 */
static void undo(struct round *r, size_t n)
{
	struct answers *a = r->a;
	size_t i;

	store_rollback(a->store);
	r->open = false;
	r->undone = true;
	fold_forget(a->fold);
	for (i = 0; i < n; i++) {
		struct attempt *t = at(a, a->done + i);

		if (t->inside)
			decide_again(t);
		else
			buf_truncate(&t->out.lines, 0);
	}
}

/* 1: stored, 0: the round is over, or undone. */
static int store_one(struct round *r, size_t i, struct es_err *err)
{
	struct attempt *t = at(r->a, r->a->done + i);
	struct es_err fault = {0};
	bool written;
	int bad = settle(r, t, err);

	if (bad <= 0 || t->faulted)
		return bad < 0 ? -1 : 0;
	if (attempt_stores_nothing(t))
		return 1;
	bad = attempt_put(t, &written, &fault);
	if (bad == 0)
		return 1;
	if (written)
		undo(r, i);
	if (bad < 0) {
		set_certain(t, &fault);
		return 0;
	}
	decide_again(t);
	/* Its id is there by now; or it became another, by another catalog. */
	if (!written)
		return store_one(r, i, err);
	t->conflicts++;
	return 0;
}

static int commit(struct round *r, struct es_err *err)
{
	struct answers *a = r->a;
	int64_t head;

	if (!r->open)
		return 0;
	if (store_head(a->store, &head, NULL) == 0 &&
	    head == store_before(a->store)) {
		store_rollback(a->store);
		return 0;
	}
	if (store_commit(a->store, err) < 0) {
		store_rollback(a->store);
		fold_forget(a->fold);
		return -1;
	}
	a->appended += head - store_before(a->store);
	a->newest = head;
	return 0;
}

/* Store the next n, as far as that goes in one transaction. */
static int store_some(struct answers *a, size_t n, struct es_err *err)
{
	struct round r = {.a = a};
	struct attempt *t;
	size_t i = 0;
	int more = 1;

	while (more > 0 && i < n &&
	    !(r.open && sys_monotonic() > r.until)) {
		more = store_one(&r, i, err);
		i += more > 0;
	}
	if (more < 0) {
		if (r.open)
			undo(&r, i);
		return -1;
	}
	a->inside_us -= a->inside_us / 32;
	if (r.undone)
		return 0;
	if (commit(&r, err) < 0)
		return -1;
	a->done += i;
	t = i < n ? at(a, a->done) : NULL;
	if (!t || !t->faulted)
		return 0;
	a->failed = t;
	*err = t->fault;
	return -1;
}

/* ---- all of it ---- */

static int run_plain(struct answers *a, struct es_err *err)
{
	for (; a->done < a->n; a->done++) {
		struct attempt *t = at(a, a->done);

		attempt_forget(t);
		t->now = a->as_of_time;
		if ((a->given ? answer_given(t, err) :
		    answer_what_if(t, err)) < 0) {
			a->failed = t;
			return -1;
		}
	}
	return 0;
}

int answers_run(struct answers *a, bool all, struct es_err *err)
{
	size_t n;

	drop_taken(a);
	a->failed = NULL;
	if (a->given || a->what_if)
		return run_plain(a, err);
	while (a->done < a->n && (all || a->done == 0)) {
		ask_more(a);
		n = a->n - a->done;
		/* While the half is stored the worker has the other one. */
		if (!all)
			n = (n + 1) / 2;
		if (wait_for(a, n, err) < 0 || store_some(a, n, err) < 0)
			return -1;
	}
	return 0;
}
