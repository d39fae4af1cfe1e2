/*
 * store: how fast the log is, beside SQLite's own floor in the same run.
 *
 *   store [--quick]      the tables
 *   store --floor N      N lines into the floor, one a commit, FULL: lines/s
 *
 * The floor is one table with one TEXT column that takes the same line in a
 * transaction of the same size, in WAL mode with the same synchronous.  Floor
 * and log take turns, nine times each, and the sums are compared: the machine
 * is noisy, so only ratios are worth anything.
 *
 * Arrivals are those of a donation site: 1,000 donations alive at a time, ten
 * messages each, then quiet; 20 campaigns; version-7 ids.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "find.h"
#include "message.h"
#include "store.h"

#define ALIVE 1000
#define LIFE 10
#define TURNS 9

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what, const struct es_err *err)
{
	fprintf(stderr, "bench: %s: %s\n", what, err ? err->text : "failed");
	exit(1);
}

/* ---- arrivals ---- */

struct arrivals {
	unsigned long next, entity[ALIVE];
	int age[ALIVE];
	unsigned seed;
	char text[512];
	char type[64];
};

static unsigned chance(struct arrivals *a)
{
	a->seed = a->seed * 1664525u + 1013904223u;
	return a->seed >> 8;
}

/* The next payload, about 230 bytes; its type stands in a->type. */
static const char *arrive(struct arrivals *a)
{
	unsigned i = chance(a) % ALIVE;

	if (a->age[i] == 0 || a->age[i] == LIFE) {
		a->entity[i] = ++a->next;
		a->age[i] = 0;
	}
	snprintf(a->type, sizeof a->type, "donations.step_%d", a->age[i]++);
	snprintf(a->text, sizeof a->text, "{\"donation_id\":\"01a20f97-628a-"
	    "7347-b597-%012lx\",\"campaign_id\":\"campaign-%lu\",\"amount\":%u,"
	    "\"text\":[\"%0120u\"]}", a->entity[i], a->entity[i] % 20,
	    chance(a) % 100, i);
	return a->text;
}

/* ---- the floor ---- */

static sqlite3 *floor_open(const char *path, bool full)
{
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK ||
	    sqlite3_exec(db, "pragma journal_mode=wal; create table if not "
	    "exists t(line text)", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(db, full ? "pragma synchronous=full" :
	    "pragma synchronous=normal", NULL, NULL, NULL) != SQLITE_OK)
		die("floor", NULL);
	return db;
}

/* A line of the length that the log would print. */
static double floor_turn(sqlite3 *db, struct arrivals *a, int n, int batch)
{
	char line[1024];
	sqlite3_stmt *st;
	double from = now();

	sqlite3_prepare_v2(db, "insert into t values (?)", -1, &st, NULL);
	for (int i = 0; i < n; i++) {
		if (i % batch == 0)
			sqlite3_exec(db, "begin immediate", NULL, NULL, NULL);
		snprintf(line, sizeof line, "{\"id\":\"01a20f97-628a-7347-b597"
		    "-84954a5a833c\",\"type\":\"donations.step_1\",\"payload\""
		    ":%s,\"created_at\":\"2026-11-24T22:05:09.130199Z\"}",
		    arrive(a));
		sqlite3_bind_text(st, 1, line, -1, SQLITE_TRANSIENT);
		if (sqlite3_step(st) != SQLITE_DONE)
			die("floor", NULL);
		sqlite3_reset(st);
		if ((i + 1) % batch == 0 || i + 1 == n)
			sqlite3_exec(db, "commit", NULL, NULL, NULL);
	}
	sqlite3_finalize(st);
	return now() - from;
}

/* ---- the log ---- */

static double log_turn(struct store *s, struct arrivals *a, int n, int batch)
{
	struct message_scratch scratch = {0};
	struct es_err err;
	struct draft d;
	struct appended out;
	char line[1024];
	double from = now();

	for (int i = 0; i < n; i++) {
		const char *payload = arrive(a);
		int length = snprintf(line, sizeof line, "{\"type\":\"%s\","
		    "\"payload\":%s}", a->type, payload);

		if (i % batch == 0 && store_begin(s, &err) < 0)
			die("begin", &err);
		if (message_parse(&scratch, line, (size_t)length, 0, &d,
		    &err) < 0 || store_append(s, &d, &out, &err) < 0)
			die("append", &err);
		if (((i + 1) % batch == 0 || i + 1 == n) &&
		    store_commit(s, &err) < 0)
			die("commit", &err);
	}
	message_scratch_free(&scratch);
	return now() - from;
}

struct pair { double floor, log; int n; };

static struct store *open_log(const char *path, bool full)
{
	struct es_err err;
	struct store *s;

	setenv("ES_SYNC", full ? "full" : "normal", 1);
	if (store_open(path, true, &s, &err) < 0)
		die("open", &err);
	return s;
}

static struct pair compare(const char *log, const char *floor,
    struct arrivals *a, int n, int batch, bool full)
{
	struct pair p = {0, 0, n * TURNS};
	sqlite3 *db = floor_open(floor, full);
	struct store *s = open_log(log, full);

	for (int turn = 0; turn < TURNS; turn++) {
		p.floor += floor_turn(db, a, n, batch);
		p.log += log_turn(s, a, n, batch);
	}
	sqlite3_close(db);
	store_close(s);
	return p;
}

