/* What SQLite itself says of the file, and whose it is. */
#include <string.h>

#include "checkint.h"
#include "schema.h"
#include "storeimpl.h"

/* A line of its report; what keeps it from looking is none of the file's. */
static int report_row(struct check *c, struct span text, struct es_err *err)
{
	static const char nomem[] = "error code=7";	/* SQLITE_NOMEM */

	if (span_is(text, "ok"))
		return 0;
	if (!text.p || memmem(text.p, text.n, nomem, sizeof nomem - 1))
		return es_fail_nomem(err);
	return check_found(c, "file", "", "SQLite's own checks", "ok",
	    check_span(c, text), err);
}

int check_sqlite(struct check *c, struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	check_progress(c, "SQLite", 0, 0);
	if (db_exec(c->db, "pragma cell_size_check=1", err) < 0 ||
	    db_prepare(c->db, "pragma integrity_check(100)", &st, err) < 0)
		return check_unreadable(c, "file", err);
	while ((r = db_row(c->db, st, err)) > 0)
		if (report_row(c, db_text(st, 0), err) < 0)
			break;
	if (r > 0)
		r = -1;
	else if (r < 0)
		r = check_unreadable(c, "file", err);
	sqlite3_finalize(st);
	return r;
}

/* ---- the schema ---- */

static const char schema_query[] = "select type || ' ' || name, "
    "coalesce(sql, '') from sqlite_schema order by 1";

static int reference(struct check *c, sqlite3 **out, struct es_err *err)
{
	*out = NULL;
	if (sqlite3_open_v2(":memory:", out, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE, NULL) == SQLITE_OK &&
	    sqlite3_exec(*out, schema_tables, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(*out, index_schema, NULL, NULL, NULL) == SQLITE_OK &&
	    (c->sum->format < STORE_FORMAT_RUNS || sqlite3_exec(*out,
	    index_run_schema, NULL, NULL, NULL) == SQLITE_OK) &&
	    sqlite3_exec(*out, schema_view, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	es_fail(err, ES_FAILED, "%s: %s", c->db->path, sqlite3_errmsg(*out));
	sqlite3_close(*out);
	return -1;
}

static int differs(struct check *c, sqlite3_stmt *wanted, int order,
    sqlite3_stmt *there, struct es_err *err)
{
	struct span name = db_text(order <= 0 ? wanted : there, 0);

	return check_found(c, "schema", check_span(c, name), "definition",
	    order <= 0 ? check_span(c, db_text(wanted, 1)) : "no such thing",
	    order < 0 ? "nothing" : check_span(c, db_text(there, 1)), err);
}

/* Of the schema as it should be: no fault of the store. */
static int next_wanted(struct check *c, sqlite3_stmt *st, struct es_err *err)
{
	int rc = sqlite3_step(st);

	return rc == SQLITE_ROW || rc == SQLITE_DONE ? rc == SQLITE_ROW :
	    es_fail(err, ES_FAILED, "%s: %s", c->db->path,
	    sqlite3_errmsg(sqlite3_db_handle(st)));
}

/* Both in the order of their names: a merge. */
static int compare(struct check *c, sqlite3_stmt *wanted, sqlite3_stmt *there,
    struct es_err *err)
{
	int a = next_wanted(c, wanted, err), b = 1, order = 1;

	while (a >= 0) {
		if (order >= 0)
			b = db_row(c->db, there, err);
		if (b < 0)
			return check_unreadable(c, "schema", err);
		if (a == 0 && b == 0)
			return 0;
		order = a == 0 ? 1 : b == 0 ? -1 :
		    span_cmp(db_text(wanted, 0), db_text(there, 0));
		if ((order || !span_eq(db_text(wanted, 1),
		    db_text(there, 1))) &&
		    differs(c, wanted, order, there, err) < 0)
			return -1;
		if (order <= 0)
			a = next_wanted(c, wanted, err);
	}
	return -1;
}

static int definitions(struct check *c, struct es_err *err)
{
	sqlite3 *memory;
	sqlite3_stmt *wanted = NULL, *there = NULL;
	int r = -1;

	if (reference(c, &memory, err) < 0)
		return -1;
	if (sqlite3_prepare_v2(memory, schema_query, -1, &wanted, NULL) !=
	    SQLITE_OK)
		es_fail(err, ES_FAILED, "%s: %s", c->db->path,
		    sqlite3_errmsg(memory));
	else if (db_prepare(c->db, schema_query, &there, err) < 0)
		r = check_unreadable(c, "schema", err);
	else
		r = compare(c, wanted, there, err);
	sqlite3_finalize(wanted);
	sqlite3_finalize(there);
	sqlite3_close(memory);
	return r;
}

static int marks(struct check *c, int64_t application, struct es_err *err)
{
	if (application != STORE_APPLICATION_ID && check_found(c, "file", "",
	    "application_id", check_number(c, STORE_APPLICATION_ID),
	    check_number(c, application), err) < 0)
		return -1;
	return c->sum->format >= 1 ? 0 : check_found(c, "file", "",
	    "user_version", "the format, from 1",
	    check_number(c, c->sum->format), err);
}

int check_schema(struct check *c, struct es_err *err)
{
	int64_t application, format, tables, own;

	if (db_int(c->db, "select count(*) from sqlite_schema", &tables,
	    err) < 0 || db_int(c->db, "select count(*) from sqlite_schema "
	    "where type = 'table' and name in ('message', 'ids', 'meta', "
	    "'shape')", &own, err) < 0 ||
	    db_int(c->db, "pragma user_version", &format, err) < 0 ||
	    db_int(c->db, "pragma application_id", &application, err) < 0)
		return check_unreadable(c, "schema", err);
	c->sum->format = format;
	if (tables == 0 && application == 0)
		return es_fail(err, ES_FAILED, "%s: an empty file, no store: "
		    "make one with es-init", c->db->path);
	if (application != STORE_APPLICATION_ID && own < 4)
		return es_fail(err, ES_FAILED, "%s: not a store of es",
		    c->db->path);
	if (format > STORE_FORMAT)
		return es_fail(err, ES_FAILED, "%s: its format is %lld, and "
		    "this es knows formats up to %d: use a newer es",
		    c->db->path, (long long)format, STORE_FORMAT);
	if (marks(c, application, err) < 0)
		return -1;
	return definitions(c, err);
}
