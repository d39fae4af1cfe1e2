/*
 * sse: server-sent events in Datastar's wire format (v1).
 *
 *   sse_begin -> sse_lines* -> sse_end
 *
 * An event is `event:`, `id:`, `data:` lines, an empty line.  Text is given
 * line by line, split at CR, LF and CRLF, so that none of it can look like a
 * line of the format.  Everything is appended to out, whose buf_check() is the
 * caller's.  Pure.
 */
#ifndef ES_SSE_H
#define ES_SSE_H

#include "buf.h"

/* id: SPAN_NONE for none; what would end its line is left out. */
void sse_begin(struct buf *out, const char *event, struct span id);
/* A `data: KEY LINE` for each line; key NULL: `data: LINE`. */
void sse_lines(struct buf *out, const char *key, struct span text);
void sse_end(struct buf *out);

/* datastar-patch-elements: each element replaces the one of its id. */
void sse_patch(struct buf *out, struct span id, struct span html);
/* The page is of another log: load it again. */
void sse_reload(struct buf *out);
/* A comment, to see whether the other side is still there. */
#define SSE_HEARTBEAT ":\n\n"

#endif
