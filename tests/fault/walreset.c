/*
 * walreset: the fault of SQLite 3.7.0 to 3.51.2 that loses committed pages,
 * and the lock that keeps it away.
 *
 * A checkpoint reads the WAL's header (so many frames), then asks how many of
 * them are in the database already.  When all are, by a checkpoint before it,
 * a commit may begin the WAL anew between the two.  The checkpoint then takes
 * the new frames for the old ones, and notes as many as done as the old WAL
 * had: what is committed next lies below that, is never copied, and goes when
 * the WAL does.
 *
 * The window is a few instructions wide, and no lock is taken in it; but a
 * connection that has the database mapped and finds that it has changed unmaps
 * it right there.  So others get their turn at two of SQLite's system calls:
 * at the fcntl() by which the second checkpoint begins, for the first one, and
 * at its munmap(), in the window.  The fault then comes every time.
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "../unit/place.h"
#include "db.h"

#define CHECKPOINT_LOCK 121	/* its byte in the -shm file */

static struct es_err err;

/* What happens at these calls, once. */
static void (*at_lock)(void), (*in_window)(void);
static int locks, windows, refused;

static int fcntl_hook(int fd, int command, void *arg)
{
	const struct flock *fl = arg;
	void (*turn)(void) = at_lock;

	if (turn && command == F_SETLK && fl->l_type == F_WRLCK &&
	    fl->l_start == CHECKPOINT_LOCK) {
		at_lock = NULL;
		locks++;
		turn();
	}
	return fcntl(fd, command, arg);
}

static int munmap_hook(void *p, size_t n)
{
	void (*turn)(void) = in_window;

	if (turn && !at_lock) {
		in_window = NULL;
		windows++;
		turn();
	}
	return munmap(p, n);
}

static void hook(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	need(vfs->iVersion >= 3);
	need(vfs->xSetSystemCall(vfs, "fcntl",
	    (sqlite3_syscall_ptr)fcntl_hook) == SQLITE_OK);
	need(vfs->xSetSystemCall(vfs, "munmap",
	    (sqlite3_syscall_ptr)munmap_hook) == SQLITE_OK);
}

/* ---- the file ---- */

#define ROW "insert into t values (randomblob(4000));"	/* a page of its own */

static void sql(sqlite3 *h, const char *text)
{
	if (sqlite3_exec(h, text, NULL, NULL, NULL) != SQLITE_OK) {
		printf("%s: %s\n", text, sqlite3_errmsg(h));
		exit(1);
	}
}

static sqlite3 *raw_open(void)
{
	sqlite3 *h;

	need(sqlite3_open(place_store, &h) == SQLITE_OK);
	sql(h, "pragma mmap_size=268435456; pragma wal_autocheckpoint=0");
	return h;
}

