/*
 * place: a directory of its own for a test, and children that it waits for.
 */
#ifndef ES_PLACE_H
#define ES_PLACE_H

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static char place_dir[256], place_store[300];

static inline void place_clean(void)
{
	DIR *d = opendir(place_dir);
	struct dirent *e;
	char path[600];

	if (!d)
		return;
	while ((e = readdir(d))) {
		snprintf(path, sizeof path, "%s/%s", place_dir, e->d_name);
		if (e->d_name[0] != '.')
			unlink(path);
	}
	closedir(d);
}

/* Sets place_store to the path of a file that is not there yet. */
static inline void place_make(const char *test)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(place_dir, sizeof place_dir, "%s/es-%s.XXXXXX",
	    tmp && *tmp ? tmp : "/tmp", test);
	need(mkdtemp(place_dir) != NULL);
	snprintf(place_store, sizeof place_store, "%s/es.db", place_dir);
}

static inline void place_remove(void)
{
	place_clean();
	rmdir(place_dir);
}

static inline long long place_size(const char *suffix)
{
	char path[400];
	struct stat st;

	snprintf(path, sizeof path, "%s%s", place_store, suffix);
	return stat(path, &st) < 0 ? -1 : (long long)st.st_size;
}

/* Descriptors that are open, to see that none is lost. */
static inline int place_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	int n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* ---- children ---- */

struct child {
	pid_t pid;
	int to, from;		/* in the child: from and to the parent */
};

/* As fork(): pid 0 in the child, which leaves by child_exit(). */
static inline struct child child_fork(void)
{
	int down[2], up[2];
	struct child c;

	need(pipe(down) == 0 && pipe(up) == 0);
	fflush(stdout);
	c.pid = fork();
	need(c.pid >= 0);
	if (c.pid == 0)
		unit_failed = 0;
	c.to = c.pid ? down[1] : up[1];
	c.from = c.pid ? up[0] : down[0];
	close(c.pid ? down[0] : down[1]);
	close(c.pid ? up[1] : up[0]);
	return c;
}

static inline void child_tell(const struct child *c)
{
	check(write(c->to, "!", 1) == 1);
}

/* Wait for the other side's child_tell(); false when it has gone. */
static inline bool child_hear(const struct child *c)
{
	char byte;
	ssize_t n;

	while ((n = read(c->from, &byte, 1)) < 0 && errno == EINTR)
		;
	return n == 1;
}

static inline void child_exit(void)
{
	fflush(stdout);
	_exit(unit_failed ? 1 : 0);
}

/* sig 0: it ends by itself, and has to do so well. */
static inline void child_end(struct child *c, int sig)
{
	int status;

	if (sig)
		kill(c->pid, sig);
	close(c->to);
	need(waitpid(c->pid, &status, 0) == c->pid);
	close(c->from);
	if (!sig)
		check_int(status, 0);
}

#endif
