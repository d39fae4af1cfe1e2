/* catalog: versions, upcasts, and what is kept of earlier versions. */
#include <stdlib.h>
#include <string.h>

#include "catalogimpl.h"

/* ---- steps ---- */

static const struct catalog_step *find_step(const struct catalog_entry *e,
    int64_t version)
{
	size_t i;

	for (i = 0; i < e->n_steps; i++)
		if (e->steps[i].version == version)
			return &e->steps[i];
	return NULL;
}

struct span catalog_upcast(const struct catalog_entry *e, int64_t version)
{
	const struct catalog_step *step = find_step(e, version);

	return step ? step->program : SPAN_NONE;
}

struct span catalog_upcast_at(const struct catalog_entry *e, size_t i,
    int64_t *version)
{
	if (i >= e->n_steps)
		return SPAN_NONE;
	*version = e->steps[i].version;
	return e->steps[i].program;
}

int64_t catalog_reach(const struct catalog_entry *e, int64_t version)
{
	while (version < e->version && find_step(e, version + 1))
		version++;
	return version;
}

static int add_step(const struct json_doc *d, uint32_t node, int64_t version,
    struct buf *strings, struct catalog_entry *e, struct es_err *err)
{
	struct catalog_step *step = &e->steps[e->n_steps];

	if (d->nodes[node].type != JSON_STRING)
		return es_fail(err, ES_FAILED, "must be a jq program, or an "
		    "object with one for each version");
	step->version = version;
	step->program = json_string(d, node, strings);
	if (step->program.n == 0 ||
	    memchr(step->program.p, 0, step->program.n))
		return es_fail(err, ES_FAILED, "must be a jq program");
	e->n_steps++;
	return 0;
}

/* A key of "upcast" or of what was kept: "2", at least and at most. */
static bool read_version(struct span text, int64_t least, int64_t most,
    int64_t *out)
{
	size_t i;

	*out = 0;
	if (text.n == 0 || text.n > 10 || text.p[0] == '0')
		return false;
	for (i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9')
			return false;
		*out = *out * 10 + (text.p[i] - '0');
	}
	return *out >= least && *out <= most;
}

int catalog_steps(const struct json_doc *d, uint32_t node,
    struct buf *strings, struct catalog_entry *e, struct es_err *err)
{
	bool many = d->nodes[node].type == JSON_OBJECT;
	size_t count = many ? d->nodes[node].count : 1;
	char shown[40];
	int64_t version;
	uint32_t i;

	if (e->version < 2)
		return es_fail(err, ES_FAILED, "there is no version before "
		    "version 1");
	e->steps = calloc(count ? count : 1, sizeof *e->steps);
	if (!e->steps)
		return es_fail_nomem(err);
	if (!many)
		return add_step(d, node, e->version, strings, e, err);
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i + 1)) {
		struct span key = json_string(d, i, strings);

		es_escape(shown, sizeof shown, key.p, key.n);
		if (!read_version(key, 2, e->version, &version))
			return es_fail(err, ES_FAILED, "%s: must be a version "
			    "from 2 to %lld", shown, (long long)e->version);
		if (add_step(d, i + 1, version, strings, e, err) < 0)
			return es_err_at(err, "%s", shown);
	}
	return 0;
}

/* ---- what is kept of earlier versions, in es.catalog_loaded ---- */

/* The step to its own version is only what the entry itself says. */
static bool is_needed(const struct catalog_entry *e,
    const struct catalog_step *step)
{
	return step->version < e->version && !find_step(e, step->version);
}

/* Hidden once, and not heard of any more: it stays hidden. */
static bool stays_hidden(const struct catalog_entry *old,
    const struct catalog_entry *e, struct span name)
{
	if (catalog_private(e, name) || catalog_attribute(e, name))
		return false;
	return e->version > old->version ||
	    catalog_names_have(&old->was_hidden, name);
}

static void print_steps(const struct catalog_entry *old,
    const struct catalog_entry *e, struct buf *out)
{
	const char *comma = "\"upcast\":{";
	size_t i;

	for (i = 0; i < old->n_steps; i++) {
		if (!is_needed(e, &old->steps[i]))
			continue;
		buf_addf(out, "%s\"%lld\":", comma,
		    (long long)old->steps[i].version);
		json_quote_span(out, old->steps[i].program);
		comma = ",";
	}
	if (*comma == ',')
		buf_addc(out, '}');
}

static void print_hidden(const struct catalog_entry *old,
    const struct catalog_entry *e, struct buf *out)
{
	const struct catalog_names *lists[] = {&old->hidden, &old->was_hidden};
	const char *comma = "\"private\":[";
	size_t k, i;

	for (k = 0; k < 2; k++)
		for (i = 0; i < lists[k]->n; i++) {
			if (!stays_hidden(old, e, lists[k]->v[i]))
				continue;
			buf_adds(out, comma);
			json_quote_span(out, lists[k]->v[i]);
			comma = ",";
		}
	if (*comma == ',')
		buf_addc(out, ']');
}

