/* The -wal: how a file gets one, and how its content gets into the file. */
#include <time.h>

#include "dbint.h"
#include "sys.h"

#define CLOSE_FRAMES 64		/* a close above it checkpoints */
#define CLOSE_WAIT_MS 1000

/*
 * The change needs the file for itself, and SQLite does not wait for a reader
 * that looks at it (another es-init): so try again.
 */
int db_wal(struct db *db, struct es_err *err)
{
	const struct timespec pause = {0, 5000000};
	int64_t until = sys_monotonic() + db->busy_ms;
	struct es_err ignored;
	int r;

	if (!err)
		err = &ignored;
	if (db_lock(db, err) < 0)
		return -1;
	while ((r = db_exec(db, "pragma journal_mode=wal", err)) < 0 &&
	    err->code == ES_BUSY && sys_monotonic() < until)
		nanosleep(&pause, NULL);
	db_unlock(db);
	return r;
}

/* What was rolled back, or was never committed, is in it as well. */
static bool wal_is_large(struct db *db)
{
	sqlite3_file *wal = NULL;
	sqlite3_int64 bytes;

	return sqlite3_file_control(db->h, "main",
	    SQLITE_FCNTL_JOURNAL_POINTER, &wal) == SQLITE_OK && wal &&
	    wal->pMethods && wal->pMethods->xFileSize(wal, &bytes) ==
	    SQLITE_OK && bytes > WAL_BYTES;
}

/* Who opens the file now does not find what only the -wal holds. */
static void save_wal(struct db *db)
{
	if (db_queue(db, CLOSE_WAIT_MS, NULL) != 0)
		return;
	if (db_wal_removed(db))
		sqlite3_wal_checkpoint_v2(db->h, "main",
		    SQLITE_CHECKPOINT_FULL, NULL, NULL);
	db_unlock(db);
}

/*
 * The last connection that closes would checkpoint outside the lock; so it may
 * only do so here, under the lock, and does when the WAL has grown.
 */
void db_leave_wal(struct db *db)
{
	if (db->mode == DB_READ)
		return;
	if (db_wal_removed(db))
		save_wal(db);
	else if ((db->frames > CLOSE_FRAMES || wal_is_large(db)) &&
	    db_take_lock(db, CLOSE_WAIT_MS, NULL) == 0)
		sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0,
		    NULL);
}

void db_checkpoint(struct db *db)
{
	if (db->mode == DB_READ || db->writing || db->frames == 0 ||
	    db_take_lock(db, 0, NULL) != 0)
		return;
	sqlite3_busy_timeout(db->h, 0);
	if (sqlite3_wal_checkpoint_v2(db->h, "main",
	    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
		db->frames = 0;
	sqlite3_busy_timeout(db->h, SQLITE_BUSY_MS);
	db_unlock(db);
}

int db_empty_wal(struct db *db, int wait_ms, bool *held, struct es_err *err)
{
	int rc;

	if (db_lock(db, err) < 0)
		return -1;
	sqlite3_busy_timeout(db->h, wait_ms);
	rc = sqlite3_wal_checkpoint_v2(db->h, "main",
	    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	*held = db_is_busy(rc);
	if (rc == SQLITE_OK)
		db->frames = 0;
	else if (!*held)
		db_fail(db, err);
	sqlite3_busy_timeout(db->h, SQLITE_BUSY_MS);
	db_unlock(db);
	return rc == SQLITE_OK || *held ? 0 : -1;
}

int db_seize(struct db *db, bool whole, struct es_err *err)
{
	int rc = SQLITE_OK;

	if (db_lock(db, err) < 0)
		return -1;
	if (whole)
		rc = sqlite3_wal_checkpoint_v2(db->h, "main",
		    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	/* A close has nothing to bring in any more. */
	db->frames = 0;
	if (rc == SQLITE_OK)
		return 0;
	db_fail(db, err);
	db_unlock(db);
	return -1;
}
