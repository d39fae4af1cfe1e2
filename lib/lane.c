/* lane: partitions, and the tasks that wait in them. */
#include <stdlib.h>
#include <string.h>

#include "runnerimpl.h"

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

static void free_part(struct part *part)
{
	free(part->row.reason);
	free(part->text);
	free(part);
}

void lane_forget_part(struct lane *l, struct part *part)
{
	struct part **at = &l->buckets[part->hash % LANE_BUCKETS];

	if (part->first || part->failing)
		return;
	while (*at != part)
		at = &(*at)->next;
	*at = part->next;
	free_part(part);
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

/* Behind the others, but for those that still run when the log is read again. */
static void link_task(struct lane *l, struct task *t)
{
	struct task **at = &l->tasks;

	if (l->tasks_last && l->tasks_last->position <= t->position)
		at = &l->tasks_last->next;
	while (*at && (*at)->position <= t->position)
		at = &(*at)->next;
	t->next = *at;
	*at = t;
	if (!t->next)
		l->tasks_last = t;
	l->n_tasks++;
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
	t->epoch = l->epoch[part->shard];
	t->attempt = 1;
	t->retry = part->failing;
	if (t->retry)
		t->attempt = part->row.attempt + 1;
	else
		link_task(l, t);
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
	lane_forget_part(l, part);
}

/* What waits behind a failing message is the failing row's from now on. */
void lane_drop_part_tasks(struct lane *l, struct part *part)
{
	struct task *t, *next;

	for (t = part->first; t; t = next) {
		next = t->next_in_part;
		if (t->state != TASK_QUEUED)
			continue;
		unlink_ready(l, t);
		if (!t->retry)
			unlink_task(l, t);
		unlink_from_part(l, part, t);
		task_free(t);
	}
}

bool task_is_ours(const struct task *t)
{
	int shard = t->part->shard;

	return t->lane->mine[shard] && t->lane->epoch[shard] == t->epoch;
}

/* ---- all parts ---- */

static void drop_waiting(struct lane *l, struct part *part)
{
	bool failing = part->failing;

	part->failing = true;	/* so that nothing becomes ready */
	lane_drop_part_tasks(l, part);
	/* A retry that is under way knows how it stands; else its row does. */
	part->failing = failing && part->first;
	lane_forget_part(l, part);
}

void lane_rewind(struct lane *l)
{
	struct part *p, *next;

	for (size_t i = 0; i < LANE_BUCKETS; i++)
		for (p = l->buckets[i]; p; p = next) {
			next = p->next;
			drop_waiting(l, p);
		}
	for (int i = 0; i < GROUP_SHARDS; i++) {
		l->seen[i] = l->low[i];
		if (l->mine[i] && l->low[i] < l->scanned)
			l->scanned = l->low[i];
	}
	/* Much of what is read again may be done, by this process. */
	if (l->done_up_to < l->runner->head)
		l->done_up_to = l->runner->head;
}

void lane_lose_shard(struct lane *l, int shard)
{
	struct part *p, *next;

	l->mine[shard] = false;
	l->foreign = true;
	for (size_t i = 0; i < LANE_BUCKETS; i++)
		for (p = l->buckets[i]; p; p = next) {
			next = p->next;
			if (p->shard != shard)
				continue;
			/* Its row is another's, whatever runs here. */
			p->failing = false;
			drop_waiting(l, p);
		}
}

void lane_free_tasks(struct lane *l)
{
	struct part *p, *next;
	struct task *t;

	for (size_t i = 0; i < LANE_BUCKETS; i++)
		for (p = l->buckets[i]; p; p = next) {
			next = p->next;
			while ((t = p->first)) {
				p->first = t->next_in_part;
				task_free(t);
			}
			free_part(p);
		}
}

void lane_lows(const struct lane *l, int64_t low[GROUP_SHARDS])
{
	bool found[GROUP_SHARDS] = {false};
	const struct task *t;
	int left = GROUP_SHARDS;

	for (int i = 0; i < GROUP_SHARDS; i++)
		low[i] = l->seen[i] > l->scanned ? l->seen[i] : l->scanned;
	for (t = l->tasks; t && left > 0; t = t->next) {
		int shard = t->part->shard;

		if (t->handled || found[shard])
			continue;
		found[shard] = true;
		left--;
		if (t->position <= low[shard])
			low[shard] = t->position - 1;
	}
	for (int i = 0; i < GROUP_SHARDS; i++)
		if (low[i] < l->low[i])
			low[i] = l->low[i];
}
