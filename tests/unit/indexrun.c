/*
 * The runs of the index: lists of them that are out of date, rollbacks, old
 * snapshots, what is left of a removed key, which of them are merged, and
 * damage that only a walk finds.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "indexrun.h"
#include "tagkey.h"

static const unsigned char secret[16] = "0123456789abcde";
static struct es_err err;
static char path[4096];

#define CHECK(c, ...) do { if (!(c)) { \
	fprintf(stderr, "indexrun: line %d: %s: ", __LINE__, #c); \
	fprintf(stderr, __VA_ARGS__); \
	fprintf(stderr, " (%s)\n", err.text); exit(1); } } while (0)

struct side {			/* a connection */
	sqlite3 *db;
	struct index *ix;
};

static void run(struct side *s, const char *sql)
{
	CHECK(!sqlite3_exec(s->db, sql, NULL, NULL, NULL), "%s: %s", sql,
	    sqlite3_errmsg(s->db));
}

static int64_t number(struct side *s, const char *sql)
{
	sqlite3_stmt *st;
	int64_t n;

	CHECK(!sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) &&
	    sqlite3_step(st) == SQLITE_ROW, "%s: %s", sql,
	    sqlite3_errmsg(s->db));
	n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

/* Every flush folds, unless another tail is set. */
static void side_open(struct side *s)
{
	CHECK(!sqlite3_open(path, &s->db), "open");
	run(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
	CHECK(!index_open(s->db, secret, true, &s->ix, &err), "index_open");
	index_set_tail(s->ix, 0);
}

static void side_close(struct side *s)
{
	index_close(s->ix);
	CHECK(sqlite3_close(s->db) == SQLITE_OK, "a statement is left");
}

static void create(struct side *s)
{
	unlink(path);
	side_open(s);
	run(s, index_schema);
	run(s, index_run_schema);
}

static uint64_t key(const char *tag)
{
	return tagkey(secret, tag, strlen(tag));
}

static void add(struct side *s, int64_t position, uint64_t k)
{
	CHECK(!index_add(s->ix, position, 1, &k, 1, &err), "add");
}

/* Messages from first to last under a key, in a transaction and a fold. */
static void fold(struct side *s, int64_t first, int64_t last, uint64_t k)
{
	run(s, "BEGIN IMMEDIATE");
	for (; first <= last; first++)
		add(s, first, k);
	CHECK(!index_flush(s->ix, &err), "flush");
	run(s, "COMMIT");
}

static size_t count(struct side *s, uint64_t k)
{
	static struct posting out[10000];
	struct index_range r = {.key = k};
	size_t n;

	CHECK(!index_read(s->ix, &r, out, 10000, &n, &err), "read");
	return n;
}

static void take_away(struct side *s, int64_t position, uint64_t k)
{
	CHECK(!index_remove(s->ix, (struct posting){position, 1}, 1, &k, 1,
	    &err), "remove %lld", (long long)position);
}

static int ignore(void *arg, uint64_t k, struct posting p, struct es_err *e)
{
	(void)k;
	(void)p;
	(void)e;
	++*(size_t *)arg;
	return 0;
}

static void check_walk(struct side *s, size_t want)
{
	size_t n = 0;

	CHECK(!index_walk(s->ix, ignore, &n, &err), "walk");
	CHECK(n == want, "%zu postings, not %zu", n, want);
}

/* ---- what is known of the runs ---- */

/* A removal changes no number of a run, but how many postings it has. */
static void test_removals_of_two(void)
{
	struct side a, b;
	uint64_t k = key("a");

	create(&a);
	side_open(&b);
	fold(&a, 1, 20, k);
	CHECK(count(&a, k) == 20 && count(&b, k) == 20, "all");
	run(&a, "BEGIN IMMEDIATE");
	take_away(&a, 3, k);
	run(&a, "COMMIT");
	run(&b, "BEGIN IMMEDIATE");
	take_away(&b, 4, k);
	run(&b, "COMMIT");
	CHECK(number(&a, "SELECT sum(postings) FROM tag_run") == 18, "sum");
	check_walk(&a, 38);
	check_walk(&b, 38);
	side_close(&a);
	side_close(&b);
}

/* After it another gives out the same number. */
static void test_rollback(const char *begin, const char *undo)
{
	struct side a, b;

	create(&a);
	side_open(&b);
	fold(&a, 1, 20, key("a"));
	CHECK(count(&b, key("a")) == 20, "all");
	run(&a, "BEGIN IMMEDIATE");
	run(&a, begin);
	add(&a, 21, key("a"));
	CHECK(count(&a, key("a")) == 21, "its own");
	run(&a, undo);
	index_rollback(a.ix);
	if (sqlite3_get_autocommit(a.db) == 0)
		run(&a, "COMMIT");
	fold(&b, 21, 22, key("b"));
	CHECK(count(&a, key("a")) == 20 && count(&a, key("b")) == 2,
	    "the other's");
	fold(&a, 23, 24, key("b"));
	CHECK(count(&b, key("b")) == 4, "%zu", count(&b, key("b")));
	check_walk(&a, 48);
	check_walk(&b, 48);
	side_close(&a);
	side_close(&b);
}

/* Of the log that goes on from a backup a run has the same number. */
static void test_restored(void)
{
	char backup[4200], sql[4300];
	sqlite3_backup *b;
	struct side a, old;

	create(&a);
	fold(&a, 1, 20, key("a"));
	snprintf(backup, sizeof backup, "%s.backup", path);
	snprintf(sql, sizeof sql, "VACUUM INTO '%s'", backup);
	run(&a, sql);
	fold(&a, 21, 30, key("b"));
	CHECK(count(&a, key("b")) == 10, "b");
	CHECK(!sqlite3_open(backup, &old.db), "open");
	b = sqlite3_backup_init(a.db, "main", old.db, "main");
	CHECK(b && sqlite3_backup_step(b, -1) == SQLITE_DONE &&
	    !sqlite3_backup_finish(b), "%s", sqlite3_errmsg(a.db));
	sqlite3_close(old.db);
	unlink(backup);
	side_open(&old);
	fold(&old, 21, 40, key("b"));
	CHECK(count(&a, key("b")) == 20, "%zu", count(&a, key("b")));
	check_walk(&a, 80);
	side_close(&old);
	side_close(&a);
}

static void test_snapshot(void)
{
	struct side a, b;
	int64_t at;

	create(&a);
	side_open(&b);
	fold(&a, 1, 20, key("a"));
	run(&b, "BEGIN");
	CHECK(count(&b, key("a")) == 20, "all");
	for (at = 21; at < 61; at++)
		fold(&a, at, at, key(at % 2 ? "a" : "b"));
	CHECK(number(&a, "SELECT count(*) FROM tag_run") < 20, "merged");
	CHECK(count(&b, key("a")) == 20 && count(&b, key("b")) == 0,
	    "its snapshot");
	run(&b, "COMMIT");
	CHECK(count(&b, key("a")) == 40 && count(&b, key("b")) == 20, "all");
	check_walk(&b, 120);
	side_close(&a);
	side_close(&b);
}

/* ---- a key whose postings are here and there ---- */

/*
 * It becomes busy, loses all that it has in the tables, and becomes busy again:
 * in the runs there is always what is older.
 */
static void test_busy_again(void)
{
	struct side s;
	uint64_t k = key("a");
	int64_t at;

	create(&s);
	fold(&s, 1, 30, k);
	fold(&s, 31, 130, k);
	CHECK(number(&s, "SELECT count(*) FROM tag_key") == 1, "busy");
	CHECK(number(&s, "SELECT sum(postings) FROM tag_run") == 30, "older");
	check_walk(&s, 260);
	run(&s, "BEGIN IMMEDIATE");
	for (at = 31; at <= 130; at++)
		take_away(&s, at, k);
	run(&s, "COMMIT");
	CHECK(number(&s, "SELECT count(*) FROM tag_key") == 0, "not busy");
	CHECK(count(&s, k) == 30, "those in the run");
	fold(&s, 131, 150, k);
	CHECK(number(&s, "SELECT count(*) FROM tag_key") == 0, "not busy");
	fold(&s, 151, 250, k);
	CHECK(number(&s, "SELECT count(*) FROM tag_key") == 1, "busy");
	CHECK(count(&s, k) == 150, "%zu", count(&s, k));
	check_walk(&s, 250 + 150);
	side_close(&s);
}

/* ---- what is left of a removed key ---- */

static void test_nothing_left(void)
{
	static const char *const tags[] = {
		"d:01890a5d-ac96-774b-bcce-b302099a8057",
		"d:01890a5e-ac96-774b-bcce-b302099a8058",
		"d:01890a5f-ac96-774b-bcce-b302099a8059"};
	char sql[400];
	struct side s;
	size_t i, left = 3;

	create(&s);
	run(&s, "BEGIN IMMEDIATE");
	for (i = 0; i < 3; i++)
		add(&s, (int64_t)i + 1, key(tags[i]));
	CHECK(!index_flush(s.ix, &err), "flush");
	for (i = 0; i < 3; i += 2) {
		take_away(&s, (int64_t)i + 1, key(tags[i]));
		snprintf(sql, sizeof sql, "SELECT (SELECT count(*) FROM tag_run"
		    " WHERE %lld IN (low, high)) + (SELECT count(*) FROM "
		    "tag_block WHERE h = %lld)", (long long)key(tags[i]),
		    (long long)key(tags[i]));
		CHECK(number(&s, sql) == 0, "key %zu", i);
		CHECK(count(&s, key(tags[i])) == 0, "key %zu", i);
		check_walk(&s, 3 + --left);
	}
	CHECK(count(&s, key(tags[1])) == 1, "the one between");
	run(&s, "COMMIT");
	side_close(&s);
}

/* ---- which are merged ---- */

/* Rows of runs without blocks: how large each is, is in its row. */
static void pretend(struct side *s, int n, int64_t postings)
{
	char sql[300];

	for (; n > 0; n--) {
		snprintf(sql, sizeof sql, "INSERT INTO tag_run SELECT "
		    "coalesce(max(run), 0) + 1, coalesce(max(last), 0) + 1,"
		    " coalesce(max(last), 0) + 10000, %lld, 0, 0 FROM tag_run",
		    (long long)postings);
		run(s, sql);
	}
}

static void fold_much(struct side *s, int64_t first)
{
	char tag[32];
	uint64_t keys[5];
	int64_t at;
	int i;

	run(s, "BEGIN IMMEDIATE");
	index_set_tail(s->ix, INDEX_TAIL);
	for (at = first; at <= first + INDEX_TAIL; at++) {
		for (i = 0; i < 5; i++) {
			snprintf(tag, sizeof tag, "%lld/%d", (long long)at, i);
			keys[i] = key(tag);
		}
		CHECK(!index_add(s->ix, at, 1, keys, 5, &err), "add");
	}
	CHECK(!index_flush(s->ix, &err), "flush");
	run(s, "COMMIT");
}

/* Eight of the largest would be too many, so fewer become one. */
static void test_merged(void)
{
	struct side s;
	int64_t at;

	create(&s);
	pretend(&s, 5, 640000);
	pretend(&s, 7, 80000);
	pretend(&s, 7, 10000);
	fold_much(&s, 1000000);
	CHECK(number(&s, "SELECT count(*) FROM tag_run") == 1, "%lld runs",
	    (long long)number(&s, "SELECT count(*) FROM tag_run"));
	side_close(&s);
	create(&s);
	pretend(&s, 20, 640000);
	pretend(&s, 7, 80000);
	pretend(&s, 7, 10000);
	fold_much(&s, 1000000);
	CHECK(number(&s, "SELECT count(*) FROM tag_run") == 16, "%lld runs",
	    (long long)number(&s, "SELECT count(*) FROM tag_run"));
	side_close(&s);
	create(&s);
	for (at = 1; at <= 100; at++)
		fold(&s, 100 * at, 100 * at + 99, key("busy"));
	CHECK(number(&s, "SELECT count(*) FROM tag_run") <= 8, "empty ones");
	check_walk(&s, 20000);
	side_close(&s);
}

/* Gathered postings are folded in the middle of a transaction, and read. */
static void test_many_keys(void)
{
	struct side s;
	char tag[32];
	uint64_t keys[INDEX_KEYS], some = key("k:4711");
	int64_t at;
	size_t i, want = 0, n;

	create(&s);
	index_set_tail(s.ix, INDEX_TAIL);
	run(&s, "BEGIN IMMEDIATE");
	for (at = 1; at <= 5000; at++) {
		for (i = 0; i < INDEX_KEYS; i++) {
			n = ((size_t)at * 7919 + i * 104729) % 20000;
			snprintf(tag, sizeof tag, "k:%zu", n);
			keys[i] = key(tag);
			want += n == 4711;
		}
		CHECK(!index_add(s.ix, at, 1, keys, INDEX_KEYS, &err), "add");
		if (at % 1700 == 0)
			CHECK(count(&s, some) == want, "at %lld: %zu of %zu",
			    (long long)at, count(&s, some), want);
	}
	CHECK(count(&s, some) == want && want > 10, "%zu", want);
	CHECK(number(&s, "SELECT count(*) FROM tag_run") > 0, "no fold");
	check_walk(&s, (size_t)5000 * (INDEX_KEYS + 1));
	run(&s, "COMMIT");
	side_close(&s);
}

/* ---- damage, and no memory ---- */

static void damaged(struct side *s, const char *sql, const char *text)
{
	struct side fresh = {s->db, NULL};
	size_t n = 0;

	run(s, "BEGIN IMMEDIATE");
	run(s, sql);
	CHECK(!index_open(s->db, secret, true, &fresh.ix, &err), "open");
	CHECK(index_walk(fresh.ix, ignore, &n, &err), "%s", sql);
	CHECK(!strcmp(err.text, text), "%s", sql);
	index_close(fresh.ix);
	run(s, "ROLLBACK");
}

static void test_damage(void)
{
	struct side s;
	char sql[200];

	create(&s);
	fold(&s, 1, 20, key("d:01890a5d-ac96-774b-bcce-b302099a8057"));
	/* It would hide the key from all reads. */
	damaged(&s, "UPDATE tag_run SET low = low + (1 << 30), "
	    "high = high + (1 << 30)",
	    "tag_run row 1: a key outside of its range");
	/* The next run could not be newer. */
	damaged(&s, "UPDATE tag_run SET last = 21",
	    "tag_run row 1: ends behind all that is folded");
	snprintf(sql, sizeof sql, "INSERT INTO tag_key VALUES(%lld, %lld)",
	    (long long)key("d:01890a5d-ac96-774b-bcce-b302099a8057"),
	    (long long)indexdb_id((struct posting){20, 1}, 0));
	damaged(&s, sql, "tag_run row 1: postings that are newer than those "
	    "of their key in tag_key");
	damaged(&s, "UPDATE tag_run SET postings = 21",
	    "tag_run row 1: another number of postings");
	damaged(&s, "UPDATE tag_run SET postings = 9223372036854775807",
	    "tag_run row 1: bad numbers");
	damaged(&s, "UPDATE tag_run SET run = 9223372036854775807",
	    "tag_run row 9223372036854775807: bad numbers");
	damaged(&s, "DELETE FROM tag_run", "tag_block: 1 rows of no run");
	damaged(&s, "DELETE FROM tag_block",
	    "tag_run row 1: another number of postings");
	damaged(&s, "INSERT INTO tag_run SELECT 2, 20, 20, 0, 0, 0",
	    "tag_run row 2: not newer than the one before");
	side_close(&s);
}

static void test_no_memory(void)
{
	struct side s;
	struct posting p = {1, 1};
	struct run_writer w = {.run = {.number = 1, .first = 1, .last = 1},
	    .block = {.data = {.failed = true}}};

	create(&s);
	run(&s, "BEGIN IMMEDIATE");
	CHECK(run_write(s.ix, &w, 5, &p, 1, &err) ||
	    run_write_end(s.ix, &w, &err), "what was lost is not noticed");
	run(&s, "ROLLBACK");
	side_close(&s);
}

int main(void)
{
	snprintf(path, sizeof path, "%s/indexrun-%ld.db",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
	test_removals_of_two();
	test_rollback("", "ROLLBACK");
	test_rollback("SAVEPOINT s", "ROLLBACK TO s");
	test_restored();
	test_snapshot();
	test_busy_again();
	test_nothing_left();
	test_merged();
	test_many_keys();
	test_damage();
	test_no_memory();
	unlink(path);
	return 0;
}
