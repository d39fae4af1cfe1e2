/*
 * answer: commands that an executable decides, one after the other.
 *
 * It runs outside of any transaction, for it may take long and use the store
 * itself, and once for a command: what it was told of stored_at is therefore
 * about then, and nothing that it has read is guarded.
 */
#include <stdlib.h>

#include "answerimpl.h"
#include "sys.h"

int answer_execute(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;
	struct buf line = {0};
	struct execute e;
	int r;

	buf_add_span(&line, buf_span(&t->line));
	buf_addc(&line, '\n');
	r = buf_check(&line, err) < 0 || execute_call(a->handler, a->stream,
	    &t->m, buf_span(&line), a->store_path, &e, err) < 0 ? -1 : 0;
	buf_free(&line);
	if (r < 0)
		return -1;
	buf_truncate(&t->executed, 0);
	buf_swap(&t->executed, &e.lines);
	r = buf_check(&e.reason, err);
	if (r == 0 && e.result == EXECUTE_REJECTED)
		answer_reject(&t->out, buf_span(&e.reason), SPAN_NONE);
	if (r == 0 && e.result == EXECUTE_FAULT) {
		es_fail(err, ES_FAILED, "%s", e.reason.n ? e.reason.p :
		    "failed");
		r = answer_at_handler(a->handler, &t->m, err);
	}
	execute_free(&e);
	return r;
}

int answer_outputs(struct attempt *t, struct made **made, size_t *n,
    struct es_err *err)
{
	if (t->a->handler->kind != HANDLER_EXEC)
		return decide_outputs(&t->result.reply, made, n, err);
	arena_reset(&t->a->keep);
	return execute_made(buf_span(&t->executed), &t->a->executed,
	    &t->a->keep, made, n, err);
}

/* ---- with a store ---- */

static int store_it(struct attempt *t, struct es_err *err)
{
	struct store *s = t->a->store;
	bool written;
	int r;

	if (store_begin(s, err) < 0)
		return -1;
	r = attempt_changed(t, err);
	if (r == 0)
		r = attempt_put(t, &written, err);
	if (r == 0)
		r = store_commit(s, err);
	if (r != 0)
		answers_rollback(t->a);
	return r;
}

/* Somebody else may have decided it meanwhile: then that is the answer. */
static int answer_one(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;
	int64_t head;
	int r;

	if (attempt_begin(t, err) < 0)
		return -1;
	do {
		t->now = sys_now();
		if (attempt_prepare(t, err) < 0)
			return -1;
		if (t->state == ATTEMPT_NEW && (store_head(a->store, &head,
		    err) < 0 || answer_decide(t, head, err) < 0))
			return -1;
		t->state = ATTEMPT_KNOWN;
		r = attempt_stores_nothing(t) ? 0 : store_it(t, err);
	} while (r > 0);
	return r;
}

int answers_execute(struct answers *a, bool all, struct es_err *err)
{
	size_t before = a->done;

	while (a->done < a->n && (all || a->done == before)) {
		struct attempt *t = answers_at(a, a->done);

		if (answer_one(t, err) < 0) {
			a->failed = t;
			return -1;
		}
		a->done++;
	}
	return 0;
}

/* ---- opening ---- */

int answers_open_exec(struct answers *a, struct es_err *err)
{
	if (a->store) {
		a->store_path = realpath(store_path(a->store), NULL);
		if (!a->store_path)
			return es_fail_errno(err, "%s", store_path(a->store));
	}
	return a->handler->stream ? execute_open(a->handler, a->store_path,
	    &a->stream, err) : 0;
}

int answers_finish(struct answers *a, struct buf *note, struct es_err *err)
{
	const char *text;

	if (!a->stream)
		return 0;
	if (execute_finish(a->stream, err) < 0)
		return -1;
	text = execute_note(a->stream);
	if (text)
		buf_addf(note, "%s: %s", a->handler->path, text);
	return buf_check(note, err);
}

void answers_close_exec(struct answers *a)
{
	execute_close(a->stream);
	arena_free(&a->keep);
	message_scratch_free(&a->executed);
	free(a->store_path);
}
