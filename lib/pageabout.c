#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "cli.h"
#include "pageint.h"

#define TITLE_BYTES 200

typedef int field_fn(struct page *, const struct app *,
    const struct json_doc *, uint32_t value, struct es_err *);

/* ---- values ---- */

/* A copy of a string that is not empty and holds no NUL. */
static int take_string(const struct json_doc *d, uint32_t value, char **out,
    struct es_err *err)
{
	struct buf text = {0};

	if (d->nodes[value].type != JSON_STRING)
		return es_fail(err, ES_FAILED, "must be a string");
	json_decode(d, value, &text);
	if (buf_check(&text, err) < 0)
		return -1;
	if (text.n == 0 || memchr(text.p, 0, text.n)) {
		buf_free(&text);
		return es_fail(err, ES_FAILED, "must be a text");
	}
	free(*out);
	*out = buf_detach(&text);
	return *out ? 0 : es_fail_nomem(err);
}

/* Each string of an array. */
static int each_string(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value,
    int (*each)(struct page *, const struct app *, struct span,
    struct es_err *), struct es_err *err)
{
	char *text = NULL;
	uint32_t i;
	int r = 0;

	if (d->nodes[value].type != JSON_ARRAY)
		return es_fail(err, ES_FAILED, "must be an array of strings");
	for (i = json_first(d, value); i < d->nodes[value].end && r == 0;
	    i = json_next(d, i)) {
		r = take_string(d, i, &text, err);
		if (r == 0)
			r = each(p, app, span_str(text), err);
	}
	free(text);
	return r;
}

/* ---- fields ---- */

static int set_path(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value, struct es_err *err)
{
	(void)app;
	if (take_string(d, value, &p->path, err) < 0)
		return -1;
	return page_set_path(p, span_str(p->path), err);
}

static int set_title(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value, struct es_err *err)
{
	(void)app;
	if (take_string(d, value, &p->title, err) < 0)
		return -1;
	return strlen(p->title) <= TITLE_BYTES ? 0 : es_fail(err, ES_FAILED,
	    "at most %d bytes", TITLE_BYTES);
}

static int add_partition(struct page *p, const struct app *app,
    struct span name, struct es_err *err)
{
	(void)app;
	return handler_add_partition(&p->handler, name, err);
}

static int set_partition(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value, struct es_err *err)
{
	return each_string(p, app, d, value, add_partition, err);
}

static int add_view(struct page *p, const struct app *app, struct span name,
    struct es_err *err)
{
	const struct handler *found = NULL;
	char shown[80];
	size_t i;

	es_escape(shown, sizeof shown, name.p, name.n);
	for (i = 0; i < app->n; i++)
		if (app->handlers[i].role == APP_PROJECTOR &&
		    span_is(name, app->handlers[i].handler.name))
			found = &app->handlers[i].handler;
	if (!found)
		return es_fail(err, ES_FAILED, "the app has no projector "
		    "\"%s\"", shown);
	for (i = 0; i < p->n_views; i++)
		if (p->views[i] == found)
			return es_fail(err, ES_FAILED, "\"%s\" stands twice",
			    shown);
	if (p->n_views == PAGE_VIEWS_MAX)
		return es_fail(err, ES_FAILED, "at most %d read models",
		    PAGE_VIEWS_MAX);
	p->views[p->n_views++] = found;
	return 0;
}

static int set_views(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value, struct es_err *err)
{
	return each_string(p, app, d, value, add_view, err);
}

static int add_query(struct page *p, const struct json_doc *d, uint32_t key,
    struct es_err *err)
{
	struct page_query *v = realloc(p->queries,
	    (p->n_queries + 1) * sizeof *v);

	if (!v)
		return es_fail_nomem(err);
	p->queries = v;
	v += p->n_queries++;
	*v = (struct page_query){0};
	if (take_string(d, key, &v->name, err) < 0)
		return -1;
	if (!message_name_indexable(span_str(v->name)))
		return es_fail(err, ES_FAILED, "\"%.80s\" is not a name "
		    "([A-Za-z_][A-Za-z0-9_]*)", v->name);
	if (take_string(d, key + 1, &v->sql, err) < 0)
		return es_err_at(err, "%s", v->name);
	return 0;
}

static int set_query(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value, struct es_err *err)
{
	uint32_t i;
	int r = 0;

	(void)app;
	if (d->nodes[value].type != JSON_OBJECT)
		return es_fail(err, ES_FAILED,
		    "must be an object: {\"ROWS\": \"select …\"}");
	for (i = json_first(d, value); i < d->nodes[value].end && r == 0;
	    i = json_next(d, i + 1))
		r = add_query(p, d, i, err);
	return r;
}

static int add_on(struct page *p, const struct app *app, struct span type,
    struct es_err *err)
{
	(void)app;
	return scan_types_add(&p->on, type, err);
}

static int set_on(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value, struct es_err *err)
{
	p->has_on = true;
	return each_string(p, app, d, value, add_on, err);
}

