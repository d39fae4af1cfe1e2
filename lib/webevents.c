/* GET /events: the log for programs, as SSE or NDJSON, with the token. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "sse.h"
#include "sys.h"
#include "webint.h"

struct events {
	struct request *request;
	struct query query;
	struct find *find;
	struct buf pending;	/* formatted, from `sent` on */
	size_t sent;
	bool sse, follow, beat;
	struct events *next;	/* of web's followers */
};

void events_free(struct events *e)
{
	struct events **at;

	if (!e)
		return;
	for (at = &e->request->web->followers; *at; at = &(*at)->next)
		if (*at == e) {
			*at = e->next;
			break;
		}
	find_close(e->find);
	query_free(&e->query);
	buf_free(&e->pending);
	free(e);
}

void web_events_wake(struct web *w)
{
	struct events *e;

	for (e = w->followers; e; e = e->next)
		if (e->request->wait == WAIT_NEWS)
			web_resume(e->request);
}

void web_events_beat(struct web *w)
{
	struct events *e;

	for (e = w->followers; e; e = e->next) {
		e->beat = true;
		if (e->request->wait == WAIT_NEWS)
			web_resume(e->request);
	}
}

/*
 * NDJSON has no comments: so its reader's socket is asked.  Who ends only his
 * own direction has left, too.
 */
static bool has_left(const struct request *r)
{
	struct pollfd p = {.events = POLLRDHUP};

	if (!r->conn)
		return false;
	p.fd = r->conn->fd;
	return poll(&p, 1, 0) > 0 &&
	    p.revents & (POLLRDHUP | POLLHUP | POLLERR);
}

/* ---- one message ---- */

/* A payload without what the catalog calls private, appended to out. */
static void add_public(const struct web *w, struct span type,
    struct span payload, struct buf *out)
{
	const struct catalog_entry *entry =
	    catalog_find(store_catalog(w->store), type);

	if (!entry || catalog_public(entry, payload, out) == 0)
		buf_add_span(out, payload);
}

/* A message that is to come, out of es.scheduled: as it will be shown then. */
static void add_scheduled(const struct web *w, const struct json_doc *d,
    uint32_t message, struct buf *out)
{
	uint32_t i, type = json_get(d, message, "type");
	struct buf text = {0};
	char before = '{';

	for (i = json_first(d, message); i < d->nodes[message].end;
	    i = json_next(d, i + 1)) {
		if (json_is(d, i, "metadata"))
			continue;
		buf_addc(out, before);
		before = ',';
		buf_add_span(out, json_text(d, i));
		buf_addc(out, ':');
		if (json_is(d, i, "payload") && type != JSON_NONE)
			add_public(w, json_string(d, type, &text),
			    json_text(d, i + 1), out);
		else
			buf_add_span(out, json_text(d, i + 1));
	}
	buf_adds(out, before == '{' ? "{}" : "}");
	if (text.failed)
		out->failed = true;
	buf_free(&text);
}

static int add_schedule(const struct web *w, struct span payload,
    struct buf *out)
{
	struct json_doc d = {0};
	uint32_t due, message;
	int r = json_parse(&d, payload.p, payload.n, NULL);

	if (r == 0) {
		due = json_get(&d, 0, "due");
		message = json_get(&d, 0, "message");
		buf_adds(out, "{\"due\":");
		buf_add_span(out, due == JSON_NONE ? SPAN_LIT("null") :
		    json_text(&d, due));
		buf_adds(out, ",\"message\":");
		if (message != JSON_NONE &&
		    d.nodes[message].type == JSON_OBJECT)
			add_scheduled(w, &d, message, out);
		else
			buf_adds(out, "null");
		buf_addc(out, '}');
	}
	json_free(&d);
	return r;
}

static int format(struct events *e, const struct message *m)
{
	struct web *w = e->request->web;
	struct message shown = *m;
	struct buf payload = {0};
	int r = 0;

	buf_truncate(&e->pending, 0);
	e->sent = 0;
	if (span_is(m->type, "es.scheduled") && !m->erased_at)
		r = add_schedule(w, m->payload, &payload);
	else
		add_public(w, m->type, m->payload, &payload);
	shown.payload = buf_span(&payload);
	/* Who sent it is nobody's business either. */
	shown.metadata = SPAN_LIT("{}");
	if (e->sse)
		buf_addf(&e->pending, "id: %s:%lld\ndata: ",
		    store_epoch(w->store), (long long)m->position);
	message_print(&e->pending, &shown);
	if (e->sse)
		buf_addc(&e->pending, '\n');
	if (payload.failed || e->pending.failed)
		r = -1;
	buf_free(&payload);
	return r;
}

/* ---- the stream ---- */

/* Nothing to tell: 1 with a heartbeat pending, 0 for none, -1: nobody there. */
static int beat(struct events *e)
{
	if (!e->beat)
		return 0;
	e->beat = false;
	if (!e->sse)
		return has_left(e->request) ? -1 : 0;
	buf_truncate(&e->pending, 0);
	e->sent = 0;
	buf_adds(&e->pending, SSE_HEARTBEAT);
	return e->pending.failed ? -1 : 1;
}

