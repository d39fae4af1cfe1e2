#include <fcntl.h>
#include <poll.h>
#include <sqlite3.h>

#include "db.h"
#include "place.h"
#include "sys.h"

static struct es_err err;

static struct db *open_db(enum db_mode mode)
{
	struct db *db;

	if (db_open(place_store, mode, &db, NULL, &err) < 0) {
		printf("open: %s\n", err.text);
		exit(1);
	}
	return db;
}

static struct db *new_db(void)
{
	struct db *db;

	place_clean();
	db = open_db(DB_CREATE);
	need(db_wal(db, &err) == 0);
	need(db_begin(db, &err) == 0);
	need(db_exec(db, "create table t(n)", &err) == 0);
	need(db_commit(db, &err) == 0);
	return db;
}

/* One transaction that writes so many pages. */
static void write_pages(struct db *db, int pages)
{
	char sql[200];

	snprintf(sql, sizeof sql, "with recursive i(n) as (select 1 union all "
	    "select n + 1 from i where n < %d) "
	    "insert into t select randomblob(4000) from i", pages);
	need(db_begin(db, &err) == 0);
	check_int(db_exec(db, sql, &err), 0);
	check_int(db_commit(db, &err), 0);
}

static int64_t count(struct db *db)
{
	int64_t n;

	check_int(db_int(db, "select count(*) from t", &n, &err), 0);
	return n;
}

/* ---- the lock ---- */

static void test_exclusion(void)
{
	struct db *a = new_db(), *b = open_db(DB_WRITE);

	check_int(db_begin(a, &err), 0);
	b->busy_ms = 30;
	check_int(db_begin(b, &err), -1);
	check_int(err.code, ES_BUSY);
	check(strstr(err.text, "es.db: busy: other writers held it for 0.03 s")
	    != NULL);
	b->busy_ms = 0;
	check_int(db_begin(b, &err), -1);
	check_int(err.code, ES_BUSY);
	/* One that is open already stays as it is. */
	check_int(db_begin(a, &err), -1);
	check(a->writing);
	check_int(db_begin(b, &err), -1);
	check_int(db_exec(a, "insert into t values (1)", &err), 0);
	check_int(db_commit(a, &err), 0);
	check_int(db_begin(b, &err), 0);
	check_int(count(b), 1);
	db_rollback(b);
	db_rollback(b);
	check_int(db_begin(a, &err), 0);
	db_close(a);			/* rolls back, and frees the lock */
	check_int(db_begin(b, &err), 0);
	check_int(db_commit(b, &err), 0);
	db_close(b);
	db_close(NULL);
}

/* What a holder leaves when it is killed: nothing, and a free lock. */
static void test_killed(void)
{
	struct child c;
	struct db *db;

	db_close(new_db());
	c = child_fork();
	if (c.pid == 0) {
		db = open_db(DB_WRITE);
		check_int(db_begin(db, &err), 0);
		check_int(db_exec(db, "insert into t values (1)", &err), 0);
		child_tell(&c);
		child_hear(&c);
		child_exit();
	}
	need(child_hear(&c));
	db = open_db(DB_WRITE);
	db->busy_ms = 0;
	check_int(db_begin(db, &err), -1);
	check_int(err.code, ES_BUSY);
	kill(c.pid, SIGKILL);
	db->busy_ms = 20000;
	check_int(db_begin(db, &err), 0);
	check_int(count(db), 0);
	check_int(db_commit(db, &err), 0);
	child_end(&c, SIGKILL);
	db_close(db);
}

static int open_lock(void)
{
	char path[400];

	snprintf(path, sizeof path, "%s-lock", place_store);
	return open(path, O_RDWR | O_CLOEXEC);
}

/* Whether another process queues up for the lock, before long. */
static bool somebody_waits(int fd)
{
	int64_t until = sys_monotonic() + 20000;
	bool held = false;

	while (!held && sys_monotonic() < until) {
		poll(NULL, 0, 1);
		need(sys_locked(fd, 1, 1, &held, &err) == 0);
	}
	return held;
}

