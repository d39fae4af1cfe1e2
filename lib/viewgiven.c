/*
 * viewgiven: a projector over a history in memory; one batch, no file.
 */
#include <stdlib.h>
#include <string.h>

#include "view.h"
#include "viewbatch.h"

/* A message that carries some of the names; others never come too early. */
struct partial {
	int64_t position;
	struct partition partition;
};

struct history {
	const struct given *given;
	const struct handler *handler;
	struct partial *partials;
	size_t n, cap;
};

/* Nothing is there that the batch does not hold. */
static int exists(void *ctx, struct span key, bool *yes, struct es_err *err)
{
	(void)ctx;
	(void)key;
	(void)err;
	*yes = false;
	return 0;
}

static int state(void *ctx, struct span key, struct buf *out,
    struct es_err *err)
{
	(void)ctx;
	(void)key;
	buf_adds(out, "null");
	return buf_check(out, err);
}

static int match(void *ctx, char *const *values, struct es_err *err)
{
	(void)ctx;
	(void)values;
	(void)err;
	return 0;
}

static bool belongs(const struct partition *p, char *const *values)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->values[i] && strcmp(p->values[i], values[i]) != 0)
			return false;
	return true;
}

static int earlier(void *ctx, char *const *values, int64_t before,
    viewbatch_feed *feed, void *to, struct es_err *err)
{
	const struct history *h = ctx;

	for (size_t i = 0; i < h->n; i++) {
		const struct partial *p = &h->partials[i];

		if (p->position >= before)
			break;
		if (belongs(&p->partition, values) &&
		    feed(to, given_shown(h->given, p->position), err) < 0)
			return -1;
	}
	return 0;
}

/* Takes the partition. */
static int keep_partial(struct history *h, int64_t position,
    struct partition *p, struct es_err *err)
{
	if (h->n == h->cap) {
		size_t cap = h->cap ? h->cap * 2 : 64;
		struct partial *v = realloc(h->partials, cap * sizeof *v);

		if (!v) {
			partition_free(p);
			return es_fail_nomem(err);
		}
		h->partials = v;
		h->cap = cap;
	}
	h->partials[h->n++] = (struct partial){position, *p};
	return 0;
}

static bool has_a_value(const struct partition *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->values[i])
			return true;
	return false;
}

static int add_one(struct viewbatch *b, struct history *h,
    const struct message *m, struct es_err *err)
{
	struct partition p;
	bool complete, many;

	if (partition_of(NULL, h->handler, m, &p, &complete, &many, err) < 0)
		return -1;
	if (viewbatch_add(b, given_shown(h->given, m->position), p.values,
	    complete, err) < 0) {
		partition_free(&p);
		return -1;
	}
	if (!complete && has_a_value(&p))
		return keep_partial(h, m->position, &p, err);
	partition_free(&p);
	return 0;
}

static int add_all(struct viewbatch *b, struct history *h,
    struct es_err *err)
{
	const struct scan_types *t = &h->handler->scan.evolves;
	int64_t i;

	for (i = 1; i <= given_head(h->given); i++) {
		const struct message *m = given_at(h->given, i);

		if (!m->erased_at && query_type_in(t->v, t->n, m->type) &&
		    add_one(b, h, m, err) < 0)
			return -1;
	}
	return 0;
}

static void free_history(struct history *h)
{
	while (h->n > 0)
		partition_free(&h->partials[--h->n].partition);
	free(h->partials);
}

static int by_key(const void *a, const void *b)
{
	const struct viewbatch_state *x = a, *y = b;

	return span_cmp(x->key, y->key);
}

/* All states were born here, so their values are at hand. */
static bool is_asked_for(const struct handler *h,
    const struct viewbatch_state *s, const struct query_pair *values, size_t n)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < h->n_partition_by; k++)
			if (strcmp(h->partition_by[k], values[i].name) == 0)
				break;
		if (k == h->n_partition_by ||
		    strcmp(s->values[k], values[i].value) != 0)
			return false;
	}
	return true;
}

int view_given(const struct given *g, const struct handler *handler,
    struct jqrun *jq, const struct query_pair *values, size_t n, int (*each)(
    void *ctx, struct span key, struct span state, int64_t position,
    struct es_err *), void *ctx, struct es_err *err)
{
	struct history h = {.given = g, .handler = handler};
	struct viewbatch b = {.handler = handler, .jq = jq, .source = {&h,
	    exists, state, match, earlier}};
	size_t i;
	int r;

	viewbatch_begin(&b);
	r = add_all(&b, &h, err);
	if (r == 0)
		r = viewbatch_run(&b, err);
	if (r > 0)
		r = es_fail(err, ES_FAILED, "%s: %s", handler->path,
		    b.fault.p);
	/* The batch is not used any more as what it was. */
	if (r == 0 && b.n_states > 0)
		qsort(b.states, b.n_states, sizeof *b.states, by_key);
	for (i = 0; i < b.n_states && r == 0; i++)
		if (is_asked_for(handler, &b.states[i], values, n))
			r = each(ctx, b.states[i].key,
			    viewbatch_text(&b, &b.states[i]),
			    viewbatch_position(&b, &b.states[i]), err);
	viewbatch_free(&b);
	free_history(&h);
	return r;
}
