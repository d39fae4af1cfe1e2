/* name=value&…: a form's body, and the query of a URL. */
#include <string.h>

#include "url.h"
#include "webint.h"

struct span web_own_path(struct span path)
{
	size_t i;

	if (path.n == 0 || path.p[0] != '/' ||
	    (path.n > 1 && path.p[1] == '/'))
		return SPAN_LIT("/");
	/* Control characters are left out by it, and make "/" and "/" "//". */
	for (i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] <= ' ' || path.p[i] == '\\')
			return SPAN_LIT("/");
	return path;
}

int web_form(struct span text, int (*each)(void *ctx, struct span name,
    struct span value), void *ctx)
{
	struct buf name = {0}, value = {0};
	int r = 0;

	while (text.n > 0 && r == 0) {
		struct span field = url_cut(&text, '&'), before;

		if (field.n == 0)
			continue;
		before = url_cut(&field, '=');
		buf_truncate(&name, 0);
		buf_truncate(&value, 0);
		r = url_decode(before, true, &name, NULL) < 0 ||
		    url_decode(field, true, &value, NULL) < 0 ? -1 :
		    each(ctx, buf_span(&name), buf_span(&value));
	}
	buf_free(&name);
	buf_free(&value);
	return r;
}

struct wanted { const char *name; struct buf *out; int found; };

static int look_for(void *ctx, struct span name, struct span value)
{
	struct wanted *w = ctx;

	if (w->found || !span_is(name, w->name))
		return 0;
	buf_add_span(w->out, value);
	w->found = 1;
	return 0;
}

int web_form_value(struct span text, const char *name, struct buf *out)
{
	struct wanted w = {name, out, 0};

	buf_truncate(out, 0);
	return web_form(text, look_for, &w) < 0 ? -1 : w.found;
}
