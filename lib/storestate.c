/* The state of the log as a store knows it, and the transactions on it. */
#include <string.h>

#include "storeimpl.h"
#include "sys.h"

/* The one before is borrowed until the next refresh. */
static void take_catalog(struct store *s, struct catalog *c, int64_t at)
{
	catalog_free(s->old_catalog);
	s->old_catalog = s->catalog;
	s->catalog = c;
	s->catalog_at = at;
}

int store_read_catalog_at(struct store *s, int64_t at, struct es_err *err)
{
	struct message m;
	struct catalog *c;

	if (store_get_known(s, at, &m, err) < 0)
		return -1;
	if (catalog_parse_loaded(&s->doc, m.payload, &c, err) < 0)
		return es_err_at(err, "%s", s->db->path);
	take_catalog(s, c, at);
	return 0;
}

int store_write_catalog_at(struct store *s, int64_t at, struct es_err *err)
{
	if (db_prepare_once(s->db, "update meta set value = ? "
	    "where name = 'catalog'", &s->set_catalog, err) < 0)
		return -1;
	sqlite3_bind_int64(s->set_catalog, 1, at);
	return db_done(s->db, s->set_catalog, err);
}

static int empty_catalog(struct store *s, struct es_err *err)
{
	struct catalog *c;

	if (catalog_parse("catalog", "{}", 2, &c, err) < 0)
		return -1;
	take_catalog(s, c, 0);
	return 0;
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
	/*
	 * Names come with messages.  A transaction counts from what it knows.
	 */
	if ((s->db->writing || s->head != s->named_at) &&
	    names_refresh(s->names, err) < 0)
		return -1;
	s->named_at = s->head;
	if (s->catalog && catalog_at == s->catalog_at)
		return 0;
	return catalog_at != 0 ? store_read_catalog_at(s, catalog_at, err) :
	    empty_catalog(s, err);
}

/*
 * Who opened an older format just before it was upgraded would not look into
 * the tables that have come.
 */
static int check_format(struct store *s, struct es_err *err)
{
	int format;

	if (s->format == STORE_FORMAT)
		return 0;
	format = store_recognise(s->db, err);
	if (format < 0 || format == s->format)
		return format < 0 ? -1 : 0;
	return es_fail(err, ES_BUSY, "%s: was upgraded to "
	    "format %d meanwhile: start again", s->db->path, format);
}

int store_refresh(struct store *s, struct es_err *err)
{
	/* A transaction knows what there is, and has to be able to forget. */
	return s->db->writing ? 0 : check_format(s, err) < 0 ? -1 :
	    refresh(s, err);
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

int store_done(struct store *s, sqlite3_stmt *st, struct es_err *err)
{
	if (store_check_open(s, err) == 0 && db_done(s->db, st, err) == 0)
		return 0;
	s->broken = true;
	return -1;
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
