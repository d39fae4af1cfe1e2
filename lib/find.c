#include <stdlib.h>
#include <string.h>

#include "findint.h"

/* ---- bounds ---- */

static int stored_at(struct store *s, int64_t position, int64_t *out,
    struct es_err *err)
{
	struct message m;

	if (store_get_known(s, position, &m, err) < 0)
		return -1;
	*out = m.stored_at;
	return 0;
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

/* --id: only where that message stands. */
static int apply_id(struct find *f, struct es_err *err)
{
	int64_t position = 0;

	if (!f->bounds.id.p)
		return 0;
	if (store_find_id(f->store, f->bounds.id, &position, err) < 0)
		return -1;
	/* One that a schedule has reserved is not there yet. */
	if (position <= f->after || position >= f->before) {
		f->before = f->after + 1;
		return 0;
	}
	f->after = position - 1;
	f->before = position + 1;
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
	b.id = SPAN_NONE;
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

/* In a snapshot. */
static int begin_range(struct find *f, int64_t head, struct es_err *err)
{
	f->head = f->store->head;
	if (head > 0 && head < f->head)
		f->head = head;
	f->before = f->head + 1;
	if (f->bounds.before > 0 && f->bounds.before < f->before)
		f->before = f->bounds.before;
	f->exhausted = false;
	f->plan.shapes = -1;
	return apply_times(f, err) < 0 || apply_last(f, err) < 0 ||
	    apply_id(f, err) < 0 || apply_tail(f, err) < 0 ? -1 : 0;
}

/* The range and its first page in one snapshot: most finds need no other. */
static int start(struct find *f, int64_t head, struct es_err *err)
{
	bool began;
	int r;

	if (find_begin(f->store, &began, err) < 0)
		return -1;
	r = begin_range(f, head, err);
	f->covered = f->after < f->head ? f->after : f->head;
	if (r == 0 && f->left != 0 && f->before - f->after > 1)
		r = find_page(f, err);
	find_end(f->store, began);
	return r;
}

int find_open(struct store *s, const struct query *q,
    const struct query_bounds *b, int64_t head, struct find **out,
    struct es_err *err)
{
	struct find *f = calloc(1, sizeof *f);

	*out = NULL;
	if (!f || !(f->candidates = malloc(FIND_PAGE_MAX * sizeof(int64_t)))) {
		free(f);
		return es_fail_nomem(err);
	}
	f->store = s;
	f->query = q;
	f->bounds = b ? *b : (struct query_bounds)QUERY_BOUNDS_ALL;
	f->after = f->bounds.after;
	f->left = f->bounds.limit;
	/* Who wants few messages is not made to read many. */
	f->page = f->left > 0 && f->left < FIND_PAGE_FIRST ? (size_t)f->left :
	    FIND_PAGE_FIRST;
	if (find_prepare(f, err) < 0 || start(f, head, err) < 0) {
		find_close(f);
		return -1;
	}
	*out = f;
	return 0;
}

void find_close(struct find *f)
{
	if (!f)
		return;
	plan_free(&f->plan);
	sqlite3_finalize(f->scan);
	arena_free(&f->arena);
	buf_free(&f->lines);
	free(f->found);
	free(f->candidates);
	free(f->last);
	free(f);
}

/* 1 when the page has messages, 0 at the end, -1. */
static int next_page(struct find *f, struct es_err *err)
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
		if (find_page(f, err) < 0)
			return -1;
	}
	return 1;
}

static void given(struct find *f, size_t n, int64_t position)
{
	f->at += n;
	f->covered = position;
	if (f->left > 0)
		f->left -= (int64_t)n;
}

int find_next(struct find *f, struct message *out, struct es_err *err)
{
	int r = next_page(f, err);

	if (r <= 0)
		return r;
	*out = f->found[f->at];
	given(f, 1, out->position);
	return 1;
}

/* The first page was kept, when nobody knew that it is wanted as lines. */
static int print_kept(struct find *f, struct es_err *err)
{
	size_t i;

	for (i = f->at; i < f->n; i++)
		message_print(&f->lines, &f->found[i]);
	return buf_check(&f->lines, err);
}

int find_lines(struct find *f, struct span *lines, int64_t *count,
    struct es_err *err)
{
	int r;

	if (!f->as_lines && print_kept(f, err) < 0)
		return -1;
	f->as_lines = true;
	r = next_page(f, err);
	if (r <= 0)
		return r;
	*lines = buf_span(&f->lines);
	*count = (int64_t)(f->n - f->at);
	given(f, f->n - f->at, f->reached);
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
	int64_t head = f->head;
	bool began;
	int r;

	/* --id has narrowed the range. */
	f->after = head > f->bounds.after ? head : f->bounds.after;
	f->bounds.tail = -1;
	f->page = FIND_PAGE_FIRST;
	if (find_begin(f->store, &began, err) < 0)
		return -1;
	r = begin_range(f, 0, err);
	find_end(f->store, began);
	if (r < 0)
		return -1;
	return f->head >= head ? 0 : es_fail(err, ES_FAILED, "%s: another "
	    "log: it ends at position %lld, and %lld was read before (a backup "
	    "was restored?)", f->store->db->path, (long long)f->head,
	    (long long)head);
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

int find_any_within(struct store *s, const struct query *q,
    const struct query_bounds *bounds, int64_t up_to, bool *any,
    int64_t *position, struct es_err *err)
{
	struct query_bounds b = *bounds;
	struct query plain = {.everything = q->everything, .n = q->n};
	struct find *f;
	struct message m;
	size_t i;
	int r;

	*any = false;
	if (up_to <= b.after)
		return 0;
	/* Whether any is there is whether a newest one is; which, matters to
	 * what looks for one of an id. */
	plain.items = calloc(q->n + 1, sizeof *plain.items);
	if (!plain.items)
		return es_fail_nomem(err);
	for (i = 0; i < q->n; i++) {
		plain.items[i] = q->items[i];
		plain.items[i].last &= b.id.p || b.correlation.p;
	}
	b.limit = 1;
	b.tail = -1;
	b.reverse = false;
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

int find_any(struct store *s, const struct query *q, int64_t after,
    int64_t up_to, bool *any, int64_t *position, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;

	b.after = after;
	return find_any_within(s, q, &b, up_to, any, position, err);
}

uint64_t find_rows_read(const struct store *s)
{
	return index_rows_read(s->index);
}

uint64_t find_messages_read(const struct store *s)
{
	return s->messages_read;
}
