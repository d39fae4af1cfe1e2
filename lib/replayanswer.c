/* replay: answers, and whether they are the same. */
#include <stdlib.h>
#include <string.h>

#include "jsonsame.h"
#include "replayimpl.h"

/* ---- what came of a command ---- */

void replay_fault(struct half *h, struct span text)
{
	buf_truncate(&h->text, 0);
	buf_add_span(&h->text, text);
	h->answer.kind = REPLAY_FAULT;
	h->answer.reason = buf_span(&h->text);
}

/* As the store's catalog would have it: with its defaults, or a fault. */
static int check_made(struct replay *r, struct half *h, struct made *made,
    struct es_err *why, struct es_err *err)
{
	const struct catalog_entry *e = catalog_find(store_catalog(r->store),
	    made->type);
	struct draft d = {.type = made->type, .kind = KIND_EVENT,
	    .payload = made->payload};

	if (!e)
		return 0;
	if (catalog_check(e, &d, &r->scratch, &r->payload, why) < 0)
		return 1;
	if (!r->payload.n)
		return 0;
	made->payload = arena_copy(&h->payloads, buf_span(&r->payload));
	return h->payloads.failed ? es_fail_nomem(err) : 0;
}

static int decided(struct replay *r, struct half *h, struct es_err *err)
{
	struct es_err why = {0};
	struct replay_answer *a = &h->answer;
	int bad = 0;
	size_t i;

	if (decide_outputs(&h->result.reply, &a->made, &a->n, err) < 0)
		return -1;
	a->kind = REPLAY_DECIDED;
	if (decide_only_events(a->made, a->n, &why) < 0) {
		replay_fault(h, span_str(why.text));
		return buf_check(&h->text, err);
	}
	for (i = 0; i < a->n && bad == 0; i++)
		bad = check_made(r, h, &a->made[i], &why, err);
	if (bad > 0) {
		es_err_at(&why, "output %zu", i);
		replay_fault(h, span_str(why.text));
	}
	return bad < 0 ? -1 : buf_check(&h->text, err);
}

int replay_answer_result(struct replay *r, size_t side, struct run *run,
    struct es_err *err)
{
	const struct side *s = &r->sides[side];
	struct half *h = &run->halves[side];
	const struct jqrun_reply *reply = &h->result.reply;
	/* "FILE: " stands before it, and is another for each version. */
	size_t skip = strlen(s->handler->path) + 2;
	struct buf text = {0};

	h->done = true;
	if (reply->result == JQ_OK)
		return decided(r, h, err);
	if (reply->result == JQ_REJECTED) {
		h->answer.kind = REPLAY_REJECTED;
		h->answer.reason = reply->reason;
		h->answer.detail = reply->detail;
		return 0;
	}
	decide_fault_text(s->handler, &h->result, &run->message, &text);
	if (buf_check(&text, err) == 0)
		replay_fault(h, (struct span){text.p + skip, text.n - skip});
	buf_free(&text);
	return buf_check(&h->text, err);
}

/* ---- comparing ---- */

static struct span object_of(struct span s)
{
	return s.p ? s : SPAN_LIT("{}");
}

int replay_same_made(const struct made *a, const struct made *b, bool *same,
    struct es_err *err)
{
	*same = a->command == b->command && span_eq(a->type, b->type);
	if (*same && json_same(object_of(a->payload), object_of(b->payload),
	    same, err) < 0)
		return -1;
	return !*same ? 0 : json_same(object_of(a->metadata),
	    object_of(b->metadata), same, err);
}

static int same_rejections(const struct replay_answer *a,
    const struct replay_answer *b, bool *same, struct es_err *err)
{
	struct span null = SPAN_LIT("null");

	*same = span_eq(a->reason, b->reason);
	return !*same ? 0 : json_same(a->detail.p ? a->detail : null,
	    b->detail.p ? b->detail : null, same, err);
}

static int same_answers(const struct replay_answer *a,
    const struct replay_answer *b, bool *same, struct es_err *err)
{
	size_t i;

	*same = a->kind == b->kind;
	if (!*same || a->kind == REPLAY_UNDECIDED)
		return 0;
	if (a->kind == REPLAY_REJECTED)
		return same_rejections(a, b, same, err);
	if (a->kind == REPLAY_FAULT)
		*same = span_eq(a->reason, b->reason);
	/* Of a fault by what was made as well. */
	*same = *same && a->n == b->n;
	for (i = 0; *same && i < a->n; i++)
		if (replay_same_made(&a->made[i], &b->made[i], same,
		    err) < 0)
			return -1;
	return 0;
}

int replay_compare(struct run *run, bool *differ, struct es_err *err)
{
	bool same;

	if (same_answers(&run->halves[REPLAY_OLD].answer,
	    &run->halves[REPLAY_NEW].answer, &same, err) < 0)
		return -1;
	*differ = !same;
	return 0;
}
