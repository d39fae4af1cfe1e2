#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "checkint.h"
#include "storeimpl.h"

#define BUCKETS 65536		/* of sums, at most */
#define BUCKET_BITS 6		/* positions in one, at least */

/* ---- findings ---- */

static char *next_text(struct check *c)
{
	return c->texts[c->next_text++ % (sizeof c->texts / sizeof *c->texts)];
}

const char *check_text(struct check *c, const char *fmt, ...)
{
	char plain[400];
	va_list ap;

	va_start(ap, fmt);
	es_text(plain, sizeof plain, fmt, ap);
	va_end(ap);
	return es_escape(next_text(c), sizeof c->texts[0], plain,
	    strlen(plain));
}

const char *check_span(struct check *c, struct span s)
{
	return es_escape(next_text(c), sizeof c->texts[0], s.p ? s.p : "",
	    s.n);
}

const char *check_bytes(struct check *c, const void *p, size_t n)
{
	const unsigned char *q = p;
	char *to = next_text(c);
	size_t i;

	if (!p)
		return "NULL";
	if (n == 0)
		return "nothing";
	for (i = 0; i < n && i < 64; i++)
		snprintf(to + 2 * i, 3, "%02x", q[i]);
	return to;
}

const char *check_number(struct check *c, int64_t n)
{
	return check_text(c, "%lld", (long long)n);
}

static int found(struct check *c, const char *table, const char *row,
    int64_t position, const char *what, const char *expected,
    const char *there, struct es_err *err)
{
	struct check_finding f = {table, row, position, what, expected, there};

	c->sum->findings++;
	return c->listener->finding(c->listener->ctx, &f, err);
}

int check_found(struct check *c, const char *table, const char *row,
    const char *what, const char *expected, const char *there,
    struct es_err *err)
{
	return found(c, table, row, 0, what, expected, there, err);
}

int check_found_at(struct check *c, int64_t first, int64_t last,
    const char *what, const char *expected, const char *there,
    struct es_err *err)
{
	return found(c, "message", first == last ? check_number(c, first) :
	    check_text(c, "%lld to %lld", (long long)first, (long long)last),
	    first, what, expected, there, err);
}

int check_unreadable(struct check *c, const char *table, struct es_err *err)
{
	struct es_err why = *err;

	/* Where SQLite has not failed, memory has, or what was read is wrong. */
	if (why.code == ES_BUSY || (rows_well(c->db) ? why.outside :
	    !rows_damage(c->db)))
		return -1;
	es_err_clear(err);
	return check_found(c, table, "", "reading", "a table that can be read",
	    check_span(c, span_str(why.text)), err);
}

void check_progress(struct check *c, const char *phase, int64_t done,
    int64_t total)
{
	if (c->listener->progress)
		c->listener->progress(c->listener->ctx, phase, done, total);
}

/* ---- sums ---- */

int check_sums_open(struct check_sums *s, int64_t head, struct es_err *err)
{
	s->shift = BUCKET_BITS;
	while (head >> s->shift >= BUCKETS)
		s->shift++;
	s->n = head > 0 ? (size_t)((head - 1) >> s->shift) + 1 : 0;
	s->wanted = calloc(s->n + 1, sizeof *s->wanted);
	s->there = calloc(s->n + 1, sizeof *s->there);
	return s->wanted && s->there ? 0 : es_fail_nomem(err);
}

void check_sums_free(struct check_sums *s)
{
	free(s->wanted);
	free(s->there);
}

static uint64_t mixed(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t check_mix(uint64_t a, uint64_t b, uint64_t c)
{
	return mixed(mixed(mixed(a + UINT64_C(0x9e3779b97f4a7c15)) + b) + c);
}

size_t check_sums_differ(const struct check_sums *s, size_t i)
{
	while (i < s->n && s->wanted[i] == s->there[i])
		i++;
	return i;
}

/* ---- the whole ---- */

static int open_rest(struct check *c, struct es_err *err)
{
	if (names_open(c->db, &c->names, err) < 0 ||
	    names_refresh(c->names, err) < 0)
		return check_unreadable(c, "type", err);
	if (index_open(c->db->h, c->secret,
	    c->sum->format >= STORE_FORMAT_RUNS, &c->index, err) < 0 ||
	    check_sums_open(&c->postings, c->head, err) < 0 ||
	    check_sums_open(&c->ids, c->head, err) < 0)
		return -1;
	return check_names(c, err);
}

/* What all else needs: schema, secret, head; in one snapshot. */
static int begin(struct check *c, struct es_err *err)
{
	int r;

	if (db_read_begin(c->db, err) < 0)
		return check_unreadable(c, "file", err);
	if (db_exec(c->db, "select 1 from sqlite_schema", err) < 0) {
		/* Whether it was one once cannot be told. */
		if ((sqlite3_errcode(c->db->h) & 0xff) == SQLITE_NOTADB)
			return es_fail(err, ES_FAILED, "%s: file is not a "
			    "database; if it was a store, try --salvage",
			    c->db->path);
		if (!rows_damage(c->db))
			return -1;
	}
	r = check_schema(c, err);
	if (r == 0)
		r = check_meta(c, err);
	if (r == 0 && c->head >= 0)
		r = open_rest(c, err);
	db_read_end(c->db);
	return r;
}

static int all(struct check *c, struct es_err *err)
{
	static int (*const passes[])(struct check *, struct es_err *) = {
		check_messages, check_ids, check_index, check_outcomes,
		check_provenance, check_groups,
	};
	size_t i;

	/* A newer format, and what is no store, come before all else. */
	if (begin(c, err) < 0 || check_sqlite(c, err) < 0)
		return -1;
	if (!c->index)
		return 0;
	for (i = 0; i < sizeof passes / sizeof *passes; i++)
		if (passes[i](c, err) < 0)
			return -1;
	return 0;
}

static void release(struct check *c)
{
	names_close(c->names);
	index_close(c->index);
	check_sums_free(&c->postings);
	check_sums_free(&c->ids);
	free(c->loaded);
	catalog_free(c->catalog);
	arena_free(&c->arena);
	buf_free(&c->line);
	buf_free(&c->text);
	json_free(&c->doc);
	keys_free(&c->keys);
	db_close(c->db);
}

int check_store(const char *path, const struct check_listener *listener,
    struct check_summary *sum, struct es_err *err)
{
	struct check c = {.listener = listener, .sum = sum, .head = -1};
	bool missing = false;
	int r;

	*sum = (struct check_summary){0};
	if (db_open(path, DB_READ, &c.db, &missing, err) < 0)
		return missing ? es_fail(err, ES_FAILED, "%s: there is no "
		    "store here: make one with es-init", path) : -1;
	r = all(&c, err);
	release(&c);
	return r;
}
