/* finish: what has come of one message, inside the transaction. */
#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "hash.h"
#include "runnerimpl.h"
#include "sys.h"

#define RETRIES 5
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000

static int append_made(struct runner *r, struct task *t,
    const struct message *m, bool decides, int64_t *first, int64_t *last,
    struct es_err *err)
{
	struct made *made;
	size_t n;
	int bad;

	if (t->executed)
		return execute_append(r->store, &r->scratch, m,
		    buf_span(&t->lines), decides, first, last, NULL, err);
	if (decide_outputs(&t->fold.reply, &made, &n, err) < 0)
		return -1;
	bad = decides ? decide_only_events(made, n, err) : 0;
	if (bad == 0)
		bad = decide_append(r->store, m, made, n, first, last, NULL,
		    err);
	free(made);
	return bad;
}

static int intern_handler(struct lane *l, int64_t *id, struct es_err *err)
{
	return store_handler(l->runner->store, l->handler->name,
	    l->handler->hash, buf_span(&l->definition), id, err);
}

static int apply_react(struct runner *r, struct task *t,
    const struct message *m, struct es_err *err)
{
	struct provenance p = {.handled = t->position,
	    .attempt = t->attempt, .partition = span_str(t->part->text)};
	int64_t id;
	int bad = append_made(r, t, m, false, &p.first, &p.last, err);

	if (bad < 0 || !p.first)
		return bad;
	p.read_at = t->executed ? t->position : t->fold.read_at;
	return intern_handler(t->lane, &p.handler, err) < 0 ||
	    store_add_provenance(r->store, &p, &id, err) < 0 ? -1 : 0;
}

static int reject(struct runner *r, struct task *t, const struct message *m,
    int64_t *position, struct es_err *err)
{
	bool own = t->reason.n > 0 || t->executed;

	return decide_append_rejection(r->store, m,
	    own ? buf_span(&t->reason) : t->fold.reply.reason,
	    own ? SPAN_NONE : t->fold.reply.detail, position, NULL, err);
}

static int apply_decide(struct runner *r, struct task *t,
    const struct message *m, bool inside, struct es_err *err)
{
	struct lane *l = t->lane;
	struct partition p = {0};
	struct buf reason = {0};
	enum outcome outcome;
	int64_t handler, first = 0, last = 0;
	int64_t read_at = t->executed ? t->seen : t->fold.read_at;
	bool conflict = false;
	int bad = -1;

	if (store_outcome(r->store, t->position, &outcome, NULL, NULL,
	    err) < 0)
		return -1;
	if (outcome != OUTCOME_NONE)
		return 0;	/* es-decide was quicker */
	if (decide_partition(r->store, l->handler, m, &p, &reason, err) < 0)
		goto out;
	/* A command refused for its partition has read nothing. */
	if (t->reason.n > 0 && !t->executed)
		read_at = t->position;
	else if (!inside && decide_conflict(r->store, l->handler, &p, read_at,
	    &conflict, err) < 0)
		goto out;
	if (conflict) {
		t->fate = FATE_CONFLICT;
		bad = 0;
		goto out;
	}
	if (t->result == RESULT_REJECTED) {
		if (reject(r, t, m, &first, err) < 0)
			goto out;
		last = first;
	} else if (append_made(r, t, m, true, &first, &last, err) < 0) {
		goto out;
	}
	if (intern_handler(l, &handler, err) < 0 ||
	    decide_record(r->store, l->handler, t->position, handler, &p,
	    read_at, t->attempt, t->result == RESULT_REJECTED ?
	    OUTCOME_REJECTED : OUTCOME_DECIDED, first, last, err) < 0)
		goto out;
	bad = 0;
out:
	partition_free(&p);
	buf_free(&reason);
	return bad;
}

/* ---- failures ---- */

static int64_t backoff(const struct handler *h, int attempt)
{
	int64_t ms = h->backoff_ms >= 0 ? h->backoff_ms : BACKOFF_MS;
	int64_t most = ms > BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
	uint32_t random = 0;

	while (--attempt > 0 && ms < most)
		ms *= 2;
	if (ms > most)
		ms = most;
	hash_random(&random, sizeof random, NULL);
	/* jitter: 20 % either way */
	return ms * 800 + ms * 400 * (random % 1001) / 1000;
}

