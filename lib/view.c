#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "view.h"
#include "viewint.h"

/* ---- whose model it is ---- */

/* Whether the log holds what the mark says that it held. */
int view_fits_log(struct view *v, const struct viewfile_mark *m, bool *fits,
    struct es_err *err)
{
	struct message at;
	int r;

	*fits = false;
	if (strcmp(m->store, store_id(v->store)) != 0 ||
	    strcmp(m->epoch, store_epoch(v->store)) != 0)
		return 0;
	if (m->position == 0) {
		*fits = true;
		return 0;
	}
	r = store_get(v->store, m->position, &at, err);
	*fits = r > 0 && span_is(at.id, m->id);
	return r < 0 ? -1 : 0;
}

/* es.message_erased's payload is {"id", "position", "type"}. */
static int is_taken_in(struct view *v, const struct message *m,
    int64_t position, bool *yes, struct es_err *err)
{
	const struct scan_types *types = &v->handler->scan.evolves;
	struct json_doc d = {0};
	struct buf type = {0};
	uint32_t at;
	int64_t erased = 0;
	int r = json_parse(&d, m->payload.p, m->payload.n, err);

	if (r == 0 && (at = json_get(&d, 0, "position")) != JSON_NONE)
		json_int(&d, at, 1, INT64_MAX, &erased);
	if (r == 0 && (at = json_get(&d, 0, "type")) != JSON_NONE &&
	    d.nodes[at].type == JSON_STRING)
		json_decode(&d, at, &type);
	*yes = r == 0 && erased <= position &&
	    query_type_in(types->v, types->n, buf_span(&type));
	json_free(&d);
	buf_free(&type);
	return r;
}

int view_holds_erased(struct view *v, int64_t position, int64_t since,
    int64_t up_to, bool *yes, struct es_err *err)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct message m;
	struct find *f;
	int r;

	if (find_erased(v->store, since, up_to, yes, err) < 0)
		return -1;
	if (!*yes)
		return 0;
	*yes = false;
	b.after = since;
	if (find_open(v->store, &find_erasures, &b, up_to, &f, err) < 0)
		return -1;
	while (!*yes && (r = find_next(f, &m, err)) != 0)
		if (r < 0 || is_taken_in(v, &m, position, yes, err) < 0) {
			find_close(f);
			return -1;
		}
	find_close(f);
	return 0;
}

static int judge_mark(struct view *v, enum view_reason *why,
    struct es_err *err)
{
	struct viewfile_mark m;
	bool fits, erased = false;
	int64_t head;
	int r = viewfile_mark(v->file.db, &m, err);

	if (r < 0)
		return -1;
	if (r == 0) {
		*why = VIEW_DAMAGED;
		return 0;
	}
	if (view_fits_log(v, &m, &fits, err) < 0 ||
	    store_head(v->store, &head, err) < 0 ||
	    (fits && view_holds_erased(v, m.position, m.position, head,
	    &erased, err) < 0))
		return -1;
	*why = !fits ? VIEW_OTHER_LOG : strcmp(m.hash, v->hash) != 0 ?
	    VIEW_OTHER_TEXT : erased ? VIEW_ERASED : VIEW_FITS;
	if (*why == VIEW_FITS) {
		v->at = m;
		v->clean = head;
	}
	return 0;
}

/* Open what is linked and see whether it can be gone on with. */
static int judge(struct view *v, enum view_reason *why, struct es_err *err)
{
	bool damaged;
	int r = viewfile_open(&v->file, DB_WRITE, &damaged, err);

	if (r < 0)
		return -1;
	*why = damaged ? VIEW_DAMAGED : VIEW_ABSENT;
	return r > 0 ? judge_mark(v, why, err) : 0;
}

/* ---- attaching to a generation ---- */

void view_detach(struct view *v)
{
	sqlite3_stmt **all[] = {&v->exists, &v->state, &v->upsert,
	    &v->add_key, &v->move, &v->where};
	size_t i;

	for (i = 0; i < sizeof all / sizeof *all; i++) {
		sqlite3_finalize(*all[i]);
		*all[i] = NULL;
	}
	for (i = 0; i < v->n_matches; i++)
		sqlite3_finalize(v->matches[i].st);
	v->n_matches = 0;
	find_close(v->find);
	v->find = NULL;
	viewfile_close(&v->file);
}

