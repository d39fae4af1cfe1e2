/*
 * jsonsame: whether two JSON texts say the same.
 *
 * White space, the order of an object's members and the spelling of a string
 * do not count.  Numbers are compared as they are written: 1 and 1.0 are the
 * same to a calculator, but only the first is something to find a message by.
 */
#ifndef ES_JSONSAME_H
#define ES_JSONSAME_H

#include "json.h"

/* Both texts are JSON, else -1. */
int json_same(struct span a, struct span b, bool *same, struct es_err *err);

#endif