/* 1 with something pending, 0 at the end, -1. */
static int advance(struct events *e)
{
	struct es_err err = {0};
	struct message m;
	int r = find_next(e->find, &m, &err);

	if (r == 0 && e->follow) {
		if (find_more(e->find, &err) < 0)
			r = -1;
		else
			r = find_next(e->find, &m, &err);
	}
	if (r < 0)
		web_say(e->request->web, "%s", err.text);
	return r > 0 ? format(e, &m) < 0 ? -1 : 1 : r;
}

static ssize_t read_events(void *ctx, uint64_t at, char *out, size_t max)
{
	struct request *r = ctx;
	struct events *e = r->events;
	size_t n;

	(void)at;
	if (r->web->stopping)
		return MHD_CONTENT_READER_END_WITH_ERROR;
	if (e->sent == e->pending.n) {
		int more = advance(e);

		if (more == 0 && e->follow)
			more = beat(e);
		if (more < 0)
			return MHD_CONTENT_READER_END_WITH_ERROR;
		if (more == 0 && !e->follow)
			return MHD_CONTENT_READER_END_OF_STREAM;
		if (more == 0) {
			if (r->conn)
				r->conn->limit = 0;
			web_suspend(r, WAIT_NEWS);
			return 0;
		}
	}
	n = e->pending.n - e->sent < max ? e->pending.n - e->sent : max;
	memcpy(out, e->pending.p + e->sent, n);
	e->sent += n;
	if (r->conn) {
		r->conn->since = sys_monotonic();
		r->conn->limit = WEB_STALL_MS;
	}
	return (ssize_t)n;
}

/* ---- the query ---- */

struct parameters { struct events *events; struct query_bounds *bounds;
    struct es_err *err; bool item; };

static int item(struct parameters *p)
{
	if (p->item)
		return 0;
	p->item = true;
	return query_add_item(&p->events->query, p->err);
}

static int take_parameter(void *ctx, struct span name, struct span value)
{
	struct parameters *p = ctx;
	struct query *q = &p->events->query;
	const char *equals;
	struct buf tag = {0};
	int r = 0;

	if (span_is(name, "type")) {
		r = item(p) < 0 ? -1 : query_add_type(q, value, p->err);
	} else if (span_is(name, "key")) {
		equals = memchr(value.p, '=', value.n);
		if (!equals)
			return es_fail(p->err, ES_USAGE,
			    "key: must be NAME=VALUE");
		buf_add_span(&tag, value);
		if (!tag.failed)
			tag.p[equals - value.p] = ':';
		r = item(p) < 0 ? -1 : query_add_tag(q, buf_span(&tag),
		    p->err);
		buf_free(&tag);
	} else if (span_is(name, "after")) {
		if (cli_int_parse(value, 0, INT64_MAX,
		    &p->bounds->after) < 0)
			r = es_fail(p->err, ES_USAGE,
			    "after: must be a position");
	} else if (span_is(name, "follow")) {
		p->events->follow = !span_is(value, "0");
	} else {
		r = es_fail(p->err, ES_USAGE, "%.*s: no such parameter",
		    (int)(name.n > 40 ? 40 : name.n), name.p);
	}
	return r;
}

/* A client that reconnects goes on behind what it has, in the same epoch. */
static void go_on(struct request *r, struct query_bounds *b)
{
	const char *last = web_header(r, "Last-Event-ID");
	const char *epoch = store_epoch(r->web->store);
	size_t n = strlen(epoch);
	int64_t position;

	if (last && strncmp(last, epoch, n) == 0 && last[n] == ':' &&
	    cli_int_parse(span_str(last + n + 1), 0, INT64_MAX,
	    &position) == 0)
		b->after = position;
}

static int open_events(struct request *r, struct es_err *err)
{
	struct events *e = calloc(1, sizeof *e);
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct parameters p = {e, &b, err, false};
	const char *accept = web_header(r, "Accept");

	if (!e)
		return es_fail_nomem(err);
	r->events = e;
	e->request = r;
	e->follow = true;
	e->sse = !accept || (!strstr(accept, "ndjson") &&
	    !strstr(accept, "application/json"));
	if (web_form(r->query, take_parameter, &p) < 0)
		return err->code ? -1 : es_fail(err, ES_USAGE,
		    "bad encoding");
	if (!p.item)
		e->query.everything = true;
	go_on(r, &b);
	if (find_open(r->web->store, &e->query, &b, 0, &e->find, err) < 0)
		return -1;
	e->next = r->web->followers;
	r->web->followers = e;
	return 0;
}

void web_events(struct request *r)
{
	struct es_err err = {0};

	if (!web_has_token(r)) {
		web_respond_text(r, 401, "the token is missing: see the file "
		    "beside the store, or the URL that es-serve printed");
		web_add_header(r, "WWW-Authenticate", "Bearer");
		return;
	}
	if (open_events(r, &err) < 0)
		web_respond_text(r, err.code == ES_USAGE ? 400 : 503,
		    err.text);
	else
		web_respond_stream(r, r->events->sse ?
		    "text/event-stream; charset=utf-8" :
		    "application/x-ndjson", read_events);
}