/* Who gives the lock back and wants it again stands behind who waits. */
static void test_turns(void)
{
	enum { STEPS = 20 };
	struct child c;
	struct db *db;
	int fd;

	db_close(new_db());
	c = child_fork();
	db = open_db(DB_WRITE);
	if (c.pid == 0) {
		while (child_hear(&c)) {
			check_int(db_begin(db, &err), 0);
			check_int(db_exec(db, "insert into t values (1)",
			    &err), 0);
			check_int(db_commit(db, &err), 0);
		}
		db_close(db);
		child_exit();
	}
	fd = open_lock();
	check_int(db_begin(db, &err), 0);
	for (int i = 1; i <= STEPS; i++) {
		child_tell(&c);
		need(somebody_waits(fd));
		check_int(db_commit(db, &err), 0);
		check_int(db_begin(db, &err), 0);
		check_int(count(db), i);
	}
	db_rollback(db);
	db_close(db);
	close(fd);
	child_end(&c, 0);
}

/* Two processes that add to one number lose no step. */
static void test_counting(void)
{
	enum { STEPS = 200 };
	struct child c;
	struct db *db = new_db();

	check_int(db_begin(db, &err), 0);
	check_int(db_exec(db, "insert into t values (0)", &err), 0);
	check_int(db_commit(db, &err), 0);
	db_close(db);
	setenv("ES_SYNC", "normal", 1);
	c = child_fork();
	db = open_db(DB_WRITE);
	for (int i = 0; i < STEPS; i++) {
		int64_t n;
		char sql[64];

		check_int(db_begin(db, &err), 0);
		check_int(db_int(db, "select n from t", &n, &err), 0);
		snprintf(sql, sizeof sql, "update t set n = %lld",
		    (long long)n + 1);
		check_int(db_exec(db, sql, &err), 0);
		check_int(db_commit(db, &err), 0);
	}
	if (c.pid == 0) {
		db_close(db);
		child_exit();
	}
	child_end(&c, 0);
	{
		int64_t n;

		check_int(db_int(db, "select n from t", &n, &err), 0);
		check_int(n, 2 * STEPS);
	}
	db_close(db);
	unsetenv("ES_SYNC");
}

/* Removing the lock file does not let two write at once. */
static void test_lock_removed(void)
{
	struct db *a = new_db(), *b;
	char path[400];

	snprintf(path, sizeof path, "%s-lock", place_store);
	check_int(unlink(path), 0);
	b = open_db(DB_WRITE);
	check_int(db_begin(b, &err), 0);
	a->busy_ms = 0;
	check_int(db_begin(a, &err), -1);
	check_int(err.code, ES_BUSY);
	db_rollback(b);
	check_int(db_begin(a, &err), 0);
	db_rollback(a);
	/* Where the file is gone too nothing is made beside it. */
	check_int(unlink(path), 0);
	check_int(unlink(place_store), 0);
	check_int(db_begin(a, &err), -1);
	check_int(err.code, ES_FAILED);
	check_int(place_size("-lock"), -1);
	db_close(a);
	db_close(b);
}

/* A link is another name of the same store, with the same lock. */
static void test_link(void)
{
	char kept[sizeof place_store];
	struct db *a = new_db(), *b;

	memcpy(kept, place_store, sizeof kept);
	snprintf(place_store, sizeof place_store, "%s/link.db", place_dir);
	check_int(symlink("es.db", place_store), 0);
	b = open_db(DB_WRITE);
	check_int(place_size("-lock"), -1);
	check_int(db_begin(a, &err), 0);
	b->busy_ms = 0;
	check_int(db_begin(b, &err), -1);
	check_int(err.code, ES_BUSY);
	db_rollback(a);
	check_int(db_begin(b, &err), 0);
	db_close(a);
	db_close(b);
	memcpy(place_store, kept, sizeof kept);
}

