/* Groups and their definitions; the statements of all of group*.c. */
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
	[GQ_IS_SKIPPED] = "select 1 from failing where name = ? "
	    "and partition = ? and attempt < 0",
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

char *group_text(sqlite3_stmt *st, int column)
{
	struct span s = db_text(st, column);

	return s.p ? strndup(s.p, s.n) : NULL;
}

int group_load(struct groups *g, const char *name, struct group_row *out,
    struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_LOAD, err);
	bool whole;
	int r;

	*out = (struct group_row){0};
	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	r = db_row(store_db(g->store), st, err);
	if (r <= 0)
		return r;
	out->name = strdup(name);
	out->definition = group_text(st, 0);
	out->held = span_is(db_text(st, 1), "held");
	out->stopped = out->held || span_is(db_text(st, 1), "stopped");
	out->error = group_text(st, 2);
	out->code = sqlite3_column_int(st, 3);
	out->has_hash = db_text(st, 4).n == 32;
	if (out->has_hash)
		memcpy(out->hash, db_text(st, 4).p, 32);
	out->start = sqlite3_column_int64(st, 5);
	out->react_from = sqlite3_column_int64(st, 6);
	whole = out->name && out->definition &&
	    (out->error || !db_text(st, 2).p);
	sqlite3_reset(st);
	if (!whole) {
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
		if (!v || !(v[*n] = group_text(st, 0))) {
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

int group_check_definition(const struct group_row *row,
    struct span definition, struct es_err *err)
{
	return is_definition(row->definition, definition) ? 0 :
	    es_fail(err, ES_FAILED, "group %s is defined otherwise in this "
	    "store: as %s, not as %.*s; rename it, or take the new definition "
	    "with es-group redefine %s", row->name, row->definition,
	    (int)definition.n, definition.p, row->name);
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
	r = group_check_definition(&row, definition, err);
	group_row_free(&row);
	return r;
}
