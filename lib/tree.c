#include <stdarg.h>
#include <string.h>

#include "treeint.h"

/* ---- places and faults ---- */

static void add_place(struct buf *out, const struct tree_place *at)
{
	char name[80];

	if (!at)
		return;
	add_place(out, at->up);
	if (at->name.p)
		buf_addf(out, ".%s", es_escape(name, sizeof name, at->name.p,
		    at->name.n));
	else
		buf_addf(out, "[%u]", (unsigned)at->index);
}

int tree_fault(struct tree *t, const struct tree_place *at, const char *fmt,
    ...)
{
	struct buf path = {0};
	char text[500];
	va_list ap;

	va_start(ap, fmt);
	es_text(text, sizeof text, fmt, ap);
	va_end(ap);
	add_place(&path, at);
	es_fail(t->err, ES_FAILED, "%s%s%s", path.n ? path.p : "",
	    path.n ? ": " : "", text);
	buf_free(&path);
	return -1;
}

/* ---- small means ---- */

void tree_escape(struct buf *out, struct span text)
{
	size_t i, from = 0;

	for (i = 0; i < text.n; i++) {
		const char *as;

		switch (text.p[i]) {
		case '&': as = "&amp;"; break;
		case '<': as = "&lt;"; break;
		case '>': as = "&gt;"; break;
		case '"': as = "&quot;"; break;
		case '\'': as = "&#39;"; break;
		case '\r': as = "&#13;"; break;
		case '\0': as = "\xef\xbf\xbd"; break;	/* U+FFFD */
		default: continue;
		}
		buf_add(out, text.p + from, i - from);
		buf_adds(out, as);
		from = i + 1;
	}
	if (i > from)
		buf_add(out, text.p + from, i - from);
}

enum json_type tree_type(const struct tree *t, uint32_t node)
{
	return (enum json_type)t->doc->nodes[node].type;
}

uint32_t tree_member(const struct tree *t, uint32_t object, const char *name)
{
	return json_get(t->doc, object, name);
}

struct span tree_string(struct tree *t, uint32_t node)
{
	buf_truncate(&t->text, 0);
	return json_string(t->doc, node, &t->text);
}

