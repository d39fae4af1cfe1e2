/*
 * db: one SQLite file in WAL mode, and the lock that makes its writers fair
 * and its checkpoints safe.
 *
 * SQLite 3.7.0 to 3.51.2 can lose committed pages when a checkpoint begins
 * right after one that finished and a commit resets the WAL meanwhile.  So
 * every writer holds byte 0 of FILE-lock from before BEGIN IMMEDIATE to after
 * COMMIT, and every checkpoint runs wholly under it.  The kernel wakes who
 * waits and frees the lock of a process that died; byte 1 is a gate before it,
 * so that nobody gets past those who came earlier.
 *
 *   db_open -> { db_begin -> ... -> db_commit | db_rollback }* -> db_close
 *            { db_read_begin -> ... -> db_read_end }*
 *
 * A struct db belongs to one thread and must not cross a fork.  Errors are
 * ES_BUSY when the lock or SQLite was busy for too long, else ES_FAILED; texts
 * begin with the file's name.
 */
#ifndef ES_DB_H
#define ES_DB_H

#include <sqlite3.h>
#include <sys/types.h>
#include "buf.h"

enum db_mode {
	DB_READ,	/* never writes and never checkpoints */
	DB_WRITE,
	DB_CREATE	/* makes the file when it is not there */
};

#define DB_BESIDE 2		/* -wal and -shm */

struct db_file {
	char *path;		/* NULL: not known */
	dev_t device;
	ino_t inode;
};

struct db {
	sqlite3 *h;
	char *path;
	enum db_mode mode;
	bool writing;		/* between db_begin and its end */
	bool reading;
	int busy_ms;		/* how long db_begin waits; default 30,000 */
	/* private */
	int lock_fd, bell_fd, frames;
	bool frozen;		/* opened as a file that nobody writes */
	int64_t modified;	/* the file's time, when opened so */
	sqlite3_stmt *begin, *read_begin, *commit;
	struct db_file beside[DB_BESIDE];
};

/*
 * A file that is not there is an error without further text than "no such
 * file": the caller says what to do.  *missing (may be NULL) is set then.
 */
int db_open(const char *path, enum db_mode mode, struct db **out,
    bool *missing, struct es_err *err);
void db_close(struct db *);		/* rolls back what is open */

/*
 * Where a reader may not write to the directory and there is no WAL, it reads
 * the file as one that does not change.  Whether somebody writes it after all,
 * which such a reader would not see.
 */
bool db_outdated(const struct db *);

/*
 * Whoever removes the -wal or the -shm of a file that is in use cuts those who
 * have it open off from those who open it afterwards: what either of them
 * writes is lost, or overwrites the other's.  Once db_know_files() was called,
 * which is to be after the first read, db_begin() and all that checkpoints
 * refuse that; who only reads asks db_check_files().  While it is just the -wal
 * that is gone, db_close() brings what it holds into the file.
 */
int db_know_files(struct db *, struct es_err *);
int db_check_files(const struct db *, struct es_err *);
void db_forget_files(struct db *);
/* The -wal, and nobody has written another one. */
bool db_wal_removed(const struct db *);

/* "file:PATH?mode=ro": as what this reader's file can be attached. */
void db_uri(const struct db *, struct buf *out);

/* Make it a WAL file, once, before its first transaction (DB_CREATE). */
int db_wal(struct db *, struct es_err *);

int db_begin(struct db *, struct es_err *);	/* lock, BEGIN IMMEDIATE */
/* COMMIT, perhaps a checkpoint, unlock, ring the bell. */
int db_commit(struct db *, struct es_err *);
void db_rollback(struct db *);		/* nothing when nothing is open */

/*
 * Bring all that the -wal holds into the file and empty it, under the lock;
 * when somebody is in the way it is left for another time.
 */
void db_checkpoint(struct db *);

/*
 * The same where it matters: waits for others up to wait_ms.  *held: a reader
 * still needs what the -wal holds, so it is there as before.
 */
int db_empty_wal(struct db *, int wait_ms, bool *held, struct es_err *);

/*
 * For who replaces or removes the file: take the writers' lock until
 * db_close(); whole: and bring all that the -wal holds into the file.  ES_BUSY
 * when a reader is in the way of that.
 */
int db_seize(struct db *, bool whole, struct es_err *);

int db_read_begin(struct db *, struct es_err *);	/* one snapshot */
void db_read_end(struct db *);

/* Prepared once and kept by the caller (SQLITE_PREPARE_PERSISTENT). */
int db_prepare(struct db *, const char *sql, sqlite3_stmt **out,
    struct es_err *err);
/* The same, at its first use only: nothing when *st is one already. */
int db_prepare_once(struct db *, const char *sql, sqlite3_stmt **st,
    struct es_err *err);
int db_exec(struct db *, const char *sql, struct es_err *err);

/*
 * Step a statement that gives no row (or of which no row is wanted), and reset
 * it.  db_row() steps for one row: 1, 0 at the end (and resets), -1.
 */
int db_done(struct db *, sqlite3_stmt *, struct es_err *);
int db_row(struct db *, sqlite3_stmt *, struct es_err *);

/* The first column of the first row as an integer; 0 without a row. */
int db_int(struct db *, const char *sql, int64_t *out, struct es_err *err);

/* Fill err from SQLite's last error; returns -1. */
int db_fail(struct db *, struct es_err *err);

struct span db_text(sqlite3_stmt *, int column);	/* SPAN_NONE for NULL */
/* Bind text (SPAN_NONE: NULL); it must stay until the statement is reset. */
void db_bind_text(sqlite3_stmt *, int parameter, struct span);
void db_bind_blob(sqlite3_stmt *, int parameter, const void *p, size_t n);

#endif
