#include <stdlib.h>
#include <string.h>

#include "groupcount.h"
#include "view.h"
#include "workers.h"

void group_status_free(struct group_status *s)
{
	group_row_free(&s->row);
	group_failing_free(s->failing, s->n_failing);
	*s = (struct group_status){0};
}

static int by_partition(const void *a, const void *b)
{
	const struct group_failing *const *x = a, *const *y = b;

	return strcmp((*x)->partition, (*y)->partition);
}

/* A message of many is looked up among partitions that may be many, too. */
static int sort_failing(struct counting *c, struct es_err *err)
{
	size_t n = c->status->n_failing, i;

	c->failing = calloc(n + 1, sizeof *c->failing);
	if (!c->failing)
		return es_fail_nomem(err);
	for (i = 0; i < n; i++)
		c->failing[i] = &c->status->failing[i];
	qsort(c->failing, n, sizeof *c->failing, by_partition);
	return 0;
}

static int is_partition(const void *text, const void *failing)
{
	const struct group_failing *const *f = failing;

	return strcmp(text, (*f)->partition);
}

static const struct group_failing *failing(const struct counting *c,
    const char *partition)
{
	const struct group_failing **found = bsearch(partition, c->failing,
	    c->status->n_failing, sizeof *c->failing, is_partition);

	return found ? *found : NULL;
}

int group_pending(struct counting *c, const struct message *m, bool *wants,
    bool *yes, struct es_err *err)
{
	const struct group_failing *f;
	int64_t position = m->position;
	bool done;
	int shard;

	*yes = false;
	if (delivery_partition(c->groups->store, &c->handler, m,
	    &c->partition, err) < 0 || delivery_wants(c->groups->store,
	    &c->handler, c->status->row.start, c->status->row.react_from, m,
	    wants, err) < 0)
		return -1;
	if (!*wants)
		return 0;
	f = failing(c, c->partition.p);
	if (f) {
		*yes = position > f->position ||
		    (position == f->position && f->attempt >= 0);
		return 0;
	}
	shard = group_shard_of(buf_span(&c->partition));
	if (position <= c->shards[shard].position)
		return 0;
	if (group_is_done(c->groups, c->status->row.name, shard, position,
	    &done, err) < 0)
		return -1;
	*yes = !done;
	return 0;
}

/* The lowest position from which something may be pending. */
static int64_t lowest(const struct counting *c)
{
	int64_t low = INT64_MAX;
	size_t i;

	for (i = 0; i < GROUP_SHARDS; i++)
		if (c->shards[i].position < low)
			low = c->shards[i].position;
	for (i = 0; i < c->status->n_failing; i++)
		if (c->status->failing[i].position - 1 < low)
			low = c->status->failing[i].position - 1;
	return low;
}

static int count_lag(struct counting *c, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct find *f;
	struct message m;
	int r;

	b.after = lowest(c);
	if (find_open(c->groups->store, &c->query, &b, 0, &f, err) < 0)
		return -1;
	c->status->position = find_head(f);
	while ((r = find_next(f, &m, err)) > 0) {
		int64_t position = m.position;
		bool wants, yes;

		if (group_pending(c, &m, &wants, &yes, err) < 0) {
			r = -1;
			break;
		}
		if (yes && c->status->lag++ == 0)
			c->status->position = position - 1;
	}
	find_close(f);
	return r;
}

static int count_projector(struct counting *c, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct find *f;
	int r;

	if (view_read_position(store_path(c->groups->store),
	    c->status->row.name, &b.after, err) < 0)
		return -1;
	c->status->position = b.after;
	if (find_open(c->groups->store, &c->query, &b, 0, &f, err) < 0)
		return -1;
	r = find_count(f, &c->status->lag, err);
	if (c->status->lag == 0)
		c->status->position = find_head(f);
	find_close(f);
	return r;
}

static int count_workers(struct counting *c, struct es_err *err)
{
	const char *path = store_path(c->groups->store);

	for (int i = 0; i < GROUP_SHARDS; i++) {
		bool alive, seen = false;
		int owner = c->shards[i].owner;

		for (int k = 0; k < i; k++)
			seen |= c->shards[k].owner == owner;
		if (!owner || seen)
			continue;
		if (workers_alive(path, owner, &alive, err) < 0)
			return -1;
		c->status->workers += alive;
	}
	return 0;
}

void group_counting_free(struct counting *c)
{
	handler_free(&c->handler);
	query_free(&c->query);
	buf_free(&c->partition);
	free(c->failing);
}

int group_counting_open(struct groups *g, const char *name,
    struct counting *c, struct group_status *status, struct es_err *err)
{
	int r;

	*c = (struct counting){.groups = g, .status = status};
	*status = (struct group_status){0};
	r = group_load(g, name, &status->row, err);
	if (r <= 0)
		return r;
	r = group_failing(g, name, &status->failing, &status->n_failing, err);
	if (r == 0)
		r = sort_failing(c, err);
	if (r == 0)
		r = group_shards(g, name, c->shards, err);
	if (r == 0)
		r = delivery_parse(span_str(status->row.definition),
		    &c->handler, &c->query, err);
	if (r == 0 && !(c->handler.name = strdup(name)))
		r = es_fail_nomem(err);
	if (r == 0)
		return 1;
	group_counting_free(c);
	group_status_free(status);
	return -1;
}

int group_status(struct groups *g, const char *name, struct group_status *out,
    struct es_err *err)
{
	struct counting c;
	size_t i;
	int r = group_counting_open(g, name, &c, out, err);

	if (r <= 0)
		return r;
	for (i = 0; i < out->n_failing; i++)
		*(out->failing[i].parked ? &out->parked : &out->retrying) += 1;
	r = c.handler.ops & (SCAN_DECIDE | SCAN_REACT) ?
	    count_lag(&c, err) : count_projector(&c, err);
	if (r == 0)
		r = count_workers(&c, err);
	group_counting_free(&c);
	if (r < 0)
		group_status_free(out);
	return r < 0 ? -1 : 1;
}
