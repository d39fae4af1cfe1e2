#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scanint.h"

void *scan_grow(void *v, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap ? *cap * 2 : 32;
	void *p;

	if (n < *cap)
		return v;
	p = realloc(v, more * size);
	if (p)
		*cap = more;
	return p;
}

int scan_refuse(const struct scan_source *s, uint32_t line,
    struct es_err *err, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	es_text(text, sizeof text, fmt, ap);
	va_end(ap);
	return es_fail(err, ES_FAILED, "%s:%u: %s", s->place, (unsigned)line,
	    text);
}

int scan_note(struct scan_source *s, struct es_err *err)
{
	struct scan_fault *v = scan_grow(s->faults, s->n_faults,
	    &s->cap_faults, sizeof *v);

	if (!v)
		return es_fail_nomem(err);
	s->faults = v;
	v += s->n_faults;
	/* Behind "PLACE:". */
	v->line = (uint32_t)strtoul(err->text + strlen(s->place) + 1, NULL,
	    10);
	v->text = strdup(err->text);
	if (!v->text)
		return es_fail_nomem(err);
	s->n_faults++;
	return 0;
}

const struct jqtoken *scan_token(const struct scan_reader *r, uint32_t at)
{
	return &r->s->lex.v[at];
}

uint32_t scan_line(const struct scan_reader *r)
{
	return scan_token(r, r->at)->line;
}

struct scan_context *scan_top(const struct scan_reader *r)
{
	return r->n_open ? &r->open[r->n_open - 1] : NULL;
}

struct scan_context *scan_enter(struct scan_reader *r,
    enum scan_context_type type)
{
	struct scan_context *v = scan_grow(r->open, r->n_open, &r->cap_open,
	    sizeof *v);

	if (!v) {
		es_fail_nomem(r->err);
		return NULL;
	}
	r->open = v;
	v += r->n_open++;
	*v = (struct scan_context){.type = type, .token = r->at,
	    .visible = r->n_names};
	return v;
}

static int show_name(struct scan_reader *r, struct span name, uint32_t arity,
    uint32_t def)
{
	struct scan_name *v = scan_grow(r->names, r->n_names, &r->cap_names,
	    sizeof *v);

	if (!v)
		return es_fail_nomem(r->err);
	r->names = v;
	r->names[r->n_names++] = (struct scan_name){name, arity, def};
	return 0;
}

/* A region ends: what was defined in it is seen no more. */
void scan_end_region(struct scan_reader *r, struct scan_context *c)
{
	r->n_names = c->visible;
	c->any_on |= c->on || c->piped_on;
	c->any_apply |= c->apply;
	c->on = c->apply = c->piped_on = c->comma_apply = false;
}

/* ---- on() and apply() and what stands between them ---- */

int scan_saw(struct scan_reader *r, bool on, bool apply, uint32_t line)
{
	struct scan_context *c = scan_top(r);

	bool piped = on && c->piped_on;
	bool listed = apply && c->comma_apply &&
	    scan_token(r, c->token)->op != '[';

	if (piped)
		scan_refuse(r->s, line, r->err, "on(…) | on(…): the second is "
		    "given what the first gives, and nothing when the type is "
		    "another one; write on(…), on(…)");
	else if (listed)
		scan_refuse(r->s, line, r->err, "apply(…), apply(…) gives two "
		    "states, not one; write apply(…) | apply(…)");
	c->on |= on;
	c->apply |= apply;
	return piped || listed ? scan_note(r->s, r->err) : 0;
}

/* ---- definitions ---- */

static bool is_one_of(const char *const *names, struct span name)
{
	while (*names && !span_is(name, *names))
		names++;
	return *names != NULL;
}

static bool is_helper(const struct scan_source *s, struct span name)
{
	static const char *const all[] = {"on", "apply", "event", "command",
	    "meta", "at", "reject", "require", "broadcast", NULL};
	static const char *const in_pages[] = {"form", "field", "submit",
	    "link_command", "raw", "slot", NULL};

	return is_one_of(all, name) || (s->page && is_one_of(in_pages, name));
}

static int check_name(struct scan_reader *r, struct span name, bool parameter)
{
	if (!parameter && !r->s->handles && is_helper(r->s, name))
		scan_refuse(r->s, scan_line(r), r->err, "%.*s is a helper "
		    "that es gives: call your own definition by another name",
		    (int)name.n, name.p);
	else if (name.n >= 4 && memcmp(name.p, "_es_", 4) == 0)
		scan_refuse(r->s, scan_line(r), r->err,
		    "names that begin with _es_ are es's own");
	else
		return 0;
	return scan_note(r->s, r->err);
}

