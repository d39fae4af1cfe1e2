/*
 * rfc3339: times as text (RFC 3339) and as microseconds since 1970, UTC.
 *
 * Years 0001 to 9999 (in UTC as well), real dates only, a leap second only as
 * 23:59:60Z; digits of a fraction beyond the sixth are dropped.  Days are
 * counted with the proleptic Gregorian calendar (the civil-from-days algorithm
 * of H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
 */
#ifndef ES_RFC3339_H
#define ES_RFC3339_H

#include "buf.h"

/* Whether text is a time; micros may be NULL. */
bool rfc3339_parse(struct span text, int64_t *micros);

#define RFC3339_BYTES 27

/* YYYY-MM-DDTHH:MM:SS.ffffffZ; RFC3339_BYTES, without a NUL. */
char *rfc3339_put(char *to, int64_t micros);	/* returns what is behind */
void rfc3339_print(struct buf *out, int64_t micros);

#endif
