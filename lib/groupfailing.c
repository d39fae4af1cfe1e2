/* The partitions of a group that fail, and what they wait for. */
#include <stdlib.h>

#include "groupimpl.h"

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
		    .partition = group_text(st, 0),
		    .shard = sqlite3_column_int(st, 1),
		    .position = sqlite3_column_int64(st, 2),
		    .attempt = sqlite3_column_int(st, 3),
		    .retry_at = sqlite3_column_int64(st, 4),
		    .parked = sqlite3_column_int(st, 5) != 0,
		    .reason = group_text(st, 6)};
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

int group_is_skipped(struct groups *g, const char *name,
    const char *partition, bool *skipped, struct es_err *err)
{
	sqlite3_stmt *st = group_statement(g, GQ_IS_SKIPPED, err);
	int r;

	if (!st)
		return -1;
	db_bind_text(st, 1, span_str(name));
	db_bind_text(st, 2, span_str(partition));
	r = db_row(store_db(g->store), st, err);
	*skipped = r > 0;
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}