static int set_channel(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value, struct es_err *err)
{
	(void)app;
	return take_string(d, value, &p->channel, err);
}

static int set_deadline(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t value, struct es_err *err)
{
	int64_t *ms = &p->handler.deadline_ms;
	char *text = NULL;
	int r = take_string(d, value, &text, err);

	(void)app;
	if (r == 0 && (cli_duration_parse(span_str(text), ms, err) < 0 ||
	    *ms <= 0 || *ms > 60000))
		r = es_fail(err, ES_FAILED,
		    "must be a duration as \"2s\", up to a minute");
	free(text);
	return r;
}

static const struct {
	const char *name;
	field_fn *set;
} fields[] = {
	{"path", set_path}, {"title", set_title},
	{"partition_by", set_partition}, {"query", set_query},
	{"views", set_views}, {"on", set_on}, {"channel", set_channel},
	{"deadline", set_deadline},
};

#define N_FIELDS (sizeof fields / sizeof *fields)

static int set_field(struct page *p, const struct app *app,
    const struct json_doc *d, uint32_t key, struct es_err *err)
{
	struct buf text = {0};
	struct span name;
	char shown[80];
	size_t i;

	for (i = 0; i < N_FIELDS; i++) {
		if (!json_is(d, key, fields[i].name))
			continue;
		if (fields[i].set(p, app, d, key + 1, err) < 0)
			return es_err_at(err, "%s", fields[i].name);
		return 0;
	}
	name = json_string(d, key, &text);
	es_escape(shown, sizeof shown, name.p, name.n);
	buf_free(&text);
	return es_fail(err, ES_FAILED, "%s: a page has no such field (path, "
	    "title, partition_by, query, views, on, channel, deadline)",
	    shown);
}

/* ---- the whole ---- */

static int add_types(struct scan_types *to, const struct scan_types *from,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < from->n; i++)
		if (scan_types_add(to, span_str(from->v[i]), err) < 0)
			return -1;
	return 0;
}

/* What the page and its read models are made from. */
static int default_on(struct page *p, struct es_err *err)
{
	size_t i;

	if (add_types(&p->on, &p->handler.scan.evolves, err) < 0)
		return -1;
	for (i = 0; i < p->n_views; i++)
		if (add_types(&p->on, &p->views[i]->scan.evolves, err) < 0)
			return -1;
	return 0;
}

static int check_partition(const struct page *p, struct es_err *err)
{
	size_t i;

	for (i = 0; i < p->handler.n_partition_by; i++)
		if (!page_has_parameter(p,
		    span_str(p->handler.partition_by[i])))
			return es_fail(err, ES_FAILED, "partition_by: %s is "
			    "not a parameter of the path (\"/:%s\")",
			    p->handler.partition_by[i],
			    p->handler.partition_by[i]);
	return 0;
}

/* With a stand-in for each value it has to be a pattern. */
static int check_channel(const struct page *p, struct es_err *err)
{
	struct json_doc d = {0};
	struct buf params = {0}, out = {0};
	size_t i;
	int r;

	if (!p->channel)
		return 0;
	buf_addc(&params, '{');
	for (i = 0; i < p->n_segments; i++)
		if (p->segments[i].parameter)
			buf_addf(&params, "%s\"%s\":\"x\"",
			    params.n > 1 ? "," : "", p->segments[i].text);
	buf_addc(&params, '}');
	r = buf_check(&params, err) < 0 ||
	    json_parse(&d, params.p, params.n, err) < 0 ||
	    page_channel(p, &d, &out, err) < 0 ||
	    channel_check_pattern(buf_span(&out), err) < 0 ? -1 : 0;
	json_free(&d);
	buf_free(&params);
	buf_free(&out);
	return r < 0 ? es_err_at(err, "channel") : 0;
}

static int check(struct page *p, struct es_err *err)
{
	if (!p->path)
		return es_fail(err, ES_FAILED,
		    "path: is missing (\"/:campaign_id\")");
	if (p->n_queries && !p->n_views)
		return es_fail(err, ES_FAILED, "query: views does not say "
		    "which read models it is over");
	if (check_partition(p, err) < 0 || check_channel(p, err) < 0)
		return -1;
	return p->has_on ? 0 : default_on(p, err);
}

int page_about(struct page *p, const struct app *app, struct span about,
    struct es_err *err)
{
	struct json_doc d = {0};
	uint32_t i;
	int r = json_parse(&d, about.p, about.n, err);

	if (r == 0 && d.nodes[0].type != JSON_OBJECT)
		r = es_fail(err, ES_FAILED, "must be an object");
	for (i = 1; r == 0 && i < d.nodes[0].end; i = json_next(&d, i + 1))
		r = set_field(p, app, &d, i, err);
	json_free(&d);
	if (r == 0)
		r = check(p, err);
	return r < 0 ? es_err_at(err, "%s: about", p->handler.path) : 0;
}