static int prepare_key(struct view *v, struct es_err *err)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	char *sql;
	size_t i;
	int r;

	sqlite3_str_appendf(s, "insert into es_model_key values (?");
	for (i = 0; i < v->handler->n_partition_by; i++)
		sqlite3_str_appendf(s, ",?");
	sqlite3_str_appendf(s, ")");
	sql = sqlite3_str_finish(s);
	if (!sql)
		return es_fail_nomem(err);
	r = db_prepare(v->file.db, sql, &v->add_key, err);
	sqlite3_free(sql);
	return r;
}

static int prepare(struct view *v, struct es_err *err)
{
	struct db *db = v->file.db;

	/* What an unsynced commit loses, the log gives again. */
	return db_exec(db, "pragma synchronous=normal", err) < 0 ||
	    db_prepare(db, "select 1 from states where key = ?", &v->exists,
	    err) < 0 ||
	    db_prepare(db, "select state from states where key = ?",
	    &v->state, err) < 0 ||
	    db_prepare(db, "insert into states(key, state, position) "
	    "values (?, ?, ?) on conflict(key) do update set "
	    "state = excluded.state, position = excluded.position",
	    &v->upsert, err) < 0 ||
	    db_prepare(db, "update es_model set position = ?, id = ?",
	    &v->move, err) < 0 ||
	    db_prepare(db, "select position, id from es_model", &v->where,
	    err) < 0 || prepare_key(v, err) < 0 ? -1 : 0;
}

/*
 * A first generation is linked at once, so that what was done counts when it
 * is interrupted; one that replaces another when it has caught up.
 */
static int begin_generation(struct view *v, struct es_err *err)
{
	struct buf linked = {0};
	int r = viewfile_linked(&v->file, &linked, err);

	buf_free(&linked);
	v->at = (struct viewfile_mark){0};
	memcpy(v->at.store, store_id(v->store), sizeof v->at.store);
	memcpy(v->at.epoch, store_epoch(v->store), sizeof v->at.epoch);
	memcpy(v->at.hash, v->hash, sizeof v->at.hash);
	if (r < 0 ||
	    viewfile_create(&v->file, v->handler, &v->at, err) < 0 ||
	    store_head(v->store, &v->target, err) < 0)
		return -1;
	v->clean = v->target;
	v->rebuilding = r > 0;
	if (v->rebuilding)
		return 0;
	if (viewfile_publish(&v->file, err) < 0)
		return -1;
	viewfile_unlock(&v->file);
	return 0;
}

static int build(struct view *v, bool asked, struct es_err *err)
{
	enum view_reason why = VIEW_ASKED;

	if (viewfile_lock(&v->file, err) < 0)
		return -1;
	/* Another process may have done it while we waited. */
	if (!asked && judge(v, &why, err) < 0)
		return -1;
	if (why == VIEW_FITS) {
		viewfile_unlock(&v->file);
		return 0;
	}
	v->why = why;
	free(v->reason);
	v->reason = NULL;
	return begin_generation(v, err);
}

static int attach(struct view *v, bool asked, struct es_err *err)
{
	enum view_reason why = VIEW_ASKED;

	v->rebuilding = false;
	if (!asked && judge(v, &why, err) < 0)
		return -1;
	/*
	 * Two that differ would build against each other for ever: who comes
	 * later has the last word.
	 */
	if (v->opened && why == VIEW_OTHER_TEXT)
		return es_fail(err, ES_FAILED, "%s: another text of this "
		    "projector has taken over the read model",
		    v->handler->path);
	if (v->opened && why == VIEW_OTHER_LOG)
		return es_fail(err, ES_FAILED, "%s: another store has taken "
		    "over the read model", v->file.link);
	if (why != VIEW_FITS && build(v, asked, err) < 0)
		return -1;
	v->opened = true;
	return prepare(v, err);
}

