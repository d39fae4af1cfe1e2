#include <stdlib.h>
#include <string.h>

#include "groupimpl.h"

/* ---- statements, prepared when first used ---- */

static const char *const texts[GQ_COUNT] = {
	[GQ_LOAD] = "select definition, state, error, code, hash, start, "
	    "react_from from consumer where name = ?",
	[GQ_NAMES] = "select name from consumer order by name",
	[GQ_INSERT] = "insert into consumer(name, definition, state, start, "
	    "react_from) values (?, ?, 'running', ?, ?)",
	[GQ_INSERT_SHARD] = "insert into shard(name, shard, position, epoch) "
	    "values (?, ?, ?, 0)",
	[GQ_SHARDS] = "select shard, position, epoch, owner from shard "
	    "where name = ? order by shard",
	[GQ_CLAIM] = "update shard set owner = ?3, epoch = epoch + 1 "
	    "where name = ?1 and shard = ?2 returning epoch",
	[GQ_RELEASE] = "update shard set owner = null where owner = ?",
	[GQ_ACK] = "update shard set position = max(position, ?4) "
	    "where name = ?1 and shard = ?2 and epoch = ?3",
	[GQ_EPOCH] = "select epoch from shard where name = ? and shard = ?",
	[GQ_TRIM] = "delete from done where name = ?1 and shard = ?2 "
	    "and position <= ?3",
	[GQ_DONE] = "insert or ignore into done(name, shard, position) "
	    "values (?, ?, ?)",
	[GQ_IS_DONE] = "select 1 from done where name = ? and shard = ? "
	    "and position = ?",
	[GQ_FAILING] = "select partition, shard, position, attempt, retry_at, "
	    "parked, reason from failing where name = ? order by position",
	[GQ_FAILING_PUT] = "insert or replace into failing(name, partition, "
	    "shard, position, attempt, retry_at, parked, reason) "
	    "values (?, ?, ?, ?, ?, ?, ?, ?)",
	[GQ_FAILING_REMOVE] = "delete from failing where name = ? "
	    "and partition = ?",
	[GQ_STATE] = "update consumer set state = ?2, error = ?3, code = ?4, "
	    "hash = ?5 where name = ?1",
	[GQ_RETRY] = "update failing set parked = 0, attempt = 0, retry_at = 0"
	    " where name = ?1 and parked and (?2 is null or partition = ?2)",
	[GQ_SKIP] = "update failing set parked = 0, attempt = -1, retry_at = 0"
	    " where name = ? and partition = ?",
	/* The epoch fences whoever works by the old definition. */
	[GQ_RESHARD] = "update shard set position = ?2, owner = null, "
	    "epoch = epoch + 1 where name = ?1",
	[GQ_CLEAR_DONE] = "delete from done where name = ?",
	[GQ_LAST_DONE] = "select max(position) from done where name = ?",
	[GQ_ERROR] = "update consumer set error = ? where name = ?",
	[GQ_REDEFINE] = "update consumer set definition = ? where name = ?",
};

sqlite3_stmt *group_statement(struct groups *g, enum group_query q,
    struct es_err *err)
{
	if (!g->statements[q] && db_prepare(store_db(g->store), texts[q],
	    &g->statements[q], err) < 0)
		return NULL;
	return g->statements[q];
}

int groups_open(struct store *s, struct groups **out, struct es_err *err)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return es_fail_nomem(err);
	(*out)->store = s;
	return 0;
}

void groups_close(struct groups *g)
{
	if (!g)
		return;
	for (int i = 0; i < GQ_COUNT; i++)
		sqlite3_finalize(g->statements[i]);
	free(g);
}

int group_run(struct groups *g, sqlite3_stmt *st, struct es_err *err)
{
	return store_check_open(g->store, err) < 0 ? -1 :
	    db_done(store_db(g->store), st, err);
}

/* ---- rows ---- */

void group_row_free(struct group_row *r)
{
	free(r->name);
	free(r->definition);
	free(r->error);
	*r = (struct group_row){0};
}

static char *copy_text(sqlite3_stmt *st, int column)
{
	struct span s = db_text(st, column);

	return s.p ? strndup(s.p, s.n) : NULL;
}

int group_load(struct groups *g, const char *name, struct group_row *out,
    struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_LOAD, err);
	int r;

	*out = (struct group_row){0};
	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	r = db_row(store_db(g->store), st, err);
	if (r <= 0)
		return r;
	out->name = strdup(name);
	out->definition = copy_text(st, 0);
	out->held = span_is(db_text(st, 1), "held");
	out->stopped = out->held || span_is(db_text(st, 1), "stopped");
	out->error = copy_text(st, 2);
	out->code = sqlite3_column_int(st, 3);
	out->has_hash = db_text(st, 4).n == 32;
	if (out->has_hash)
		memcpy(out->hash, db_text(st, 4).p, 32);
	out->start = sqlite3_column_int64(st, 5);
	out->react_from = sqlite3_column_int64(st, 6);
	sqlite3_reset(st);
	if (!out->name || !out->definition) {
		group_row_free(out);
		return es_fail_nomem(err);
	}
	return 1;
}

