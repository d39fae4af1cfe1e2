/* answer: a command decided in a store. */
#include <stdlib.h>

#include "answerimpl.h"
#include "sys.h"

/* One command on its way to its answer. */
struct attempt {
	struct answers *a;
	struct answer *out;
	struct draft d;
	int64_t position;	/* where it is stored; 0: it is new */
	int64_t now;		/* its stored_at, while it is new */
	int64_t least;		/* the log's clock may be ahead of ours */
	struct message m;	/* what the handler is given: a->line */
	struct partition p;
	struct fold_result result;
	int64_t read_at;
	bool read;		/* the answer depends on what was read */
	int conflicts;
};

static void forget(struct attempt *t)
{
	partition_free(&t->p);
	fold_result_free(&t->result);
}

/* ---- a command that the log holds ---- */

static int look_up(struct attempt *t, struct es_err *err)
{
	struct store *s = t->a->store;
	int r = store_find_id(s, t->d.id, &t->position, err);

	if (r < 0)
		return -1;
	if (r == 0) {
		t->position = 0;
		return 0;
	}
	/* Whose id it has must be itself; a schedule's is refused here. */
	if (store_check(s, &t->d, err) < 0) {
		t->out->bad_command = true;
		return -1;
	}
	return 0;
}

static int tell_events(struct attempt *t, int64_t first, int64_t last,
    struct es_err *err)
{
	struct message m;
	int64_t p;

	for (p = first; p > 0 && p <= last; p++) {
		if (store_get(t->a->store, p, &m, err) < 0)
			return -1;
		message_print(&t->out->lines, &m);
	}
	return buf_check(&t->out->lines, err);
}

static int tell_rejection(struct attempt *t, int64_t at, struct es_err *err)
{
	struct json_doc doc = {0};
	struct buf reason = {0};
	struct span detail = SPAN_NONE;
	struct message m;
	uint32_t node;
	int r = at ? store_get(t->a->store, at, &m, err) : 0;

	if (r > 0)
		r = json_parse(&doc, m.payload.p, m.payload.n, err);
	if (r == 0 && doc.n) {
		node = json_get(&doc, 0, "reason");
		if (node != JSON_NONE && doc.nodes[node].type == JSON_STRING)
			json_decode(&doc, node, &reason);
		node = json_get(&doc, 0, "detail");
		if (node != JSON_NONE && doc.nodes[node].type != JSON_NULL)
			detail = json_text(&doc, node);
	}
	answer_reject(t->out, buf_span(&reason), detail);
	buf_free(&reason);
	json_free(&doc);
	return r;
}

/* 1: it has an outcome, and that is the answer. */
static int tell_outcome(struct attempt *t, struct es_err *err)
{
	enum outcome outcome;
	int64_t first, last;

	if (!t->position)
		return 0;
	if (store_outcome(t->a->store, t->position, &outcome, &first, &last,
	    err) < 0)
		return -1;
	if (outcome == OUTCOME_NONE)
		return 0;
	t->out->stored = last > t->position ? last : t->position;
	if (outcome == OUTCOME_SKIPPED)
		t->out->kind = ANSWER_SKIPPED;
	else if (outcome == OUTCOME_DECIDED &&
	    tell_events(t, first, last, err) < 0)
		return -1;
	else if (outcome == OUTCOME_REJECTED &&
	    tell_rejection(t, first, err) < 0)
		return -1;
	return 1;
}

/* ---- deciding ---- */

static int preview(struct attempt *t, struct buf *line, struct es_err *err)
{
	buf_truncate(line, 0);
	if (store_preview(t->a->store, &t->d, t->now, line, err) < 0) {
		t->out->bad_command = true;
		return -1;
	}
	buf_truncate(line, line->n - 1);
	return 0;
}

static int stored_line(struct attempt *t, struct buf *line,
    struct es_err *err)
{
	struct message m;

	if (store_get(t->a->store, t->position, &m, err) < 0)
		return -1;
	buf_truncate(line, 0);
	message_print(line, &m);
	if (buf_check(line, err) < 0)
		return -1;
	buf_truncate(line, line->n - 1);
	return 0;
}

/* The command's text, the message in it and its partition. */
static int take_command(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;

	if (t->position ? stored_line(t, &a->line, err) :
	    preview(t, &a->line, err))
		return -1;
	if (message_parse_stored(&a->scratch, a->line.p, a->line.n, &t->m,
	    err) < 0)
		return -1;
	if (t->m.kind != KIND_COMMAND) {
		t->out->bad_command = true;
		return es_fail(err, ES_FAILED, "kind: it is stored as an "
		    "event, at position %lld", (long long)t->position);
	}
	if (decide_partition(a->store, a->handler, &t->m, &t->p,
	    &t->out->reason, err) < 0)
		return -1;
	if (t->out->reason.n)
		t->out->kind = ANSWER_REJECTED;
	return 0;
}

static int decide(struct attempt *t, struct es_err *err)
{
	if (store_head(t->a->store, &t->read_at, err) < 0 ||
	    take_command(t, err) < 0)
		return -1;
	t->read = t->out->kind != ANSWER_REJECTED;
	return !t->read ? 0 : answer_decide(t->a, &t->m, &t->p, t->read_at,
	    &t->result, t->out, err);
}

