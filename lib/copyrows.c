/* The tables of a copy, filled from one snapshot of the original. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "copyint.h"

#define CACHE_KIB 65536
#define STEPS 50000		/* of SQLite, between two looks at progress */

struct rows {
	struct copy *copy;
	struct db db;		/* the copy, with the original as src */
	int64_t total;		/* bytes of the original */
};

/* ---- SQL ---- */

static int ES_PRINTF(3, 4) run(struct rows *r, struct es_err *err,
    const char *fmt, ...)
{
	sqlite3_stmt *st = NULL;
	char *sql;
	va_list ap;
	int result;

	va_start(ap, fmt);
	sql = sqlite3_vmprintf(fmt, ap);
	va_end(ap);
	result = sql ? db_prepare(&r->db, sql, &st, err) : es_fail_nomem(err);
	if (result == 0 && sqlite3_bind_parameter_count(st) > 0)
		sqlite3_bind_int64(st, 1, r->copy->up_to);
	if (result == 0)
		result = db_done(&r->db, st, err);
	sqlite3_finalize(st);
	sqlite3_free(sql);
	return result;
}

/* The file grows as the copy does, but for what is still in memory. */
static int look(void *ctx)
{
	struct rows *r = ctx;
	const struct copy_options *o = r->copy->options;
	struct stat st;

	if (stat(r->copy->file, &st) < 0)
		st.st_size = 0;
	return !o->progress(o->ctx, st.st_size, r->total);
}

static int attach(struct rows *r, struct es_err *err)
{
	struct buf uri = {0};
	sqlite3_stmt *st = NULL;
	int result = -1;

	db_uri(store_db(r->copy->from), &uri);
	if (buf_check(&uri, err) == 0 &&
	    db_prepare(&r->db, "attach ? as src", &st, err) == 0) {
		db_bind_text(st, 1, buf_span(&uri));
		result = db_done(&r->db, st, err);
	}
	sqlite3_finalize(st);
	buf_free(&uri);
	return result;
}

