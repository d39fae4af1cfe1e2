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

void lane_forget_part(struct lane *l, struct part *part)
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
	lane_forget_part(l, part);
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
	lane_forget_part(l, part);
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
