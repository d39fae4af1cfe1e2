/* finish: what has come of messages goes into the log, with its ack. */
#include <stdlib.h>
#include <string.h>

#include "runnerimpl.h"
#include "sys.h"

/* ---- acknowledging ---- */

/* 1 when the shard is not ours any more. */
static int ack_shard(struct lane *l, int shard, int64_t low,
    struct es_err *err)
{
	int ok = group_ack(l->runner->groups, l->handler->name, shard,
	    l->epoch[shard], low, err);

	if (ok == 0)
		lane_lose_shard(l, shard);
	return ok < 0 ? -1 : ok == 0;
}

static bool all_handled(const struct lane *l)
{
	const struct task *t;

	for (t = l->tasks; t; t = t->next)
		if (!t->handled)
			return false;
	return true;
}

/*
 * Shards without a message of late would stay behind, and be read again by the
 * next process: so they move along when the lane has nothing left to do.
 */
static int ack_lane(struct lane *l, const bool *touched, const int64_t *low,
    struct es_err *err)
{
	bool all = all_handled(l);
	int bad = 0;

	for (int i = 0; i < GROUP_SHARDS && bad == 0; i++)
		if (l->mine[i] && (all || touched[i]))
			bad = ack_shard(l, i, low[i], err);
	if (all && bad == 0)
		l->reads = 0;
	return bad;
}

/*
 * Move the low-water marks of the shards that the batch touched, and remember
 * what is done above them.  1 when a shard is not ours any more.
 */
static int ack_batch(struct lane *l, struct task **batch, size_t n,
    struct es_err *err)
{
	bool touched[GROUP_SHARDS] = {false}, any = false;
	int64_t low[GROUP_SHARDS];
	size_t i;
	int bad;

	for (i = 0; i < n; i++)
		if (batch[i]->lane == l)
			any = touched[batch[i]->part->shard] = true;
	if (!any)
		return 0;
	lane_lows(l, low);
	bad = ack_lane(l, touched, low, err);
	for (i = 0; i < n && bad == 0; i++) {
		struct task *t = batch[i];

		if (t->lane == l && t->handled && !t->retry &&
		    t->position > low[t->part->shard])
			bad = group_done_add(l->runner->groups,
			    l->handler->name, t->part->shard, t->position,
			    err);
	}
	return bad;
}

#define SWEEP_READS 256

int runner_sweep(struct runner *r, struct lane *l, struct es_err *err)
{
	bool none[GROUP_SHARDS] = {false};
	int64_t low[GROUP_SHARDS];
	int bad;

	if (l->view || l->stopped || l->reads < SWEEP_READS || l->tasks ||
	    l->scanned < r->head)
		return 0;
	if (store_begin(r->store, err) < 0)
		return -1;
	lane_lows(l, low);
	bad = ack_lane(l, none, low, err);
	if (bad == 0)
		return store_commit(r->store, err);
	store_rollback(r->store);
	return bad < 0 ? -1 : 0;
}

/* ---- after the commit ---- */

static void fail_part(struct lane *l, struct task *t)
{
	struct part *part = t->part;
	struct runner *r = l->runner;
	double wait = (double)(t->row.retry_at - sys_now()) / 1e6;
	struct buf at = {0};

	free(part->row.reason);
	part->row = t->row;
	part->row.partition = NULL;
	part->row.reason = strdup(t->reason.p);
	part->failing = true;
	/* How a process ended does not tell what it was given. */
	if (t->bare)
		buf_addf(&at, "message %lld: ", (long long)t->position);
	if (part->row.parked) {
		runner_say(r, "%s: %s%s: parked after %d %s; see es-group show "
		    "%s", l->handler->name, at.n ? at.p : "", t->reason.p,
		    t->attempt, t->attempt == 1 ? "try" : "tries",
		    l->handler->name);
		l->told = true;
	} else {
		runner_say(r, "%s: %s%s: try %d failed, again in %.1f s",
		    l->handler->name, at.n ? at.p : "", t->reason.p,
		    t->attempt, wait > 0 ? wait : 0);
	}
	buf_free(&at);
	lane_remove_task(l, t);
	lane_drop_part_tasks(l, part);
}

static void again(struct lane *l, struct task *t)
{
	fold_result_free(&t->fold);
	buf_truncate(&t->reason, 0);
	/* One at a time: the others of a batch come to it later. */
	if (t->conflicts < CONFLICTS_MAX || l->stubborn) {
		lane_make_ready(l, t);
		return;
	}
	t->state = TASK_RUNNING;
	l->stubborn = t;
}

static void settle(struct task *t)
{
	struct lane *l = t->lane;
	struct part *part = t->part;

	switch (t->fate) {
	case FATE_CONFLICT:
		t->conflicts++;
		again(l, t);
		return;
	case FATE_AGAIN:
		again(l, t);
		return;
	case FATE_FAIL:
		fail_part(l, t);
		break;
	case FATE_NEXT:
		part->row.position = t->row.position;
		part->row.attempt = 0;
		part->row.retry_at = 0;
		lane_remove_task(l, t);
		break;
	case FATE_SKIPPED:
		part->row.attempt = -1;
		part->row.retry_at = 0;
		part->row.parked = false;
		lane_remove_task(l, t);
		break;
	case FATE_CLEAR:
		part->failing = false;
		lane_remove_task(l, t);
		break;
	case FATE_DONE:
	case FATE_LOST:
		lane_remove_task(l, t);
		break;
	}
	task_free(t);
}

/* ---- the transaction ---- */

