/* find_check_names(): what can never match is a mistake, not silence. */
#include <string.h>

#include "find.h"
#include "plan.h"

static bool stored_type_carries(struct store *s, const struct query_item *item,
    struct span name)
{
	int i;

	if (names_shapes(s->names) == NAMES_SHAPES)
		return true;	/* "other" shapes may carry anything */
	for (i = 1; i < names_shapes(s->names); i++) {
		const struct names_shape *at = names_shape_at(s->names, i);

		if (plan_type_wanted(item, names_type_text(s->names,
		    at->type)) && names_carries(at, name))
			return true;
	}
	return false;
}

/* A type, or a prefix of types, that the catalog says nothing of. */
static bool is_open(struct store *s, char *type)
{
	const struct catalog_entry *e;
	size_t i;

	for (i = 0; (e = catalog_at(s->catalog, i)); i++)
		if (query_type_in(&type, 1, catalog_type(e)))
			return false;
	return true;
}

/* Whether some type of the catalog has such an attribute, indexed or not. */
static bool is_declared(struct store *s, struct span name)
{
	const struct catalog_entry *e;
	size_t i;

	for (i = 0; (e = catalog_at(s->catalog, i)); i++)
		if (catalog_declares(e, name))
			return true;
	return false;
}

static bool catalog_carries(struct store *s, const struct query_item *item,
    struct span name, bool coming)
{
	const struct catalog_entry *e;
	size_t i;

	if (!catalog_at(s->catalog, 0))
		return true;
	/* What is to be appended may be the first of its type. */
	if (coming && item->n_types == 0 && !is_declared(s, name))
		return true;
	for (i = 0; i < item->n_types; i++)
		if (is_open(s, item->types[i]))
			return true;
	for (i = 0; (e = catalog_at(s->catalog, i)); i++)
		if (plan_type_wanted(item, catalog_type(e)) &&
		    catalog_can_carry(e, name))
			return true;
	return false;
}

static int check(struct store *s, const struct query_item *item,
    struct span name, bool coming, struct es_err *err)
{
	char shown[80];

	if (!name.n || stored_type_carries(s, item, name) ||
	    catalog_carries(s, item, name, coming))
		return 0;
	return es_fail(err, ES_USAGE, "no message can be found by \"%s\": no "
	    "%stype indexes it (see \"keys\" and \"private\" of the catalog)",
	    es_escape(shown, sizeof shown, name.p, name.n),
	    item->n_types ? "such " : "");
}

int find_check_names(struct store *s, const struct query *q, bool coming,
    struct es_err *err)
{
	size_t i, k;

	for (i = 0; i < q->n; i++) {
		const struct query_item *item = &q->items[i];

		for (k = 0; k < item->n_tags; k++) {
			const char *tag = item->tags[k];
			const char *colon = strchr(tag, ':');
			struct span name = {tag, colon ?
			    (size_t)(colon - tag) : 0};

			if (check(s, item, name, coming, err) < 0)
				return -1;
		}
		for (k = 0; k < item->n_partition; k++)
			if (check(s, item, span_str(item->partition[k].name),
			    coming, err) < 0)
				return -1;
	}
	return 0;
}
