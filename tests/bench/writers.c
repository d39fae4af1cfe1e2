/*
 * writers: many processes that commit one message each time, FULL.
 *
 *   writers es|sqlite DB N SECONDS
 *
 * es: by the library, as es-append does, one store handle a process.  sqlite:
 * into a table with one TEXT column with SQLite's own locks and a busy timeout
 * of 30 s.  A commit's time is that from before its begin, waiting included.
 * Printed, in one line: worst p99 of a writer in ms, the number of commits of
 * the luckiest by that of the unluckiest, commits/s of all, the worst commit
 * in ms.
 */
#include <sched.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "message.h"
#include "store.h"

#define COMMITS 100000		/* that a writer can note down */

struct writer {
	size_t n;
	double ms[COMMITS];
};

/* Shared by the processes. */
struct race {
	atomic_long ready;
	double from, until;		/* 0 until all are ready */
	struct writer writers[];
};

static void wait_for_all(struct race *race, long n, double seconds)
{
	if (atomic_fetch_add(&race->ready, 1) + 1 == n) {
		race->from = bench_now();
		race->until = race->from + seconds;
		atomic_fetch_add(&race->ready, 1);
	}
	while (atomic_load(&race->ready) <= n)
		sched_yield();
}

static void note(struct writer *w, double from)
{
	if (w->n == COMMITS)
		bench_die("more commits than there is room for", NULL);
	w->ms[w->n++] = (bench_now() - from) * 1e3;
}

/* ---- es ---- */

static void append(struct store *s, struct message_scratch *scratch,
    const char *line, size_t n)
{
	struct es_err err;
	struct appended a;
	struct draft d;

	if (store_begin(s, &err) < 0 ||
	    message_parse(scratch, line, n - 1, 0, &d, &err) < 0 ||
	    store_append(s, &d, &a, &err) < 0 || store_commit(s, &err) < 0)
		bench_die("append", &err);
}

static void write_store(const char *path, struct arrivals *a,
    struct race *race, struct writer *w, long n, double seconds)
{
	struct message_scratch scratch = {0};
	struct es_err err;
	struct store *s;
	char line[BENCH_LINE];

	if (store_open(path, true, &s, &err) < 0)
		bench_die("open", &err);
	append(s, &scratch, line, arrivals_next(a, line, NULL));
	wait_for_all(race, n, seconds);
	while (bench_now() < race->until) {
		size_t length = arrivals_next(a, line, NULL);
		double from = bench_now();

		append(s, &scratch, line, length);
		note(w, from);
	}
	message_scratch_free(&scratch);
	store_close(s);
}

/* ---- SQLite alone ---- */

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		bench_die(sqlite3_errmsg(db), NULL);
}

static void write_table(const char *path, struct arrivals *a,
    struct race *race, struct writer *w, long n, double seconds)
{
	sqlite3 *db;
	sqlite3_stmt *st;
	char line[BENCH_LINE];

	if (sqlite3_open(path, &db) != SQLITE_OK)
		bench_die(path, NULL);
	sqlite3_busy_timeout(db, 30000);
	run(db, "pragma synchronous=full");
	if (sqlite3_prepare_v2(db, "insert into log values (?)", -1, &st,
	    NULL) != SQLITE_OK)
		bench_die(sqlite3_errmsg(db), NULL);
	wait_for_all(race, n, seconds);
	while (bench_now() < race->until) {
		size_t length = arrivals_next(a, line, NULL);
		double from = bench_now();

		run(db, "begin immediate");
		sqlite3_bind_text(st, 1, line, (int)length - 1,
		    SQLITE_STATIC);
		if (sqlite3_step(st) != SQLITE_DONE)
			bench_die(sqlite3_errmsg(db), NULL);
		sqlite3_reset(st);
		run(db, "commit");
		note(w, from);
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
}

/* ---- all ---- */

/* Each writer has donations of its own. */
static void write_one(bool es, const char *path, struct race *race, long i,
    long n, double seconds)
{
	struct arrivals a;

	arrivals_init(&a, false, false, 1000000);
	a.state = (uint64_t)getpid() << 32;
	(es ? write_store : write_table)(path, &a, race, &race->writers[i], n,
	    seconds);
	arrivals_free(&a);
}

static void report(struct race *race, long n)
{
	double p99 = 0, worst = 0, all = 0, most = 0, least = 1e9;

	for (long i = 0; i < n; i++) {
		struct writer *w = &race->writers[i];
		double count = (double)w->n;
		double own = bench_quantile(w->ms, w->n, 0.99);

		p99 = own > p99 ? own : p99;
		worst = w->ms[w->n - 1] > worst ? w->ms[w->n - 1] : worst;
		most = count > most ? count : most;
		least = count < least ? count : least;
		all += count;
	}
	printf("%.2f %.3f %.0f %.2f\n", p99, most / least,
	    all / (race->until - race->from), worst);
}

int main(int argc, char **argv)
{
	struct race *race;
	size_t size;
	long n;
	int status;

	if (argc != 5 || (strcmp(argv[1], "es") && strcmp(argv[1], "sqlite")))
		bench_die("usage: writers es|sqlite DB N SECONDS", NULL);
	n = bench_number(argv[3]);
	size = sizeof *race + (size_t)n * sizeof race->writers[0];
	race = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED |
	    MAP_ANONYMOUS, -1, 0);
	if (race == MAP_FAILED)
		bench_die("mmap", NULL);
	for (long i = 0; i < n; i++)
		switch (fork()) {
		case -1:
			bench_die("fork", NULL);
		case 0:
			write_one(argv[1][0] == 'e', argv[2], race, i, n,
			    (double)bench_number(argv[4]));
			_exit(0);
		default:
			break;
		}
	for (long i = 0; i < n; i++)
		if (wait(&status) < 0 || status != 0)
			bench_die("a writer", NULL);
	report(race, n);
	return 0;
}
