#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "err.h"
#include "utf8.h"

#undef es_fail
#undef es_fail_errno
#undef es_fail_nomem
#undef es_err_at

static const char nomem[] = "out of memory";

static void mark_cut(char *text, size_t size)
{
	size_t at = size - 4;

	while (at > 0 && ((unsigned char)text[at] & 0xc0) == 0x80)
		at--;
	memcpy(text + at, "...", 4);
}

void es_text(char *out, size_t size, const char *fmt, va_list ap)
{
	int n = vsnprintf(out, size, fmt, ap);

	if (n < 0)
		out[0] = '\0';
	else if ((size_t)n >= size)
		mark_cut(out, size);
}

int es_fail(struct es_err *err, int code, const char *fmt, ...)
{
	va_list ap;

	if (!err)
		return -1;
	err->code = code;
	err->outside = false;
	va_start(ap, fmt);
	es_text(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	return -1;
}

int es_fail_errno(struct es_err *err, const char *fmt, ...)
{
	int saved = errno;
	va_list ap;
	size_t n;

	if (!err)
		return -1;
	err->code = ES_FAILED;
	err->outside = true;
	va_start(ap, fmt);
	es_text(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	n = strlen(err->text);
	if ((size_t)snprintf(err->text + n, sizeof err->text - n, ": %s",
	    strerror(saved)) >= sizeof err->text - n)
		mark_cut(err->text, sizeof err->text);
	return -1;
}

int es_fail_nomem(struct es_err *err)
{
	es_fail(err, ES_FAILED, nomem);
	if (err)
		err->outside = true;
	return -1;
}

int es_err_at(struct es_err *err, const char *fmt, ...)
{
	char old[sizeof err->text];
	va_list ap;
	size_t n, m;

	if (!err)
		return -1;
	memcpy(old, err->text, sizeof old);
	va_start(ap, fmt);
	es_text(err->text, sizeof err->text, fmt, ap);
	va_end(ap);
	n = strlen(err->text);
	m = strlen(old);
	if (n + 2 + m < sizeof err->text) {
		memcpy(err->text + n, ": ", 2);
		memcpy(err->text + n + 2, old, m + 1);
	} else if (n + 8 < sizeof err->text) {
		memcpy(err->text + n, ": ", 2);
		memcpy(err->text + n + 2, old, sizeof err->text - n - 2);
		mark_cut(err->text, sizeof err->text);
	}
	return -1;
}

void es_err_clear(struct es_err *err)
{
	if (!err)
		return;
	err->code = ES_OK;
	err->outside = false;
	err->text[0] = '\0';
}

/* Whether the n bytes at p would drive a terminal (C0, DEL, C1). */
static int is_control(const unsigned char *p, size_t n)
{
	return (n == 1 && (*p < 0x20 || *p == 0x7f)) ||
	    (n == 2 && p[0] == 0xc2 && p[1] < 0xa0);
}

char *es_escape(char *out, size_t size, const char *p, size_t n)
{
	size_t i = 0, at = 0;

	while (i < n) {
		const unsigned char *q = (const unsigned char *)p + i;
		size_t len = utf8_length(q, n - i);
		int raw = len == 0 || is_control(q, len);

		if (at + (raw ? 4 : len) + 4 > size)
			break;
		if (raw) {
			snprintf(out + at, size - at, "\\x%02x", *q);
			at += 4;
			i++;
			continue;
		}
		memcpy(out + at, q, len);
		at += len;
		i += len;
	}
	if (i < n && at + 4 <= size) {
		memcpy(out + at, "...", 3);
		at += 3;
	}
	out[at] = '\0';
	return out;
}
