/* execute: a coprocess that is given one message after another. */
#include <stdlib.h>
#include <string.h>

#include "executeimpl.h"
#include "sys.h"

#define UNSENT_MAX ((size_t)64 << 10)	/* then nothing more is put */
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000

static void free_items(struct items *q)
{
	struct item *it;

	while ((it = execute_pop(q))) {
		execute_free(&it->result);
		free(it);
	}
}

int execute_open(const struct handler *h, const char *store,
    struct executing **out, struct es_err *err)
{
	struct executing *e = calloc(1, sizeof *e);

	*out = NULL;
	if (e && store && !(e->store = strdup(store))) {
		free(e);
		e = NULL;
	}
	if (!e)
		return es_fail_nomem(err);
	e->handler = h;
	*out = e;
	return 0;
}

void execute_close(struct executing *e)
{
	if (!e)
		return;
	if (e->running)
		proc_free(&e->proc);
	free_items(&e->given);
	free_items(&e->answered);
	json_free(&e->doc);
	buf_free(&e->text);
	buf_free(&e->fault);
	buf_free(&e->note);
	free(e->store);
	free(e);
}

size_t execute_pending(const struct executing *e)
{
	return e->given.n + e->answered.n;
}

bool execute_running(const struct executing *e)
{
	return e->running;
}

bool execute_ready(const struct executing *e)
{
	if (!e->running)
		return sys_monotonic() >= e->ready_at;
	return !e->stopping && e->given.n < EXECUTE_AHEAD &&
	    e->proc.send.n - e->proc.sent < UNSENT_MAX;
}

/* ---- giving ---- */

static int start(struct executing *e, struct es_err *err)
{
	struct buf text = {0}, prefix = {0};
	char **env = execute_environment(e->handler, NULL, 0, e->store, &text,
	    err);
	int r = -1;

	buf_addf(&prefix, "%s: ", e->handler->name);
	if (env && buf_check(&prefix, err) == 0)
		r = proc_command(&e->proc, e->handler->argv, env,
		    e->handler->directory, prefix.p, SPAN_NONE, err);
	if (r == 0) {
		e->proc.coprocess = true;
		e->running = true;
		e->stopping = e->answers = false;
		e->looked = 0;
	}
	free(env);
	buf_free(&text);
	buf_free(&prefix);
	return r;
}

int execute_put(struct executing *e, const struct message *m,
    struct span line, bool decides, void *tag, struct es_err *err)
{
	struct item *it;

	if (!e->running && start(e, err) < 0)
		return -1;
	it = calloc(1, sizeof *it);
	if (!it)
		return es_fail_nomem(err);
	it->tag = tag;
	it->decides = decides;
	it->id_n = m->id.n;
	memcpy(it->id, m->id.p, m->id.n);
	proc_send(&e->proc, line);
	if (buf_check(&e->proc.send, err) < 0) {
		free(it);
		return -1;
	}
	if (!e->given.first)
		e->since = sys_monotonic();
	execute_push(&e->given, it);
	return 0;
}

void execute_stop(struct executing *e)
{
	if (!e->running || e->stopping)
		return;
	e->stopping = true;
	if (!e->given.first)
		e->since = sys_monotonic();
	proc_end_input(&e->proc);
}

/* ---- the end ---- */

static int64_t backoff(const struct executing *e)
{
	const struct handler *h = e->handler;
	int64_t ms = h->backoff_ms >= 0 ? h->backoff_ms : BACKOFF_MS;
	int64_t most = ms > BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
	int i;

	for (i = 2; i < e->deaths && ms < most; i++)
		ms *= 2;
	return ms < most ? ms : most;
}

static void why_it_ended(struct executing *e, bool waiting, struct buf *out)
{
	if (e->fault.n)
		buf_add_span(out, buf_span(&e->fault));
	else
		proc_reason(&e->proc, out);
	if (!out->n && e->proc.received.n)
		buf_adds(out, "it ended in the middle of a line");
	else if (!out->n && waiting)
		buf_adds(out, "it ended without an answer");
}

