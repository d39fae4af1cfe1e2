/* scan: which calls decide, evolve and react reach, and what these name. */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "scanint.h"

static const struct {
	const char *name;
	enum scan_op op;
} reserved[SCAN_OPS] = {
	{"decide", SCAN_DECIDE}, {"evolve", SCAN_EVOLVE},
	{"react", SCAN_REACT},
};

static struct span call_name(const struct scan_source *s,
    const struct scan_call *c)
{
	return jqlex_text(&s->lex, c->token);
}

static bool is_output(const struct scan_source *s, const struct scan_call *c)
{
	return c->target == SCAN_NONE && c->arity == 2 &&
	    (span_is(call_name(s, c), "event") ||
	    span_is(call_name(s, c), "command"));
}

/* ---- what each of them reaches ---- */

/* Definitions call what stands before them: backwards, one round is enough
 * but for those that stand inside one another. */
static void reach(struct scan_source *s)
{
	bool more = true;
	size_t i;

	while (more) {
		more = false;
		for (i = s->n_calls; i-- > 0;) {
			const struct scan_call *c = &s->calls[i];

			if (c->target == SCAN_NONE ||
			    !s->defs[c->owner].reached ||
			    s->defs[c->target].reached)
				continue;
			s->defs[c->target].reached = more = true;
		}
	}
}

static struct scan_def *find_reserved(struct scan_source *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_defs; i++)
		if (s->defs[i].parent == SCAN_NONE &&
		    span_is(s->defs[i].name, name))
			return &s->defs[i];
	return NULL;
}

/* about.handles may say what cannot be read; else it is refused. */
static int unread(struct scan_source *s, char **why, struct es_err *err)
{
	if (!s->handles)
		return -1;
	if (!*why && !(*why = strdup(err->text)))
		return es_fail_nomem(err);
	return 0;
}

static int names_nothing(struct scan_source *s, const struct scan_def *d,
    const char *from, struct es_err *err)
{
	return scan_refuse(s, d->line, err, "%s names no type, so it would "
	    "never be called: %s", from, strcmp(from, "evolve") == 0 ?
	    "write apply($e; \"area.name\"; …)" :
	    "write on($m; \"area.name\"; …)");
}

static int collect(struct scan_source *s, int which, unsigned *masks,
    struct scan *out, struct es_err *err)
{
	enum scan_op op = reserved[which].op;
	struct scan_types *to = op == SCAN_DECIDE ? &out->decides :
	    op == SCAN_EVOLVE ? &out->evolves : &out->reacts;
	struct scan_def *d = find_reserved(s, reserved[which].name);
	char **why = &out->unread[which];
	struct es_err fault;
	size_t i;

	if (!d)
		return 0;
	for (i = 0; i < s->n_defs; i++)
		s->defs[i].reached = false;
	d->reached = true;
	reach(s);
	for (i = 0; i < s->n_calls; i++) {
		const struct scan_call *c = &s->calls[i];
		bool a_switch = scan_is_switch(s, c);

		if (!s->defs[c->owner].reached ||
		    (!a_switch && !is_output(s, c)))
			continue;
		if (a_switch && op != SCAN_EVOLVE &&
		    span_is(call_name(s, c), "apply"))
			continue;
		masks[i] |= op;
		if (a_switch && scan_switch_types(s, c, to, &fault) < 0 &&
		    unread(s, why, &fault) < 0) {
			*err = fault;
			return -1;
		}
	}
	if (to->n > 0 || *why)
		return 0;
	names_nothing(s, d, reserved[which].name, &fault);
	if (unread(s, why, &fault) == 0)
		return 0;
	*err = fault;
	return scan_note(s, err);
}

/* ---- what they name ---- */

static int add_use(struct scan *out, const struct scan_use *use,
    struct es_err *err)
{
	struct scan_use *v = scan_grow(out->uses, out->n_uses, &out->cap_uses,
	    sizeof *v);

	if (!v)
		return es_fail_nomem(err);
	out->uses = v;
	v[out->n_uses++] = *use;
	return 0;
}

static int add_attribute(struct scan_use *use, struct span name,
    struct es_err *err)
{
	char **v = realloc(use->attributes,
	    (use->n_attributes + 1) * sizeof *v);

	if (!v)
		return es_fail_nomem(err);
	use->attributes = v;
	v[use->n_attributes] = strndup(name.p ? name.p : "", name.n);
	if (!v[use->n_attributes])
		return es_fail_nomem(err);
	use->n_attributes++;
	return 0;
}