int group_names(struct groups *g, char ***out, size_t *n, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_NAMES, err);
	int r;

	*out = NULL;
	*n = 0;
	if (!st)
		return -1;
	while ((r = db_row(store_db(g->store), st, err)) > 0) {
		char **v = realloc(*out, (*n + 1) * sizeof *v);

		if (v)
			*out = v;
		if (!v || !(v[*n] = copy_text(st, 0))) {
			r = es_fail_nomem(err);
			break;
		}
		++*n;
	}
	sqlite3_reset(st);
	if (r == 0)
		return 0;
	while (*n > 0)
		free((*out)[--*n]);
	free(*out);
	*out = NULL;
	return -1;
}

static int insert_group(struct groups *g, const char *name,
    struct span definition, int64_t start, int64_t react_from,
    struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_INSERT, err);
	sqlite3_stmt *shard = group_statement(g, GQ_INSERT_SHARD, err);

	if (!st || !shard)
		return -1;
	db_bind_text(st, 1, span_str(name));
	db_bind_text(st, 2, definition);
	sqlite3_bind_int64(st, 3, start);
	sqlite3_bind_int64(st, 4, react_from);
	if (group_run(g, st, err) < 0)
		return -1;
	for (int i = 0; i < GROUP_SHARDS; i++) {
		db_bind_text(shard, 1, span_str(name));
		sqlite3_bind_int(shard, 2, i);
		sqlite3_bind_int64(shard, 3, start);
		if (group_run(g, shard, err) < 0)
			return -1;
	}
	return 0;
}

/* Who does not say where a group begins means where it does begin. */
static bool is_definition(const char *stored, struct span d)
{
	size_t n = strlen(stored);

	return span_eq(span_str(stored), d) || (n > d.n &&
	    memcmp(stored, d.p, d.n - 1) == 0 &&
	    strncmp(stored + d.n - 1, ",\"from\":", 8) == 0);
}

int group_ensure(struct groups *g, const char *name, struct span definition,
    int64_t start, int64_t react_from, bool *created, struct es_err *err)
{
	struct group_row row;
	int r = group_load(g, name, &row, err);

	*created = r == 0;
	if (r < 0)
		return -1;
	if (r == 0)
		return insert_group(g, name, definition, start, react_from,
		    err);
	if (!is_definition(row.definition, definition))
		r = es_fail(err, ES_FAILED, "group %s is defined otherwise in "
		    "this store: as %s, not as %.*s; rename it, or take the "
		    "new definition with es-group redefine %s", name,
		    row.definition, (int)definition.n, definition.p, name);
	group_row_free(&row);
	return r < 0 ? -1 : 0;
}

/* ---- shards ---- */

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

int group_epoch_is(struct groups *g, const char *name, int shard,
    int64_t epoch, bool *same, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_EPOCH, err);
	int r;

	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	sqlite3_bind_int(st, 2, shard);
	r = db_row(store_db(g->store), st, err);
	*same = r > 0 && sqlite3_column_int64(st, 0) == epoch;
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
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

/* ---- failing partitions ---- */

void group_failing_free(struct group_failing *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		free(v[i].partition);
		free(v[i].reason);
	}
	free(v);
}

int group_failing(struct groups *g, const char *name,
    struct group_failing **out, size_t *n, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_FAILING, err);
	int r;

	*out = NULL;
	*n = 0;
	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	while ((r = db_row(store_db(g->store), st, err)) > 0) {
		struct group_failing *v = realloc(*out, (*n + 1) * sizeof *v);

		if (!v) {
			r = es_fail_nomem(err);
			break;
		}
		*out = v;
		v[(*n)++] = (struct group_failing){
		    .partition = copy_text(st, 0),
		    .shard = sqlite3_column_int(st, 1),
		    .position = sqlite3_column_int64(st, 2),
		    .attempt = sqlite3_column_int(st, 3),
		    .retry_at = sqlite3_column_int64(st, 4),
		    .parked = sqlite3_column_int(st, 5) != 0,
		    .reason = copy_text(st, 6)};
		if (!v[*n - 1].partition || !v[*n - 1].reason) {
			r = es_fail_nomem(err);
			break;
		}
	}
	sqlite3_reset(st);
	if (r == 0)
		return 0;
	group_failing_free(*out, *n);
	*out = NULL;
	*n = 0;
	return -1;
}

int group_failing_put(struct groups *g, const char *name,
    const struct group_failing *f, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_FAILING_PUT, err);

	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	db_bind_text(st, 2, span_str(f->partition));
	sqlite3_bind_int(st, 3, f->shard);
	sqlite3_bind_int64(st, 4, f->position);
	sqlite3_bind_int(st, 5, f->attempt);
	sqlite3_bind_int64(st, 6, f->retry_at);
	sqlite3_bind_int(st, 7, f->parked);
	db_bind_text(st, 8, span_str(f->reason ? f->reason : ""));
	return group_run(g, st, err);
}

int group_failing_remove(struct groups *g, const char *name,
    const char *partition, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_FAILING_REMOVE, err);

	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	db_bind_text(st, 2, span_str(partition));
	return group_run(g, st, err);
}
