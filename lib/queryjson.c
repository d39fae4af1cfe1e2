#include <string.h>

#include "hash.h"
#include "query.h"

/* What one query's parsing carries along. */
struct reader {
	const struct json_doc *doc;
	struct query *q;
	struct buf text;	/* one decoded string, or two */
	struct es_err *err;
};

static int unknown(struct reader *r, uint32_t key, const char *where)
{
	struct span name;
	char shown[80];

	buf_truncate(&r->text, 0);
	name = json_string(r->doc, key, &r->text);
	return es_fail(r->err, ES_USAGE, "%s: no such field in %s",
	    es_escape(shown, sizeof shown, name.p, name.n), where);
}

static int read_strings(struct reader *r, uint32_t node, const char *field,
    int (*add)(struct query *, struct span, struct es_err *))
{
	const struct json_doc *d = r->doc;
	uint32_t i;

	if (d->nodes[node].type != JSON_ARRAY || d->nodes[node].count == 0)
		return es_fail(r->err, ES_USAGE,
		    "%s: must be a list of one or more strings", field);
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i)) {
		if (d->nodes[i].type != JSON_STRING)
			return es_fail(r->err, ES_USAGE,
			    "%s: must be a list of strings", field);
		buf_truncate(&r->text, 0);
		if (add(r->q, json_string(d, i, &r->text), r->err) < 0)
			return -1;
	}
	return 0;
}

/* {"NAME": value…}; a value as it would be indexed, or null. */
static int read_pair(struct reader *r, uint32_t key)
{
	const struct json_doc *d = r->doc;
	struct span name, value = SPAN_NONE;
	size_t at;

	buf_truncate(&r->text, 0);
	json_decode(d, key, &r->text);
	at = r->text.n;
	if (d->nodes[key + 1].type != JSON_NULL &&
	    !message_value_indexable(d, key + 1, &r->text))
		return es_fail(r->err, ES_USAGE, "partition: a value must be a "
		    "string of at most %d bytes, an integer, a boolean or null",
		    KEY_VALUE_BYTES);
	if (buf_check(&r->text, r->err) < 0)
		return -1;
	name = (struct span){r->text.p, at};
	if (d->nodes[key + 1].type != JSON_NULL)
		value = (struct span){r->text.p + at, r->text.n - at};
	return query_add_partition(r->q, name, value, r->err);
}

static int read_partition(struct reader *r, uint32_t node)
{
	const struct json_doc *d = r->doc;
	uint32_t i;

	if (d->nodes[node].type != JSON_OBJECT || d->nodes[node].count == 0)
		return es_fail(r->err, ES_USAGE, "partition: must be an "
		    "object with one or more names");
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i + 1))
		if (read_pair(r, i) < 0)
			return -1;
	return 0;
}

static int read_kind(struct reader *r, uint32_t node)
{
	struct query_item *item = &r->q->items[r->q->n - 1];

	if (json_is(r->doc, node, "event"))
		item->kind = KIND_EVENT;
	else if (json_is(r->doc, node, "command"))
		item->kind = KIND_COMMAND;
	else
		return es_fail(r->err, ES_USAGE,
		    "kind: must be \"event\" or \"command\"");
	return 0;
}

static int read_last(struct reader *r, uint32_t node)
{
	int type = r->doc->nodes[node].type;

	if (type != JSON_TRUE && type != JSON_FALSE)
		return es_fail(r->err, ES_USAGE, "last: must be a boolean");
	r->q->items[r->q->n - 1].last = type == JSON_TRUE;
	return 0;
}

static int read_field(struct reader *r, uint32_t key)
{
	if (json_is(r->doc, key, "types"))
		return read_strings(r, key + 1, "types", query_add_type);
	if (json_is(r->doc, key, "tags"))
		return read_strings(r, key + 1, "tags", query_add_tag);
	if (json_is(r->doc, key, "partition"))
		return read_partition(r, key + 1);
	if (json_is(r->doc, key, "kind"))
		return read_kind(r, key + 1);
	if (json_is(r->doc, key, "last"))
		return read_last(r, key + 1);
	return unknown(r, key, "an item");
}

