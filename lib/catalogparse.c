#include <stdlib.h>
#include <string.h>

#include "catalogimpl.h"

struct reader {
	struct catalog *c;
	const struct json_doc *doc;
	struct es_err *err;
};

/* A decoded string that lives as long as the catalog. */
static struct span keep(struct reader *r, uint32_t string)
{
	return json_string(r->doc, string, &r->c->strings);
}

static int at(struct reader *r, struct span name)
{
	char shown[160];

	return es_err_at(r->err, "%s",
	    es_escape(shown, sizeof shown, name.p, name.n));
}

static void *array(uint32_t count, size_t size)
{
	return calloc(count ? count : 1, size);
}

/* ---- lists of attributes ---- */

static int check_listed(struct reader *r, const struct catalog_entry *e,
    const struct catalog_names *names, struct span name)
{
	char shown[80];

	es_escape(shown, sizeof shown, name.p, name.n);
	if (catalog_names_have(names, name))
		return es_fail(r->err, ES_FAILED, "%s stands there twice",
		    shown);
	if (e->payload.declared && !catalog_attribute(e, name))
		return es_fail(r->err, ES_FAILED,
		    "%s is not an attribute in payload", shown);
	return 0;
}

static int read_names(struct reader *r, uint32_t node,
    const struct catalog_entry *e, struct catalog_names *out)
{
	const struct json_doc *d = r->doc;
	uint32_t i;

	if (d->nodes[node].type != JSON_ARRAY)
		return es_fail(r->err, ES_FAILED,
		    "must be a list of attributes");
	out->v = array(d->nodes[node].count, sizeof *out->v);
	if (!out->v)
		return es_fail_nomem(r->err);
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i)) {
		struct span name;

		if (d->nodes[i].type != JSON_STRING)
			return es_fail(r->err, ES_FAILED,
			    "must be a list of attributes");
		name = keep(r, i);
		if (check_listed(r, e, out, name) < 0)
			return -1;
		out->v[out->n++] = name;
	}
	return 0;
}

/* A key has to be something that can be indexed, and may not be private. */
static int check_keys(struct reader *r, const struct catalog_entry *e)
{
	const struct value_attribute *a;
	char shown[80];
	size_t i;

	for (i = 0; i < e->keys.n; i++) {
		struct span name = e->keys.v[i];

		es_escape(shown, sizeof shown, name.p, name.n);
		if (!message_name_indexable(name))
			return es_fail(r->err, ES_FAILED, "keys: %s cannot be "
			    "a key: a name has letters, digits and _", shown);
		if (catalog_private(e, name))
			return es_fail(r->err, ES_FAILED, "keys: %s is private",
			    shown);
		a = catalog_attribute(e, name);
		if (a && !value_type_indexable(a->rule.type))
			return es_fail(r->err, ES_FAILED, "keys: %s cannot be "
			    "a key: objects and arrays are not indexed", shown);
	}
	if (e->keys.n > KEYS_MAX)
		return es_fail(r->err, ES_FAILED, "keys: more than %d",
		    KEYS_MAX);
	return 0;
}

static int read_lists(struct reader *r, uint32_t keys, uint32_t hidden,
    struct catalog_entry *e)
{
	e->has_keys = keys != JSON_NONE;
	if (e->has_keys && read_names(r, keys, e, &e->keys) < 0)
		return es_err_at(r->err, "keys");
	if (hidden != JSON_NONE && read_names(r, hidden, e, &e->hidden) < 0)
		return es_err_at(r->err, "private");
	return check_keys(r, e);
}

/* ---- channel ---- */

static int bad_channel(struct reader *r)
{
	return es_fail(r->err, ES_FAILED, "channel: must be of the form "
	    "area.{attribute}.more: letters, digits, _ : - and {attribute}, "
	    "with dots between");
}

