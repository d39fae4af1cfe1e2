/*
 * viewrun: a batch's requests to the worker and what comes back.
 *
 * Many are under way at once, so that the worker never waits for us.  A fault
 * says which event of its request it was, unless the worker died or ran out of
 * time over all of them together: then the batch is run once more event by
 * event.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "viewbatch.h"

#define AT_ONCE 64		/* requests under way */
#define AT_ONCE_BYTES (4 * 1024 * 1024)
#define CHUNK 64		/* events a request */
#define CHUNK_BYTES (256 * 1024)

/* A request under way: which events of which state. */
struct request {
	size_t state;
	size_t first;		/* number of its first event in that state */
	size_t bytes;
	bool gives;		/* the state, at the end */
};

struct viewrun {
	struct viewbatch *b;
	struct request under_way[AT_ONCE];
	size_t head, n, bytes;
	/* the request that is being made */
	size_t state;		/* for this state */
	size_t fed, sent;	/* events of the state so far */
	struct buf lines;
	size_t ends[CHUNK], n_lines;
	struct buf before;	/* the state to begin with */
	/* the earliest fault */
	size_t fault_state, fault_event;
	char operation[16];
};

/* ---- replies ---- */

static size_t position_of_event(const struct viewbatch_state *s, size_t k)
{
	const struct viewbatch_event *e = s->first;

	for (k -= s->earlier; k > 0 && e->next; k--)
		e = e->next;
	return e->message;
}

static void note_fault(struct viewrun *r, const struct request *q,
    const struct jqrun_reply *reply)
{
	struct viewbatch *b = r->b;
	struct viewbatch_state *s = &b->states[q->state];
	size_t k = q->first + (b->careful ? 0 : reply->event);
	bool initial = reply->operation &&
	    strcmp(reply->operation, "initial") == 0;
	int64_t limit;

	s->faulted = true;
	if (!b->careful && reply->result != JQ_FAULT) {
		b->unclear = true;
		return;
	}
	if (initial)
		k = s->earlier;
	limit = s->birth && k < s->earlier ? s->birth :
	    b->messages[position_of_event(s, k)].position;
	if (b->limit && b->limit <= limit)
		return;
	b->limit = limit;
	r->fault_state = q->state;
	r->fault_event = k;
	snprintf(r->operation, sizeof r->operation, "%s",
	    reply->operation ? reply->operation : "evolve");
	buf_truncate(&b->fault, 0);
	buf_add_span(&b->fault, reply->reason);
}

static void take_reply(struct viewrun *r, const struct jqrun_reply *reply)
{
	struct request q = r->under_way[r->head];
	struct viewbatch_state *s = &r->b->states[q.state];

	r->head = (r->head + 1) % AT_ONCE;
	r->n--;
	r->bytes -= q.bytes;
	/* What follows a fault of the same state means nothing. */
	if (s->faulted)
		return;
	if (reply->result != JQ_OK) {
		note_fault(r, &q, reply);
	} else if (q.gives) {
		s->text = r->b->texts.n;
		s->text_n = reply->state.n;
		buf_add_span(&r->b->texts, reply->state);
	}
}

/* Wait for the oldest reply. */
static int take(struct viewrun *r, struct es_err *err)
{
	struct jqrun *jq = r->b->jq;
	struct jqrun_reply reply = {0};
	int got;

	while ((got = jqrun_next(jq, &reply, err)) == 0) {
		struct pollfd fds[PROC_FDS];
		int n = jqrun_poll(jq, fds);

		if (poll(fds, (nfds_t)n, jqrun_timeout(jq)) < 0 &&
		    errno != EINTR)
			return es_fail_errno(err, "poll");
	}
	if (got < 0)
		return -1;
	take_reply(r, &reply);
	jqrun_reply_free(&reply);
	return 0;
}

/* ---- requests ---- */

static int submit(struct viewrun *r, bool gives, struct es_err *err)
{
	struct viewbatch *b = r->b;
	struct span events[CHUNK];
	struct jqrun_request q = {
		.op = gives ? JQ_STATE : JQ_FOLD,
		.fresh = r->sent == 0,
		.partition = b->states[r->state].key,
		.state = r->before.n ? buf_span(&r->before) : SPAN_NONE,
		.events = events,
		.n_events = r->n_lines,
	};
	size_t i, from = 0, bytes = r->lines.n + r->before.n;

	for (i = 0; i < r->n_lines; from = r->ends[i++])
		events[i] = (struct span){r->lines.p + from,
		    r->ends[i] - from};
	if (buf_check(&r->lines, err) < 0)
		return -1;
	while (r->n == AT_ONCE || (r->n > 0 && (b->careful ||
	    r->bytes + bytes > AT_ONCE_BYTES)))
		if (take(r, err) < 0)
			return -1;
	if (jqrun_submit(b->jq, &q, err) < 0)
		return -1;
	r->under_way[(r->head + r->n++) % AT_ONCE] = (struct request){
	    r->state, r->sent, bytes, gives};
	r->bytes += bytes;
	r->sent = r->fed;
	r->n_lines = 0;
	buf_truncate(&r->lines, 0);
	buf_truncate(&r->before, 0);
	return 0;
}

