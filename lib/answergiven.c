/* answer: a command decided on a history in memory. */
#include <stdlib.h>

#include "answerimpl.h"
#include "sys.h"

/* As store_preview() prints it: no position. */
static int print_command(struct answers *a, struct message *m,
    struct es_err *err)
{
	struct buf *line = &a->again;

	buf_truncate(line, 0);
	m->position = 0;
	message_print(line, m);
	buf_truncate(&a->line, 0);
	if (buf_check(line, err) < 0)
		return -1;
	/* {"position":0,"id":… */
	buf_addc(&a->line, '{');
	buf_add(&a->line, line->p + sizeof "{\"position\":0," - 1,
	    line->n - sizeof "{\"position\":0,");
	return buf_check(&a->line, err);
}

static int complete_command(struct answers *a, struct message *m,
    struct buf *time, struct es_err *err)
{
	int64_t micros;

	m->kind = KIND_COMMAND;
	if (!m->id.p && answer_new_id(a, &m->id, err) < 0)
		return -1;
	if (!m->causation_id.p)
		m->causation_id = m->id;
	if (!m->correlation_id.p)
		m->correlation_id = m->id;
	if (!m->payload.p)
		m->payload = SPAN_LIT("{}");
	if (!m->metadata.p)
		m->metadata = SPAN_LIT("{}");
	if (!m->version)
		m->version = 1;
	if (!m->stored_at)
		m->stored_at = m->created_at.p &&
		    rfc3339_parse(m->created_at, &micros) ? micros : sys_now();
	if (!m->created_at.p) {
		rfc3339_print(time, m->stored_at);
		m->created_at = buf_span(time);
	}
	return buf_check(time, err);
}

static void print_event(const struct message *m, struct buf *out)
{
	buf_adds(out, "{\"kind\":\"event\",\"type\":");
	json_quote_span(out, m->type);
	buf_adds(out, ",\"version\":");
	buf_add_int(out, m->version);
	if (m->tags.p) {
		buf_adds(out, ",\"tags\":");
		buf_add_span(out, m->tags);
	}
	buf_adds(out, ",\"payload\":");
	buf_add_span(out, m->payload);
	buf_adds(out, ",\"metadata\":");
	buf_add_span(out, m->metadata);
	buf_adds(out, "}\n");
}

/* The next command sees the events of those before it. */
static int add_events(struct answers *a, const struct message *m,
    const struct fold_result *result, struct answer *out, struct es_err *err)
{
	struct made *made;
	size_t n, i;
	int r;

	if (decide_outputs(&result->reply, &made, &n, err) < 0)
		return -1;
	r = decide_only_events(made, n, err);
	for (i = 0; i < n && r == 0; i++) {
		struct message e = {.kind = KIND_EVENT, .type = made[i].type,
		    .version = made[i].version ? made[i].version : 1,
		    .payload = made[i].payload, .metadata = made[i].metadata,
		    .causation_id = m->id,
		    .correlation_id = m->correlation_id,
		    .stored_at = m->stored_at};

		if (!e.payload.p)
			e.payload = SPAN_LIT("{}");
		if (!e.metadata.p)
			e.metadata = SPAN_LIT("{}");
		print_event(&e, &out->lines);
		r = given_add(a->given, &e, m->stored_at, err);
	}
	free(made);
	if (r < 0)
		return answer_at_handler(a->handler, m, err);
	return buf_check(&out->lines, err);
}

static int decide(struct answers *a, const struct message *m,
    struct answer *out, struct es_err *err)
{
	struct fold_result result = {0};
	struct partition p;
	int r = 0;

	if (decide_partition(NULL, a->handler, m, &p, &out->reason, err) < 0)
		return -1;
	if (out->reason.n)
		out->kind = ANSWER_REJECTED;
	else
		r = answer_decide(a, m, &p, given_head(a->given), &result,
		    out, err);
	if (r == 0 && out->kind == ANSWER_DECIDED)
		r = given_add(a->given, m, m->stored_at, err) < 0 ? -1 :
		    add_events(a, m, &result, out, err);
	partition_free(&p);
	fold_result_free(&result);
	return r;
}

static struct message message_of(const struct draft *d)
{
	return (struct message){.id = d->id, .kind = d->kind,
	    .type = d->type, .version = d->version, .tags = d->tags,
	    .payload = d->payload, .metadata = d->metadata,
	    .causation_id = d->causation_id,
	    .correlation_id = d->correlation_id,
	    .created_at = d->created_at, .stored_at = d->stored_at};
}

int answer_given(struct answers *a, const struct draft *command,
    struct answer *out, struct es_err *err)
{
	struct message m = message_of(command);
	struct buf time = {0};
	int r;

	answer_begin(out);
	if (answer_check(a->handler, m.kind, m.type, err) < 0) {
		out->bad_command = true;
		return -1;
	}
	r = complete_command(a, &m, &time, err) < 0 ||
	    print_command(a, &m, err) < 0 || decide(a, &m, out, err) < 0 ?
	    -1 : 0;
	buf_free(&time);
	return r;
}