/* Nothing has to survive a crash before it is whole: no journal, no sync. */
static int open_copy(struct rows *r, struct es_err *err)
{
	struct db *from = store_db(r->copy->from);
	int64_t page, pages;

	if (db_int(from, "pragma page_size", &page, err) < 0 ||
	    db_int(from, "pragma page_count", &pages, err) < 0)
		return -1;
	r->total = page * pages;
	if (sqlite3_open_v2(r->copy->file, &r->db.h, SQLITE_OPEN_READWRITE |
	    SQLITE_OPEN_CREATE | SQLITE_OPEN_URI, NULL) != SQLITE_OK)
		return db_fail(&r->db, err);
	sqlite3_extended_result_codes(r->db.h, 1);
	sqlite3_busy_timeout(r->db.h, from->busy_ms);
	sqlite3_db_config(r->db.h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(r->db.h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	if (r->copy->options->progress)
		sqlite3_progress_handler(r->db.h, STEPS, look, r);
	return run(r, err, "pragma page_size=%lld", (long long)page) < 0 ||
	    run(r, err, "pragma cache_size=-%d", CACHE_KIB) < 0 ||
	    run(r, err, "pragma journal_mode=off") < 0 ||
	    run(r, err, "pragma synchronous=off") < 0 ||
	    run(r, err, "pragma secure_delete=on") < 0 ||
	    attach(r, err) < 0 ? -1 : 0;
}

/* ---- up to where ---- */

/* stored_at never falls, so the last one that is early enough can be halved. */
static int position_at(struct rows *r, int64_t head, int64_t *out,
    struct es_err *err)
{
	int64_t low = 0, high = head;
	sqlite3_stmt *st;
	int result = 0;

	if (db_prepare(&r->db, "select stored_at from src.message "
	    "where position = ?", &st, err) < 0)
		return -1;
	while (low < high && result >= 0) {
		int64_t middle = low + (high - low + 1) / 2;

		sqlite3_bind_int64(st, 1, middle);
		result = db_row(&r->db, st, err);
		if (result > 0 && sqlite3_column_int64(st, 0) <=
		    r->copy->options->until)
			low = middle;
		else
			high = middle - 1;
		sqlite3_reset(st);
	}
	sqlite3_finalize(st);
	*out = low;
	return result < 0 ? -1 : 0;
}

/* What one handling has made stands or falls together. */
static int check_whole(struct rows *r, struct es_err *err)
{
	int64_t at = r->copy->up_to;
	sqlite3_stmt *st;
	int result;

	if (db_prepare(&r->db, "select first, last from src.provenance "
	    "where first <= ?1 and last > ?1", &st, err) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, at);
	result = db_row(&r->db, st, err);
	if (result > 0)
		es_fail(err, ES_FAILED, "%s: position %lld is in the midst of "
		    "what a handler has appended at once, %lld to %lld: take "
		    "%lld or %lld", r->db.path, (long long)at,
		    (long long)sqlite3_column_int64(st, 0),
		    (long long)sqlite3_column_int64(st, 1),
		    (long long)sqlite3_column_int64(st, 0) - 1,
		    (long long)sqlite3_column_int64(st, 1));
	sqlite3_finalize(st);
	return result == 0 ? 0 : -1;
}

static int find_end(struct rows *r, struct es_err *err)
{
	struct copy *c = r->copy;
	const struct copy_options *o = c->options;
	int64_t head;

	if (db_int(&r->db, "select max(position) from src.message", &head,
	    err) < 0)
		return -1;
	c->up_to = head;
	if (o->as_of > head)
		return es_fail(err, ES_FAILED, "%s: there is no position %lld "
		    "yet, the newest is %lld", store_path(c->from),
		    (long long)o->as_of, (long long)head);
	if (o->as_of >= 0)
		c->up_to = o->as_of;
	if (o->until && position_at(r, head, &c->up_to, err) < 0)
		return -1;
	c->branch = c->up_to < head;
	return c->branch ? check_whole(r, err) : 0;
}

/* ---- the tables ---- */

/* A handling belongs to a branch if all that came of it does. */
#define WITHIN "handled <= ?1 and coalesce(last, read_at) <= ?1"

/* Which rows of a table go into a branch; of the others all do. */
static const struct {
	const char *table, *where;
} parts[] = {
	{"message", "position <= ?1"},
	{"ids", "position between -?1 and ?1"},
	{"provenance", WITHIN},
	{"handler", "id in (select handler from src.provenance where "
	    WITHIN ")"},
	{"outcome", "command <= ?1 and (provenance in (select id from "
	    "src.provenance where " WITHIN ") or provenance is null and "
	    "command not in (select payload ->> 'position' from src.message "
	    "where position > ?1 and type = (select id from src.type "
	    "where name = 'es.message_skipped')))"},
};

#define INDEX_TABLES "tag_"		/* begin so; a branch's is made anew */

static const char *part_of(const struct copy *c, const char *table)
{
	if (!c->branch)
		return NULL;
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strcmp(parts[i].table, table) == 0)
			return parts[i].where;
	return strncmp(table, INDEX_TABLES, strlen(INDEX_TABLES)) == 0 ? "0" :
	    NULL;
}

static int fill(struct rows *r, const char *table, struct es_err *err)
{
	const char *where = part_of(r->copy, table);

	/* Without a condition SQLite copies rows without looking into them. */
	return run(r, err, "insert into main.\"%s\" select * from src.\"%s\""
	    "%s%s", table, table, where ? " where " : "",
	    where ? where : "");
}

/*
 * A statement of the original's schema makes its like in the copy.  Its tables
 * are es's own (another has no quotes in its name, or the SQL is at fault).
 */
static int each_of_schema(struct rows *r, const char *type,
    int (*each)(struct rows *, sqlite3_stmt *, struct es_err *),
    struct es_err *err)
{
	sqlite3_stmt *st;
	int result;

	if (db_prepare(&r->db, "select name, sql from src.sqlite_schema "
	    "where type = ? and sql is not null and name not like 'sqlite_%' "
	    "order by rowid", &st, err) < 0)
		return -1;
	db_bind_text(st, 1, span_str(type));
	while ((result = db_row(&r->db, st, err)) > 0)
		if (each(r, st, err) < 0) {
			result = -1;
			break;
		}
	sqlite3_finalize(st);
	return result;
}

static int create(struct rows *r, sqlite3_stmt *st, struct es_err *err)
{
	return db_exec(&r->db, (const char *)sqlite3_column_text(st, 1), err);
}

static int fill_it(struct rows *r, sqlite3_stmt *st, struct es_err *err)
{
	return fill(r, (const char *)sqlite3_column_text(st, 0), err);
}

static int copy_tables(struct rows *r, struct es_err *err)
{
	return each_of_schema(r, "table", create, err) < 0 ||
	    each_of_schema(r, "index", create, err) < 0 ||
	    each_of_schema(r, "table", fill_it, err) < 0 ||
	    each_of_schema(r, "view", create, err) < 0 ? -1 : 0;
}

/* What follows from the messages that a branch has. */
static int cut(struct rows *r, struct es_err *err)
{
	return run(r, err, "delete from shape where id > "
	    "(select coalesce(max(shape), 0) from message)") < 0 ||
	    run(r, err, "delete from type where id > "
	    "(select coalesce(max(type), -1) from message)") < 0 ||
	    run(r, err, "update meta set value = (select "
	    "coalesce(max(position), 0) from message where type = (select id "
	    "from type where name = 'es.catalog_loaded')) "
	    "where name = 'catalog'") < 0 ? -1 : 0;
}

/* The slots of the original's workers are not those of the copy's. */
static int disown(struct rows *r, struct es_err *err)
{
	return run(r, err, "update shard set owner = null, epoch = epoch + 1 "
	    "where owner is not null");
}

static int fill_copy(struct rows *r, struct es_err *err)
{
	int64_t format;

	/* The first read takes the snapshot for all. */
	return db_exec(&r->db, "begin", err) < 0 || find_end(r, err) < 0 ||
	    copy_tables(r, err) < 0 ||
	    (r->copy->branch && cut(r, err) < 0) || disown(r, err) < 0 ||
	    run(r, err, "pragma application_id=%d", STORE_APPLICATION_ID) < 0 ||
	    db_int(&r->db, "pragma src.user_version", &format, err) < 0 ||
	    run(r, err, "pragma user_version=%lld", (long long)format) < 0 ||
	    db_exec(&r->db, "commit", err) < 0 ||
	    db_exec(&r->db, "detach src", err) < 0 ||
	    run(r, err, "pragma journal_mode=wal") < 0 ? -1 : 0;
}

int copy_rows(struct copy *c, struct es_err *err)
{
	/* Errors name the copy as the user does. */
	struct rows r = {.copy = c, .db = {.path = strdup(c->to),
	    .mode = DB_CREATE, .lock_fd = -1, .bell_fd = -1}};
	int result;

	if (!r.db.path)
		return es_fail_nomem(err);
	result = open_copy(&r, err) < 0 ? -1 : fill_copy(&r, err);
	if (result < 0 && r.db.h && sqlite3_errcode(r.db.h) ==
	    SQLITE_INTERRUPT)
		es_fail(err, ES_FAILED, "%s: interrupted", c->to);
	sqlite3_close_v2(r.db.h);
	free(r.db.path);
	return result;
}
