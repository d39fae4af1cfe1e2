#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "proc.h"
#include "sys.h"

static char *plain_env[] = {(char *)"PATH=/usr/bin:/bin", (char *)"A=1",
    NULL, NULL};
static char dir[4096];

/* Pump to the end, waiting in poll() only; what poll() misses would hang. */
static int run_out(struct proc *p, struct es_err *err)
{
	struct pollfd fds[PROC_FDS];
	int r;

	while ((r = proc_pump(p, err)) == 1)
		poll(fds, (nfds_t)proc_poll(p, fds), proc_timeout(p));
	return r;
}

static void await(struct proc *p, size_t n)
{
	struct pollfd fds[PROC_FDS];
	struct es_err err = {0};

	while (proc_pump(p, &err) == 1 && p->received.n < n)
		poll(fds, (nfds_t)proc_poll(p, fds), proc_timeout(p));
}

static void shell(struct proc *p, const char *script, struct span input)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)script,
	    NULL};
	struct es_err err = {0};

	if (proc_command(p, argv, plain_env, NULL, NULL, input, &err) < 0) {
		printf("sh -c '%s': %s\n", script, err.text);
		exit(1);
	}
}

static const char *reason(const struct proc *p)
{
	static struct buf text;

	buf_truncate(&text, 0);
	proc_reason(p, &text);
	return text.n ? text.p : "";
}

