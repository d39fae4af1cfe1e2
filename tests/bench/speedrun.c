/*
 * speedrun: students join courses, one decision acknowledged before the next.
 *
 *   speedrun ITERATIONS FLOOR-DB PROGRAM ARG...
 *
 * PROGRAM decides: a command a line on its standard input, an event a line on
 * its standard output, once it is on the disk (es-decide).  An iteration
 * registers 10 students and 10 courses, then joins all 100 pairs: 120
 * operations of one client in sequence.
 *
 * After each iteration as many rows, with the events' text, are put into
 * FLOOR-DB one a commit with synchronous=FULL: the least that anything in
 * SQLite has to do for as much.  Prints operations a second of both, and how
 * much of the floor is reached.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define MEMBERS 10
#define OPERATIONS (2 * MEMBERS + MEMBERS * MEMBERS)

struct decider {
	pid_t pid;
	FILE *commands, *events;
};

struct floor {
	sqlite3 *db;
	sqlite3_stmt *insert;
};

/* ---- the decider ---- */

static void begin_decider(struct decider *d, char **argv)
{
	int in[2], out[2];

	if (pipe(in) < 0 || pipe(out) < 0 || (d->pid = fork()) < 0)
		bench_die(argv[0], NULL);
	if (d->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		close(in[0]);
		close(in[1]);
		close(out[0]);
		close(out[1]);
		execvp(argv[0], argv);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	d->commands = fdopen(in[1], "w");
	d->events = fdopen(out[0], "r");
	if (!d->commands || !d->events)
		bench_die(argv[0], NULL);
}

static void end_decider(struct decider *d)
{
	int status;

	fclose(d->commands);
	if (fgetc(d->events) != EOF)
		bench_die("an answer too many", NULL);
	fclose(d->events);
	if (waitpid(d->pid, &status, 0) < 0 || status != 0)
		bench_die("the decider", NULL);
}

/* Only who has the answer asks for more. */
static void decide(struct decider *d, const char *type, const char *payload,
    char event[BENCH_LINE])
{
	fprintf(d->commands, "{\"type\":\"speedrun.%s\",\"payload\":{%s}}\n",
	    type, payload);
	if (fflush(d->commands) != 0 ||
	    !fgets(event, BENCH_LINE, d->events) ||
	    !strstr(event, "\"kind\":\"event\""))
		bench_die("no answer", NULL);
}

static double run_decider(struct decider *d, long turn,
    char events[OPERATIONS][BENCH_LINE])
{
	double from = bench_now();
	char payload[128];
	int i, k, n = 0;

	for (i = 0; i < MEMBERS; i++) {
		snprintf(payload, sizeof payload,
		    "\"student\":\"s%ld-%d\",\"most\":%d", turn, i, MEMBERS);
		decide(d, "register_student", payload, events[n++]);
	}
	for (i = 0; i < MEMBERS; i++) {
		snprintf(payload, sizeof payload,
		    "\"course\":\"c%ld-%d\",\"places\":%d", turn, i, MEMBERS);
		decide(d, "register_course", payload, events[n++]);
	}
	for (i = 0; i < MEMBERS; i++)
		for (k = 0; k < MEMBERS; k++) {
			snprintf(payload, sizeof payload,
			    "\"student\":\"s%ld-%d\",\"course\":\"c%ld-%d\"",
			    turn, i, turn, k);
			decide(d, "join", payload, events[n++]);
		}
	return bench_now() - from;
}

/* ---- the floor ---- */

static void sql(struct floor *f, const char *text)
{
	if (sqlite3_exec(f->db, text, NULL, NULL, NULL) != SQLITE_OK)
		bench_die(sqlite3_errmsg(f->db), NULL);
}

static void open_floor(struct floor *f, const char *path)
{
	if (sqlite3_open(path, &f->db) != SQLITE_OK)
		bench_die(path, NULL);
	sql(f, "pragma journal_mode=wal");
	sql(f, "pragma synchronous=full");
	sql(f, "create table log(line text)");
	if (sqlite3_prepare_v2(f->db, "insert into log values (?)", -1,
	    &f->insert, NULL) != SQLITE_OK)
		bench_die(sqlite3_errmsg(f->db), NULL);
}

static double run_floor(struct floor *f, char events[OPERATIONS][BENCH_LINE])
{
	double from = bench_now();
	int i;

	for (i = 0; i < OPERATIONS; i++) {
		sql(f, "begin immediate");
		sqlite3_bind_text(f->insert, 1, events[i], -1, SQLITE_STATIC);
		if (sqlite3_step(f->insert) != SQLITE_DONE)
			bench_die(sqlite3_errmsg(f->db), NULL);
		sqlite3_reset(f->insert);
		sql(f, "commit");
	}
	return bench_now() - from;
}

int main(int argc, char **argv)
{
	static char events[OPERATIONS][BENCH_LINE];
	double decided = 0, least = 0;
	struct decider d;
	struct floor f;
	long i, n;

	if (argc < 4)
		bench_die("usage: speedrun ITERATIONS FLOOR-DB PROGRAM ARG...",
		    NULL);
	n = bench_number(argv[1]);
	open_floor(&f, argv[2]);
	begin_decider(&d, argv + 3);
	/* The first iteration is for both to come to speed. */
	for (i = 0; i <= n; i++) {
		double a = run_decider(&d, i, events);
		double b = run_floor(&f, events);

		decided += i ? a : 0;
		least += i ? b : 0;
	}
	end_decider(&d);
	sqlite3_finalize(f.insert);
	sqlite3_close(f.db);
	printf("%.0f %.0f %.2f\n", (double)(n * OPERATIONS) / decided,
	    (double)(n * OPERATIONS) / least, least / decided);
	return 0;
}
