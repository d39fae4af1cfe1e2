#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "sys.h"

#ifdef F_OFD_SETLKW
#define LOCK_GET F_OFD_GETLK
#define LOCK_TRY F_OFD_SETLK
#define LOCK_WAIT F_OFD_SETLKW
#else
#define LOCK_GET F_GETLK
#define LOCK_TRY F_SETLK
#define LOCK_WAIT F_SETLKW
#endif

int64_t sys_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t sys_monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void wake(int sig)
{
	(void)sig;		/* it only has to interrupt fcntl() */
}

/*
 * F_SETLKW queues in the kernel, which is what makes writers fair; it has no
 * timeout, so a timer interrupts it.  The timer repeats, because its first
 * signal may come before fcntl() has begun to wait.
 */
static int wait_for_lock(int fd, struct flock *fl, int wait_ms)
{
	struct sigaction act = {.sa_handler = wake}, old;
	struct itimerval timer = {{0, 50000}, {0, 50000}};
	struct itimerval off = {{0, 0}, {0, 0}};
	int64_t until = sys_monotonic() + wait_ms;
	int r, saved;

	sigemptyset(&act.sa_mask);
	if (wait_ms >= 0) {
		int first = wait_ms < 50 ? wait_ms + 1 : wait_ms;

		timer.it_value.tv_sec = first / 1000;
		timer.it_value.tv_usec = first % 1000 * 1000;
		sigaction(SIGALRM, &act, &old);
		setitimer(ITIMER_REAL, &timer, NULL);
	}
	do
		r = fcntl(fd, LOCK_WAIT, fl);
	while (r < 0 && errno == EINTR &&
	    (wait_ms < 0 || sys_monotonic() < until));
	saved = errno;
	if (wait_ms >= 0) {
		setitimer(ITIMER_REAL, &off, NULL);
		sigaction(SIGALRM, &old, NULL);
	}
	errno = saved;
	return r;
}

int sys_lock(int fd, int64_t start, int64_t n, int wait_ms, struct es_err *err)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = start, .l_len = n};

	if (fcntl(fd, LOCK_TRY, &fl) == 0)
		return 0;
	if (errno != EAGAIN && errno != EACCES && errno != EINTR)
		return es_fail_errno(err, "cannot lock");
	if (wait_ms == 0)
		return 1;
	if (wait_for_lock(fd, &fl, wait_ms) == 0)
		return 0;
	return errno == EINTR ? 1 : es_fail_errno(err, "cannot lock");
}

int sys_unlock(int fd, int64_t start, int64_t n, struct es_err *err)
{
	struct flock fl = {.l_type = F_UNLCK, .l_whence = SEEK_SET,
	    .l_start = start, .l_len = n};

	return fcntl(fd, LOCK_TRY, &fl) == 0 ? 0 :
	    es_fail_errno(err, "cannot unlock");
}

int sys_locked(int fd, int64_t start, int64_t n, bool *held,
    struct es_err *err)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = start, .l_len = n};

	if (fcntl(fd, LOCK_GET, &fl) < 0)
		return es_fail_errno(err, "cannot look at a lock");
	*held = fl.l_type != F_UNLCK;
	return 0;
}

int sys_read_fd(int fd, const char *name, size_t max, struct buf *out,
    struct es_err *err)
{
	for (;;) {
		char *to = buf_room(out, 65536);
		ssize_t n;

		if (!to)
			return es_fail_nomem(err);
		n = read(fd, to, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return es_fail_errno(err, "%s", name);
		if (n == 0)
			break;
		buf_truncate(out, out->n + (size_t)n);
		if (out->n > max)
			return es_fail(err, ES_FAILED,
			    "%s: larger than %zu bytes", name, max);
	}
	buf_add(out, "", 0);
	return buf_check(out, err);
}

int sys_read_file(const char *path, size_t max, struct buf *out,
    struct es_err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return es_fail_errno(err, "%s", path);
	r = sys_read_fd(fd, path, max, out, err);
	close(fd);
	return r;
}

static int write_all(int fd, struct span s)
{
	while (s.n > 0) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		s.p += n;
		s.n -= (size_t)n;
	}
	return 0;
}