/* ---- the WAL ---- */

/*
 * A VFS that looks, whenever SQLite writes to the file itself (in WAL mode
 * only a checkpoint does), whether the write lock is held.
 */
static sqlite3_vfs shim, *real;
static sqlite3_io_methods methods, *real_methods;
static int written, outside;

static int shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
	bool held = false;
	int fd = open_lock();

	check(fd >= 0 && sys_locked(fd, 0, 1, &held, &err) == 0);
	close(fd);
	written++;
	outside += !held;
	return real_methods->xWrite(f, p, n, at);
}

static int shim_open(sqlite3_vfs *v, const char *name, sqlite3_file *f,
    int flags, int *out)
{
	int rc = real->xOpen(real, name, f, flags, out);

	(void)v;
	if (rc == SQLITE_OK && (flags & SQLITE_OPEN_MAIN_DB)) {
		real_methods = (sqlite3_io_methods *)(uintptr_t)f->pMethods;
		methods = *real_methods;
		methods.xWrite = shim_write;
		f->pMethods = &methods;
	}
	return rc;
}

static void shim_install(void)
{
	real = sqlite3_vfs_find(NULL);
	shim = *real;
	shim.pNext = NULL;
	shim.zName = "shim";
	shim.xOpen = shim_open;
	need(sqlite3_vfs_register(&shim, 1) == SQLITE_OK);
}

static void test_checkpoint(void)
{
	struct db *db = new_db(), *reader;

	written = outside = 0;
	write_pages(db, 900);
	check_int(written, 0);
	write_pages(db, 200);
	check_int(written > 0, 1);
	write_pages(db, 1);		/* the WAL begins anew */
	check(db->frames < 20);
	/* A reader keeps it from that, and then no more. */
	reader = open_db(DB_READ);
	check_int(db_read_begin(reader, &err), 0);
	check_int(count(reader), 1101);
	write_pages(db, 1200);
	write_pages(db, 1);
	check(db->frames > 1000);
	check_int(count(reader), 1101);
	db_read_end(reader);
	check_int(count(reader), 2302);
	write_pages(db, 1);
	write_pages(db, 1);
	check(db->frames < 20);
	written = 0;
	db_close(reader);		/* a reader never written */
	check_int(written, 0);
	db_close(db);
	check_int(written, 0);	/* short: left as it is */
	check(place_size("-wal") > 0);
	db = open_db(DB_WRITE);
	check_int(count(db), 2304);
	write_pages(db, 100);
	db_close(db);			/* longer: emptied */
	check_int(written > 0, 1);
	check_int(place_size("-wal"), -1);
	check_int(outside, 0);
	db = open_db(DB_WRITE);
	write_pages(db, 10);
	db_checkpoint(db);
	check_int(place_size("-wal"), 0);
	check_int(outside, 0);
	db_close(db);
}

/* A close that cannot have the lock leaves the checkpoint to others. */
static void test_close_busy(void)
{
	struct db *a = new_db(), *b = open_db(DB_WRITE);

	written = outside = 0;
	write_pages(a, 100);
	check_int(db_begin(b, &err), 0);
	db_checkpoint(a);
	check_int(written, 0);
	db_close(a);
	check_int(written, 0);
	db_rollback(b);
	check_int(count(b), 100);
	db_close(b);
	check_int(outside, 0);
}

/* ---- opening ---- */