/* How many rows there are, -1 when they cannot be read any more. */
static int rows(sqlite3 *h)
{
	sqlite3_stmt *st = NULL;
	int n = -1;

	if (sqlite3_prepare_v2(h, "pragma integrity_check", -1, &st,
	    NULL) != SQLITE_OK || sqlite3_step(st) != SQLITE_ROW ||
	    strcmp((const char *)sqlite3_column_text(st, 0), "ok") != 0)
		goto out;
	sqlite3_finalize(st);
	if (sqlite3_prepare_v2(h, "select count(*) from t", -1, &st,
	    NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int(st, 0);
out:
	sqlite3_finalize(st);
	return n;
}

static int rows_after(void)
{
	sqlite3 *h = raw_open();
	int n = rows(h);

	sqlite3_close(h);
	return n;
}

static bool is_faulty(void)
{
	int v = sqlite3_libversion_number();

	return v < 3051003 && !(v >= 3050007 && v < 3051000) &&
	    !(v >= 3044006 && v < 3045000);
}

static void put(struct db *db, int n)
{
	need(db_begin(db, &err) == 0);
	for (int i = 0; i < n; i++)
		need(db_exec(db, ROW, &err) == 0);
	need(db_commit(db, &err) == 0);
}

/* ---- the other writer, a process of its own ---- */

static int to_other, from_other;
static pid_t other_pid;

/* Whoever takes the lock waits until the checkpoint is over. */
static bool is_refused(struct db *db)
{
	bool yes;

	db->busy_ms = 20;
	yes = db_begin(db, &err) < 0 && err.code == ES_BUSY;
	db_rollback(db);
	db->busy_ms = 30000;
	return yes;
}

static void other_do(char what)
{
	static sqlite3 *raw;
	static struct db *db;

	switch (what) {
	case 'r':
		raw = raw_open();
		break;
	case 'c':
		sql(raw, ROW);
		break;
	case 'k':
		sql(raw, ROW "pragma wal_checkpoint");
		break;
	case 'd':
		need(db_open(place_store, DB_WRITE, &db, NULL, &err) == 0);
		break;
	case 'p':
		put(db, 1);
		break;
	case 't':
		need(is_refused(db));
		break;
	default:
		sqlite3_close(raw);
		db_close(db);
		fflush(stdout);
		_exit(0);
	}
}

static void other_start(void)
{
	int down[2], up[2];
	char what;

	need(pipe(down) == 0 && pipe(up) == 0);
	fflush(stdout);
	other_pid = fork();
	need(other_pid >= 0);
	if (other_pid == 0) {
		while (read(down[0], &what, 1) == 1) {
			other_do(what);
			need(write(up[1], "!", 1) == 1);
		}
		_exit(1);
	}
	close(down[0]);
	close(up[1]);
	to_other = down[1];
	from_other = up[0];
}

static void other(char what)
{
	need(write(to_other, &what, 1) == 1);
	need(read(from_other, &what, 1) == 1);
}

static void other_end(void)
{
	int status;

	need(write(to_other, "q", 1) == 1);
	need(waitpid(other_pid, &status, 0) == other_pid);
	check_int(status, 0);
	close(to_other);
	close(from_other);
}

static void raw_checkpoint(void)
{
	other('k');
}

static void raw_commit(void)
{
	other('c');
}

static void locked_attempt(void)
{
	other('t');
	refused++;
}

/* ---- raw connections ---- */

/*
 * Two checkpoints, and a commit in the window and after it; or, to see that
 * the steps are right, no commit in the window but two behind it.
 */
static void test_raw(bool raced)
{
	enum { ROWS = 43 };
	sqlite3 *second;
	int n;

	place_clean();
	other_start();
	second = raw_open();
	sql(second, "pragma journal_mode=wal; create table t(b);"
	    "pragma wal_checkpoint");
	other('r');
	sql(second, "begin");
	for (int i = 0; i < 40; i++)
		sql(second, ROW);
	sql(second, "commit; select count(*) from t");
	locks = windows = 0;
	at_lock = raw_checkpoint;
	in_window = raced ? raw_commit : NULL;
	sql(second, "pragma wal_checkpoint");
	check_int(locks, 1);
	check_int(windows, raced);
	if (!raced)
		raw_commit();
	raw_commit();
	sqlite3_close(second);
	other_end();
	n = rows_after();
	if (raced && is_faulty())
		check(n != ROWS);	/* what was committed is lost */
	else
		check_int(n, ROWS);
}

/* ---- lib/db ---- */

static struct db *new_db(void)
{
	struct db *db;

	place_clean();
	need(db_open(place_store, DB_CREATE, &db, NULL, &err) == 0);
	need(db_wal(db, &err) == 0 && db_begin(db, &err) == 0 &&
	    db_exec(db, "create table t(b)", &err) == 0 &&
	    db_commit(db, &err) == 0);
	db_checkpoint(db);
	check_int(rows(db->h), 0);	/* maps the file */
	return db;
}

/*
 * db_commit() of many pages, which checkpoints; another writer comes when that
 * begins.  One that does not take the lock finishes the first checkpoint, and
 * meets the window.
 */
static void test_db(bool locked)
{
	enum { PAGES = 1100 };
	struct db *db;
	int n;

	other_start();
	db = new_db();
	other(locked ? 'd' : 'r');
	locks = windows = refused = 0;
	at_lock = locked ? locked_attempt : raw_checkpoint;
	in_window = locked ? locked_attempt : raw_commit;
	put(db, PAGES);
	in_window = NULL;
	check_int(locks, 1);
	check_int(windows, locked ? 0 : 1);
	check_int(refused, locked ? 1 : 0);
	for (n = locked ? 3 : 1; n > 0; n--)
		other(locked ? 'p' : 'c');
	other_end();
	db_close(db);
	n = rows_after();
	if (!locked && is_faulty())
		check(n != PAGES + 3);
	else
		check_int(n, PAGES + 3);
}

int main(void)
{
	alarm(120);
	place_make("walreset");
	hook();
	test_raw(false);
	test_raw(true);
	test_db(false);
	test_db(true);
	place_remove();
	return unit_end();
}