/* ---- storing ---- */

/*
 * In the transaction: 1 when the command or what was read for it is another
 * than when it was decided.
 */
static int has_changed(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;
	enum outcome outcome = OUTCOME_NONE;
	int64_t position;
	bool conflict = false;
	int r = store_find_id(a->store, t->d.id, &position, err);

	if (r < 0)
		return -1;
	if (position != t->position && r > 0)
		return 1;
	if (t->position && store_outcome(a->store, t->position, &outcome,
	    NULL, NULL, err) < 0)
		return -1;
	if (outcome != OUTCOME_NONE)
		return 1;
	if (t->read && decide_conflict(a->store, a->handler, &t->p,
	    t->read_at, &conflict, err) < 0)
		return -1;
	if (conflict)
		return 1;
	if (t->position)
		return 0;
	/* The handler was told when it is stored, and what. */
	if (!store_set_now(a->store, t->now)) {
		t->least = store_now(a->store);
		return 1;
	}
	return preview(t, &a->again, err) < 0 ? -1 :
	    !span_eq(buf_span(&a->line), buf_span(&a->again));
}

static int put_events(struct attempt *t, int64_t *first, int64_t *last,
    struct es_err *err)
{
	struct answers *a = t->a;
	struct made *made;
	size_t n;
	int r;

	if (decide_outputs(&t->result.reply, &made, &n, err) < 0)
		return -1;
	r = decide_only_events(made, n, err) < 0 ? -1 :
	    decide_append(a->store, &t->m, made, n, first, last,
	    &t->out->lines, err);
	free(made);
	return r < 0 ? answer_at_handler(a->handler, &t->m, err) : 0;
}

static int put(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;
	bool rejected = t->out->kind == ANSWER_REJECTED;
	int64_t command = t->position, first = 0, last = 0, handler;
	struct appended stored;

	if (!command) {
		if (store_append(a->store, &t->d, &stored, err) < 0) {
			t->out->bad_command = true;
			return -1;
		}
		command = stored.position;
	}
	if (rejected) {
		if (decide_append_rejection(a->store, &t->m,
		    buf_span(&t->out->reason), t->out->detail.n ?
		    buf_span(&t->out->detail) : SPAN_NONE, &first, NULL,
		    err) < 0)
			return answer_at_handler(a->handler, &t->m, err);
		last = first;
	} else if (put_events(t, &first, &last, err) < 0) {
		return -1;
	}
	t->out->stored = last > command ? last : command;
	return store_handler(a->store, a->handler->name, a->handler->hash,
	    buf_span(&a->definition), &handler, err) < 0 ? -1 :
	    decide_record(a->store, a->handler, command, handler, &t->p,
	    t->read_at, t->conflicts + 1, rejected ? OUTCOME_REJECTED : OUTCOME_DECIDED,
	    first, last, err);
}

/* ---- attempts ---- */

/* A command that was never in the log leaves nothing there when rejected. */
static bool nothing_to_store(const struct attempt *t)
{
	return !t->position && t->out->kind == ANSWER_REJECTED;
}

/* 1: decide once more.  The transaction is the caller's to roll back. */
static int optimistic(struct attempt *t, struct es_err *err)
{
	struct store *s = t->a->store;
	int r;

	if (store_refresh(s, err) < 0 || look_up(t, err) < 0)
		return -1;
	r = tell_outcome(t, err);
	if (r != 0)
		return r < 0 ? -1 : 0;
	t->now = sys_now();
	if (t->now < t->least)
		t->now = t->least;
	if (decide(t, err) < 0)
		return -1;
	if (nothing_to_store(t))
		return 0;
	if (store_begin(s, err) < 0)
		return -1;
	r = has_changed(t, err);
	if (r == 0)
		r = put(t, err) < 0 || store_commit(s, err) < 0 ? -1 : 0;
	return r;
}

/* Nobody else writes meanwhile, so nothing changes. */
static int pessimistic(struct attempt *t, struct es_err *err)
{
	struct store *s = t->a->store;
	int r;

	if (store_begin(s, err) < 0 || look_up(t, err) < 0)
		return -1;
	r = tell_outcome(t, err);
	if (r < 0)
		return -1;
	t->now = store_now(s);
	if (r == 0 && decide(t, err) < 0)
		return -1;
	if (r > 0 || nothing_to_store(t)) {
		store_rollback(s);
		return 0;
	}
	return put(t, err) < 0 || store_commit(s, err) < 0 ? -1 : 0;
}

int answer_command(struct answers *a, const struct draft *d,
    struct answer *out, struct es_err *err)
{
	struct attempt t = {.a = a, .out = out, .d = *d};
	int r;

	answer_begin(out);
	t.d.kind = KIND_COMMAND;
	if (answer_check(a->handler, d->kind, d->type, err) < 0 ||
	    (!d->id.p && answer_new_id(a, &t.d.id, err) < 0)) {
		out->bad_command = true;
		return -1;
	}
	do {
		answer_begin(out);
		r = t.conflicts < ANSWER_CONFLICTS ? optimistic(&t, err) :
		    pessimistic(&t, err);
		if (r != 0)
			store_rollback(a->store);
		forget(&t);
		t.conflicts++;
	} while (r > 0);
	return r;
}
