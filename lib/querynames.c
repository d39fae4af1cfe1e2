#include <string.h>

#include "query.h"

struct names {
	const struct catalog *catalog;
	bool (*stored)(void *ctx, struct span name);
	void *ctx;
};

/* Whether a type of the catalog that `type` names can carry a name; types that
 * the catalog lacks can carry any. */
static bool type_carries(const struct names *n, char *type, struct span name)
{
	const struct catalog_entry *e;
	bool known = false;
	size_t i;

	for (i = 0; (e = catalog_at(n->catalog, i)); i++) {
		if (!query_type_in(&type, 1, catalog_type(e)))
			continue;
		if (catalog_can_carry(e, name))
			return true;
		known = true;
	}
	return !known;
}

static bool item_carries(const struct names *n, const struct query_item *item,
    struct span name)
{
	const struct catalog_entry *e;
	size_t i;

	for (i = 0; i < item->n_types; i++)
		if (type_carries(n, item->types[i], name))
			return true;
	if (item->n_types == 0) {
		for (i = 0; (e = catalog_at(n->catalog, i)); i++)
			if (catalog_can_carry(e, name))
				return true;
		if (i == 0)
			return true;
	}
	return n->stored && n->stored(n->ctx, name);
}

static int check_name(const struct names *n, const struct query_item *item,
    struct span name, struct es_err *err)
{
	char shown[80];

	if (item_carries(n, item, name))
		return 0;
	es_escape(shown, sizeof shown, name.p, name.n);
	if (item->n_types == 1)
		return es_fail(err, ES_USAGE, "%s: no message of %s is found "
		    "by this name (see keys in the catalog)", shown,
		    item->types[0]);
	return es_fail(err, ES_USAGE, "%s: no message of a type that this can "
	    "match is found by this name (see keys in the catalog)", shown);
}

static int check_item(const struct names *n, const struct query_item *item,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < item->n_tags; i++) {
		const char *tag = item->tags[i];
		struct span name = {tag, strcspn(tag, ":")};

		if (tag[name.n] == ':' && message_name_indexable(name) &&
		    check_name(n, item, name, err) < 0)
			return -1;
	}
	for (i = 0; i < item->n_partition; i++)
		if (check_name(n, item, span_str(item->partition[i].name),
		    err) < 0)
			return -1;
	return 0;
}

int query_check_names(const struct query *q, const struct catalog *catalog,
    bool (*stored)(void *ctx, struct span name), void *ctx,
    struct es_err *err)
{
	struct names n = {catalog, stored, ctx};
	size_t i;

	for (i = 0; i < q->n && !q->everything; i++)
		if (check_item(&n, &q->items[i], err) < 0)
			return -1;
	return 0;
}