/* {attribute} at *p; moves behind it. */
static int read_place(struct reader *r, const struct catalog_entry *e,
    const char **p, const char *end)
{
	const char *close = memchr(*p, '}', (size_t)(end - *p));
	const struct value_attribute *a;
	struct span name;
	char shown[80];

	if (!close || close == *p + 1)
		return bad_channel(r);
	name = (struct span){*p + 1, (size_t)(close - *p - 1)};
	a = catalog_attribute(e, name);
	es_escape(shown, sizeof shown, name.p, name.n);
	if (e->payload.declared && !a)
		return es_fail(r->err, ES_FAILED,
		    "channel: %s is not an attribute in payload", shown);
	if (a && !value_type_indexable(a->rule.type))
		return es_fail(r->err, ES_FAILED, "channel: %s is an object "
		    "or an array", shown);
	*p = close + 1;
	return 0;
}

static bool channel_byte(char c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '-';
}

static int check_channel(struct reader *r, const struct catalog_entry *e)
{
	const char *p = e->channel.p, *end = p + e->channel.n;
	bool empty = true;	/* a segment without anything so far */

	while (p < end) {
		if (*p == '{') {
			if (read_place(r, e, &p, end) < 0)
				return -1;
			empty = false;
			continue;
		}
		if (*p == '.' ? empty : !channel_byte(*p))
			return bad_channel(r);
		empty = *p++ == '.';
	}
	return empty ? bad_channel(r) : 0;
}

/* ---- an entry ---- */

enum field { F_KIND, F_WEB, F_KEYS, F_PRIVATE, F_CHANNEL, F_PAYLOAD,
    F_VERSION, F_UPCAST, F_COUNT };

static const char *const field_names[F_COUNT] = {
	"kind", "web", "keys", "private", "channel", "payload", "version",
	"upcast"
};

static int find_fields(struct reader *r, uint32_t node, uint32_t *fields)
{
	const struct json_doc *d = r->doc;
	char shown[80];
	uint32_t i;
	int f;

	for (f = 0; f < F_COUNT; f++)
		fields[f] = JSON_NONE;
	for (i = json_first(d, node); i < d->nodes[node].end;
	    i = json_next(d, i + 1)) {
		struct span key = json_text(d, i);

		for (f = 0; f < F_COUNT; f++)
			if (json_is(d, i, field_names[f]))
				break;
		if (f < F_COUNT) {
			fields[f] = i + 1;
			continue;
		}
		return es_fail(r->err, ES_FAILED, "%s: no such field",
		    es_escape(shown, sizeof shown, key.p + 1, key.n - 2));
	}
	return 0;
}

static int read_small(struct reader *r, const uint32_t *fields,
    struct catalog_entry *e)
{
	const struct json_doc *d = r->doc;
	uint32_t kind = fields[F_KIND], web = fields[F_WEB];
	uint32_t version = fields[F_VERSION];

	if (kind != JSON_NONE) {
		if (json_is(d, kind, "command"))
			e->kind = KIND_COMMAND;
		else if (json_is(d, kind, "event"))
			e->kind = KIND_EVENT;
		else
			return es_fail(r->err, ES_FAILED,
			    "kind: must be \"event\" or \"command\"");
	}
	if (web != JSON_NONE) {
		if (d->nodes[web].type != JSON_TRUE &&
		    d->nodes[web].type != JSON_FALSE)
			return es_fail(r->err, ES_FAILED,
			    "web: must be a boolean");
		e->web = d->nodes[web].type == JSON_TRUE;
	}
	e->version = 1;
	if (version != JSON_NONE &&
	    json_int(d, version, 1, INT32_MAX, &e->version) < 0)
		return es_fail(r->err, ES_FAILED,
		    "version: must be an integer from 1");
	return 0;
}

static int read_channel(struct reader *r, uint32_t node,
    struct catalog_entry *e)
{
	if (node == JSON_NONE)
		return 0;
	if (r->doc->nodes[node].type != JSON_STRING)
		return bad_channel(r);
	e->channel = keep(r, node);
	return check_channel(r, e);
}

