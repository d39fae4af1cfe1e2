/*
 * viewstep: read on, fold, commit; and put a new generation in the place of
 * the old one.
 */
#include <string.h>

#include "sys.h"
#include "view.h"
#include "viewint.h"

#define BATCH_MIN 16
#define BATCH_MAX 4096
#define BATCH_BYTES (4 * 1024 * 1024)
#define BATCH_STATES 4096	/* touched; one message may go beyond */
#define STEP_MS 100		/* what a step should take at most */

/* ---- reading the log ---- */

int view_upcast(struct view *v, struct message *m, struct es_err *err)
{
	return upcast_or_fail(v->upcast, store_catalog(v->store), m, err) < 0 ?
	    es_err_at(err, "%s", v->handler->path) : 0;
}

/* Its partition is that of the message as it is stored. */
static int add_message(struct view *v, struct message *m, struct es_err *err)
{
	struct partition p;
	bool complete, many;
	int r;

	if (m->erased_at)
		return 0;
	if (partition_of(v->store, v->handler, m, &p, &complete, &many,
	    err) < 0)
		return -1;
	r = view_upcast(v, m, err) < 0 ? -1 :
	    viewbatch_add(&v->batch, m, p.values, complete, err);
	partition_free(&p);
	return r;
}

static int read_on(struct view *v, bool *end, struct es_err *err)
{
	struct viewbatch *b = &v->batch;
	struct query_bounds bounds = QUERY_BOUNDS_ALL;
	struct message m;
	size_t n = 0;
	int r = 1;

	bounds.after = v->at.position;
	if (!v->find && find_open(v->store, &v->query, &bounds, 0, &v->find,
	    err) < 0)
		return -1;
	while (n < v->size && b->lines.n < BATCH_BYTES &&
	    b->n_states < BATCH_STATES &&
	    (r = find_next(v->find, &m, err)) > 0) {
		if (add_message(v, &m, err) < 0)
			return -1;
		n++;
	}
	*end = r == 0;
	return r < 0 ? -1 : 0;
}

/* ---- committing ---- */

/* The id of the message at a position. */
static int id_at(struct view *v, int64_t position, char *id,
    struct es_err *err)
{
	struct message m;
	int r;

	id[0] = '\0';
	if (position == 0)
		return 0;
	r = store_get(v->store, position, &m, err);
	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: damaged: no message at "
		    "position %lld", store_path(v->store),
		    (long long)position);
	if (r > 0) {
		memcpy(id, m.id.p, m.id.n);
		id[m.id.n] = '\0';
	}
	return r < 0 ? -1 : 0;
}

/* In the transaction: whether the model is where we left it. */
static int unmoved(struct view *v, bool *yes, struct es_err *err)
{
	int r;

	*yes = true;
	if (!v->rebuilding && viewfile_current(&v->file, yes, err) < 0)
		return -1;
	if (!*yes)
		return 0;
	r = db_row(v->file.db, v->where, err);
	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: damaged: no position",
		    v->file.db->path);
	if (r < 0)
		return -1;
	*yes = sqlite3_column_int64(v->where, 0) == v->at.position &&
	    span_is(db_text(v->where, 1), v->at.id);
	sqlite3_reset(v->where);
	return 0;
}

/* What a new state is found by. */
static int write_key(struct view *v, const struct viewbatch_state *s,
    struct es_err *err)
{
	size_t i;

	db_bind_text(v->add_key, 1, s->key);
	for (i = 0; i < v->handler->n_partition_by; i++)
		db_bind_text(v->add_key, (int)i + 2, span_str(s->values[i]));
	return db_done(v->file.db, v->add_key, err);
}

static int write_states(struct view *v, struct es_err *err)
{
	struct viewbatch *b = &v->batch;

	for (size_t i = 0; i < b->n_states; i++) {
		const struct viewbatch_state *s = &b->states[i];

		if (!s->first)
			continue;
		db_bind_text(v->upsert, 1, s->key);
		db_bind_text(v->upsert, 2, viewbatch_text(b, s));
		sqlite3_bind_int64(v->upsert, 3, viewbatch_position(b, s));
		if (db_done(v->file.db, v->upsert, err) < 0 ||
		    (s->birth && write_key(v, s, err) < 0))
			return -1;
	}
	return 0;
}

static int write_all(struct view *v, const struct viewfile_mark *to,
    struct es_err *err)
{
	if (write_states(v, err) < 0)
		return -1;
	sqlite3_bind_int64(v->move, 1, to->position);
	db_bind_text(v->move, 2, span_str(to->id));
	return db_done(v->file.db, v->move, err);
}

/*
 * *moved: another updater was faster, or another generation has taken the
 * place of this one; nothing was written.
 */
static int commit(struct view *v, int64_t position, bool *moved,
    struct es_err *err)
{
	struct viewfile_mark to = v->at;
	bool yes;

	*moved = false;
	to.position = position;
	if (id_at(v, position, to.id, err) < 0 ||
	    db_begin(v->file.db, err) < 0)
		return -1;
	if (unmoved(v, &yes, err) < 0 ||
	    (yes && (write_all(v, &to, err) < 0 ||
	    db_commit(v->file.db, err) < 0))) {
		db_rollback(v->file.db);
		return -1;
	}
	db_rollback(v->file.db);
	*moved = !yes;
	if (yes)
		v->at = to;
	return 0;
}

