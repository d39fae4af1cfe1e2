#include <poll.h>
#include <string.h>

#include "jqhost.h"
#include "sys.h"

static const char *const operations[] = {[OP_NONE] = "",
    [OP_INITIAL] = "initial", [OP_EVOLVE] = "evolve", [OP_DECIDE] = "decide",
    [OP_REACT] = "react", [OP_ABOUT] = "about", [OP_RENDER] = "render",
    [OP_LAYOUT] = "layout"};

static void describe_death(const struct jqpending *p, struct buf *out)
{
	switch (p->death) {
	case DEATH_DEADLINE:
		buf_addf(out, "no answer after %d ms (killed)",
		    2 * p->deadline_ms);
		break;
	case DEATH_MEMORY:
		buf_adds(out, "it reached the memory limit");
		break;
	case DEATH_STACK:
		buf_adds(out, "jq crashed: stack overflow (a value that is "
		    "nested too deeply?)");
		break;
	case DEATH_SIGNAL:
		buf_addf(out, "jq crashed (signal %d)", p->signal);
		break;
	default:
		buf_adds(out, "the jq process was killed");
	}
}

/* ---- requests ---- */

static struct jqpending *add_pending(struct jqrun *jq)
{
	if (jq->first > 0 && jq->first + jq->n == jq->cap) {
		memmove(jq->queue, jq->queue + jq->first,
		    jq->n * sizeof *jq->queue);
		jq->first = 0;
	}
	if (jq->first + jq->n == jq->cap) {
		size_t cap = jq->cap ? jq->cap * 2 : 16;
		struct jqpending *v = realloc(jq->queue, cap * sizeof *v);

		if (!v)
			return NULL;
		jq->queue = v;
		jq->cap = cap;
	}
	return &jq->queue[jq->first + jq->n++];
}

static uint64_t length(struct span s, struct jqframe_request *f)
{
	f->size += s.p ? s.n : 0;
	return s.p ? s.n : JQ_ABSENT;
}

static void write_request(struct jqrun *jq, const struct jqrun_request *r)
{
	struct buf *out = &jq->worker.send;
	struct jqframe_request f = {.size = sizeof f +
	    r->n_events * sizeof(uint64_t), .sequence = ++jq->sequence,
	    .op = r->op, .slot = r->slot, .deadline_ms = jq->deadline_ms,
	    .fresh = r->fresh, .n_events = r->n_events};
	size_t i;

	f.partition = length(r->fresh ? r->partition : SPAN_NONE, &f);
	f.state = length(r->fresh ? r->state : SPAN_NONE, &f);
	f.message = length(r->message, &f);
	for (i = 0; i < r->n_events; i++)
		f.size += r->events[i].n;
	/* What was sent makes room, but not for every request. */
	if (jq->worker.sent > 65536 && jq->worker.sent > out->n / 2) {
		memmove(out->p, out->p + jq->worker.sent,
		    out->n - jq->worker.sent);
		buf_truncate(out, out->n - jq->worker.sent);
		jq->worker.sent = 0;
	}
	buf_add(out, &f, sizeof f);
	for (i = 0; i < r->n_events; i++) {
		uint64_t n = r->events[i].n;

		buf_add(out, &n, sizeof n);
	}
	if (r->fresh) {
		buf_add_span(out, r->partition);
		buf_add_span(out, r->state);
	}
	buf_add_span(out, r->message);
	for (i = 0; i < r->n_events; i++)
		buf_add_span(out, r->events[i]);
	jq->queued += f.size;
}

int jqrun_submit(struct jqrun *jq, const struct jqrun_request *r,
    struct es_err *err)
{
	struct jqpending *p;

	if (jq->running && jqhost_pump(jq, err) < 0)
		return -1;
	if (!jq->running && jqhost_start(jq, err) < 0)
		return -1;
	p = add_pending(jq);
	if (!p)
		return es_fail_nomem(err);
	write_request(jq, r);
	*p = (struct jqpending){.sequence = jq->sequence, .end = jq->queued,
	    .deadline_ms = jq->deadline_ms, .n_events = r->n_events};
	if (jq->n == jq->settled + 1)
		jq->waiting_since = sys_monotonic();
	return jqhost_pump(jq, err);
}

/* ---- replies ---- */

static struct span take(const char **p, uint64_t n)
{
	struct span s = {*p, (size_t)n};

	if (n == JQ_ABSENT)
		return SPAN_NONE;
	*p += n;
	return s;
}

static int read_outputs(const struct jqframe_reply *f, const char **p,
    struct jqrun_reply *out, struct es_err *err)
{
	const char *text = *p + f->n_outputs * sizeof(struct jqframe_output);
	size_t i;

	if (f->n_outputs > out->cap) {
		struct jqrun_output *v = realloc(out->outputs,
		    (size_t)f->n_outputs * sizeof *v);

		if (!v)
			return es_fail_nomem(err);
		out->outputs = v;
		out->cap = (size_t)f->n_outputs;
	}
	for (i = 0; i < f->n_outputs; i++) {
		struct jqframe_output o;

		memcpy(&o, *p + i * sizeof o, sizeof o);
		out->outputs[i] = (struct jqrun_output){.command = o.command,
		    .type = take(&text, o.type),
		    .payload = take(&text, o.payload),
		    .metadata = take(&text, o.metadata)};
	}
	out->n_outputs = (size_t)f->n_outputs;
	*p = text;
	return 0;
}