static int apply_fault(struct runner *r, struct task *t,
    const struct message *m, struct es_err *err)
{
	const struct handler *h = t->lane->handler;
	int retries = h->retries >= 0 ? h->retries : RETRIES;
	char id[MESSAGE_ID_BYTES + 1];
	struct span id_span = {id, m->id.n};
	bool skipped = false;

	if (t->retry && group_is_skipped(r->groups, h->name, t->part->text,
	    &skipped, err) < 0)
		return -1;
	if (skipped) {
		t->fate = FATE_SKIPPED;
		return 0;
	}
	if (!t->reason.n)
		decide_fault_text(h, &t->fold, m, &t->reason);
	if (buf_check(&t->reason, err) < 0)
		return -1;
	memcpy(id, m->id.p, m->id.n);
	t->fate = FATE_FAIL;
	t->row = (struct group_failing){.partition = t->part->text,
	    .shard = t->part->shard, .position = t->position,
	    .attempt = t->attempt, .reason = t->reason.p,
	    .parked = !t->retryable || t->attempt > retries};
	if (!t->row.parked)
		t->row.retry_at = sys_now() + backoff(h, t->attempt);
	if (group_failing_put(r->groups, h->name, &t->row, err) < 0)
		return -1;
	return t->row.parked ? group_parked(r->groups, h->name, &t->row,
	    id_span, err) : 0;
}

/* A retry that went well: its partition goes on. */
static int apply_recovery(struct runner *r, struct task *t,
    struct es_err *err)
{
	struct lane *l = t->lane;
	int64_t next;

	if (!t->retry || t->fate != FATE_DONE)
		return 0;
	if (lane_next_of_part(l, t->part, t->position, &next, err) < 0)
		return -1;
	if (!next) {
		t->fate = FATE_CLEAR;
		return group_failing_remove(r->groups, l->handler->name,
		    t->part->text, err);
	}
	t->fate = FATE_NEXT;
	t->row = (struct group_failing){.partition = t->part->text,
	    .shard = t->part->shard, .position = next};
	return group_failing_put(r->groups, l->handler->name, &t->row, err);
}

/* ---- whatever came of it ---- */

static int decide_now(struct runner *r, struct task *t,
    const struct message *m, struct es_err *err)
{
	struct partition p = {0};
	int bad;

	bad = task_line(t, m, err);
	if (bad > 0)
		t->result = RESULT_FAULT;
	if (bad != 0)
		return bad < 0 ? -1 : 0;
	/* It was decided before, so there is no reason why it could not be. */
	if (decide_partition(r->store, t->lane->handler, m, &p, &t->reason,
	    err) < 0)
		return -1;
	fold_result_free(&t->fold);
	bad = fold_call(t->lane->fold, JQ_DECIDE, &p, store_before(r->store),
	    (struct span){r->line.p, r->line.n - 1}, &t->fold, err);
	partition_free(&p);
	if (bad < 0)
		return -1;
	t->result = task_reply(t);
	return 0;
}

/*
 * What came of a task may be made of a message that was erased while it ran:
 * then it runs again.  An executable was given its message before, and no
 * other.
 */
static int is_outdated(struct runner *r, struct task *t, struct es_err *err)
{
	bool any = false;

	if (!t->executed && t->result != RESULT_NONE && find_erased(r->store,
	    t->seen, store_before(r->store), &any, err) < 0)
		return -1;
	if (!any)
		return 0;
	t->fate = FATE_AGAIN;
	return 1;
}

int runner_apply(struct runner *r, struct task *t, bool inside,
    struct es_err *err)
{
	struct message m;
	bool decides;
	int got, bad = 0;
	struct arena keep = {0};

	t->fate = FATE_DONE;
	if (!inside && (bad = is_outdated(r, t, err)) != 0)
		return bad < 0 ? -1 : 0;
	got = store_get(r->store, t->position, &m, err);
	if (got < 0)
		return -1;
	if (got == 0 || m.erased_at || t->result == RESULT_NONE) {
		t->handled = true;
		return apply_recovery(r, t, err);
	}
	/* store_get()'s text goes with the next store call. */
	m.id = arena_copy(&keep, m.id);
	m.correlation_id = arena_copy(&keep, m.correlation_id);
	m.tags = arena_copy(&keep, m.tags);
	m.payload = arena_copy(&keep, m.payload);
	m.metadata = arena_copy(&keep, m.metadata);
	m.causation_id = arena_copy(&keep, m.causation_id);
	m.created_at = arena_copy(&keep, m.created_at);
	if (keep.failed)
		bad = es_fail_nomem(err);
	decides = delivery_decides(t->lane->handler, &m);
	if (bad == 0 && inside)
		bad = decide_now(r, t, &m, err);
	if (bad == 0 && t->result == RESULT_REJECTED && !decides)
		t->result = RESULT_FAULT;
	if (bad == 0)
		bad = t->result == RESULT_FAULT ? apply_fault(r, t, &m, err) :
		    decides ? apply_decide(r, t, &m, inside, err) :
		    apply_react(r, t, &m, err);
	if (bad == 0)
		bad = apply_recovery(r, t, err);
	if (bad == 0)
		t->handled = t->fate != FATE_CONFLICT;
	arena_free(&keep);
	return bad;
}
