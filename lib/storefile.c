#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bell.h"
#include "storefile.h"
#include "storeimpl.h"
#include "sys.h"

/*
 * The bytes of a database that SQLite's readers lock; in WAL mode each
 * connection does so from its first read to its close.
 */
#define SHARED_FIRST 0x40000002
#define SHARED_BYTES 510

#define LOOK_AGAIN_NS 20000000
#define IN_USE_MS 1000

int storefile_in_use(const char *path, int wait_ms, bool *used,
    struct es_err *err)
{
	const struct timespec pause = {0, LOOK_AGAIN_NS};
	int64_t until = sys_monotonic() + wait_ms;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return es_fail_errno(err, "%s", path);
	while ((r = sys_locked(fd, SHARED_FIRST, SHARED_BYTES, used,
	    err)) == 0 && *used && sys_monotonic() < until)
		nanosleep(&pause, NULL);
	close(fd);
	return r < 0 ? es_err_at(err, "%s", path) : 0;
}

static int is_own(struct db *db, struct es_err *err)
{
	int64_t application;

	if (db_int(db, "pragma application_id", &application, err) < 0)
		return -1;
	return application == STORE_APPLICATION_ID ? 0 :
	    es_fail(err, ES_FAILED, "%s: not a store of es", db->path);
}

int storefile_is_store(const char *path, struct es_err *err)
{
	struct db *db;
	bool missing;
	int r;

	if (db_open(path, DB_READ, &db, &missing, err) < 0)
		return missing ? 0 : -1;
	r = is_own(db, err);
	db_close(db);
	return r < 0 ? -1 : 1;
}

int storefile_sync_directory(const char *path, struct es_err *err)
{
	char *dir = strdup(path), *slash;
	int fd, r = 0;

	if (!dir)
		return es_fail_nomem(err);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (fd < 0 || (fsync(fd) < 0 && errno != EINVAL))
		r = es_fail_errno(err, "%s", slash ? dir : ".");
	if (fd >= 0)
		close(fd);
	free(dir);
	return r;
}

/* ---- removing ---- */

static int remove_file(const char *path, const char *suffix,
    struct es_err *err)
{
	struct buf name = {0};
	int r = 0;

	buf_addf(&name, "%s%s", path, suffix);
	if (buf_check(&name, err) < 0)
		return -1;
	if (unlink(name.p) < 0 && errno != ENOENT)
		r = es_fail_errno(err, "%s", name.p);
	buf_free(&name);
	return r;
}

/* The read models; a directory in it is nobody's of us, and stays. */
static int remove_views(const char *path, struct es_err *err)
{
	struct buf name = {0};
	struct dirent *e;
	DIR *d;
	int r = 0;

	buf_addf(&name, "%s.views", path);
	if (buf_check(&name, err) < 0)
		return -1;
	d = opendir(name.p);
	while (d && r == 0 && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0 &&
		    unlinkat(dirfd(d), e->d_name, 0) < 0 && errno != ENOENT)
			r = es_fail_errno(err, "%s/%s", name.p, e->d_name);
	if (d ? r == 0 && rmdir(name.p) < 0 && errno != ENOENT :
	    errno != ENOENT)
		r = es_fail_errno(err, "%s", name.p);
	if (d)
		closedir(d);
	buf_free(&name);
	return r;
}

static int remove_each(const char *path, const char *const *suffixes,
    struct es_err *err)
{
	for (; *suffixes; suffixes++)
		if (remove_file(path, *suffixes, err) < 0)
			return -1;
	return 0;
}

/* Open it for its lock alone; what it holds is not looked at but for that it
 * is a store's. */
static int seize(const char *path, bool whole, struct db **out,
    struct es_err *err)
{
	if (db_open(path, DB_WRITE, out, NULL, err) < 0)
		return -1;
	if (is_own(*out, err) == 0 && db_seize(*out, whole, err) == 0)
		return 0;
	db_close(*out);
	*out = NULL;
	return -1;
}

static int remove_all(const char *path, struct es_err *err)
{
	static const char *const before[] = {"-wal", "-shm", "-journal",
	    "-workers", "-token", NULL};
	static const char *const after[] = {"", "-bell", "-lock", NULL};

	return remove_views(path, err) < 0 ||
	    remove_each(path, before, err) < 0 ||
	    remove_each(path, after, err) < 0 ? -1 : 0;
}

/* An interrupted removal may have left what a store's name does not need. */
static int remove_rest(const char *path, struct es_err *err)
{
	static const char *const rest[] = {"-bell", "-lock", NULL};
	struct buf name = {0};
	struct stat st;
	bool there;

	buf_addf(&name, "%s-lock", path);
	if (buf_check(&name, err) < 0)
		return -1;
	there = lstat(name.p, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == 0;
	buf_free(&name);
	return there ? remove_each(path, rest, err) :
	    es_fail(err, ES_FAILED, "%s: there is no store here", path);
}

/*
 * Without its -wal it still has to be known as a store by who goes on with
 * this; only a reader who holds an old state can be in the way.
 */
static int seize_to_remove(const char *path, bool force, struct db **out,
    struct es_err *err)
{
	struct es_err why = {0};

	if (seize(path, true, out, &why) == 0)
		return 0;
	return force && why.code == ES_BUSY ? seize(path, false, out, err) :
	    es_fail(err, why.code, "%s", why.text);
}

int storefile_remove(const char *path, bool force, struct es_err *err)
{
	char *real = sys_beside(path, "", err);
	struct db *db = NULL;
	bool used = false;
	int r = real ? storefile_is_store(path, err) : -1;

	if (r == 0)
		r = remove_rest(real, err);
	else if (r > 0) {
		r = force ? 0 : storefile_in_use(path, IN_USE_MS, &used, err);
		if (r == 0 && used)
			r = es_fail(err, ES_BUSY, "%s: another program has it "
			    "open: end it, or use --force", path);
		if (r == 0)
			r = seize_to_remove(path, force, &db, err);
		if (r == 0)
			r = remove_all(real, err);
		db_close(db);
	}
	free(real);
	return r;
}

/* ---- replacing ---- */

/* The lock stays, for those who wait for it and find another file then. */
int storefile_replace(const char *path, const char *with, struct es_err *err)
{
	static const char *const old[] = {"-wal", "-shm", "-journal", "-token",
	    NULL};
	char *real = sys_beside(path, "", err);
	struct db *db = NULL;
	int bell, r = real ? seize(path, true, &db, err) : -1;

	if (r == 0 && (remove_views(real, err) < 0 ||
	    remove_each(real, old, err) < 0))
		r = -1;
	if (r == 0 && rename(with, real) < 0)
		r = es_fail_errno(err, "%s", path);
	if (r == 0) {
		bell = bell_ring_open(real);
		bell_ring(bell);
		if (bell >= 0)
			close(bell);
		r = storefile_sync_directory(real, err);
	}
	db_close(db);
	free(real);
	return r;
}
