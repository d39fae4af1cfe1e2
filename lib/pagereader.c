/* page: the connection that a render's queries run on; pagereader.h. */
#include <string.h>
#include <sys/stat.h>

#include "pagereader.h"
#include "sys.h"
#include "view.h"

#define QUERY_MS 500		/* all queries of a render together */
#define QUERY_STEPS 1000	/* of SQLite's machine, between two looks at
				   the clock */
#define VALUE_BYTES (1 << 20)

int pagereader_fail(struct pagereader *r, struct es_err *err)
{
	int rc = sqlite3_errcode(r->h);

	if (rc == SQLITE_INTERRUPT)
		return es_fail(err, ES_FAILED, "not done after %d ms",
		    QUERY_MS);
	if (rc == SQLITE_AUTH)
		return es_fail(err, ES_FAILED, "a page's query only reads: %s",
		    sqlite3_errmsg(r->h));
	return es_fail(err, ES_FAILED, "%s", sqlite3_errmsg(r->h));
}

/* ---- what a query may do ---- */

/*
 * Tables that are not in a read model but in SQLite: pragmas, which from some
 * version on nobody is asked about when they are read as tables, and the bare
 * pages of a file, where what was deleted still stands.
 */
static bool is_internal(const char *table)
{
	return table && (sqlite3_strnicmp(table, "pragma_", 7) == 0 ||
	    sqlite3_stricmp(table, "sqlite_dbpage") == 0 ||
	    sqlite3_stricmp(table, "sqlite_stmt") == 0 ||
	    sqlite3_stricmp(table, "dbstat") == 0);
}

