#include <stdlib.h>
#include <string.h>

#include "find.h"
#include "plan.h"

#define PAGE_FIRST 64		/* candidates of the first page */
#define PAGE_MAX 4096
#define PAGE_BYTES (1024 * 1024)

struct find {
	struct store *store;
	const struct query *query;
	struct query_bounds bounds;
	struct plan plan;
	int64_t head;
	int64_t after, before;	/* what is still to be read, exclusive */
	int64_t left;		/* of the limit; -1: none */
	int64_t covered;
	bool exhausted;		/* no candidates left in (after, before) */
	/* newest matches of the items with `last`, ascending */
	int64_t *last;
	size_t n_last;
	/* the page */
	size_t page;
	struct arena arena;
	struct message *found;
	size_t n, at, cap;
	int64_t *candidates;
	sqlite3_stmt *scan, *scan_back;
};

/* ---- snapshots ---- */

/* Inside a write transaction a page reads in that one. */
static int page_begin(struct store *s, struct es_err *err)
{
	if (s->db->writing)
		return 0;
	if (db_read_begin(s->db, err) < 0)
		return -1;
	if (store_refresh(s, err) < 0) {
		db_read_end(s->db);
		return -1;
	}
	return 0;
}

static void page_end(struct store *s)
{
	if (!s->db->writing)
		db_read_end(s->db);
}

/* ---- one page ---- */

static int keep(struct find *f, const struct message *m, struct es_err *err)
{
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

static int take_row(struct find *f, sqlite3_stmt *st, struct es_err *err)
{
	struct message m;
	int shape;

	f->store->messages_read++;
	if (row_read(f->store->names, st, &f->arena, &m, &shape, err) < 0)
		return -1;
	if (!f->plan.everything && !is_last(f, m.position)) {
		int r = plan_match(f->store, f->query, true, &m, shape, err);

		if (r <= 0)
			return r;
	}
	return keep(f, &m, err);
}

/* Everything: rows in order of position. */
static int scan_page(struct find *f, struct es_err *err)
{
	sqlite3_stmt *st = f->bounds.reverse ? f->scan_back : f->scan;
	size_t rows = 0;
	int r = 0;

	sqlite3_bind_int64(st, 1, f->after);
	sqlite3_bind_int64(st, 2, f->before);
	while (rows < f->page && f->arena.used < PAGE_BYTES &&
	    (r = db_row(f->store->db, st, err)) > 0) {
		rows++;
		if (take_row(f, st, err) < 0) {
			r = -1;
			break;
		}
	}
	sqlite3_reset(st);
	if (r < 0)
		return -1;
	if (r == 0 && rows < f->page && f->arena.used < PAGE_BYTES)
		f->exhausted = true;
	if (f->n > 0) {
		int64_t reached = f->found[f->n - 1].position;

		*(f->bounds.reverse ? &f->before : &f->after) = reached;
	}
	return 0;
}

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
	int r;

	sqlite3_bind_int64(st, 1, position);
	r = db_row(f->store->db, st, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: damaged: the index names "
		    "position %lld, which is not there (see es-check)",
		    f->store->db->path, (long long)position);
	r = take_row(f, st, err);
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
	for (i = 0; i < n && f->arena.used < PAGE_BYTES; i++) {
		if (fetch(f, f->candidates[i], err) < 0)
			return -1;
		*(f->bounds.reverse ? &f->before : &f->after) =
		    f->candidates[i];
	}
	f->exhausted = before < f->page && n < f->page && i == n;
	return 0;
}

static int read_page(struct find *f, struct es_err *err)
{
	int r;

	f->n = f->at = 0;
	arena_reset(&f->arena);
	if (page_begin(f->store, err) < 0)
		return -1;
	r = f->plan.shapes != names_shapes(f->store->names) ?
	    plan_make(f->store, f->query, true, &f->plan, err) : 0;
	if (r == 0)
		r = f->plan.everything ? scan_page(f, err) :
		    index_page(f, err);
	page_end(f->store);
	f->page = f->page * 4 < PAGE_MAX ? f->page * 4 : PAGE_MAX;
	return r;
}

