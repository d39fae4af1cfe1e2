#include <string.h>

#include "treeint.h"

/* ---- elements ---- */

/*
 * What shows something and does nothing, in byte order.  Of SVG there is what
 * draws, no more: it links to nothing, moves nothing, and holds no HTML.
 */
static const struct tag {
	const char *name;
	int flags;
} tags[] = {
	{"a", 0}, {"abbr", 0}, {"address", 0}, {"article", 0}, {"aside", 0},
	{"audio", 0}, {"b", 0}, {"bdi", 0}, {"bdo", 0}, {"blockquote", 0},
	{"br", TREE_VOID}, {"caption", 0}, {"circle", TREE_SVG}, {"cite", 0},
	{"code", 0}, {"col", TREE_VOID}, {"colgroup", 0}, {"data", 0},
	{"dd", 0}, {"del", 0}, {"details", 0}, {"dfn", 0}, {"div", 0},
	{"dl", 0}, {"dt", 0}, {"ellipse", TREE_SVG}, {"em", 0},
	{"fieldset", 0}, {"figcaption", 0}, {"figure", 0}, {"footer", 0},
	{"g", TREE_SVG}, {"h1", 0}, {"h2", 0}, {"h3", 0}, {"h4", 0},
	{"h5", 0}, {"h6", 0}, {"header", 0}, {"hgroup", 0},
	{"hr", TREE_VOID}, {"i", 0}, {"img", TREE_VOID}, {"ins", 0},
	{"kbd", 0}, {"legend", 0}, {"li", 0}, {"line", TREE_SVG},
	{"main", 0}, {"mark", 0}, {"menu", 0}, {"meter", 0}, {"nav", 0},
	{"ol", 0}, {"p", 0}, {"path", TREE_SVG}, {"picture", 0},
	{"polygon", TREE_SVG}, {"polyline", TREE_SVG}, {"pre", 0},
	{"progress", 0}, {"q", 0}, {"rect", TREE_SVG}, {"rp", 0}, {"rt", 0},
	{"ruby", 0}, {"s", 0}, {"samp", 0}, {"search", 0}, {"section", 0},
	{"small", 0}, {"source", TREE_VOID}, {"span", 0}, {"strong", 0},
	{"sub", 0}, {"summary", 0}, {"sup", 0}, {"svg", TREE_SVG},
	{"table", 0}, {"tbody", 0}, {"td", 0}, {"text", TREE_SVG},
	{"tfoot", 0}, {"th", 0}, {"thead", 0}, {"time", 0}, {"tr", 0},
	{"track", TREE_VOID}, {"tspan", TREE_SVG}, {"u", 0}, {"ul", 0},
	{"var", 0}, {"video", 0}, {"wbr", TREE_VOID},
};

int tree_tag(struct span name)
{
	size_t low = 0, high = sizeof tags / sizeof *tags;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = span_cmp(name, span_str(tags[mid].name));

		if (order == 0)
			return tags[mid].flags;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return -1;
}

/* ---- names ---- */

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

static bool begins(struct span s, const char *with)
{
	size_t i, n = strlen(with);

	for (i = 0; i < n; i++)
		if (i >= s.n || lower(s.p[i]) != with[i])
			return false;
	return true;
}

static bool is(struct span s, const char *word)
{
	return s.n == strlen(word) && begins(s, word);
}

static bool is_one_of(struct span s, const char *const *words)
{
	while (*words && !is(s, *words))
		words++;
	return *words != NULL;
}

static bool is_name(struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++) {
		char c = lower(s.p[i]);

		if ((c >= 'a' && c <= 'z') || c == '_' || c == ':')
			continue;
		if (i == 0 || !((c >= '0' && c <= '9') || c == '-' ||
		    c == '.'))
			return false;
	}
	return s.n > 0 && s.n <= 64;
}

/* data-NAME of Datastar, whose value is an expression; also data-NAME:… */
static bool is_datastar(struct span s)
{
	static const char *const names[] = {"attr", "bind", "class",
	    "computed", "effect", "ignore", "indicator", "init",
	    "json-signals", "preserve-attr", "ref", "show", "signals", "style",
	    "text", NULL};
	const char *end;

	if (!begins(s, "data-"))
		return false;
	s.p += 5;
	s.n -= 5;
	if (is(s, "on") || begins(s, "on-") || begins(s, "hx-"))
		return true;
	end = s.n ? memchr(s.p, ':', s.n) : NULL;
	return end || is_one_of(s, names);
}

/*
 * Why a page has no such attribute; NULL when it can.  What acts comes from
 * form() and link_command() alone: an attribute that a script acts on would let
 * data act.
 */