static int count_fds(void)
{
	int i, n = 0;

	for (i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

static void test_output(void)
{
	struct es_err err = {0};
	struct proc p;

	shell(&p, "cat; echo $A; echo $HOME", SPAN_LIT("in\n"));
	check_int(run_out(&p, &err), 0);
	check_str(p.received.p, "in\n1\n\n");
	check(p.exited && WIFEXITED(p.status) && WEXITSTATUS(p.status) == 0);
	check_str(reason(&p), "");
	check_int(proc_pump(&p, &err), 0);
	proc_free(&p);
	proc_free(&p);
	check_int(waitpid(-1, NULL, WNOHANG), -1);
	check_int(errno, ECHILD);
}

static void test_status(void)
{
	struct es_err err = {0};
	struct proc p;

	shell(&p, "echo one >&2; echo two >&2; echo >&2; exit 3", SPAN_NONE);
	check_int(run_out(&p, &err), 0);
	check_str(reason(&p), "exit 3: two");
	check_str(p.errors.p, "one\ntwo\n\n");
	proc_free(&p);
	shell(&p, "exit 9", SPAN_NONE);
	check_int(run_out(&p, &err), 0);
	check_str(reason(&p), "exit 9");
	proc_free(&p);
	shell(&p, "ulimit -c 0; kill -SEGV $$", SPAN_NONE);
	check_int(run_out(&p, &err), 0);
	check_str(reason(&p), "crashed (signal 11)");
	proc_free(&p);
	shell(&p, "printf 'last words' >&2; kill -TERM $$", SPAN_NONE);
	check_int(run_out(&p, &err), 0);
	check_str(reason(&p), "killed (signal 15): last words");
	proc_free(&p);
}

/* Megabytes both ways at once, while stderr is flooded too. */
static void test_full_pipes(void)
{
	struct buf input = {0};
	struct es_err err = {0};
	struct proc p;
	size_t i, n = 2 * 1024 * 1024;

	for (i = 0; i < n / 64; i++)
		buf_adds(&input, "0123456789012345678901234567890123456789"
		    "01234567890123456789012\n");
	shell(&p, "yes error | head -c 1000000 >&2 & cat; wait",
	    buf_span(&input));
	check_int(run_out(&p, &err), 0);
	check(span_eq(buf_span(&p.received), buf_span(&input)));
	check(p.errors.n <= 4096 && p.errors.n > 4000);
	proc_free(&p);

	/* A child that does not read, or stops reading, is not an error. */
	shell(&p, "echo hello", buf_span(&input));
	check_int(run_out(&p, &err), 0);
	check_str(p.received.p, "hello\n");
	check_str(reason(&p), "");
	proc_free(&p);
	shell(&p, "exec <&-; echo closed", buf_span(&input));
	check_int(run_out(&p, &err), 0);
	check_str(p.received.p, "closed\n");
	proc_free(&p);
	buf_free(&input);
}

static void test_flood(void)
{
	struct es_err err = {0};
	struct proc p;

	shell(&p, "yes; echo never", SPAN_NONE);
	p.received_max = 100000;
	check_int(run_out(&p, &err), 0);
	check(p.flooded && p.exited);
	check(p.received.n <= 100000);
	check_str(reason(&p), "more than 100000 bytes of output");
	proc_free(&p);
}

/*
 * A script that begins with LIFE holds the write end of a FIFO, and so does
 * all that it starts; when the last of them is gone, the read end hangs up.
 */
#define LIFE "exec 9>\"$LIFE\"; "

static int life_begin(void)
{
	static char variable[4200];
	int fd;

	snprintf(variable, sizeof variable, "LIFE=%s/life", dir);
	plain_env[2] = variable;
	need(mkfifo(variable + 5, 0600) == 0 || errno == EEXIST);
	fd = open(variable + 5, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	need(fd >= 0);
	return fd;
}

/* Whether all are gone; the kernel may take its time. */
static bool life_end(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool gone = poll(&p, 1, 5000) == 1 && (p.revents & POLLHUP);

	close(fd);
	return gone;
}

static void test_deadline(void)
{
	struct es_err err = {0};
	struct proc p;
	int life = life_begin();

	/* A pipeline in the background that would live on. */
	shell(&p, LIFE "echo partly; tail -f /dev/null | cat & wait",
	    SPAN_NONE);
	p.deadline = p.started + 200;
	check(proc_timeout(&p) <= 200);
	check_int(run_out(&p, &err), 0);
	check(p.timed_out);
	check_str(p.received.p, "partly\n");
	check_str(reason(&p), "killed after 0.2 s");
	proc_free(&p);
	check(life_end(life));

	/* It is done, but left somebody behind who holds its stdout. */
	life = life_begin();
	shell(&p, LIFE "tail -f /dev/null & echo done", SPAN_NONE);
	p.deadline = p.started + 200;
	check_int(run_out(&p, &err), 0);
	check(p.timed_out);
	check_str(reason(&p), "killed after 0.2 s: a process that it started"
	    " held its output open");
	proc_free(&p);
	check(life_end(life));
}

static void test_left_behind(void)
{
	struct es_err err = {0};
	struct proc p;
	int life = life_begin();

	/* What does not hold stdout is not waited for, but it goes too. */
	shell(&p, LIFE "tail -f /dev/null >/dev/null & echo done", SPAN_NONE);
	check_int(run_out(&p, &err), 0);
	check_str(p.received.p, "done\n");
	check(!p.timed_out);
	check(life_end(life));
	proc_free(&p);

	/* What it still writes after the end of the first process counts. */
	shell(&p, "(read x </dev/null; echo late) & exit 0", SPAN_NONE);
	check_int(run_out(&p, &err), 0);
	check_str(p.received.p, "late\n");
	proc_free(&p);

	/* stdout closed long before the end. */
	shell(&p, "exec >&-; read x; exit 4", SPAN_LIT("x"));
	check_int(run_out(&p, &err), 0);
	check_str(reason(&p), "exit 4");
	proc_free(&p);
	shell(&p, "exec >&- 2>&- <&-; exit 5", SPAN_NONE);
	check_int(run_out(&p, &err), 0);
	check_str(reason(&p), "exit 5");
	proc_free(&p);

	/* Freed in the middle. */
	life = life_begin();
	shell(&p, LIFE "echo up; tail -f /dev/null | cat", SPAN_NONE);
	await(&p, 3);
	proc_kill(&p);
	proc_free(&p);
	check(life_end(life));
	check_int(waitpid(-1, NULL, WNOHANG), -1);
}

static int try_to_run(const char *name, const char *directory,
    struct es_err *err)
{
	char *argv[] = {(char *)(uintptr_t)name, NULL};
	struct proc p;
	int r = proc_command(&p, argv, plain_env, directory, NULL, SPAN_NONE,
	    err);

	if (r == 0)
		run_out(&p, err);
	proc_free(&p);
	return r < 0 ? err->code : WEXITSTATUS(p.status);
}

static void write_script(const char *name, const char *text, mode_t mode)
{
	struct es_err err;
	char path[4200];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	need(sys_write_file(path, span_str(text), false, &err) == 0);
	need(chmod(path, mode) == 0);
}

static void test_exec_errors(void)
{
	struct es_err err = {0};

	write_script("plain", "#!/bin/sh\necho hi\n", 0644);
	write_script("lost", "#!/nowhere/interpreter\n", 0755);
	write_script("good", "#!/bin/sh\nexit 0\n", 0755);
	check_int(try_to_run("no-such-program-es", NULL, &err), ES_NOTFOUND);
	check_str(err.text, "no-such-program-es: not found");
	check_int(try_to_run("/nowhere/x", NULL, &err), ES_NOTFOUND);
	check_int(try_to_run("./plain", dir, &err), ES_NOEXEC);
	check_str(err.text, "./plain: not executable (chmod +x?)");
	check_int(try_to_run("./lost", dir, &err), ES_NOEXEC);
	check_str(err.text, "./lost: its interpreter is not found");
	check_int(try_to_run("./none", dir, &err), ES_NOTFOUND);
	check_int(try_to_run("./good", dir, &err), 0);
	check_int(try_to_run("sh", "/nowhere", &err), ES_FAILED);
	check_str(err.text, "/nowhere: No such file or directory");
	check_int(waitpid(-1, NULL, WNOHANG), -1);
}

/* fds 0 to 2, default signals, no mask, a group of its own. */
static void test_clean_child(void)
{
	int extra = fcntl(0, F_DUPFD, 50);	/* not close-on-exec */
	struct es_err err = {0};
	sigset_t set, old;
	struct proc p;

	need(extra >= 50);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, &old);
	shell(&p, "n=0; for i in /proc/$$/fd/*; do n=$((n + 1)); done\n"
	    /* make leaves 32 and 33, which are glibc's own, ignored. */
	    "echo $n; sed -n 's/18\\(0000000\\)$/00\\1/; "
	    "s/^Sig[BI][lg][kn]:[\t]*//p' /proc/self/status\n"
	    "[ $(ps -o pgid= -p $$) = $$ ] && echo leader", SPAN_NONE);
	sigprocmask(SIG_SETMASK, &old, NULL);
	signal(SIGPIPE, SIG_DFL);
	close(extra);
	check_int(run_out(&p, &err), 0);
#ifdef __linux__
	/* The shell holds the directory while it expands the pattern. */
	check(p.received.n > 2 && (p.received.p[0] == '3' ||
	    p.received.p[0] == '4') && p.received.p[1] == '\n');
	check(strstr(p.received.p, "0000000000000000\n0000000000000000\n"));
#endif
	check(strstr(p.received.p, "leader"));
	proc_free(&p);
}

/* Run f with our stderr in a file, and give back what was written there. */
static void with_stderr(void (*f)(void), struct buf *out)
{
	struct es_err err = {0};
	char text[65536];
	int fd, old = fcntl(2, F_DUPFD_CLOEXEC, 3);
	ssize_t n;

	need(sys_tempfile(&fd, &err) == 0);
	dup2(fd, 2);
	f();
	dup2(old, 2);
	close(old);
	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, text, sizeof text)) > 0)
		buf_add(out, text, (size_t)n);
	close(fd);
}

