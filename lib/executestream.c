/* execute: a coprocess that is given one message after another. */
#include <stdlib.h>
#include <string.h>

#include "execute.h"
#include "sys.h"

#define UNSENT_MAX ((size_t)64 << 10)	/* then nothing more is put */
#define OUTPUT_MAX ((size_t)64 << 20)	/* of one message */
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000

/* A message on its way, or answered. */
struct item {
	struct item *next;
	void *tag;
	bool decides;
	struct execute result;
	size_t id_n;
	char id[MESSAGE_ID_BYTES];
};

struct items {			/* a queue */
	struct item *first, *last;
	size_t n;
};

struct executing {
	const struct handler *handler;
	char *store;
	struct proc proc;
	bool running, stopping;
	struct items given, answered;
	int64_t since;		/* the first of given is being handled */
	bool answers;		/* this process has answered something */
	int deaths;		/* without an answer in between */
	int64_t ready_at;	/* when it may be started again */
	size_t looked;		/* no newline in proc.received before here */
	struct json_doc doc;
	struct buf text;	/* a decoded string */
	struct buf fault;	/* what it said that it must not */
	struct buf note;
	bool noted;
};

static void push(struct items *q, struct item *it)
{
	it->next = NULL;
	if (q->last)
		q->last->next = it;
	else
		q->first = it;
	q->last = it;
	q->n++;
}

static struct item *pop(struct items *q)
{
	struct item *it = q->first;

	if (!it)
		return NULL;
	q->first = it->next;
	if (!q->first)
		q->last = NULL;
	q->n--;
	return it;
}

static void free_items(struct items *q)
{
	struct item *it;

	while ((it = pop(q))) {
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
	push(&e->given, it);
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

/* ---- answers ---- */

/* It did what it must not: it is stopped, and the first message gets this. */
static void misbehaves(struct executing *e, const char *what,
    struct span which)
{
	char shown[200];

	es_escape(shown, sizeof shown, which.p, which.n);
	buf_addf(&e->fault, "%s%s", what, shown);
}

static void answer(struct executing *e, enum execute_result result,
    struct span reason)
{
	struct item *it = pop(&e->given);

	it->result.result = result;
	buf_add_span(&it->result.reason, reason);
	if (result == EXECUTE_REJECTED && !it->decides) {
		it->result.result = EXECUTE_FAULT;
		buf_truncate(&it->result.reason, 0);
		buf_adds(&it->result.reason,
		    "{\"rejected\":…}: only a decider rejects");
	} else if (result == EXECUTE_REJECTED && it->result.lines.n) {
		it->result.result = EXECUTE_FAULT;
		buf_truncate(&it->result.reason, 0);
		buf_adds(&it->result.reason,
		    "{\"rejected\":…} came after other lines of it");
	}
	push(&e->answered, it);
	e->answers = true;
	e->deaths = 0;
	e->since = sys_monotonic();
}

static const struct {
	const char *field;
	enum execute_result result;
} answers[] = {
	{"done", EXECUTE_DONE},
	{"failed", EXECUTE_FAULT},
	{"rejected", EXECUTE_REJECTED},
};

static bool is_first(const struct executing *e, struct span id)
{
	const struct item *it = e->given.first;

	return it && span_eq(id, (struct span){it->id, it->id_n});
}

static void wrong_id(struct executing *e, struct span line, struct span id)
{
	const struct item *it = e->given.first;

	while (it && !span_eq(id, (struct span){it->id, it->id_n}))
		it = it->next;
	misbehaves(e, it ? "it answers messages out of order: " :
	    "it answers what it was not given, or has answered before: ",
	    line);
}

/* The line in doc is an answer of this kind, with the id at `at`. */
static void take_answer(struct executing *e, struct span line, size_t kind,
    uint32_t at)
{
	const struct json_doc *d = &e->doc;
	uint32_t why = json_get(d, 0, "reason");
	struct span id, reason = SPAN_NONE;
	size_t fields = kind == 0 ? 1 : 2;

	if (d->nodes[0].count != fields || d->nodes[at].type != JSON_STRING ||
	    (fields == 2 && (why == JSON_NONE ||
	    d->nodes[why].type != JSON_STRING))) {
		misbehaves(e, kind == 0 ? "{\"done\":ID} has an id, and no "
		    "other field: " : "an answer has an id and a reason, which "
		    "are strings, and no other field: ", line);
		return;
	}
	buf_truncate(&e->text, 0);
	id = json_string(d, at, &e->text);
	if (!is_first(e, id)) {
		wrong_id(e, line, id);
		return;
	}
	buf_truncate(&e->text, 0);
	if (fields == 2)
		reason = json_string(d, why, &e->text);
	answer(e, answers[kind].result, reason);
}

static void take_line(struct executing *e, struct span line)
{
	struct item *it = e->given.first;
	size_t i;
	uint32_t at;

	if (line.n == 0)
		return;
	if (line.n > MESSAGE_LINE_MAX ||
	    json_parse(&e->doc, line.p, line.n, NULL) < 0 ||
	    e->doc.nodes[0].type != JSON_OBJECT) {
		misbehaves(e, line.n > MESSAGE_LINE_MAX ? "a line is longer "
		    "than 1 MiB: " : "not a JSON object: ", line);
		return;
	}
	for (i = 0; i < sizeof answers / sizeof *answers; i++)
		if ((at = json_get(&e->doc, 0, answers[i].field)) !=
		    JSON_NONE) {
			take_answer(e, line, i, at);
			return;
		}
	if (!it) {
		misbehaves(e, "it has no message, and prints: ", line);
	} else if (it->result.lines.n + line.n > OUTPUT_MAX) {
		misbehaves(e, "more than 64 MiB of output for one message: ",
		    line);
	} else {
		buf_add_span(&it->result.lines, line);
		buf_addc(&it->result.lines, '\n');
	}
}

/* Take the whole lines out of what was received. */
static void take_lines(struct executing *e)
{
	struct buf *in = &e->proc.received;
	size_t from = 0;
	const char *end;

	while (!e->fault.n && in->n > e->looked &&
	    (end = memchr(in->p + e->looked, '\n', in->n - e->looked))) {
		size_t to = (size_t)(end - in->p);

		take_line(e, (struct span){in->p + from, to - from});
		from = e->looked = to + 1;
	}
	if (!e->fault.n && in->n - from > MESSAGE_LINE_MAX)
		misbehaves(e, "a line is longer than 1 MiB: ",
		    (struct span){in->p + from, in->n - from});
	if (from) {
		memmove(in->p, in->p + from, in->n - from);
		buf_truncate(in, in->n - from);
	}
	e->looked = in->n;
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
	struct item *it = pop(&e->given);
	struct buf *out = it ? &it->result.reason : &e->note;

	if (it) {
		it->result.result = EXECUTE_FAULT;
		push(&e->answered, it);
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

	while ((it = pop(&e->given))) {
		it->result.result = EXECUTE_AGAIN;
		push(&e->answered, it);
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
	take_lines(e);
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
	struct item *it = pop(&e->answered);

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
