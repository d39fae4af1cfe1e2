#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "proc.h"
#include "sys.h"

extern char **environ;

/* A sanitizer's shadow memory counts as data: there a limit cannot be set. */
#if defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

enum stage { STAGE_SETUP, STAGE_DIRECTORY, STAGE_EXEC };

struct failure {		/* what a child says that cannot exec */
	enum stage stage;
	int error;
};

struct ends {			/* three pipes and one for the failure */
	int in[2], out[2], err[2], status[2];
};

/* Descriptors 0 to 2 are the child's: a program may run with some closed. */
static int above_stdio(int fd)
{
	int moved;

	if (fd > 2 || fd < 0)
		return fd;
	moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	close(fd);
	return moved;
}

static int cloexec_pipe(int fds[2])
{
#ifdef __APPLE__
	if (pipe(fds) < 0)
		return -1;
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
#else
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
#endif
	fds[0] = above_stdio(fds[0]);
	fds[1] = above_stdio(fds[1]);
	return fds[0] < 0 || fds[1] < 0 ? -1 : 0;
}

static int nonblocking(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags < 0 ? -1 : fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

bool proc_sanitized(void)
{
	return HAS_SANITIZER;
}

static void close_pair(int fds[2])
{
	int i;

	for (i = 0; i < 2; i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

int proc_socketpair(int fds[2], struct es_err *err)
{
	int i;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return es_fail_errno(err, "cannot make a socket pair");
	for (i = 0; i < 2; i++) {
		fds[i] = above_stdio(fds[i]);
		if (fds[i] >= 0)
			fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	}
	if (fds[0] >= 0 && fds[1] >= 0)
		return 0;
	es_fail_errno(err, "cannot make a socket pair");
	close_pair(fds);
	return -1;
}

static void close_from(int from, int to)
{
#ifdef SYS_close_range
	if (syscall(SYS_close_range, from, to, 0) == 0)
		return;
#endif
	if (to == INT_MAX) {
		long max = sysconf(_SC_OPEN_MAX);

		to = max > 0 && max < 65536 ? (int)max : 65536;
	}
	for (; from <= to; from++)
		close(from);
}

/*
 * What asks a program to end is often sent to all of its processes (Ctrl-C, a
 * service manager); what its workers have begun is its to end.
 */
static bool is_for_parent(int sig)
{
	return sig == SIGHUP || sig == SIGINT || sig == SIGTERM;
}

static void default_signals(bool worker)
{
	struct sigaction act = {0};
	sigset_t none;
	int i;

	sigemptyset(&act.sa_mask);
	for (i = 1; i < NSIG; i++) {
		act.sa_handler = worker && is_for_parent(i) ? SIG_IGN :
		    SIG_DFL;
		sigaction(i, &act, NULL);
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void die_with_parent(pid_t parent)
{
#ifdef __linux__
	prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
	if (getppid() != parent)
		_exit(1);
}

/* ---- workers ---- */

static void worker_stdio(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		_exit(1);
	dup2(fd, 0);
	dup2(fd, 1);
	if (fd > 2)
		close(fd);
}

_Noreturn void proc_exit(int status)
{
	_exit(status);
}

pid_t proc_fork(int fd, int (*body)(int fd, void *ctx), void *ctx)
{
	pid_t parent = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	die_with_parent(parent);
	default_signals(true);
	worker_stdio();
	close_from(3, fd - 1);
	close_from(fd + 1, INT_MAX);
	_exit(body(fd, ctx));
}

struct limited {		/* a body behind its limits */
	int (*body)(int fd, void *ctx);
	void *ctx;
	size_t data;
};

static int limited_body(int fd, void *ctx)
{
	const struct limited *l = ctx;
	struct rlimit none = {0, 0}, data = {l->data, l->data};

	setrlimit(RLIMIT_CORE, &none);
	if (l->data && !HAS_SANITIZER)
		setrlimit(RLIMIT_DATA, &data);
	return l->body(fd, l->ctx);
}

int proc_attach(struct proc *p, int fd, pid_t pid, struct es_err *err)
{
	*p = (struct proc){.in = -1, .out = -1, .errfd = -1, .pidfd = -1};
	if (nonblocking(fd) < 0)
		return es_fail_errno(err, "a worker's socket");
	*p = (struct proc){.pid = pid, .in = fd, .out = fd, .errfd = -1,
	    .pidfd = -1, .is_worker = true, .is_foreign = true,
	    .received_max = SIZE_MAX, .started = sys_monotonic()};
	return 0;
}

int proc_worker(struct proc *p, int (*body)(int fd, void *ctx), void *ctx,
    size_t data_limit, struct es_err *err)
{
	struct limited l = {body, ctx, data_limit};
	int fds[2];
	pid_t pid;

	if (proc_socketpair(fds, err) < 0)
		return -1;
	pid = proc_fork(fds[1], limited_body, &l);
	close(fds[1]);
	if (pid < 0) {
		es_fail_errno(err, "cannot start a worker process");
		close(fds[0]);
		return -1;
	}
	if (proc_attach(p, fds[0], pid, err) < 0) {
		/* Without its end of the pair it goes by itself. */
		close(fds[0]);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		return -1;
	}
	p->is_foreign = false;
	return 0;
}

/* ---- commands ---- */

static void close_ends(struct ends *e)
{
	close_pair(e->in);
	close_pair(e->out);
	close_pair(e->err);
	close_pair(e->status);
}

static int open_ends(struct ends *e)
{
	*e = (struct ends){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
	if (cloexec_pipe(e->in) == 0 && cloexec_pipe(e->out) == 0 &&
	    cloexec_pipe(e->err) == 0 && cloexec_pipe(e->status) == 0 &&
	    nonblocking(e->in[1]) == 0 && nonblocking(e->out[0]) == 0 &&
	    nonblocking(e->err[0]) == 0)
		return 0;
	return -1;
}

static void give_up(int fd, enum stage stage)
{
	struct failure f = {stage, errno};
	ssize_t n = write(fd, &f, sizeof f);

	(void)n;
	_exit(127);
}

/* Never returns.  Only what is safe after fork() is called here. */
static void run_command(const struct ends *e, pid_t parent,
    char *const argv[], char *const env[], const char *directory)
{
	int status = e->status[1];

	die_with_parent(parent);
	setpgid(0, 0);
	default_signals(false);
	if (dup2(e->in[0], 0) < 0 || dup2(e->out[1], 1) < 0 ||
	    dup2(e->err[1], 2) < 0)
		give_up(status, STAGE_SETUP);
	/* The others are marked close-on-exec, if everybody kept to it. */
	close_from(3, status - 1);
	close_from(status + 1, INT_MAX);
	if (directory && chdir(directory) < 0)
		give_up(status, STAGE_DIRECTORY);
	environ = (char **)(uintptr_t)env;
	execvp(argv[0], argv);
	give_up(status, STAGE_EXEC);
}

static int exec_error(const struct failure *f, const char *name,
    const char *directory, struct es_err *err)
{
	struct buf path = {0};
	int missing;

	errno = f->error;
	if (f->stage == STAGE_SETUP)
		return es_fail_errno(err, "%s", name);
	if (f->stage == STAGE_DIRECTORY)
		return es_fail_errno(err, "%s", directory);
	if (f->error == ENOENT && strchr(name, '/')) {
		if (directory && *name != '/')
			buf_addf(&path, "%s/", directory);
		buf_adds(&path, name);
		missing = path.failed || access(path.p, F_OK) < 0;
		buf_free(&path);
		if (!missing)
			return es_fail(err, ES_NOEXEC,
			    "%s: its interpreter is not found", name);
	}
	if (f->error == ENOENT || f->error == ENOTDIR)
		return es_fail(err, ES_NOTFOUND, "%s: not found", name);
	if (f->error == EACCES)
		return es_fail(err, ES_NOEXEC,
		    "%s: not executable (chmod +x?)", name);
	es_fail_errno(err, "%s", name);
	if (err && f->error != E2BIG && f->error != ENOMEM)
		err->code = ES_NOEXEC;
	if (err)
		err->outside = f->error == ENOMEM;
	return -1;
}

/* Wait until the child has become the command, or has said why not. */
static int wait_for_exec(int fd, struct failure *f)
{
	size_t got = 0;

	while (got < sizeof *f) {
		ssize_t n = read(fd, (char *)f + got, sizeof *f - got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += (size_t)n;
	}
	return got == sizeof *f ? -1 : 0;
}

static int open_pidfd(pid_t pid)
{
#ifdef SYS_pidfd_open
	return (int)syscall(SYS_pidfd_open, pid, 0);	/* close-on-exec */
#else
	(void)pid;
	return -1;
#endif
}

static int take_up(struct proc *p, struct ends *e, pid_t pid,
    const char *prefix, struct span input, struct es_err *err)
{
	*p = (struct proc){.pid = pid, .in = e->in[1], .out = e->out[0],
	    .errfd = e->err[0], .pidfd = open_pidfd(pid),
	    .started = sys_monotonic(), .has_prefix = prefix != NULL};
	e->in[1] = e->out[0] = e->err[0] = -1;
	if (prefix)
		buf_adds(&p->prefix, prefix);
	buf_add_span(&p->send, input);
	if (p->prefix.failed || p->send.failed) {
		proc_free(p);
		return es_fail_nomem(err);
	}
	return 0;
}

int proc_command(struct proc *p, char *const argv[], char *const env[],
    const char *directory, const char *prefix, struct span input,
    struct es_err *err)
{
	pid_t parent = getpid(), pid;
	struct failure failure;
	struct ends e;
	int r;

	*p = (struct proc){.in = -1, .out = -1, .errfd = -1, .pidfd = -1};
	if (open_ends(&e) < 0) {
		es_fail_errno(err, "%s: cannot make pipes", argv[0]);
		close_ends(&e);
		return -1;
	}
	pid = fork();
	if (pid == 0)
		run_command(&e, parent, argv, env, directory);
	if (pid < 0) {
		es_fail_errno(err, "%s: cannot start a process", argv[0]);
		close_ends(&e);
		return -1;
	}
	setpgid(pid, pid);	/* both sides: whoever comes first */
	close(e.status[1]);
	e.status[1] = -1;
	if (wait_for_exec(e.status[0], &failure) < 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
		r = exec_error(&failure, argv[0], directory, err);
	} else
		r = take_up(p, &e, pid, prefix, input, err);
	close_ends(&e);
	return r;
}
