/* Opening: as a reader or a writer, and what SQLite is told about it. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bell.h"
#include "dbint.h"
#include "sys.h"

#define BUSY_MS 30000

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

	if (db_open_beside(db->path, "-lock", &db->lock_fd, err) < 0)
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
	    db_exec(db, "pragma cache_size=-4096", err) < 0 ? -1 : 0;
}

/*
 * The first statements repair what a killed process has left; two that do so
 * at once get into each other's way.
 */
static int configure_alone(struct db *db, struct es_err *err)
{
	int r;

	if (db_lock(db, err) < 0)
		return -1;
	r = configure(db, err);
	db_unlock(db);
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