static void three_lines(void)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)"echo one >&2;"
	    "printf tw >&2; echo o >&2; printf three >&2", NULL};
	struct es_err err = {0};
	struct proc p;

	need(proc_command(&p, argv, plain_env, "/", "es-react: send: ",
	    SPAN_NONE, &err) == 0);
	run_out(&p, &err);
	proc_free(&p);
}

static void test_prefix(void)
{
	struct buf text = {0};

	with_stderr(three_lines, &text);
	check_str(text.p, "es-react: send: one\nes-react: send: two\n"
	    "es-react: send: three\n");
	buf_free(&text);
}

/* ---- workers ---- */

static int echo_body(int fd, void *ctx)
{
	char text[4096];
	ssize_t n;

	(void)ctx;
	while ((n = read(fd, text, sizeof text)) > 0)
		if (write(fd, text, (size_t)n) != n)
			return 1;
	return 7;
}

static int fds_body(int fd, void *ctx)
{
	int *n = ctx;
	char c = (char)('0' + count_fds());

	return write(fd, &c, 1) == 1 ? *n : 1;
}

static int abort_body(int fd, void *ctx)
{
	(void)fd;
	(void)ctx;
	abort();
}

static void test_worker(void)
{
	struct es_err err = {0};
	struct buf big = {0};
	struct proc p;
	size_t i;
	int result = 42;

	need(proc_worker(&p, echo_body, NULL, 0, &err) == 0);
	check_int(p.in, p.out);
	/* Once it runs, it ends with its parent and not before. */
	buf_addc(&p.send, '0');
	await(&p, 1);
	buf_truncate(&p.received, 0);
	need(kill(p.pid, SIGTERM) == 0 && kill(p.pid, SIGINT) == 0 &&
	    kill(p.pid, SIGHUP) == 0);
	for (i = 0; i < 300000; i++)
		buf_addf(&big, "%zu,", i);
	buf_add_span(&p.send, buf_span(&big));
	await(&p, big.n);
	check(span_eq(buf_span(&p.received), buf_span(&big)));
	check_int(proc_pump(&p, &err), 1);
	proc_free(&p);
	buf_free(&big);

	/* Only stdio and its socket. */
	need(proc_worker(&p, fds_body, &result, 1 << 30, &err) == 0);
	check_int(run_out(&p, &err), 0);
	check_str(p.received.p, "4");
	check(WIFEXITED(p.status) || WIFSIGNALED(p.status));
	proc_free(&p);

	need(proc_worker(&p, abort_body, NULL, 0, &err) == 0);
	check_int(run_out(&p, &err), 0);
	check(p.exited);
	proc_free(&p);
	check_int(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_worker_deadline(void)
{
	struct es_err err = {0};
	struct proc p;

	need(proc_worker(&p, echo_body, NULL, 0, &err) == 0);
	p.deadline = sys_monotonic() + 50;
	check_int(run_out(&p, &err), 0);
	check(p.timed_out && p.exited);
	check_int(proc_pump(&p, &err), 0);
	proc_free(&p);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	int before;

	snprintf(dir, sizeof dir, "%s/es-proc.XXXXXX", tmp ? tmp : "/tmp");
	need(mkdtemp(dir));
	before = count_fds();
	test_output();
	test_status();
	test_full_pipes();
	test_flood();
	test_deadline();
	test_left_behind();
	test_exec_errors();
	test_clean_child();
	test_prefix();
	test_worker();
	test_worker_deadline();
	check_int(count_fds(), before);
	{
		char command[4200];
		struct proc p;
		struct es_err err;

		snprintf(command, sizeof command, "rm -r %s", dir);
		shell(&p, command, SPAN_NONE);
		check_int(run_out(&p, &err), 0);
		proc_free(&p);
	}
	return unit_end();
}
