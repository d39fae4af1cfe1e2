/*
 * viewgiven: a projector over a history in memory; one batch, no file.
 */
#include <stdlib.h>
#include <string.h>

#include "view.h"
#include "viewbatch.h"

struct history {
	const struct given *given;
	const struct handler *handler;
};

static bool is_wanted(const struct history *h, const struct message *m)
{
	const struct scan_types *t = &h->handler->scan.evolves;

	return !m->erased_at && query_type_in(t->v, t->n, m->type);
}

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

/* 1: delivered to the partition of these values, 0, -1. */
static int belongs(const struct history *h, const struct message *m,
    char *const *values, struct es_err *err)
{
	struct partition p;
	bool complete, many;
	size_t i, there = 0;
	int yes = 1;

	if (partition_of(NULL, h->handler, m, &p, &complete, &many, err) < 0)
		return -1;
	for (i = 0; i < p.n; i++) {
		there += p.values[i] != NULL;
		if (p.values[i] && strcmp(p.values[i], values[i]) != 0)
			yes = 0;
	}
	partition_free(&p);
	return yes && there > 0;
}

static int earlier(void *ctx, char *const *values, int64_t before,
    viewbatch_feed *feed, void *to, struct es_err *err)
{
	const struct history *h = ctx;
	int64_t p;

	if (h->handler->n_partition_by < 2)
		return 0;
	for (p = 1; p < before; p++) {
		const struct message *m = given_at(h->given, p);
		int yes = is_wanted(h, m) ? belongs(h, m, values, err) : 0;

		if (yes < 0 || (yes && feed(to, m, err) < 0))
			return -1;
	}
	return 0;
}

static int add_all(struct viewbatch *b, const struct history *h,
    struct es_err *err)
{
	int64_t i;
	int r = 0;

	for (i = 1; i <= given_head(h->given) && r == 0; i++) {
		const struct message *m = given_at(h->given, i);
		struct partition p;
		bool complete, many;

		if (!is_wanted(h, m))
			continue;
		if (partition_of(NULL, h->handler, m, &p, &complete, &many,
		    err) < 0)
			return -1;
		r = viewbatch_add(b, m, p.values, complete, err);
		partition_free(&p);
	}
	return r;
}

static int by_key(const void *a, const void *b)
{
	const struct viewbatch_state *x = a, *y = b;

	return span_cmp(x->key, y->key);
}

int view_given(const struct given *g, const struct handler *handler,
    struct jqrun *jq, int (*each)(void *ctx, struct span key,
    struct span state, int64_t position, struct es_err *), void *ctx,
    struct es_err *err)
{
	struct history h = {g, handler};
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
		r = each(ctx, b.states[i].key,
		    viewbatch_text(&b, &b.states[i]),
		    viewbatch_position(&b, &b.states[i]), err);
	viewbatch_free(&b);
	return r;
}
