/* What messages are found by, as the catalog was when they came. */
#include <stdlib.h>

#include "checkint.h"
#include "storeimpl.h"

/* ---- catalogs ---- */

int check_loaded(struct check *c, int64_t position, struct es_err *err)
{
	size_t cap = c->cap_loaded ? 2 * c->cap_loaded : 64;
	int64_t *p;

	if (c->n_loaded == c->cap_loaded) {
		p = realloc(c->loaded, cap * sizeof *p);
		if (!p)
			return es_fail_nomem(err);
		c->loaded = p;
		c->cap_loaded = cap;
	}
	c->loaded[c->n_loaded++] = position;
	return 0;
}

static int read_catalog(struct check *c, int64_t at, struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	struct span payload;
	uint32_t node;

	catalog_free(c->catalog);
	c->catalog = NULL;
	c->in_force = at;
	if (at == 0)
		return catalog_parse("catalog", "{}", 2, &c->catalog, err);
	if (db_prepare(c->db, "select payload from message where position = ?",
	    &st, err) < 0)
		return check_unreadable(c, "message", err);
	sqlite3_bind_int64(st, 1, at);
	if (db_row(c->db, st, NULL) > 0) {
		payload = db_text(st, 0);
		if (payload.p && json_parse(&c->doc, payload.p, payload.n,
		    NULL) == 0 && (node = json_get(&c->doc, 0, "catalog")) !=
		    JSON_NONE)
			catalog_parse("catalog", json_text(&c->doc, node).p,
			    json_text(&c->doc, node).n, &c->catalog, NULL);
	}
	sqlite3_finalize(st);
	return 0;
}

/* The catalog that was in force when the message at a position came. */
static int catalog_before(struct check *c, int64_t position,
    struct es_err *err)
{
	size_t lo = 0, hi = c->n_loaded;
	int64_t at;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (c->loaded[middle] < position)
			lo = middle + 1;
		else
			hi = middle;
	}
	at = lo ? c->loaded[lo - 1] : 0;
	return at == c->in_force && (at || c->catalog) ? 0 :
	    read_catalog(c, at, err);
}

int check_catalog_at(struct check *c, struct es_err *err)
{
	int64_t last = c->n_loaded ? c->loaded[c->n_loaded - 1] : 0;

	return last == c->catalog_at ? 0 : check_found(c, "meta", "catalog",
	    "value", check_text(c, "%lld, where the last es.catalog_loaded is",
	    (long long)last), check_number(c, c->catalog_at), err);
}

/* ---- keys ---- */

bool check_is_json(struct check *c, struct span text, enum json_type type)
{
	return json_parse(&c->doc, text.p, text.n, NULL) == 0 &&
	    c->doc.nodes[0].type == type;
}

/* Without a catalog: what the shape has, as readers do. */
static bool shape_indexes(void *ctx, struct span name)
{
	return names_carries(ctx, name);
}

bool check_has_tags(struct check *c, const struct message *m)
{
	struct es_err why = {0};

	return !m->tags.p || (check_is_json(c, m->tags, JSON_ARRAY) &&
	    message_check_tags(&c->doc, 0, &why) == 0);
}

bool check_has_payload(const struct message *m)
{
	return m->payload.n > 0 && m->payload.p[0] == '{';
}

int check_keys_of(struct check *c, const struct message *m, int type,
    int stored_shape, int *shape, struct es_err *err)
{
	struct es_err why = {0};
	int r;

	*shape = -1;
	if (!check_has_tags(c, m) || !check_has_payload(m))
		return 0;
	if (catalog_before(c, m->position, err) < 0)
		return -1;
	r = c->catalog ? message_keys(m->tags, m->payload, catalog_indexes,
	    (void *)(uintptr_t)catalog_find(c->catalog, m->type), &c->keys,
	    &why) : message_keys(m->tags, m->payload, shape_indexes,
	    (void *)(uintptr_t)names_shape_at(c->names, stored_shape),
	    &c->keys, &why);
	if (r < 0 && !why.outside)
		return 0;
	if (r < 0) {
		*err = why;
		return -1;
	}
	return names_find_shape(c->names, type, &c->keys, shape, err) < 0 ?
	    -1 : 1;
}