static int read_item(struct reader *r, uint32_t node)
{
	const struct json_doc *d = r->doc;
	const struct query_item *item;
	uint32_t i;

	if (d->nodes[node].type != JSON_OBJECT)
		return es_fail(r->err, ES_USAGE, "must be an object");
	if (query_add_item(r->q, r->err) < 0)
		return -1;
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i + 1))
		if (read_field(r, i) < 0)
			return -1;
	item = &r->q->items[r->q->n - 1];
	if (item->n_types == 0 && item->n_tags == 0 && item->n_partition == 0 &&
	    item->kind == KIND_NONE)
		return es_fail(r->err, ES_USAGE, "has none of types, tags, "
		    "partition and kind; {} is the query for everything");
	return 0;
}

static int read_query(struct reader *r, uint32_t node)
{
	const struct json_doc *d = r->doc;
	uint32_t items, i, n = 0;

	if (d->nodes[node].type != JSON_OBJECT)
		return es_fail(r->err, ES_USAGE, "query: must be an object");
	if (d->nodes[node].count == 0) {
		r->q->everything = true;
		return 0;
	}
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i + 1))
		if (!json_is(d, i, "items"))
			return unknown(r, i, "a query");
	items = json_get(d, node, "items");
	if (d->nodes[items].type != JSON_ARRAY)
		return es_fail(r->err, ES_USAGE, "items: must be a list");
	for (i = json_first(d, items); i < d->nodes[items].end;
	    i = json_next(d, i), n++)
		if (read_item(r, i) < 0)
			return es_err_at(r->err, "items[%u]", n);
	return 0;
}

int query_from_json(const struct json_doc *d, uint32_t node,
    struct query *out, struct es_err *err)
{
	struct reader r = {.doc = d, .q = out, .err = err};
	int result;

	*out = (struct query){0};
	result = read_query(&r, node);
	if (result == 0)
		result = buf_check(&r.text, err);
	buf_free(&r.text);
	if (result < 0)
		query_free(out);
	return result;
}

int query_parse(const char *p, size_t n, struct query *out,
    struct es_err *err)
{
	struct json_doc doc = {0};
	int r;

	*out = (struct query){0};
	r = json_parse(&doc, p, n, err);
	if (r < 0 && err)
		err->code = ES_USAGE;
	if (r == 0)
		r = query_from_json(&doc, 0, out, err);
	json_free(&doc);
	return r;
}

/* ---- printing ---- */

static void print_strings(struct buf *out, const char *name, char *const *v,
    size_t n)
{
	size_t i;

	buf_addf(out, "\"%s\":[", name);
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		json_quote_span(out, span_str(v[i]));
	}
	buf_addc(out, ']');
}

static void print_partition(struct buf *out, const struct query_item *item)
{
	size_t i;

	buf_adds(out, "\"partition\":{");
	for (i = 0; i < item->n_partition; i++) {
		if (i > 0)
			buf_addc(out, ',');
		json_quote_span(out, span_str(item->partition[i].name));
		buf_addc(out, ':');
		if (item->partition[i].value)
			json_quote_span(out,
			    span_str(item->partition[i].value));
		else
			buf_adds(out, "null");
	}
	buf_addc(out, '}');
}

static void print_item(struct buf *out, const struct query_item *item)
{
	size_t from;

	buf_addc(out, '{');
	from = out->n;
	if (item->n_types)
		print_strings(out, "types", item->types, item->n_types);
	if (item->n_tags) {
		buf_adds(out, out->n > from ? "," : "");
		print_strings(out, "tags", item->tags, item->n_tags);
	}
	if (item->n_partition) {
		buf_adds(out, out->n > from ? "," : "");
		print_partition(out, item);
	}
	if (item->kind != KIND_NONE)
		buf_addf(out, "%s\"kind\":\"%s\"", out->n > from ? "," : "",
		    message_kind_name(item->kind));
	if (item->last)
		buf_addf(out, "%s\"last\":true", out->n > from ? "," : "");
	buf_addc(out, '}');
}