static void test_missing(void)
{
	struct db *db;
	bool missing;
	char path[400];
	int fds = place_fds();

	place_clean();
	check_int(db_open(place_store, DB_READ, &db, &missing, &err), -1);
	check(missing && !db);
	check_int(db_open(place_store, DB_WRITE, &db, &missing, &err), -1);
	check(missing);
	check_int(place_size(""), -1);
	check_int(place_size("-lock"), -1);
	check_int(db_open(place_dir, DB_WRITE, &db, &missing, &err), -1);
	check(!missing && strstr(err.text, "is a directory"));
	snprintf(path, sizeof path, "%s/no/es.db", place_dir);
	check_int(db_open(path, DB_CREATE, &db, &missing, &err), -1);
	check(strstr(err.text, "/no/es.db: No such file") != NULL);
	check_int(place_fds(), fds);
	db_close(new_db());
	check_int(place_fds(), fds);
}

static int64_t pragma_sync(enum db_mode mode)
{
	struct db *db = open_db(mode);
	int64_t n;

	check_int(db_int(db, "pragma synchronous", &n, &err), 0);
	db_close(db);
	return n;
}

static void test_sync(void)
{
	struct db *db = new_db();

	unsetenv("ES_SYNC");
	check_int(pragma_sync(DB_WRITE), 2);
	setenv("ES_SYNC", "", 1);
	check_int(pragma_sync(DB_WRITE), 2);
	setenv("ES_SYNC", "full", 1);
	check_int(pragma_sync(DB_WRITE), 2);
	setenv("ES_SYNC", "normal", 1);
	check_int(pragma_sync(DB_WRITE), 1);
	db_close(db);
	setenv("ES_SYNC", "off", 1);
	check_int(db_open(place_store, DB_WRITE, &db, NULL, &err), -1);
	check_int(err.code, ES_USAGE);
	db_close(open_db(DB_READ));	/* a reader has no use for it */
	unsetenv("ES_SYNC");
}

/* A reader does not write. */
static void test_reader(void)
{
	struct db *db;

	db_close(new_db());
	db = open_db(DB_READ);
	check_int(db_exec(db, "insert into t values (1)", &err), -1);
	check_int(count(db), 0);
	db_close(db);
}

/* ---- a store that cannot be written, in such a directory ---- */

static void as_nobody(void)
{
	if (geteuid() == 0)
		check(setgid(65534) == 0 && setuid(65534) == 0);
}

/* The bits bind the owner too; root becomes nobody. */
static void read_there(int64_t want)
{
	struct child c;

	check_int(chmod(place_store, 0444), 0);
	check_int(chmod(place_dir, 0555), 0);
	c = child_fork();
	if (c.pid == 0) {
		struct db *db;
		int r;

		as_nobody();
		r = db_open(place_store, DB_READ, &db, NULL, &err);
		if (want < 0) {
			check_int(r, -1);
			check_int(err.code, ES_FAILED);
			check(strstr(err.text, "-wal is not empty") != NULL);
		} else {
			check_int(r, 0);
			check_int(count(db), want);
			db_close(db);
		}
		check_int(db_open(place_store, DB_WRITE, &db, NULL, &err), -1);
		check_int(err.code, ES_FAILED);
		child_exit();
	}
	child_end(&c, 0);
	check_int(chmod(place_dir, 0755), 0);
	check_int(chmod(place_store, 0644), 0);
}

static void test_read_only(void)
{
	char kept[sizeof place_store];
	struct db *db;

	memcpy(kept, place_store, sizeof kept);
	/* All that a URI reserves is in the name. */
	snprintf(place_store, sizeof place_store, "%s/a?b#c%%41.db",
	    place_dir);
	db = new_db();
	write_pages(db, 3);
	db_close(db);
	read_there(-1);
	db = open_db(DB_WRITE);
	write_pages(db, 100);
	db_close(db);
	check_int(place_size("-wal"), -1);
	read_there(103);
	memcpy(place_store, kept, sizeof kept);
}

int main(void)
{
	place_make("db");
	shim_install();
	test_exclusion();
	test_killed();
	test_turns();
	test_counting();
	test_lock_removed();
	test_link();
	test_checkpoint();
	test_close_busy();
	test_missing();
	test_sync();
	test_reader();
	test_read_only();
	place_remove();
	return unit_end();
}
