#include <string.h>

#include "treefield.h"

const char *const tree_options[N_OPTIONS] = {"label", "type", "value",
    "options", "help", "placeholder", "min", "max", "step", "pattern",
    "minlength", "maxlength", "inputmode", "autocomplete", "rows", "required",
    "readonly", "autofocus"};

static void free_field(struct tree_field *f)
{
	buf_free(&f->name);
	buf_free(&f->id);
	buf_free(&f->type);
	buf_free(&f->value);
	buf_free(&f->error);
}

/* ---- what it is given ---- */

static int read_name(struct tree *t, uint32_t node, struct tree_field *f,
    const struct tree_place *at)
{
	struct tree_place place = {.up = at, .name = SPAN_LIT("name")};
	uint32_t name = tree_member(t, node, "name");

	if (name == JSON_NONE || tree_type(t, name) != JSON_STRING)
		return tree_fault(t, &place, "a field's name is not a string");
	json_decode(t->doc, name, &f->name);
	if (buf_check(&f->name, t->err) < 0)
		return -1;
	if (f->name.n == 0 || memchr(f->name.p, 0, f->name.n))
		return tree_fault(t, &place, "a field without a name");
	if (tree_has_field(t->open, 0, buf_span(&f->name)))
		return tree_fault(t, &place, "%s is in this form twice",
		    f->name.p);
	buf_add(&t->open->names, f->name.p, f->name.n + 1);
	return buf_check(&t->open->names, t->err);
}

static int read_option(struct tree *t, uint32_t key, struct tree_field *f,
    const struct tree_place *at)
{
	uint32_t value = json_next(t->doc, key);
	struct span name = tree_string(t, key);
	struct tree_place place = {.up = at, .name = name};
	enum json_type type = tree_type(t, value);
	size_t i;

	for (i = 0; i < N_OPTIONS; i++)
		if (span_is(name, tree_options[i]))
			break;
	if (i == N_OPTIONS)
		return tree_fault(t, &place, "is no option of a field (label, "
		    "type, value, options, help, placeholder, required, "
		    "autofocus, readonly, min, max, step, pattern, minlength, "
		    "maxlength, inputmode, autocomplete, rows are)");
	if (type == JSON_NULL || (type == JSON_FALSE && i != O_VALUE))
		return 0;
	if (i >= O_FLAGS && type != JSON_TRUE)
		return tree_fault(t, &place, "is true or false");
	if (((i >= O_TEXTS && i < O_FLAGS) || i == O_TYPE) &&
	    type != JSON_STRING && type != JSON_NUMBER)
		return tree_fault(t, &place, "is not a string or a number");
	f->v[i] = value;
	return 0;
}

static int read_options(struct tree *t, uint32_t node, struct tree_field *f,
    const struct tree_place *at)
{
	struct tree_place place = {.up = at, .name = SPAN_LIT("options")};
	uint32_t i, options = tree_member(t, node, "options");

	for (i = 0; i < N_OPTIONS; i++)
		f->v[i] = JSON_NONE;
	if (options == JSON_NONE || tree_type(t, options) != JSON_OBJECT)
		return tree_fault(t, &place, "a field's options are not an "
		    "object");
	for (i = json_first(t->doc, options); i < t->doc->nodes[options].end;
	    i = json_next(t->doc, json_next(t->doc, i)))
		if (read_option(t, i, f, &place) < 0)
			return -1;
	return 0;
}

static int read_type(struct tree *t, struct tree_field *f,
    const struct tree_place *at)
{
	static const char *const inputs[] = {"text", "email", "number", "tel",
	    "url", "search", "password", "date", "datetime-local", "time",
	    "month", "week", "color", "range"};
	static const struct { const char *name; enum tree_control control; }
	others[] = {{"checkbox", CHECKBOX}, {"radio", RADIO},
	    {"select", SELECT}, {"textarea", TEXTAREA}};
	struct tree_place options = {.up = at, .name = SPAN_LIT("options")};
	struct tree_place place = {.up = &options, .name = SPAN_LIT("type")};
	char shown[40];
	size_t i;

	if (f->v[O_TYPE] == JSON_NONE)
		buf_adds(&f->type, f->v[O_OPTIONS] == JSON_NONE ? "text" :
		    "select");
	else
		tree_scalar(t->doc, f->v[O_TYPE], &f->type);
	for (i = 0; i < sizeof inputs / sizeof *inputs; i++)
		if (span_is(buf_span(&f->type), inputs[i]))
			return 0;
	for (i = 0; i < sizeof others / sizeof *others; i++) {
		if (!span_is(buf_span(&f->type), others[i].name))
			continue;
		f->control = others[i].control;
		return 0;
	}
	return tree_fault(t, &place, "\"%s\" is no type of a field",
	    es_escape(shown, sizeof shown, f->type.p, f->type.n));
}

