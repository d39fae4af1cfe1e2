/* replay: which commands, and what was read for them. */
#include <stdlib.h>
#include <string.h>

#include "replayimpl.h"

/* ---- types ---- */

static bool covers(const char *type, const char *other)
{
	size_t n = strlen(type);

	return strcmp(type, other) == 0 ||
	    (type[n - 1] == '.' && strncmp(type, other, n) == 0);
}

static bool has_type(const struct query_item *item, const char *type)
{
	size_t i;

	for (i = 0; i < item->n_types; i++)
		if (strcmp(item->types[i], type) == 0)
			return true;
	return false;
}

/* Of what a version decides, that which the user's types leave. */
static int add_types(struct query *q, const struct query_item *asked,
    const struct scan_types *decides, struct es_err *err)
{
	const char *narrow, *u, *d;
	size_t i, k;

	for (i = 0; i < decides->n; i++)
		for (k = 0; k < (asked->n_types ? asked->n_types : 1); k++) {
			d = decides->v[i];
			u = asked->n_types ? asked->types[k] : d;
			narrow = covers(u, d) ? d : covers(d, u) ? u : NULL;
			if (narrow && !(q->n &&
			    has_type(&q->items[q->n - 1], narrow)) &&
			    query_add_type(q, span_str(narrow), err) < 0)
				return -1;
		}
	return 0;
}

/* Everything but its types. */
static int add_rest(struct query *q, const struct query_item *asked,
    struct es_err *err)
{
	struct query_item *item = &q->items[q->n - 1];
	size_t i;

	for (i = 0; i < asked->n_tags; i++)
		if (query_add_tag(q, span_str(asked->tags[i]), err) < 0)
			return -1;
	for (i = 0; i < asked->n_partition; i++)
		if (query_add_partition(q,
		    span_str(asked->partition[i].name),
		    span_str(asked->partition[i].value), err) < 0)
			return -1;
	item->kind = KIND_COMMAND;
	item->last = asked->last;
	return 0;
}

static int add_item(const struct replay *r, struct query *q,
    const struct query_item *asked, struct es_err *err)
{
	struct query one = {0};
	size_t s;
	int failed = 0;

	for (s = 0; s < REPLAY_SIDES && !failed; s++)
		failed = add_types(&one, asked,
		    &r->sides[s].handler->scan.decides, err) < 0;
	/* Nothing of it is decided. */
	if (!failed && one.n == 0)
		return 0;
	failed = failed || query_add_item(q, err) < 0;
	for (s = 0; !failed && s < one.items[0].n_types; s++)
		failed = query_add_type(q, span_str(one.items[0].types[s]),
		    err) < 0;
	failed = failed || add_rest(q, asked, err) < 0;
	query_free(&one);
	return failed ? -1 : 0;
}

static int restrict_query(const struct replay *r, struct query *q,
    struct es_err *err)
{
	static const struct query_item any;
	struct query out = {0};
	size_t i;
	int failed = q->everything ? add_item(r, &out, &any, err) : 0;

	for (i = 0; i < q->n && failed == 0; i++)
		failed = add_item(r, &out, &q->items[i], err);
	if (failed == 0 && out.n == 0)
		failed = es_fail(err, ES_USAGE, "--type: neither version "
		    "decides such commands");
	if (failed < 0) {
		query_free(&out);
		return -1;
	}
	query_free(q);
	*q = out;
	return 0;
}

/* ---- commands ---- */

static int choose(struct replay *r, int64_t position, struct es_err *err)
{
	struct chosen c = {.position = position, .read_at = position};
	struct chosen *v = r->chosen;

	if (r->n == r->room) {
		r->room = r->room ? r->room * 2 : 1024;
		v = realloc(v, r->room * sizeof *v);
		if (!v)
			return es_fail_nomem(err);
		r->chosen = v;
	}
	if (store_read_at(r->store, position, &c.read_at, err) < 0)
		return -1;
	v[r->n++] = c;
	return 0;
}

/* Of two that read the same, the one that came first. */
static int by_reading(const void *a, const void *b)
{
	const struct chosen *x = a, *y = b;

	if (x->read_at != y->read_at)
		return x->read_at < y->read_at ? -1 : 1;
	return (x->position > y->position) - (x->position < y->position);
}

int replay_select(struct replay *r, struct query *q,
    const struct query_bounds *bounds, struct es_err *err)
{
	struct find *find;
	struct message m;
	int got;

	if (restrict_query(r, q, err) < 0 ||
	    find_check_names(r->store, q, false, err) < 0 ||
	    find_open(r->store, q, bounds, 0, &find, err) < 0)
		return -1;
	while ((got = find_next(find, &m, err)) > 0) {
		if (m.erased_at)
			r->erased++;
		else if (choose(r, m.position, err) < 0) {
			got = -1;
			break;
		}
	}
	find_close(find);
	if (got == 0 && r->n)
		qsort(r->chosen, r->n, sizeof *r->chosen, by_reading);
	return got;
}
