#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "run.h"
#include "sys.h"

#define PATIENCE_MS 120000

extern char **environ;

static char *place;

void run_die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	exit(1);
}

/* ---- places ---- */

static int remove_one(const char *path, const struct stat *st, int flag,
    struct FTW *ftw)
{
	(void)st;
	(void)flag;
	return ftw->level == 0 ? 0 : remove(path);
}

void run_clear(const char *dir)
{
	if (nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS) < 0)
		run_die("%s: cannot be cleared: %s", dir, strerror(errno));
}

static void leave(void)
{
	if (!place)
		return;
	run_clear(place);
	rmdir(place);
}

const char *run_place(void)
{
	const char *tmp = getenv("ES_FAULT_TMP");
	struct buf path = {0};

	if (place)
		return place;
	if (!tmp)
		tmp = getenv("TMPDIR");
	buf_addf(&path, "%s/es-fault.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	place = buf_detach(&path);
	if (!place || !mkdtemp(place))
		run_die("%s: %s", place, strerror(errno));
	atexit(leave);
	return place;
}

char *run_path(const char *name)
{
	struct buf path = {0};

	buf_addf(&path, "%s/%s", run_place(), name);
	return buf_detach(&path);
}

static const char *copy_to;
static size_t copy_from;

static int copy_one(const char *path, const struct stat *st, int flag,
    struct FTW *ftw)
{
	struct buf to = {0}, content = {0};
	struct es_err err;
	char link[256];
	ssize_t n;

	(void)ftw;
	buf_addf(&to, "%s%s", copy_to, path + copy_from);
	if (flag == FTW_D) {
		if (mkdir(to.p, 0777) < 0 && errno != EEXIST)
			run_die("%s: %s", to.p, strerror(errno));
	} else if (flag == FTW_SL) {
		n = readlink(path, link, sizeof link - 1);
		link[n < 0 ? 0 : n] = '\0';
		if (n < 0 || symlink(link, to.p) < 0)
			run_die("%s: %s", to.p, strerror(errno));
	} else if (sys_read_file(path, SIZE_MAX, &content, &err) < 0 ||
	    sys_write_file(to.p, buf_span(&content), false, &err) < 0 ||
	    chmod(to.p, st->st_mode & 0777) < 0) {
		run_die("%s", err.text);
	}
	buf_free(&content);
	buf_free(&to);
	return 0;
}

void run_copy(const char *from, const char *to)
{
	copy_to = to;
	copy_from = strlen(from);
	if (nftw(from, copy_one, 16, FTW_PHYS) < 0)
		run_die("%s: cannot be copied: %s", from, strerror(errno));
}

/* ---- programs ---- */

static int open_file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		run_die("%s: %s", path, strerror(errno));
	return fd;
}

static int await(pid_t pid, const char *name)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), status;
	struct pollfd pfd = {.fd = fd, .events = POLLIN};

	if (poll(&pfd, fd >= 0, PATIENCE_MS) == 0) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		run_die("%s: has not ended after %d s", name,
		    PATIENCE_MS / 1000);
	}
	close(fd);
	if (waitpid(pid, &status, 0) != pid)
		run_die("waitpid: %s", strerror(errno));
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
	    WEXITSTATUS(status);
}

static pid_t spawn(const struct command *c, const int fd[3])
{
	posix_spawn_file_actions_t files;
	pid_t pid;
	int r;

	posix_spawn_file_actions_init(&files);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&files, fd[i], i);
	posix_spawn_file_actions_addchdir_np(&files, c->dir);
	if (c->preload)
		setenv("LD_PRELOAD", c->preload, 1);
	r = posix_spawnp(&pid, c->argv[0], &files, NULL,
	    (char *const *)(uintptr_t)c->argv, environ);
	unsetenv("LD_PRELOAD");
	posix_spawn_file_actions_destroy(&files);
	if (r)
		run_die("%s: %s", c->argv[0], strerror(r));
	return pid;
}

pid_t run_start(const struct command *c, const char *const names[3])
{
	struct es_err err;
	char *path[3];
	int fd[3];
	pid_t pid;

	for (int i = 0; i < 3; i++)
		path[i] = run_path(names[i]);
	if (sys_write_file(path[0], c->input.n ? c->input : SPAN_LIT(""),
	    false, &err) < 0)
		run_die("%s", err.text);
	for (int i = 0; i < 3; i++)
		fd[i] = open_file(path[i], i == 0 ? O_RDONLY :
		    O_WRONLY | O_CREAT | O_TRUNC);
	pid = spawn(c, fd);
	for (int i = 0; i < 3; i++) {
		close(fd[i]);
		free(path[i]);
	}
	return pid;
}

void run_read(const char *name, struct buf *out)
{
	char *path = run_path(name);
	struct es_err err;

	buf_truncate(out, 0);
	if (sys_read_file(path, SIZE_MAX, out, &err) < 0)
		run_die("%s", err.text);
	free(path);
}

void run_program(const struct command *c, struct result *r)
{
	static const char *const names[] = {"in", "out", "err"};

	r->status = await(run_start(c, names), c->argv[0]);
	run_read("out", &r->out);
	run_read("err", &r->err);
}

void run_shell(const char *dir, const char *script)
{
	const char *const argv[] = {"sh", "-ec", script, NULL};
	struct command c = {.argv = argv, .dir = dir};
	struct result r = {0};

	run_program(&c, &r);
	if (r.status)
		run_die("status %d of: %s\n%s", r.status, script, r.err.p);
	result_free(&r);
}

void result_free(struct result *r)
{
	buf_free(&r->out);
	buf_free(&r->err);
}

/* ---- shims ---- */

struct fault *run_fault(void)
{
	static struct fault *fault;
	char *path;
	int fd;

	if (fault)
		return fault;
	path = run_path("fault");
	fd = open_file(path, O_RDWR | O_CREAT);
	if (ftruncate(fd, sizeof *fault) < 0)
		run_die("%s: %s", path, strerror(errno));
	fault = mmap(NULL, sizeof *fault, PROT_READ | PROT_WRITE, MAP_SHARED,
	    fd, 0);
	if (fault == MAP_FAILED)
		run_die("%s: %s", path, strerror(errno));
	close(fd);
	setenv("ES_FAULT", path, 1);
	free(path);
	return fault;
}

char *run_shim(const char *name)
{
	char self[4096], *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
	struct buf path = {0};

	self[n < 0 ? 0 : n] = '\0';
	slash = strrchr(self, '/');
	if (!slash)
		run_die("where am I?");
	buf_addf(&path, "%.*s/%s.so", (int)(slash - self), self, name);
	return buf_detach(&path);
}

/* ---- chance ---- */

static uint64_t state;

void run_seed(void)
{
	const char *set = getenv("ES_FAULT_SEED");

	state = set ? strtoull(set, NULL, 10) :
	    (uint64_t)sys_now() % 1000000000;
	printf("ES_FAULT_SEED=%llu\n", (unsigned long long)state);
	fflush(stdout);
}

/* SplitMix64. */
uint64_t run_random(uint64_t below)
{
	uint64_t z = state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return (z ^ z >> 31) % below;
}

long run_rounds(long n)
{
	const char *set = getenv("ES_FAULT_ROUNDS");
	double times = set ? strtod(set, NULL) : 1;

	n = (long)((double)n * times);
	return n > 0 ? n : 1;
}