/* ---- bounds ---- */

static int stored_at(struct store *s, int64_t position, int64_t *out,
    struct es_err *err)
{
	struct message m;
	int r = store_get(s, position, &m, err);

	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: damaged: no message at "
		    "position %lld", s->db->path, (long long)position);
	*out = r > 0 ? m.stored_at : 0;
	return r < 0 ? -1 : 0;
}

/*
 * First position after `after` with stored_at >= micros, or head + 1; times
 * ascend.
 */
static int first_at(struct store *s, int64_t micros, int64_t after,
    int64_t head, int64_t *out, struct es_err *err)
{
	int64_t low = after + 1, high = head + 1, middle, at = 0;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (stored_at(s, middle, &at, err) < 0)
			return -1;
		if (at >= micros)
			high = middle;
		else
			low = middle + 1;
	}
	*out = low;
	return 0;
}

static int apply_times(struct find *f, struct es_err *err)
{
	int64_t p;

	if (f->bounds.since) {
		if (first_at(f->store, f->bounds.since, f->after, f->head, &p,
		    err) < 0)
			return -1;
		if (p - 1 > f->after)
			f->after = p - 1;
	}
	if (f->bounds.until) {
		if (first_at(f->store, f->bounds.until + 1, f->after,
		    f->head, &p, err) < 0)
			return -1;
		if (p < f->before)
			f->before = p;
	}
	return 0;
}

/* The newest match of one item in (after, before): 0 when there is none. */
static int newest(struct find *f, const struct query_item *item,
    int64_t *position, struct es_err *err)
{
	struct query_item one = *item;
	struct query q = {.items = &one, .n = 1};
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct find *inner;
	struct message m;
	int r;

	one.last = false;
	b.after = f->after;
	b.before = f->before;
	b.reverse = true;
	b.limit = 1;
	*position = 0;
	if (find_open(f->store, &q, &b, f->head, &inner, err) < 0)
		return -1;
	r = find_next(inner, &m, err);
	if (r > 0)
		*position = m.position;
	find_close(inner);
	return r < 0 ? -1 : 0;
}

static int apply_last(struct find *f, struct es_err *err)
{
	size_t i;

	f->n_last = 0;
	for (i = 0; i < f->query->n; i++) {
		int64_t p, *v;

		if (!f->query->items[i].last)
			continue;
		if (newest(f, &f->query->items[i], &p, err) < 0)
			return -1;
		v = realloc(f->last, (f->n_last + 1) * sizeof *v);
		if (!v)
			return es_fail_nomem(err);
		f->last = v;
		if (p)
			f->last[f->n_last++] = p;
	}
	return 0;
}

/* --tail N: begin before the N-th newest match. */
static int apply_tail(struct find *f, struct es_err *err)
{
	struct query_bounds b = f->bounds;
	struct find *inner;
	struct message m;
	int64_t n = f->bounds.tail, position = f->before;
	int r = 1;

	if (n < 0)
		return 0;
	b.after = f->after;
	b.before = f->before;
	b.since = b.until = 0;
	b.tail = -1;
	b.limit = n;
	b.reverse = true;
	if (find_open(f->store, f->query, &b, f->head, &inner, err) < 0)
		return -1;
	while ((r = find_next(inner, &m, err)) > 0)
		position = m.position;
	find_close(inner);
	f->after = position - 1;
	return r < 0 ? -1 : 0;
}

/* ---- the reader ---- */

static int begin_range(struct find *f, int64_t head, struct es_err *err)
{
	if (store_head(f->store, &f->head, err) < 0)
		return -1;
	if (head > 0 && head < f->head)
		f->head = head;
	f->before = f->head + 1;
	if (f->bounds.before > 0 && f->bounds.before < f->before)
		f->before = f->bounds.before;
	f->exhausted = false;
	f->plan.shapes = -1;
	return apply_times(f, err) < 0 || apply_last(f, err) < 0 ||
	    apply_tail(f, err) < 0 ? -1 : 0;
}

