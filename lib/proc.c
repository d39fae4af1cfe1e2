#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc.h"
#include "sys.h"

#define RECEIVED_MAX ((size_t)64 << 20)
#define ERRORS_KEPT 4096
#define READ_STEP 65536
#define READ_STEPS 64		/* of a command, a call of proc_pump() */
#define PARTIAL_MAX 65536	/* a longer line of stderr is shown in pieces */

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_socket(struct proc *p)
{
	close_fd(&p->in);
	p->out = -1;
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK;
}

/* ---- our own stderr, and pipes, without SIGPIPE ---- */

/*
 * A pipe has no MSG_NOSIGNAL: the signal is blocked in this thread, and taken
 * away again if this write caused it.
 */
static ssize_t write_quietly(int fd, const char *p, size_t n)
{
	sigset_t pipe_set, old, pending;
	int was_pending, saved, sig;
	ssize_t r;

	sigemptyset(&pipe_set);
	sigaddset(&pipe_set, SIGPIPE);
	sigpending(&pending);
	was_pending = sigismember(&pending, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe_set, &old);
	do
		r = write(fd, p, n);
	while (r < 0 && errno == EINTR);
	saved = errno;
	if (r < 0 && saved == EPIPE && !was_pending) {
		sigpending(&pending);
		if (sigismember(&pending, SIGPIPE))
			sigwait(&pipe_set, &sig);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	errno = saved;
	return r;
}

static void show(struct proc *p, const char *line, size_t n)
{
	struct buf out = {0};
	size_t done = 0;

	if (!p->has_prefix)
		return;
	buf_add_span(&out, buf_span(&p->prefix));
	buf_add(&out, line, n);
	buf_addc(&out, '\n');
	while (!out.failed && done < out.n) {
		ssize_t r = write_quietly(2, out.p + done, out.n - done);

		if (r < 0)
			break;
		done += (size_t)r;
	}
	buf_free(&out);
}

static void keep_errors(struct proc *p, const char *text, size_t n)
{
	if (n > ERRORS_KEPT) {
		text += n - ERRORS_KEPT;
		n = ERRORS_KEPT;
	}
	if (p->errors.n + n > ERRORS_KEPT) {
		size_t drop = p->errors.n + n - ERRORS_KEPT;

		memmove(p->errors.p, p->errors.p + drop, p->errors.n - drop);
		buf_truncate(&p->errors, p->errors.n - drop);
	}
	buf_add(&p->errors, text, n);
}

static void take_errors(struct proc *p, const char *text, size_t n)
{
	const char *end;

	keep_errors(p, text, n);
	while ((end = memchr(text, '\n', n))) {
		buf_add(&p->partial, text, (size_t)(end - text));
		show(p, p->partial.p, p->partial.n);
		buf_truncate(&p->partial, 0);
		n -= (size_t)(end + 1 - text);
		text = end + 1;
	}
	buf_add(&p->partial, text, n);
	if (p->partial.n > PARTIAL_MAX) {
		show(p, p->partial.p, p->partial.n);
		buf_truncate(&p->partial, 0);
	}
}

/* ---- moving bytes ---- */

static int pump_in(struct proc *p, struct es_err *err)
{
	while (p->in >= 0 && p->sent < p->send.n) {
		const char *from = p->send.p + p->sent;
		size_t n = p->send.n - p->sent;
		ssize_t r = p->is_worker ? send(p->in, from, n, MSG_NOSIGNAL) :
		    write_quietly(p->in, from, n);

		if (r >= 0)
			p->sent += (size_t)r;
		else if (would_block())
			return 0;
		else if (errno == EPIPE || errno == ECONNRESET)
			break;		/* it does not want (all of) it */
		else if (errno != EINTR)
			return es_fail_errno(err, "writing to a process");
	}
	if (!p->is_worker && (!p->coprocess || p->input_ended ||
	    p->sent < p->send.n))
		close_fd(&p->in);
	/* What a dead worker did not take is of no use to anybody. */
	buf_truncate(&p->send, 0);
	p->sent = 0;
	return 0;
}

void proc_send(struct proc *p, struct span s)
{
	size_t left = p->send.n - p->sent;

	/* Moved seldom, so that all of it costs no more than its length. */
	if (p->sent > left) {
		memmove(p->send.p, p->send.p + p->sent, left);
		buf_truncate(&p->send, left);
		p->sent = 0;
	}
	buf_add_span(&p->send, s);
}

void proc_end_input(struct proc *p)
{
	p->input_ended = true;
}

static size_t room_left(const struct proc *p)
{
	size_t max = p->received_max ? p->received_max : RECEIVED_MAX;

	return p->received.n < max ? max - p->received.n : 0;
}

static int pump_out(struct proc *p, struct es_err *err)
{
	int left = READ_STEPS;

	while (p->out >= 0 && (p->is_worker || left-- > 0)) {
		char *to = buf_room(&p->received, READ_STEP);
		ssize_t r;

		if (!to)
			return es_fail_nomem(err);
		r = read(p->out, to, READ_STEP);
		if (r > 0 && (size_t)r > room_left(p)) {
			p->flooded = true;
			return 0;
		}
		if (r > 0) {
			buf_truncate(&p->received, p->received.n + (size_t)r);
			continue;
		}
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0 && would_block())
			return 0;
		if (r < 0 && errno != ECONNRESET)
			return es_fail_errno(err, "reading from a process");
		if (p->is_worker)
			close_socket(p);
		else
			close_fd(&p->out);
	}
	return 0;
}

