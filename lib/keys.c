#include <stdlib.h>
#include <string.h>

#include "keys.h"

void keys_free(struct keys *k)
{
	free(k->v);
	buf_free(&k->text);
	buf_free(&k->decoded);
	json_free(&k->doc);
	*k = (struct keys){0};
}

bool message_name_indexable(struct span name)
{
	size_t i;

	for (i = 0; i < name.n; i++) {
		char c = name.p[i];

		if (c != '_' && !((c | 32) >= 'a' && (c | 32) <= 'z') &&
		    !(i > 0 && c >= '0' && c <= '9'))
			return false;
	}
	return name.n > 0;
}

bool message_value_indexable(const struct json_doc *d, uint32_t node,
    struct buf *out)
{
	size_t from = out->n;
	int64_t i;

	switch ((enum json_type)d->nodes[node].type) {
	case JSON_STRING:
		json_decode(d, node, out);
		if (!out->failed && out->n - from <= KEY_VALUE_BYTES &&
		    !memchr(out->p + from, 0, out->n - from))
			return true;
		buf_truncate(out, from);
		return false;
	case JSON_NUMBER:
		if (json_int(d, node, -KEY_INT_MAX, KEY_INT_MAX, &i) < 0)
			return false;
		buf_add_int(out, i);
		return true;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_add_span(out, json_text(d, node));
		return true;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return false;
}

static struct key *new_key(struct keys *k)
{
	if (k->n == k->cap) {
		size_t cap = k->cap ? k->cap * 2 : 16;
		struct key *v = realloc(k->v, cap * sizeof *v);

		if (!v)
			return NULL;
		k->v = v;
		k->cap = cap;
	}
	k->v[k->n] = (struct key){0};
	return &k->v[k->n++];
}

/*
 * The text grows while keys are made, so a key has lengths only at first, and
 * fix_spans() fills in where each begins: they stand one behind the other.
 */
static int add_key(struct keys *k, size_t from, size_t name, bool from_payload,
    struct es_err *err)
{
	struct key *key = new_key(k);

	if (!key)
		return es_fail_nomem(err);
	key->text.n = k->text.n - from;
	key->name.n = name;
	key->from_payload = from_payload;
	return 0;
}

static void fix_spans(struct keys *k)
{
	const char *p = k->text.p;
	size_t i;

	for (i = 0; i < k->n; i++) {
		k->v[i].text.p = p;
		k->v[i].name.p = k->v[i].name.n ? p : NULL;
		p += k->v[i].text.n;
	}
}

static int add_tags(struct keys *k, const struct json_doc *d, uint32_t tags,
    struct es_err *err)
{
	uint32_t i;

	for (i = json_first(d, tags); i < d->nodes[tags].end;
	    i = json_next(d, i)) {
		size_t from = k->text.n;
		const char *colon;

		json_decode(d, i, &k->text);
		if (buf_check(&k->text, err) < 0)
			return -1;
		colon = memchr(k->text.p + from, ':', k->text.n - from);
		if (add_key(k, from, colon ?
		    (size_t)(colon - (k->text.p + from)) : 0, false, err) < 0)
			return -1;
	}
	return 0;
}

static int add_attributes(struct keys *k, const struct json_doc *d,
    uint32_t payload, message_indexes *indexes, void *ctx, struct es_err *err)
{
	uint32_t i;

	for (i = json_first(d, payload); i < d->nodes[payload].end;
	    i = json_next(d, i + 1)) {
		size_t from = k->text.n;
		struct span name;

		buf_truncate(&k->decoded, 0);
		name = json_string(d, i, &k->decoded);
		if (!message_name_indexable(name) ||
		    (indexes && !indexes(ctx, name)))
			continue;
		buf_add_span(&k->text, name);
		buf_addc(&k->text, ':');
		if (!message_value_indexable(d, i + 1, &k->text)) {
			buf_truncate(&k->text, from);
			continue;
		}
		if (add_key(k, from, name.n, true, err) < 0)
			return -1;
	}
	return buf_check(&k->decoded, err) < 0 ? -1 : buf_check(&k->text, err);
}

static int by_text(const void *a, const void *b)
{
	const struct key *x = a, *y = b;
	int c = span_cmp(x->text, y->text);

	/* An explicit tag comes before the attribute that equals it. */
	return c ? c : (int)x->from_payload - (int)y->from_payload;
}

/* They are few, as a rule: then qsort() is more work than the sorting. */
static void sort(struct key *v, size_t n)
{
	size_t i, at;

	if (n > KEYS_MAX) {
		qsort(v, n, sizeof *v, by_text);
		return;
	}
	for (i = 1; i < n; i++) {
		struct key k = v[i];

		for (at = i; at > 0 && by_text(&v[at - 1], &k) > 0; at--)
			v[at] = v[at - 1];
		v[at] = k;
	}
}

static void sort_unique(struct keys *k)
{
	size_t i, n = 0;

	if (k->n < 2)
		return;
	sort(k->v, k->n);
	for (i = 0; i < k->n; i++)
		if (n == 0 || !span_eq(k->v[n - 1].text, k->v[i].text))
			k->v[n++] = k->v[i];
	k->n = n;
}

static void begin(struct keys *k)
{
	k->n = 0;
	buf_reset(&k->text);
	buf_reset(&k->decoded);
}

static int end(struct keys *k, struct es_err *err)
{
	fix_spans(k);
	sort_unique(k);
	if (k->n > KEYS_MAX)
		return es_fail(err, ES_FAILED, "%zu tags, more than %d "
		    "(tags and payload attributes together)", k->n, KEYS_MAX);
	return 0;
}

int message_keys_parsed(const struct json_doc *d, uint32_t tags,
    uint32_t payload, message_indexes *indexes, void *ctx, struct keys *out,
    struct es_err *err)
{
	begin(out);
	if ((tags != JSON_NONE && add_tags(out, d, tags, err) < 0) ||
	    add_attributes(out, d, payload, indexes, ctx, err) < 0)
		return -1;
	return end(out, err);
}

int message_keys(struct span tags, struct span payload,
    message_indexes *indexes, void *ctx, struct keys *out, struct es_err *err)
{
	struct json_doc *d = &out->doc;

	begin(out);
	if (tags.p && (json_parse(d, tags.p, tags.n, err) < 0 ||
	    add_tags(out, d, 0, err) < 0))
		return -1;
	if (json_parse(d, payload.p, payload.n, err) < 0 ||
	    add_attributes(out, d, 0, indexes, ctx, err) < 0)
		return -1;
	return end(out, err);
}
