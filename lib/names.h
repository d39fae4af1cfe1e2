/*
 * names: types and shapes, interned as small numbers in the store.
 *
 * A shape is a type together with the names that a message carries.  Shapes
 * are few (the format stops at NAMES_SHAPES - 1 of them; what comes later has
 * shape 0, "other", whose names are not known and which is filtered by
 * reading).  The memory mirrors the tables type and shape, which only grow:
 * names_refresh() reads what other processes added, names_rollback() forgets
 * what a transaction added that was rolled back.
 */
#ifndef ES_NAMES_H
#define ES_NAMES_H

#include "db.h"
#include "keys.h"

#define NAMES_SHAPES 4096
#define NAMES_OTHER 0

struct names_shape {
	int type;
	struct span text;	/* the names, each ended by NUL */
	struct span *names;	/* sorted as keys are */
	size_t n;
};

struct names;

int names_open(struct db *, struct names **out, struct es_err *err);
void names_close(struct names *);
int names_refresh(struct names *, struct es_err *err);
void names_rollback(struct names *);	/* to the last refresh */

/* The number of a type: -1 in *out when it is not there and add is false. */
int names_type(struct names *, struct span type, bool add, int *out,
    struct es_err *err);
struct span names_type_text(const struct names *, int type);
int names_types(const struct names *);	/* types are 0 to this - 1 */

/* The shape of a message with these keys; added when it is new. */
int names_shape(struct names *, int type, const struct keys *, int *out,
    struct es_err *err);
/* The same without adding: -1 in *out when there is none. */
int names_find_shape(struct names *, int type, const struct keys *, int *out,
    struct es_err *err);
int names_shapes(const struct names *);	/* shapes are 0 to this - 1 */
const struct names_shape *names_shape_at(const struct names *, int shape);
bool names_carries(const struct names_shape *, struct span name);

#endif
