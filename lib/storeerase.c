/*
 * What is in a message is taken out of all that the store's file holds of it.
 * The list of what was erased is a temporary table, so that the other tables
 * are looked through once for all.
 */
#include <string.h>

#include "digest.h"
#include "storeimpl.h"

#define SCRUB_BYTES ((int64_t)64 << 20)	/* a row that covers free pages */

int store_erase_begin(struct store *s, struct es_err *err)
{
	/* Neither can be set while a transaction is open. */
	if (db_exec(s->db, "pragma secure_delete=on", err) < 0 ||
	    db_exec(s->db, "pragma temp_store=memory", err) < 0 ||
	    store_begin(s, err) < 0)
		return -1;
	if (db_exec(s->db, "create temp table if not exists erased("
	    "position integer primary key); delete from temp.erased",
	    err) == 0)
		return 0;
	store_rollback(s);
	return -1;
}

/* Run a statement once, with a position. */
static int run(struct store *s, const char *sql, int64_t position,
    struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(s->db, sql, &st, err);

	if (r == 0) {
		sqlite3_bind_int64(st, 1, position);
		r = db_done(s->db, st, err);
	}
	sqlite3_finalize(st);
	return r;
}

/* ---- the index ---- */

static int shape_of(struct store *s, int64_t position, int *shape, int *type,
    struct es_err *err)
{
	int r;

	sqlite3_bind_int64(s->by_position, 1, position);
	r = db_row(s->db, s->by_position, err);
	if (r > 0) {
		*shape = sqlite3_column_int(s->by_position, 1);
		*type = row_type(s->by_position);
		sqlite3_reset(s->by_position);
	}
	return r > 0 ? 0 : -1;
}

/* *shape: the one that it has from now on. */
static int leave_index(struct store *s, const struct message *m, int *shape,
    struct es_err *err)
{
	uint64_t hashes[KEYS_MAX];
	struct keys keys = {0}, none = {0};
	int old = 0, type = 0, r;
	size_t i;

	r = store_keys(s, m, &keys, err) < 0 ||
	    shape_of(s, m->position, &old, &type, err) < 0 ||
	    names_shape(s->names, type, &none, shape, err) < 0 ? -1 : 0;
	for (i = 0; i < keys.n && i < KEYS_MAX; i++)
		hashes[i] = index_key(s->index, keys.v[i].text.p,
		    keys.v[i].text.n);
	if (r == 0 && index_remove(s->index, (struct posting){m->position,
	    old}, *shape, hashes, i, err) < 0)
		r = es_err_at(err, "%s", s->db->path);
	keys_free(&keys);
	return r;
}

/* ---- the row ---- */

static int write_row(struct store *s, const struct message *m, int shape,
    struct es_err *err)
{
	unsigned char salt[DIGEST_SALT], sum[DIGEST_BYTES];
	sqlite3_stmt *st = NULL;
	int r;

	buf_reset(&s->line);
	message_print(&s->line, m);
	if (buf_check(&s->line, err) < 0 ||
	    hash_random(salt, sizeof salt, err) < 0)
		return -1;
	digest_message(salt, (struct span){s->line.p, s->line.n - 1}, NULL,
	    sum);
	if (db_prepare(s->db, "update message set shape = ?, tags = null, "
	    "payload = '{}', metadata = null, erased_at = ?, salt = ?, "
	    "digest = ?, identity = null where position = ?", &st, err) < 0)
		return -1;
	sqlite3_bind_int(st, 1, shape);
	sqlite3_bind_int64(st, 2, m->erased_at);
	db_bind_blob(st, 3, salt, sizeof salt);
	db_bind_blob(st, 4, sum, sizeof sum);
	sqlite3_bind_int64(st, 5, m->position);
	r = db_done(s->db, st, err);
	sqlite3_finalize(st);
	return r;
}

/* Whoever decides it would decide what is not there. */
static int skip_command(struct store *s, const struct message *m,
    struct es_err *err)
{
	enum outcome outcome;

	if (m->kind != KIND_COMMAND)
		return 0;
	if (store_outcome(s, m->position, &outcome, NULL, NULL, err) < 0)
		return -1;
	return outcome != OUTCOME_NONE ? 0 : store_set_outcome(s, m->position,
	    OUTCOME_SKIPPED, 0, err);
}

static int erase(struct store *s, int64_t position, struct es_err *err)
{
	struct message m;
	int shape;

	if (store_get_known(s, position, &m, err) < 0 ||
	    leave_index(s, &m, &shape, err) < 0)
		return -1;
	m.tags = SPAN_NONE;
	m.payload = m.metadata = SPAN_LIT("{}");
	m.erased_at = s->now;
	return write_row(s, &m, shape, err) < 0 ||
	    skip_command(s, &m, err) < 0 ? -1 :
	    run(s, "insert into temp.erased(position) values (?)", position,
	    err);
}

int store_erase(struct store *s, int64_t position, struct es_err *err)
{
	if (store_check_open(s, err) == 0 && erase(s, position, err) == 0)
		return 0;
	s->broken = true;
	return -1;
}

/* ---- what is left ---- */

/*
 * Pages that are free hold what was in them; so they are used, for nothing,
 * and given back.
 */
static int cover_free_pages(struct store *s, struct es_err *err)
{
	int64_t pages, size, left;

	if (db_int(s->db, "pragma freelist_count", &pages, err) < 0 ||
	    db_int(s->db, "pragma page_size", &size, err) < 0)
		return -1;
	if (pages == 0)
		return 0;
	if (db_exec(s->db, "create table scrub(b)", err) < 0)
		return -1;
	for (left = pages * size; left > 0; left -= SCRUB_BYTES)
		if (run(s, "insert into scrub values (zeroblob(?))", left <
		    SCRUB_BYTES ? left : SCRUB_BYTES, err) < 0)
			return -1;
	return db_exec(s->db, "drop table scrub", err);
}

/*
 * Rows come and go in `failing`, and a page of it may hold what is nowhere
 * else: it is written anew.
 */
static const char rest[] =
"update provenance set partition = null where partition is not null"
"  and handled in (select position from temp.erased);"
"delete from done where position in (select position from temp.erased);"
"create temp table failing_rows as select * from main.failing;"
"delete from main.failing;"
"insert into main.failing select * from temp.failing_rows;"
"drop table temp.failing_rows";

int store_erase_end(struct store *s, struct es_err *err)
{
	if (store_check_open(s, err) == 0 && db_exec(s->db, rest, err) == 0 &&
	    cover_free_pages(s, err) == 0)
		return 0;
	s->broken = true;
	return -1;
}

int store_erase_clean(struct store *s, int wait_ms, bool *held,
    struct es_err *err)
{
	return db_empty_wal(s->db, wait_ms, held, err);
}
