/*
 * wake: from a commit to a follower, and what a follower costs that waits.
 *
 *   wake DB N IDLE-SECONDS
 *
 * es-query -f writes to a pipe.  N messages are committed, about 2 ms one from
 * the next; the time is that from the commit's return until the line is read.
 * Printed, in one line: p50, p99 and the longest in ms, then the follower's CPU
 * while nothing happens, in percent of the time ("-" where there is no /proc).
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "message.h"
#include "store.h"

struct follower {
	pid_t pid;
	int fd;
};

struct writer {
	struct store *store;
	struct message_scratch scratch;
	struct arrivals arrivals;
};

static void pause_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void commit(struct writer *w)
{
	struct es_err err;
	struct appended a;
	struct draft d;
	char line[BENCH_LINE];
	size_t n = arrivals_next(&w->arrivals, line, NULL);

	if (message_parse(&w->scratch, line, n - 1, 0, &d, &err) < 0 ||
	    store_begin(w->store, &err) < 0 ||
	    store_append(w->store, &d, &a, &err) < 0 ||
	    store_commit(w->store, &err) < 0)
		bench_die("append", &err);
}

static void start(struct follower *f, const char *path)
{
	int ends[2];

	if (pipe(ends) < 0 || (f->pid = fork()) < 0)
		bench_die("es-query", NULL);
	if (f->pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		close(ends[0]);
		close(ends[1]);
		execlp("es-query", "es-query", "-f", "--tail", "0", "-s",
		    path, (char *)NULL);
		_exit(127);
	}
	close(ends[1]);
	f->fd = ends[0];
}

/* Read until a line has ended; lines that come together count as one. */
static void read_line(struct follower *f)
{
	char text[65536];
	ssize_t n;

	do {
		n = read(f->fd, text, sizeof text);
		if (n <= 0)
			bench_die("the follower ended", NULL);
	} while (text[n - 1] != '\n');
}

static bool has_line(struct follower *f, int ms)
{
	struct pollfd p = {.fd = f->fd, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}

/* It follows when something arrives; then all that came is read. */
static void wait_until_it_follows(struct follower *f, struct writer *w)
{
	do
		commit(w);
	while (!has_line(f, 20));
	do
		read_line(f);
	while (has_line(f, 200));
}

static void measure(struct follower *f, struct writer *w, double *ms, long n)
{
	for (long i = 0; i < n; i++) {
		double from;

		pause_ms(2);
		commit(w);
		from = bench_now();
		read_line(f);
		ms[i] = (bench_now() - from) * 1e3;
	}
}

/* Seconds of CPU of a process so far; negative when nobody says. */
static double cpu_of(pid_t pid)
{
	char path[64];
	unsigned long long ns;
	FILE *f;
	int n;

	snprintf(path, sizeof path, "/proc/%ld/schedstat", (long)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	n = fscanf(f, "%llu", &ns);
	fclose(f);
	return n == 1 ? (double)ns / 1e9 : -1;
}

/* The same in whole clock ticks, as ps has it. */
static double ticks_of(pid_t pid)
{
	char path[64];
	unsigned long user, system;
	FILE *f;
	int n;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	n = fscanf(f, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u "
	    "%lu %lu", &user, &system);
	fclose(f);
	return n == 2 ? (double)(user + system) / (double)sysconf(_SC_CLK_TCK) :
	    -1;
}

static void print_idle(struct follower *f, long seconds)
{
	double from = bench_now(), cpu = cpu_of(f->pid);
	double ticks = ticks_of(f->pid), spent;

	pause_ms(seconds * 1000);
	/* The finer clock, unless the coarse one has seen more. */
	spent = cpu_of(f->pid) - cpu;
	ticks = ticks_of(f->pid) - ticks;
	if (cpu < 0 || ticks > spent + 0.02)
		spent = ticks;
	if (ticks_of(f->pid) < 0)
		printf(" -\n");
	else
		printf(" %.4f\n", spent / (bench_now() - from) * 100);
}

int main(int argc, char **argv)
{
	struct follower f = {0};
	struct writer w = {0};
	struct es_err err;
	double *ms;
	long n;

	if (argc != 4)
		bench_die("usage: wake DB N IDLE-SECONDS", NULL);
	n = bench_number(argv[2]);
	ms = calloc((size_t)n + 1, sizeof *ms);
	if (!ms)
		bench_die("out of memory", NULL);
	arrivals_init(&w.arrivals, false, false, 1000000);
	w.arrivals.state = (uint64_t)getpid() << 32;
	start(&f, argv[1]);
	if (store_open(argv[1], true, &w.store, &err) < 0)
		bench_die("open", &err);
	wait_until_it_follows(&f, &w);
	measure(&f, &w, ms, n);
	printf("%.3f", bench_quantile(ms, (size_t)n, 0.5));
	printf(" %.3f %.3f", bench_quantile(ms, (size_t)n, 0.99),
	    bench_quantile(ms, (size_t)n, 1));
	print_idle(&f, bench_number(argv[3]));
	kill(f.pid, SIGTERM);
	waitpid(f.pid, NULL, 0);
	close(f.fd);
	store_close(w.store);
	message_scratch_free(&w.scratch);
	arrivals_free(&w.arrivals);
	free(ms);
	return 0;
}
