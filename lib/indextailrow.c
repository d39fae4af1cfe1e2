/* Rows of tag_tail (indexdb.h). */
#include <sqlite3.h>

#include "indexdb.h"

int indexdb_tail_stamp(struct indexdb *d, int64_t *stamp, struct es_err *err)
{
	sqlite3_stmt *st = indexdb_statement(d, SQL_TAIL_STAMP, NULL, 0, err);
	int rc;

	if (!st || (rc = indexdb_step(d, st, err)) < 0)
		return -1;
	if (!rc)
		return 0;
	*stamp = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return 1;
}

static enum indexdb_sql tail_sql(bool down)
{
	return down ? SQL_TAIL_DOWN : SQL_TAIL_UP;
}

int indexdb_tail(struct indexdb *d, bool down, int64_t after,
    struct es_err *err)
{
	return STATEMENT(d, tail_sql(down), err, after) ? 0 : -1;
}

int indexdb_tail_step(struct indexdb *d, bool down, struct tail_row *row,
    struct es_err *err)
{
	sqlite3_stmt *st = d->st[tail_sql(down)];
	int rc = indexdb_step(d, st, err);

	if (rc < 1)
		return rc;
	row->first = sqlite3_column_int64(st, 0);
	row->last = sqlite3_column_int64(st, 1);
	row->stamp = sqlite3_column_int64(st, 2);
	row->prev = sqlite3_column_int64(st, 3);
	row->meta = sqlite3_column_blob(st, 4);
	row->n_meta = (size_t)sqlite3_column_bytes(st, 4);
	row->keys = sqlite3_column_blob(st, 5);
	row->n_keys = (size_t)sqlite3_column_bytes(st, 5);
	return 1;
}

void indexdb_tail_end(struct indexdb *d, bool down)
{
	sqlite3_reset(d->st[tail_sql(down)]);
}

int indexdb_tail_save(struct indexdb *d, const struct tail_row *row,
    bool is_new, struct es_err *err)
{
	sqlite3_stmt *st = STATEMENT(d, is_new ? SQL_TAIL_ADD : SQL_TAIL_SET,
	    err, row->first, row->last, row->stamp, row->prev);

	if (!st)
		return -1;
	sqlite3_bind_blob64(st, 5, row->meta, row->n_meta, SQLITE_STATIC);
	sqlite3_bind_blob64(st, 6, row->keys, row->n_keys, SQLITE_STATIC);
	return indexdb_execute(d, st, err);
}

int indexdb_tail_clear(struct indexdb *d, struct es_err *err)
{
	sqlite3_stmt *st = indexdb_statement(d, SQL_TAIL_CLEAR, NULL, 0, err);

	return st ? indexdb_execute(d, st, err) : -1;
}