static const char *refusal(struct span s)
{
	static const char *const acts[] = {"action", "method", "enctype",
	    "ping", "is", "nonce", "http-equiv", "srcdoc", NULL};

	if (!is_name(s))
		return "is no name of an attribute";
	if (begins(s, "on"))
		return "a page has no scripts in it";
	if (is(s, "style"))
		return "a page has no styles in it: use a class";
	if (begins(s, "form") || is_one_of(s, acts))
		return "is not for pages: use form() or link_command()";
	if (begins(s, "data-es-") || begins(s, "hx-") || is_datastar(s))
		return "a script acts on it: use form(), link_command() or "
		    "raw()";
	return NULL;
}

/* ---- URLs ---- */

static bool is_scheme(struct span s)
{
	return is(s, "http") || is(s, "https") || is(s, "mailto");
}

/*
 * Relative, http, https or mailto.  What browsers leave out before they look
 * for the scheme (control characters, spaces around it) is refused, so that
 * they see the scheme that was seen here.
 */
static bool is_url(struct span s)
{
	size_t i, end = s.n;

	if (s.n > 0 && (s.p[0] == ' ' || s.p[s.n - 1] == ' '))
		return false;
	for (i = 0; i < s.n; i++) {
		if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f)
			return false;
		if (end == s.n && strchr(":/?#", s.p[i]))
			end = i;
	}
	return end == s.n || s.p[end] != ':' ||
	    is_scheme((struct span){s.p, end});
}

/* "small.png 1x, large.png 2x": every word, since "1x" is as good as a URL. */
static bool is_srcset(struct span s)
{
	size_t i, from = 0;

	for (i = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != ' ' && s.p[i] != ',')
			continue;
		if (!is_url((struct span){s.p + from, i - from}))
			return false;
		from = i + 1;
	}
	return true;
}

static bool is_safe(struct span name, struct span value)
{
	static const char *const urls[] = {"href", "src", "cite", "poster",
	    "background", "longdesc", "data", "lowsrc", "dynsrc",
	    "xlink:href", NULL};

	if (is(name, "srcset") || is(name, "imagesrcset"))
		return is_srcset(value);
	return !is_one_of(name, urls) || is_url(value);
}

/* ---- values ---- */

static int add_list(struct tree *t, uint32_t array, struct buf *value,
    const struct tree_place *at)
{
	struct tree_place place = {.up = at};
	uint32_t i, end = t->doc->nodes[array].end;
	bool first = true;

	for (i = json_first(t->doc, array); i < end;
	    i = json_next(t->doc, i), place.index++) {
		enum json_type type = tree_type(t, i);

		if (type == JSON_NULL || type == JSON_FALSE)
			continue;
		if (type != JSON_STRING && type != JSON_NUMBER)
			return tree_fault(t, &place, "%s is no part of a value "
			    "(strings and numbers are)", json_type_name(type));
		if (!first)
			buf_addc(value, ' ');
		first = false;
		tree_scalar(t->doc, i, value);
	}
	return 0;
}

/* The value's text; *bare: it has none. */
static int read_value(struct tree *t, uint32_t node, struct buf *value,
    bool *bare, const struct tree_place *at)
{
	enum json_type type = tree_type(t, node);

	*bare = type == JSON_TRUE;
	if (*bare)
		return 0;
	if (type == JSON_ARRAY)
		return add_list(t, node, value, at);
	if (type == JSON_OBJECT)
		return tree_fault(t, at, "an object is no value of an "
		    "attribute");
	tree_scalar(t->doc, node, value);
	return 0;
}

static int attribute(struct tree *t, struct span name, uint32_t node,
    struct buf *value, const struct tree_place *up)
{
	struct tree_place place = {.up = up, .name = name};
	const char *why = refusal(name);
	bool bare;

	if (why)
		return tree_fault(t, &place, "%s", why);
	if (tree_type(t, node) == JSON_NULL ||
	    tree_type(t, node) == JSON_FALSE)
		return 0;
	buf_truncate(value, 0);
	if (read_value(t, node, value, &bare, &place) < 0 ||
	    buf_check(value, t->err) < 0)
		return -1;
	if (!is_safe(name, buf_span(value)))
		return tree_fault(t, &place, "is not relative, http(s) or "
		    "mailto");
	buf_addc(t->out, ' ');
	buf_add_span(t->out, name);
	if (bare)
		return 0;
	buf_adds(t->out, "=\"");
	tree_escape(t->out, buf_span(value));
	buf_addc(t->out, '"');
	return 0;
}

int tree_attributes(struct tree *t, uint32_t object,
    const struct tree_place *at)
{
	struct buf name = {0}, value = {0};
	uint32_t i, end = t->doc->nodes[object].end;
	int r = 0;

	for (i = json_first(t->doc, object); r == 0 && i < end;
	    i = json_next(t->doc, json_next(t->doc, i))) {
		buf_truncate(&name, 0);
		r = attribute(t, json_string(t->doc, i, &name),
		    json_next(t->doc, i), &value, at);
	}
	buf_free(&name);
	buf_free(&value);
	return r;
}
