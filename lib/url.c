#include <string.h>

#include "json.h"
#include "url.h"

struct span url_cut(struct span *rest, char at)
{
	const char *end = rest->n ? memchr(rest->p, at, rest->n) : NULL;
	struct span s = {rest->p, end ? (size_t)(end - rest->p) : rest->n};

	rest->p += s.n + (end != NULL);
	rest->n -= s.n + (end != NULL);
	return s;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' :
	    c >= 'a' && c <= 'f' ? c - 'a' + 10 :
	    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What "%" and two digits stand for; -1 when they do not. */
static int escaped(const char *p, size_t n)
{
	int high = n > 1 ? hex(p[1]) : -1, low = n > 2 ? hex(p[2]) : -1;

	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

int url_decode(struct span s, bool form, struct buf *out,
    struct es_err *err)
{
	size_t i, from = out->n;

	for (i = 0; i < s.n; i++) {
		int c = (unsigned char)s.p[i];

		if (c == '%') {
			c = escaped(s.p + i, s.n - i);
			i += 2;
		} else if (c == '+' && form) {
			c = ' ';
		}
		if (c < 0)
			return es_fail(err, ES_USAGE,
			    "\"%%\" without two hexadecimal digits");
		buf_addc(out, (char)c);
	}
	if (buf_check(out, err) < 0)
		return -1;
	if (out->n > from && !json_utf8(out->p + from, out->n - from))
		return es_fail(err, ES_USAGE, "not UTF-8");
	return 0;
}

void url_encode(struct buf *out, struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    (c >= '0' && c <= '9') || (c && strchr("-._~", c)))
			buf_addc(out, (char)c);
		else
			buf_addf(out, "%%%02X", c);
	}
}
