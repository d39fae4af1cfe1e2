/*
 * jqunit: handlers that are a text, and their replies as one line.
 */
#ifndef ES_JQUNIT_H
#define ES_JQUNIT_H

#include <string.h>

#include "jqrun.h"
#include "scan.h"
#include "unit.h"

/*
 * Long, because the machine may be busy with other tests; short where it is to
 * pass, and then nothing else may depend on it.
 */
#define LONG 20000
#define SHORT 100

static const struct jqrun_limits limits = {LONG, (size_t)96 << 20};

/* ---- small means ---- */

static struct jqrun *open_as(int (*scan)(const char *, const char *, size_t,
    struct scan *, struct es_err *), const char *text,
    const struct jqrun_limits *l, struct buf *about, struct es_err *err)
{
	struct jqrun *jq = NULL;
	struct buf ignored = {0};
	struct scan s;

	if (scan("h.jq", text, strlen(text), &s, err) < 0)
		return NULL;
	if (jqrun_open("h.jq", span_str(text), s.defs, s.ops, l,
	    &jq, about ? about : &ignored, err) < 0)
		check(jq == NULL);
	scan_free(&s);
	buf_free(&ignored);
	return jq;
}

static struct jqrun *open_with(const char *text, const struct jqrun_limits *l,
    struct buf *about, struct es_err *err)
{
	return open_as(scan_jq, text, l, about, err);
}

static struct jqrun *open_text(const char *text)
{
	struct es_err err = {0};
	struct jqrun *jq = open_with(text, &limits, NULL, &err);

	if (!jq)
		printf("%s\n", err.text);
	need(jq);
	return jq;
}

/* A reply in one line of text. */
static const char *show(const struct jqrun_reply *r)
{
	static const char *const names[] = {"ok", "rejected", "fault",
	    "deadline", "memory", "crash", "lost"};
	static struct buf out;
	size_t i;

	buf_truncate(&out, 0);
	buf_adds(&out, names[r->result]);
	if (r->result != JQ_OK && r->result != JQ_REJECTED)
		buf_addf(&out, " %s %zu", r->operation, r->event);
	if (r->reason.n)
		buf_addf(&out, ": %.*s", (int)r->reason.n, r->reason.p);
	if (r->detail.p)
		buf_addf(&out, " detail %.*s", (int)r->detail.n, r->detail.p);
	if (r->state.p)
		buf_addf(&out, " %.*s", (int)r->state.n, r->state.p);
	for (i = 0; i < r->n_outputs; i++) {
		const struct jqrun_output *o = &r->outputs[i];

		buf_addf(&out, " %s %.*s %.*s", o->command ? "command" :
		    "event", (int)o->type.n, o->type.p, (int)o->payload.n,
		    o->payload.p);
		if (o->metadata.p)
			buf_addf(&out, " meta %.*s", (int)o->metadata.n,
			    o->metadata.p);
	}
	return out.p;
}

static struct jqrun_reply reply;

static const char *call(struct jqrun *jq, const struct jqrun_request *r)
{
	struct es_err err = {0};

	if (jqrun_call(jq, r, &reply, &err) < 0) {
		printf("%s\n", err.text);
		exit(1);
	}
	return show(&reply);
}

static const char *decide(struct jqrun *jq, const char *message)
{
	struct jqrun_request r = {.op = JQ_DECIDE, .fresh = true,
	    .message = span_str(message)};

	return call(jq, &r);
}

static const char *react(struct jqrun *jq, const char *message)
{
	struct jqrun_request r = {.op = JQ_REACT, .fresh = true,
	    .message = span_str(message)};

	return call(jq, &r);
}

/* Fold up to 8 events into a slot and give the state. */
static const char *state(struct jqrun *jq, unsigned slot, bool fresh,
    const char *const *events)
{
	struct span v[8];
	struct jqrun_request r = {.op = JQ_STATE, .slot = slot,
	    .fresh = fresh, .events = v};

	for (; events && events[r.n_events]; r.n_events++)
		v[r.n_events] = span_str(events[r.n_events]);
	return call(jq, &r);
}

#define EVENTS(...) (const char *const[]){__VA_ARGS__, NULL}

#endif
