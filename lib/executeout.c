/* execute: what an executable printed becomes messages. */
#include <string.h>

#include "execute.h"

bool execute_line(struct span *rest, int64_t *number, struct span *line)
{
	while (rest->n > 0) {
		const char *end = memchr(rest->p, '\n', rest->n);

		*line = (struct span){rest->p, end ?
		    (size_t)(end - rest->p) : rest->n};
		rest->p += line->n + (end != NULL);
		rest->n -= line->n + (end != NULL);
		(*number)++;
		if (line->n > 0)
			return true;
	}
	return false;
}

int execute_is_rejection(struct span line, struct buf *reason,
    struct es_err *err)
{
	struct json_doc d = {0};
	uint32_t at;
	int r = 0;

	/* What it could be is short, and a message never has such a field. */
	if (line.n > MESSAGE_LINE_MAX ||
	    json_parse(&d, line.p, line.n, NULL) < 0 ||
	    d.nodes[0].type != JSON_OBJECT ||
	    (at = json_get(&d, 0, "reject")) == JSON_NONE) {
		json_free(&d);
		return 0;
	}
	if (d.nodes[0].count != 1)
		r = es_fail(err, ES_FAILED, "reject: no other field goes with "
		    "it");
	else if (d.nodes[at].type != JSON_STRING)
		r = es_fail(err, ES_FAILED, "reject: must be a string");
	else
		json_decode(&d, at, reason);
	json_free(&d);
	return r < 0 ? -1 : 1;
}

int execute_draft(struct message_scratch *scratch,
    const struct message *handled, struct span line, bool decides,
    struct draft *d, struct es_err *err)
{
	if (message_parse(scratch, line.p, line.n, 0, d, err) < 0)
		return -1;
	if (d->type.n > 3 && memcmp(d->type.p, "es.", 3) == 0)
		return es_fail(err, ES_FAILED, "%.*s: only es itself makes "
		    "\"es.\" types", (int)d->type.n, d->type.p);
	if (decides && d->kind == KIND_COMMAND)
		return es_fail(err, ES_FAILED, "%.*s: a command: a decider "
		    "makes events", (int)d->type.n, d->type.p);
	/* Whatever the catalog says: as a command it is refused. */
	if (decides)
		d->kind = KIND_EVENT;
	d->causation_id = handled->id;
	d->correlation_id = handled->correlation_id;
	return 0;
}

int execute_append(struct store *s, struct message_scratch *scratch,
    const struct message *handled, struct span lines, bool decides,
    int64_t *first, int64_t *last, struct buf *printed, struct es_err *err)
{
	struct appended a;
	struct span line;
	struct draft d;
	int64_t number = 0;

	*first = *last = 0;
	while (execute_line(&lines, &number, &line)) {
		if (execute_draft(scratch, handled, line, decides, &d,
		    err) < 0 || store_append(s, &d, &a, err) < 0)
			return es_err_at(err, "output line %lld",
			    (long long)number);
		if (printed)
			buf_add_span(printed, a.line);
		if (a.repeated)
			continue;
		if (!*first)
			*first = a.position;
		*last = a.position;
	}
	return printed ? buf_check(printed, err) : 0;
}
