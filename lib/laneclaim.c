/* lane: the shards of a group that this process has. */
#include "runnerimpl.h"

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

int lane_load_group(const struct lane *l, struct group_row *out,
    struct es_err *err)
{
	int got = group_load(l->runner->groups, l->handler->name, out, err);

	return got != 0 ? (got < 0 ? -1 : 0) : es_fail(err, ES_FAILED,
	    "%s: group %s is gone", store_path(l->runner->store),
	    l->handler->name);
}

/* The epoch of a shard does not tell that the group was redefined. */
static int check_definition(struct lane *l, struct es_err *err)
{
	struct group_row row;
	int r = lane_load_group(l, &row, err);

	if (r < 0)
		return -1;
	r = group_check_definition(&row, buf_span(&l->definition), err);
	group_row_free(&row);
	return r;
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
	if (check_definition(l, err) < 0 ||
	    group_shards(r->groups, l->handler->name, shards, err) < 0 ||
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
	if (store_head(r->store, &l->done_up_to, err) < 0)
		goto fail;
	if (store_commit(r->store, err) < 0)
		return -1;
	return lane_reload_failing(l, err);
fail:
	store_rollback(r->store);
	return -1;
}
