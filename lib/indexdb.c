#include <sqlite3.h>

#include "indexdb.h"

/* id = position, 45 bits | shape, 12 bits | slot, 6 bits */
#define SLOT_BITS 6
#define SHAPE_BITS 12

const char index_schema[] =
    "CREATE TABLE tag_key(h INTEGER PRIMARY KEY, id INTEGER NOT NULL);\n"
    "CREATE TABLE tag_open(id INTEGER PRIMARY KEY, spilled INTEGER NOT NULL,"
    " last INTEGER NOT NULL, data BLOB NOT NULL);\n"
    "CREATE TABLE tag_post(id INTEGER NOT NULL, shape INTEGER NOT NULL,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL, data BLOB NOT NULL,"
    " PRIMARY KEY(id, shape, first)) WITHOUT ROWID;\n"
    "CREATE TABLE tag_tail(first INTEGER PRIMARY KEY, last INTEGER NOT NULL,"
    " stamp INTEGER NOT NULL, prev INTEGER NOT NULL, meta BLOB NOT NULL,"
    " keys BLOB NOT NULL);\n";

const char index_run_schema[] =
    "CREATE TABLE tag_run(run INTEGER PRIMARY KEY, first INTEGER NOT NULL,"
    " last INTEGER NOT NULL, postings INTEGER NOT NULL,"
    " low INTEGER NOT NULL, high INTEGER NOT NULL);\n"
    "CREATE TABLE tag_block(id INTEGER PRIMARY KEY, run INTEGER NOT NULL,"
    " h INTEGER NOT NULL, data BLOB NOT NULL);\n"
    "CREATE UNIQUE INDEX tag_block_key ON tag_block(run, h);\n";

#define RUN "SELECT run, first, last, postings, low, high FROM tag_run"