int view_forget(struct view *v, struct es_err *err)
{
	if (!v->rebuilding)
		return view_reattach(v, err);
	/* Nobody has seen it; the lock is ours already. */
	view_detach(v);
	return begin_generation(v, err) < 0 ? -1 : prepare(v, err);
}

int view_reattach(struct view *v, struct es_err *err)
{
	view_detach(v);
	viewfile_unlock(&v->file);
	return attach(v, false, err);
}

/* ---- opening ---- */

static int check_projector(const struct handler *h, struct es_err *err)
{
	if (h->kind != HANDLER_JQ || !(h->ops & SCAN_EVOLVE))
		return es_fail(err, ES_FAILED, "%s: no projector: it defines "
		    "no evolve", h->path);
	if (h->n_partition_by > VIEW_NAMES_MAX)
		return es_fail(err, ES_FAILED, "%s: partition_by: more names "
		    "than a message can carry", h->path);
	return 0;
}

static int types_query(const struct handler *h, struct query *out,
    struct es_err *err)
{
	/* No names: every message of the types. */
	return partition_query(h, &(struct partition){0}, out, err);
}

int view_open(struct store *s, const struct handler *h, struct jqrun *jq,
    bool rebuild, struct view **out, struct es_err *err)
{
	struct view *v;
	struct buf hex = {0};

	*out = NULL;
	if (check_projector(h, err) < 0)
		return -1;
	v = calloc(1, sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	*v = (struct view){.store = s, .handler = h, .size = VIEW_BATCH};
	v->file.lock_fd = -1;
	hash_hex(&hex, h->hash, sizeof h->hash);
	if (buf_check(&hex, err) < 0)
		goto fail;
	memcpy(v->hash, hex.p, sizeof v->hash);
	buf_free(&hex);
	v->batch.handler = h;
	v->batch.jq = jq;
	v->batch.source = view_source(v);
	if (viewfile_init(&v->file, store_path(s), h->name, err) < 0 ||
	    types_query(h, &v->query, err) < 0 ||
	    upcast_open(&v->upcast, err) < 0 || attach(v, rebuild, err) < 0)
		goto fail;
	*out = v;
	return 0;
fail:
	buf_free(&hex);
	view_close(v);
	return -1;
}

void view_close(struct view *v)
{
	if (!v)
		return;
	view_detach(v);
	/* What is not finished is of no use. */
	if (v->rebuilding)
		viewfile_clean(&v->file);
	viewfile_free(&v->file);
	query_free(&v->query);
	viewbatch_free(&v->batch);
	upcast_close(v->upcast);
	buf_free(&v->fault);
	free(v->reason);
	free(v);
}

int64_t view_position(const struct view *v)
{
	return v->at.position;
}

bool view_rebuilding(const struct view *v)
{
	return v->rebuilding;
}

const char *view_rebuilt(const struct view *cv)
{
	/* The text is made when it is asked for. */
	struct view *v = (struct view *)(uintptr_t)cv;
	struct buf b = {0};

	if (v->reason)
		return v->reason;
	switch (v->why) {
	case VIEW_FITS:
	case VIEW_ABSENT:
	case VIEW_ASKED:
		return NULL;
	case VIEW_DAMAGED:
		buf_addf(&b, "%s: damaged", v->file.link);
		break;
	case VIEW_OTHER_LOG:
		buf_addf(&b, "%s: made from another log", v->file.link);
		break;
	case VIEW_ERASED:
		buf_addf(&b, "%s: holds what was erased", v->file.link);
		break;
	case VIEW_OTHER_TEXT:
		buf_addf(&b, "%s changed", v->handler->path);
		break;
	}
	v->reason = buf_detach(&b);
	return v->reason;
}

char *view_path(const char *store, const char *name, struct es_err *err)
{
	struct viewfile f;
	char *path = NULL;

	if (viewfile_init(&f, store, name, err) < 0)
		return NULL;
	path = f.link;
	f.link = NULL;
	viewfile_free(&f);
	return path;
}
