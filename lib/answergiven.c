/* answer: commands of which nothing is stored, on a history in memory or in a
 * log as it was. */
#include <stdlib.h>

#include "answerimpl.h"
#include "sys.h"

/* As store_preview() prints it: no position. */
static int print_command(struct attempt *t, struct es_err *err)
{
	struct buf *line = &t->a->again;
	struct message shown;

	t->m.position = 0;
	shown = t->m;
	if (given_upcast(t->a->given, &shown, err) < 0)
		return es_err_at(err, "%s", t->a->handler->path);
	buf_truncate(line, 0);
	message_print(line, &shown);
	buf_truncate(&t->line, 0);
	if (buf_check(line, err) < 0)
		return -1;
	/* {"position":0,"id":… */
	buf_addc(&t->line, '{');
	buf_add(&t->line, line->p + sizeof "{\"position\":0," - 1,
	    line->n - sizeof "{\"position\":0,");
	return buf_check(&t->line, err);
}

static int complete_command(struct attempt *t, struct buf *time,
    struct es_err *err)
{
	struct message *m = &t->m;
	int64_t micros;

	m->kind = KIND_COMMAND;
	if (!m->id.p && answer_new_id(t->id, &m->id, err) < 0)
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

/* As given_check(), by a store's catalog; the payload is in a->again. */
static int check_by_store(struct attempt *t, struct draft *d,
    struct es_err *err)
{
	struct answers *a = t->a;
	const struct catalog_entry *e = catalog_find(store_catalog(a->store),
	    d->type);

	if (store_check(a->store, d, err) < 0)
		return -1;
	if (!e)
		return 0;
	if (catalog_check(e, d, &t->scratch, &a->again, err) < 0)
		return -1;
	if (a->again.n)
		d->payload = buf_span(&a->again);
	d->version = catalog_version(e);
	return 0;
}

/* As the catalog has it. */
static int check_event(struct attempt *t, const struct made *made,
    struct message *e, struct es_err *err)
{
	struct draft d = {.type = e->type, .kind = e->kind,
	    .version = made->version, .tags = e->tags, .payload = e->payload,
	    .metadata = e->metadata};

	if (t->a->given ? given_check(t->a->given, &d, err) < 0 :
	    check_by_store(t, &d, err) < 0)
		return -1;
	e->payload = d.payload;
	if (d.version)
		e->version = d.version;
	return 0;
}

static int print_events(struct attempt *t, bool add, struct es_err *err)
{
	const struct message *m = &t->m;
	struct made *made;
	size_t n, i;
	int r;

	if (answer_outputs(t, &made, &n, err) < 0)
		return answer_at_handler(t->a->handler, m, err);
	r = decide_only_events(made, n, err);
	for (i = 0; i < n && r == 0; i++) {
		struct message e = {.kind = KIND_EVENT, .type = made[i].type,
		    .version = made[i].version ? made[i].version : 1,
		    .tags = made[i].tags,
		    .payload = made[i].payload, .metadata = made[i].metadata,
		    .causation_id = m->id,
		    .correlation_id = m->correlation_id,
		    .stored_at = m->stored_at};

		if (!e.payload.p)
			e.payload = SPAN_LIT("{}");
		if (!e.metadata.p)
			e.metadata = SPAN_LIT("{}");
		if (check_event(t, &made[i], &e, err) < 0) {
			r = es_err_at(err, "output %zu", i + 1);
			break;
		}
		print_event(&e, &t->out.lines);
		/* The next command sees the events of those before it. */
		if (add)
			r = given_add(t->a->given, &e, m->stored_at, err);
	}
	free(made);
	if (r < 0)
		return answer_at_handler(t->a->handler, m, err);
	return buf_check(&t->out.lines, err);
}

static int decide(struct attempt *t, struct es_err *err)
{
	struct answers *a = t->a;

	partition_free(&t->p);
	if (decide_partition(NULL, a->handler, &t->m, &t->p, &t->out.reason,
	    err) < 0)
		return -1;
	if (t->out.reason.n) {
		t->out.kind = ANSWER_REJECTED;
		return 0;
	}
	if (answer_decide(t, given_head(a->given), err) < 0)
		return -1;
	if (t->out.kind != ANSWER_DECIDED)
		return 0;
	return given_add(a->given, &t->m, t->m.stored_at, err) < 0 ? -1 :
	    print_events(t, true, err);
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

int answer_given(struct attempt *t, struct es_err *err)
{
	struct buf time = {0};
	int r;

	if (answer_check(t->a->handler, t->in.draft.kind, t->in.draft.type,
	    err) < 0 || given_check(t->a->given, &t->in.draft, err) < 0) {
		t->out.bad_command = true;
		return -1;
	}
	t->m = message_of(&t->in.draft);
	r = complete_command(t, &time, err) < 0 ||
	    print_command(t, err) < 0 || decide(t, err) < 0 ? -1 : 0;
	/* The time is gone, and the caller asks for no more than these. */
	t->out.id = t->m.id;
	t->out.type = t->m.type;
	buf_free(&time);
	return r;
}

int answer_what_if(struct attempt *t, struct es_err *err)
{
	if (attempt_begin(t, err) < 0 || attempt_prepare(t, err) < 0)
		return -1;
	if (t->state == ATTEMPT_NEW &&
	    answer_decide(t, t->a->as_of, err) < 0)
		return -1;
	return t->out.kind != ANSWER_DECIDED ? 0 :
	    print_events(t, false, err);
}
