/* handlerhead: the `# es:` lines of an executable; for handler.c. */
#ifndef ES_HANDLERHEAD_H
#define ES_HANDLERHEAD_H

#include "handler.h"

/* Read them from h->text into types, partition_by, retries, … */
int handler_head(struct handler *, struct es_err *err);

#endif
