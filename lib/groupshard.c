/* How far each shard of a group has come, and whose it is. */
#include <string.h>

#include "groupimpl.h"

int group_shard_of(struct span partition)
{
	/* FNV-1a; it is stored, in effect: which shard a partition is in. */
	uint64_t h = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < partition.n; i++)
		h = (h ^ (unsigned char)partition.p[i]) *
		    UINT64_C(1099511628211);
	return (int)((h ^ h >> 32) % GROUP_SHARDS);
}

int group_shards(struct groups *g, const char *name,
    struct group_shard out[GROUP_SHARDS], struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_SHARDS, err);
	int r;

	if (!st)
		return -1;
	memset(out, 0, GROUP_SHARDS * sizeof *out);
	db_bind_text(st, 1, span_str(name));
	while ((r = db_row(store_db(g->store), st, err)) > 0) {
		int i = sqlite3_column_int(st, 0);

		if (i < 0 || i >= GROUP_SHARDS)
			continue;
		out[i].position = sqlite3_column_int64(st, 1);
		out[i].epoch = sqlite3_column_int64(st, 2);
		out[i].owner = sqlite3_column_int(st, 3);
	}
	return r;
}

int group_claim(struct groups *g, const char *name, int shard, int me,
    int64_t *epoch, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_CLAIM, err);
	int r;

	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	sqlite3_bind_int(st, 2, shard);
	sqlite3_bind_int(st, 3, me);
	if (store_check_open(g->store, err) < 0)
		return -1;
	r = db_row(store_db(g->store), st, err);
	if (r > 0)
		*epoch = sqlite3_column_int64(st, 0);
	else if (r == 0)
		es_fail(err, ES_FAILED, "group %s has no shard %d", name,
		    shard);
	sqlite3_reset(st);
	return r > 0 ? 0 : -1;
}

int group_release(struct groups *g, int owner, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_RELEASE, err);

	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, owner);
	return group_run(g, st, err);
}

int group_ack(struct groups *g, const char *name, int shard, int64_t epoch,
    int64_t position, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_ACK, err);
	sqlite3_stmt *trim = group_statement(g, GQ_TRIM, err);

	if (!st || !trim)
		return -1;
	db_bind_text(st, 1, span_str(name));
	sqlite3_bind_int(st, 2, shard);
	sqlite3_bind_int64(st, 3, epoch);
	sqlite3_bind_int64(st, 4, position);
	if (group_run(g, st, err) < 0)
		return -1;
	if (sqlite3_changes(store_db(g->store)->h) == 0)
		return 0;
	db_bind_text(trim, 1, span_str(name));
	sqlite3_bind_int(trim, 2, shard);
	sqlite3_bind_int64(trim, 3, position);
	return group_run(g, trim, err) < 0 ? -1 : 1;
}

static int with_done(struct groups *g, enum group_query q, const char *name,
    int shard, int64_t position, sqlite3_stmt **out, struct es_err *err)
{
	*out = group_statement(g, q, err);
	if (!*out)
		return -1;
	db_bind_text(*out, 1, span_str(name));
	sqlite3_bind_int(*out, 2, shard);
	sqlite3_bind_int64(*out, 3, position);
	return 0;
}

int group_done_add(struct groups *g, const char *name, int shard,
    int64_t position, struct es_err *err)
{
	sqlite3_stmt *st;

	return with_done(g, GQ_DONE, name, shard, position, &st, err) < 0 ?
	    -1 : group_run(g, st, err);
}

int group_is_done(struct groups *g, const char *name, int shard,
    int64_t position, bool *done, struct es_err *err)
{
	sqlite3_stmt *st;
	int r;

	if (with_done(g, GQ_IS_DONE, name, shard, position, &st, err) < 0)
		return -1;
	r = db_row(store_db(g->store), st, err);
	*done = r > 0;
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}
