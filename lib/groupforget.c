/*
 * What groups know of messages that were erased: a partition may fail at one,
 * and a reason may have been told by what was in it.
 */
#include <stdlib.h>
#include <string.h>

#include "delivery.h"
#include "groupimpl.h"
#include "workers.h"

#define GONE "it named a message that was erased"

/* As much of a group as finds its messages. */
struct owner {
	struct groups *groups;
	const char *name;
	struct group_row row;
	struct handler handler;
	struct query query;
	struct group_shard shards[GROUP_SHARDS];
};

static void owner_free(struct owner *o)
{
	group_row_free(&o->row);
	handler_free(&o->handler);
	query_free(&o->query);
}

static int owner_load(struct owner *o, struct es_err *err)
{
	if (group_load(o->groups, o->name, &o->row, err) <= 0 ||
	    group_shards(o->groups, o->name, o->shards, err) < 0 ||
	    delivery_parse(span_str(o->row.definition), &o->handler,
	    &o->query, err) < 0)
		return -1;
	o->handler.name = strdup(o->name);
	return o->handler.name ? 0 : es_fail_nomem(err);
}

/* Whether the message is what the partition waits for next. */
static int is_next(struct owner *o, const struct message *m,
    const char *partition, struct buf *text, bool *yes, struct es_err *err)
{
	struct store *s = o->groups->store;

	*yes = false;
	if (delivery_partition(s, &o->handler, m, text, err) < 0)
		return -1;
	return !span_is(buf_span(text), partition) ? 0 : delivery_wants(s,
	    &o->handler, o->row.start, o->row.react_from, m, yes, err);
}

static int next_message(struct owner *o, const struct group_failing *f,
    int64_t *position, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct buf text = {0};
	struct find *find;
	struct message m;
	bool yes = false;
	int r = 0;

	*position = 0;
	b.after = f->position;
	if (find_open(o->groups->store, &o->query, &b, 0, &find, err) < 0)
		return -1;
	while (!yes && (r = find_next(find, &m, err)) != 0) {
		*position = r < 0 ? 0 : m.position;
		if (r < 0 || is_next(o, &m, f->partition, &text, &yes,
		    err) < 0) {
			r = -1;
			break;
		}
	}
	if (!yes)
		*position = 0;
	find_close(find);
	buf_free(&text);
	return yes ? 0 : r;
}

/*
 * Its partition goes on behind it.  A process that runs the group has the row
 * in memory, too, so it is told to skip; else nobody may come for long, and
 * what the partition is called by goes now.
 */
static int pass_on(struct owner *o, struct group_failing *f,
    struct es_err *err)
{
	const char *path = store_path(o->groups->store);
	int runner = o->shards[f->shard % GROUP_SHARDS].owner;
	bool alive = false;
	int64_t next = f->position;

	if (runner && workers_alive(path, runner, &alive, err) < 0)
		return -1;
	if (!alive && next_message(o, f, &next, err) < 0)
		return -1;
	if (!next)
		return group_failing_remove(o->groups, o->name, f->partition,
		    err);
	f->position = next;
	f->attempt = alive ? -1 : 0;
	f->retry_at = 0;
	f->parked = false;
	free(f->reason);
	f->reason = NULL;
	return group_failing_put(o->groups, o->name, f, err);
}

static int forget_reason(struct owner *o, struct group_failing *f,
    struct es_err *err)
{
	free(f->reason);
	f->reason = strdup(GONE);
	return !f->reason ? es_fail_nomem(err) :
	    group_failing_put(o->groups, o->name, f, err);
}

static int forget_failing(struct owner *o, const struct group_forgotten *w,
    struct es_err *err)
{
	struct group_failing *v;
	size_t n, i;
	int r = 0;

	if (group_failing(o->groups, o->name, &v, &n, err) < 0)
		return -1;
	for (i = 0; i < n && r == 0; i++)
		if (w->is_erased(w->ctx, v[i].position))
			r = pass_on(o, &v[i], err);
		else if (w->names_erased(w->ctx, span_str(v[i].reason)))
			r = forget_reason(o, &v[i], err);
	group_failing_free(v, n);
	return r;
}

static int forget_error(struct owner *o, const struct group_forgotten *w,
    struct es_err *err)
{
	sqlite3_stmt *st;

	if (!o->row.error || !w->names_erased(w->ctx, span_str(o->row.error)))
		return 0;
	st = group_statement(o->groups, GQ_ERROR, err);
	if (!st)
		return -1;
	db_bind_text(st, 1, SPAN_LIT(GONE));
	db_bind_text(st, 2, span_str(o->name));
	return group_run(o->groups, st, err);
}

int group_forget(struct groups *g, const struct group_forgotten *w,
    struct es_err *err)
{
	char **names;
	size_t n, i;
	int r;

	if (group_names(g, &names, &n, err) < 0)
		return -1;
	for (i = 0, r = 0; i < n; i++) {
		struct owner o = {.groups = g, .name = names[i]};

		if (r == 0)
			r = owner_load(&o, err) < 0 ||
			    forget_failing(&o, w, err) < 0 ||
			    forget_error(&o, w, err) < 0 ? -1 : 0;
		owner_free(&o);
		free(names[i]);
	}
	free(names);
	return r;
}