/*
 * What it shows: of the form that was refused what was sent, but never a
 * password; else what the page says.
 */
static int read_value(struct tree *t, struct tree_field *f,
    const struct tree_place *at)
{
	struct tree_place options = {.up = at, .name = SPAN_LIT("options")};
	struct tree_place place = {.up = &options, .name = SPAN_LIT("value")};
	const struct json_doc *sent = t->open->filled ? t->again->values :
	    NULL;
	uint32_t value = sent ? json_get(sent, 0, f->name.p) : JSON_NONE;

	if (sent && (value != JSON_NONE || f->control == CHECKBOX)) {
		f->has_value = value != JSON_NONE &&
		    !span_is(buf_span(&f->type), "password") &&
		    tree_scalar(sent, value, &f->value);
	} else if (f->v[O_VALUE] != JSON_NONE) {
		if (!tree_scalar(t->doc, f->v[O_VALUE], &f->value))
			return tree_fault(t, &place, "is not a string, a "
			    "number or a boolean");
		f->has_value = true;
	}
	if (f->control == CHECKBOX && span_is(buf_span(&f->value), "false"))
		f->has_value = false;
	return buf_check(&f->value, t->err);
}

static void read_error(struct tree *t, struct tree_field *f)
{
	const struct json_doc *errors = t->open->filled ? t->again->errors :
	    NULL;
	uint32_t node = errors ? json_get(errors, 0, f->name.p) : JSON_NONE;

	if (node != JSON_NONE)
		tree_scalar(errors, node, &f->error);
}

/* The form's id and the name, as far as an id can hold it. */
static int make_id(struct tree *t, struct tree_field *f)
{
	size_t i;

	buf_add_span(&f->id, buf_span(&t->open->id));
	buf_addc(&f->id, '-');
	for (i = 0; i < f->name.n; i++) {
		char c = f->name.p[i];

		if (((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_' ||
		    c == '-' || (c >= '0' && c <= '9'))
			buf_addc(&f->id, c);
		else
			buf_addc(&f->id, '_');
	}
	return tree_claim(t, &f->id);
}

/* ---- the whole ---- */

static int label(struct tree *t, const struct tree_field *f,
    const struct tree_place *at)
{
	struct tree_place options = {.up = at, .name = SPAN_LIT("options")};
	struct tree_place place = {.up = &options, .name = SPAN_LIT("label")};
	const char *element = f->control == RADIO ? "legend" : "label";
	int r = 0;

	buf_addf(t->out, "<%s", element);
	if (f->control != RADIO)
		buf_addf(t->out, " for=\"%s\"", f->id.p);
	buf_addc(t->out, '>');
	if (f->v[O_LABEL] == JSON_NONE)
		tree_escape(t->out, buf_span(&f->name));
	else
		r = tree_inert(t, f->v[O_LABEL], &place);
	buf_addf(t->out, "</%s>", element);
	return r;
}

static int write_field(struct tree *t, const struct tree_field *f,
    const struct tree_place *at)
{
	struct tree_place options = {.up = at, .name = SPAN_LIT("options")};
	struct tree_place place = {.up = &options, .name = SPAN_LIT("help")};
	const char *element = f->control == RADIO ? "fieldset" : "div";
	/* A box stands in front of what it is about. */
	bool before = f->control == CHECKBOX;

	buf_addf(t->out, "<%s class=\"es-field%s%s\">", element,
	    before ? " es-check" : "", f->error.n ? " es-invalid" : "");
	if ((before && tree_control(t, f, at) < 0) || label(t, f, at) < 0 ||
	    (!before && tree_control(t, f, at) < 0))
		return -1;
	if (f->v[O_HELP] != JSON_NONE) {
		buf_addf(t->out, "<p class=\"es-help\" id=\"%s.help\">",
		    f->id.p);
		if (tree_inert(t, f->v[O_HELP], &place) < 0)
			return -1;
		buf_adds(t->out, "</p>");
	}
	buf_addf(t->out, "<p class=\"es-error\" id=\"%s.error\"", f->id.p);
	tree_attribute(t, "data-es-error", buf_span(&f->name));
	buf_addc(t->out, '>');
	tree_escape(t->out, buf_span(&f->error));
	buf_addf(t->out, "</p></%s>", element);
	return 0;
}

int tree_field(struct tree *t, uint32_t node, const struct tree_place *at)
{
	struct tree_field f = {.control = INPUT};
	int r = -1;

	if (!t->open)
		return tree_fault(t, at, "field() outside of a form");
	if (read_name(t, node, &f, at) == 0 &&
	    read_options(t, node, &f, at) == 0 &&
	    read_type(t, &f, at) == 0 && read_value(t, &f, at) == 0 &&
	    make_id(t, &f) == 0) {
		read_error(t, &f);
		r = write_field(t, &f, at);
	}
	free_field(&f);
	return r;
}