static int read_entry(struct reader *r, uint32_t node, struct catalog_entry *e)
{
	uint32_t fields[F_COUNT];

	if (r->doc->nodes[node].type != JSON_OBJECT)
		return es_fail(r->err, ES_FAILED, "must be an object");
	if (find_fields(r, node, fields) < 0 || read_small(r, fields, e) < 0)
		return -1;
	if (fields[F_PAYLOAD] != JSON_NONE && value_attributes_parse(r->doc,
	    fields[F_PAYLOAD], &r->c->strings, &e->payload, r->err) < 0)
		return -1;
	if (fields[F_UPCAST] != JSON_NONE && catalog_steps(r->doc,
	    fields[F_UPCAST], &r->c->strings, e, r->err) < 0)
		return es_err_at(r->err, "upcast");
	if (read_lists(r, fields[F_KEYS], fields[F_PRIVATE], e) < 0)
		return -1;
	return read_channel(r, fields[F_CHANNEL], e);
}

static int read_type(struct reader *r, uint32_t key, struct catalog_entry *e)
{
	e->type = keep(r, key);
	if (message_check_type(e->type, r->err) < 0)
		return -1;
	if (e->type.n >= 3 && memcmp(e->type.p, "es.", 3) == 0)
		return es_fail(r->err, ES_FAILED, "%.*s: types that begin "
		    "with \"es.\" are the toolkit's own", (int)e->type.n,
		    e->type.p);
	return 0;
}

/* ---- the catalog ---- */

static int by_type(const void *a, const void *b)
{
	return span_cmp((*(struct catalog_entry *const *)a)->type,
	    (*(struct catalog_entry *const *)b)->type);
}

static int read_catalog(struct reader *r)
{
	struct catalog *c = r->c;
	const struct json_doc *d = r->doc;
	uint32_t i;
	size_t k;

	if (d->nodes[0].type != JSON_OBJECT)
		return es_fail(r->err, ES_FAILED,
		    "must be an object with an entry for each type");
	c->entries = array(d->nodes[0].count, sizeof *c->entries);
	c->sorted = array(d->nodes[0].count, sizeof *c->sorted);
	if (!c->entries || !c->sorted)
		return es_fail_nomem(r->err);
	for (i = json_first(d, 0); i < d->nodes[0].end;
	    i = json_next(d, i + 1)) {
		struct catalog_entry *e = &c->entries[c->n];

		c->n++;
		if (read_type(r, i, e) < 0)
			return -1;
		if (read_entry(r, i + 1, e) < 0)
			return at(r, e->type);
	}
	for (k = 0; k < c->n; k++)
		c->sorted[k] = &c->entries[k];
	qsort(c->sorted, c->n, sizeof *c->sorted, by_type);
	return buf_check(&c->strings, r->err);
}

/* Text that is not JSON: say in which line. */
static int bad_json(const char *place, const struct catalog *c,
    struct es_err *err)
{
	const char *p = c->text.p, *end = p + c->doc.fault;
	int line = 1;

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		line++;
		p++;
	}
	return es_err_at(err, "%s:%d", place, line);
}

int catalog_parse(const char *place, const char *p, size_t n,
    struct catalog **out, struct es_err *err)
{
	struct catalog *c = calloc(1, sizeof *c);
	struct reader r = {c, c ? &c->doc : NULL, err};

	*out = NULL;
	if (!c)
		return es_fail_nomem(err);
	/* Decoded text is never longer than the text itself. */
	buf_add(&c->text, p, n);
	buf_room(&c->strings, n);
	c->place = strdup(place);
	if (!c->place || c->text.failed || c->strings.failed) {
		es_fail_nomem(err);
	} else if (json_parse(&c->doc, c->text.p, c->text.n, err) < 0) {
		bad_json(place, c, err);
	} else if (read_catalog(&r) < 0) {
		es_err_at(err, "%s", place);
	} else {
		*out = c;
		return 0;
	}
	catalog_free(c);
	return -1;
}
