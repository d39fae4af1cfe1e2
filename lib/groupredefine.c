/*
 * Another definition for a group that has worked already.  Partitions may fall
 * into other shards under it, so what is handled is told anew: all shards begin
 * at the lowest of the old low-water marks, and each message above it that was
 * handled is noted as done; so is what was none of the group's, up to the
 * highest of the marks.
 */
#include <stdlib.h>
#include <string.h>

#include "delivery.h"
#include "groupimpl.h"

struct change {
	struct groups *groups;
	const char *name;
	struct handler before, after;
	struct query query_before, query_after;
	struct group_shard shards[GROUP_SHARDS];
	struct buf partition;
	int64_t low, reached;	/* of the low-water marks */
	int64_t high;		/* nothing above it is handled */
};

static int was_handled(struct change *c, const struct message *m,
    bool *handled, struct es_err *err)
{
	struct store *s = c->groups->store;
	struct keys keys = {0};
	int shard, r;

	*handled = m->position <= c->reached;
	r = store_keys(s, m, &keys, err);
	if (r == 0 && query_match(&c->query_before, m, &keys) &&
	    (r = delivery_partition(s, &c->before, m, &c->partition,
	    err)) == 0) {
		shard = group_shard_of(buf_span(&c->partition));
		*handled = true;
		if (m->position > c->shards[shard].position)
			r = group_is_done(c->groups, c->name, shard,
			    m->position, handled, err);
	}
	keys_free(&keys);
	return r;
}

struct done_list {
	struct { int shard; int64_t position; } *v;
	size_t n, cap;
};

static int remember(struct done_list *l, int shard, int64_t position,
    struct es_err *err)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 256;
		void *v = realloc(l->v, cap * sizeof *l->v);

		if (!v)
			return es_fail_nomem(err);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n].shard = shard;
	l->v[l->n++].position = position;
	return 0;
}

static int tell_anew(struct change *c, struct done_list *list,
    struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct find *f;
	struct message m;
	bool handled;
	int r;

	b.after = c->low;
	if (find_open(c->groups->store, &c->query_after, &b, c->high, &f,
	    err) < 0)
		return -1;
	while (c->high > c->low && (r = find_next(f, &m, err)) != 0) {
		if (r < 0 || was_handled(c, &m, &handled, err) < 0 ||
		    (handled && (delivery_partition(c->groups->store,
		    &c->after, &m, &c->partition, err) < 0 ||
		    remember(list, group_shard_of(buf_span(&c->partition)),
		    m.position, err) < 0))) {
			find_close(f);
			return -1;
		}
	}
	find_close(f);
	return 0;
}

static int write_shards(struct change *c, const struct done_list *list,
    struct es_err *err)
{
	sqlite3_stmt *st = group_statement(c->groups, GQ_RESHARD, err);
	sqlite3_stmt *clear = group_statement(c->groups, GQ_CLEAR_DONE, err);
	size_t i;

	if (!st || !clear)
		return -1;
	db_bind_text(clear, 1, span_str(c->name));
	if (group_run(c->groups, clear, err) < 0)
		return -1;
	db_bind_text(st, 1, span_str(c->name));
	sqlite3_bind_int64(st, 2, c->low);
	if (group_run(c->groups, st, err) < 0)
		return -1;
	for (i = 0; i < list->n; i++)
		if (group_done_add(c->groups, c->name, list->v[i].shard,
		    list->v[i].position, err) < 0)
			return -1;
	return 0;
}

/* The range of what may be handled already. */
static int find_range(struct change *c, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(c->groups, GQ_LAST_DONE, err);
	int r;

	if (!st)
		return -1;
	c->low = INT64_MAX;
	for (int i = 0; i < GROUP_SHARDS; i++) {
		if (c->shards[i].position < c->low)
			c->low = c->shards[i].position;
		if (c->shards[i].position > c->reached)
			c->reached = c->shards[i].position;
	}
	db_bind_text(st, 1, span_str(c->name));
	r = db_row(store_db(c->groups->store), st, err);
	c->high = r > 0 ? sqlite3_column_int64(st, 0) : 0;
	if (c->high < c->reached)
		c->high = c->reached;
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}

static int load(struct change *c, struct span definition, struct es_err *err)
{
	struct group_row row;
	struct group_failing *v;
	size_t n;
	int r = group_load(c->groups, c->name, &row, err);

	if (r == 0)
		return es_fail(err, ES_FAILED, "there is no group %s",
		    c->name);
	if (r > 0)
		r = delivery_parse(span_str(row.definition), &c->before,
		    &c->query_before, err);
	group_row_free(&row);
	if (r < 0 || delivery_parse(definition, &c->after, &c->query_after,
	    err) < 0 || group_shards(c->groups, c->name, c->shards, err) < 0 ||
	    group_failing(c->groups, c->name, &v, &n, err) < 0)
		return -1;
	group_failing_free(v, n);
	if (n)
		return es_fail(err, ES_FAILED, "group %s has %zu failing "
		    "partitions: retry or skip them first", c->name, n);
	return 0;
}

int group_redefine(struct groups *g, const char *name, struct span definition,
    struct es_err *err)
{
	struct change c = {.groups = g, .name = name};
	struct done_list list = {0};
	int r = load(&c, definition, err);

	if (r == 0)
		r = find_range(&c, err);
	if (r == 0)
		r = tell_anew(&c, &list, err);
	if (r == 0)
		r = write_shards(&c, &list, err);
	if (r == 0)
		r = group_set_definition(g, name, definition, err);
	free(list.v);
	buf_free(&c.partition);
	handler_free(&c.before);
	handler_free(&c.after);
	query_free(&c.query_before);
	query_free(&c.query_after);
	return r;
}
