/* Statements of a db: prepare, step, bind, read. */
#include "db.h"

int db_prepare(struct db *db, const char *sql, sqlite3_stmt **out,
    struct es_err *err)
{
	if (sqlite3_prepare_v3(db->h, sql, -1, SQLITE_PREPARE_PERSISTENT, out,
	    NULL) != SQLITE_OK)
		return db_fail(db, err);
	return 0;
}

int db_prepare_once(struct db *db, const char *sql, sqlite3_stmt **st,
    struct es_err *err)
{
	return *st ? 0 : db_prepare(db, sql, st, err);
}

int db_exec(struct db *db, const char *sql, struct es_err *err)
{
	return sqlite3_exec(db->h, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 :
	    db_fail(db, err);
}

int db_done(struct db *db, sqlite3_stmt *st, struct es_err *err)
{
	int rc = sqlite3_step(st), r = 0;

	if (rc != SQLITE_DONE && rc != SQLITE_ROW)
		r = db_fail(db, err);
	sqlite3_reset(st);
	return r;
}

int db_row(struct db *db, sqlite3_stmt *st, struct es_err *err)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 1;
	if (rc != SQLITE_DONE)
		db_fail(db, err);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

int db_int(struct db *db, const char *sql, int64_t *out, struct es_err *err)
{
	sqlite3_stmt *st;
	int r;

	*out = 0;
	if (db_prepare(db, sql, &st, err) < 0)
		return -1;
	r = db_row(db, st, err);
	if (r > 0)
		*out = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

struct span db_text(sqlite3_stmt *st, int column)
{
	const void *p = sqlite3_column_blob(st, column);
	int n = sqlite3_column_bytes(st, column);

	if (sqlite3_column_type(st, column) == SQLITE_NULL)
		return SPAN_NONE;
	return (struct span){n ? p : "", (size_t)n};
}

void db_bind_text(sqlite3_stmt *st, int parameter, struct span s)
{
	if (s.p)
		sqlite3_bind_text64(st, parameter, s.p, s.n, SQLITE_STATIC,
		    SQLITE_UTF8);
	else
		sqlite3_bind_null(st, parameter);
}

void db_bind_blob(sqlite3_stmt *st, int parameter, const void *p, size_t n)
{
	sqlite3_bind_blob64(st, parameter, p, n, SQLITE_STATIC);
}
