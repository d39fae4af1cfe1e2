#include <stdlib.h>
#include <string.h>

#include "answerimpl.h"
#include "sys.h"

/* ---- shared ---- */

void answer_free(struct answer *a)
{
	buf_free(&a->lines);
	buf_free(&a->reason);
	buf_free(&a->detail);
	*a = (struct answer){0};
}

void answer_begin(struct answer *a)
{
	a->kind = ANSWER_DECIDED;
	a->id = a->type = SPAN_NONE;
	buf_truncate(&a->lines, 0);
	buf_truncate(&a->reason, 0);
	buf_truncate(&a->detail, 0);
	a->stored = 0;
	a->bad_command = false;
}

int answer_check(const struct handler *h, enum message_kind kind,
    struct span type, struct es_err *err)
{
	const struct scan_types *types = &h->scan.decides;
	char list[512] = "nothing";
	size_t i, n = 0;

	if (kind == KIND_EVENT)
		return es_fail(err, ES_FAILED, "kind: an event is nothing to "
		    "decide: it must be \"command\"");
	if (query_type_in(types->v, types->n, type))
		return 0;
	for (i = 0; i < types->n && n < sizeof list; i++)
		n += (size_t)snprintf(list + n, sizeof list - n, "%s%s",
		    i ? ", " : "", types->v[i]);
	return es_fail(err, ES_FAILED, "type: %.*s is not decided by %s, which "
	    "decides %s", (int)type.n, type.p, h->path, list);
}

int answer_new_id(char id[UUID_TEXT], struct span *out, struct es_err *err)
{
	unsigned char uuid[16];

	if (hash_uuid7(uuid, err) < 0)
		return -1;
	hash_uuid_text(uuid, id);
	*out = (struct span){id, UUID_TEXT - 1};
	return 0;
}

void answer_reject(struct answer *out, struct span reason, struct span detail)
{
	out->kind = ANSWER_REJECTED;
	buf_truncate(&out->reason, 0);
	buf_add_span(&out->reason, reason);
	buf_truncate(&out->detail, 0);
	buf_add_span(&out->detail, detail);
}

void answer_print_rejection(const struct answer *a, struct buf *out)
{
	buf_adds(out, "{\"rejected\":");
	json_quote_span(out, a->id);
	buf_adds(out, ",\"type\":");
	json_quote_span(out, a->type);
	buf_adds(out, ",\"reason\":");
	json_quote_span(out, a->kind == ANSWER_SKIPPED ?
	    SPAN_LIT("skipped") : buf_span(&a->reason));
	buf_adds(out, ",\"detail\":");
	buf_add_span(out, a->detail.n ? buf_span(&a->detail) :
	    SPAN_LIT("null"));
	buf_adds(out, "}\n");
}

int answer_at_handler(const struct handler *h, const struct message *m,
    struct es_err *err)
{
	if (m->position > 0)
		es_err_at(err, "%.*s %.*s at %lld", (int)m->type.n, m->type.p,
		    (int)m->id.n, m->id.p, (long long)m->position);
	else
		es_err_at(err, "%.*s %.*s", (int)m->type.n, m->type.p,
		    (int)m->id.n, m->id.p);
	return es_err_at(err, "%s: decide", h->path);
}

static int fault(struct answers *a, const struct fold_result *result,
    const struct message *m, struct es_err *err)
{
	struct buf text = {0};
	int r;

	decide_fault_text(a->handler, result, m, &text);
	r = buf_check(&text, err) < 0 ? -1 :
	    es_fail(err, ES_FAILED, "%s", text.p);
	buf_free(&text);
	return r;
}

int answer_take_result(struct attempt *t, struct es_err *err)
{
	const struct jqrun_reply *reply = &t->result.reply;

	t->read = true;
	switch (reply->result) {
	case JQ_OK:
		return 0;
	case JQ_REJECTED:
		answer_reject(&t->out, reply->reason, reply->detail);
		return 0;
	default:
		return fault(t->a, &t->result, &t->m, err);
	}
}

int answer_decide(struct attempt *t, int64_t head, struct es_err *err)
{
	t->read_at = head;
	if (t->a->handler->kind == HANDLER_EXEC)
		return answer_execute(t, err);
	fold_result_free(&t->result);
	return fold_call(t->a->fold, JQ_DECIDE, &t->p, head,
	    buf_span(&t->line), &t->result, err) < 0 ? -1 :
	    answer_take_result(t, err);
}