/* The name of a member that begins at this token; 0: it is computed, 1. */
static int member_name(struct scan_source *s, uint32_t at, struct buf *out)
{
	const struct jqtoken *t = &s->lex.v[at];
	struct span text = jqlex_text(&s->lex, at);
	struct json_doc doc = {0};
	struct es_err why;

	buf_truncate(out, 0);
	if (t->op == '$' && s->lex.v[at + 1].type == LEX_BINDING)
		text = jqlex_text(&s->lex, at + 1);
	else if (t->type == LEX_STRING) {
		if (json_parse(&doc, text.p, text.n, &why) == 0)
			json_decode(&doc, 0, out);
		json_free(&doc);
		return out->n > 0;
	} else if (t->type != LEX_NAME && t->type != LEX_KEYWORD)
		return 0;
	buf_add_span(out, text);
	return 1;
}

/* The members of a literal object that is the whole argument. */
static int read_object(struct scan_source *s, uint32_t from, uint32_t end,
    struct scan_use *use, struct es_err *err)
{
	struct buf name = {0};
	uint32_t at;
	int r = 0;

	if (s->lex.v[from].op != '{' || s->lex.v[from].match != end - 1)
		return 0;
	use->whole = true;
	for (at = from + 1; at + 1 < end && r == 0; at++) {
		if (member_name(s, at, &name))
			r = add_attribute(use, buf_span(&name), err);
		else
			use->whole = false;
		/* To the comma behind it. */
		while (at + 1 < end && s->lex.v[at].op != ',')
			at = s->lex.v[at].type == LEX_OPEN ?
			    s->lex.v[at].match + 1 : at + 1;
	}
	if (buf_check(&name, err) < 0)
		r = -1;
	buf_free(&name);
	return r;
}

static void free_use(struct scan_use *use)
{
	while (use->n_attributes > 0)
		free(use->attributes[--use->n_attributes]);
	free(use->attributes);
	free(use->type);
}

/* One use a type; of an output its attributes as well. */
static int add_output(struct scan_source *s, const struct scan_call *c,
    const struct scan_use *like, const char *type, struct scan *out,
    struct es_err *err)
{
	struct scan_use use = *like;
	uint32_t first = s->argument_end[c->token + 1];

	if (type && !(use.type = strdup(type)))
		return es_fail_nomem(err);
	if ((is_output(s, c) && read_object(s, first + 1,
	    s->argument_end[first], &use, err) < 0) ||
	    add_use(out, &use, err) < 0) {
		free_use(&use);
		return -1;
	}
	return 0;
}

static int add_call(struct scan_source *s, const struct scan_call *c,
    unsigned ops, struct scan *out, struct es_err *err)
{
	struct span name = call_name(s, c);
	struct scan_use use = {.ops = ops, .line = s->lex.v[c->token].line,
	    .what = span_is(name, "on") ? SCAN_USE_ON :
	    span_is(name, "apply") ? SCAN_USE_APPLY :
	    span_is(name, "event") ? SCAN_USE_EVENT : SCAN_USE_COMMAND};
	struct scan_types types = {0};
	struct es_err why;
	uint32_t open = c->token + 1;
	size_t i;
	int r = 0;

	if (is_output(s, c) ? scan_read_types(s, open + 1,
	    s->argument_end[open], &types, &why) < 0 :
	    scan_switch_types(s, c, &types, &why) < 0)
		r = add_output(s, c, &use, NULL, out, err);
	else
		for (i = 0; i < types.n && r == 0; i++)
			r = add_output(s, c, &use, types.v[i], out, err);
	while (types.n > 0)
		free(types.v[--types.n]);
	free(types.v);
	return r;
}

int scan_collect(struct scan_source *s, struct scan *out, struct es_err *err)
{
	unsigned *masks = calloc(s->n_calls + 1, sizeof *masks);
	const struct scan_def *about = find_reserved(s, "about");
	size_t i;
	int which, r = 0;

	if (!masks)
		return es_fail_nomem(err);
	out->about_line = about ? about->line : 1;
	for (which = 0; which < SCAN_OPS && r == 0; which++)
		r = collect(s, which, masks, out, err);
	for (i = 0; i < s->n_calls && r == 0; i++)
		if (masks[i])
			r = add_call(s, &s->calls[i], masks[i], out, err);
	free(masks);
	return r;
}

void scan_free_uses(struct scan *s)
{
	int which;

	while (s->n_uses > 0)
		free_use(&s->uses[--s->n_uses]);
	free(s->uses);
	for (which = 0; which < SCAN_OPS; which++)
		free(s->unread[which]);
}
