#include <stdlib.h>
#include <string.h>

#include "catalogimpl.h"
#include "jsonsame.h"

void catalog_free(struct catalog *c)
{
	size_t i;

	if (!c)
		return;
	for (i = 0; i < c->n; i++) {
		struct catalog_entry *e = &c->entries[i];

		value_rule_free(&e->payload);
		free(e->steps);
		free(e->was_hidden.v);
		free(e->keys.v);
		free(e->hidden.v);
	}
	free(c->entries);
	free(c->sorted);
	free(c->place);
	buf_free(&c->text);
	buf_free(&c->strings);
	buf_free(&c->earlier);
	buf_free(&c->earlier_strings);
	json_free(&c->doc);
	json_free(&c->earlier_doc);
	free(c);
}

struct span catalog_text(const struct catalog *c)
{
	return buf_span(&c->text);
}

const char *catalog_place(const struct catalog *c)
{
	return c->place;
}

/* ---- entries ---- */

const struct catalog_entry *catalog_find(const struct catalog *c,
    struct span type)
{
	size_t low = 0, high = c->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = span_cmp(c->sorted[middle]->type, type);

		if (order == 0)
			return c->sorted[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct catalog_entry *catalog_at(const struct catalog *c, size_t i)
{
	return i < c->n ? &c->entries[i] : NULL;
}

struct span catalog_type(const struct catalog_entry *e)
{
	return e->type;
}

enum message_kind catalog_kind(const struct catalog_entry *e)
{
	return e->kind;
}

int64_t catalog_version(const struct catalog_entry *e)
{
	return e->version;
}

bool catalog_web(const struct catalog_entry *e)
{
	return e->web;
}

struct span catalog_channel(const struct catalog_entry *e)
{
	return e->channel;
}

/* ---- names ---- */

bool catalog_names_have(const struct catalog_names *names, struct span name)
{
	size_t i;

	for (i = 0; i < names->n; i++)
		if (span_eq(names->v[i], name))
			return true;
	return false;
}

const struct value_attribute *catalog_attribute(
    const struct catalog_entry *e, struct span name)
{
	return value_attribute(&e->payload, name);
}

bool catalog_private(const struct catalog_entry *e, struct span name)
{
	return catalog_names_have(&e->hidden, name);
}

int catalog_public(const struct catalog_entry *e, struct span payload,
    struct buf *out)
{
	struct json_doc d = {0};
	struct buf text = {0};
	const char *comma = "";
	struct span name;
	uint32_t i;

	if (e->hidden.n == 0 && e->was_hidden.n == 0)
		return 0;
	buf_addc(out, '{');
	/* What cannot be read shows nothing. */
	if (json_parse(&d, payload.p, payload.n, NULL) < 0)
		goto out;
	for (i = 1; i < d.nodes[0].end; i = json_next(&d, i + 1)) {
		buf_truncate(&text, 0);
		name = json_string(&d, i, &text);
		if (catalog_private(e, name) ||
		    catalog_names_have(&e->was_hidden, name))
			continue;
		buf_adds(out, comma);
		buf_add_span(out, json_text(&d, i));
		buf_addc(out, ':');
		buf_add_span(out, json_text(&d, i + 1));
		comma = ",";
	}
out:
	buf_addc(out, '}');
	json_free(&d);
	buf_free(&text);
	return 1;
}

bool catalog_indexes(void *ctx, struct span name)
{
	const struct catalog_entry *e = ctx;

	if (!e)
		return true;
	if (e->has_keys && !catalog_names_have(&e->keys, name))
		return false;
	return !catalog_private(e, name);
}

bool catalog_can_carry(const struct catalog_entry *e, struct span name)
{
	const struct value_attribute *a;

	if (!message_name_indexable(name))
		return false;
	if (e->has_keys && !catalog_names_have(&e->keys, name))
		return false;
	if (catalog_private(e, name))
		return false;
	if (!e->payload.declared)
		return true;
	a = catalog_attribute(e, name);
	return a && value_type_indexable(a->rule.type);
}

bool catalog_declares(const struct catalog_entry *e, struct span name)
{
	return catalog_attribute(e, name) || catalog_private(e, name) ||
	    (e->has_keys && catalog_names_have(&e->keys, name));
}

bool catalog_equal(const struct catalog *a, const struct catalog *b)
{
	bool same;

	return json_same(catalog_text(a), catalog_text(b), &same, NULL) == 0 &&
	    same;
}