/* Bounded, so that a child that floods stderr does not keep us here. */
static int pump_errors(struct proc *p, struct es_err *err)
{
	char text[4096];
	int i;

	for (i = 0; i < 64 && p->errfd >= 0; i++) {
		ssize_t r = read(p->errfd, text, sizeof text);

		if (r > 0)
			take_errors(p, text, (size_t)r);
		else if (r < 0 && would_block())
			return 0;
		else if (r < 0 && errno != EINTR)
			return es_fail_errno(err, "reading from a process");
		else if (r == 0)
			close_fd(&p->errfd);
	}
	return 0;
}

/* ---- the end ---- */

static void close_all(struct proc *p)
{
	if (p->is_worker)
		close_socket(p);
	close_fd(&p->in);
	close_fd(&p->out);
	close_fd(&p->errfd);
	close_fd(&p->pidfd);
	if (p->partial.n > 0)
		show(p, p->partial.p, p->partial.n);
	buf_truncate(&p->partial, 0);
}

/*
 * A process that is not ours to reap may be gone and its number taken; while
 * its end of the socket is open it is there.
 */
static bool can_be_killed(const struct proc *p)
{
	char c;

	if (p->pid <= 0 || p->exited)
		return false;
	return !p->is_foreign || (p->out >= 0 &&
	    (recv(p->out, &c, 1, MSG_PEEK | MSG_DONTWAIT) > 0 ||
	    would_block()));
}

void proc_kill(struct proc *p)
{
	if (can_be_killed(p))
		kill(p->is_worker ? p->pid : -p->pid, SIGKILL);
}

/* Kill what is there and reap; the group goes while the pid is still taken. */
static void finish(struct proc *p)
{
	proc_kill(p);
	while (p->pid > 0 && !p->exited && !p->is_foreign &&
	    waitpid(p->pid, &p->status, 0) < 0 && errno == EINTR)
		continue;
	p->exited = true;
}

/* Whether the process has exited, without reaping it. */
static bool has_exited(const struct proc *p)
{
	siginfo_t info;

	memset(&info, 0, sizeof info);
	while (waitid(P_PID, (id_t)p->pid, &info,
	    WEXITED | WNOHANG | WNOWAIT) < 0)
		if (errno != EINTR)
			return true;
	return info.si_pid != 0;
}

static int done(struct proc *p, struct es_err *err)
{
	int r = pump_errors(p, err);

	finish(p);
	close_all(p);
	return r;
}

/*
 * A coprocess that is gone has written all that it will write; what it left
 * behind may not, and is killed.
 */
static int last_words(struct proc *p, struct es_err *err)
{
	size_t before;

	do {
		before = p->received.n;
		if (pump_out(p, err) < 0)
			return -1;
	} while (p->received.n > before && !p->flooded);
	return done(p, err);
}