/* One more event of the state; what is full is sent before. */
static int feed(struct viewrun *r, struct span line, struct es_err *err)
{
	if (r->n_lines > 0 && (r->b->careful || r->n_lines == CHUNK ||
	    r->lines.n + line.n > CHUNK_BYTES) && submit(r, false, err) < 0)
		return -1;
	buf_add_span(&r->lines, line);
	r->ends[r->n_lines++] = r->lines.n;
	r->fed++;
	return 0;
}

static int feed_earlier(void *to, const struct message *m, struct es_err *err)
{
	struct viewrun *r = to;
	struct buf line = {0};
	int result;

	message_print(&line, m);
	if (buf_check(&line, err) < 0)
		return -1;
	r->b->states[r->state].earlier++;
	result = feed(r, (struct span){line.p, line.n - 1}, err);
	buf_free(&line);
	return result;
}

static int run_state(struct viewrun *r, struct es_err *err)
{
	struct viewbatch *b = r->b;
	struct viewbatch_state *s = &b->states[r->state];
	const struct viewbatch_event *e;

	r->fed = r->sent = 0;
	s->earlier = 0;
	s->faulted = false;
	if (s->birth ? b->source.earlier(b->source.ctx, s->values, s->birth,
	    feed_earlier, r, err) < 0 :
	    b->source.state(b->source.ctx, s->key, &r->before, err) < 0)
		return -1;
	if (buf_check(&r->before, err) < 0)
		return -1;
	for (e = s->first; e; e = e->next) {
		const struct viewbatch_message *m = &b->messages[e->message];

		if (feed(r, (struct span){b->lines.p + m->line, m->line_n},
		    err) < 0)
			return -1;
	}
	return submit(r, true, err);
}

static int run_all(struct viewrun *r, struct es_err *err)
{
	struct viewbatch *b = r->b;

	b->limit = 0;
	b->unclear = false;
	buf_truncate(&b->texts, 0);
	for (r->state = 0; r->state < b->n_states; r->state++)
		if (b->states[r->state].first && run_state(r, err) < 0)
			return -1;
	while (r->n > 0)
		if (take(r, err) < 0)
			return -1;
	return buf_check(&b->texts, err);
}

/* ---- what to say of a fault ---- */

struct search {
	size_t left;
	struct buf *out;
};

static void add_place(struct buf *out, struct span type, struct span id,
    int64_t position)
{
	buf_add_span(out, type);
	buf_addc(out, ' ');
	buf_add_span(out, id);
	buf_adds(out, " at ");
	buf_add_int(out, position);
}

static int place_earlier(void *to, const struct message *m, struct es_err *err)
{
	struct search *s = to;

	(void)err;
	if (s->left-- == 0)
		add_place(s->out, m->type, m->id, m->position);
	return 0;
}

/* "evolve: TYPE ID at POSITION: reason"; the message is read again. */
static int describe(struct viewrun *r, struct es_err *err)
{
	struct viewbatch *b = r->b;
	struct viewbatch_state *s = &b->states[r->fault_state];
	struct buf text = {0};
	struct search search = {r->fault_event, &text};

	buf_addf(&text, "%s: ", r->operation);
	if (r->fault_event < s->earlier) {
		if (b->source.earlier(b->source.ctx, s->values, s->birth,
		    place_earlier, &search, err) < 0) {
			buf_free(&text);
			return -1;
		}
	} else {
		const struct viewbatch_message *m =
		    &b->messages[position_of_event(s, r->fault_event)];

		add_place(&text, m->type, m->id, m->position);
	}
	buf_adds(&text, ": ");
	buf_add_span(&text, buf_span(&b->fault));
	buf_swap(&b->fault, &text);
	buf_free(&text);
	return buf_check(&b->fault, err);
}

/* After an error nothing of it may be left in the worker's queue. */
static void drain(struct viewrun *r)
{
	struct es_err ignored;

	while (r->n > 0 && take(r, &ignored) == 0)
		;
}

int viewbatch_run(struct viewbatch *b, struct es_err *err)
{
	struct viewrun r = {.b = b};
	int result = run_all(&r, err);

	if (result == 0 && b->unclear) {
		b->careful = true;
		result = run_all(&r, err);
	}
	if (result < 0)
		drain(&r);
	else if (b->limit)
		result = describe(&r, err) < 0 ? -1 : 1;
	buf_free(&r.lines);
	buf_free(&r.before);
	return result;
}
