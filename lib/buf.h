/*
 * buf: growable bytes.
 *
 * A zeroed struct buf is empty and valid; buf_free() returns it to that state.
 * p[0..n) is the content; p is NULL only while nothing was ever added, and
 * otherwise p[n] is NUL, so text can be handed on as a C string.  Any buf_add
 * may move p: spans into a buf are offsets until it has stopped growing.
 *
 * Failure of memory is sticky: after it the buf ignores what is added and
 * `failed` is set, so a caller adds freely and asks once, with buf_check(),
 * before it uses the result.  Only buf_reset() and buf_free() forget it.
 */
#ifndef ES_BUF_H
#define ES_BUF_H

#include <stdbool.h>
#include <stdint.h>
#include "err.h"

struct buf {
	char *p;
	size_t n, cap;
	bool failed;
};

/* Borrowed bytes, not ended by NUL.  p is NULL for "absent". */
struct span {
	const char *p;
	size_t n;
};

#define SPAN_NONE ((struct span){NULL, 0})
#define SPAN_LIT(s) ((struct span){"" s, sizeof(s) - 1})

struct span span_str(const char *s);	/* NULL gives SPAN_NONE */
bool span_eq(struct span a, struct span b);
bool span_is(struct span a, const char *s);
int span_cmp(struct span a, struct span b);	/* by bytes, shorter first */

void buf_add(struct buf *b, const void *p, size_t n);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_add_span(struct buf *b, struct span s);
void buf_addf(struct buf *b, const char *fmt, ...) ES_PRINTF(2, 3);
void buf_add_int(struct buf *b, int64_t v);	/* decimal */

/* Make room for n more bytes and return where they go; NULL on failure. */
char *buf_room(struct buf *b, size_t n);

void buf_truncate(struct buf *b, size_t n);	/* n <= b->n; keeps memory */
/* Empty it for another use, of which an earlier failure is none. */
void buf_reset(struct buf *b);
struct span buf_span(const struct buf *b);
void buf_swap(struct buf *a, struct buf *b);
void buf_free(struct buf *b);

/* 0, or -1 with "out of memory" when something added was lost. */
int buf_check(const struct buf *b, struct es_err *err);

/* Take the content as a malloced C string (never NULL but on failure). */
char *buf_detach(struct buf *b);

#endif
