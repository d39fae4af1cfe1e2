/* replay: a difference as text, and as JSON. */
#include <string.h>

#include "replayimpl.h"

struct page {
	struct buf *out;
	bool colour;
};

/* ---- for people ---- */

/* Control bytes of a handler's text are nothing for a terminal. */
static void add_shown(struct buf *b, struct span s)
{
	size_t room = s.n * 4 + 1;
	char *to = buf_room(b, room);

	if (to)
		b->n += strlen(es_escape(to, room, s.p ? s.p : "", s.n));
}

static void begin_line(struct page *p, char mark)
{
	if (p->colour && mark != ' ')
		buf_adds(p->out, mark == '-' ? "\033[31m" : "\033[32m");
	buf_addc(p->out, mark);
}

static void end_line(struct page *p)
{
	if (p->colour)
		buf_adds(p->out, "\033[0m");
	buf_addc(p->out, '\n');
}

static void put_event(struct page *p, char mark, const struct made *m)
{
	begin_line(p, mark);
	add_shown(p->out, m->type);
	buf_addc(p->out, ' ');
	add_shown(p->out, m->payload.p ? m->payload : SPAN_LIT("{}"));
	if (m->metadata.p && !span_is(m->metadata, "{}")) {
		buf_adds(p->out, " metadata ");
		add_shown(p->out, m->metadata);
	}
	end_line(p);
}

static void put_text(struct page *p, char mark, const char *what,
    const struct replay_answer *a)
{
	begin_line(p, mark);
	buf_adds(p->out, what);
	add_shown(p->out, a->reason);
	if (a->detail.p) {
		buf_addc(p->out, ' ');
		add_shown(p->out, a->detail);
	}
	end_line(p);
}

/* All of an answer, but for the events that both have at the ends. */
static void put_answer(struct page *p, char mark, const struct replay_answer *a,
    size_t head, size_t tail)
{
	static const char *const what[] = {"not decided", "no event",
	    "rejected: ", "fault: "};
	size_t i;

	if (a->kind != REPLAY_DECIDED || a->n == 0) {
		put_text(p, mark, what[a->kind], a);
		return;
	}
	for (i = head; i < a->n - tail; i++)
		put_event(p, mark, &a->made[i]);
}

/* How many events at the start, and at the end, are the same. */
static int common(const struct replay_answer *a, const struct replay_answer *b,
    size_t *head, size_t *tail, struct es_err *err)
{
	size_t most = a->n < b->n ? a->n : b->n;
	bool same = true;

	*head = *tail = 0;
	if (a->kind != REPLAY_DECIDED || b->kind != REPLAY_DECIDED)
		return 0;
	while (same && *head < most) {
		if (replay_same_made(&a->made[*head], &b->made[*head], &same,
		    err) < 0)
			return -1;
		*head += same;
	}
	for (same = true; same && *tail < most - *head; *tail += same)
		if (replay_same_made(&a->made[a->n - 1 - *tail],
		    &b->made[b->n - 1 - *tail], &same, err) < 0)
			return -1;
	return 0;
}

int replay_print(const struct replayed *d, bool colour, struct buf *out,
    struct es_err *err)
{
	struct page page = {out, colour}, *p = &page;
	const struct replay_answer *old = d->answers[REPLAY_OLD];
	const struct replay_answer *new = d->answers[REPLAY_NEW];
	const struct message *c = d->command;
	size_t head, tail, i;

	if (common(old, new, &head, &tail, err) < 0)
		return -1;
	buf_addf(p->out, "%s@@ %lld %.*s %.*s, read up to %lld @@",
	    p->colour ? "\033[36m" : "", (long long)c->position,
	    (int)c->type.n, c->type.p, (int)c->id.n, c->id.p,
	    (long long)d->read_at);
	end_line(p);
	for (i = 0; i < head; i++)
		put_event(p, ' ', &old->made[i]);
	put_answer(p, '-', old, head, tail);
	put_answer(p, '+', new, head, tail);
	for (i = old->n - tail; tail && i < old->n; i++)
		put_event(p, ' ', &old->made[i]);
	return 0;
}

/* ---- for programs ---- */

static void put_json_event(struct buf *b, const struct made *m)
{
	buf_adds(b, "{\"type\":");
	json_quote_span(b, m->type);
	buf_adds(b, ",\"payload\":");
	buf_add_span(b, m->payload.p ? m->payload : SPAN_LIT("{}"));
	buf_adds(b, ",\"metadata\":");
	buf_add_span(b, m->metadata.p ? m->metadata : SPAN_LIT("{}"));
	buf_addc(b, '}');
}

static void put_json_answer(struct buf *b, const struct replay_answer *a)
{
	static const char *const names[] = {"undecided", "decided",
	    "rejected", "fault"};
	size_t i;

	buf_addf(b, "{\"answer\":\"%s\"", names[a->kind]);
	if (a->kind == REPLAY_DECIDED) {
		buf_adds(b, ",\"events\":[");
		for (i = 0; i < a->n; i++) {
			if (i)
				buf_addc(b, ',');
			put_json_event(b, &a->made[i]);
		}
		buf_addc(b, ']');
	} else if (a->kind != REPLAY_UNDECIDED) {
		buf_adds(b, ",\"reason\":");
		json_quote_span(b, a->reason);
	}
	if (a->kind == REPLAY_REJECTED) {
		buf_adds(b, ",\"detail\":");
		buf_add_span(b, a->detail.p ? a->detail : SPAN_LIT("null"));
	}
	buf_addc(b, '}');
}

void replay_print_json(const struct replayed *d, struct buf *b)
{
	buf_addf(b, "{\"position\":%lld,\"id\":",
	    (long long)d->command->position);
	json_quote_span(b, d->command->id);
	buf_adds(b, ",\"type\":");
	json_quote_span(b, d->command->type);
	buf_addf(b, ",\"read_at\":%lld,\"old\":", (long long)d->read_at);
	put_json_answer(b, d->answers[REPLAY_OLD]);
	buf_adds(b, ",\"new\":");
	put_json_answer(b, d->answers[REPLAY_NEW]);
	buf_adds(b, "}\n");
}

