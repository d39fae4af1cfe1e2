#include <stdlib.h>
#include <string.h>

#include "find.h"
#include "groupbranch.h"
#include "groupcount.h"

/* A message of the branch of which something was made beyond it. */
struct undone {
	int64_t position;
	char *by;		/* the group */
};

struct branch {
	struct groups *groups;
	int64_t up_to;
	int64_t low;		/* below all that is undone */
	struct undone *v;	/* by position */
	size_t n, cap;
	sqlite3_stmt *forget_done, *forget_failing;
};

/* ---- what is undone ---- */

static int add(struct branch *b, sqlite3_stmt *st, struct es_err *err)
{
	struct span by = db_text(st, 1);
	enum outcome outcome = OUTCOME_NONE;
	struct undone *v;

	if (by.n == 0 && store_outcome(b->groups->store,
	    sqlite3_column_int64(st, 0), &outcome, NULL, NULL, err) < 0)
		return -1;
	if (outcome != OUTCOME_NONE)
		return 0;
	if (b->n == b->cap) {
		b->cap = b->cap ? 2 * b->cap : 16;
		v = realloc(b->v, b->cap * sizeof *v);
		if (!v)
			return es_fail_nomem(err);
		b->v = v;
	}
	b->v[b->n].position = sqlite3_column_int64(st, 0);
	b->v[b->n].by = strndup(by.p ? by.p : "", by.n);
	return b->v[b->n++].by ? 0 : es_fail_nomem(err);
}

static int find_undone(struct branch *b, struct store *from,
    struct es_err *err)
{
	struct db *db = store_db(from);
	sqlite3_stmt *st;
	int r;

	/* A command that was skipped later has nobody who handled it. */
	if (db_prepare(db, "select p.handled, h.name from provenance p "
	    "join handler h on h.id = p.handler "
	    "where p.handled <= ?1 and coalesce(p.last, p.read_at) > ?1 "
	    "union all select o.command, '' from outcome o "
	    "where o.command <= ?1 and o.provenance is null and o.result = ?2 "
	    "order by 1", &st, err) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, b->up_to);
	sqlite3_bind_int(st, 2, OUTCOME_SKIPPED);
	while ((r = db_row(db, st, err)) > 0)
		if (add(b, st, err) < 0) {
			r = -1;
			break;
		}
	sqlite3_finalize(st);
	b->low = b->n ? b->v[0].position - 1 : b->up_to;
	return r;
}

static bool is_undone(const struct branch *b, const char *group,
    int64_t position)
{
	size_t low = 0, high = b->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (b->v[middle].position < position)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < b->n && b->v[low].position == position; low++)
		if (strcmp(b->v[low].by, group) == 0)
			return true;
	return false;
}

/* ---- a group ---- */

static int prepare(struct branch *b, struct es_err *err)
{
	struct db *db = store_db(b->groups->store);

	return db_prepare(db, "delete from done where name = ? and "
	    "position = ?", &b->forget_done, err) < 0 ||
	    db_prepare(db, "delete from failing where name = ? and "
	    "position > ? and partition = ?", &b->forget_failing, err) < 0 ?
	    -1 : 0;
}

/* What the partition failed at comes behind the message again. */
static int handle_again(struct branch *b, struct counting *c,
    int64_t position, struct es_err *err)
{
	struct db *db = store_db(b->groups->store);
	sqlite3_stmt *both[] = {b->forget_done, b->forget_failing};

	for (int i = 0; i < 2; i++) {
		db_bind_text(both[i], 1, span_str(c->status->row.name));
		sqlite3_bind_int64(both[i], 2, position);
	}
	db_bind_text(b->forget_failing, 3, buf_span(&c->partition));
	return db_done(db, b->forget_done, err) < 0 ||
	    db_done(db, b->forget_failing, err) < 0 ? -1 : 0;
}

static int one_message(struct branch *b, struct counting *c,
    const struct message *m, struct es_err *err)
{
	const char *name = c->status->row.name;
	int64_t position = m->position;
	bool wants, pending;
	/* A command that it wants has lost its outcome. */
	bool again = delivery_decides(&c->handler, m) ||
	    is_undone(b, name, position);

	if (group_pending(c, m, &wants, &pending, err) < 0)
		return -1;
	if (!wants || pending)
		return 0;
	return again ? handle_again(b, c, position, err) :
	    group_done_add(b->groups, name,
	    group_shard_of(buf_span(&c->partition)), position, err);
}

static int messages(struct branch *b, struct counting *c, struct es_err *err)
{
	struct query_bounds bounds = QUERY_BOUNDS_ALL;
	struct find *f;
	struct message m;
	int r;

	bounds.after = b->low;
	if (b->low >= b->up_to)
		return 0;
	if (find_open(b->groups->store, &c->query, &bounds, 0, &f, err) < 0)
		return -1;
	while ((r = find_next(f, &m, err)) > 0)
		if (one_message(b, c, &m, err) < 0) {
			r = -1;
			break;
		}
	find_close(f);
	return r;
}

static int one_group(struct branch *b, const char *name, struct es_err *err)
{
	struct group_status status;
	struct counting c;
	int r = group_counting_open(b->groups, name, &c, &status, err);

	if (r <= 0)
		return r;
	r = c.handler.ops & (SCAN_DECIDE | SCAN_REACT) ?
	    messages(b, &c, err) : 0;
	group_counting_free(&c);
	group_status_free(&status);
	return r;
}

static int all_groups(struct branch *b, struct es_err *err)
{
	char **names;
	size_t n, i;
	int r = group_names(b->groups, &names, &n, err);

	if (r < 0)
		return -1;
	for (i = 0; i < n; i++) {
		if (r == 0)
			r = one_group(b, names[i], err);
		free(names[i]);
	}
	free(names);
	return r;
}

/* ---- all of them ---- */

static int bounded(struct branch *b, const char *sql, int64_t at,
    struct es_err *err)
{
	struct db *db = store_db(b->groups->store);
	sqlite3_stmt *st;
	int r;

	if (db_prepare(db, sql, &st, err) < 0)
		return -1;
	sqlite3_bind_int64(st, 1, at);
	r = db_done(db, st, err);
	sqlite3_finalize(st);
	return r;
}

/* The epoch fences nobody yet, but says that something has changed. */
static int cut(struct branch *b, struct es_err *err)
{
	return bounded(b, "update consumer set start = min(start, ?1), "
	    "react_from = min(react_from, ?1)", b->up_to, err) < 0 ||
	    bounded(b, "delete from failing where position > ?1", b->up_to,
	    err) < 0 ||
	    bounded(b, "delete from done where position > ?1", b->up_to,
	    err) < 0 ||
	    bounded(b, "update shard set position = min(position, ?1), "
	    "epoch = epoch + 1", b->low, err) < 0 ? -1 : 0;
}

int group_branch(struct groups *g, struct store *from, int64_t up_to,
    struct es_err *err)
{
	struct branch b = {.groups = g, .up_to = up_to};
	int r = prepare(&b, err);

	if (r == 0)
		r = find_undone(&b, from, err);
	if (r == 0)
		r = all_groups(&b, err);
	if (r == 0)
		r = cut(&b, err);
	sqlite3_finalize(b.forget_done);
	sqlite3_finalize(b.forget_failing);
	while (b.n > 0)
		free(b.v[--b.n].by);
	free(b.v);
	return r;
}
