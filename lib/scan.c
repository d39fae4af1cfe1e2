#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "message.h"
#include "scanint.h"

/* ---- lists of types ---- */

int scan_types_add(struct scan_types *t, struct span type, struct es_err *err)
{
	struct span form = type;
	char **v, *copy;
	size_t i = 0;

	if (form.n > 0 && form.p[form.n - 1] == '.')
		form.n--;
	if (type.n > 1 && type.p[type.n - 1] == '*' && type.p[type.n - 2] == '.')
		return es_fail(err, ES_FAILED, "%.*s: a prefix ends in a dot "
		    "here: %.*s", (int)type.n, type.p, (int)type.n - 1, type.p);
	if (message_check_type(form, err) < 0)
		return -1;
	while (i < t->n && span_cmp(span_str(t->v[i]), type) < 0)
		i++;
	if (i < t->n && span_is(type, t->v[i]))
		return 0;
	v = realloc(t->v, (t->n + 2) * sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	t->v = v;
	copy = strndup(type.p, type.n);
	if (!copy)
		return es_fail_nomem(err);
	memmove(v + i + 1, v + i, (t->n - i) * sizeof *v);
	v[i] = copy;
	v[++t->n] = NULL;
	return 0;
}

/* A string token as a type. */
static int add_literal(struct scan_source *s, uint32_t token,
    struct scan_types *to, struct es_err *err)
{
	struct span text = jqlex_text(&s->lex, token);
	struct json_doc doc = {0};
	struct buf decoded = {0};
	struct es_err why;
	int r = json_parse(&doc, text.p, text.n, &why);

	if (r == 0) {
		json_decode(&doc, 0, &decoded);
		r = scan_types_add(to, buf_span(&decoded), &why);
	}
	if (r < 0)
		scan_refuse(s, s->lex.v[token].line, err, "%s", why.text);
	json_free(&doc);
	buf_free(&decoded);
	return r;
}

/*
 * The types between two arguments' ends: a literal or a comma list of them, in
 * parentheses or not.
 */
int scan_read_types(struct scan_source *s, uint32_t from, uint32_t end,
    struct scan_types *to, struct es_err *err)
{
	uint32_t at;

	while (end > from && s->lex.v[from].op == '(' &&
	    s->lex.v[from].match == end - 1) {
		from++;
		end--;
	}
	for (at = from; at < end; at += 2) {
		if (s->lex.v[at].type != LEX_STRING)
			break;
		if (add_literal(s, at, to, err) < 0)
			return -1;
		if (at + 1 == end)
			return 0;
		if (s->lex.v[at + 1].op != ',')
			break;
	}
	return scan_refuse(s, s->lex.v[at < end ? at : from].line, err,
	    "the types of on() and apply() are read from the source: write "
	    "them as literal strings, separated by commas");
}

static struct span call_name(const struct scan_source *s,
    const struct scan_call *c)
{
	return jqlex_text(&s->lex, c->token);
}

/* Whether it is es's on() or apply(). */
bool scan_is_switch(const struct scan_source *s, const struct scan_call *c)
{
	return c->target == SCAN_NONE && (span_is(call_name(s, c), "on") ||
	    span_is(call_name(s, c), "apply"));
}

int scan_switch_types(struct scan_source *s, const struct scan_call *c,
    struct scan_types *to, struct es_err *err)
{
	uint32_t open = c->token + 1, first, second;

	if (c->arity != 3)
		return scan_refuse(s, s->lex.v[c->token].line, err, "%.*s takes "
		    "three arguments, with semicolons between them: "
		    "%.*s($m; \"area.name\"; …)", (int)s->lex.v[c->token].len,
		    call_name(s, c).p, (int)s->lex.v[c->token].len,
		    call_name(s, c).p);
	first = s->argument_end[open];
	second = s->argument_end[first];
	return scan_read_types(s, first + 1, second, to, err);
}

/* ---- what a handler may not call ---- */

struct refusal {
	const char *name, *why;
};

static const struct refusal *find_refusal(const struct refusal *v, size_t n,
    struct span name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (span_is(name, v[i].name))
			return &v[i];
	return NULL;
}

#define NO_INPUT "a handler is given its messages one by one"
#define NO_EXIT "a handler cannot end the program; use reject() or error()"
#define NO_ENVIRONMENT "a handler has no environment"
#define NO_FILES "a handler reads no files"
#define NO_OUTPUT "a page only shows; what it starts is a form's command"

static int check_call(const struct scan_source *s, const struct scan_call *c,
    struct es_err *err)
{
	static const struct refusal refused[] = {
		{"input", NO_INPUT}, {"inputs", NO_INPUT},
		{"input_filename", NO_INPUT}, {"input_line_number", NO_INPUT},
		{"now", "a handler has no clock; use a message's stored_at"},
		{"env", NO_ENVIRONMENT}, {"halt", NO_EXIT},
		{"halt_error", NO_EXIT}, {"modulemeta", NO_FILES},
		{"get_search_list", NO_FILES},
	};
	static const struct refusal in_pages[] = {
		{"event", NO_OUTPUT}, {"command", NO_OUTPUT},
		{"meta", NO_OUTPUT}, {"reject", NO_OUTPUT},
		{"require", NO_OUTPUT},
	};
	const struct refusal *r = c->target != SCAN_NONE ? NULL :
	    find_refusal(refused, sizeof refused / sizeof *refused,
	    call_name(s, c));

	if (!r && c->target == SCAN_NONE && s->page)
		r = find_refusal(in_pages, sizeof in_pages / sizeof *in_pages,
		    call_name(s, c));
	if (!r && c->target == SCAN_NONE && call_name(s, c).n > 4 &&
	    memcmp(call_name(s, c).p, "_es_", 4) == 0)
		return scan_refuse(s, s->lex.v[c->token].line, err,
		    "names that begin with _es_ are es's own");
	if (!r)
		return 0;
	return scan_refuse(s, s->lex.v[c->token].line, err, "%s: %s", r->name,
	    r->why);
}

/* A helper of a later version: calling it is a fault. */
static void note_later(const struct scan_source *s, const struct scan_call *c,
    struct scan *out)
{
	if (c->target != SCAN_NONE || out->later)
		return;
	out->later_line = (unsigned)s->lex.v[c->token].line;
	if (span_is(call_name(s, c), "at"))
		out->later = SCAN_NO_AT;
	else if (span_is(call_name(s, c), "broadcast"))
		out->later = SCAN_NO_BROADCAST;
}

static int check_bindings(struct scan_source *s, struct es_err *err)
{
	size_t i;
	int r = 0;

	for (i = 0; i < s->lex.n && r == 0; i++) {
		if (!jqlex_is(&s->lex, i, LEX_BINDING, "ENV") &&
		    !jqlex_is(&s->lex, i, LEX_BINDING, "__prog_args"))
			continue;
		scan_refuse(s, s->lex.v[i].line, err, "$%.*s: "
		    NO_ENVIRONMENT, (int)s->lex.v[i].len,
		    jqlex_text(&s->lex, i).p);
		r = scan_note(s, err);
	}
	return r;
}

static void types_clear(struct scan_types *t)
{
	while (t->n > 0)
		free(t->v[--t->n]);
}

static int check_calls(struct scan_source *s, struct scan *out, bool *plain,
    struct es_err *err)
{
	struct scan_types types = {0};
	int r = check_bindings(s, err);
	size_t i;

	*plain = true;
	for (i = 0; r == 0 && i < s->n_calls; i++) {
		note_later(s, &s->calls[i], out);
		if (check_call(s, &s->calls[i], err) < 0) {
			r = scan_note(s, err);
			continue;
		}
		if (!scan_is_switch(s, &s->calls[i]))
			continue;
		if (scan_switch_types(s, &s->calls[i], &types, err) < 0) {
			/* scan_collect() sees to what about.handles may say. */
			r = s->handles ? 0 : scan_note(s, err);
			types_clear(&types);
			*plain = false;
			continue;
		}
		*plain = *plain && types.n == 1 &&
		    types.v[0][strlen(types.v[0]) - 1] != '.';
		types_clear(&types);
	}
	free(types.v);
	return r;
}

static int list_defs(const struct scan_source *s, struct scan *out,
    struct es_err *err)
{
	size_t i, j;

	out->defs = calloc(s->n_defs + 1, sizeof *out->defs);
	if (!out->defs)
		return es_fail_nomem(err);
	for (i = 0; i < s->n_defs; i++) {
		const struct scan_def *d = &s->defs[i];
		struct buf text = {0};

		if (d->parent != SCAN_NONE)
			continue;
		buf_addf(&text, "%.*s/%u", (int)d->name.n, d->name.p,
		    (unsigned)d->arity);
		for (j = 0; j < out->n_defs; j++)
			if (span_is(buf_span(&text), out->defs[j]))
				break;
		if (j < out->n_defs) {
			buf_free(&text);
			continue;
		}
		out->defs[out->n_defs] = buf_detach(&text);
		if (!out->defs[out->n_defs++])
			return es_fail_nomem(err);
	}
	return 0;
}

/* Whether about has a member of that name: what it says is seen later. */
static bool says_handles(const struct scan_source *s)
{
	uint32_t i;

	for (i = 0; i < s->lex.n; i++)
		if (jqlex_is(&s->lex, i, LEX_KEYWORD, "def") &&
		    jqlex_is(&s->lex, i + 1, LEX_NAME, "about"))
			break;
	for (; i < s->lex.n && s->lex.v[i].op != ';'; i++)
		if ((jqlex_is(&s->lex, i, LEX_NAME, "handles") ||
		    jqlex_is(&s->lex, i, LEX_STRING, "\"handles\"")) &&
		    s->lex.v[i + 1].op == ':')
			return true;
	return false;
}

static int by_line(const void *a, const void *b)
{
	const struct scan_fault *x = a, *y = b;

	return x->line != y->line ? x->line < y->line ? -1 : 1 :
	    strcmp(x->text, y->text);
}

/* All that was noted, a line each. */
static int tell_faults(struct scan_source *s, struct es_err *err)
{
	struct buf text = {0};
	size_t i;

	qsort(s->faults, s->n_faults, sizeof *s->faults, by_line);
	for (i = 0; i < s->n_faults; i++) {
		/* As two rules may say of one call, or one of two. */
		if (i > 0 && strcmp(s->faults[i].text,
		    s->faults[i - 1].text) == 0)
			continue;
		if (text.n > 0 && text.n + strlen(s->faults[i].text) + 1 >=
		    sizeof err->text)
			break;
		if (text.n > 0)
			buf_addc(&text, '\n');
		buf_adds(&text, s->faults[i].text);
	}
	if (buf_check(&text, err) == 0)
		es_fail(err, ES_FAILED, "%s", text.p);
	buf_free(&text);
	return -1;
}

/* -1 also for what was noted before. */
static int judge(struct scan_source *s, struct scan *out, bool *plain,
    struct es_err *err)
{
	struct es_err last = {0};
	int r = scan_read(s, &last);

	if (r == 0 && check_calls(s, out, plain, &last) == 0 &&
	    scan_check_ops(s, out, &last) == 0 &&
	    (s->n_faults > 0 || scan_collect(s, out, &last) == 0))
		return s->n_faults > 0 ? tell_faults(s, err) : 0;
	if (!last.outside && s->n_faults > 0 && scan_note(s, &last) == 0)
		return tell_faults(s, err);
	if (err)
		*err = last;
	return -1;
}

static int scan(const char *place, const char *p, size_t n, bool page,
    struct scan *out, struct es_err *err)
{
	struct scan_source s = {.place = place, .page = page};
	bool plain = false;
	int r = -1;

	*out = (struct scan){0};
	if (jqlex(place, p, n, &s.lex, err) < 0)
		return -1;
	s.handles = !page && says_handles(&s);
	if (judge(&s, out, &plain, err) == 0)
		r = list_defs(&s, out, err);
	if (r == 0 && plain && !s.handles)
		out->ops |= SCAN_PLAIN;
	scan_source_free(&s);
	if (r < 0)
		scan_free(out);
	return r;
}

int scan_jq(const char *place, const char *p, size_t n, struct scan *out,
    struct es_err *err)
{
	return scan(place, p, n, false, out, err);
}

int scan_page_jq(const char *place, const char *p, size_t n,
    struct scan *out, struct es_err *err)
{
	return scan(place, p, n, true, out, err);
}

static void free_list(char **v, size_t n)
{
	while (n > 0)
		free(v[--n]);
	free(v);
}

void scan_free(struct scan *s)
{
	free_list(s->decides.v, s->decides.n);
	free_list(s->evolves.v, s->evolves.n);
	free_list(s->reacts.v, s->reacts.n);
	free_list(s->defs, s->n_defs);
	scan_free_uses(s);
	*s = (struct scan){0};
}
