/* plan_match(): whether a message is one that the query wants. */
#include "plan.h"

/* A message that is being matched, and what was made of it so far. */
struct matched {
	const struct message *m;
	int number;		/* of its shape */
	const struct names_shape *shape;
	bool parsed, whole;	/* s->doc is its payload, which is JSON */
	bool keys_made;		/* s->keys are its keys */
};

static bool has_attribute(struct store *s, struct matched *o,
    struct span name, struct span value)
{
	if (!o->parsed)
		o->whole = json_parse(&s->doc, o->m->payload.p,
		    o->m->payload.n, NULL) == 0;
	o->parsed = true;
	return o->whole && row_has_attribute(&s->doc, name, value,
	    &s->payload);
}

static bool partition_matches(struct store *s, const struct query_item *item,
    struct matched *o)
{
	bool carried = false, wanted = false;
	size_t i;

	for (i = 0; i < item->n_partition; i++) {
		const struct query_pair *p = &item->partition[i];
		struct span name = span_str(p->name);

		wanted |= p->value != NULL;
		if (!names_carries(o->shape, name))
			continue;
		if (!p->value || !has_attribute(s, o, name,
		    span_str(p->value)))
			return false;
		carried = true;
	}
	return carried || !wanted || !item->n_partition;
}

/*
 * A message without explicit tags: it carries what its shape names, all by its
 * attributes.
 */
static bool attributes_match(struct store *s, const struct query_item *item,
    struct matched *o)
{
	size_t i;

	for (i = 0; i < item->n_tags; i++) {
		struct span tag = span_str(item->tags[i]);
		struct span name = plan_tag_name(tag);
		struct span value = {tag.p + name.n + 1, tag.n - name.n - 1};

		if (!name.p || !names_carries(o->shape, name) ||
		    !has_attribute(s, o, name, value))
			return false;
	}
	return partition_matches(s, item, o);
}

static int match_item(struct store *s, const struct query_item *item,
    struct matched *o, struct es_err *err)
{
	const struct message *m = o->m;

	if ((item->kind != KIND_NONE && item->kind != m->kind) ||
	    !plan_type_wanted(item, m->type))
		return 0;
	if (!item->n_tags && !item->n_partition)
		return 1;
	if (m->erased_at)
		return 0;
	if (o->shape->type >= 0 && !m->tags.p)
		return attributes_match(s, item, o);
	if (!o->keys_made && store_keys_of(s, m, o->number, &s->keys,
	    err) < 0)
		return -1;
	o->keys_made = true;
	return query_item_match(item, m, &s->keys);
}

int plan_match(struct store *s, const struct query *q, bool skip_last,
    const struct message *m, int shape, struct es_err *err)
{
	struct matched o = {.m = m, .number = shape,
	    .shape = names_shape_at(s->names, shape)};
	size_t i;
	int r = q->everything;

	for (i = 0; i < q->n && r == 0; i++)
		if (!(skip_last && q->items[i].last))
			r = match_item(s, &q->items[i], &o, err);
	return r;
}
