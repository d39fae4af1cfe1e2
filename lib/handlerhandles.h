/* handlerhandles: about.handles, which says what the source does not;
 * private to the room. */
#ifndef ES_HANDLERHANDLES_H
#define ES_HANDLERHANDLES_H

#include "handler.h"
#include "json.h"

/*
 * Take the value of `handles`: {decide: [TYPE...], evolve: …, react: …}, or
 * only an array where there is one of these.  What it says replaces what was
 * read.
 */
int handler_take_handles(struct handler *, const struct json_doc *,
    uint32_t value, struct es_err *err);
/* Refuse what was neither read nor said, with the place in the file. */
int handler_check_unread(const struct handler *, struct es_err *err);

#endif
