/*
 * handlerreads: about.reads, what a decision reads instead of its partition;
 * es-handler(5).
 *
 * An item is types, those of it that evolve applies, AND tags; a tag may have
 * places, {NAME}, for values that the command carries.  A struct handler owns
 * its items; they are immutable once handler_about() is done.
 */
#ifndef ES_HANDLERREADS_H
#define ES_HANDLERREADS_H

#include "handler.h"
#include "json.h"

/* Take the value of `reads`. */
int handler_take_reads(struct handler *, const struct json_doc *,
    uint32_t value, struct es_err *err);
/* When all of `about` is known: restrict the types to what evolve applies. */
int handler_finish_reads(struct handler *, struct es_err *err);
void handler_free_reads(struct handler *);

/* The next place in a tag: its name, and in *before the text up to it; false:
 * there is none, and *before is the rest.  *rest moves behind it. */
bool handler_next_place(struct span *rest, struct span *before,
    struct span *name);

/* Whether some item that is not optional has the name. */
bool handler_reads_need(const struct handler *, const char *name);

#endif
