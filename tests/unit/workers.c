#include <fcntl.h>

#include "place.h"
#include "sys.h"
#include "workers.h"

static struct es_err err;

static bool gone(struct workers *w, int slot)
{
	bool is = false;

	check_int(workers_gone(w, slot, &is, &err), 0);
	return is;
}

static bool alive(int slot)
{
	bool is = true;

	check_int(workers_alive(place_store, slot, &is, &err), 0);
	return is;
}

static void test_slots(void)
{
	struct workers *a, *b, *c;
	int me;

	check(!alive(1));
	check_int(place_size("-workers"), -1);
	need(workers_join(place_store, &a, &me, &err) == 0);
	check_int(me, 1);
	need(workers_join(place_store, &b, &me, &err) == 0);
	check_int(me, 2);
	check(!gone(a, 1) && !gone(a, 2) && gone(a, 3));
	check(!gone(b, 1) && !gone(b, 2));
	check(gone(a, 0) && gone(a, -1) && gone(a, WORKERS_MAX));
	check(alive(1) && alive(2) && !alive(3) && !alive(0));
	workers_leave(a);
	check(gone(b, 1) && !alive(1));
	/* The lowest that is free is taken again. */
	need(workers_join(place_store, &c, &me, &err) == 0);
	check_int(me, 1);
	check(!gone(b, 1));
	workers_leave(b);
	workers_leave(c);
	workers_leave(NULL);
	check(!alive(1) && !alive(2));
}

/* Under another name it is the same store. */
static void test_link(void)
{
	struct workers *a, *b;
	char link[400];
	int me, fd = open(place_store, O_CREAT | O_CLOEXEC | O_WRONLY, 0600);

	snprintf(link, sizeof link, "%s/link.db", place_dir);
	check(fd >= 0 && close(fd) == 0 && symlink("es.db", link) == 0);
	need(workers_join(place_store, &a, &me, &err) == 0);
	need(workers_join(link, &b, &me, &err) == 0);
	check_int(me, 2);
	workers_leave(a);
	workers_leave(b);
}

/* Another process would get the same slot in a new file. */
static void test_removed(void)
{
	struct workers *w;
	char path[400];
	int me;

	snprintf(path, sizeof path, "%s-workers", place_store);
	need(workers_join(place_store, &w, &me, &err) == 0);
	check_int(workers_beat(w, &err), 0);
	check_int(unlink(path), 0);
	check_int(workers_beat(w, &err), -1);
	check(strstr(err.text, "es.db-workers: is gone") != NULL);
	workers_leave(w);
}

/* A process that is killed is gone at once. */
static void test_killed(void)
{
	struct workers *w;
	struct child c;
	int me;

	c = child_fork();
	if (c.pid == 0) {
		need(workers_join(place_store, &w, &me, &err) == 0);
		check_int(me, 1);
		child_tell(&c);
		child_hear(&c);
		child_exit();
	}
	need(child_hear(&c));
	need(workers_join(place_store, &w, &me, &err) == 0);
	check_int(me, 2);
	check(!gone(w, 1) && alive(1));
	child_end(&c, SIGKILL);
	check(gone(w, 1) && !alive(1));
	workers_leave(w);
}

/* One that is stopped is gone when its lease has passed, until it beats. */
static void test_stopped(void)
{
	struct workers *w;
	struct child c;
	int me, status;

	c = child_fork();
	if (c.pid == 0) {
		need(workers_join(place_store, &w, &me, &err) == 0);
		child_tell(&c);
		while (child_hear(&c)) {
			check_int(workers_beat(w, &err), 0);
			child_tell(&c);
		}
		child_exit();
	}
	need(child_hear(&c));
	need(workers_join(place_store, &w, &me, &err) == 0);
	kill(c.pid, SIGSTOP);
	need(waitpid(c.pid, &status, WUNTRACED) == c.pid &&
	    WIFSTOPPED(status));
	check(!gone(w, 1));
	/* Whatever time has passed since its beat is too long. */
	workers_lease(w, -1);
	check(gone(w, 1));
	check(!gone(w, 2));		/* oneself never is */
	check(alive(1));		/* 30 s for others */
	kill(c.pid, SIGCONT);
	child_tell(&c);
	need(child_hear(&c));
	workers_lease(w, 10000);
	check(!gone(w, 1));
	child_end(&c, 0);
	check(gone(w, 1));
	workers_leave(w);
}

int main(void)
{
	int fds;

	place_make("workers");
	fds = place_fds();
	test_slots();
	test_link();
	test_removed();
	test_killed();
	test_stopped();
	check_int(place_fds(), fds);
	place_remove();
	return unit_end();
}