static int bad_def(struct scan_reader *r)
{
	return scan_refuse(r->s, scan_line(r), r->err, "a definition reads "
	    "def NAME: …; or def NAME($PARAMETER; …): …;");
}

/* The parameters, from behind the `(`; they are visible in the body. */
static int parameters(struct scan_reader *r, struct scan_def *d)
{
	for (;;) {
		bool binds = scan_token(r, r->at)->op == '$';
		struct span name;

		r->at += binds;
		if (scan_token(r, r->at)->type != (binds ? LEX_BINDING : LEX_NAME))
			return bad_def(r);
		name = jqlex_text(&r->s->lex, r->at);
		if (check_name(r, name, true) < 0 ||
		    show_name(r, name, 0, SCAN_NONE) < 0)
			return -1;
		d->binds = binds && d->arity == 0;
		d->arity++;
		r->at++;
		if (scan_token(r, r->at)->op == ')')
			return 0;
		if (scan_token(r, r->at)->op != ';')
			return bad_def(r);
		r->at++;
	}
}

/* From `def` to its colon. */
int scan_begin_def(struct scan_reader *r)
{
	struct scan_source *s = r->s;
	uint32_t keyword = r->at, def = (uint32_t)s->n_defs;
	struct scan_def *v = scan_grow(s->defs, s->n_defs, &s->cap_defs,
	    sizeof *v);
	struct scan_context *c;
	size_t visible = r->n_names;

	if (!v)
		return es_fail_nomem(r->err);
	s->defs = v;
	if (scan_token(r, ++r->at)->type != LEX_NAME)
		return bad_def(r);
	v[def] = (struct scan_def){.name = jqlex_text(&s->lex, r->at),
	    .line = scan_token(r, keyword)->line, .parent = r->owner};
	if (check_name(r, v[def].name, false) < 0 ||
	    show_name(r, v[def].name, 0, def) < 0)
		return -1;
	s->n_defs++;
	if (scan_token(r, ++r->at)->op == '(') {
		r->at++;
		if (parameters(r, &v[def]) < 0)
			return -1;
		r->at++;
	}
	if (scan_token(r, r->at)->op != ':')
		return bad_def(r);
	r->names[visible].arity = v[def].arity;
	c = scan_enter(r, IN_DEF);
	if (!c)
		return -1;
	c->token = keyword;
	c->def = def;
	c->visible = visible + 1;	/* the name itself stays */
	r->owner = def;
	return 0;
}

void scan_end_def(struct scan_reader *r)
{
	struct scan_context *c = scan_top(r);
	struct scan_def *d = &r->s->defs[c->def];

	scan_end_region(r, c);
	d->gives_on = c->any_on;
	d->gives_apply = c->any_apply;
	r->owner = d->parent;
	r->n_open--;
}

/* ---- calls ---- */

static uint32_t resolve(const struct scan_reader *r, struct span name,
    uint32_t arity, bool *found)
{
	size_t i = r->n_names;

	*found = false;
	while (i-- > 0)
		if (r->names[i].arity == arity &&
		    span_eq(r->names[i].name, name)) {
			*found = true;
			return r->names[i].def;
		}
	return SCAN_NONE;
}

/* Record a call, whose arguments (if any) have been read. */
int scan_add_call(struct scan_reader *r, uint32_t at, uint32_t arity)
{
	struct scan_source *s = r->s;
	struct span name = jqlex_text(&s->lex, at);
	bool found, on, apply;
	uint32_t target = resolve(r, name, arity, &found);
	struct scan_call *v;

	if (found && target == SCAN_NONE)
		return 0;		/* a parameter */
	v = scan_grow(s->calls, s->n_calls, &s->cap_calls, sizeof *v);
	if (!v)
		return es_fail_nomem(r->err);
	s->calls = v;
	v[s->n_calls++] = (struct scan_call){.token = at, .owner = r->owner,
	    .target = target, .arity = arity,
	    .argument = arity ? at + 2 : 0};
	on = found ? s->defs[target].gives_on : span_is(name, "on");
	apply = found ? s->defs[target].gives_apply : span_is(name, "apply");
	return scan_saw(r, on, apply, scan_token(r, at)->line);
}