static void print_pair(const char *what, struct pair p)
{
	printf("| %-38s | %9.0f | %9.0f | %5.2f |\n", what, p.n / p.floor,
	    p.n / p.log, p.floor / p.log);
	fflush(stdout);
}

/* ---- reads ---- */

static struct query partition_of_donation(unsigned long entity)
{
	struct query q = {0};
	struct es_err err;
	char id[64], campaign[32];

	snprintf(id, sizeof id, "01a20f97-628a-7347-b597-%012lx", entity);
	snprintf(campaign, sizeof campaign, "campaign-%lu", entity % 20);
	if (query_add_item(&q, &err) < 0 ||
	    query_add_type(&q, SPAN_LIT("donations."), &err) < 0 ||
	    query_add_partition(&q, SPAN_LIT("donation_id"), span_str(id),
	    &err) < 0 || query_add_partition(&q, SPAN_LIT("campaign_id"),
	    span_str(campaign), &err) < 0)
		die("query", &err);
	return q;
}

/* Microseconds: reading a partition, and asking for anything new in it. */
static void read_turn(struct store *s, struct arrivals *a, int n,
    double *partition, double *condition)
{
	struct es_err err;
	int64_t head, rows = 0;

	*partition = *condition = 0;
	if (store_head(s, &head, &err) < 0)
		die("head", &err);
	for (int i = 0; i < n; i++) {
		struct query q = partition_of_donation(1 + chance(a) %
		    (unsigned)(a->next - ALIVE));
		struct find *f;
		struct message m;
		double from = now();
		bool any;

		if (find_open(s, &q, NULL, 0, &f, &err) < 0)
			die("find", &err);
		while (find_next(f, &m, &err) > 0)
			rows++;
		find_close(f);
		*partition += now() - from;
		from = now();
		if (find_any(s, &q, head - 1, head, &any, NULL, &err) < 0)
			die("condition", &err);
		*condition += now() - from;
		query_free(&q);
	}
	if (rows < n)
		die("rows are missing", NULL);
	*partition *= 1e6 / n;
	*condition *= 1e6 / n;
}

static double scan_rate(struct store *s)
{
	struct query q = {.everything = true};
	struct es_err err;
	struct buf line = {0};
	struct find *f;
	struct message m;
	double from = now();
	int64_t n = 0;

	if (find_open(s, &q, NULL, 0, &f, &err) < 0)
		die("find", &err);
	while (find_next(f, &m, &err) > 0) {
		buf_truncate(&line, 0);
		message_print(&line, &m);
		n++;
	}
	find_close(f);
	buf_free(&line);
	return (double)n / (now() - from);
}

static void fill(const char *log, struct arrivals *a, int n)
{
	struct store *s = open_log(log, false);

	log_turn(s, a, n, 10000);
	store_close(s);
}

int main(int argc, char **argv)
{
	bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0, created;
	int total = quick ? 100000 : 1000000, few = quick ? 1 : 4;
	struct arrivals a = {.seed = 1};
	double small_partition, small_condition, partition, condition;
	struct es_err err;
	struct store *s;

	if (argc > 2 && strcmp(argv[1], "--floor") == 0) {
		sqlite3 *db = floor_open("floor.db", true);
		int n = (int)strtol(argv[2], NULL, 10);

		printf("%.0f\n", n / floor_turn(db, &a, n, 1));
		sqlite3_close(db);
		return 0;
	}
	if (store_create("log.db", &created, &err) < 0)
		die("create", &err);
	fill("log.db", &a, 10000);
	s = open_log("log.db", false);
	read_turn(s, &a, 2000, &small_partition, &small_condition);
	store_close(s);
	fill("log.db", &a, total - 10000);

	printf("Append, %d messages there before: messages/s\n\n", total);
	printf("| %-38s | %9s | %9s | ratio |\n", "batch, synchronous",
	    "raw floor", "es");
	printf("|----------------------------------------|-----------|"
	    "-----------|-------|\n");
	print_pair("1, FULL", compare("log.db", "floor.db", &a, 100 * few, 1,
	    true));
	print_pair("1, NORMAL", compare("log.db", "floor.db", &a, 500 * few,
	    1, false));
	print_pair("100, FULL", compare("log.db", "floor.db", &a, 1000 * few,
	    100, true));
	print_pair("100, NORMAL", compare("log.db", "floor.db", &a,
	    1000 * few, 100, false));
	print_pair("10,000, NORMAL", compare("log.db", "floor.db", &a, 10000,
	    10000, false));

	s = open_log("log.db", false);
	read_turn(s, &a, 5000, &partition, &condition);
	printf("\nRead, warm: microseconds\n\n");
	printf("| %-38s | %9s | %9s | ratio |\n", "", "at 10k", "at end");
	printf("|----------------------------------------|-----------|"
	    "-----------|-------|\n");
	printf("| %-38s | %9.1f | %9.1f | %5.2f |\n",
	    "partition of a donation, 10 messages", small_partition, partition,
	    partition / small_partition);
	printf("| %-38s | %9.1f | %9.1f | %5.2f |\n", "append condition",
	    small_condition, condition, condition / small_condition);
	printf("\nEverything, read and printed: %.0f messages/s\n",
	    scan_rate(s));
	store_close(s);
	return 0;
}
