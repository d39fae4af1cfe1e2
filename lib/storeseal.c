/* The seal: what a store says of who it is, known again when it is damaged. */
#include "storeimpl.h"

static int add_rows(struct db *db, const char *sql, struct hash_sha256 *h,
    struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(db, sql, &st, err), i;

	while (r >= 0 && (r = db_row(db, st, err)) > 0)
		for (i = 0; i < sqlite3_column_count(st); i++) {
			unsigned char type =
			    (unsigned char)sqlite3_column_type(st, i);
			struct span text = db_text(st, i);
			uint64_t n = text.n;

			hash_sha256_add(h, &type, 1);
			hash_sha256_add(h, &n, sizeof n);
			hash_sha256_add(h, text.p, text.n);
		}
	sqlite3_finalize(st);
	return r;
}

int store_seal_sum(struct db *db, unsigned char sum[32], struct es_err *err)
{
	struct hash_sha256 h;
	int r;

	hash_sha256_init(&h);
	r = add_rows(db, "select name, value from meta "
	    "where name in ('secret', 'store') order by name", &h, err);
	if (r == 0)
		r = add_rows(db, "select number, id, parent, branched_at, "
		    "started_at from epoch order by number", &h, err);
	hash_sha256_end(&h, sum);
	return r;
}

int store_seal(struct db *db, struct es_err *err)
{
	unsigned char sum[32];
	sqlite3_stmt *st = NULL;
	int r;

	if (store_seal_sum(db, sum, err) < 0 ||
	    db_prepare(db, "insert or replace into meta(name, value) "
	    "values ('seal', ?)", &st, err) < 0)
		return -1;
	db_bind_blob(st, 1, sum, sizeof sum);
	r = db_done(db, st, err);
	sqlite3_finalize(st);
	return r;
}
