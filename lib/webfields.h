/*
 * webfields: a form's fields made one JSON object of texts.
 *
 * A field's name is where its value belongs, as errors name it: "name",
 * "donor.address.zip", "lines[0].sku".  Elements come in their order, as the
 * fields of a form do.
 *
 *   fields_add* -> fields_print -> fields_free
 *
 * A zeroed struct fields is empty and valid.
 */
#ifndef ES_WEBFIELDS_H
#define ES_WEBFIELDS_H

#include "buf.h"

struct field;
struct fields { struct field *first, *last; };

/*
 * path: the name may be one; else it is a name, whatever it looks like (and so
 * is what is no path).  NULL, or what is wrong with the field: then the object
 * lacks it.
 */
const char *fields_add(struct fields *, struct span name, bool path,
    struct span value);
/* The object, appended to out. */
void fields_print(const struct fields *, struct buf *out);
void fields_free(struct fields *);

#endif
