#include <stdio.h>

#include "checkrows.h"
#include "index.h"
#include "row.h"
#include "sys.h"

#define PAGE_ROWS 4096
#define PAGE_MS 200

int rows_open(struct rows *r, struct db *db, struct es_err *err)
{
	*r = (struct rows){.db = db, .position = INT64_MIN};
	if (db_prepare(db, "select " ROW_COLUMNS ROWS_MORE " from message "
	    "where position > ? order by position", &r->st, err) < 0 ||
	    db_prepare(db, "select position from message where position > ? "
	    "order by position limit 1", &r->probe, err) < 0) {
		rows_close(r);
		return -1;
	}
	return 0;
}

void rows_close(struct rows *r)
{
	sqlite3_finalize(r->st);
	sqlite3_finalize(r->probe);
	r->st = r->probe = NULL;
}

void rows_seek(struct rows *r, int64_t position)
{
	sqlite3_reset(r->st);
	r->active = false;
	r->position = position;
}

bool rows_well(const struct db *db)
{
	int rc = sqlite3_errcode(db->h) & 0xff;

	return rc == SQLITE_OK || rc == SQLITE_ROW || rc == SQLITE_DONE;
}

bool rows_damage(const struct db *db)
{
	switch (sqlite3_extended_errcode(db->h)) {
	/* A lock or memory that is not to be had: asked again, it waits. */
	case SQLITE_IOERR_LOCK:
	case SQLITE_IOERR_RDLOCK:
	case SQLITE_IOERR_UNLOCK:
	case SQLITE_IOERR_CHECKRESERVEDLOCK:
	case SQLITE_IOERR_SHMLOCK:
	case SQLITE_IOERR_SHMMAP:
	case SQLITE_IOERR_SHMOPEN:
	case SQLITE_IOERR_SHMSIZE:
	case SQLITE_IOERR_NOMEM:
		return false;
	}
	switch (sqlite3_errcode(db->h) & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
	case SQLITE_PROTOCOL:
	case SQLITE_NOMEM:
	case SQLITE_INTERRUPT:
		return false;
	default:
		return true;
	}
}

/* Whether a row above this position can be read: 1, 0 none there, -1, -2. */
static int probe(struct rows *r, int64_t above, int64_t *position)
{
	int rc;

	sqlite3_bind_int64(r->probe, 1, above);
	rc = sqlite3_step(r->probe);
	if (rc == SQLITE_ROW)
		*position = sqlite3_column_int64(r->probe, 0);
	/* Its result code is that of the step. */
	if (sqlite3_reset(r->probe) != SQLITE_OK)
		return rows_damage(r->db) ? -1 : -2;
	if (rc == SQLITE_ROW && *position <= above)
		return -1;
	return rc == SQLITE_ROW;
}

/*
 * Behind what cannot be read after r->position: move it to where the next row
 * can; 1, 0 when there is none, -1.
 */
static int skip(struct rows *r, struct es_err *err)
{
	int64_t bad = r->position, good, step = 1, found = 0;
	int rc;

	if (bad < 0)
		bad = 0;
	for (good = bad + 1;; step *= 2) {
		if (good > INDEX_POSITION_MAX)
			return 0;
		rc = probe(r, good, &found);
		if (rc == -2)
			return db_fail(r->db, err);
		if (rc >= 0)
			break;
		bad = good;
		good += step;
	}
	while (good - bad > 1) {
		int64_t middle = bad + (good - bad) / 2;

		rc = probe(r, middle, &found);
		if (rc == -2)
			return db_fail(r->db, err);
		if (rc >= 0)
			good = middle;
		else
			bad = middle;
	}
	rc = probe(r, good, &found);
	rows_seek(r, good);
	return rc > 0;
}

static int step(struct rows *r)
{
	int rc;

	if (!r->active) {
		sqlite3_reset(r->st);
		sqlite3_bind_int64(r->st, 1, r->position);
		r->active = true;
		r->begun = sys_monotonic();
		r->in_page = 0;
	}
	rc = sqlite3_step(r->st);
	/* Out of order: SQLite did not notice. */
	if (rc == SQLITE_ROW && r->started &&
	    sqlite3_column_int64(r->st, 0) <= r->position)
		rc = SQLITE_CORRUPT;
	return rc;
}

int rows_next(struct rows *r, struct es_err *err)
{
	int rc;

	if (r->active && (++r->in_page >= PAGE_ROWS || (r->in_page % 64 == 0 &&
	    sys_monotonic() - r->begun > PAGE_MS)))
		rows_seek(r, r->position);
	for (r->lost = false;;) {
		rc = step(r);
		if (rc == SQLITE_ROW) {
			r->started = true;
			r->position = sqlite3_column_int64(r->st, 0);
			return 1;
		}
		if (rc == SQLITE_DONE) {
			rows_seek(r, r->position);
			return 0;
		}
		if (rc != SQLITE_CORRUPT && !rows_damage(r->db))
			break;
		if (!r->lost)
			snprintf(r->why, sizeof r->why, "%s",
			    rows_well(r->db) ? "rows out of order" :
			    sqlite3_errmsg(r->db->h));
		r->lost = true;
		rows_seek(r, r->position);
		rc = skip(r, err);
		if (rc <= 0)
			return rc;
	}
	db_fail(r->db, err);
	rows_seek(r, r->position);
	return -1;
}
