#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bell.h"
#include "db.h"
#include "sys.h"

#define BUSY_MS 30000
#define SQLITE_BUSY_MS 5000	/* for what the lock does not cover */
#define CHECKPOINT_FRAMES 1000	/* a commit above it checkpoints */
#define CLOSE_FRAMES 64		/* a close above it checkpoints */
#define WAL_BYTES 16777216	/* what a large transaction may leave of it */
#define GATE 1			/* byte of the lock file */

static int code_of(int rc)
{
	switch (rc & 0xff) {
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return ES_BUSY;
	default:
		return ES_FAILED;
	}
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
		es_fail(err, code_of(rc), "%s: %s", db->path,
		    db->h ? sqlite3_errmsg(db->h) : "out of memory");
	if (err)
		err->outside = true;
	return -1;
}

/* ---- opening ---- */

static int open_beside(const char *path, const char *suffix, int *fd,
    struct es_err *err)
{
	char *name = sys_beside(path, suffix, err);

	if (!name)
		return -1;
	*fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (*fd < 0)
		es_fail_errno(err, "%s%s", path, errno == ENOENT ? "" : suffix);
	free(name);
	return *fd < 0 ? -1 : 0;
}

/*
 * Whether a reader can take part in WAL mode (it needs the -shm file, and
 * makes it if it may).
 */
static int directory_writable(const char *path, bool *yes, struct es_err *err)
{
	char *name = sys_beside(path, "", err), *slash;

	if (!name)
		return -1;
	slash = strrchr(name, '/');
	if (slash)
		slash[slash == name] = '\0';
	*yes = access(slash ? name : ".", W_OK) == 0;
	free(name);
	return 0;
}

static int has_content(const char *path, const char *suffix, bool *yes,
    struct es_err *err)
{
	char *name = sys_beside(path, suffix, err);
	struct stat st;

	if (!name)
		return -1;
	*yes = stat(name, &st) == 0 && st.st_size > 0;
	free(name);
	return 0;
}

/* With what a URI reserves escaped. */
void db_uri(const struct db *db, struct buf *out)
{
	/* What stands behind "file://" up to a slash would be a host. */
	buf_adds(out, db->path[0] == '/' ? "file://" : "file:");
	for (const unsigned char *p = (const unsigned char *)db->path; *p; p++)
		if (*p == '?' || *p == '#' || *p == '%')
			buf_addf(out, "%%%02x", *p);
		else
			buf_addc(out, (char)*p);
	buf_adds(out, db->frozen ? "?mode=ro&immutable=1" : "?mode=ro");
}

static int64_t modified(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : (int64_t)st.st_mtime;
}

bool db_outdated(const struct db *db)
{
	bool wal = true;

	return db->frozen && (has_content(db->path, "-wal", &wal, NULL) < 0 ||
	    wal || modified(db->path) != db->modified);
}

/*
 * A struct db belongs to one thread, so SQLite need not guard it; and nobody
 * asks how much memory it has, which it would count under a mutex.  Both were a
 * tenth of what an append costs.
 */
static int open_handle(struct db *db, const char *name, int flags,
    struct es_err *err)
{
	static bool configured;

	/* Refused, and no matter, when SQLite is in use already. */
	if (!configured)
		sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	configured = true;
	return sqlite3_open_v2(name, &db->h, flags | SQLITE_OPEN_NOMUTEX,
	    NULL) == SQLITE_OK ? 0 : db_fail(db, err);
}

static int open_reader(struct db *db, struct es_err *err)
{
	struct buf uri = {0};
	bool yes;
	int r;

	if (directory_writable(db->path, &yes, err) < 0)
		return -1;
	if (yes)
		return open_handle(db, db->path, SQLITE_OPEN_READONLY, err);
	if (has_content(db->path, "-wal", &yes, err) < 0)
		return -1;
	if (yes)
		return es_fail(err, ES_FAILED, "%s: cannot be read here: the "
		    "directory cannot be written and %s-wal is not empty; "
		    "copy all files of the store, or let a writer close it",
		    db->path, db->path);
	db->frozen = true;
	db->modified = modified(db->path);
	db_uri(db, &uri);
	if (buf_check(&uri, err) < 0)
		return -1;
	r = open_handle(db, uri.p, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
	    err);
	buf_free(&uri);
	return r;
}

static int open_writer(struct db *db, struct es_err *err)
{
	int flags = SQLITE_OPEN_READWRITE |
	    (db->mode == DB_CREATE ? SQLITE_OPEN_CREATE : 0);

	if (open_beside(db->path, "-lock", &db->lock_fd, err) < 0)
		return -1;
	db->bell_fd = bell_ring_open(db->path);
	if (open_handle(db, db->path, flags, err) < 0)
		return -1;
	if (sqlite3_db_readonly(db->h, "main") == 1)
		return es_fail(err, ES_FAILED, "%s: cannot be written",
		    db->path);
	return 0;
}

