/*
 * The index against a list of all that was added: random messages, batches,
 * rollbacks, two connections and restarts; damaged rows; and how many rows a
 * read costs.  With an argument that is the seed, and the test is a longer one.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "index.h"
#include "tagkey.h"

#define MAX_MESSAGES 60000
#define MAX_KEYS 6
#define SHAPES 9

struct sent {
	int64_t position;
	int shape;
	size_t n;
	uint64_t keys[MAX_KEYS];
};

static struct sent *model;
static size_t n_model;
static uint64_t seed = 1;
static const unsigned char secret[16] = "0123456789abcde";

static bool has_runs = true;

struct side {			/* a connection */
	sqlite3 *db;
	struct index *ix;
};

static struct es_err err;
static char path[4096];

#define CHECK(c, ...) do { if (!(c)) { \
	fprintf(stderr, "index: line %d: %s: ", __LINE__, #c); \
	fprintf(stderr, __VA_ARGS__); \
	fprintf(stderr, " (seed %llu, %s)\n", (unsigned long long)seed, \
	    err.text); exit(1); } } while (0)

static uint64_t state;

static unsigned rnd(unsigned n)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(state >> 33) % n;
}

static void run(struct side *s, const char *sql)
{
	CHECK(!sqlite3_exec(s->db, sql, NULL, NULL, NULL), "%s: %s", sql,
	    sqlite3_errmsg(s->db));
}

static const int64_t tails[] = {0, 60, 700, INDEX_TAIL};