static const char *const sql[SQL_COUNT] = {
	[SQL_KEY_FIND] = "SELECT id FROM tag_key WHERE h = ?1",
	[SQL_KEY_OPEN] = "SELECT o.spilled, o.last, o.data, k.id FROM tag_key k"
	    " LEFT JOIN tag_open o ON o.id = k.id WHERE k.h = ?1",
	[SQL_KEY_ADD] = "INSERT OR IGNORE INTO tag_key(h, id)"
	    " VALUES(?1, ?2)",
	[SQL_OPEN_FIND] =
	    "SELECT spilled, last, data FROM tag_open WHERE id = ?1",
	[SQL_OPEN_ADD] = "INSERT INTO tag_open(id, spilled, last, data)"
	    " VALUES(?1, ?2, ?3, ?4)",
	[SQL_OPEN_SET] = "UPDATE tag_open SET spilled = ?2, last = ?3,"
	    " data = ?4 WHERE id = ?1",
	[SQL_POST_DOWN] = "SELECT first, last, data FROM tag_post"
	    " WHERE id = ?1 AND shape = ?2 AND first <= ?3"
	    " ORDER BY first DESC",
	[SQL_POST_UP] = "SELECT first, last, data FROM tag_post"
	    " WHERE id = ?1 AND shape = ?2 AND first > ?3 ORDER BY first",
	[SQL_POST_ADD] = "INSERT INTO tag_post(id, shape, first, last, data)"
	    " VALUES(?1, ?2, ?3, ?4, ?5)",
	[SQL_POST_SET] = "UPDATE tag_post SET last = ?4, data = ?5"
	    " WHERE id = ?1 AND shape = ?2 AND first = ?3",
	[SQL_POST_SHAPE] = "SELECT shape FROM tag_post"
	    " WHERE id = ?1 AND shape >= ?2 ORDER BY shape LIMIT 1",
	[SQL_TAIL_DOWN] = "SELECT first, last, stamp, prev, meta, keys"
	    " FROM tag_tail WHERE first > ?1 ORDER BY first DESC",
	[SQL_TAIL_UP] = "SELECT first, last, stamp, prev, meta, keys"
	    " FROM tag_tail WHERE first > ?1 ORDER BY first",
	[SQL_TAIL_STAMP] =
	    "SELECT stamp FROM tag_tail ORDER BY first DESC LIMIT 1",
	[SQL_TAIL_ADD] = "INSERT INTO tag_tail(first, last, stamp, prev, meta,"
	    " keys) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_TAIL_SET] = "UPDATE tag_tail SET last = ?2, stamp = ?3, prev = ?4,"
	    " meta = ?5, keys = ?6 WHERE first = ?1",
	[SQL_TAIL_CLEAR] = "DELETE FROM tag_tail",
	[SQL_KEYS] = "SELECT h, id FROM tag_key WHERE h > ?1"
	    " ORDER BY h LIMIT 1",
	[SQL_ROWS] = "SELECT (SELECT count(*) FROM tag_open),"
	    " (SELECT count(*) FROM tag_post),"
	    " (SELECT count(*) FROM tag_tail)",
	[SQL_KEY_SET] = "UPDATE tag_key SET id = ?2 WHERE h = ?1",
	[SQL_KEY_REMOVE] = "DELETE FROM tag_key WHERE h = ?1",
	[SQL_OPEN_REMOVE] = "DELETE FROM tag_open WHERE id = ?1",
	[SQL_POST_REMOVE] = "DELETE FROM tag_post"
	    " WHERE id = ?1 AND shape = ?2 AND first = ?3",
	[SQL_RUN_NEWEST] = RUN " ORDER BY run DESC LIMIT 1",
	[SQL_RUNS] = RUN " ORDER BY run",
	[SQL_RUN_ADD] = "INSERT INTO tag_run(run, first, last, postings, low,"
	    " high) VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[SQL_RUN_SET] = "UPDATE tag_run SET postings = ?2 WHERE run = ?1",
	[SQL_RUN_REMOVE] = "DELETE FROM tag_run WHERE run = ?1",
	[SQL_BLOCK_FIND] = "SELECT h, data, id FROM tag_block"
	    " INDEXED BY tag_block_key WHERE run = ?1 AND h <= ?2"
	    " ORDER BY h DESC LIMIT 1",
	[SQL_BLOCK_NEXT] = "SELECT h, data FROM tag_block"
	    " INDEXED BY tag_block_key WHERE run = ?1 AND h > ?2"
	    " ORDER BY h LIMIT 1",
	[SQL_BLOCK_ADD] = "INSERT INTO tag_block(run, h, data)"
	    " VALUES(?1, ?2, ?3)",
	[SQL_BLOCK_SET] = "UPDATE tag_block SET h = ?2, data = ?3"
	    " WHERE id = ?1",
	[SQL_BLOCK_REMOVE] = "DELETE FROM tag_block WHERE id = ?1",
	[SQL_BLOCKS_REMOVE] = "DELETE FROM tag_block WHERE run = ?1",
	[SQL_BLOCKS] = "SELECT count(*) FROM tag_block",
	[SQL_POST_MOVE] = "UPDATE tag_post SET id = ?2 WHERE id = ?1",
};

static int fail(struct indexdb *d, struct es_err *err)
{
	int code = sqlite3_errcode(d->db) & 0xff;

	if (code == SQLITE_NOMEM)
		return es_fail_nomem(err);
	return es_fail(err, code == SQLITE_BUSY ? ES_BUSY : ES_FAILED,
	    "index: %s", sqlite3_errmsg(d->db));
}

sqlite3_stmt *indexdb_statement(struct indexdb *d, enum indexdb_sql which,
    const int64_t *v, int n, struct es_err *err)
{
	sqlite3_stmt **st = &d->st[which];
	int i;

	if (!*st && sqlite3_prepare_v3(d->db, sql[which], -1,
	    SQLITE_PREPARE_PERSISTENT, st, NULL)) {
		fail(d, err);
		return NULL;
	}
	for (i = 0; i < n; i++)
		sqlite3_bind_int64(*st, i + 1, v[i]);
	return *st;
}

int indexdb_step(struct indexdb *d, sqlite3_stmt *st, struct es_err *err)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW) {
		d->rows_read++;
		return 1;
	}
	if (rc != SQLITE_DONE)
		fail(d, err);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

