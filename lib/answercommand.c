/* answer: one command, from its draft to what of it is in the log. */
#include <stdlib.h>
#include <string.h>

#include "answerimpl.h"

void attempt_forget(struct attempt *t)
{
	answer_begin(&t->out);
	fold_result_free(&t->result);
	t->state = ATTEMPT_NEW;
	t->read = t->told = t->inside = t->faulted = t->certain = false;
}

/* ---- a command that the log holds ---- */

static int look_up(struct attempt *t, struct es_err *err)
{
	struct store *s = t->a->store;
	int r;

	t->position = 0;
	if (t->d.id.p == t->id)
		return 0;
	r = store_find_id(s, t->d.id, &t->position, err);
	if (r < 0)
		return -1;
	if (r == 0) {
		t->position = 0;
		return 0;
	}
	/* Whose id it has must be itself; a schedule's is refused here. */
	if (store_check(s, &t->d, err) < 0) {
		t->out.bad_command = true;
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
		message_print(&t->out.lines, &m);
	}
	return buf_check(&t->out.lines, err);
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
	answer_reject(&t->out, buf_span(&reason), detail);
	buf_free(&reason);
	json_free(&doc);
	return r;
}

/* 1: it has an outcome, and that is the answer. */
static int tell_outcome(struct attempt *t, struct es_err *err)
{
	enum outcome outcome;
	int64_t first, last;

	if (!t->position || t->a->what_if)
		return 0;
	if (store_outcome(t->a->store, t->position, &outcome, &first, &last,
	    err) < 0)
		return -1;
	if (outcome == OUTCOME_NONE)
		return 0;
	t->out.stored = last > t->position ? last : t->position;
	if (outcome == OUTCOME_SKIPPED)
		t->out.kind = ANSWER_SKIPPED;
	else if (outcome == OUTCOME_DECIDED &&
	    tell_events(t, first, last, err) < 0)
		return -1;
	else if (outcome == OUTCOME_REJECTED &&
	    tell_rejection(t, first, err) < 0)
		return -1;
	return 1;
}

/* ---- its text and its partition ---- */

static int preview(struct attempt *t, struct es_err *err)
{
	buf_truncate(&t->line, 0);
	if (store_preview(t->a->store, &t->d, t->now, &t->line, err) < 0) {
		t->out.bad_command = true;
		return -1;
	}
	buf_truncate(&t->line, t->line.n - 1);
	return 0;
}