static int authorize(void *ctx, int action, const char *a, const char *b,
    const char *database, const char *trigger)
{
	(void)ctx;
	(void)database;
	(void)trigger;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	case SQLITE_READ:
		return is_internal(a) ? SQLITE_DENY : SQLITE_OK;
	case SQLITE_FUNCTION:
		return strcmp(b, "load_extension") == 0 ? SQLITE_DENY :
		    SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

static int look_at_clock(void *ctx)
{
	struct pagereader *r = ctx;

	return sys_monotonic() > r->until;
}

static void limit(sqlite3 *h)
{
	sqlite3_limit(h, SQLITE_LIMIT_LENGTH, VALUE_BYTES);
	sqlite3_limit(h, SQLITE_LIMIT_SQL_LENGTH, 100000);
	sqlite3_limit(h, SQLITE_LIMIT_COLUMN, 200);
	sqlite3_limit(h, SQLITE_LIMIT_EXPR_DEPTH, 200);
	sqlite3_limit(h, SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000);
	sqlite3_limit(h, SQLITE_LIMIT_WORKER_THREADS, 0);
}

/* ---- read models ---- */

static int exec(struct pagereader *r, char *sql /* taken */, struct es_err *err)
{
	int rc = sql ? sqlite3_exec(r->h, sql, NULL, NULL, NULL) :
	    SQLITE_NOMEM;

	sqlite3_free(sql);
	if (rc == SQLITE_OK)
		return 0;
	return sql ? pagereader_fail(r, err) : es_fail_nomem(err);
}

/* "file:PATH?mode=ro", with what a URI reserves escaped. */
static void read_only(const char *path, struct buf *out)
{
	buf_adds(out, "file:");
	/* What begins with two would name a host. */
	while (path[0] == '/' && path[1] == '/')
		path++;
	for (; *path; path++)
		if (strchr("?#%", *path))
			buf_addf(out, "%%%02x", (unsigned char)*path);
		else
			buf_addc(out, *path);
	buf_adds(out, "?mode=ro");
}

/* 1, 0 when there is none that can be read, -1. */
static int attach(struct pagereader *r, struct store *s, const char *name,
    struct es_err *err)
{
	char *path = view_path(store_path(s), name, err);
	struct buf uri = {0};
	struct stat st;
	int result = 0;

	if (!path)
		return -1;
	read_only(path, &uri);
	if (buf_check(&uri, err) < 0)
		result = -1;
	/* Where there is no link SQLite need not look. */
	else if (lstat(path, &st) == 0)
		result = exec(r, sqlite3_mprintf("attach %Q as \"%w\"", uri.p,
		    name), NULL) == 0;
	free(path);
	buf_free(&uri);
	return result;
}

/* As a projector's file has it (view.h), and nothing in it. */
static int attach_empty(struct pagereader *r, const struct handler *h,
    struct es_err *err)
{
	sqlite3_str *s = sqlite3_str_new(r->h);
	size_t i;

	sqlite3_str_appendf(s, "attach ':memory:' as \"%w\";"
	    "create table \"%w\".states(key text primary key, state text, "
	    "position integer); create view \"%w\".\"%w\" as select ",
	    h->name, h->name, h->name, h->name);
	for (i = 0; i < h->n_partition_by; i++)
		sqlite3_str_appendf(s, "key as \"%w\", ", h->partition_by[i]);
	sqlite3_str_appendf(s, "state, position from states");
	return exec(r, sqlite3_str_finish(s), err);
}

/* Whether it is one of this log. */
static bool fits(struct pagereader *r, struct store *s, const char *name)
{
	char *sql = sqlite3_mprintf("select store, epoch from \"%w\".es_model",
	    name);
	sqlite3_stmt *st = NULL;
	bool yes = sql && sqlite3_prepare_v2(r->h, sql, -1, &st, NULL) ==
	    SQLITE_OK && sqlite3_step(st) == SQLITE_ROW &&
	    span_is(db_text(st, 0), store_id(s)) &&
	    span_is(db_text(st, 1), store_epoch(s));

	sqlite3_finalize(st);
	sqlite3_free(sql);
	return yes;
}

static int attach_view(struct pagereader *r, struct store *s, size_t i,
    struct es_err *err)
{
	const struct handler *h = r->page->views[i];
	int there = s ? attach(r, s, h->name, err) : 0;

	if (there < 0)
		return -1;
	r->there[i] = there && fits(r, s, h->name);
	if (r->there[i])
		return 0;
	if (there && exec(r, sqlite3_mprintf("detach \"%w\"", h->name),
	    err) < 0)
		return -1;
	return attach_empty(r, h, err);
}

/* The name of a table that each has would mean the first's. */
static int refuse_states(struct pagereader *r, struct es_err *err)
{
	return r->page->n_views < 2 ? 0 : exec(r, sqlite3_mprintf(
	    "create temp view states as select * from "
	    "\"states (each read model has one: write NAME.states)\""), err);
}

static int64_t position_of(struct pagereader *r, const char *name)
{
	char *sql = sqlite3_mprintf("select position from \"%w\".es_model",
	    name);
	sqlite3_stmt *st = NULL;
	int64_t position = 0;

	if (sql && sqlite3_prepare_v2(r->h, sql, -1, &st, NULL) ==
	    SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		position = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_free(sql);
	return position;
}

int pagereader_begin(struct pagereader *r, int64_t *position,
    struct es_err *err)
{
	size_t i;

	*position = INT64_MAX;
	if (exec(r, sqlite3_mprintf("begin"), err) < 0)
		return -1;
	for (i = 0; i < r->page->n_views; i++) {
		int64_t at = r->there[i] ?
		    position_of(r, r->page->views[i]->name) : 0;

		if (at < *position)
			*position = at;
	}
	sqlite3_set_authorizer(r->h, authorize, NULL);
	return 0;
}

/* ---- the connection ---- */

static int open_memory(struct pagereader *r, struct es_err *err)
{
	if (sqlite3_open_v2(":memory:", &r->h, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_URI |
	    SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		return r->h ? pagereader_fail(r, err) : es_fail_nomem(err);
	sqlite3_busy_timeout(r->h, 100);
	sqlite3_db_config(r->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(r->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(r->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	return 0;
}

int pagereader_open(struct pagereader *r, const struct page *p,
    struct store *s, struct es_err *err)
{
	size_t i;

	*r = (struct pagereader){.page = p,
	    .until = sys_monotonic() + QUERY_MS};
	if (open_memory(r, err) < 0)
		return -1;
	for (i = 0; i < p->n_views; i++)
		if (attach_view(r, s, i, err) < 0)
			return es_err_at(err, "views: %s",
			    p->views[i]->name);
	if (refuse_states(r, err) < 0)
		return -1;
	limit(r->h);
	sqlite3_progress_handler(r->h, QUERY_STEPS, look_at_clock, r);
	return 0;
}

void pagereader_close(struct pagereader *r)
{
	/* Nothing was written. */
	sqlite3_close(r->h);
	json_free(&r->params);
	json_free(&r->query);
	buf_free(&r->text);
	*r = (struct pagereader){0};
}
