/* How a store's file is made, and known. */
#include "schema.h"
#include "storeimpl.h"
#include "sys.h"

static int put_meta(struct db *db, const char *name, const void *p, size_t n,
    bool text, struct es_err *err)
{
	sqlite3_stmt *st;
	int r;

	if (db_prepare(db, "insert into meta(name, value) values (?, ?)", &st,
	    err) < 0)
		return -1;
	db_bind_text(st, 1, span_str(name));
	if (text)
		db_bind_text(st, 2, (struct span){p, n});
	else
		db_bind_blob(st, 2, p, n);
	r = db_done(db, st, err);
	sqlite3_finalize(st);
	return r;
}

static int new_uuid(char out[UUID_TEXT], struct es_err *err)
{
	unsigned char uuid[16];

	if (hash_uuid7(uuid, err) < 0)
		return -1;
	hash_uuid_text(uuid, out);
	return 0;
}

static int first_epoch(struct db *db, struct es_err *err)
{
	char id[UUID_TEXT];
	sqlite3_stmt *st;
	int r;

	if (new_uuid(id, err) < 0 ||
	    db_prepare(db, "insert into epoch(number, id, parent, branched_at,"
	    " started_at) values (1, ?, null, 0, ?)", &st, err) < 0)
		return -1;
	db_bind_text(st, 1, span_str(id));
	sqlite3_bind_int64(st, 2, sys_now());
	r = db_done(db, st, err);
	sqlite3_finalize(st);
	return r;
}

static int make_tables(struct db *db, struct es_err *err)
{
	char id[UUID_TEXT];
	unsigned char secret[16];
	struct buf pragma = {0};
	int r = -1;

	buf_addf(&pragma, "pragma application_id=%d; pragma user_version=%d",
	    STORE_APPLICATION_ID, STORE_FORMAT);
	if (buf_check(&pragma, err) == 0 &&
	    new_uuid(id, err) == 0 &&
	    hash_random(secret, sizeof secret, err) == 0 &&
	    db_exec(db, schema_tables, err) == 0 &&
	    db_exec(db, index_schema, err) == 0 &&
	    db_exec(db, index_run_schema, err) == 0 &&
	    db_exec(db, schema_view, err) == 0 &&
	    put_meta(db, "store", id, UUID_TEXT - 1, true, err) == 0 &&
	    put_meta(db, "secret", secret, sizeof secret, false, err) == 0 &&
	    db_exec(db, "insert into meta(name, value) values ('catalog', 0)",
	    err) == 0 &&
	    first_epoch(db, err) == 0 &&
	    store_seal(db, err) == 0 &&
	    db_exec(db, pragma.p, err) == 0)
		r = 0;
	buf_free(&pragma);
	return r;
}

int store_recognise(struct db *db, struct es_err *err)
{
	int64_t application, format, tables;

	/* The mark last: whoever sees tables that another process is just
	 * committing then sees whose they are. */
	if (db_int(db, "select count(*) from sqlite_schema", &tables,
	    err) < 0 || db_int(db, "pragma user_version", &format, err) < 0 ||
	    db_int(db, "pragma application_id", &application, err) < 0)
		return -1;
	if (application == 0 && format == 0 && tables == 0)
		return 0;
	if (application != STORE_APPLICATION_ID || format < 1)
		return es_fail(err, ES_FAILED, "%s: not a store of es",
		    db->path);
	if (format > STORE_FORMAT)
		return es_fail(err, ES_FAILED, "%s: its format is %lld, and "
		    "this es knows formats up to %d: use a newer es",
		    db->path, (long long)format, STORE_FORMAT);
	return (int)format;
}

/*
 * Another program's file is refused before anything of it is touched.  Who was
 * killed while it wrote leaves a journal, which only a writer can roll back:
 * then store_create() looks again.
 */
static int check_own(const char *path, struct es_err *err)
{
	struct db *db;
	bool missing;
	int r;

	if (db_open(path, DB_READ, &db, &missing, err) < 0)
		return missing ? 0 : -1;
	r = store_recognise(db, err);
	if (r < 0 && sqlite3_extended_errcode(db->h) ==
	    SQLITE_READONLY_ROLLBACK)
		r = 0;
	db_close(db);
	return r < 0 ? -1 : 0;
}

int store_create(const char *path, bool *created, struct es_err *err)
{
	struct db *db;
	int known = -1, r = -1;

	*created = false;
	if (check_own(path, err) < 0 ||
	    db_open(path, DB_CREATE, &db, NULL, err) < 0)
		return -1;
	if (store_recognise(db, err) < 0 || db_wal(db, err) < 0 ||
	    db_begin(db, err) < 0)
		goto out;
	known = store_recognise(db, err);
	if (known < 0)
		goto out;
	if (known == 0 && make_tables(db, err) < 0)
		goto out;
	if (db_commit(db, err) < 0)
		goto out;
	*created = known == 0;
	r = 0;
out:
	db_close(db);
	return r;
}
