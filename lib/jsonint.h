/* jsonint: what json*.c share; not for others. */
#ifndef ES_JSONINT_H
#define ES_JSONINT_H

#include "json.h"

/* A string as it stands in the text, without its quotes. */
static inline struct span json_raw(const struct json_doc *d, uint32_t string)
{
	return (struct span){d->text + d->nodes[string].start + 1,
	    d->nodes[string].len - 2};
}

/* 1, 0: a key is there twice, decoded; -1: no memory. */
int json_keys_differ(const struct json_doc *, uint32_t object);

#endif
