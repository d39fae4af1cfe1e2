/* lane: what a group's share of this process has to handle, in order. */
#include <stdlib.h>
#include <string.h>

#include "runnerimpl.h"

/* ---- partitions and tasks ---- */

static uint64_t hash(struct span s)
{
	uint64_t h = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
	return h;
}

struct part *lane_part(struct lane *l, struct span text, bool add,
    struct es_err *err)
{
	uint64_t h = hash(text);
	struct part **at = &l->buckets[h % LANE_BUCKETS], *p;

	for (p = *at; p; p = p->next)
		if (p->hash == h && span_is(text, p->text))
			return p;
	if (!add)
		return NULL;
	p = calloc(1, sizeof *p);
	if (!p || !(p->text = strndup(text.p, text.n))) {
		free(p);
		es_fail_nomem(err);
		return NULL;
	}
	p->hash = h;
	p->shard = group_shard_of(text);
	p->next = *at;
	*at = p;
	return p;
}

/* A part without tasks that does not fail has nothing to say. */
static void forget_part(struct lane *l, struct part *part)
{
	struct part **at = &l->buckets[part->hash % LANE_BUCKETS];

	if (part->first || part->failing)
		return;
	while (*at != part)
		at = &(*at)->next;
	*at = part->next;
	free(part->row.reason);
	free(part->text);
	free(part);
}

void task_free(struct task *t)
{
	if (!t)
		return;
	fold_result_free(&t->fold);
	if (t->has_proc)
		proc_free(&t->proc);
	buf_free(&t->lines);
	buf_free(&t->reason);
	buf_free(&t->detail);
	free(t);
}

void lane_make_ready(struct lane *l, struct task *t)
{
	t->state = TASK_QUEUED;
	t->next_ready = NULL;
	if (l->ready_last)
		l->ready_last->next_ready = t;
	else
		l->ready = t;
	l->ready_last = t;
}

static void queue_in_part(struct lane *l, struct part *part, struct task *t)
{
	if (part->last)
		part->last->next_in_part = t;
	else
		part->first = t;
	part->last = t;
	if (part->first == t)
		lane_make_ready(l, t);
}

struct task *lane_new_task(struct lane *l, struct part *part, int64_t position,
    struct es_err *err)
{
	struct task *t = calloc(1, sizeof *t);

	if (!t) {
		es_fail_nomem(err);
		return NULL;
	}
	t->lane = l;
	t->part = part;
	t->position = position;
	t->attempt = 1;
	t->retry = part->failing;
	if (t->retry) {
		t->attempt = part->row.attempt + 1;
	} else {
		if (l->tasks_last)
			l->tasks_last->next = t;
		else
			l->tasks = t;
		l->tasks_last = t;
		l->n_tasks++;
	}
	queue_in_part(l, part, t);
	return t;
}

static void unlink_ready(struct lane *l, struct task *t)
{
	struct task **at = &l->ready, *before = NULL;

	for (; *at; before = *at, at = &(*at)->next_ready)
		if (*at == t) {
			*at = t->next_ready;
			if (l->ready_last == t)
				l->ready_last = before;
			return;
		}
}

/* Out of the lane's list; what is first there is usually removed. */
static void unlink_task(struct lane *l, struct task *t)
{
	struct task **at = &l->tasks, *before = NULL;

	for (; *at; before = *at, at = &(*at)->next)
		if (*at == t) {
			*at = t->next;
			if (l->tasks_last == t)
				l->tasks_last = before;
			l->n_tasks--;
			return;
		}
}

static void unlink_from_part(struct lane *l, struct part *part,
    struct task *t)
{
	struct task **at = &part->first, *before = NULL;
	bool was_first = part->first == t;

	for (; *at && *at != t; before = *at, at = &(*at)->next_in_part)
		;
	if (!*at)
		return;
	*at = t->next_in_part;
	if (part->last == t)
		part->last = before;
	if (was_first && part->first && part->first->state == TASK_QUEUED &&
	    !part->failing)
		lane_make_ready(l, part->first);
}

