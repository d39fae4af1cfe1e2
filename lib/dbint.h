/*
 * dbint: what the files of db share: db.c (transactions), dbopen.c, dblock.c
 * (the writers' lock), dbwal.c (checkpoints).
 */
#ifndef ES_DBINT_H
#define ES_DBINT_H

#include "db.h"

#define SQLITE_BUSY_MS 5000	/* for what the lock does not cover */
#define WAL_BYTES 16777216	/* what a large transaction may leave of it */

bool db_is_busy(int rc);	/* by a result code of SQLite */

/* ---- dblock.c ---- */

/* Open a file beside the store's for writing; it is made when missing. */
int db_open_beside(const char *path, const char *suffix, int *fd,
    struct es_err *err);
bool db_is_removed(int fd);

/* 0, 1 when others hold it for longer than wait_ms, -1. */
int db_queue(struct db *, int wait_ms, struct es_err *err);
/*
 * The same with a look at whether the lock file and those of SQLite are still
 * the ones that everybody has.
 */
int db_take_lock(struct db *, int wait_ms, struct es_err *err);
/* Wait for busy_ms: 0, or -1 with ES_BUSY. */
int db_lock(struct db *, struct es_err *err);
void db_unlock(struct db *);

/* ---- dbwal.c ---- */

/* Before the handle is closed: what the -wal holds, if it is time for that. */
void db_leave_wal(struct db *);

#endif