static int prepare_scan(struct find *f, struct es_err *err)
{
	struct db *db = f->store->db;

	if (!f->query->everything)
		return 0;
	return f->bounds.reverse ? db_prepare(db, "select " ROW_COLUMNS
	    " from message where position > ? and position < ? "
	    "order by position desc", &f->scan_back, err) :
	    db_prepare(db, "select " ROW_COLUMNS " from message "
	    "where position > ? and position < ? order by position",
	    &f->scan, err);
}

int find_open(struct store *s, const struct query *q,
    const struct query_bounds *b, int64_t head, struct find **out,
    struct es_err *err)
{
	struct find *f = calloc(1, sizeof *f);

	*out = NULL;
	if (!f || !(f->candidates = malloc(PAGE_MAX * sizeof(int64_t)))) {
		free(f);
		return es_fail_nomem(err);
	}
	f->store = s;
	f->query = q;
	f->bounds = b ? *b : (struct query_bounds)QUERY_BOUNDS_ALL;
	f->after = f->bounds.after;
	f->left = f->bounds.limit;
	/* Who wants few messages is not made to read many. */
	f->page = f->left > 0 && f->left < PAGE_FIRST ? (size_t)f->left :
	    PAGE_FIRST;
	if (prepare_scan(f, err) < 0 || begin_range(f, head, err) < 0) {
		find_close(f);
		return -1;
	}
	f->covered = f->after < f->head ? f->after : f->head;
	*out = f;
	return 0;
}

void find_close(struct find *f)
{
	if (!f)
		return;
	plan_free(&f->plan);
	sqlite3_finalize(f->scan);
	sqlite3_finalize(f->scan_back);
	arena_free(&f->arena);
	free(f->found);
	free(f->candidates);
	free(f->last);
	free(f);
}

int find_next(struct find *f, struct message *out, struct es_err *err)
{
	if (f->left == 0)
		return 0;
	while (f->at == f->n) {
		if (f->exhausted || f->before - f->after <= 1) {
			/* All of the range was given. */
			f->n = f->at = 0;
			if (!f->bounds.reverse)
				f->covered = f->bounds.before > 0 &&
				    f->bounds.before <= f->head ?
				    f->bounds.before - 1 : f->head;
			return 0;
		}
		if (read_page(f, err) < 0)
			return -1;
	}
	*out = f->found[f->at++];
	f->covered = out->position;
	if (f->left > 0)
		f->left--;
	return 1;
}

int64_t find_head(const struct find *f)
{
	return f->head;
}

int64_t find_covered(const struct find *f)
{
	return f->covered;
}

int find_more(struct find *f, struct es_err *err)
{
	f->after = f->head > f->after ? f->head : f->after;
	f->bounds.tail = -1;
	f->page = PAGE_FIRST;
	return begin_range(f, 0, err);
}

int find_count(struct find *f, int64_t *count, struct es_err *err)
{
	struct message m;
	int r;

	*count = 0;
	while ((r = find_next(f, &m, err)) > 0)
		++*count;
	return r;
}

int find_any(struct store *s, const struct query *q, int64_t after,
    int64_t up_to, bool *any, int64_t *position, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct query plain = {.everything = q->everything, .n = q->n};
	struct find *f;
	struct message m;
	size_t i;
	int r;

	*any = false;
	if (up_to <= after)
		return 0;
	/* Whatever came after is newer: `last` makes no difference. */
	plain.items = calloc(q->n + 1, sizeof *plain.items);
	if (!plain.items)
		return es_fail_nomem(err);
	for (i = 0; i < q->n; i++) {
		plain.items[i] = q->items[i];
		plain.items[i].last = false;
	}
	b.after = after;
	b.limit = 1;
	r = find_open(s, &plain, &b, up_to, &f, err);
	if (r == 0) {
		r = find_next(f, &m, err);
		*any = r > 0;
		if (r > 0 && position)
			*position = m.position;
		find_close(f);
	}
	free(plain.items);
	return r < 0 ? -1 : 0;
}

uint64_t find_rows_read(const struct store *s)
{
	return index_rows_read(s->index);
}

uint64_t find_messages_read(const struct store *s)
{
	return s->messages_read;
}
