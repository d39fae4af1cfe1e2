#include <string.h>

#include "viewfile.h"

/*
 * The tables of a generation.  es_model has one row; its position moves in the
 * transaction that brings the states there.  es_model_key has the values of a
 * key in columns v1, v2, … in partition_by order, so that states are found by
 * some of them and the view needs no function of JSON: those SQLite 3.40 does
 * not let a view call where the schema is not trusted.
 */
static const char tables[] =
"create table states(key TEXT PRIMARY KEY, state TEXT, position INTEGER);"
"create table es_model("
"  store text not null, epoch text not null, position integer not null,"
"  id text not null, projector text not null, hash text not null,"
"  definition text not null);"
"create table es_model_name(n integer primary key, name text not null);";

static void keys_sql(sqlite3_str *s, const struct handler *h)
{
	int n = (int)h->n_partition_by, i;

	sqlite3_str_appendf(s, "create table es_model_key("
	    "key text primary key");
	for (i = 1; i <= n; i++)
		sqlite3_str_appendf(s, ", v%d text not null", i);
	sqlite3_str_appendf(s, ") without rowid;");
	for (i = 1; i <= n; i++)
		sqlite3_str_appendf(s, "create index es_model_key_%d on "
		    "es_model_key(v%d);insert into es_model_name(n, name) "
		    "values (%d, %Q);", i, i, i, h->partition_by[i - 1]);
}

static char *names_sql(const char *view, const struct handler *h)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	size_t i;

	keys_sql(s, h);
	sqlite3_str_appendf(s, "create view \"%w\" as select ", view);
	for (i = 0; i < h->n_partition_by; i++)
		sqlite3_str_appendf(s, "k.v%d as \"%w\", ", (int)i + 1,
		    h->partition_by[i]);
	sqlite3_str_appendf(s, "s.state, s.position from states s%s;"
	    "pragma application_id=%d;pragma user_version=%d",
	    h->n_partition_by ? " join es_model_key k on k.key = s.key" : "",
	    VIEW_APPLICATION_ID, VIEW_FORMAT);
	return sqlite3_str_finish(s);
}

static int insert_mark(struct viewfile *f, const struct handler *h,
    const struct viewfile_mark *m, struct es_err *err)
{
	struct buf definition = {0};
	sqlite3_stmt *st = NULL;
	int r = -1;

	handler_definition(h, &definition);
	if (buf_check(&definition, err) < 0 ||
	    db_prepare(f->db, "insert into es_model(store, epoch, position, "
	    "id, projector, hash, definition) values (?,?,?,?,?,?,?)", &st,
	    err) < 0)
		goto out;
	db_bind_text(st, 1, span_str(m->store));
	db_bind_text(st, 2, span_str(m->epoch));
	sqlite3_bind_int64(st, 3, m->position);
	db_bind_text(st, 4, span_str(m->id));
	db_bind_text(st, 5, span_str(f->name));
	db_bind_text(st, 6, span_str(m->hash));
	db_bind_text(st, 7, buf_span(&definition));
	r = db_done(f->db, st, err);
out:
	sqlite3_finalize(st);
	buf_free(&definition);
	return r;
}

int viewfile_schema(struct viewfile *f, const struct handler *h,
    const struct viewfile_mark *m, struct es_err *err)
{
	char *sql = names_sql(f->name, h);
	int r = -1;

	if (!sql)
		return es_fail_nomem(err);
	if (db_exec(f->db, "pragma journal_mode=wal", err) == 0 &&
	    db_begin(f->db, err) == 0 &&
	    db_exec(f->db, tables, err) == 0 &&
	    db_exec(f->db, sql, err) == 0 &&
	    insert_mark(f, h, m, err) == 0)
		r = db_commit(f->db, err);
	db_rollback(f->db);
	sqlite3_free(sql);
	return r;
}

/* Faults of the file itself, which making it anew cures. */
static bool cured_by_rebuild(struct db *db)
{
	switch (sqlite3_errcode(db->h) & 0xff) {
	case SQLITE_ERROR:	/* no such table */
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return true;
	default:
		return false;
	}
}

static bool copy(char *to, size_t size, struct span s)
{
	if (!s.p || s.n >= size || memchr(s.p, 0, s.n))
		return false;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return true;
}

static int check_format(struct db *db, struct es_err *err)
{
	int64_t format;

	if (db_int(db, "pragma user_version", &format, err) < 0)
		return -1;
	if (format > VIEW_FORMAT)
		return es_fail(err, ES_FAILED, "%s: its format is %lld, and "
		    "this es knows formats up to %d: use a newer es",
		    db->path, (long long)format, VIEW_FORMAT);
	return 0;
}

int viewfile_mark(struct db *db, struct viewfile_mark *m, struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if (db_prepare(db, "select store, epoch, position, id, hash from "
	    "es_model", &st, err) < 0 || (r = db_row(db, st, err)) < 0) {
		r = cured_by_rebuild(db) ? 0 : -1;
	} else if (r > 0) {
		m->position = sqlite3_column_int64(st, 2);
		r = copy(m->store, sizeof m->store, db_text(st, 0)) &&
		    copy(m->epoch, sizeof m->epoch, db_text(st, 1)) &&
		    copy(m->id, sizeof m->id, db_text(st, 3)) &&
		    copy(m->hash, sizeof m->hash, db_text(st, 4));
	}
	sqlite3_finalize(st);
	return r > 0 && check_format(db, err) < 0 ? -1 : r;
}
