#include "sse.h"

void sse_begin(struct buf *out, const char *event, struct span id)
{
	size_t i;

	buf_addf(out, "event: %s\n", event);
	if (!id.p)
		return;
	buf_adds(out, "id: ");
	for (i = 0; i < id.n; i++)
		if (id.p[i] != '\r' && id.p[i] != '\n' && id.p[i])
			buf_addc(out, id.p[i]);
	buf_addc(out, '\n');
}

static size_t line_length(struct span text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] != '\r' && text.p[n] != '\n')
		n++;
	return n;
}

/* Also the empty line behind a last newline. */
void sse_lines(struct buf *out, const char *key, struct span text)
{
	for (;;) {
		size_t n = line_length(text), end = n;

		buf_adds(out, "data: ");
		if (key)
			buf_addf(out, "%s ", key);
		buf_add(out, text.p, n);
		buf_addc(out, '\n');
		if (end == text.n)
			return;
		end += text.p[end] == '\r' && end + 1 < text.n &&
		    text.p[end + 1] == '\n' ? 2 : 1;
		text.p += end;
		text.n -= end;
	}
}

void sse_end(struct buf *out)
{
	buf_addc(out, '\n');
}

void sse_patch(struct buf *out, struct span id, struct span html)
{
	sse_begin(out, "datastar-patch-elements", id);
	sse_lines(out, "elements", html);
	sse_end(out);
}

void sse_reload(struct buf *out)
{
	sse_begin(out, "es-reload", SPAN_NONE);
	/* Without data an event does not happen. */
	sse_lines(out, NULL, SPAN_LIT("the log is another one"));
	sse_end(out);
}