void lane_remove_task(struct lane *l, struct task *t)
{
	struct part *part = t->part;

	if (t->state == TASK_QUEUED)
		unlink_ready(l, t);
	if (!t->retry)
		unlink_task(l, t);
	unlink_from_part(l, part, t);
	if (l->stubborn == t)
		l->stubborn = NULL;
	forget_part(l, part);
}

/* What waits behind a failing message is the failing row's from now on. */
void lane_drop_part_tasks(struct lane *l, struct part *part)
{
	struct task *t, *next;

	for (t = part->first; t; t = next) {
		next = t->next_in_part;
		if (t->state == TASK_QUEUED)
			unlink_ready(l, t);
		if (t->state == TASK_RUNNING)
			continue;
		if (!t->retry)
			unlink_task(l, t);
		unlink_from_part(l, part, t);
		task_free(t);
	}
}

static void drop_part(struct lane *l, struct part *part)
{
	part->failing = true;	/* so that nothing becomes ready */
	lane_drop_part_tasks(l, part);
	part->failing = false;
	forget_part(l, part);
}

static void drop_parts(struct lane *l, int shard)
{
	for (size_t i = 0; i < LANE_BUCKETS; i++) {
		struct part *p, *next;

		for (p = l->buckets[i]; p; p = next) {
			next = p->next;
			if (shard < 0 || p->shard == shard)
				drop_part(l, p);
		}
	}
}

void lane_drop_all(struct lane *l)
{
	drop_parts(l, -1);
}

void lane_lose_shard(struct lane *l, int shard)
{
	l->mine[shard] = false;
	l->foreign = true;
	drop_parts(l, shard);
}

int64_t lane_low(const struct lane *l, int shard)
{
	int64_t low = l->seen[shard] > l->scanned ? l->seen[shard] :
	    l->scanned;
	const struct task *t;

	for (t = l->tasks; t; t = t->next)
		if (t->part->shard == shard && !t->handled) {
			low = t->position - 1;
			break;
		}
	return low > l->low[shard] ? low : l->low[shard];
}

/* ---- claims ---- */

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
		if (p->first && p->first->state != TASK_QUEUED)
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

static int claim_shard(struct lane *l, int i, const struct group_shard *s,
    struct es_err *err)
{
	struct runner *r = l->runner;
	int64_t epoch;

	if (group_claim(r->groups, l->handler->name, i, r->me, &epoch,
	    err) < 0)
		return -1;
	l->mine[i] = true;
	l->epoch[i] = epoch;
	l->low[i] = l->seen[i] = s->position;
	return 0;
}

/* The shards that nobody alive has. */
static int claimable(struct lane *l, const struct group_shard *shards,
    bool *want, bool *any, struct es_err *err)
{
	*any = l->foreign = false;
	for (int i = 0; i < GROUP_SHARDS; i++) {
		bool gone = true;

		want[i] = false;
		if (l->mine[i])
			continue;
		if (shards[i].owner && workers_gone(l->runner->workers,
		    shards[i].owner, &gone, err) < 0)
			return -1;
		/* A slot of ours in the store is an earlier process's. */
		want[i] = gone || shards[i].owner == l->runner->me;
		*any |= want[i];
		l->foreign |= !want[i];
	}
	return 0;
}

