/*
 * url: what URLs and the bodies of forms are made of (RFC 3986, and the HTML
 * standard's application/x-www-form-urlencoded).  Pure.
 */
#ifndef ES_URL_H
#define ES_URL_H

#include "buf.h"

/* Take off what stands before the next `at`, and that. */
struct span url_cut(struct span *rest, char at);

/*
 * Percent-decode, appended to out; form: "+" is a space, as in a query.
 * ES_USAGE for a bad encoding and for what is not UTF-8 then.
 */
int url_decode(struct span, bool form, struct buf *out, struct es_err *err);
/* Unreserved characters stand as they are. */
void url_encode(struct buf *out, struct span);

#endif