int proc_pump(struct proc *p, struct es_err *err)
{
	if (p->exited)
		return 0;
	if (pump_in(p, err) < 0 || pump_out(p, err) < 0 ||
	    pump_errors(p, err) < 0)
		return -1;
	if (p->flooded || (p->is_worker && p->out < 0))
		return done(p, err);
	if (!p->is_worker && p->out < 0 && has_exited(p))
		return done(p, err);
	if (p->coprocess && has_exited(p))
		return last_words(p, err);
	if (!p->deadline || sys_monotonic() < p->deadline)
		return 1;
	p->timed_out = true;
	return done(p, err);
}

int proc_poll(const struct proc *p, struct pollfd *fds)
{
	int n = 0;

	if (p->exited)
		return 0;
	if (p->is_worker) {
		fds[0] = (struct pollfd){.fd = p->out, .events = POLLIN};
		if (p->sent < p->send.n)
			fds[0].events |= POLLOUT;
		return p->out >= 0;
	}
	if (p->in >= 0 && (!p->coprocess || p->sent < p->send.n))
		fds[n++] = (struct pollfd){.fd = p->in, .events = POLLOUT};
	if (p->out >= 0)
		fds[n++] = (struct pollfd){.fd = p->out, .events = POLLIN};
	if (p->pidfd >= 0 && (p->out < 0 || p->coprocess))
		fds[n++] = (struct pollfd){.fd = p->pidfd, .events = POLLIN};
	if (p->errfd >= 0)
		fds[n++] = (struct pollfd){.fd = p->errfd, .events = POLLIN};
	return n;
}

int proc_timeout(const struct proc *p)
{
	int64_t left = -1;

	if (p->exited)
		return -1;
	if (p->deadline) {
		left = p->deadline - sys_monotonic();
		left = left < 0 ? 0 : left > 3600000 ? 3600000 : left;
	}
	/* Nothing will wake us at its exit: look again soon. */
	if (!p->is_worker && (p->out < 0 || p->coprocess) && p->pidfd < 0 &&
	    (left < 0 || left > 20))
		left = 20;
	return (int)left;
}

void proc_free(struct proc *p)
{
	static const struct proc empty = {.in = -1, .out = -1, .errfd = -1,
	    .pidfd = -1};

	if (p->pid == 0 && p->started == 0)
		return;			/* zeroed, or never started */
	finish(p);
	close_all(p);
	buf_free(&p->send);
	buf_free(&p->received);
	buf_free(&p->errors);
	buf_free(&p->prefix);
	buf_free(&p->partial);
	*p = empty;
}

/* ---- what people are told ---- */

static struct span last_line(const struct buf *b)
{
	struct span s = buf_span(b);
	size_t from;

	while (s.n > 0 && strchr(" \t\r\n", s.p[s.n - 1]))
		s.n--;
	for (from = s.n; from > 0 && s.p[from - 1] != '\n'; from--)
		continue;
	s.p += from;
	s.n -= from;
	return s;
}

static void add_seconds(struct buf *out, int64_t ms)
{
	if (ms >= 10000 || ms % 1000 == 0)
		buf_addf(out, "%lld s", (long long)(ms + 500) / 1000);
	else
		buf_addf(out, "%.1f s", (double)ms / 1000);
}

static bool is_crash(int sig)
{
	return sig == SIGSEGV || sig == SIGABRT || sig == SIGBUS ||
	    sig == SIGFPE || sig == SIGILL;
}

static void exit_reason(const struct proc *p, struct buf *out)
{
	struct span last = last_line(&p->errors);
	char text[1024];

	if (WIFSIGNALED(p->status))
		buf_addf(out, "%s (signal %d)", is_crash(WTERMSIG(p->status)) ?
		    "crashed" : "killed", WTERMSIG(p->status));
	else if (WIFEXITED(p->status) && WEXITSTATUS(p->status) != 0)
		buf_addf(out, "exit %d", WEXITSTATUS(p->status));
	else
		return;
	if (last.n > 0) {
		buf_adds(out, ": ");
		buf_adds(out, es_escape(text, sizeof text, last.p, last.n));
	}
}

void proc_reason(const struct proc *p, struct buf *out)
{
	if (p->timed_out) {
		buf_adds(out, "killed after ");
		add_seconds(out, p->deadline - p->started);
		if (WIFEXITED(p->status))
			buf_adds(out,
			    ": a process that it started held its output open");
	} else if (p->flooded)
		buf_addf(out, "more than %zu bytes of output",
		    p->received_max ? p->received_max : RECEIVED_MAX);
	else
		exit_reason(p, out);
}
