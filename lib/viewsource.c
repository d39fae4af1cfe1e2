/*
 * viewsource: the states of a model as they stand in its file, and the earlier
 * messages of a partition, from the log.
 */
#include <string.h>

#include "view.h"
#include "viewint.h"

static int exists(void *ctx, struct span key, bool *yes, struct es_err *err)
{
	struct view *v = ctx;
	int r;

	db_bind_text(v->exists, 1, key);
	r = db_row(v->file.db, v->exists, err);
	*yes = r > 0;
	if (r > 0)
		sqlite3_reset(v->exists);
	return r < 0 ? -1 : 0;
}

static int state(void *ctx, struct span key, struct buf *out,
    struct es_err *err)
{
	struct view *v = ctx;
	int r;

	db_bind_text(v->state, 1, key);
	r = db_row(v->file.db, v->state, err);
	if (r > 0) {
		buf_add_span(out, db_text(v->state, 0));
		sqlite3_reset(v->state);
	}
	/* Only another updater can have taken it: the commit will tell. */
	if (r == 0)
		buf_adds(out, "null");
	return r < 0 ? -1 : buf_check(out, err);
}

/* ---- states by some of their values ---- */

static int prepare_match(struct view *v, uint64_t names, sqlite3_stmt **out,
    struct es_err *err)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	const char *word = " where ";
	char *sql;
	size_t i;
	int r, n = 0;

	sqlite3_str_appendf(s, "select key from es_model_key");
	for (i = 0; i < v->handler->n_partition_by; i++) {
		if (!(names >> i & 1))
			continue;
		sqlite3_str_appendf(s, "%sv%d = ?%d", word, (int)i + 1, ++n);
		word = " and ";
	}
	sql = sqlite3_str_finish(s);
	if (!sql)
		return es_fail_nomem(err);
	r = db_prepare(v->file.db, sql, out, err);
	sqlite3_free(sql);
	return r;
}

static int match_statement(struct view *v, uint64_t names, sqlite3_stmt **out,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < v->n_matches; i++)
		if (v->matches[i].names == names) {
			*out = v->matches[i].st;
			return 0;
		}
	if (prepare_match(v, names, out, err) < 0)
		return -1;
	/* Many shapes of messages are rare: then the last one makes room. */
	if (i == VIEW_MATCHES)
		sqlite3_finalize(v->matches[--i].st);
	v->matches[i] = (struct view_match){names, *out};
	v->n_matches = i + 1;
	return 0;
}

static int match(void *ctx, char *const *values, struct es_err *err)
{
	struct view *v = ctx;
	sqlite3_stmt *st;
	uint64_t names = 0;
	size_t i;
	int r, n = 0;

	for (i = 0; i < v->handler->n_partition_by; i++)
		if (values[i])
			names |= UINT64_C(1) << i;
	if (match_statement(v, names, &st, err) < 0)
		return -1;
	for (i = 0; i < v->handler->n_partition_by; i++)
		if (values[i])
			db_bind_text(st, ++n, span_str(values[i]));
	while ((r = db_row(v->file.db, st, err)) > 0)
		if (viewbatch_touch(&v->batch, db_text(st, 0), err) < 0) {
			sqlite3_reset(st);
			return -1;
		}
	return r;
}

/* ---- earlier messages ---- */

/*
 * Delivered there, that is: of several values of one name only the first
 * counts, when a message is read as when it comes.
 */
static int delivered(const struct view *v, const struct message *m,
    char *const *values, bool *yes, struct es_err *err)
{
	struct partition p;
	bool complete, many;
	size_t i;

	if (partition_of(v->store, v->handler, m, &p, &complete, &many,
	    err) < 0)
		return -1;
	*yes = true;
	for (i = 0; i < p.n; i++)
		if (p.values[i] && strcmp(p.values[i], values[i]) != 0)
			*yes = false;
	partition_free(&p);
	return 0;
}

static int feed_found(struct view *v, struct find *f, char *const *values,
    viewbatch_feed *feed, void *to, struct es_err *err)
{
	struct message m;
	bool yes;
	int r;

	while ((r = find_next(f, &m, err)) > 0) {
		if (m.erased_at)
			continue;
		if (delivered(v, &m, values, &yes, err) < 0 ||
		    (yes && (view_upcast(v, &m, err) < 0 ||
		    feed(to, &m, err) < 0)))
			return -1;
	}
	return r;
}

static int earlier(void *ctx, char *const *values, int64_t before,
    viewbatch_feed *feed, void *to, struct es_err *err)
{
	struct view *v = ctx;
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct partition p = {.names = v->handler->partition_by,
	    .values = (char **)(uintptr_t)values,
	    .n = v->handler->n_partition_by};
	struct query q = {0};
	struct find *f = NULL;
	int r;

	/* With one name or none no message could be there without a state. */
	if (p.n < 2 || before <= 1)
		return 0;
	if (partition_query(v->handler, &p, &q, err) < 0)
		return -1;
	r = find_open(v->store, &q, &b, before - 1, &f, err);
	if (r == 0)
		r = feed_found(v, f, values, feed, to, err);
	find_close(f);
	query_free(&q);
	return r;
}

struct viewbatch_source view_source(struct view *v)
{
	return (struct viewbatch_source){.ctx = v, .exists = exists,
	    .state = state, .match = match, .earlier = earlier};
}
