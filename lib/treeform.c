#include <string.h>

#include "message.h"
#include "treeint.h"
#include "url.h"

/* ---- ids ---- */

static uint64_t hash(struct span s)	/* FNV-1a */
{
	uint64_t h = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
	return h ? h : 1;		/* 0 is an empty place */
}

/* Where a hash is in the table, or would be. */
static uint64_t *find_id(uint64_t *v, size_t cap, uint64_t h)
{
	size_t i = (size_t)h & (cap - 1);

	while (v[i] != 0 && v[i] != h)
		i = (i + 1) & (cap - 1);
	return &v[i];
}

static int make_room(struct tree *t)
{
	size_t cap = t->cap_ids ? t->cap_ids * 2 : 64, i;
	uint64_t *v;

	if (t->n_ids * 2 < t->cap_ids)
		return 0;
	v = calloc(cap, sizeof *v);
	if (!v)
		return es_fail_nomem(t->err);
	for (i = 0; i < t->cap_ids; i++)
		if (t->ids[i])
			*find_id(v, cap, t->ids[i]) = t->ids[i];
	free(t->ids);
	t->ids = v;
	t->cap_ids = cap;
	return 0;
}

int tree_claim(struct tree *t, struct buf *id)
{
	size_t n = id->n;
	unsigned again = 1;
	uint64_t *place;

	if (make_room(t) < 0)
		return -1;
	while (*(place = find_id(t->ids, t->cap_ids, hash(buf_span(id))))) {
		buf_truncate(id, n);
		buf_addf(id, "-%u", ++again);
		if (buf_check(id, t->err) < 0)
			return -1;
	}
	*place = hash(buf_span(id));
	t->n_ids++;
	return buf_check(id, t->err);
}

/*
 * Of the type and the hidden values, so that a form keeps its id wherever it
 * stands in the page.  Those of a layout differ from a page's.
 */
static int make_id(struct tree *t, struct tree_open *o)
{
	struct buf hidden = {0};

	buf_addf(&o->id, "%s-%s", t->slot.p ? "esl" : "es", o->type.p);
	if (t->doc->nodes[o->hidden].count > 0) {
		json_compact(t->doc, o->hidden, &hidden);
		buf_addf(&o->id, "-%08x",
		    (unsigned)(hash(buf_span(&hidden)) & UINT32_MAX));
	}
	buf_free(&hidden);
	return tree_claim(t, &o->id);
}

/* ---- what a form is given ---- */

static int read_type(struct tree *t, uint32_t node, struct tree_open *o,
    const struct tree_place *at)
{
	struct tree_place place = {.up = at, .name = SPAN_LIT("type")};
	uint32_t type = tree_member(t, node, "type");
	struct es_err err = {0};

	if (type == JSON_NONE || tree_type(t, type) != JSON_STRING)
		return tree_fault(t, &place, "the command's type is not a "
		    "string");
	json_decode(t->doc, type, &o->type);
	if (buf_check(&o->type, t->err) < 0)
		return -1;
	if (message_check_type(buf_span(&o->type), &err) < 0)
		return tree_fault(t, &place, "%s", err.text);
	return 0;
}

static int read_hidden(struct tree *t, uint32_t node, struct tree_open *o,
    const struct tree_place *at)
{
	struct tree_place place = {.up = at, .name = SPAN_LIT("hidden")};

	o->hidden = tree_member(t, node, "hidden");
	if (o->hidden == JSON_NONE || tree_type(t, o->hidden) != JSON_OBJECT)
		return tree_fault(t, &place, "the hidden values are not an "
		    "object");
	return 0;
}

/*
 * Whether this is the form that was refused: of that type, and without a
 * hidden value that differs from what was sent.
 */
static bool is_refused(const struct tree *t, const struct tree_open *o)
{
	const struct json_doc *sent;
	struct buf name = {0}, here = {0}, there = {0};
	uint32_t i, value, end = t->doc->nodes[o->hidden].end;
	bool same = true;

	if (!t->again || !span_eq(t->again->type, buf_span(&o->type)))
		return false;
	sent = t->again->values;
	for (i = json_first(t->doc, o->hidden); sent && same && i < end;
	    i = json_next(t->doc, json_next(t->doc, i))) {
		buf_truncate(&name, 0);
		buf_truncate(&here, 0);
		buf_truncate(&there, 0);
		json_decode(t->doc, i, &name);
		value = json_get(sent, 0, name.n ? name.p : "");
		same = value == JSON_NONE ||
		    !tree_scalar(sent, value, &there) ||
		    !tree_scalar(t->doc, json_next(t->doc, i), &here) ||
		    span_eq(buf_span(&here), buf_span(&there));
	}
	buf_free(&name);
	buf_free(&here);
	buf_free(&there);
	return same;
}

/* ---- what it consists of ---- */

static int hidden_input(struct tree *t, uint32_t name,
    const struct tree_place *up)
{
	uint32_t node = json_next(t->doc, name);
	struct buf text = {0}, value = {0};
	struct tree_place place = {.up = up};
	int r = 0;

	json_decode(t->doc, name, &text);
	place.name = buf_span(&text);
	if (tree_type(t, node) == JSON_NULL) {
		/* An attribute that is optional. */
	} else if (text.n == 0) {
		r = tree_fault(t, up, "an attribute without a name");
	} else if (!tree_scalar(t->doc, node, &value)) {
		r = tree_fault(t, &place, "%s cannot be in a form (a string, "
		    "a number or a boolean can)",
		    json_type_name(tree_type(t, node)));
	} else {
		buf_adds(t->out, "<input type=\"hidden\"");
		tree_attribute(t, "name", buf_span(&text));
		tree_attribute(t, "value", buf_span(&value));
		buf_addc(t->out, '>');
		buf_add(&t->open->names, text.p, text.n + 1);
	}
	if (r == 0 && (text.failed || value.failed))
		r = es_fail_nomem(t->err);
	buf_free(&text);
	buf_free(&value);
	return r;
}

