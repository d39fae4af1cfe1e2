/* page: queries over read models. */
#include <math.h>
#include <string.h>

#include "pagereader.h"

#define ROWS_MAX 5000		/* of all queries together */
#define ROWS_BYTES ((size_t)1 << 20)

/* ---- compiling ---- */

static int check_parameters(sqlite3_stmt *st, struct es_err *err)
{
	int i, n = sqlite3_bind_parameter_count(st);

	for (i = 1; i <= n; i++) {
		const char *name = sqlite3_bind_parameter_name(st, i);

		if (!name || *name != '@')
			return es_fail(err, ES_FAILED, "%s: a parameter is "
			    "written @NAME", name ? name : "?");
	}
	return 0;
}

/* A row is an object: its names have to differ. */
static int check_columns(sqlite3_stmt *st, struct es_err *err)
{
	int i, k, n = sqlite3_column_count(st);

	for (i = 0; i < n; i++)
		for (k = 0; k < i; k++)
			if (strcmp(sqlite3_column_name(st, i),
			    sqlite3_column_name(st, k)) == 0)
				return es_fail(err, ES_FAILED, "two columns "
				    "are called %s: say AS",
				    sqlite3_column_name(st, i));
	return 0;
}

static int prepare(struct pagereader *r, const char *sql, sqlite3_stmt **out,
    struct es_err *err)
{
	const char *rest;

	*out = NULL;
	if (sqlite3_prepare_v2(r->h, sql, -1, out, &rest) != SQLITE_OK)
		return pagereader_fail(r, err);
	if (!*out)
		return es_fail(err, ES_FAILED, "no statement");
	if (rest[strspn(rest, " \t\r\n;")])
		return es_fail(err, ES_FAILED, "more than one statement");
	if (!sqlite3_stmt_readonly(*out) || sqlite3_column_count(*out) == 0)
		return es_fail(err, ES_FAILED, "a page's query only reads");
	return check_parameters(*out, err) < 0 ||
	    check_columns(*out, err) < 0 ? -1 : 0;
}

int page_query_check(const struct page *p, struct es_err *err)
{
	struct pagereader r;
	int64_t position;
	size_t i;
	int result;

	if (p->n_views == 0)
		return 0;
	result = pagereader_open(&r, p, NULL, err) < 0 ||
	    pagereader_begin(&r, &position, err) < 0 ? -1 : 0;
	for (i = 0; i < p->n_queries && result == 0; i++) {
		sqlite3_stmt *st;

		result = prepare(&r, p->queries[i].sql, &st, err);
		sqlite3_finalize(st);
		if (result < 0)
			es_err_at(err, "query: %s", p->queries[i].name);
	}
	pagereader_close(&r);
	return result < 0 ? es_err_at(err, "%s: about", p->handler.path) : 0;
}

/* ---- running ---- */

/* The path's parameter, then the URL's, else NULL. */
static int bind(struct pagereader *r, sqlite3_stmt *st, struct es_err *err)
{
	int i, n = sqlite3_bind_parameter_count(st), rc = SQLITE_OK;

	for (i = 1; i <= n && rc == SQLITE_OK; i++) {
		const char *name = sqlite3_bind_parameter_name(st, i) + 1;
		const struct json_doc *d = &r->params;
		uint32_t node = json_get(d, 0, name);
		struct span value;

		if (node == JSON_NONE) {
			d = &r->query;
			node = json_get(d, 0, name);
		}
		if (node == JSON_NONE)
			continue;
		buf_truncate(&r->text, 0);
		value = json_string(d, node, &r->text);
		rc = sqlite3_bind_text64(st, i, value.p, value.n,
		    SQLITE_TRANSIENT, SQLITE_UTF8);
	}
	return rc == SQLITE_OK ? 0 : pagereader_fail(r, err);
}

static void add_real(struct buf *out, double v)
{
	if (isinf(v))
		buf_adds(out, v < 0 ? "-1e999" : "1e999");
	else
		buf_addf(out, "%.17g", v);
}