bool tree_scalar(const struct json_doc *d, uint32_t node, struct buf *out)
{
	switch ((enum json_type)d->nodes[node].type) {
	case JSON_STRING:
		json_decode(d, node, out);
		return true;
	case JSON_NUMBER:
	case JSON_TRUE:
	case JSON_FALSE:
		buf_add_span(out, json_text(d, node));
		return true;
	case JSON_NULL:
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	return false;
}

void tree_attribute(struct tree *t, const char *name, struct span value)
{
	buf_addc(t->out, ' ');
	buf_adds(t->out, name);
	buf_adds(t->out, "=\"");
	tree_escape(t->out, value);
	buf_addc(t->out, '"');
}

static bool is_made(const struct tree *t, uint32_t node)
{
	return tree_type(t, node) == JSON_OBJECT &&
	    tree_member(t, node, t->key) != JSON_NONE;
}

/* ---- elements ---- */

static int one_node(struct tree *, uint32_t node, const struct tree_place *);

/* The elements of an array behind the first `skip`. */
static int nodes(struct tree *t, uint32_t array, uint32_t skip,
    const struct tree_place *at)
{
	struct tree_place place = {.up = at};
	uint32_t i, end = t->doc->nodes[array].end;

	for (i = json_first(t->doc, array); i < end;
	    i = json_next(t->doc, i), place.index++)
		if (place.index >= skip && one_node(t, i, &place) < 0)
			return -1;
	return 0;
}

int tree_children(struct tree *t, uint32_t array, const struct tree_place *at)
{
	return nodes(t, array, 0, at);
}

/* Flags of the element whose tag stands there, -1 after a fault. */
static int check_tag(struct tree *t, uint32_t node,
    const struct tree_place *at)
{
	struct tree_place place = {.up = at};
	struct span tag = tree_string(t, node);
	int flags = tree_tag(tag);
	bool is_svg = span_is(tag, "svg");
	char shown[60];

	es_escape(shown, sizeof shown, tag.p, tag.n);
	if (flags < 0)
		return tree_fault(t, &place, "\"%s\" is no element that a page "
		    "can have (a text that begins a list belongs in an "
		    "element, or behind \"\\(…)\")", shown);
	if (t->svg && !(flags & TREE_SVG))
		return tree_fault(t, &place, "%s inside of svg", shown);
	if (!t->svg && (flags & TREE_SVG) && !is_svg)
		return tree_fault(t, &place, "%s outside of svg", shown);
	return flags;
}

static int element(struct tree *t, uint32_t node, const struct tree_place *at)
{
	struct tree_place place = {.up = at, .index = 1};
	uint32_t tag = json_first(t->doc, node), second = json_next(t->doc, tag);
	bool has_attributes = second < t->doc->nodes[node].end &&
	    tree_type(t, second) == JSON_OBJECT && !is_made(t, second);
	int flags = check_tag(t, tag, at), r;
	size_t before;

	if (flags < 0)
		return -1;
	buf_addc(t->out, '<');
	buf_add_span(t->out, tree_string(t, tag));
	if (has_attributes && tree_attributes(t, second, &place) < 0)
		return -1;
	buf_addc(t->out, '>');
	before = t->out->n;
	t->svg += (flags & TREE_SVG) != 0;
	r = nodes(t, node, has_attributes ? 2 : 1, at);
	t->svg -= (flags & TREE_SVG) != 0;
	if (r < 0)
		return -1;
	if (!(flags & TREE_VOID)) {
		buf_adds(t->out, "</");
		buf_add_span(t->out, tree_string(t, tag));
		buf_addc(t->out, '>');
	} else if (t->out->n > before) {
		return tree_fault(t, at, "%.*s has no content",
		    (int)tree_string(t, tag).n, tree_string(t, tag).p);
	}
	return 0;
}

/* ---- what the helpers made ---- */

static int raw(struct tree *t, uint32_t node, const struct tree_place *at)
{
	struct tree_place place = {.up = at, .name = SPAN_LIT("html")};
	uint32_t html = tree_member(t, node, "html");

	if (html == JSON_NONE || tree_type(t, html) != JSON_STRING)
		return tree_fault(t, &place, "raw() takes a string");
	buf_add_span(t->out, tree_string(t, html));
	return 0;
}

static int slot(struct tree *t, const struct tree_place *at)
{
	if (!t->slot.p)
		return tree_fault(t, at, "slot is for a layout");
	if (t->open || t->svg || t->inert)
		return tree_fault(t, at, "slot inside of a form or svg");
	t->slots++;
	buf_add_span(t->out, t->slot);
	return 0;
}

static int made(struct tree *t, uint32_t node, const struct tree_place *at)
{
	uint32_t brand = tree_member(t, node, t->key);
	struct span kind = tree_type(t, brand) == JSON_STRING ?
	    tree_string(t, brand) : SPAN_NONE;

	if (span_is(kind, "raw"))
		return raw(t, node, at);
	if (span_is(kind, "slot"))
		return slot(t, at);
	if (t->svg || t->inert)
		return tree_fault(t, at, "a part of a form inside of %s",
		    t->svg ? "svg" : "a label, a help text or a button");
	if (span_is(kind, "form"))
		return tree_form(t, node, at, false);
	if (span_is(kind, "link_command"))
		return tree_form(t, node, at, true);
	if (span_is(kind, "field"))
		return tree_field(t, node, at);
	if (span_is(kind, "submit"))
		return tree_submit(t, node, at);
	return tree_fault(t, at, "no helper made this");
}

/* ---- nodes ---- */

static int array(struct tree *t, uint32_t node, const struct tree_place *at)
{
	if (t->doc->nodes[node].count == 0)
		return 0;
	if (tree_type(t, json_first(t->doc, node)) == JSON_STRING)
		return element(t, node, at);
	return nodes(t, node, 0, at);
}

static int any_node(struct tree *t, uint32_t node, const struct tree_place *at)
{
	switch (tree_type(t, node)) {
	case JSON_NULL:
	case JSON_FALSE:
		return 0;
	case JSON_TRUE:
		return tree_fault(t, at, "true is no text; null and false are "
		    "nothing");
	case JSON_NUMBER:
		buf_add_span(t->out, json_text(t->doc, node));
		return 0;
	case JSON_STRING:
		tree_escape(t->out, tree_string(t, node));
		return 0;
	case JSON_ARRAY:
		return array(t, node, at);
	case JSON_OBJECT:
		break;
	}
	if (is_made(t, node))
		return made(t, node, at);
	return tree_fault(t, at, "an object is no node; attributes stand right "
	    "behind their tag");
}

static int one_node(struct tree *t, uint32_t node, const struct tree_place *at)
{
	if (any_node(t, node, at) < 0)
		return -1;
	if (t->out->n - t->from > TREE_BYTES)
		return tree_fault(t, at, "the page is larger than %zu KiB",
		    TREE_BYTES / 1024);
	return 0;
}

int tree_inert(struct tree *t, uint32_t node, const struct tree_place *at)
{
	int r;

	t->inert++;
	r = one_node(t, node, at);
	t->inert--;
	return r;
}

/* Text that shows the key would let data look like what helpers make. */
static int check_secret(struct tree *t)
{
	if (t->out->n > t->from && memmem(t->out->p + t->from,
	    t->out->n - t->from, t->key, strlen(t->key)))
		return tree_fault(t, NULL, "a text shows what form(), field() "
		    "or another helper made; a helper's output is a node");
	return 0;
}

int tree_render(const struct json_doc *d, uint32_t root, const char *key,
    const struct tree_form *form, struct span slot_html, int *slots,
    struct buf *out, struct es_err *err)
{
	struct tree t = {.doc = d, .key = key, .again = form,
	    .slot = slot_html, .out = out, .from = out->n, .err = err};
	int r = one_node(&t, root, NULL) < 0 || check_secret(&t) < 0 ||
	    buf_check(&t.text, err) < 0 || buf_check(out, err) < 0 ? -1 : 0;

	if (r < 0)
		buf_truncate(out, t.from);
	if (slots)
		*slots = t.slots;
	buf_free(&t.text);
	free(t.ids);
	return r;
}