/* ---- a new generation takes the place of the old one ---- */

/*
 * Under the old one's write lock: an updater of it that comes later finds that
 * the link has moved, and one that was before must not have been further.
 */
static int publish(struct view *v, struct viewfile *old, bool *done,
    struct es_err *err)
{
	struct viewfile_mark m;
	bool fits = false;

	if (old->db && viewfile_mark(old->db, &m, NULL) > 0 &&
	    view_fits_log(v, &m, &fits, err) < 0)
		return -1;
	*done = !(fits && m.position > v->at.position);
	return *done ? viewfile_publish(&v->file, err) : 0;
}

static int swap(struct view *v, bool *done, struct es_err *err)
{
	struct viewfile old;
	bool damaged;
	int r = -1;

	if (viewfile_init(&old, store_path(v->store), v->handler->name,
	    err) < 0)
		return -1;
	/* One that cannot be opened is nobody's. */
	if (viewfile_open(&old, DB_WRITE, &damaged, NULL) > 0 &&
	    db_begin(old.db, err) < 0)
		goto out;
	if (publish(v, &old, done, err) < 0)
		goto out;
	if (old.db)
		db_rollback(old.db);
	if (*done) {
		v->rebuilding = false;
		viewfile_clean(&v->file);
		viewfile_unlock(&v->file);
	}
	r = 0;
out:
	viewfile_free(&old);
	return r;
}

/* ---- a step ---- */

/* A batch in which a message fails is good up to that message. */
static int fold(struct view *v, int64_t *position, struct es_err *err)
{
	struct viewbatch *b = &v->batch;
	int r;

	buf_truncate(&v->fault, 0);
	while ((r = viewbatch_run(b, err)) > 0) {
		buf_swap(&v->fault, &b->fault);
		*position = b->limit - 1;
		viewbatch_cut(b);
	}
	return r;
}

/* Take the model up where it is now. */
static int start_again(struct view *v, struct es_err *err)
{
	bool current = true;

	find_close(v->find);
	v->find = NULL;
	if (!v->rebuilding && viewfile_current(&v->file, &current, err) < 0)
		return -1;
	if (current && viewfile_mark(v->file.db, &v->at, err) > 0)
		return 0;
	return view_reattach(v, err);
}

static void adapt(struct view *v, int64_t began, bool end)
{
	int64_t took = sys_monotonic() - began;

	if (took > STEP_MS && v->size > BATCH_MIN)
		v->size /= 2;
	else if (!end && took < STEP_MS / 3 && v->size < BATCH_MAX)
		v->size *= 2;
}

static int fault(struct view *v, struct es_err *err)
{
	/* What was read behind it is read again. */
	find_close(v->find);
	v->find = NULL;
	return es_fail(err, ES_FAILED, "%s: %s", v->handler->path,
	    v->fault.p);
}

static int step(struct view *v, bool *end, bool *moved, bool *erased,
    struct es_err *err)
{
	int64_t position, began = sys_monotonic();

	*moved = *erased = false;
	viewbatch_begin(&v->batch);
	if (read_on(v, end, err) < 0)
		return -1;
	position = find_covered(v->find);
	if (fold(v, &position, err) < 0)
		return -1;
	/* Once it is past the es.message_erased nobody would look again. */
	if (view_holds_erased(v, v->at.position, v->clean > v->at.position ?
	    v->clean : v->at.position, position, erased, err) < 0)
		return -1;
	if (*erased)
		return 0;
	if (position > v->at.position &&
	    commit(v, position, moved, err) < 0)
		return -1;
	if (!*moved && v->fault.n)
		return fault(v, err);
	adapt(v, began, *end);
	return 0;
}

static int catch_up(struct view *v, int64_t head, bool *more,
    struct es_err *err)
{
	bool end, moved, erased, done = true;

	if (step(v, &end, &moved, &erased, err) < 0)
		return -1;
	if (erased)
		return view_forget(v, err);
	*more = moved || !end || find_head(v->find) < head;
	if (moved)
		return start_again(v, err);
	if (end && *more && find_more(v->find, err) < 0)
		return -1;
	if (v->rebuilding && v->at.position >= v->target &&
	    swap(v, &done, err) < 0)
		return -1;
	*more = *more || !done;
	return 0;
}

int view_step(struct view *v, bool *more, struct es_err *err)
{
	int64_t head;
	bool current = true;

	*more = true;
	if (store_head(v->store, &head, err) < 0)
		return -1;
	if (!v->rebuilding && viewfile_current(&v->file, &current, err) < 0)
		return -1;
	if (!current)
		return view_reattach(v, err);
	if (v->find && find_head(v->find) == v->at.position &&
	    find_more(v->find, err) < 0)
		return -1;
	if (catch_up(v, head, more, err) < 0) {
		/* What was read and not committed is read again. */
		find_close(v->find);
		v->find = NULL;
		return -1;
	}
	return 0;
}