static int add_value(sqlite3_stmt *st, int i, struct buf *out,
    struct es_err *err)
{
	struct span text;

	switch (sqlite3_column_type(st, i)) {
	case SQLITE_INTEGER:
		buf_add_int(out, sqlite3_column_int64(st, i));
		return 0;
	case SQLITE_FLOAT:
		add_real(out, sqlite3_column_double(st, i));
		return 0;
	case SQLITE_NULL:
		buf_adds(out, "null");
		return 0;
	case SQLITE_TEXT:
		text = db_text(st, i);
		if (text.n == 0 || json_utf8(text.p, text.n)) {
			json_quote_span(out, text);
			return 0;
		}
		return es_fail(err, ES_FAILED, "%s: not UTF-8",
		    sqlite3_column_name(st, i));
	default:
		return es_fail(err, ES_FAILED, "%s: a blob cannot be shown",
		    sqlite3_column_name(st, i));
	}
}

static int add_row(sqlite3_stmt *st, struct buf *out, struct es_err *err)
{
	int i, n = sqlite3_column_count(st);

	buf_addc(out, '{');
	for (i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		json_quote_span(out, span_str(sqlite3_column_name(st, i)));
		buf_addc(out, ':');
		if (add_value(st, i, out, err) < 0)
			return -1;
	}
	buf_addc(out, '}');
	return 0;
}

static int add_rows(struct pagereader *r, sqlite3_stmt *st, struct buf *out,
    struct es_err *err)
{
	bool first = true;
	int rc;

	buf_addc(out, '[');
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		if (r->rows++ == ROWS_MAX)
			return es_fail(err, ES_FAILED, "more than %d rows",
			    ROWS_MAX);
		if (!first)
			buf_addc(out, ',');
		first = false;
		if (add_row(st, out, err) < 0)
			return -1;
		if (out->n > ROWS_BYTES)
			return es_fail(err, ES_FAILED, "more than %zu bytes",
			    ROWS_BYTES);
	}
	buf_addc(out, ']');
	return rc == SQLITE_DONE ? buf_check(out, err) :
	    pagereader_fail(r, err);
}

static int run(struct pagereader *r, const struct page_query *q,
    struct buf *out, struct es_err *err)
{
	sqlite3_stmt *st;
	int result = prepare(r, q->sql, &st, err) < 0 ||
	    bind(r, st, err) < 0 || add_rows(r, st, out, err) < 0 ? -1 : 0;

	sqlite3_finalize(st);
	return result < 0 ? es_err_at(err, "query: %s", q->name) : 0;
}

static int run_all(struct pagereader *r, struct span params,
    struct span query, struct buf *rows, int64_t *position,
    struct es_err *err)
{
	const struct page *p = r->page;
	size_t i;

	if (json_parse(&r->params, params.p, params.n, err) < 0 ||
	    json_parse(&r->query, query.p, query.n, err) < 0 ||
	    pagereader_begin(r, position, err) < 0)
		return -1;
	for (i = 0; i < p->n_queries; i++) {
		if (i)
			buf_addc(rows, ',');
		json_quote_span(rows, span_str(p->queries[i].name));
		buf_addc(rows, ':');
		if (run(r, &p->queries[i], rows, err) < 0)
			return -1;
	}
	return 0;
}

int page_query(const struct page *p, struct store *s, struct span params,
    struct span query, struct buf *rows, int64_t *position,
    struct es_err *err)
{
	struct pagereader r;
	int result = 0;

	*position = INT64_MAX;
	buf_addc(rows, '{');
	if (p->n_views) {
		result = pagereader_open(&r, p, s, err) < 0 ||
		    run_all(&r, params, query, rows, position, err) < 0 ?
		    -1 : 0;
		pagereader_close(&r);
	}
	buf_addc(rows, '}');
	if (result < 0)
		return es_err_at(err, "%s", p->handler.path);
	return buf_check(rows, err);
}
