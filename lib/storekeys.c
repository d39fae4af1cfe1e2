/* What a stored message is found by: as the catalog was when it came in. */
#include <string.h>

#include "storeimpl.h"

static bool shape_indexes(void *ctx, struct span name)
{
	return names_carries(ctx, name);
}

/* The shape of a stored message, NAMES_OTHER when it cannot be told. */
static int shape_of(struct store *s, int64_t position, int *shape,
    struct es_err *err)
{
	int r;

	sqlite3_bind_int64(s->by_position, 1, position);
	r = db_row(s->db, s->by_position, err);
	*shape = r > 0 ? sqlite3_column_int(s->by_position, 1) : NAMES_OTHER;
	if (r > 0)
		sqlite3_reset(s->by_position);
	return r < 0 ? -1 : 0;
}

int store_keys(struct store *s, const struct message *m, struct keys *out,
    struct es_err *err)
{
	const struct catalog_entry *entry = catalog_find(s->catalog, m->type);
	int shape = NAMES_OTHER;

	/* Only an older catalog can have said otherwise than the one now. */
	if (m->position > 0 && m->position < s->catalog_at &&
	    shape_of(s, m->position, &shape, err) < 0)
		return -1;
	if (shape != NAMES_OTHER && shape < names_shapes(s->names))
		return message_keys(m->tags, m->payload, shape_indexes,
		    (void *)(uintptr_t)names_shape_at(s->names, shape), out,
		    err);
	return message_keys(m->tags, m->payload, catalog_indexes,
	    (void *)(uintptr_t)entry, out, err);
}