int lane_claim(struct lane *l, bool *any, struct es_err *err)
{
	struct runner *r = l->runner;
	struct group_shard shards[GROUP_SHARDS];
	bool want[GROUP_SHARDS];
	int64_t old = l->scanned;

	if (group_shards(r->groups, l->handler->name, shards, err) < 0 ||
	    claimable(l, shards, want, any, err) < 0)
		return -1;
	if (!*any)
		return 0;
	if (store_begin(r->store, err) < 0)
		return -1;
	/* Once more, under the lock: another process may have been first. */
	if (group_shards(r->groups, l->handler->name, shards, err) < 0 ||
	    claimable(l, shards, want, any, err) < 0)
		goto fail;
	for (int i = 0; i < GROUP_SHARDS; i++)
		if (l->mine[i] && l->seen[i] < old)
			l->seen[i] = old;
	for (int i = 0; i < GROUP_SHARDS; i++) {
		if (!want[i])
			continue;
		if (claim_shard(l, i, &shards[i], err) < 0)
			goto fail;
		if (l->scanned > shards[i].position)
			l->scanned = shards[i].position;
	}
	if (store_head(r->store, &l->claimed_head, err) < 0)
		goto fail;
	if (store_commit(r->store, err) < 0)
		return -1;
	return lane_reload_failing(l, err);
fail:
	store_rollback(r->store);
	return -1;
}

/* ---- reading the log ---- */

static int partition_text(struct lane *l, const struct message *m,
    struct buf *out, struct es_err *err)
{
	return delivery_partition(l->runner->store, l->handler, m, out, err);
}

static int wanted(struct lane *l, const struct message *m, bool *wants,
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

	if (partition_text(l, m, &r->line, err) < 0)
		return -1;
	shard = group_shard_of(buf_span(&r->line));
	if (!l->mine[shard] || position <= l->seen[shard] ||
	    position <= l->low[shard])
		return 0;
	if (wanted(l, m, &wants, err) < 0)
		return -1;
	l->seen[shard] = position;
	if (!wants)
		return 0;
	if (position <= l->claimed_head && group_is_done(r->groups,
	    l->handler->name, shard, position, &done, err) < 0)
		return -1;
	if (done)
		return 0;
	part = lane_part(l, buf_span(&r->line), true, err);
	if (!part)
		return -1;
	/* After a stop and a start the log is read again: it may still run. */
	if (part->failing || (part->first &&
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

/* ---- failing partitions ---- */

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
		if (partition_text(l, &m, &text, err) < 0) {
			r = -1;
			break;
		}
		if (!span_is(buf_span(&text), part->text))
			continue;
		if (wanted(l, &m, &wants, err) < 0) {
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

/* A row whose message was skipped: on to the next one, or away with it. */
static int pass_skipped(struct lane *l, struct part *part, struct es_err *err)
{
	struct runner *r = l->runner;
	const char *name = l->handler->name;
	struct group_failing row = part->row;
	int64_t next;
	int bad;

	if (lane_next_of_part(l, part, row.position, &next, err) < 0 ||
	    store_begin(r->store, err) < 0)
		return -1;
	row.partition = part->text;
	row.position = next;
	row.attempt = 0;
	row.retry_at = 0;
	bad = next ? group_failing_put(r->groups, name, &row, err) :
	    group_failing_remove(r->groups, name, part->text, err);
	if (bad < 0) {
		store_rollback(r->store);
		return -1;
	}
	if (store_commit(r->store, err) < 0)
		return -1;
	row.partition = NULL;
	part->row = row;
	part->failing = next != 0;
	if (!next)
		forget_part(l, part);
	return 0;
}

static int retry_part(struct lane *l, struct part *part, bool *progress,
    struct es_err *err)
{
	*progress = true;
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
			next = p->next;
			if (p->failing && !p->row.parked && !p->first &&
			    p->row.retry_at <= now &&
			    retry_part(l, p, progress, err) < 0)
				return -1;
		}
	}
	return 0;
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
	if (partition_text(l, m, &r->line, err) < 0)
		return -1;
	shard = group_shard_of(buf_span(&r->line));
	/* What waits behind a parked message is not pending. */
	if (l->mine[shard] || position <= o->shards[shard].position ||
	    fails(o, r->line.p))
		return 0;
	if (group_is_done(r->groups, l->handler->name, shard, position, &done,
	    err) < 0)
		return -1;
	return done ? 0 : wanted(l, m, pending, err);
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
