#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "storeimpl.h"
#include "sys.h"

/* ---- opening ---- */

static int read_identity(struct store *s, struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	int r = -1;

	if (db_prepare(s->db, "select (select value from meta where name = "
	    "'store'), (select value from meta where name = 'secret'), "
	    "(select id from epoch order by number desc limit 1)", &st,
	    err) < 0)
		return -1;
	if (db_row(s->db, st, err) <= 0)
		goto out;
	if (db_text(st, 0).n != UUID_TEXT - 1 || db_text(st, 1).n != 16 ||
	    db_text(st, 2).n != UUID_TEXT - 1) {
		es_fail(err, ES_FAILED, "%s: damaged: no identity",
		    s->db->path);
		goto out;
	}
	memcpy(s->id, db_text(st, 0).p, UUID_TEXT - 1);
	memcpy(s->secret, db_text(st, 1).p, 16);
	memcpy(s->epoch, db_text(st, 2).p, UUID_TEXT - 1);
	r = 0;
out:
	sqlite3_finalize(st);
	return r;
}

/* What every program needs; the rest is prepared where it is first used. */
static int prepare(struct store *s, struct es_err *err)
{
	return db_prepare(s->db, "select (select max(position) from message), "
	    "(select value from meta where name = 'catalog'), "
	    "(select stored_at from message order by position desc limit 1)",
	    &s->state, err) < 0 ||
	    db_prepare(s->db, "select id from epoch order by number desc "
	    "limit 1", &s->epoch_now, err) < 0 ||
	    db_prepare(s->db, "select " ROW_COLUMNS " from message "
	    "where position = ?", &s->by_position, err) < 0 ? -1 : 0;
}

static int know_files(struct store *s, struct es_err *err)
{
	struct stat st;

	if (stat(s->db->path, &st) < 0)
		return es_fail_errno(err, "%s", s->db->path);
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return db_know_files(s->db, err);
}

static int open_rest(struct store *s, struct es_err *err)
{
	int known = store_recognise(s->db, err);

	if (known < 0)
		return -1;
	if (known == 0)
		return es_fail(err, ES_FAILED,
		    "%s: an empty file, no store: make one with es-init",
		    s->db->path);
	s->format = known;
	return know_files(s, err) < 0 || read_identity(s, err) < 0 ||
	    prepare(s, err) < 0 ||
	    names_open(s->db, &s->names, err) < 0 ||
	    index_open(s->db->h, s->secret, known >= STORE_FORMAT_RUNS,
	    &s->index, err) < 0 ||
	    ids_open(s->db, s->secret, &s->ids, err) < 0 ||
	    store_refresh(s, err) < 0 ? -1 : 0;
}

int store_open_any(const char *path, bool write, struct store **out,
    struct es_err *err)
{
	struct store *s = calloc(1, sizeof *s);
	bool missing = false;

	*out = NULL;
	if (!s)
		return es_fail_nomem(err);
	if (db_open(path, write ? DB_WRITE : DB_READ, &s->db, &missing,
	    err) < 0 || open_rest(s, err) < 0) {
		if (missing)
			es_fail(err, ES_FAILED, "%s: there is no store here: "
			    "make one with es-init", path);
		store_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

int store_open(const char *path, bool write, struct store **out,
    struct es_err *err)
{
	if (store_open_any(path, write, out, err) < 0)
		return -1;
	if (!write || (*out)->format == STORE_FORMAT)
		return 0;
	es_fail(err, ES_FAILED, "%s: its format is %d, and this es writes "
	    "format %d: upgrade it with es-init", path, (*out)->format,
	    STORE_FORMAT);
	store_close(*out);
	*out = NULL;
	return -1;
}

static void finalize(struct store *s)
{
	sqlite3_stmt *all[] = {
		s->state, s->epoch_now, s->by_position, s->digests,
		s->get_outcome, s->insert, s->set_catalog,
		s->handler_find, s->handler_add, s->provenance_add,
		s->outcome_add, s->made_by, s->read_at,
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		sqlite3_finalize(all[i]);
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->db)
		db_rollback(s->db);
	finalize(s);
	names_close(s->names);
	index_close(s->index);
	ids_close(s->ids);
	catalog_free(s->catalog);
	catalog_free(s->old_catalog);
	db_close(s->db);
	message_scratch_free(&s->scratch);
	keys_free(&s->keys);
	arena_free(&s->arena);
	buf_free(&s->line);
	buf_free(&s->payload);
	buf_free(&s->came_in);
	json_free(&s->doc);
	free(s);
}

const char *store_path(const struct store *s)
{
	return s->db->path;
}

int store_format(const struct store *s)
{
	return s->format;
}

const char *store_id(const struct store *s)
{
	return s->id;
}

const char *store_epoch(const struct store *s)
{
	return s->epoch;
}

struct db *store_db(struct store *s)
{
	return s->db;
}

int store_check_file(const struct store *s, struct es_err *err)
{
	struct stat st;

	if (stat(s->db->path, &st) < 0)
		return es_fail_errno(err, "%s: the store is gone", s->db->path);
	return st.st_dev == s->device && st.st_ino == s->inode ? 0 :
	    es_fail(err, ES_FAILED, "%s: is another file than the one that was"
	    " opened", s->db->path);
}

int store_check_files(const struct store *s, struct es_err *err)
{
	return store_check_file(s, err) < 0 ? -1 : db_check_files(s->db, err);
}

int store_check_same(struct store *s, struct es_err *err)
{
	bool same;
	int r;

	if (store_check_file(s, err) < 0)
		return -1;
	if (db_outdated(s->db))
		return es_fail(err, ES_FAILED, "%s: is being written, and "
		    "cannot be followed from a directory that cannot",
		    s->db->path);
	r = db_row(s->db, s->epoch_now, err);
	if (r < 0)
		return -1;
	same = r > 0 && span_is(db_text(s->epoch_now, 0), s->epoch);
	sqlite3_reset(s->epoch_now);
	return same ? 0 : es_fail(err, ES_FAILED, "%s: a new epoch has begun",
	    s->db->path);
}

/* ---- single messages ---- */

/* Its type may have come after the last refresh, from another process. */
static int know_type(struct store *s, struct es_err *err)
{
	if (s->db->writing || row_type(s->by_position) < names_types(s->names))
		return 0;
	return names_refresh(s->names, err);
}

int store_get(struct store *s, int64_t position, struct message *out,
    struct es_err *err)
{
	int r;

	sqlite3_bind_int64(s->by_position, 1, position);
	r = db_row(s->db, s->by_position, err);
	if (r <= 0)
		return r;
	arena_reset(&s->arena);
	r = know_type(s, err) < 0 ? -1 :
	    row_read(s->names, s->by_position, &s->arena, out, NULL, err);
	sqlite3_reset(s->by_position);
	return r < 0 ? -1 : 1;
}

int store_get_known(struct store *s, int64_t position, struct message *out,
    struct es_err *err)
{
	int r = store_get(s, position, out, err);

	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: damaged: no message at "
		    "position %lld", s->db->path, (long long)position);
	return r < 0 ? -1 : 0;
}

int store_find_id(struct store *s, struct span id, int64_t *position,
    struct es_err *err)
{
	return ids_find(s->ids, id, position, err);
}