static void side_open(struct side *s)
{
	CHECK(!sqlite3_open(path, &s->db), "open");
	run(s, "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
	CHECK(!index_open(s->db, secret, has_runs, &s->ix, &err), "index_open");
	index_set_tail(s->ix, tails[rnd(4)]);
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
	if (has_runs)
		run(s, index_run_schema);
}

/* Keys: a few busy ones, some that live for a while, some used once. */
static uint64_t some_key(int64_t position)
{
	char tag[64];

	switch (rnd(4)) {
	case 0:
		snprintf(tag, sizeof tag, "hot:%u", rnd(3));
		break;
	case 1:
		snprintf(tag, sizeof tag, "once:%lld/%u", (long long)position,
		    rnd(1000));
		break;
	default:
		snprintf(tag, sizeof tag, "warm:%lld",
		    (long long)(position / 200) + rnd(4));
	}
	return tagkey(secret, tag, strlen(tag));
}

static void add_one(struct side *s)
{
	struct sent *m = &model[n_model];
	size_t i;

	CHECK(n_model < MAX_MESSAGES, "too many");
	m->position = n_model ? model[n_model - 1].position + 1 : 1;
	m->shape = rnd(100) ? (int)rnd(SHAPES) : INDEX_SHAPES - 1;
	m->n = rnd(MAX_KEYS);
	for (i = 0; i < m->n; i++)
		m->keys[i] = i && !rnd(20) ? m->keys[0] :
		    some_key(m->position);
	CHECK(!index_add(s->ix, m->position, m->shape, m->keys, m->n, &err),
	    "add");
	n_model++;
}

static bool has(const struct sent *m, const struct index_range *r)
{
	size_t i;
	bool key = r->key == INDEX_EVERY, shape = !r->shapes;

	for (i = 0; i < m->n; i++)
		key |= m->keys[i] == r->key;
	for (i = 0; i < r->nshapes; i++)
		shape |= r->shapes[i] == m->shape;
	return key && shape && m->position > r->after &&
	    (r->before == 0 || m->position < r->before);
}

static size_t expect(const struct index_range *r, size_t n_messages,
    struct posting *out, size_t max)
{
	size_t i, n = 0;

	for (i = 0; i < n_messages && n < max; i++) {
		const struct sent *m = &model[r->reverse ?
		    n_messages - 1 - i : i];

		if (has(m, r))
			out[n++] = (struct posting){m->position, m->shape};
	}
	return n;
}

static void compare(struct side *s, const struct index_range *r,
    size_t n_messages, size_t max)
{
	static struct posting want[MAX_MESSAGES], got[MAX_MESSAGES];
	size_t n = expect(r, n_messages, want, max), m, i;
	bool alone = sqlite3_get_autocommit(s->db);

	CHECK(!index_read(s->ix, r, got, max, &m, &err), "read");
	CHECK(alone == sqlite3_get_autocommit(s->db), "its transaction");
	CHECK(n == m, "key %llx after %lld before %lld: %zu, not %zu",
	    (unsigned long long)r->key, (long long)r->after,
	    (long long)r->before, m, n);
	for (i = 0; i < n; i++)
		CHECK(want[i].position == got[i].position &&
		    want[i].shape == got[i].shape, "key %llx after %lld before %lld "
		    "reverse %d shapes %zu: posting %zu of %zu: %lld, not %lld",
		    (unsigned long long)r->key, (long long)r->after,
		    (long long)r->before, r->reverse, r->nshapes, i, n,
		    (long long)got[i].position, (long long)want[i].position);
}

static void random_range(struct index_range *r, int *shapes)
{
	int64_t head = n_model ? model[n_model - 1].position : 1;
	int i;

	*r = (struct index_range){0};
	if (rnd(8))
		r->key = some_key(1 + rnd((unsigned)head));
	if (rnd(3)) {
		r->shapes = shapes;
		for (i = 0; i < SHAPES; i++)
			if (!rnd(3))
				shapes[r->nshapes++] = i;
	}
	if (rnd(2))
		r->after = rnd((unsigned)head + 2);
	if (rnd(2))
		r->before = rnd((unsigned)head + 2);
	r->reverse = rnd(2);
}

static void compare_some(struct side *s, size_t n_messages, int times)
{
	int shapes[SHAPES];
	struct index_range r;

	while (times--) {
		random_range(&r, shapes);
		compare(s, &r, n_messages, rnd(4) ? 1 + rnd(40) : 5000);
	}
}

static void compare_count(struct side *s, size_t n_messages)
{
	struct index_range r = {.key = some_key(n_messages ?
	    1 + rnd((unsigned)n_messages) : 1)};
	static struct posting out[MAX_MESSAGES];
	size_t n = expect(&r, n_messages, out, MAX_MESSAGES);
	int64_t count;

	CHECK(!index_count(s->ix, r.key, &count, &err), "count");
	CHECK(count >= (int64_t)n && count <= (int64_t)n * 2, "%lld of %zu",
	    (long long)count, n);
}

/* What the open transaction has removed, as it was before. */
static struct sent *removed;
static size_t n_removed;

/* The model as it was before the removals, or as it is again. */
static void swap_removed(bool back)
{
	size_t i;

	for (i = 0; i < n_removed; i++) {
		struct sent *a = &removed[back ? n_removed - 1 - i : i];
		struct sent *b = &model[a->position - 1], was = *b;

		*b = *a;
		*a = was;
	}
}

/* Of old messages and new ones, and of some keys all there are. */
static void remove_some(struct side *s, size_t n)
{
	struct sent *m;
	int shape;

	for (; n > 0 && n_model > 0; n--) {
		m = &model[rnd(3) ? rnd((unsigned)n_model) : n_model - 1 -
		    rnd((unsigned)(n_model < 300 ? n_model : 300))];
		shape = rnd(2) ? SHAPES : (int)rnd(SHAPES);
		removed[n_removed++] = *m;
		CHECK(!index_remove(s->ix, (struct posting){m->position,
		    m->shape}, shape, m->keys, m->n, &err), "remove %lld",
		    (long long)m->position);
		m->shape = shape;
		m->n = 0;
	}
}

/* A transaction of one side, while the other has its snapshot. */
static void transaction(struct side *w, struct side *other)
{
	size_t before = n_model, n = 1 + rnd(rnd(10) ? 30 : 1500);
	bool seen = rnd(2), savepoint;

	n_removed = 0;
	if (seen) {
		run(other, "BEGIN; SELECT count(*) FROM tag_key");
		compare_some(other, n_model, 2);
	}
	run(w, "BEGIN IMMEDIATE");
	if (!rnd(3))
		remove_some(w, 1 + rnd(rnd(4) ? 10 : 300));
	while (n--) {
		add_one(w);
		if (!rnd(400))
			compare_some(w, n_model, 2);
		if (!rnd(200))
			remove_some(w, 1 + rnd(3));
	}
	savepoint = !rnd(4);
	if (savepoint) {
		size_t kept;

		CHECK(!index_flush(w->ix, &err), "flush");
		run(w, "SAVEPOINT s");
		kept = n_model;
		for (n = rnd(100); n > 0; n--)
			add_one(w);
		compare_some(w, n_model, rnd(2));
		run(w, "ROLLBACK TO s");
		index_rollback(w->ix);
		n_model = kept;
	}
	if (rnd(5)) {
		CHECK(!index_flush(w->ix, &err), "flush");
		run(w, "COMMIT");
	} else {
		if (rnd(2))
			CHECK(!index_flush(w->ix, &err), "flush");
		run(w, "ROLLBACK");
		index_rollback(w->ix);
		swap_removed(true);
		n_removed = 0;
		n_model = before;
	}
	if (seen) {
		swap_removed(true);
		compare_some(other, before, 4);
		swap_removed(false);
		run(other, "COMMIT");
	}
}

/* ---- the walk ---- */

struct tally {
	uint64_t sum;
	size_t n;
};

static uint64_t mark(uint64_t key, int64_t position, int shape)
{
	uint64_t words[3] = {key, (uint64_t)position, (uint64_t)shape};

	return siphash(secret, words, sizeof words);
}

static int visit(void *arg, uint64_t key, struct posting p, struct es_err *e)
{
	struct tally *t = arg;

	(void)e;
	t->n++;
	t->sum += mark(key, p.position, p.shape);
	return 0;
}

static void compare_walk(struct side *s)
{
	struct tally want = {0, 0}, got = {0, 0};
	size_t i, k, l;

	for (i = 0; i < n_model; i++) {
		const struct sent *m = &model[i];

		visit(&want, INDEX_EVERY, (struct posting){m->position,
		    m->shape}, NULL);
		for (k = 0; k < m->n; k++) {
			for (l = 0; l < k && m->keys[l] != m->keys[k]; l++)
				;
			if (l == k)
				visit(&want, m->keys[k], (struct posting){
				    m->position, m->shape}, NULL);
		}
	}
	CHECK(!index_walk(s->ix, visit, &got, &err), "walk");
	CHECK(got.n == want.n && got.sum == want.sum, "walk: %zu of %zu",
	    got.n, want.n);
}

/* All of it: nothing may be left but every message's own posting. */
static void test_remove_all(void)
{
	struct side s;
	sqlite3_stmt *st;
	int64_t *order = calloc(9000, sizeof *order), swap;
	size_t i, k;

	CHECK(order, "memory");
	n_model = n_removed = 0;
	create(&s);
	run(&s, "BEGIN IMMEDIATE");
	while (n_model < 9000)
		add_one(&s);
	for (i = 0; i < n_model; i++)
		order[i] = (int64_t)i;
	for (i = n_model; i > 1; i--) {
		k = rnd((unsigned)i);
		swap = order[k];
		order[k] = order[i - 1];
		order[i - 1] = swap;
	}
	for (i = 0; i < n_model; i++) {
		struct sent *m = &model[order[i]];

		CHECK(!index_remove(s.ix, (struct posting){m->position,
		    m->shape}, 7, m->keys, m->n, &err), "remove");
		m->shape = 7;
		m->n = 0;
		if (i % 1500 == 0) {
			compare_walk(&s);
			compare_some(&s, n_model, 20);
		}
	}
	compare_walk(&s);
	CHECK(index_remove(s.ix, (struct posting){5, 7}, 7,
	    (uint64_t[]){some_key(5)}, 1, &err) &&
	    strstr(err.text, "no posting of position 5"), "%s", err.text);
	run(&s, "COMMIT");
	CHECK(!sqlite3_prepare_v2(s.db, "SELECT (SELECT count(*) FROM tag_key)"
	    " + (SELECT count(*) FROM tag_open WHERE id <> 0) + (SELECT "
	    "count(*) FROM tag_post WHERE id <> 0 OR shape <> 7) + (SELECT "
	    "max(length(data)) > 900 FROM tag_post) + (SELECT count(*) FROM "
	    "tag_block)", -1, &st, NULL) &&
	    sqlite3_step(st) == SQLITE_ROW, "%s", sqlite3_errmsg(s.db));
	CHECK(sqlite3_column_int(st, 0) == 0, "%d rows are left",
	    sqlite3_column_int(st, 0));
	sqlite3_finalize(st);
	free(order);
	side_close(&s);
}

/* As es-init upgrades a store. */
static void upgrade(struct side s[2])
{
	has_runs = true;
	side_close(&s[1]);
	side_close(&s[0]);
	side_open(&s[0]);
	run(&s[0], index_run_schema);
	side_open(&s[1]);
}

/* With runs, or without them in the first so many rounds. */
static void test_model(int rounds, int old_rounds)
{
	struct side s[2];
	int i;

	n_model = 0;
	has_runs = old_rounds == 0;
	create(&s[0]);
	side_open(&s[1]);
	for (i = 0; i < rounds && n_model <= MAX_MESSAGES - 4000; i++) {
		int w = (int)rnd(2);

		if (i && i == old_rounds)
			upgrade(s);
		transaction(&s[w], &s[!w]);
		compare_some(&s[rnd(2)], n_model, 10);
		compare_count(&s[rnd(2)], n_model);
		if (!rnd(20)) {
			side_close(&s[w]);
			side_open(&s[w]);
		}
	}
	compare_walk(&s[0]);
	compare_walk(&s[1]);
	side_close(&s[0]);
	side_close(&s[1]);
	has_runs = true;
}

/* ---- misuse and damage ---- */

static void test_refused(void)
{
	struct side s;
	struct index_range r = {0};
	uint64_t keys[INDEX_KEYS + 1] = {1};
	struct posting out[4];
	size_t n;

	create(&s);
	CHECK(!index_read(s.ix, &r, out, 4, &n, &err) && n == 0, "empty");
	CHECK(index_add(s.ix, 0, 0, keys, 1, &err), "position 0");
	CHECK(index_add(s.ix, INDEX_POSITION_MAX + 1, 0, keys, 1, &err),
	    "position too large");
	CHECK(index_add(s.ix, 1, INDEX_SHAPES, keys, 1, &err), "shape");
	CHECK(index_add(s.ix, 1, -1, keys, 1, &err), "shape");
	CHECK(index_add(s.ix, 1, 0, keys, INDEX_KEYS + 1, &err), "65 keys");
	CHECK(index_add(s.ix, 1, 0, keys, 2, &err), "INDEX_EVERY as a key");
	CHECK(!index_add(s.ix, 7, 0, keys, 1, &err), "add");
	CHECK(index_add(s.ix, 7, 0, keys, 1, &err), "7 again");
	CHECK(index_flush(s.ix, &err) && strstr(err.text, "transaction"),
	    "flush outside of a transaction");
	index_rollback(s.ix);
	run(&s, "BEGIN IMMEDIATE");
	CHECK(!index_add(s.ix, INDEX_POSITION_MAX, INDEX_SHAPES - 1, keys, 1,
	    &err) && !index_flush(s.ix, &err), "the greatest");
	r.key = 1;
	CHECK(!index_read(s.ix, &r, out, 4, &n, &err) && n == 1 &&
	    out[0].position == INDEX_POSITION_MAX &&
	    out[0].shape == INDEX_SHAPES - 1, "the greatest");
	r.after = INT64_MAX;
	CHECK(!index_read(s.ix, &r, out, 4, &n, &err) && n == 0, "after all");
	r.after = INT64_MIN;
	CHECK(!index_read(s.ix, &r, out, 4, &n, &err) && n == 1, "from -inf");
	r.before = INT64_MIN;
	CHECK(!index_read(s.ix, &r, out, 4, &n, &err) && n == 0, "before all");
	CHECK(!index_add(s.ix, 8, 0, keys, 1, &err), "add");
	CHECK(index_flush(s.ix, &err) && strstr(err.text, "comes after"),
	    "descending");
	index_rollback(s.ix);
	run(&s, "ROLLBACK");
	side_close(&s);
}

/* Whatever the rows hold, each call ends and says what is wrong, or not. */
static void read_damaged(struct side *s, size_t *errors)
{
	static struct posting out[MAX_MESSAGES];
	struct tally t = {0, 0};
	struct index_range r;
	int shapes[SHAPES], i;
	size_t n;

	for (i = 0; i < 20; i++) {
		random_range(&r, shapes);
		if (!index_read(s->ix, &r, out, 1 + rnd(3000), &n, &err))
			continue;
		++*errors;
		CHECK(strstr(err.text, "index key ") &&
		    strstr(err.text, " row "), "an error without its place");
	}
	if (index_walk(s->ix, visit, &t, &err))
		++*errors;
	es_err_clear(&err);
	CHECK(!sqlite3_next_stmt(s->db, NULL) || sqlite3_get_autocommit(s->db)
	    == 0, "no transaction");
}

/* Damage does not change a stamp, so what is known would go on to hold. */
static void forget(struct side *s)
{
	index_close(s->ix);
	CHECK(!index_open(s->db, secret, has_runs, &s->ix, &err), "index_open");
	index_set_tail(s->ix, 1000);
}

static void damage(struct side *s, const char *sql)
{
	unsigned char bytes[24];
	sqlite3_stmt *st;
	size_t i, n = rnd(sizeof bytes);

	for (i = 0; i < n; i++)
		bytes[i] = (unsigned char)(rnd(3) ? rnd(256) : rnd(4) * 127);
	CHECK(!sqlite3_prepare_v2(s->db, sql, -1, &st, NULL), "%s: %s", sql,
	    sqlite3_errmsg(s->db));
	sqlite3_bind_blob(st, 1, bytes, (int)n, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, rnd(3) ? rnd(9000) : rnd(3) ?
	    (int64_t)rnd(1u << 31) * 4000000000 : rnd(2) ? INT64_MAX :
	    INT64_MIN);
	sqlite3_bind_int(st, 3, (int)rnd(10007));
	CHECK(sqlite3_step(st) == SQLITE_DONE, "%s", sqlite3_errmsg(s->db));
	sqlite3_finalize(st);
	forget(s);
}

static void test_damage(int rounds)
{
	static const char *const sql[] = {
#define ONE(t) " WHERE rowid = (SELECT rowid FROM " t \
	" ORDER BY rowid % 100003 * ?3 % 10007 LIMIT 1)"
#define ONE_POST " WHERE (id, shape, first) = (SELECT id, shape, first" \
	" FROM tag_post ORDER BY first * ?3 % 10007 LIMIT 1)"
		"UPDATE tag_open SET data = ?1" ONE("tag_open"),
		"UPDATE tag_open SET data = x'80', last = ?2" ONE("tag_open"),
		"UPDATE tag_open SET spilled = ?2" ONE("tag_open"),
		"UPDATE OR REPLACE tag_open SET id = ?2" ONE("tag_open"),
		"UPDATE OR REPLACE tag_key SET id = ?2" ONE("tag_key"),
		"UPDATE OR REPLACE tag_key SET h = h + ?2 % 9" ONE("tag_key"),
		"DELETE FROM tag_open" ONE("tag_open"),
		"UPDATE tag_post SET data = ?1" ONE_POST,
		"UPDATE tag_post SET last = ?2" ONE_POST,
		"UPDATE OR REPLACE tag_post SET first = ?2" ONE_POST,
		"UPDATE OR REPLACE tag_post SET shape = ?2" ONE_POST,
		"DELETE FROM tag_post" ONE_POST,
		"UPDATE tag_block SET data = ?1" ONE("tag_block"),
		"UPDATE tag_block SET data = substr(data, 1, ?3 % 3000)"
		    ONE("tag_block"),
		"UPDATE OR REPLACE tag_block SET h = h + ?2" ONE("tag_block"),
		"UPDATE OR REPLACE tag_block SET run = ?2 % 4" ONE("tag_block"),
		"DELETE FROM tag_block" ONE("tag_block"),
		"UPDATE tag_run SET first = ?2" ONE("tag_run"),
		"UPDATE tag_run SET last = ?2" ONE("tag_run"),
		"UPDATE tag_run SET postings = ?2" ONE("tag_run"),
		"UPDATE tag_run SET low = ?2, high = ?2" ONE("tag_run"),
		"UPDATE OR REPLACE tag_run SET run = ?2" ONE("tag_run"),
		"UPDATE tag_tail SET meta = ?1" ONE("tag_tail"),
		"UPDATE tag_tail SET keys = ?1" ONE("tag_tail"),
		"UPDATE tag_tail SET last = ?2" ONE("tag_tail"),
		"UPDATE OR REPLACE tag_tail SET first = ?2" ONE("tag_tail"),
	};
	size_t errors = 0, n = sizeof sql / sizeof *sql;
	struct side s;
	int i;

	n_model = 0;
	create(&s);
	run(&s, "BEGIN IMMEDIATE");
	index_set_tail(s.ix, 1000);
	while (n_model < 8000)
		add_one(&s);
	CHECK(!index_flush(s.ix, &err), "flush");
	while (n_model < 8500)
		add_one(&s);		/* these stay in the tail */
	CHECK(!index_flush(s.ix, &err), "flush");
	run(&s, "COMMIT");
	for (i = 0; i < rounds; i++) {
		run(&s, "BEGIN IMMEDIATE");
		damage(&s, sql[(size_t)i % n]);
		read_damaged(&s, &errors);
		if (index_add(s.ix, 8501 + 2000 * rnd(2), 1, (uint64_t[]){some_key(1)}, 1,
		    &err) || index_flush(s.ix, &err))
			errors++;
		run(&s, "ROLLBACK");
		index_rollback(s.ix);
	}
	CHECK(errors >= (size_t)rounds / 2, "%zu errors only", errors);
	compare_walk(&s);
	side_close(&s);
}

static void damaged_text(struct side *s, const char *sql, const char *text)
{
	struct index_range r = {.key = INDEX_EVERY};
	static struct posting out[MAX_MESSAGES];
	size_t n;

	run(s, "BEGIN IMMEDIATE");
	run(s, sql);
	forget(s);
	CHECK(index_read(s->ix, &r, out, MAX_MESSAGES, &n, &err), "%s", sql);
	CHECK(!strcmp(err.text, text), "%s", sql);
	run(s, "ROLLBACK");
}

static void test_damage_named(void)
{
	struct side s;

	n_model = 0;
	create(&s);
	run(&s, "BEGIN IMMEDIATE");
	index_set_tail(s.ix, 1000);
	while (n_model < 2000)
		add_one(&s);
	CHECK(!index_flush(s.ix, &err), "flush");
	add_one(&s);
	CHECK(!index_flush(s.ix, &err), "flush");
	run(&s, "COMMIT");
	damaged_text(&s, "UPDATE tag_open SET data = x'8080' WHERE id = 0",
	    "index key 0000000000000000: tag_open row (0, -1, 2000): "
	    "not a list of postings");
	damaged_text(&s, "UPDATE tag_tail SET meta = x'80'",
	    "index key 0000000000000000: tag_tail row 2001: "
	    "not a list of messages");
	side_close(&s);
}

/* ---- what a read costs ---- */

/*
 * 1 in 20 campaigns, 1000 donations at a time of ten messages each; a
 * campaign's own messages are its first and one in the middle.
 */
struct cost {
	uint64_t donation, guard, campaign, types, merged;
};

static uint64_t key_of(const char *name, int64_t value)
{
	char tag[64];

	snprintf(tag, sizeof tag, "%s:%lld", name, (long long)value);
	return tagkey(secret, tag, strlen(tag));
}

static void fill(struct side *s, int64_t messages)
{
	int64_t p, created = 0;

	run(s, "BEGIN IMMEDIATE");
	for (p = 1; p <= messages; p++) {
		int64_t donation = p / 10000 * 1000 + p % 1000;
		uint64_t keys[2] = {key_of("campaign_id", p % 20),
		    key_of("donation_id", donation)};
		bool own = p <= 20 || p / 20 == messages / 40;

		created += own;
		CHECK(!index_add(s->ix, p, own ? 0 : 1 + (int)(p / 1000 % 10),
		    keys, own ? 1 : 2, &err), "add");
		if (p % 300 == 0) {
			CHECK(!index_flush(s->ix, &err), "flush");
			run(s, "COMMIT; BEGIN IMMEDIATE");
		}
	}
	CHECK(!index_flush(s->ix, &err), "flush");
	run(s, "COMMIT");
	CHECK(created == 40, "%lld", (long long)created);
}

static uint64_t rows(struct side *s, struct index_range r, size_t want,
    size_t max)
{
	static struct posting out[1000];
	uint64_t before = index_rows_read(s->ix);
	size_t n;

	CHECK(!index_read(s->ix, &r, out, max, &n, &err), "read");
	CHECK(n == want, "%zu postings, not %zu", n, want);
	return index_rows_read(s->ix) - before;
}

static void measure(int64_t messages, struct cost *c)
{
	static const int own[] = {0}, none[] = {200}, three[] = {2, 5, 7};
	uint64_t busy = key_of("campaign_id", 7);
	struct side s;

	create(&s);
	index_set_tail(s.ix, INDEX_TAIL);
	fill(&s, messages);
	/* a donation's ten messages: its key, its row */
	c->donation = rows(&s, (struct index_range){
	    .key = key_of("donation_id", 107)}, 10, 100);
	/* nothing after the position of a read, even in a busy campaign */
	c->guard = rows(&s, (struct index_range){.key = busy,
	    .after = messages - 500, .shapes = none, .nshapes = 1,
	    .reverse = true}, 0, 1);
	/* a campaign's own among all its donations' */
	c->campaign = rows(&s, (struct index_range){.key = busy,
	    .shapes = own, .nshapes = 1}, 2, 100);
	/* by types */
	c->types = rows(&s, (struct index_range){.key = INDEX_EVERY,
	    .shapes = own, .nshapes = 1}, 40, 100);
	c->merged = rows(&s, (struct index_range){.key = busy,
	    .shapes = three, .nshapes = 3, .after = messages / 2}, 50, 50);
	side_close(&s);
}

static void test_cost(void)
{
	struct cost small, large;

	measure(10000, &small);
	measure(100000, &large);
	printf("rows read at 10k / 100k: donation %d/%d guard %d/%d "
	    "campaign %d/%d types %d/%d merged %d/%d\n", (int)small.donation,
	    (int)large.donation, (int)small.guard, (int)large.guard,
	    (int)small.campaign, (int)large.campaign, (int)small.types,
	    (int)large.types, (int)small.merged, (int)large.merged);
	/*
	 * Of the tail's rows, six or so, each looks at those that it must; the
	 * first one sees which runs there are.
	 */
	CHECK(small.donation <= 20 && large.donation <= 20, "donation");
	CHECK(small.guard <= 12 && large.guard <= 12, "guard");
	CHECK(small.campaign <= 12 && large.campaign <= 12, "campaign");
	CHECK(small.types <= 12 && large.types <= 12, "types");
	CHECK(small.merged <= 20 && large.merged <= 20, "merged");
}

static void test_tagkey(void)
{
	static const char *const v7[] = {
		"d:01890a5d-ac96-774b-bcce-b302099a8057",
		"d:01890a5d-ac97-774b-bcce-b302099a8058"};
	unsigned char k[16], text[15];
	uint64_t a, b;
	int i;

	for (i = 0; i < 16; i++)
		k[i] = (unsigned char)i;
	for (i = 0; i < 15; i++)
		text[i] = (unsigned char)i;
	/* the vector in the paper that defines SipHash */
	CHECK(siphash(k, text, 15) == UINT64_C(0xa129ca6149be45e5), "siphash");
	a = tagkey(secret, v7[0], strlen(v7[0]));
	b = tagkey(secret, v7[1], strlen(v7[1]));
	CHECK(a != b && a >> 28 == b >> 28 && a >> 62 == 1, "v7");
	a = tagkey(secret, "d:01890A5D-AC96-774B-BCCE-B302099A8057", 38);
	CHECK(a != b && a >> 28 == b >> 28, "v7 in capitals");
	a = tagkey(secret, "d:01890A5D-AC96-774B-BCCE-B302099A805G", 38);
	CHECK(a >> 62 == 0, "no UUID");
	a = tagkey(secret, "order:1001", 10);
	b = tagkey(secret, "order:1002", 10);
	CHECK(b - a == 1, "numbers");
	CHECK(tagkey(secret, "x", 1) != tagkey(secret, "y", 1), "short");
	CHECK(tagkey(secret, "", 0) != INDEX_EVERY, "empty");
}

int main(int argc, char **argv)
{
	int rounds = 150;

	if (argc > 1) {
		seed = strtoull(argv[1], NULL, 10);
		rounds = 2000;
	}
	state = seed;
	model = calloc(MAX_MESSAGES, sizeof *model);
	removed = calloc(MAX_MESSAGES, sizeof *removed);
	CHECK(model && removed, "memory");
	snprintf(path, sizeof path, "%s/index-%ld.db",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp", (long)getpid());
	test_tagkey();
	test_refused();
	test_model(rounds, 0);
	test_model(rounds / 4, rounds / 8);
	test_model(rounds / 8, rounds / 8);
	test_remove_all();
	test_damage_named();
	test_damage(rounds);
	test_cost();
	unlink(path);
	free(model);
	free(removed);
	return 0;
}