int indexdb_execute(struct indexdb *d, sqlite3_stmt *st, struct es_err *err)
{
	int rc = sqlite3_step(st);

	if (rc != SQLITE_DONE)
		fail(d, err);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

void indexdb_close(struct indexdb *d)
{
	int i;

	for (i = 0; i < SQL_COUNT; i++) {
		sqlite3_finalize(d->st[i]);
		d->st[i] = NULL;
	}
}

int64_t indexdb_id(struct posting p, int slot)
{
	return p.position << (SHAPE_BITS + SLOT_BITS) |
	    (int64_t)p.shape << SLOT_BITS | slot;
}

struct posting indexdb_id_posting(int64_t id)
{
	return (struct posting){id >> (SHAPE_BITS + SLOT_BITS),
	    (int)(id >> SLOT_BITS) & (INDEX_SHAPES - 1)};
}

int64_t indexdb_base(int64_t id)
{
	return (id >> (SHAPE_BITS + SLOT_BITS)) - 1;
}

static int check_id(uint64_t key, int64_t id, struct es_err *err)
{
	if (indexdb_id_posting(id).position > 0)
		return 1;
	return es_fail(err, ES_FAILED, "tag_key row %lld: bad id %lld",
	    (long long)key, (long long)id);
}

int indexdb_key(struct indexdb *d, uint64_t key, int64_t *id,
    struct es_err *err)
{
	sqlite3_stmt *st;
	int rc;

	*id = 0;
	if (key == INDEX_EVERY)
		return 1;
	st = STATEMENT(d, SQL_KEY_FIND, err, (int64_t)key);
	if (!st || (rc = indexdb_step(d, st, err)) < 0)
		return -1;
	if (!rc)
		return 0;
	*id = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return check_id(key, *id, err);
}

int indexdb_key_add(struct indexdb *d, uint64_t key, int64_t id,
    struct es_err *err)
{
	sqlite3_stmt *st;

	if (key == INDEX_EVERY)
		return 0;
	st = STATEMENT(d, SQL_KEY_ADD, err, (int64_t)key, id);
	return !st || indexdb_execute(d, st, err) ? -1 : sqlite3_changes(d->db);
}

int indexdb_begin(struct indexdb *d, bool *begun, struct es_err *err)
{
	*begun = sqlite3_get_autocommit(d->db) != 0;
	if (*begun && sqlite3_exec(d->db, "BEGIN", NULL, NULL, NULL))
		return fail(d, err);
	return 0;
}

void indexdb_end(struct indexdb *d, bool begun)
{
	if (begun)
		sqlite3_exec(d->db, "COMMIT", NULL, NULL, NULL);
}

static void no_row(struct open_row *row, int64_t id)
{
	row->id = id;
	row->spilled = row->last = 0;
	buf_reset(&row->data);
}

/* The row that the statement stands on, whose id is known. */
static int take_open(sqlite3_stmt *st, struct open_row *row,
    struct es_err *err)
{
	row->spilled = sqlite3_column_int64(st, 0);
	row->last = sqlite3_column_int64(st, 1);
	buf_add(&row->data, sqlite3_column_blob(st, 2),
	    (size_t)sqlite3_column_bytes(st, 2));
	sqlite3_reset(st);
	if (row->spilled < 0 || row->spilled > INDEX_POSITION_MAX ||
	    row->last < 1 || row->last > INDEX_POSITION_MAX)
		return es_fail(err, ES_FAILED, "tag_open row %lld: bad numbers",
		    (long long)row->id);
	return buf_check(&row->data, err) ? -1 : 1;
}

int indexdb_open_row(struct indexdb *d, int64_t id, struct open_row *row,
    struct es_err *err)
{
	sqlite3_stmt *st = STATEMENT(d, SQL_OPEN_FIND, err, id);
	int rc;

	no_row(row, id);
	if (!st || (rc = indexdb_step(d, st, err)) < 0)
		return -1;
	return rc ? take_open(st, row, err) : 0;
}

int indexdb_key_open(struct indexdb *d, uint64_t key, struct open_row *row,
    struct es_err *err)
{
	sqlite3_stmt *st = STATEMENT(d, SQL_KEY_OPEN, err, (int64_t)key);
	int rc;

	no_row(row, 0);
	if (!st || (rc = indexdb_step(d, st, err)) < 0)
		return -1;
	if (!rc)
		return 0;
	row->id = sqlite3_column_int64(st, 3);
	rc = sqlite3_column_type(st, 0) != SQLITE_NULL;
	if (check_id(key, row->id, err) < 0) {
		sqlite3_reset(st);
		return -1;
	}
	if (rc)
		return take_open(st, row, err);
	sqlite3_reset(st);
	return 0;
}

int indexdb_open_save(struct indexdb *d, const struct open_row *row,
    bool is_new, struct es_err *err)
{
	struct span data = buf_span(&row->data);
	sqlite3_stmt *st;

	if (buf_check(&row->data, err) || !(st = STATEMENT(d, is_new ?
	    SQL_OPEN_ADD : SQL_OPEN_SET, err, row->id, row->spilled,
	    row->last)))
		return -1;
	sqlite3_bind_blob64(st, 4, data.p, data.n, SQLITE_STATIC);
	return indexdb_execute(d, st, err);
}

static enum indexdb_sql post_sql(bool down)
{
	return down ? SQL_POST_DOWN : SQL_POST_UP;
}

int indexdb_post(struct indexdb *d, bool down, int64_t id, int shape,
    int64_t from, struct es_err *err)
{
	return STATEMENT(d, post_sql(down), err, id, shape, from) ? 0 : -1;
}

int indexdb_post_step(struct indexdb *d, bool down, struct post_row *row,
    struct es_err *err)
{
	sqlite3_stmt *st = d->st[post_sql(down)];
	int rc = indexdb_step(d, st, err);

	if (rc < 1)
		return rc;
	row->first = sqlite3_column_int64(st, 0);
	row->last = sqlite3_column_int64(st, 1);
	row->data = sqlite3_column_blob(st, 2);
	row->n = (size_t)sqlite3_column_bytes(st, 2);
	return 1;
}

void indexdb_post_end(struct indexdb *d, bool down)
{
	sqlite3_reset(d->st[post_sql(down)]);
}

int indexdb_post_shape(struct indexdb *d, int64_t id, int *shape,
    struct es_err *err)
{
	sqlite3_stmt *st = STATEMENT(d, SQL_POST_SHAPE, err, id, *shape);
	int64_t found;
	int rc;

	if (!st || (rc = indexdb_step(d, st, err)) < 0)
		return -1;
	if (!rc)
		return 0;
	found = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	if (found < *shape || found >= INDEX_SHAPES)
		return es_fail(err, ES_FAILED, "tag_post row %lld: bad shape",
		    (long long)id);
	*shape = (int)found;
	return 1;
}

int indexdb_post_save(struct indexdb *d, int64_t id, int shape, int64_t first,
    int64_t last, struct span data, bool is_new, struct es_err *err)
{
	sqlite3_stmt *st = STATEMENT(d, is_new ? SQL_POST_ADD : SQL_POST_SET,
	    err, id, shape, first, last);

	if (!st)
		return -1;
	sqlite3_bind_blob64(st, 5, data.p, data.n, SQLITE_STATIC);
	return indexdb_execute(d, st, err);
}

int indexdb_key_next(struct indexdb *d, uint64_t *key, int64_t *id,
    struct es_err *err)
{
	sqlite3_stmt *st = STATEMENT(d, SQL_KEYS, err, (int64_t)*key);
	uint64_t above = *key;
	int rc;

	if (!st || (rc = indexdb_step(d, st, err)) < 0)
		return -1;
	if (!rc)
		return 0;
	*key = (uint64_t)sqlite3_column_int64(st, 0);
	*id = sqlite3_column_int64(st, 1);
	sqlite3_reset(st);
	/* In a damaged tree a walk could go round in circles. */
	if (*key <= above)
		return es_fail(err, ES_FAILED, "tag_key: rows out of order");
	return check_id(*key, *id, err);
}

int indexdb_count(struct indexdb *d, int64_t *open, int64_t *post,
    int64_t *tail, struct es_err *err)
{
	sqlite3_stmt *st = indexdb_statement(d, SQL_ROWS, NULL, 0, err);

	if (!st || indexdb_step(d, st, err) < 1)
		return -1;
	*open = sqlite3_column_int64(st, 0);
	*post = sqlite3_column_int64(st, 1);
	*tail = sqlite3_column_int64(st, 2);
	sqlite3_reset(st);
	return 0;
}

int indexdb_run(struct indexdb *d, enum indexdb_sql which, const int64_t *v,
    int n, struct es_err *err)
{
	sqlite3_stmt *st = indexdb_statement(d, which, v, n, err);

	return st ? indexdb_execute(d, st, err) : -1;
}
