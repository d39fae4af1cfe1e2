/*
 * pattern: POSIX extended regular expressions over whole strings.
 *
 * What could make matching slow, or means something else elsewhere, is refused
 * when a pattern is compiled: back-references, a counted repetition within a
 * counted one, large counts, a repetition of a repetition, \d and the like.
 * Characters are bytes (C locale).  A pattern is immutable and may be used by
 * several threads.
 */
#ifndef ES_PATTERN_H
#define ES_PATTERN_H

#include "buf.h"

#define PATTERN_BYTES 512	/* of a pattern */
#define PATTERN_COUNT 512	/* of what its counts make of it */
#define PATTERN_TEXT 1024	/* a longer text never matches */

struct pattern;
int pattern_compile(struct span source, struct pattern **out, struct es_err *);
bool pattern_match(const struct pattern *, struct span text);
const char *pattern_source(const struct pattern *);
void pattern_free(struct pattern *);

#endif
