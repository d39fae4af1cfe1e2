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

static int empty_catalog(struct store *s, struct es_err *err)
{
	s->catalog_at = 0;
	return catalog_parse("catalog", "{}", 2, &s->catalog, err);
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
	    empty_catalog(s, err) < 0 || store_refresh(s, err) < 0 ? -1 : 0;
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

/* ---- the state of the log ---- */

int read_catalog_at(struct store *s, int64_t at, struct es_err *err)
{
	struct message m;
	struct catalog *c;

	if (store_get(s, at, &m, err) <= 0)
		return es_fail(err, ES_FAILED, "%s: damaged: no catalog at "
		    "position %lld", s->db->path, (long long)at);
	if (catalog_parse_loaded(&s->doc, m.payload, &c, err) < 0)
		return es_err_at(err, "%s", s->db->path);
	catalog_free(s->old_catalog);
	s->old_catalog = s->catalog;	/* borrowed until the next refresh */
	s->catalog = c;
	s->catalog_at = at;
	return 0;
}

int write_catalog_at(struct store *s, int64_t at, struct es_err *err)
{
	if (db_prepare_once(s->db, "update meta set value = ? "
	    "where name = 'catalog'", &s->set_catalog, err) < 0)
		return -1;
	sqlite3_bind_int64(s->set_catalog, 1, at);
	return db_done(s->db, s->set_catalog, err);
}

static int refresh(struct store *s, struct es_err *err)
{
	int64_t catalog_at;

	if (db_row(s->db, s->state, err) <= 0)
		return -1;
	s->head = sqlite3_column_int64(s->state, 0);
	catalog_at = sqlite3_column_int64(s->state, 1);
	s->last_stored_at = sqlite3_column_int64(s->state, 2);
	sqlite3_reset(s->state);
	/* Names come with messages.  A transaction counts from what it knows. */
	if ((s->db->writing || s->head != s->named_at) &&
	    names_refresh(s->names, err) < 0)
		return -1;
	s->named_at = s->head;
	if (catalog_at == s->catalog_at)
		return 0;
	if (catalog_at != 0)
		return read_catalog_at(s, catalog_at, err);
	catalog_free(s->catalog);
	s->catalog = NULL;
	return empty_catalog(s, err);
}

int store_refresh(struct store *s, struct es_err *err)
{
	/* A transaction knows what there is, and has to be able to forget. */
	return s->db->writing ? 0 : refresh(s, err);
}

int store_head(struct store *s, int64_t *head, struct es_err *err)
{
	if (s->db->writing) {
		*head = s->head;
		return 0;
	}
	if (db_row(s->db, s->state, err) <= 0)
		return -1;
	*head = sqlite3_column_int64(s->state, 0);
	sqlite3_reset(s->state);
	return 0;
}

const struct catalog *store_catalog(const struct store *s)
{
	return s->catalog;
}

void store_set_strict(struct store *s, bool strict)
{
	s->strict = strict;
}

int64_t store_catalog_at(const struct store *s)
{
	return s->catalog_at;
}

/* ---- transactions ---- */

int store_begin(struct store *s, struct es_err *err)
{
	if (db_begin(s->db, err) < 0) {
		/* If it was replaced, its -wal is gone as well. */
		store_check_file(s, err);
		return -1;
	}
	s->open = true;
	s->broken = s->epoch_begun = false;
	s->before = s->head;
	/* Who replaces or removes a store does it under this lock. */
	if (store_check_file(s, err) < 0 || refresh(s, err) < 0) {
		store_rollback(s);
		return -1;
	}
	ids_begin(s->ids);
	s->before = s->head;
	s->now = sys_now();
	if (s->now < s->last_stored_at)
		s->now = s->last_stored_at;
	return 0;
}

int store_commit(struct store *s, struct es_err *err)
{
	if (s->broken) {
		store_rollback(s);
		return es_fail(err, ES_FAILED, "%s: the transaction failed "
		    "before and was rolled back", s->db->path);
	}
	if (index_flush(s->index, err) < 0) {
		es_err_at(err, "%s", s->db->path);
		store_rollback(s);
		return -1;
	}
	if (ids_flush(s->ids, err) < 0 || db_commit(s->db, err) < 0) {
		store_rollback(s);
		return -1;
	}
	ids_forget(s->ids);
	s->open = false;
	return 0;
}

void store_rollback(struct store *s)
{
	if (!s->open)
		return;
	s->open = false;
	db_rollback(s->db);
	index_rollback(s->index);
	ids_forget(s->ids);
	names_rollback(s->names);
	if (s->epoch_begun)
		memcpy(s->epoch, s->epoch_before, UUID_TEXT);
	s->head = s->before;
	if (s->catalog_at > s->before) {
		s->catalog_at = -1;
		/* If it cannot be read now, the next store_begin() says so. */
		refresh(s, NULL);
	}
}

int store_check_open(struct store *s, struct es_err *err)
{
	if (s->open && !sqlite3_get_autocommit(s->db->h))
		return 0;
	s->broken = true;
	return es_fail(err, ES_FAILED, "%s: no transaction is open",
	    s->db->path);
}

bool store_broken(const struct store *s)
{
	return s->broken;
}

bool store_at_fault(const struct store *s, const struct es_err *err)
{
	size_t n = strlen(s->db->path);

	/* What begins with its name tells of damage in the file. */
	return s->broken || err->outside || err->code == ES_BUSY ||
	    (strncmp(err->text, s->db->path, n) == 0 && err->text[n] == ':');
}

int64_t store_before(const struct store *s)
{
	return s->before;
}

int64_t store_now(const struct store *s)
{
	return s->now;
}

bool store_set_now(struct store *s, int64_t micros)
{
	if (micros < s->last_stored_at)
		return false;
	s->now = micros;
	return true;
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

int store_find_id(struct store *s, struct span id, int64_t *position,
    struct es_err *err)
{
	return ids_find(s->ids, id, position, err);
}