static int count_frames(void *ctx, sqlite3 *h, const char *name, int frames)
{
	struct db *db = ctx;

	(void)h;
	(void)name;
	db->frames = frames;
	return SQLITE_OK;
}

static int synchronous(const char **pragma, struct es_err *err)
{
	const char *set = getenv("ES_SYNC");

	*pragma = "pragma synchronous=full";
	if (!set || !*set || strcmp(set, "full") == 0)
		return 0;
	if (strcmp(set, "normal") != 0)
		return es_fail(err, ES_USAGE,
		    "ES_SYNC must be \"full\" or \"normal\"");
	*pragma = "pragma synchronous=normal";
	return 0;
}

/* Once its content is in the database; until then it is as large as it is. */
static int limit_wal(struct db *db, struct es_err *err)
{
	struct buf pragma = {0};
	int r;

	buf_addf(&pragma, "pragma journal_size_limit=%d", WAL_BYTES);
	r = buf_check(&pragma, err) < 0 ? -1 : db_exec(db, pragma.p, err);
	buf_free(&pragma);
	return r;
}

static int configure(struct db *db, struct es_err *err)
{
	const char *sync;

	sqlite3_extended_result_codes(db->h, 1);
	sqlite3_busy_timeout(db->h, SQLITE_BUSY_MS);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (db_exec(db, "pragma mmap_size=2147418112", err) < 0)
		return -1;
	if (db->mode == DB_READ)
		return db_exec(db, "pragma query_only=1", err);
	if (synchronous(&sync, err) < 0 || limit_wal(db, err) < 0)
		return -1;
	sqlite3_wal_hook(db->h, count_frames, db);
	/* What was deleted is not to be read in a page that is still used. */
	return db_exec(db, sync, err) < 0 ||
	    db_exec(db, "pragma secure_delete=fast", err) < 0 ||
	    db_exec(db, "pragma cache_size=-16384", err) < 0 ? -1 : 0;
}

static bool is_removed(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/*
 * 0, 1 when others hold it for longer than wait_ms, -1.  The kernel wakes who
 * waits for a lock, but whoever asks meanwhile gets it; so it is waited for
 * with GATE held, one at a time, and who gives it back and wants it again
 * queues up at the gate, behind those who came earlier.
 */
static int queue_for_lock(struct db *db, int wait_ms, struct es_err *err)
{
	int64_t until = sys_monotonic() + wait_ms, left;
	int r = sys_lock(db->lock_fd, GATE, 1, wait_ms, err);

	if (r != 0)
		return r;
	left = until - sys_monotonic();
	r = sys_lock(db->lock_fd, 0, 1, left > 0 ? (int)left : 0, err);
	sys_unlock(db->lock_fd, GATE, 1, NULL);
	return r;
}

static void unlock(struct db *db)
{
	sys_unlock(db->lock_fd, 0, 1, NULL);
}

/*
 * A lock file that was removed excludes nobody who opens the next one: what is
 * locked must be what has the name.
 */
static int take_lock(struct db *db, int wait_ms, struct es_err *err)
{
	struct stat st;
	int r;

	while ((r = queue_for_lock(db, wait_ms, err)) == 0 &&
	    is_removed(db->lock_fd)) {
		if (stat(db->path, &st) < 0)
			return es_fail_errno(err, "%s", db->path);
		close(db->lock_fd);
		if (open_beside(db->path, "-lock", &db->lock_fd, err) < 0)
			return -1;
	}
	if (r < 0)
		return es_err_at(err, "%s-lock", db->path);
	if (r == 0 && db_check_files(db, err) < 0) {
		unlock(db);
		return -1;
	}
	return r;
}

static int lock(struct db *db, struct es_err *err)
{
	int r = take_lock(db, db->busy_ms, err);

	return r <= 0 ? r : es_fail(err, ES_BUSY, "%s: busy: other writers "
	    "held it for %g s", db->path, db->busy_ms / 1000.0);
}

/*
 * The first statements repair what a killed process has left; two that do so
 * at once get into each other's way.
 */
static int configure_alone(struct db *db, struct es_err *err)
{
	int r;

	if (lock(db, err) < 0)
		return -1;
	r = configure(db, err);
	unlock(db);
	return r;
}

int db_open(const char *path, enum db_mode mode, struct db **out,
    bool *missing, struct es_err *err)
{
	struct db *db = calloc(1, sizeof *db);
	struct stat st;

	*out = NULL;
	if (missing)
		*missing = false;
	if (!db || !(db->path = strdup(path))) {
		free(db);
		return es_fail_nomem(err);
	}
	db->mode = mode;
	db->lock_fd = db->bell_fd = -1;
	db->busy_ms = BUSY_MS;
	if (mode != DB_CREATE && stat(path, &st) < 0) {
		if (missing)
			*missing = errno == ENOENT;
		es_fail_errno(err, "%s", path);
		goto fail;
	}
	if (mode != DB_CREATE && S_ISDIR(st.st_mode)) {
		es_fail(err, ES_FAILED, "%s: is a directory", path);
		goto fail;
	}
	if ((mode == DB_READ ? open_reader : open_writer)(db, err) < 0 ||
	    (mode == DB_CREATE ? configure_alone : configure)(db, err) < 0)
		goto fail;
	*out = db;
	return 0;
fail:
	db_close(db);
	return -1;
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
	if (queue_for_lock(db, 1000, NULL) != 0)
		return;
	if (db_wal_removed(db))
		sqlite3_wal_checkpoint_v2(db->h, "main",
		    SQLITE_CHECKPOINT_FULL, NULL, NULL);
	unlock(db);
}

/*
 * The last connection that closes would checkpoint outside the lock; so it may
 * only do so here, under the lock, and does when the WAL has grown.
 */
static void close_handle(struct db *db)
{
	if (db->mode != DB_READ && db_wal_removed(db))
		save_wal(db);
	else if (db->mode != DB_READ &&
	    (db->frames > CLOSE_FRAMES || wal_is_large(db)) &&
	    take_lock(db, 1000, NULL) == 0)
		sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0,
		    NULL);
	sqlite3_finalize(db->begin);
	sqlite3_finalize(db->read_begin);
	sqlite3_finalize(db->commit);
	sqlite3_close_v2(db->h);
}