static int hidden_inputs(struct tree *t, const struct tree_place *at)
{
	struct tree_place place = {.up = at, .name = SPAN_LIT("hidden")};
	uint32_t i, object = t->open->hidden;

	for (i = json_first(t->doc, object); i < t->doc->nodes[object].end;
	    i = json_next(t->doc, json_next(t->doc, i)))
		if (hidden_input(t, i, &place) < 0)
			return -1;
	return 0;
}

bool tree_has_field(const struct tree_open *o, size_t from, struct span name)
{
	size_t i;

	for (i = from; i < o->names.n; i += strlen(o->names.p + i) + 1)
		if (span_is(name, o->names.p + i))
			return true;
	return false;
}

/* What was wrong with the whole, and with what has no place to say it. */
static void form_errors(struct tree *t, size_t hidden_names)
{
	const struct json_doc *errors = t->again->errors;
	struct buf name = {0}, text = {0};
	uint32_t i, end = errors->nodes[0].end;
	bool first = true;

	for (i = json_first(errors, 0); i < end;
	    i = json_next(errors, json_next(errors, i))) {
		buf_truncate(&name, 0);
		buf_truncate(&text, 0);
		json_decode(errors, i, &name);
		if (tree_has_field(t->open, hidden_names, buf_span(&name)))
			continue;
		tree_scalar(errors, json_next(errors, i), &text);
		if (!first)
			buf_adds(t->out, "; ");
		first = false;
		tree_escape(t->out, buf_span(&name));
		buf_adds(t->out, name.n ? ": " : "");
		tree_escape(t->out, buf_span(&text));
	}
	buf_free(&name);
	buf_free(&text);
}

/* Where the form says what was wrong, and what became of it. */
static void places(struct tree *t, size_t hidden_names)
{
	buf_adds(t->out, "<p class=\"es-error\" data-es-error=\"\">");
	if (t->open->filled && t->again->errors)
		form_errors(t, hidden_names);
	buf_adds(t->out, "</p><p class=\"es-outcome\" role=\"status\" "
	    "aria-live=\"polite\"></p>");
}

static int content(struct tree *t, uint32_t node, bool link,
    const struct tree_place *at)
{
	struct tree_place place = {.up = at, .name = SPAN_LIT("children")};
	uint32_t children = tree_member(t, node, "children");
	int r;

	if (children == JSON_NONE || tree_type(t, children) != JSON_ARRAY)
		return tree_fault(t, &place, "the children are not an array");
	if (link)
		buf_adds(t->out, "<button type=\"submit\" class=\"es-link\">");
	t->inert += link;
	r = tree_children(t, children, &place);
	t->inert -= link;
	if (link)
		buf_adds(t->out, "</button>");
	else if (!t->open->has_submit)
		buf_adds(t->out, "<button type=\"submit\" class=\"es-submit\">"
		    "Send</button>");
	return r;
}

static int write_form(struct tree *t, uint32_t node, bool link,
    const struct tree_place *at)
{
	struct tree_open *o = t->open;
	size_t hidden_names;

	if (read_type(t, node, o, at) < 0 || read_hidden(t, node, o, at) < 0 ||
	    make_id(t, o) < 0)
		return -1;
	o->filled = is_refused(t, o);
	buf_adds(t->out, "<form");
	tree_attribute(t, "id", buf_span(&o->id));
	buf_addf(t->out, " class=\"%s\" method=\"post\" "
	    "action=\"/commands/%s", link ? "es-link-form" : "es-form",
	    o->type.p);
	if (t->again && t->again->page.p) {
		buf_adds(t->out, "?page=");
		url_encode(t->out, t->again->page);
	}
	buf_addf(t->out, "\" data-es-command=\"%s\">", o->type.p);
	if (hidden_inputs(t, at) < 0)
		return -1;
	hidden_names = o->names.n;
	if (content(t, node, link, at) < 0 ||
	    buf_check(&o->names, t->err) < 0)
		return -1;
	places(t, hidden_names);
	buf_adds(t->out, "</form>");
	return 0;
}

int tree_form(struct tree *t, uint32_t node, const struct tree_place *at,
    bool link)
{
	struct tree_open open = {0};
	int r;

	if (t->open)
		return tree_fault(t, at, "a form inside of a form");
	t->open = &open;
	r = write_form(t, node, link, at);
	t->open = NULL;
	buf_free(&open.type);
	buf_free(&open.id);
	buf_free(&open.names);
	return r;
}

int tree_submit(struct tree *t, uint32_t node, const struct tree_place *at)
{
	struct tree_place place = {.up = at, .name = SPAN_LIT("text")};
	uint32_t text = tree_member(t, node, "text");
	int r;

	if (!t->open)
		return tree_fault(t, at, "submit() outside of a form");
	t->open->has_submit = true;
	buf_adds(t->out, "<button type=\"submit\" class=\"es-submit\">");
	r = text == JSON_NONE ? 0 : tree_inert(t, text, &place);
	buf_adds(t->out, "</button>");
	return r;
}