static int stored_line(struct attempt *t, struct es_err *err)
{
	struct buf *line = &t->line;
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

static uint64_t hash_of(struct span s)
{
	uint64_t h = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
	return h;
}

static int find_partition(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;

	partition_free(&t->p);
	if (decide_partition(a->store, a->handler, &t->m, &t->p,
	    &t->out.reason, err) < 0)
		return -1;
	buf_truncate(&t->key, 0);
	partition_print(&t->p, &t->key);
	t->hash = hash_of(buf_span(&t->key));
	if (t->out.reason.n) {
		t->out.kind = ANSWER_REJECTED;
		t->state = ATTEMPT_KNOWN;
	}
	return buf_check(&t->key, err);
}

/* One that was stored as an older version: t->m goes on being what it was. */
static int upcast(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;
	struct message m = t->m;

	if (upcast_or_fail(a->upcast, store_catalog(a->store), &m, err) < 0)
		return es_err_at(err, "%s", a->handler->path);
	if (m.version == t->m.version)
		return 0;
	buf_swap(&t->line, &t->older);
	buf_truncate(&t->line, 0);
	message_print(&t->line, &m);
	if (buf_check(&t->line, err) < 0)
		return -1;
	buf_truncate(&t->line, t->line.n - 1);
	return 0;
}

static int take_command(struct attempt *t, struct es_err *err)
{
	if (t->position ? stored_line(t, err) : preview(t, err))
		return -1;
	if (message_parse_stored(&t->scratch, t->line.p, t->line.n, &t->m,
	    err) < 0)
		return -1;
	if (t->m.kind != KIND_COMMAND) {
		t->out.bad_command = true;
		return es_fail(err, ES_FAILED, "kind: it is stored as an "
		    "event, at position %lld", (long long)t->position);
	}
	if (find_partition(t, err) < 0)
		return -1;
	return t->position && t->state == ATTEMPT_NEW ? upcast(t, err) : 0;
}

int attempt_begin(struct attempt *t, struct es_err *err)
{
	attempt_forget(t);
	t->d = t->in.draft;
	t->d.kind = KIND_COMMAND;
	t->conflicts = 0;
	if (answer_check(t->a->handler, t->in.draft.kind, t->d.type,
	    err) < 0 || (!t->d.id.p &&
	    answer_new_id(t->id, &t->d.id, err) < 0)) {
		t->out.bad_command = true;
		return -1;
	}
	return 0;
}

int attempt_prepare(struct attempt *t, struct es_err *err)
{
	int r;

	attempt_forget(t);
	t->out.id = t->d.id;
	t->out.type = t->d.type;
	if (store_refresh(t->a->store, err) < 0 || look_up(t, err) < 0)
		return -1;
	r = tell_outcome(t, err);
	if (r > 0) {
		t->told = true;
		t->state = ATTEMPT_KNOWN;
	}
	return r != 0 ? r < 0 ? -1 : 0 : take_command(t, err);
}

/* ---- storing ---- */

bool attempt_stores_nothing(const struct attempt *t)
{
	return t->told || t->faulted ||
	    (!t->position && t->out.kind == ANSWER_REJECTED);
}

int attempt_changed(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;
	enum outcome outcome = OUTCOME_NONE;
	int64_t position;
	bool conflict = false;
	int r;

	if (t->position) {
		if (store_outcome(a->store, t->position, &outcome, NULL, NULL,
		    err) < 0)
			return -1;
	} else if (attempt_stores_nothing(t) && t->d.id.p != t->id) {
		/* Of one that is stored store_append() sees to it. */
		r = store_find_id(a->store, t->d.id, &position, err);
		if (r != 0)
			return r;
	}
	if (outcome != OUTCOME_NONE)
		return 1;
	if (t->read && decide_conflict(a->store, a->handler, &t->p,
	    t->read_at, &conflict, err) < 0)
		return -1;
	return conflict;
}

static int put_events(struct attempt *t, int64_t *first, int64_t *last,
    struct es_err *err)
{
	struct answers *a = t->a;
	struct made *made;
	size_t n;
	int r;

	if (answer_outputs(t, &made, &n, err) < 0)
		return answer_at_handler(a->handler, &t->m, err);
	r = decide_only_events(made, n, err) < 0 ? -1 :
	    decide_append(a->store, &t->m, made, n, first, last,
	    &t->out.lines, err);
	free(made);
	return r < 0 ? answer_at_handler(a->handler, &t->m, err) : 0;
}

/* {"position":N,"id":… and {"id":…: whether the rest is the same. */
static bool same_line(struct span stored, const struct buf *decided)
{
	const char *comma = memchr(stored.p, ',', stored.n);
	size_t n;

	if (!comma)
		return false;
	comma++;
	n = stored.n - 1 - (size_t)(comma - stored.p);
	return n == decided->n - 1 && memcmp(comma, decided->p + 1, n) == 0;
}

/* The handler was told when the command is stored, and what. */
int attempt_put_command(struct attempt *t, bool *written, struct es_err *err)
{
	struct appended stored;

	*written = false;
	t->out.stored = 0;
	if (store_append(t->a->store, &t->d, &stored, err) < 0) {
		t->out.bad_command = true;
		return -1;
	}
	if (stored.repeated)
		return 1;
	*written = true;
	t->out.stored = stored.position;
	/* An executable is not run again for a few seconds' difference. */
	return t->a->fold ? !same_line(stored.line, &t->line) : 0;
}

static int know_handler(struct answers *a, struct es_err *err)
{
	return a->handler_id ? 0 : store_handler(a->store, a->handler->name,
	    a->handler->hash, buf_span(&a->definition), &a->handler_id, err);
}

static int record(struct attempt *t, int64_t command, int64_t first,
    int64_t last, struct es_err *err)
{
	struct answers *a = t->a;

	return know_handler(a, err) < 0 ? -1 :
	    decide_record(a->store, a->handler, command, a->handler_id, &t->p,
	    t->read_at, t->conflicts + 1, t->out.kind == ANSWER_REJECTED ?
	    OUTCOME_REJECTED : OUTCOME_DECIDED, first, last, err);
}

int attempt_put(struct attempt *t, bool *written, struct es_err *err)
{
	struct answers *a = t->a;
	int64_t first = 0, last = 0;
	int r;

	*written = false;
	if (t->position)
		t->out.stored = t->position;
	else if (!t->ahead && (r = attempt_put_command(t, written, err)) != 0)
		return r;
	*written = true;
	if (t->out.kind == ANSWER_REJECTED) {
		if (decide_append_rejection(a->store, &t->m,
		    buf_span(&t->out.reason), t->out.detail.n ?
		    buf_span(&t->out.detail) : SPAN_NONE, &first, NULL,
		    err) < 0)
			return answer_at_handler(a->handler, &t->m, err);
		last = first;
	} else if (put_events(t, &first, &last, err) < 0) {
		return -1;
	}
	r = record(t, t->out.stored, first, last, err);
	if (last > t->out.stored)
		t->out.stored = last;
	return r;
}

void answers_rollback(struct answers *a)
{
	store_rollback(a->store);
	a->handler_id = 0;
}
