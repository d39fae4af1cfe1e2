/* execute: what a coprocess says, line by line. */
#include <string.h>

#include "executeimpl.h"
#include "sys.h"

#define OUTPUT_MAX ((size_t)64 << 20)	/* of one message */

void execute_push(struct items *q, struct item *it)
{
	it->next = NULL;
	if (q->last)
		q->last->next = it;
	else
		q->first = it;
	q->last = it;
	q->n++;
}

struct item *execute_pop(struct items *q)
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
	struct item *it = execute_pop(&e->given);

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
	execute_push(&e->answered, it);
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

void execute_take_lines(struct executing *e)
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
