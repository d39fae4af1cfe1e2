#include <stdlib.h>
#include <string.h>

#include "handlerreads.h"
#include "message.h"

static void free_strings(char **v, size_t n)
{
	while (v && n > 0)
		free(v[--n]);
	free(v);
}

void handler_free_reads(struct handler *h)
{
	while (h->n_reads > 0) {
		struct handler_read *item = &h->reads[--h->n_reads];

		free_strings(item->types.v, item->types.n);
		free_strings(item->tags, item->n_tags);
	}
	free(h->reads);
	h->reads = NULL;
	free_strings(h->read_names, h->n_read_names);
	h->read_names = NULL;
	h->n_read_names = 0;
}

static int add_string(char ***v, size_t *n, struct span text,
    struct es_err *err)
{
	char **more = realloc(*v, (*n + 1) * sizeof *more);

	if (!more)
		return es_fail_nomem(err);
	*v = more;
	more[*n] = strndup(text.p ? text.p : "", text.n);
	if (!more[*n])
		return es_fail_nomem(err);
	(*n)++;
	return 0;
}

/* ---- templates ---- */

bool handler_next_place(struct span *rest, struct span *before,
    struct span *name)
{
	const char *open = rest->n ? memchr(rest->p, '{', rest->n) : NULL;
	const char *end = rest->p + rest->n, *close;

	*before = *rest;
	if (!open || !(close = memchr(open, '}', (size_t)(end - open))))
		return false;
	before->n = (size_t)(open - rest->p);
	*name = (struct span){open + 1, (size_t)(close - open - 1)};
	*rest = (struct span){close + 1, (size_t)(end - close - 1)};
	return true;
}

static bool has_brace(struct span text)
{
	return text.n && (memchr(text.p, '{', text.n) ||
	    memchr(text.p, '}', text.n));
}

static int bad_template(struct span tag, struct es_err *err)
{
	char shown[300];

	return es_fail(err, ES_FAILED, "\"%s\": a brace that is not one of "
	    "{NAME}", es_escape(shown, sizeof shown, tag.p, tag.n));
}

static int add_name(struct handler *h, struct span name, struct es_err *err)
{
	size_t i;

	for (i = 0; i < h->n_read_names; i++)
		if (span_is(name, h->read_names[i]))
			return 0;
	return add_string(&h->read_names, &h->n_read_names, name, err);
}

static int take_tag(struct handler *h, struct handler_read *item,
    struct span tag, struct es_err *err)
{
	struct span rest = tag, before, name;

	if (tag.n == 0 || tag.n > KEY_VALUE_BYTES)
		return es_fail(err, ES_FAILED, "a tag has 1 to %d bytes",
		    KEY_VALUE_BYTES);
	if (memchr(tag.p, '\0', tag.n))
		return es_fail(err, ES_FAILED, "a tag with a NUL byte");
	while (handler_next_place(&rest, &before, &name)) {
		if (has_brace(before) || !message_name_indexable(name))
			return bad_template(tag, err);
		if (add_name(h, name, err) < 0)
			return -1;
	}
	if (has_brace(before))
		return bad_template(tag, err);
	return add_string(&item->tags, &item->n_tags, tag, err);
}

/* ---- items ---- */

static int take_type(struct handler_read *item, struct span type,
    struct es_err *err)
{
	/* The two spellings of a prefix in queries. */
	if (type.n > 2 && memcmp(type.p + type.n - 2, ".*", 2) == 0)
		type.n--;
	return scan_types_add(&item->types, type, err);
}

static int take_list(struct handler *h, struct handler_read *item,
    const struct json_doc *d, uint32_t key, bool types, struct es_err *err)
{
	const char *what = types ? "types" : "tags";
	uint32_t value = key + 1, i;
	struct buf text = {0};
	int r = 0;

	if (d->nodes[value].type != JSON_ARRAY || d->nodes[value].count == 0)
		return es_fail(err, ES_FAILED, "%s: must be an array of "
		    "strings, one at least", what);
	for (i = json_first(d, value); r == 0 && i < d->nodes[value].end;
	    i = json_next(d, i)) {
		struct span s;

		if (d->nodes[i].type != JSON_STRING) {
			r = es_fail(err, ES_FAILED, "must be strings");
			break;
		}
		buf_truncate(&text, 0);
		s = json_string(d, i, &text);
		r = types ? take_type(item, s, err) :
		    take_tag(h, item, s, err);
	}
	buf_free(&text);
	return r < 0 ? es_err_at(err, "%s", what) : 0;
}