static void clear_reply(struct jqrun_reply *out)
{
	out->n_outputs = 0;
	out->state = out->reason = out->detail = SPAN_NONE;
	out->operation = "";
	out->event = 0;
	buf_truncate(&out->text, 0);
}

static int read_reply(const char *frame, int deadline_ms,
    struct jqrun_reply *out, struct es_err *err)
{
	struct jqframe_reply f;
	const char *p;

	memcpy(&f, frame, sizeof f);
	buf_add(&out->text, frame + sizeof f, (size_t)f.size - sizeof f);
	p = buf_span(&out->text).p;
	if (buf_check(&out->text, err) < 0 ||
	    read_outputs(&f, &p, out, err) < 0)
		return -1;
	out->result = (enum jqrun_result)f.result;
	out->operation = operations[f.operation];
	out->event = (size_t)f.event;
	if (f.state > 0)
		out->state = take(&p, f.state);
	out->reason = take(&p, f.reason);
	out->detail = take(&p, f.detail);
	if (out->result == JQ_DEADLINE) {
		buf_truncate(&out->text, 0);
		buf_addf(&out->text, "no answer after %d ms", deadline_ms);
		out->reason = buf_span(&out->text);
	}
	return 0;
}

static void failed_reply(const struct jqpending *p, struct jqrun_reply *out)
{
	out->result = p->result;
	if (p->result == JQ_LOST)
		buf_adds(&out->text, "the jq process ended before it was done");
	else {
		describe_death(p, &out->text);
		out->operation = operations[p->operation];
		out->event = (size_t)p->event;
	}
	out->reason = buf_span(&out->text);
}

static void taken(struct jqrun *jq, size_t n)
{
	jq->taken += n;
	if (jq->taken < jq->in.n && jq->taken < jq->in.n / 2 + 65536)
		return;
	memmove(jq->in.p, jq->in.p + jq->taken, jq->in.n - jq->taken);
	buf_truncate(&jq->in, jq->in.n - jq->taken);
	jq->complete -= jq->taken;
	jq->taken = 0;
}

/* The first reply, if it is there: 1, 0, -1. */
static int take_reply(struct jqrun *jq, struct jqrun_reply *out,
    struct es_err *err)
{
	struct jqpending *p = &jq->queue[jq->first];
	uint64_t size;

	clear_reply(out);
	if (jq->settled == 0)
		return 0;
	if (p->failed) {
		failed_reply(p, out);
	} else {
		memcpy(&size, jq->in.p + jq->taken, sizeof size);
		if (read_reply(jq->in.p + jq->taken, p->deadline_ms, out,
		    err) < 0)
			return -1;
		taken(jq, (size_t)size);
	}
	jq->first++;
	jq->n--;
	jq->settled--;
	if (jq->n == 0)
		jq->first = 0;
	return 1;
}

int jqrun_next(struct jqrun *jq, struct jqrun_reply *out, struct es_err *err)
{
	int r;

	if (jq->n == 0)
		return 0;
	r = take_reply(jq, out, err);
	if (r != 0)
		return r;
	if (jqhost_pump(jq, err) < 0)
		return -1;
	return take_reply(jq, out, err);
}

int jqrun_poll(const struct jqrun *jq, struct pollfd *fds)
{
	return jq->running ? proc_poll(&jq->worker, fds) : 0;
}

int jqrun_timeout(const struct jqrun *jq)
{
	if (jq->n == 0)
		return -1;
	if (jq->settled > 0)
		return 0;
	return proc_timeout(&jq->worker);
}

size_t jqrun_pending(const struct jqrun *jq)
{
	return jq->n;
}

unsigned jqrun_generation(const struct jqrun *jq)
{
	return jq->generation;
}

const char *jqrun_key(const struct jqrun *jq)
{
	return jq->nursery->program.key;
}

void jqrun_set_deadline(struct jqrun *jq, int milliseconds)
{
	jq->deadline_ms = milliseconds;
}

int jqrun_call(struct jqrun *jq, const struct jqrun_request *request,
    struct jqrun_reply *out, struct es_err *err)
{
	struct pollfd fds[PROC_FDS];
	int r;

	if (jq->n > 0)
		return es_fail(err, ES_FAILED, "jqrun_call among others");
	if (jqrun_submit(jq, request, err) < 0)
		return -1;
	while ((r = jqrun_next(jq, out, err)) == 0)
		poll(fds, (nfds_t)jqrun_poll(jq, fds), jqrun_timeout(jq));
	return r < 0 ? -1 : 0;
}

void jqrun_reply_free(struct jqrun_reply *r)
{
	free(r->outputs);
	buf_free(&r->text);
	*r = (struct jqrun_reply){0};
}
