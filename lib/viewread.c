#include <stdlib.h>
#include <string.h>

#include "view.h"
#include "viewfile.h"

/*
 * A reader has one snapshot from its opening to its close: states of different
 * positions would not add up.
 */
struct view_reader {
	struct viewfile file;
	sqlite3_stmt *st;
};

static int open_model(const char *store, const char *name,
    struct viewfile *f, struct es_err *err)
{
	bool damaged;
	int r;

	if (viewfile_init(f, store, name, err) < 0)
		return -1;
	r = viewfile_open(f, DB_READ, &damaged, err);
	if (r == 0 && damaged) {
		es_fail(err, ES_FAILED, "%s: damaged", f->link);
		r = -1;
	}
	if (r <= 0)
		viewfile_free(f);
	return r;
}

/* The number of a name in partition_by's order: 1, 0 when it is none. */
static int number_of(struct db *db, const char *name, int *n,
    struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	int r;

	if (db_prepare(db, "select n from es_model_name where name = ?", &st,
	    err) < 0)
		return -1;
	db_bind_text(st, 1, span_str(name));
	r = db_row(db, st, err);
	*n = r > 0 ? sqlite3_column_int(st, 0) : 0;
	sqlite3_finalize(st);
	return r;
}

static int add_condition(struct view_reader *r, sqlite3_str *s,
    const char *name, int parameter, struct es_err *err)
{
	int n, there = number_of(r->file.db, name, &n, err);

	if (there > 0)
		sqlite3_str_appendf(s, " and k.v%d = ?%d", n, parameter);
	else if (there == 0)
		es_fail(err, ES_FAILED, "%s: its keys have no %.100s",
		    r->file.link, name);
	return there > 0 ? 0 : -1;
}

static char *select_sql(struct view_reader *r, const struct query_pair *values,
    size_t n, struct es_err *err)
{
	sqlite3_str *s = sqlite3_str_new(NULL);
	int result = 0;
	char *sql;
	size_t i;

	sqlite3_str_appendf(s, "select s.key, s.state, s.position from "
	    "states s%s", n ? ", es_model_key k where k.key = s.key" : "");
	for (i = 0; i < n && result == 0; i++)
		result = add_condition(r, s, values[i].name, (int)i + 1, err);
	sqlite3_str_appendf(s, " order by s.key");
	sql = sqlite3_str_finish(s);
	if (!sql)
		es_fail_nomem(err);
	if (result == 0)
		return sql;
	sqlite3_free(sql);
	return NULL;
}

static int prepare(struct view_reader *r, const struct query_pair *values,
    size_t n, struct es_err *err)
{
	char *sql;
	size_t i;
	int result;

	if (db_read_begin(r->file.db, err) < 0 ||
	    !(sql = select_sql(r, values, n, err)))
		return -1;
	result = db_prepare(r->file.db, sql, &r->st, err);
	sqlite3_free(sql);
	for (i = 0; i < n && result == 0; i++)
		sqlite3_bind_text(r->st, (int)i + 1, values[i].value, -1,
		    SQLITE_TRANSIENT);
	return result;
}

int view_read_open(const char *store, const char *name,
    const struct query_pair *values, size_t n, struct view_reader **out,
    struct es_err *err)
{
	struct view_reader *r = calloc(1, sizeof *r);
	int there;

	*out = NULL;
	if (!r)
		return es_fail_nomem(err);
	there = open_model(store, name, &r->file, err);
	if (there <= 0) {
		free(r);
		return there < 0 ? -1 : es_fail(err, ES_FAILED,
		    "%s.views/%s.db: there is no read model yet: make it with "
		    "es-project", store, name);
	}
	if (prepare(r, values, n, err) < 0) {
		view_read_close(r);
		return -1;
	}
	*out = r;
	return 0;
}

int view_read_next(struct view_reader *r, struct span *key,
    struct span *state, int64_t *position, struct es_err *err)
{
	int there = db_row(r->file.db, r->st, err);

	if (there > 0) {
		*key = db_text(r->st, 0);
		*state = db_text(r->st, 1);
		*position = sqlite3_column_int64(r->st, 2);
	}
	return there;
}

void view_read_close(struct view_reader *r)
{
	if (!r)
		return;
	sqlite3_finalize(r->st);
	viewfile_free(&r->file);
	free(r);
}

int view_read_position(const char *store, const char *name, int64_t *out,
    struct es_err *err)
{
	struct viewfile f;
	struct viewfile_mark m;
	int r = open_model(store, name, &f, err);

	*out = 0;
	if (r <= 0)
		return r;
	r = viewfile_mark(f.db, &m, err);
	if (r > 0)
		*out = m.position;
	else if (r == 0)
		r = es_fail(err, ES_FAILED, "%s: damaged", f.link);
	viewfile_free(&f);
	return r < 0 ? -1 : 0;
}

/* ---- for who reads ---- */

void view_print_state(struct buf *out, struct span key, struct span state,
    int64_t position)
{
	buf_adds(out, "{\"key\":");
	buf_add_span(out, key);
	buf_adds(out, ",\"state\":");
	buf_add_span(out, state);
	buf_addf(out, ",\"position\":%lld}\n", (long long)position);
}

int view_check_values(const struct handler *h, const struct query_pair *values,
    size_t n, struct es_err *err)
{
	size_t i, k;

	for (i = 0; i < n; i++) {
		for (k = 0; k < h->n_partition_by; k++)
			if (strcmp(h->partition_by[k], values[i].name) == 0)
				break;
		if (k == h->n_partition_by)
			return es_fail(err, ES_USAGE, "-p %.100s: %s does not "
			    "partition by it", values[i].name, h->path);
	}
	return 0;
}