/*
 * One that has answered and ends well between two messages did not handle
 * what it was sent since.
 */
static bool ended_between(const struct executing *e)
{
	return e->answers && !e->fault.n && !e->proc.timed_out &&
	    !e->proc.flooded && e->proc.status == 0 &&
	    !e->proc.received.n && (!e->given.first ||
	    !e->given.first->result.lines.n);
}

/* The first message has failed, or nobody's has. */
static int blame(struct executing *e, struct es_err *err)
{
	struct item *it = execute_pop(&e->given);
	struct buf *out = it ? &it->result.reason : &e->note;

	if (it) {
		it->result.result = EXECUTE_FAULT;
		it->result.ended = !e->fault.n && !e->proc.timed_out &&
		    !e->proc.flooded;
		execute_push(&e->answered, it);
	} else
		buf_truncate(out, 0);
	why_it_ended(e, it != NULL, out);
	if (!it)
		e->noted = out->n > 0;
	if (it || e->noted)
		e->deaths++;
	if (e->deaths > 1)
		e->ready_at = sys_monotonic() + backoff(e);
	return buf_check(out, err);
}

static int took_end(struct executing *e, struct es_err *err)
{
	struct item *it;
	int r = ended_between(e) ? 0 : blame(e, err);

	while ((it = execute_pop(&e->given))) {
		it->result.result = EXECUTE_AGAIN;
		execute_push(&e->answered, it);
	}
	buf_truncate(&e->fault, 0);
	proc_free(&e->proc);
	e->running = false;
	return r;
}

static int check_memory(const struct executing *e, struct es_err *err)
{
	const struct item *it;

	for (it = e->answered.first; it; it = it->next)
		if (buf_check(&it->result.lines, err) < 0 ||
		    buf_check(&it->result.reason, err) < 0)
			return -1;
	return buf_check(&e->fault, err);
}

/* The deadline is the first message's, or that of its end. */
static bool is_late(const struct executing *e)
{
	return (e->given.first || e->stopping) &&
	    sys_monotonic() >= e->since + execute_deadline(e->handler);
}

int execute_pump(struct executing *e, struct es_err *err)
{
	int r;

	if (!e->running)
		return 0;
	r = proc_pump(&e->proc, err);
	if (r < 0)
		return -1;
	execute_take_lines(e);
	if (r > 0 && !e->fault.n && is_late(e)) {
		e->proc.started = e->since;
		e->proc.deadline = e->since + execute_deadline(e->handler);
		r = proc_pump(&e->proc, err);
		if (r < 0)
			return -1;
		/* What it said at the last moment counts no more. */
	}
	if (check_memory(e, err) < 0)
		return -1;
	return r == 0 || e->fault.n ? took_end(e, err) : 0;
}

int execute_next(struct executing *e, struct execute *out, void **tag)
{
	struct item *it = execute_pop(&e->answered);

	if (!it)
		return 0;
	*out = it->result;
	*tag = it->tag;
	free(it);
	return 1;
}

int execute_poll(const struct executing *e, struct pollfd *fds)
{
	return e->running ? proc_poll(&e->proc, fds) : 0;
}

int execute_timeout(const struct executing *e)
{
	int64_t now = sys_monotonic(), left;
	int soon = e->running ? proc_timeout(&e->proc) : -1;

	if (!e->running)
		left = e->ready_at - now;
	else if (e->given.first || e->stopping)
		left = e->since + execute_deadline(e->handler) - now;
	else
		return soon;
	if (!e->running && left <= 0)
		return -1;
	left = left < 0 ? 0 : left > 3600000 ? 3600000 : left;
	return soon >= 0 && soon < left ? soon : (int)left;
}

const char *execute_note(struct executing *e)
{
	if (!e->noted)
		return NULL;
	e->noted = false;
	return e->note.p;
}