static int take_field(struct handler *h, struct handler_read *item,
    const struct json_doc *d, uint32_t key, struct es_err *err)
{
	struct buf text = {0};
	char shown[80];
	struct span name;

	if (json_is(d, key, "types"))
		return take_list(h, item, d, key, true, err);
	if (json_is(d, key, "tags"))
		return take_list(h, item, d, key, false, err);
	if (json_is(d, key, "optional")) {
		if (d->nodes[key + 1].type != JSON_TRUE &&
		    d->nodes[key + 1].type != JSON_FALSE)
			return es_fail(err, ES_FAILED,
			    "optional: must be true or false");
		item->optional = d->nodes[key + 1].type == JSON_TRUE;
		return 0;
	}
	name = json_string(d, key, &text);
	es_escape(shown, sizeof shown, name.p, name.n);
	buf_free(&text);
	return es_fail(err, ES_FAILED, "%s: no such field (types, tags, "
	    "optional)", shown);
}

static int take_item(struct handler *h, const struct json_doc *d,
    uint32_t value, struct es_err *err)
{
	struct handler_read *v, *item;
	uint32_t i;

	if (d->nodes[value].type != JSON_OBJECT)
		return es_fail(err, ES_FAILED, "must be an object");
	v = realloc(h->reads, (h->n_reads + 1) * sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	h->reads = v;
	item = &v[h->n_reads++];
	*item = (struct handler_read){0};
	for (i = json_first(d, value); i < d->nodes[value].end;
	    i = json_next(d, i + 1))
		if (take_field(h, item, d, i, err) < 0)
			return -1;
	if (item->n_tags == 0 && item->types.n == 0)
		return es_fail(err, ES_FAILED, "has neither types nor tags");
	return 0;
}

int handler_take_reads(struct handler *h, const struct json_doc *d,
    uint32_t value, struct es_err *err)
{
	uint32_t i, n = 0;

	if (d->nodes[value].type != JSON_ARRAY || d->nodes[value].count == 0)
		return es_fail(err, ES_FAILED, "reads: must be an array of "
		    "{types, tags, optional}, one at least");
	for (i = json_first(d, value); i < d->nodes[value].end;
	    i = json_next(d, i), n++)
		if (take_item(h, d, i, err) < 0)
			return es_err_at(err, "reads[%u]", (unsigned)n);
	return 0;
}

/* ---- the types that evolve applies ---- */

static bool is_prefix_of(const char *prefix, const char *type)
{
	size_t n = strlen(prefix);

	return n > 0 && prefix[n - 1] == '.' && strncmp(prefix, type, n) == 0;
}

/* What both say, of one pair: the narrower of them. */
static int add_common(struct scan_types *out, const char *a, const char *b,
    struct es_err *err)
{
	if (strcmp(a, b) == 0 || is_prefix_of(a, b))
		return scan_types_add(out, span_str(b), err);
	if (is_prefix_of(b, a))
		return scan_types_add(out, span_str(a), err);
	return 0;
}

static int restrict_types(const struct scan_types *evolves,
    struct handler_read *item, struct es_err *err)
{
	struct scan_types both = {0};
	size_t i, j;
	int r = 0;

	for (i = 0; i < evolves->n && r == 0; i++) {
		if (item->types.n == 0)
			r = scan_types_add(&both, span_str(evolves->v[i]),
			    err);
		for (j = 0; j < item->types.n && r == 0; j++)
			r = add_common(&both, item->types.v[j],
			    evolves->v[i], err);
	}
	free_strings(item->types.v, item->types.n);
	item->types = both;
	if (r == 0 && both.n == 0)
		r = es_fail(err, ES_FAILED, "types: evolve applies none of "
		    "them, so nothing is read");
	return r;
}

int handler_finish_reads(struct handler *h, struct es_err *err)
{
	size_t i;

	if (h->n_reads == 0)
		return 0;
	if (!(h->ops & SCAN_DECIDE))
		return es_fail(err, ES_FAILED, "reads: is for deciders, and "
		    "there is no \"def decide($c):\"");
	if (!(h->ops & SCAN_EVOLVE))
		return es_fail(err, ES_FAILED, "reads: nothing is read, for "
		    "there is no \"def evolve($e):\"");
	for (i = 0; i < h->n_reads; i++)
		if (restrict_types(&h->scan.evolves, &h->reads[i], err) < 0)
			return es_err_at(err, "reads[%zu]", i);
	return 0;
}

static bool has_place(const struct handler_read *item, const char *name)
{
	struct span rest, before, place;
	size_t i;

	for (i = 0; i < item->n_tags; i++) {
		rest = span_str(item->tags[i]);
		while (handler_next_place(&rest, &before, &place))
			if (span_is(place, name))
				return true;
	}
	return false;
}

bool handler_reads_need(const struct handler *h, const char *name)
{
	size_t i;

	for (i = 0; i < h->n_reads; i++)
		if (!h->reads[i].optional && has_place(&h->reads[i], name))
			return true;
	return false;
}