static void print_earlier(const struct catalog *before,
    const struct catalog *c, struct buf *out)
{
	const char *comma = ",\"earlier\":{";
	size_t i;

	for (i = 0; i < c->n; i++) {
		const struct catalog_entry *e = &c->entries[i];
		const struct catalog_entry *old = catalog_find(before, e->type);
		struct buf steps = {0}, hidden = {0};

		if (!old)
			continue;
		print_steps(old, e, &steps);
		print_hidden(old, e, &hidden);
		out->failed |= steps.failed || hidden.failed;
		if (steps.n + hidden.n > 0) {
			buf_adds(out, comma);
			json_quote_span(out, e->type);
			buf_adds(out, ":{");
			buf_add_span(out, buf_span(&steps));
			buf_adds(out, steps.n && hidden.n ? "," : "");
			buf_add_span(out, buf_span(&hidden));
			buf_addc(out, '}');
			comma = ",";
		}
		buf_free(&steps);
		buf_free(&hidden);
	}
	if (comma[1] == '\0')
		buf_addc(out, '}');
}

void catalog_print_loaded(const struct catalog *before,
    const struct catalog *c, struct buf *out)
{
	buf_adds(out, "{\"catalog\":");
	json_compact(&c->doc, 0, out);
	print_earlier(before, c, out);
	buf_addc(out, '}');
}

static int read_steps(const struct json_doc *d, uint32_t node,
    struct buf *strings, struct catalog_entry *e, struct es_err *err)
{
	struct catalog_step *v = realloc(e->steps, (e->n_steps +
	    d->nodes[node].count + 1) * sizeof *v);
	int64_t version;
	uint32_t i;

	if (!v)
		return es_fail_nomem(err);
	e->steps = v;
	if (d->nodes[node].type != JSON_OBJECT)
		return es_fail(err, ES_FAILED, "upcast: must be an object");
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i + 1))
		if (!read_version(json_string(d, i, strings), 2, INT32_MAX,
		    &version) ||
		    add_step(d, i + 1, version, strings, e, err) < 0)
			return es_fail(err, ES_FAILED, "upcast: must have a "
			    "jq program for each version");
	return 0;
}

static int read_hidden(const struct json_doc *d, uint32_t node,
    struct buf *strings, struct catalog_entry *e, struct es_err *err)
{
	uint32_t i;

	if (d->nodes[node].type != JSON_ARRAY || e->was_hidden.v)
		return es_fail(err, ES_FAILED,
		    "private: must be a list of attributes");
	e->was_hidden.v = calloc(d->nodes[node].count + 1,
	    sizeof *e->was_hidden.v);
	if (!e->was_hidden.v)
		return es_fail_nomem(err);
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i)) {
		if (d->nodes[i].type != JSON_STRING)
			return es_fail(err, ES_FAILED,
			    "private: must be a list of attributes");
		e->was_hidden.v[e->was_hidden.n++] = json_string(d, i, strings);
	}
	return 0;
}

static int read_earlier(struct catalog *c, struct es_err *err)
{
	const struct json_doc *d = &c->earlier_doc;
	struct buf *strings = &c->earlier_strings;
	uint32_t i;

	if (d->nodes[0].type != JSON_OBJECT)
		return es_fail(err, ES_FAILED, "must be an object");
	for (i = json_first(d, 0); i < d->nodes[0].end;
	    i = json_next(d, i + 1)) {
		const struct catalog_entry *found = catalog_find(c,
		    json_string(d, i, strings));
		struct catalog_entry *e = found ?
		    &c->entries[found - c->entries] : NULL;
		uint32_t steps = json_get(d, i + 1, "upcast");
		uint32_t hidden = json_get(d, i + 1, "private");

		if (!e)
			return es_fail(err, ES_FAILED, "a type that the "
			    "catalog lacks");
		if (steps != JSON_NONE &&
		    read_steps(d, steps, strings, e, err) < 0)
			return -1;
		if (hidden != JSON_NONE &&
		    read_hidden(d, hidden, strings, e, err) < 0)
			return -1;
	}
	return buf_check(strings, err);
}

static int take_earlier(struct catalog *c, struct span text,
    struct es_err *err)
{
	buf_add_span(&c->earlier, text);
	buf_room(&c->earlier_strings, text.n);
	if (buf_check(&c->earlier, err) < 0 ||
	    buf_check(&c->earlier_strings, err) < 0 ||
	    json_parse(&c->earlier_doc, c->earlier.p, c->earlier.n, err) < 0)
		return -1;
	return read_earlier(c, err);
}

int catalog_parse_loaded(struct json_doc *d, struct span payload,
    struct catalog **out, struct es_err *err)
{
	uint32_t node, earlier;
	struct span text;

	*out = NULL;
	if (json_parse(d, payload.p, payload.n, err) < 0)
		return -1;
	node = json_get(d, 0, "catalog");
	if (node == JSON_NONE)
		return es_fail(err, ES_FAILED, "catalog: missing");
	earlier = json_get(d, 0, "earlier");
	text = json_text(d, node);
	if (catalog_parse("catalog", text.p, text.n, out, err) < 0)
		return -1;
	if (earlier == JSON_NONE ||
	    take_earlier(*out, json_text(d, earlier), err) == 0)
		return 0;
	catalog_free(*out);
	*out = NULL;
	return es_err_at(err, "earlier");
}