/* The finished tasks of shards that were lost are somebody else's now. */
static size_t drop_lost(struct task **batch, size_t n)
{
	size_t i, kept = 0;

	for (i = 0; i < n; i++) {
		struct task *t = batch[i];

		if (task_is_ours(t)) {
			batch[kept++] = t;
			continue;
		}
		t->fate = FATE_LOST;
		settle(t);
	}
	return kept;
}

static void forget(struct task **batch, size_t n)
{
	for (size_t i = 0; i < n; i++)
		batch[i]->handled = false;
}

/* "campaigns.jq: react: TYPE ID at N: what the store said" */
static int refused_text(struct runner *r, struct task *t, const char *fault,
    struct es_err *err)
{
	const struct handler *h = t->lane->handler;
	struct message m;

	if (store_get(r->store, t->position, &m, err) < 0)
		return -1;
	buf_addf(&t->reason, "%s: %s: %.*s %.*s at %lld: %s", h->path,
	    delivery_decides(h, &m) ? "decide" : "react",
	    (int)m.type.n, m.type.p, (int)m.id.n, m.id.p,
	    (long long)t->position, fault);
	return buf_check(&t->reason, err);
}

/*
 * Try the batch once: 0 committed, 1 try again (a task became a fault, or a
 * shard was lost), -1.
 */
static int try_batch(struct runner *r, struct task **batch, size_t n,
    bool inside, struct es_err *err)
{
	struct es_err fault = {0};
	size_t i;
	int bad;

	if (store_begin(r->store, err) < 0)
		return -1;
	for (i = 0; i < n; i++) {
		struct task *t = batch[i];

		if (runner_apply(r, t, inside, &fault) == 0)
			continue;
		store_rollback(r->store);
		forget(batch, n);
		if (store_at_fault(r->store, &fault) ||
		    t->result == RESULT_FAULT) {
			*err = fault;
			return -1;
		}
		/* What it made cannot be stored: the handler's fault. */
		t->result = RESULT_FAULT;
		t->retryable = t->executed;
		t->bare = false;
		buf_truncate(&t->reason, 0);
		return refused_text(r, t, fault.text, err) < 0 ? -1 : 1;
	}
	for (i = 0, bad = 0; i < r->n_lanes && bad == 0; i++)
		bad = ack_batch(&r->lanes[i], batch, n, err);
	if (bad != 0) {
		store_rollback(r->store);
		forget(batch, n);
		return bad;
	}
	return store_commit(r->store, err);
}

static int check_breaker(struct runner *r, struct lane *l, struct es_err *err)
{
	int parked = 0;

	for (size_t i = 0; i < LANE_BUCKETS; i++)
		for (struct part *p = l->buckets[i]; p; p = p->next)
			parked += p->failing && p->row.parked;
	if (l->stopped || !r->options.breaker || parked < r->options.breaker)
		return 0;
	return runner_stop_group(r, l, "too many parked partitions "
	    "(--breaker)", ES_FAILED, err);
}

static int commit_batch(struct runner *r, struct task **batch, size_t n,
    bool inside, struct es_err *err)
{
	bool failed = false, moved = false;
	size_t i;
	int bad;

	do {
		n = drop_lost(batch, n);
		if (n == 0)
			return 0;
		bad = try_batch(r, batch, n, inside && batch[0]->result !=
		    RESULT_FAULT, err);
	} while (bad > 0);
	if (bad < 0)
		return -1;
	for (i = 0; i < r->n_lanes; i++)
		lane_lows(&r->lanes[i], r->lanes[i].low);
	for (i = 0; i < n; i++) {
		failed |= batch[i]->fate == FATE_FAIL;
		settle(batch[i]);
	}
	if (runner_look(r, &moved, err) < 0)
		return -1;
	for (i = 0; failed && i < r->n_lanes; i++)
		if (check_breaker(r, &r->lanes[i], err) < 0)
			return -1;
	return 0;
}

int runner_commit(struct runner *r, struct es_err *err)
{
	struct task *batch[BATCH_MAX];

	while (r->finished) {
		size_t n = 0;

		while (r->finished && n < BATCH_MAX) {
			struct task *t = r->finished;

			r->finished = t->next_ready;
			t->next_ready = NULL;
			batch[n++] = t;
		}
		if (!r->finished)
			r->finished_last = NULL;
		if (commit_batch(r, batch, n, false, err) < 0)
			return -1;
	}
	return 0;
}

int runner_decide_inside(struct runner *r, struct lane *l, struct es_err *err)
{
	struct task *t = l->stubborn;

	l->stubborn = NULL;
	t->state = TASK_FINISHED;
	return commit_batch(r, &t, 1, true, err);
}

int runner_stop_group(struct runner *r, struct lane *l, const char *reason,
    int code, struct es_err *err)
{
	struct buf text = {0};
	bool moved = false;
	int bad;

	/* The reason may lie in a task that goes away with the lane's. */
	buf_adds(&text, reason);
	bad = buf_check(&text, err);
	if (bad == 0)
		bad = store_begin(r->store, err);
	if (bad == 0 && group_stop(r->groups, l->handler->name, text.p, code,
	    l->handler->hash, err) < 0) {
		store_rollback(r->store);
		bad = -1;
	}
	if (bad == 0)
		bad = store_commit(r->store, err);
	if (bad == 0) {
		runner_say(r, "%s: stopped: %s; when it is mended, start it "
		    "with es-group start %s", l->handler->name, text.p,
		    l->handler->name);
		l->stopped = l->told = true;
		lane_rewind(l);
		bad = runner_look(r, &moved, err);
	}
	buf_free(&text);
	return bad;
}
