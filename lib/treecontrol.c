#include "treefield.h"

/* What all of them have; the id of a radio button ends in its number. */
static void common(struct tree *t, const struct tree_field *f, unsigned number)
{
	size_t i;

	buf_addf(t->out, " id=\"%s", f->id.p);
	if (number)
		buf_addf(t->out, ".%u", number);
	buf_addc(t->out, '"');
	tree_attribute(t, "name", buf_span(&f->name));
	for (i = O_TEXTS; i < O_FLAGS; i++) {
		struct buf text = {0};

		if (f->v[i] == JSON_NONE ||
		    (i == O_PLACEHOLDER && f->control == SELECT))
			continue;
		tree_scalar(t->doc, f->v[i], &text);
		tree_attribute(t, tree_options[i], buf_span(&text));
		buf_free(&text);
	}
	for (i = O_FLAGS; i < N_OPTIONS; i++)
		if (f->v[i] != JSON_NONE && !(i == O_AUTOFOCUS && number > 1))
			buf_addf(t->out, " %s", tree_options[i]);
	buf_addf(t->out, " aria-describedby=\"%s.error", f->id.p);
	if (f->v[O_HELP] != JSON_NONE)
		buf_addf(t->out, " %s.help", f->id.p);
	buf_addc(t->out, '"');
	if (f->error.n)
		buf_adds(t->out, " aria-invalid=\"true\"");
}

static void input(struct tree *t, const struct tree_field *f)
{
	buf_adds(t->out, "<input");
	tree_attribute(t, "type", buf_span(&f->type));
	common(t, f, 0);
	if (f->control == CHECKBOX)
		buf_adds(t->out, f->has_value ? " value=\"true\" checked" :
		    " value=\"true\"");
	else if (f->has_value)
		tree_attribute(t, "value", buf_span(&f->value));
	buf_addc(t->out, '>');
}

static void textarea(struct tree *t, const struct tree_field *f)
{
	buf_adds(t->out, "<textarea");
	common(t, f, 0);
	buf_addc(t->out, '>');
	/* A newline right behind the tag is not part of the text. */
	if (f->value.n && f->value.p[0] == '\n')
		buf_addc(t->out, '\n');
	tree_escape(t->out, buf_span(&f->value));
	buf_adds(t->out, "</textarea>");
}

/* ---- choices ---- */

struct choice {
	struct buf value, label;
};

/* An element of options: a value, or {value, label}. */
static int read_choice(struct tree *t, uint32_t node, struct choice *c,
    const struct tree_place *at)
{
	uint32_t value = node, label = JSON_NONE;

	buf_truncate(&c->value, 0);
	buf_truncate(&c->label, 0);
	if (tree_type(t, node) == JSON_OBJECT) {
		value = tree_member(t, node, "value");
		label = tree_member(t, node, "label");
		if (t->doc->nodes[node].count !=
		    (uint32_t)(value != JSON_NONE) + (label != JSON_NONE))
			value = JSON_NONE;
	}
	if (value == JSON_NONE || !tree_scalar(t->doc, value, &c->value) ||
	    !tree_scalar(t->doc, label == JSON_NONE ? value : label,
	    &c->label))
		return tree_fault(t, at, "is neither a value nor {value, "
		    "label}");
	return buf_check(&c->value, t->err) < 0 ? -1 :
	    buf_check(&c->label, t->err);
}

static void add_option(struct tree *t, const struct choice *c, bool selected)
{
	buf_adds(t->out, "<option");
	tree_attribute(t, "value", buf_span(&c->value));
	buf_adds(t->out, selected ? " selected>" : ">");
	tree_escape(t->out, buf_span(&c->label));
	buf_adds(t->out, "</option>");
}

static void add_radio(struct tree *t, const struct tree_field *f,
    const struct choice *c, bool selected, unsigned number)
{
	buf_adds(t->out, "<label><input type=\"radio\"");
	common(t, f, number);
	tree_attribute(t, "value", buf_span(&c->value));
	buf_adds(t->out, selected ? " checked>" : ">");
	tree_escape(t->out, buf_span(&c->label));
	buf_adds(t->out, "</label>");
}

static int choices(struct tree *t, const struct tree_field *f,
    const struct tree_place *at)
{
	struct tree_place options = {.up = at, .name = SPAN_LIT("options")};
	struct tree_place list = {.up = &options, .name = SPAN_LIT("options")};
	struct tree_place place = {.up = &list};
	struct choice c = {{0}, {0}};
	uint32_t i, node = f->v[O_OPTIONS];
	int r = 0;

	if (node == JSON_NONE || tree_type(t, node) != JSON_ARRAY)
		return tree_fault(t, &list, "a %s has an array of options",
		    f->type.p);
	for (i = json_first(t->doc, node); i < t->doc->nodes[node].end;
	    i = json_next(t->doc, i), place.index++) {
		bool selected;

		r = read_choice(t, i, &c, &place);
		if (r < 0)
			break;
		selected = f->has_value &&
		    span_eq(buf_span(&c.value), buf_span(&f->value));
		if (f->control == SELECT)
			add_option(t, &c, selected);
		else
			add_radio(t, f, &c, selected, place.index + 1);
	}
	buf_free(&c.value);
	buf_free(&c.label);
	return r;
}

static int select_box(struct tree *t, const struct tree_field *f,
    const struct tree_place *at)
{
	struct choice none = {{0}, {0}};
	int r;

	buf_adds(t->out, "<select");
	common(t, f, 0);
	buf_addc(t->out, '>');
	if (f->v[O_PLACEHOLDER] != JSON_NONE) {
		tree_scalar(t->doc, f->v[O_PLACEHOLDER], &none.label);
		add_option(t, &none, false);
		buf_free(&none.label);
	}
	r = choices(t, f, at);
	buf_adds(t->out, "</select>");
	return r;
}

int tree_control(struct tree *t, const struct tree_field *f,
    const struct tree_place *at)
{
	switch (f->control) {
	case SELECT:
		return select_box(t, f, at);
	case RADIO:
		return choices(t, f, at);
	case TEXTAREA:
		textarea(t, f);
		break;
	case INPUT:
	case CHECKBOX:
		input(t, f);
		break;
	}
	return 0;
}
