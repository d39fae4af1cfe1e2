/* The pages of a find: what stands there is read, matched and kept. */
#include <stdlib.h>
#include <string.h>

#include "findint.h"

#define PAGE_BYTES (1024 * 1024)

/* ---- snapshots ---- */

/* Inside a write transaction a page reads in that one. */
int find_begin(struct store *s, bool *began, struct es_err *err)
{
	*began = false;
	if (s->db->writing || s->db->reading)
		return 0;
	if (db_read_begin(s->db, err) < 0)
		return -1;
	if (store_refresh(s, err) < 0) {
		db_read_end(s->db);
		return -1;
	}
	*began = true;
	return 0;
}

void find_end(struct store *s, bool began)
{
	if (began)
		db_read_end(s->db);
}

/* ---- one page ---- */

static int keep(struct find *f, struct message *m, struct es_err *err)
{
	f->reached = m->position;
	if (f->as_lines) {
		message_print(&f->lines, m);
		f->n++;
		return buf_check(&f->lines, err);
	}
	if (row_keep(&f->arena, m, err) < 0)
		return -1;
	if (f->n == f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 64;
		struct message *v = realloc(f->found, cap * sizeof *v);

		if (!v)
			return es_fail_nomem(err);
		f->found = v;
		f->cap = cap;
	}
	f->found[f->n++] = *m;
	return 0;
}

static bool is_last(const struct find *f, int64_t position)
{
	size_t i;

	for (i = 0; i < f->n_last; i++)
		if (f->last[i] == position)
			return true;
	return false;
}

static int take(struct find *f, sqlite3_value **v, struct es_err *err)
{
	struct message m;
	int shape;

	f->store->messages_read++;
	if (row_borrow(f->store->names, v, &f->arena, &m, &shape, err) < 0)
		return -1;
	if (f->bounds.correlation.p &&
	    !span_eq(m.correlation_id, f->bounds.correlation))
		return 0;
	if (!f->plan.everything && !is_last(f, m.position)) {
		int r = plan_match(f->store, f->query, true, &m, shape, err);

		if (r <= 0)
			return r;
	}
	return keep(f, &m, err);
}

static bool is_full(const struct find *f)
{
	return f->arena.used >= PAGE_BYTES || f->lines.n >= PAGE_BYTES ||
	    (f->left >= 0 && f->n >= (size_t)f->left);
}

/* ---- everything ---- */

/*
 * A row of everything costs SQLite more to hand out, column by column, than to
 * find.  So the rows of a page do not come out of the statement: its condition
 * is a function that takes them where they are, and is true when the page is
 * full.
 */
static void take_values(sqlite3_context *c, int n, sqlite3_value **v)
{
	struct find *f = ((struct store *)sqlite3_user_data(c))->taking;

	(void)n;
	f->rows++;
	if (take(f, v, &f->fault) < 0)
		sqlite3_result_error(c, "es_take", -1);
	else
		sqlite3_result_int(c, f->rows >= f->page || is_full(f));
}

#define RANGE "select 1 from message where position > ?1 and position < ?2 "
#define TAKE "and es_take(" ROW_COLUMNS ") order by position"

/* Nothing is indexed by correlation: what is another's is passed over soon. */
#define CORRELATION "and (correlation = ?3 or correlation is null and id = ?3) "

static const char *scan_text(const struct find *f)
{
	static const char *const texts[2][2] = {
		{RANGE TAKE, RANGE TAKE " desc"},
		{RANGE CORRELATION TAKE, RANGE CORRELATION TAKE " desc"},
	};

	return texts[f->bounds.correlation.p != NULL][f->bounds.reverse];
}

int find_prepare(struct find *f, struct es_err *err)
{
	struct store *s = f->store;

	if (!f->query->everything)
		return 0;
	/* Once: to define it again would undo all that is prepared. */
	if (!s->takes && sqlite3_create_function(s->db->h, "es_take",
	    ROW_VALUES, SQLITE_UTF8 | SQLITE_DIRECTONLY, s, take_values, NULL,
	    NULL) != SQLITE_OK)
		return db_fail(s->db, err);
	s->takes = true;
	return db_prepare(s->db, scan_text(f), &f->scan, err);
}

static int scan_page(struct find *f, struct es_err *err)
{
	unsigned char uuid[16];
	int r;

	f->store->taking = f;
	f->fault.code = ES_OK;
	f->rows = 0;
	sqlite3_bind_int64(f->scan, 1, f->after);
	sqlite3_bind_int64(f->scan, 2, f->before);
	if (f->bounds.correlation.p)
		row_bind_id(f->scan, 3, f->bounds.correlation, uuid);
	r = db_row(f->store->db, f->scan, err);
	sqlite3_reset(f->scan);
	if (r < 0) {
		if (err && f->fault.code != ES_OK)
			*err = f->fault;
		return -1;
	}
	f->exhausted = r == 0;
	if (f->n > 0)
		*(f->bounds.reverse ? &f->before : &f->after) = f->reached;
	return 0;
}

/* ---- by the index ---- */

/* The positions of the `last` items count as one more stream. */
static size_t merge_last(const struct find *f, int64_t *v, size_t n,
    size_t max)
{
	size_t i, k;

	for (i = 0; i < f->n_last; i++) {
		int64_t p = f->last[i];
		bool back = f->bounds.reverse;

		if (p <= f->after || p >= f->before)
			continue;
		for (k = 0; k < n && (back ? v[k] > p : v[k] < p); k++)
			;
		if ((k < n && v[k] == p) || k == max)
			continue;
		if (n == max)
			n--;
		memmove(v + k + 1, v + k, (n - k) * sizeof *v);
		v[k] = p;
		n++;
	}
	return n;
}

static int fetch(struct find *f, int64_t position, struct es_err *err)
{
	sqlite3_stmt *st = f->store->by_position;
	sqlite3_value *v[ROW_VALUES];
	int r;

	sqlite3_bind_int64(st, 1, position);
	r = db_row(f->store->db, st, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: damaged: the index names "
		    "position %lld, which is not there (see es-check)",
		    f->store->db->path, (long long)position);
	row_values(st, v);
	r = take(f, v, err);
	sqlite3_reset(st);
	return r;
}

static int index_page(struct find *f, struct es_err *err)
{
	size_t n, i, before;

	if (plan_read(f->store, &f->plan, f->after, f->before,
	    f->bounds.reverse, f->candidates, f->page, &n, err) < 0)
		return -1;
	before = n;
	n = merge_last(f, f->candidates, n, f->page);
	for (i = 0; i < n && !is_full(f); i++) {
		if (fetch(f, f->candidates[i], err) < 0)
			return -1;
		*(f->bounds.reverse ? &f->before : &f->after) =
		    f->candidates[i];
	}
	f->exhausted = before < f->page && n < f->page && i == n;
	return 0;
}

int find_page(struct find *f, struct es_err *err)
{
	bool began;
	int r;

	f->n = f->at = 0;
	arena_reset(&f->arena);
	buf_truncate(&f->lines, 0);
	if (find_begin(f->store, &began, err) < 0)
		return -1;
	r = f->plan.shapes != names_shapes(f->store->names) ?
	    plan_make(f->store, f->query, true, &f->plan, err) : 0;
	if (r == 0)
		r = f->plan.everything ? scan_page(f, err) :
		    index_page(f, err);
	find_end(f->store, began);
	f->page = f->page * 4 < FIND_PAGE_MAX ? f->page * 4 : FIND_PAGE_MAX;
	return r;
}
