/* start: handing messages to jq workers, and taking back. */
#include "runnerimpl.h"

void runner_finish(struct runner *r, struct task *t, enum task_result result)
{
	t->state = TASK_FINISHED;
	t->result = result;
	t->next_ready = NULL;
	if (r->finished_last)
		r->finished_last->next_ready = t;
	else
		r->finished = t;
	r->finished_last = t;
}

int task_line(struct task *t, const struct message *m, struct es_err *err)
{
	struct lane *l = t->lane;
	struct runner *r = l->runner;
	struct message shown = *m;
	int bad = upcast_message(r->upcast, store_catalog(r->store), &shown,
	    err);

	if (bad < 0)
		return -1;
	if (bad == UPCAST_FAULT) {
		buf_addf(&t->reason, "%s: upcast: %.*s %.*s at %lld: %s",
		    l->handler->path, (int)m->type.n, m->type.p,
		    (int)m->id.n, m->id.p, (long long)m->position,
		    upcast_fault(r->upcast));
		return buf_check(&t->reason, err) < 0 ? -1 : 1;
	}
	buf_truncate(&r->line, 0);
	message_print(&r->line, &shown);
	return buf_check(&r->line, err);
}

/* ---- jq ---- */

static int start_jq(struct lane *l, struct task *t, const struct message *m,
    struct es_err *err)
{
	struct runner *r = l->runner;
	struct partition p = {0};
	bool complete, many, decides = delivery_decides(l->handler, m);
	int bad;

	bad = task_line(t, m, err);
	if (bad > 0)
		runner_finish(r, t, RESULT_FAULT);
	if (bad != 0)
		return bad < 0 ? -1 : 0;
	bad = decides ? decide_partition(r->store, l->handler, m, &p,
	    &t->reason, err) : partition_of(r->store, l->handler, m, &p,
	    &complete, &many, err);
	if (bad < 0)
		return -1;
	if (t->reason.n) {
		runner_finish(r, t, RESULT_REJECTED);
		partition_free(&p);
		return 0;
	}
	bad = fold_submit(l->fold, decides ? JQ_DECIDE : JQ_REACT, &p,
	    decides ? r->head : t->position,
	    (struct span){r->line.p, r->line.n - 1}, t, err);
	partition_free(&p);
	if (bad < 0)
		return -1;
	t->state = TASK_RUNNING;
	l->running++;
	return 0;
}

enum task_result task_reply(struct task *t)
{
	enum jqrun_result result = t->fold.reply.result;

	t->retryable = result == JQ_DEADLINE || result == JQ_MEMORY ||
	    result == JQ_CRASH;
	return result == JQ_OK ? RESULT_OK :
	    result == JQ_REJECTED ? RESULT_REJECTED : RESULT_FAULT;
}

int lane_collect(struct lane *l, bool *progress, struct es_err *err)
{
	struct fold_result result = {0};
	int r;

	if (!l->fold)
		return 0;
	while ((r = fold_next(l->fold, &result, err)) > 0) {
		struct task *t = result.tag;

		t->fold = result;
		result = (struct fold_result){0};
		l->running--;
		runner_finish(l->runner, t, task_reply(t));
		*progress = true;
	}
	fold_result_free(&result);
	return r;
}

/* ---- jq workers and executables ---- */

static bool may_start(const struct lane *l)
{
	if (!l->ready || l->stopped || l->stubborn || l->runner->draining)
		return false;
	return l->fold ? l->running < JQ_PIPELINE : lane_may_execute(l);
}

static struct task *take_ready(struct lane *l)
{
	struct task *t = l->ready;

	l->ready = t->next_ready;
	if (!l->ready)
		l->ready_last = NULL;
	t->next_ready = NULL;
	return t;
}

static int start_task(struct lane *l, struct task *t, struct es_err *err)
{
	struct message m;
	int r = store_get(l->runner->store, t->position, &m, err);

	if (r < 0)
		return -1;
	t->seen = l->runner->head;
	if (r == 0 || m.erased_at) {
		runner_finish(l->runner, t, RESULT_NONE);
		return 0;
	}
	return l->fold ? start_jq(l, t, &m, err) :
	    lane_execute(l, t, &m, err);
}

int lane_dispatch(struct lane *l, bool *progress, struct es_err *err)
{
	while (may_start(l)) {
		struct task *t = take_ready(l);

		*progress = true;
		if (start_task(l, t, err) < 0)
			return -1;
	}
	return 0;
}