void query_print(struct buf *out, const struct query *q)
{
	size_t i;

	if (q->everything) {
		buf_adds(out, "{}");
		return;
	}
	buf_adds(out, "{\"items\":[");
	for (i = 0; i < q->n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		print_item(out, &q->items[i]);
	}
	buf_adds(out, "]}");
}

/* ---- guards ---- */

void guard_free(struct guard *g)
{
	query_free(&g->query);
}

static int read_uuid(const struct json_doc *d, const char *name, char out[37],
    struct es_err *err)
{
	uint32_t node = json_get(d, 0, name);
	unsigned char uuid[16];
	struct buf unused = {0};
	struct span s;

	if (node == JSON_NONE || d->nodes[node].type != JSON_STRING ||
	    d->nodes[node].escaped)
		return es_fail(err, ES_FAILED, "%s: must be a UUID", name);
	s = json_string(d, node, &unused);
	if (!hash_uuid_parse(s, uuid))
		return es_fail(err, ES_FAILED, "%s: must be a UUID", name);
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return 0;
}

static int read_id(const struct json_doc *d, uint32_t node, char out[129],
    struct es_err *err)
{
	struct buf text = {0};
	struct span s;
	int r = -1;

	if (d->nodes[node].type != JSON_STRING)
		return es_fail(err, ES_FAILED, "id: must be a string");
	s = json_string(d, node, &text);
	if (buf_check(&text, err) == 0 &&
	    message_check_id(s, "id", err) == 0) {
		memcpy(out, s.p, s.n);
		out[s.n] = '\0';
		r = 0;
	}
	buf_free(&text);
	return r;
}

static int read_guard(const struct json_doc *d, struct guard *g,
    struct es_err *err)
{
	uint32_t node, id = JSON_NONE;

	if (d->nodes[0].type == JSON_OBJECT)
		id = json_get(d, 0, "id");
	if (d->nodes[0].type != JSON_OBJECT ||
	    d->nodes[0].count != (id == JSON_NONE ? 4 : 5))
		return es_fail(err, ES_FAILED, "not a guard: it has query, "
		    "after, id, store and epoch");
	node = json_get(d, 0, "after");
	if (node == JSON_NONE || json_int(d, node, 0, INT64_MAX, &g->after) < 0)
		return es_fail(err, ES_FAILED,
		    "after: must be an integer from 0");
	if (read_uuid(d, "store", g->store, err) < 0 ||
	    read_uuid(d, "epoch", g->epoch, err) < 0 ||
	    (id != JSON_NONE && read_id(d, id, g->id, err) < 0))
		return -1;
	node = json_get(d, 0, "query");
	if (node == JSON_NONE)
		return es_fail(err, ES_FAILED, "query: missing");
	return query_from_json(d, node, &g->query, err);
}

int guard_parse(const char *p, size_t n, struct guard *out,
    struct es_err *err)
{
	struct json_doc doc = {0};
	int r;

	*out = (struct guard){0};
	r = json_parse(&doc, p, n, err);
	if (r == 0)
		r = read_guard(&doc, out, err);
	json_free(&doc);
	if (r < 0 && err)
		err->code = ES_FAILED;
	return r;
}

void guard_print(struct buf *out, const struct guard *g)
{
	buf_adds(out, "{\"query\":");
	query_print(out, &g->query);
	buf_adds(out, ",\"after\":");
	buf_add_int(out, g->after);
	if (g->id[0]) {
		buf_adds(out, ",\"id\":");
		json_quote_span(out, span_str(g->id));
	}
	buf_addf(out, ",\"store\":\"%s\",\"epoch\":\"%s\"}\n", g->store,
	    g->epoch);
}