int sys_write_file(const char *path, struct span content, bool sync,
    struct es_err *err)
{
	struct buf temporary = {0};
	mode_t mask = umask(0);
	int fd = -1, r = -1;

	umask(mask);
	buf_addf(&temporary, "%s.XXXXXX", path);
	if (buf_check(&temporary, err) < 0)
		return -1;
	fd = mkostemp(temporary.p, O_CLOEXEC);
	if (fd < 0) {
		es_fail_errno(err, "%s", path);
		goto out;
	}
	if (write_all(fd, content) < 0 || fchmod(fd, 0666 & ~mask) < 0 ||
	    (sync && fsync(fd) < 0) || rename(temporary.p, path) < 0) {
		es_fail_errno(err, "%s", path);
		unlink(temporary.p);
		goto out;
	}
	r = 0;
out:
	if (fd >= 0)
		close(fd);
	buf_free(&temporary);
	return r;
}

char *sys_beside(const char *path, const char *suffix, struct es_err *err)
{
	char *real = realpath(path, NULL), *result;
	struct buf name = {0};

	buf_addf(&name, "%s%s", real ? real : path, suffix);
	free(real);
	result = buf_detach(&name);
	if (!result)
		es_fail_nomem(err);
	return result;
}

int sys_tempfile(int *fd, struct es_err *err)
{
	const char *dir = getenv("TMPDIR");
	struct buf path = {0};

	buf_addf(&path, "%s/es.XXXXXX", dir && *dir ? dir : "/tmp");
	if (buf_check(&path, err) < 0)
		return -1;
	*fd = mkostemp(path.p, O_CLOEXEC);
	if (*fd < 0)
		es_fail_errno(err, "%s", path.p);
	else
		unlink(path.p);
	buf_free(&path);
	return *fd < 0 ? -1 : 0;
}

/* The directory of the running program, or NULL. */
static char *program_directory(void)
{
	char path[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

	if (n <= 0)
		return NULL;
	path[n] = '\0';
	slash = strrchr(path, '/');
	if (!slash)
		return NULL;
	*slash = '\0';
	return strdup(path);
}

char *sys_program(const char *name, struct es_err *err)
{
	char *dir = program_directory();
	struct buf path = {0};
	char *result;

	if (dir)
		buf_addf(&path, "%s/%s", dir, name);
	if (!dir || access(path.p, X_OK) < 0) {
		buf_truncate(&path, 0);
		buf_adds(&path, name);
	}
	free(dir);
	result = buf_detach(&path);
	if (!result)
		es_fail_nomem(err);
	return result;
}

/* What is installed: seen from the running program, else where it was to be. */
static char *installed(const char *seen, const char *compiled,
    const char *name, struct es_err *err)
{
	char *dir = program_directory();
	struct buf path = {0};
	char *result;

	if (dir)
		buf_addf(&path, "%s/%s/%s", dir, seen, name);
	if (!dir || path.failed || access(path.p, F_OK) < 0) {
		buf_truncate(&path, 0);
		buf_addf(&path, "%s/%s", compiled, name);
	}
	free(dir);
	result = buf_detach(&path);
	if (!result)
		es_fail_nomem(err);
	return result;
}

char *sys_share(const char *name, struct es_err *err)
{
	const char *set = getenv("ES_SHARE");
	struct buf path = {0};
	char *result;

	if (!set)
		return installed("../share/es", ES_SHAREDIR, name, err);
	buf_addf(&path, "%s/%s", set, name);
	result = buf_detach(&path);
	if (!result)
		es_fail_nomem(err);
	return result;
}

char *sys_libexec(const char *name, struct es_err *err)
{
	return installed("../libexec/es", ES_LIBEXECDIR, name, err);
}