int answer_state(struct answers *a, const struct partition *p,
    struct buf *out, struct es_err *err)
{
	struct fold_result result;
	int64_t head = a->given ? given_head(a->given) : 0;
	int r;

	if (a->what_if)
		head = a->as_of;
	else if (!a->given && store_head(a->store, &head, err) < 0)
		return -1;
	if (fold_call(a->fold, JQ_STATE, p, head, SPAN_NONE, &result,
	    err) < 0)
		return -1;
	r = result.reply.result == JQ_OK ? 0 : fault(a, &result, NULL, err);
	if (r == 0) {
		buf_add_span(out, result.reply.state);
		r = buf_check(out, err);
	}
	fold_result_free(&result);
	return r;
}

/* ---- opening ---- */

static int open_answers(struct answers **out, struct store *s,
    struct given *g, const struct handler *h, struct jqrun *j,
    struct es_err *err)
{
	struct answers *a = calloc(1, sizeof *a);

	*out = NULL;
	if (!a)
		return es_fail_nomem(err);
	a->store = s;
	a->given = g;
	a->handler = h;
	a->retries = ANSWER_RETRIES;
	handler_definition(h, &a->definition);
	if (buf_check(&a->definition, err) < 0 ||
	    (s && upcast_open(&a->upcast, err) < 0) || (h->kind == HANDLER_EXEC ? answers_open_exec(a, err) :
	    s ? fold_open(s, h, j, &a->fold, err) :
	    fold_open_given(g, h, j, &a->fold, err)) < 0) {
		answers_close(a);
		return -1;
	}
	*out = a;
	return 0;
}

int answers_open(struct store *s, const struct handler *h, struct jqrun *j,
    struct answers **out, struct es_err *err)
{
	return open_answers(out, s, NULL, h, j, err);
}

int answers_given(struct given *g, const struct handler *h, struct jqrun *j,
    struct answers **out, struct es_err *err)
{
	return open_answers(out, NULL, g, h, j, err);
}

void answers_retry(struct answers *a, int64_t retries)
{
	a->retries = retries;
}

/* ---- as of then ---- */

static int position_at(struct answers *a, int64_t head, int64_t *out,
    struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct query q = {.everything = true};
	struct find *f;
	struct message m;
	int r;

	b.until = a->as_of_time;
	b.reverse = true;
	b.limit = 1;
	*out = 0;
	if (find_open(a->store, &q, &b, head, &f, err) < 0)
		return -1;
	r = find_next(f, &m, err);
	if (r > 0)
		*out = m.position;
	find_close(f);
	return r < 0 ? -1 : 0;
}

int answers_as_of(struct answers *a, int64_t position, int64_t time,
    struct es_err *err)
{
	struct message m;
	int64_t head;
	int r;

	if (store_head(a->store, &head, err) < 0)
		return -1;
	a->what_if = true;
	a->as_of_time = time > 0 ? time : 1;
	if (position < 0)
		return head ? position_at(a, head, &a->as_of, err) : 0;
	a->as_of = position < head ? position : head;
	a->as_of_time = sys_now();
	if (a->as_of == 0)
		return 0;
	r = store_get(a->store, a->as_of, &m, err);
	if (r > 0)
		a->as_of_time = m.stored_at;
	return r < 0 ? -1 : 0;
}

/* ---- closing ---- */

static void free_attempt(struct attempt *t)
{
	if (!t)
		return;
	message_scratch_free(&t->in.scratch);
	buf_free(&t->in.line);
	buf_free(&t->in.text);
	answer_free(&t->out);
	buf_free(&t->line);
	buf_free(&t->older);
	buf_free(&t->key);
	message_scratch_free(&t->scratch);
	partition_free(&t->p);
	fold_result_free(&t->result);
	buf_free(&t->executed);
	free(t);
}

void answers_close(struct answers *a)
{
	size_t i;

	if (!a)
		return;
	fold_close(a->fold);
	upcast_close(a->upcast);
	for (i = 0; i < ANSWER_WINDOW; i++)
		free_attempt(a->ring[i]);
	buf_free(&a->definition);
	buf_free(&a->again);
	answers_close_exec(a);
	free(a);
}
