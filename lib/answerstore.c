/* answer: the transactions that store what is decided. */
#include <stdlib.h>

#include "answerimpl.h"
#include "sys.h"

/* ---- a transaction ---- */

#define CAUTION 16

struct round {
	struct answers *a;
	bool open, undone;
	int64_t until;
};

/* It would keep others from the store for too long. */
static bool is_slow(const struct answers *a)
{
	return a->inside_us > ANSWER_LOCKED_MS * 1000;
}

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
		attempt_again(t);
	if (t->state == ATTEMPT_NEW) {
		t->state = ATTEMPT_KNOWN;
		if (store_head(a->store, &head, &err) < 0 ||
		    answer_decide(t, head, &err) < 0)
			attempt_fail(t, &err);
	}
	t->inside = true;
	a->inside_us += ((sys_monotonic() - from) * 1000 - a->inside_us) / 8;
}

/* 1 when t is decided in this round, 0 when it is not its turn yet. */
static int try_inside(struct round *r, struct attempt *t, struct es_err *err)
{
	struct answers *a = r->a;

	if (a->asked > 0 || (!attempt_must_be_inside(t) && (!r->open || is_slow(a))))
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
		attempt_fail(t, &fault);
		return 1;
	}
	t->conflicts++;
	return attempt_must_be_inside(t) ? try_inside(r, t, err) : 0;
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
	/*
	 * As of its reading it was so, and nothing of ours came since; an id
	 * was looked up before that.
	 */
	if (!r->open && t->read_at >= a->newest && t->d.id.p == t->id)
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

	answers_rollback(a);
	r->open = false;
	r->undone = true;
	fold_forget(a->fold);
	for (i = 0; i < n; i++) {
		struct attempt *t = answers_at(a, a->done + i);

		if (t->inside)
			decide_again(t);
		else
			buf_truncate(&t->out.lines, 0);
	}
}

/* 1: stored, 0: the round is over, or undone. */
static int store_one(struct round *r, size_t i, struct es_err *err)
{
	struct attempt *t = answers_at(r->a, r->a->done + i);
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
		attempt_fail(t, &fault);
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
		answers_rollback(a);
		return 0;
	}
	if (store_commit(a->store, err) < 0) {
		answers_rollback(a);
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
	t = i < n ? answers_at(a, a->done) : NULL;
	if (!t || !t->faulted)
		return 0;
	a->failed = t;
	*err = t->fault;
	return -1;
}

/* ---- one that is waited for ---- */

/*
 * What is decided may be stored as it is: nothing came since it was read for,
 * but its own command.
 */
static int store_decided(struct round *r, struct attempt *t,
    struct es_err *err)
{
	struct answers *a = r->a;
	struct es_err fault = {0};
	bool written;

	if (attempt_put(t, &written, &fault) < 0) {
		buf_truncate(&t->out.lines, 0);
		attempt_fail(t, &fault);
		return 0;
	}
	if (commit(r, err) < 0)
		return -1;
	r->open = false;
	a->caution = 0;
	a->done++;
	return 0;
}

static int put_ahead(struct round *r, struct attempt *t, struct es_err *err)
{
	struct store *s = r->a->store;
	struct es_err ignored;
	bool written;

	if (store_before(s) != t->read_at || !store_set_now(s, t->now) ||
	    attempt_put_command(t, &written, &ignored) != 0)
		return 0;
	if (answers_wait_first(r->a, r->until, err) < 0)
		return -1;
	if (t->state != ATTEMPT_KNOWN || attempt_stores_nothing(t))
		return 0;
	t->ahead = true;
	return store_decided(r, t, err);
}

/* 1, 0 when somebody else has the store, -1. */
static int begin_at_once(struct round *r, struct es_err *err)
{
	struct db *db = store_db(r->a->store);
	struct es_err why = {0};
	int was = db->busy_ms, result;

	db->busy_ms = 0;
	result = begin(r, &why);
	db->busy_ms = was;
	if (result == 0)
		return 1;
	if (why.code == ES_BUSY)
		return 0;
	*err = why;
	return -1;
}

/*
 * Whoever sends one command and waits for its answer waits less when the
 * command is appended while the worker decides it.  That keeps others from the
 * store for longer, and is in vain when one of them was quicker, when the
 * answer is no, or comes too late: then it is taken back, to be stored as it is
 * otherwise, and not tried again soon.
 */
static int store_ahead(struct answers *a, struct es_err *err)
{
	struct attempt *t = answers_at(a, a->done);
	struct round r = {.a = a};
	int result;

	if (a->n - a->done != 1 || t->state != ATTEMPT_ASKED || t->position)
		return 0;
	if (a->caution > 0) {
		a->caution--;
		return 0;
	}
	a->caution = CAUTION;
	result = begin_at_once(&r, err);
	if (result <= 0)
		return result;
	result = put_ahead(&r, t, err);
	t->ahead = false;
	if (!r.open)
		return result;
	answers_rollback(a);
	buf_truncate(&t->out.lines, 0);
	t->out.stored = 0;
	t->out.bad_command = false;
	return result;
}

/* ---- all of it ---- */

static int run_plain(struct answers *a, struct es_err *err)
{
	for (; a->done < a->n; a->done++) {
		struct attempt *t = answers_at(a, a->done);

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

	answers_drop_taken(a);
	a->failed = NULL;
	if (a->given || a->what_if)
		return run_plain(a, err);
	if (!a->fold)
		return answers_execute(a, all, err);
	while (a->done < a->n && (all || a->done == 0)) {
		answers_ask(a);
		if (store_ahead(a, err) < 0)
			return -1;
		n = a->n - a->done;
		if (n == 0)
			break;
		/* While the half is stored the worker has the other one. */
		if (!all)
			n = (n + 1) / 2;
		if (answers_wait(a, n, err) < 0 || store_some(a, n, err) < 0)
			return -1;
	}
	return 0;
}
