/* lane: what a group has to handle, read ahead out of the log. */
#include <string.h>

#include "runnerimpl.h"

int lane_partition(struct lane *l, const struct message *m,
    struct buf *out, struct es_err *err)
{
	return delivery_partition(l->runner->store, l->handler, m, out, err);
}

int lane_wants(struct lane *l, const struct message *m, bool *wants,
    struct es_err *err)
{
	return delivery_wants(l->runner->store, l->handler, l->start,
	    l->react_from, m, wants, err);
}

static int take_message(struct lane *l, const struct message *m,
    struct es_err *err)
{
	struct runner *r = l->runner;
	struct part *part;
	int64_t position = m->position;
	bool wants, done = false;
	int shard;

	if (lane_partition(l, m, &r->line, err) < 0)
		return -1;
	shard = group_shard_of(buf_span(&r->line));
	if (!l->mine[shard] || position <= l->seen[shard] ||
	    position <= l->low[shard])
		return 0;
	if (lane_wants(l, m, &wants, err) < 0)
		return -1;
	l->seen[shard] = position;
	if (!wants)
		return 0;
	if (position <= l->done_up_to && group_is_done(r->groups,
	    l->handler->name, shard, position, &done, err) < 0)
		return -1;
	if (done)
		return 0;
	part = lane_part(l, buf_span(&r->line), true, err);
	if (!part)
		return -1;
	/* After a stop and a start the log is read again: it may still run. */
	if (part->failing || (part->first && task_is_ours(part->first) &&
	    part->first->position == position))
		return 0;
	return lane_new_task(l, part, position, err) ? 0 : -1;
}

int lane_read_ahead(struct lane *l, bool *progress, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct find *f;
	struct message m;
	int64_t n = 0;
	int r;

	if (l->stopped || l->view || l->n_tasks >= LANE_WINDOW ||
	    l->scanned >= l->runner->head)
		return 0;
	b.after = l->scanned;
	b.limit = LANE_PAGE;
	if (find_open(l->runner->store, &l->deliver, &b, l->runner->head, &f,
	    err) < 0)
		return -1;
	while ((r = find_next(f, &m, err)) > 0) {
		n++;
		if (take_message(l, &m, err) < 0) {
			r = -1;
			break;
		}
		l->scanned = m.position;
	}
	if (r == 0 && n < LANE_PAGE)
		l->scanned = find_head(f);
	find_close(f);
	l->reads += n;
	*progress |= n > 0;
	return r < 0 ? -1 : 0;
}

/* ---- shards of other processes ---- */

struct foreign {
	struct group_shard shards[GROUP_SHARDS];
	struct group_failing *failing;
	size_t n_failing;
};

static bool fails(const struct foreign *o, const char *partition)
{
	size_t i;

	for (i = 0; i < o->n_failing; i++)
		if (strcmp(o->failing[i].partition, partition) == 0)
			return true;
	return false;
}

static int pending_message(struct lane *l, const struct foreign *o,
    const struct message *m, bool *pending, struct es_err *err)
{
	struct runner *r = l->runner;
	int64_t position = m->position;
	bool done;
	int shard;

	*pending = false;
	if (lane_partition(l, m, &r->line, err) < 0)
		return -1;
	shard = group_shard_of(buf_span(&r->line));
	/* What waits behind a parked message is not pending. */
	if (l->mine[shard] || position <= o->shards[shard].position ||
	    fails(o, r->line.p))
		return 0;
	if (group_is_done(r->groups, l->handler->name, shard, position, &done,
	    err) < 0)
		return -1;
	return done ? 0 : lane_wants(l, m, pending, err);
}

static int look_through(struct lane *l, const struct foreign *o,
    bool *pending, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct find *f;
	struct message m;
	int r = 0;

	b.after = INT64_MAX;
	for (int i = 0; i < GROUP_SHARDS; i++)
		if (!l->mine[i] && o->shards[i].position < b.after)
			b.after = o->shards[i].position;
	if (b.after >= l->runner->head)
		return 0;
	if (find_open(l->runner->store, &l->deliver, &b, l->runner->head, &f,
	    err) < 0)
		return -1;
	while (!*pending && r >= 0 && (r = find_next(f, &m, err)) > 0)
		r = pending_message(l, o, &m, pending, err);
	find_close(f);
	return r < 0 ? -1 : 0;
}

int lane_foreign_pending(struct lane *l, bool *pending, struct es_err *err)
{
	struct foreign o = {0};
	size_t i;
	int r;

	*pending = false;
	if (group_shards(l->runner->groups, l->handler->name, o.shards,
	    err) < 0 || group_failing(l->runner->groups, l->handler->name,
	    &o.failing, &o.n_failing, err) < 0)
		return -1;
	for (i = 0; i < o.n_failing; i++)
		if (!l->mine[o.failing[i].shard % GROUP_SHARDS] &&
		    !o.failing[i].parked)
			*pending = true;
	r = *pending ? 0 : look_through(l, &o, pending, err);
	group_failing_free(o.failing, o.n_failing);
	return r;
}
