#include <poll.h>
#include <sys/time.h>

#include "bell.h"
#include "db.h"
#include "place.h"
#include "sys.h"

#define LONG 20000		/* ms: as good as for ever */

static struct es_err err;

/* Whether a ring is there already. */
static bool rings(const struct bell *b)
{
	struct pollfd p = {.fd = bell_fd(b), .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

/* Whether a wait ends long before its time. */
static bool wakes(struct bell *b)
{
	int64_t before = sys_monotonic();

	check_int(bell_wait(b, LONG), 0);
	return sys_monotonic() - before < LONG / 2;
}

static void bell_file(char path[400])
{
	snprintf(path, 400, "%s-bell", place_store);
}

static void test_ring(void)
{
	int fd = bell_ring_open(place_store);
	struct bell *b;
	struct stat st;

	check(fd >= 0);
	need(bell_open(place_store, &b, &err) == 0);
	check(!rings(b));
	bell_ring(fd);
	check(rings(b));
	check(wakes(b));
	check(wakes(b));		/* until it is cleared */
	bell_clear(b);
	check(!rings(b));
	check_int(bell_wait(b, 1), 0);
	for (int i = 0; i < 1000; i++)
		bell_ring(fd);
	check(fstat(fd, &st) == 0 && st.st_size == 1);
	bell_clear(b);
	check(!rings(b));
	bell_ring(-1);
	close(fd);
	bell_close(b);
	bell_close(NULL);
}

/* Another process rings. */
static void test_process(void)
{
	struct bell *b;
	struct child c;

	need(bell_open(place_store, &b, &err) == 0);
	bell_clear(b);
	c = child_fork();
	if (c.pid == 0) {
		bell_ring(bell_ring_open(place_store));
		child_exit();
	}
	check(wakes(b));
	child_end(&c, 0);
	bell_close(b);
}

/* A bell that is not there yet, or not any more. */
static void test_recreated(void)
{
	char path[400];
	struct bell *b;
	int fd, other;

	bell_file(path);
	unlink(path);
	need(bell_open(place_store, &b, &err) == 0);
	check(wakes(b));		/* polls */
	fd = bell_ring_open(place_store);
	bell_clear(b);
	check(!rings(b));
	bell_ring(fd);
	check(wakes(b));
	bell_clear(b);
	/* Removed while the writer has it open: that wakes, too. */
	check_int(unlink(path), 0);
	check(wakes(b));
	bell_clear(b);
	check(wakes(b));		/* polls */
	other = bell_ring_open(place_store);
	bell_clear(b);
	bell_ring(other);
	check(wakes(b));
	close(fd);
	close(other);
	bell_close(b);
}

/* A commit rings, even when the bell is not the one of the writer's start. */
static void test_commit(void)
{
	char path[400];
	struct bell *b;
	struct db *db;

	bell_file(path);
	need(db_open(place_store, DB_CREATE, &db, NULL, &err) == 0);
	need(bell_open(place_store, &b, &err) == 0);
	need(db_wal(db, &err) == 0);
	bell_clear(b);
	check(db_begin(db, &err) == 0);
	check(db_exec(db, "create table t(n)", &err) == 0);
	check(!rings(b));
	check(db_commit(db, &err) == 0);
	check(rings(b));
	bell_clear(b);
	check(db_begin(db, &err) == 0);
	db_rollback(db);
	check(!rings(b));
	check_int(unlink(path), 0);
	close(bell_ring_open(place_store));
	bell_clear(b);
	check(db_begin(db, &err) == 0 && db_commit(db, &err) == 0);
	check(rings(b));
	db_close(db);
	bell_close(b);
}

static void nothing(int sig)
{
	(void)sig;
}

static void test_signal(void)
{
	struct sigaction act = {.sa_handler = nothing};
	/* It repeats: the first may come before the wait. */
	struct itimerval timer = {{0, 5000}, {0, 5000}}, off = {{0, 0}, {0, 0}};
	struct bell *b;

	need(bell_open(place_store, &b, &err) == 0);
	bell_clear(b);
	sigaction(SIGALRM, &act, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	check_int(bell_wait(b, LONG), -1);
	check_int(errno, EINTR);
	setitimer(ITIMER_REAL, &off, NULL);
	bell_close(b);
}

int main(void)
{
	int fds;

	place_make("bell");
	fds = place_fds();
	test_ring();
	test_process();
	test_recreated();
	test_commit();
	test_signal();
	check_int(place_fds(), fds);
	place_remove();
	return unit_end();
}
