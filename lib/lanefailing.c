/* lane: partitions that fail, and what they do next. */
#include <stdlib.h>

#include "runnerimpl.h"

int lane_reload_failing(struct lane *l, struct es_err *err)
{
	struct group_failing *v;
	size_t n, i;

	if (group_failing(l->runner->groups, l->handler->name, &v, &n,
	    err) < 0)
		return -1;
	for (i = 0; i < n; i++) {
		struct part *p;

		if (!l->mine[v[i].shard % GROUP_SHARDS])
			continue;
		p = lane_part(l, span_str(v[i].partition), true, err);
		if (!p) {
			group_failing_free(v, n);
			return -1;
		}
		/* A try that is under way knows better than the row. */
		if (p->first && p->first->state != TASK_QUEUED &&
		    task_is_ours(p->first))
			continue;
		p->failing = true;
		lane_drop_part_tasks(l, p);
		free(p->row.reason);
		p->row = v[i];
		p->row.partition = NULL;
		v[i].reason = NULL;
	}
	group_failing_free(v, n);
	return 0;
}

int lane_next_of_part(struct lane *l, const struct part *part, int64_t after,
    int64_t *position, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	int64_t up_to = l->seen[part->shard] > l->scanned ?
	    l->seen[part->shard] : l->scanned;
	struct buf text = {0};
	struct find *f;
	struct message m;
	bool wants = false;
	int r;

	*position = 0;
	if (up_to <= after)
		return 0;
	b.after = after;
	if (find_open(l->runner->store, &l->deliver, &b, up_to, &f, err) < 0)
		return -1;
	while ((r = find_next(f, &m, err)) > 0) {
		if (lane_partition(l, &m, &text, err) < 0) {
			r = -1;
			break;
		}
		if (!span_is(buf_span(&text), part->text))
			continue;
		if (lane_wants(l, &m, &wants, err) < 0) {
			r = -1;
			break;
		}
		if (wants) {
			*position = m.position;
			break;
		}
	}
	find_close(f);
	buf_free(&text);
	return r < 0 ? -1 : 0;
}

/*
 * A row whose message was skipped: on to the next one, or away with it.  1: the
 * shard is not ours any more.
 */
static int pass_skipped(struct lane *l, struct part *part, struct es_err *err)
{
	struct runner *r = l->runner;
	const char *name = l->handler->name;
	struct group_failing row = part->row;
	int64_t next;
	int bad, ours;

	if (lane_next_of_part(l, part, row.position, &next, err) < 0 ||
	    store_begin(r->store, err) < 0)
		return -1;
	row.partition = part->text;
	row.position = next;
	row.attempt = 0;
	row.retry_at = 0;
	ours = group_ack(r->groups, name, part->shard,
	    l->epoch[part->shard], l->low[part->shard], err);
	bad = ours < 0 ? -1 : !ours ? 1 :
	    next ? group_failing_put(r->groups, name, &row, err) :
	    group_failing_remove(r->groups, name, part->text, err);
	if (bad != 0) {
		store_rollback(r->store);
		return bad;
	}
	if (store_commit(r->store, err) < 0)
		return -1;
	row.partition = NULL;
	part->row = row;
	part->failing = next != 0;
	if (!next)
		lane_forget_part(l, part);
	return 0;
}

static int retry_part(struct lane *l, struct part *part, struct es_err *err)
{
	if (part->row.attempt < 0)
		return pass_skipped(l, part, err);
	return lane_new_task(l, part, part->row.position, err) ? 0 : -1;
}

int lane_retry_due(struct lane *l, int64_t now, bool *progress,
    struct es_err *err)
{
	if (l->stopped)
		return 0;
	for (size_t i = 0; i < LANE_BUCKETS; i++) {
		struct part *p, *next;

		for (p = l->buckets[i]; p; p = next) {
			int shard = p->shard, bad;

			next = p->next;
			if (!p->failing || p->row.parked || p->first ||
			    p->row.retry_at > now)
				continue;
			*progress = true;
			bad = retry_part(l, p, err);
			if (bad < 0)
				return -1;
			if (bad > 0) {
				/* And with it parts of this list. */
				lane_lose_shard(l, shard);
				return 0;
			}
		}
	}
	return 0;
}
