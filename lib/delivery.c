#include <stdlib.h>
#include <string.h>

#include "delivery.h"

static int add_types(struct query *q, const struct scan_types *types,
    enum message_kind kind, struct es_err *err)
{
	size_t i;

	if (types->n == 0)
		return 0;
	if (query_add_item(q, err) < 0)
		return -1;
	q->items[q->n - 1].kind = kind;
	for (i = 0; i < types->n; i++)
		if (query_add_type(q, span_str(types->v[i]), err) < 0)
			return -1;
	return 0;
}

int delivery_query(const struct handler *h, const struct query *given,
    struct query *out, struct es_err *err)
{
	const struct scan *s = &h->scan;

	if (given)
		return query_copy(given, out, err);
	if (!(h->ops & (SCAN_DECIDE | SCAN_REACT)))
		return add_types(out, &s->evolves, KIND_NONE, err);
	if ((h->ops & SCAN_DECIDE) &&
	    add_types(out, &s->decides, KIND_COMMAND, err) < 0)
		return -1;
	return h->ops & SCAN_REACT ?
	    add_types(out, &s->reacts, KIND_NONE, err) : 0;
}

/* ---- from the definition ---- */

static int read_types(const struct json_doc *d, const char *name,
    struct scan_types *out, struct es_err *err)
{
	uint32_t array = json_get(d, 0, name), i;
	struct buf text = {0};

	if (array == JSON_NONE)
		return 0;
	out->v = calloc(d->nodes[array].count + 1, sizeof *out->v);
	if (!out->v)
		return es_fail_nomem(err);
	for (i = json_first(d, array); i < d->nodes[array].end;
	    i = json_next(d, i)) {
		struct span s;

		buf_truncate(&text, 0);
		s = json_string(d, i, &text);
		out->v[out->n] = strndup(s.p, s.n);
		if (!out->v[out->n])
			break;
		out->n++;
	}
	buf_free(&text);
	return out->n == d->nodes[array].count ? 0 : es_fail_nomem(err);
}

static int read_partition_by(const struct json_doc *d, struct handler *h,
    struct es_err *err)
{
	struct scan_types names = {0};
	size_t i;
	int r = read_types(d, "partition_by", &names, err);

	for (i = 0; i < names.n; i++) {
		if (r == 0)
			r = handler_add_partition(h, span_str(names.v[i]),
			    err);
		free(names.v[i]);
	}
	free(names.v);
	return r;
}

static int read_definition(const struct json_doc *d, struct handler *h,
    struct query *q, struct es_err *err)
{
	struct query given = {0};
	uint32_t at = json_get(d, 0, "kind"), query;
	int r;

	h->kind = at != JSON_NONE && json_is(d, at, "executable") ?
	    HANDLER_EXEC : HANDLER_JQ;
	if (read_types(d, "decides", &h->scan.decides, err) < 0 ||
	    read_types(d, "evolves", &h->scan.evolves, err) < 0 ||
	    read_types(d, "reacts", &h->scan.reacts, err) < 0 ||
	    read_partition_by(d, h, err) < 0)
		return -1;
	query = json_get(d, 0, "query");
	if (h->scan.decides.n)
		h->ops |= SCAN_DECIDE;
	if (h->scan.evolves.n)
		h->ops |= SCAN_EVOLVE;
	if (h->scan.reacts.n || query != JSON_NONE)
		h->ops |= SCAN_REACT;
	if (query == JSON_NONE)
		return delivery_query(h, NULL, q, err);
	if (query_from_json(d, query, &given, err) < 0)
		return -1;
	r = delivery_query(h, &given, q, err);
	query_free(&given);
	return r;
}

int delivery_parse(struct span definition, struct handler *h,
    struct query *q, struct es_err *err)
{
	struct json_doc d = {0};
	int r = json_parse(&d, definition.p, definition.n, err);

	*h = (struct handler){.retries = -1, .backoff_ms = -1,
	    .deadline_ms = -1};
	if (r == 0)
		r = read_definition(&d, h, q, err);
	json_free(&d);
	if (r < 0) {
		handler_free(h);
		query_free(q);
	}
	return r;
}

/* ---- which messages ---- */

bool delivery_decides(const struct handler *h, const struct message *m)
{
	return m->kind == KIND_COMMAND && (h->ops & SCAN_DECIDE) &&
	    query_type_in(h->scan.decides.v, h->scan.decides.n, m->type);
}

/*
 * "No group is given an es. event that its own work caused": one that names
 * the group, or one that its handler appended.
 */
static int caused_by_itself(struct store *s, const struct handler *h,
    const struct message *m, bool *itself, struct es_err *err)
{
	struct json_doc doc = {0};
	uint32_t group;

	*itself = false;
	if (m->type.n < 3 || memcmp(m->type.p, "es.", 3) != 0)
		return 0;
	if (json_parse(&doc, m->payload.p, m->payload.n, NULL) == 0 &&
	    (group = json_get(&doc, 0, "group")) != JSON_NONE)
		*itself = json_is(&doc, group, h->name);
	json_free(&doc);
	return *itself ? 0 : store_made_by(s, m->position, h->name, itself,
	    err);
}

int delivery_wants(struct store *s, const struct handler *h, int64_t start,
    int64_t react_from, const struct message *m, bool *wants,
    struct es_err *err)
{
	bool decides = delivery_decides(h, m), itself;
	enum outcome outcome;

	*wants = false;
	if (m->erased_at || m->position <= (decides ? start : react_from))
		return 0;
	if (decides) {
		if (store_outcome(s, m->position, &outcome, NULL, NULL,
		    err) < 0)
			return -1;
		*wants = outcome == OUTCOME_NONE;
		return 0;
	}
	if (caused_by_itself(s, h, m, &itself, err) < 0)
		return -1;
	*wants = !itself;
	return 0;
}

int delivery_partition(struct store *s, const struct handler *h,
    const struct message *m, struct buf *out, struct es_err *err)
{
	struct partition p = {0};
	bool complete, many;
	int r = partition_of(s, h, m, &p, &complete, &many, err);

	buf_truncate(out, 0);
	if (r == 0)
		partition_print(&p, out);
	partition_free(&p);
	return r < 0 ? -1 : buf_check(out, err);
}
