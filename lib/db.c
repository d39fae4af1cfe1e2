#include <string.h>
#include <unistd.h>

#include "bell.h"
#include "dbint.h"

#define CHECKPOINT_FRAMES 1000	/* a commit above it checkpoints */

bool db_is_busy(int rc)
{
	return (rc & 0xff) == SQLITE_BUSY || (rc & 0xff) == SQLITE_LOCKED;
}

int db_fail(struct db *db, struct es_err *err)
{
	int rc = db->h ? sqlite3_extended_errcode(db->h) : SQLITE_NOMEM;
	int system = db->h ? sqlite3_system_errno(db->h) : 0;

	if ((rc & 0xff) == SQLITE_IOERR)
		es_fail(err, ES_FAILED, "%s: %s (%d%s%s)", db->path,
		    sqlite3_errmsg(db->h), rc, system ? ": " : "",
		    system ? strerror(system) : "");
	else
		es_fail(err, db_is_busy(rc) ? ES_BUSY : ES_FAILED, "%s: %s",
		    db->path, db->h ? sqlite3_errmsg(db->h) :
		    "out of memory");
	if (err)
		err->outside = true;
	return -1;
}

void db_close(struct db *db)
{
	if (!db)
		return;
	db_rollback(db);
	db_read_end(db);
	if (db->h) {
		db_leave_wal(db);
		sqlite3_finalize(db->begin);
		sqlite3_finalize(db->read_begin);
		sqlite3_finalize(db->commit);
		sqlite3_close_v2(db->h);
	}
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	if (db->bell_fd >= 0)
		close(db->bell_fd);
	db_forget_files(db);
	free(db->path);
	free(db);
}

/* ---- transactions ---- */

/* A bell that was removed is heard by nobody who comes later. */
static void ring(struct db *db)
{
	if (db->bell_fd >= 0 && db_is_removed(db->bell_fd)) {
		close(db->bell_fd);
		db->bell_fd = bell_ring_open(db->path);
	}
	bell_ring(db->bell_fd);
}

int db_begin(struct db *db, struct es_err *err)
{
	/* Its failure would give back the lock of the one that is open. */
	if (db->writing)
		return es_fail(err, ES_FAILED, "%s: a transaction is open "
		    "already", db->path);
	if (db_lock(db, err) < 0)
		return -1;
	if (db_prepare_once(db, "begin immediate", &db->begin, err) < 0 ||
	    db_done(db, db->begin, err) < 0) {
		db_unlock(db);
		return -1;
	}
	db->writing = true;
	return 0;
}

int db_commit(struct db *db, struct es_err *err)
{
	if (db_prepare_once(db, "commit", &db->commit, err) < 0 ||
	    db_done(db, db->commit, err) < 0) {
		db_rollback(db);
		return -1;
	}
	db->writing = false;
	if (db->frames > CHECKPOINT_FRAMES) {
		/* What a reader still needs stays for the next one. */
		sqlite3_wal_checkpoint_v2(db->h, "main",
		    SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	}
	db_unlock(db);
	ring(db);
	return 0;
}

void db_rollback(struct db *db)
{
	if (!db->writing)
		return;
	if (!sqlite3_get_autocommit(db->h))
		sqlite3_exec(db->h, "rollback", NULL, NULL, NULL);
	db->writing = false;
	db_unlock(db);
}

int db_read_begin(struct db *db, struct es_err *err)
{
	/* The one before may still be open, for want of memory. */
	db_read_end(db);
	if (db_prepare_once(db, "begin", &db->read_begin, err) < 0 ||
	    db_done(db, db->read_begin, err) < 0)
		return -1;
	db->reading = true;
	return 0;
}

void db_read_end(struct db *db)
{
	if (!db->reading)
		return;
	if (db_prepare_once(db, "commit", &db->commit, NULL) == 0)
		db_done(db, db->commit, NULL);
	db->reading = !sqlite3_get_autocommit(db->h);
}