void db_close(struct db *db)
{
	if (!db)
		return;
	db_rollback(db);
	db_read_end(db);
	if (db->h)
		close_handle(db);
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	if (db->bell_fd >= 0)
		close(db->bell_fd);
	db_forget_files(db);
	free(db->path);
	free(db);
}

/* ---- transactions ---- */

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
	if (lock(db, err) < 0)
		return -1;
	while ((r = db_exec(db, "pragma journal_mode=wal", err)) < 0 &&
	    err->code == ES_BUSY && sys_monotonic() < until)
		nanosleep(&pause, NULL);
	unlock(db);
	return r;
}

/* A bell that was removed is heard by nobody who comes later. */
static void ring(struct db *db)
{
	if (db->bell_fd >= 0 && is_removed(db->bell_fd)) {
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
	if (lock(db, err) < 0)
		return -1;
	if (db_prepare_once(db, "begin immediate", &db->begin, err) < 0 ||
	    db_done(db, db->begin, err) < 0) {
		unlock(db);
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
	unlock(db);
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
	unlock(db);
}

void db_checkpoint(struct db *db)
{
	if (db->mode == DB_READ || db->writing || db->frames == 0 ||
	    take_lock(db, 0, NULL) != 0)
		return;
	sqlite3_busy_timeout(db->h, 0);
	if (sqlite3_wal_checkpoint_v2(db->h, "main",
	    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
		db->frames = 0;
	sqlite3_busy_timeout(db->h, SQLITE_BUSY_MS);
	unlock(db);
}

int db_empty_wal(struct db *db, int wait_ms, bool *held, struct es_err *err)
{
	int rc;

	if (lock(db, err) < 0)
		return -1;
	sqlite3_busy_timeout(db->h, wait_ms);
	rc = sqlite3_wal_checkpoint_v2(db->h, "main",
	    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	*held = code_of(rc) == ES_BUSY;
	if (rc == SQLITE_OK)
		db->frames = 0;
	else if (!*held)
		db_fail(db, err);
	sqlite3_busy_timeout(db->h, SQLITE_BUSY_MS);
	unlock(db);
	return rc == SQLITE_OK || *held ? 0 : -1;
}

int db_seize(struct db *db, bool whole, struct es_err *err)
{
	int rc = SQLITE_OK;

	if (lock(db, err) < 0)
		return -1;
	if (whole)
		rc = sqlite3_wal_checkpoint_v2(db->h, "main",
		    SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
	/* A close has nothing to bring in any more. */
	db->frames = 0;
	if (rc == SQLITE_OK)
		return 0;
	db_fail(db, err);
	unlock(db);
	return -1;
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
