#include <stdlib.h>

#include "scanint.h"

static bool here_is(const struct scan_reader *r, enum jqlex_type type,
    const char *text)
{
	return jqlex_is(&r->s->lex, r->at, type, text);
}

static void next_stage(struct scan_context *c)
{
	c->piped_on |= c->on;
	c->any_apply |= c->apply;
	c->on = c->apply = c->comma_apply = false;
}

/* `TERM as $x |`, `reduce TERM as …`: its outputs go nowhere else. */
static void forget_stage(struct scan_context *c)
{
	c->on = c->apply = false;
}

/* ---- brackets, names, words ---- */

static int open_bracket(struct scan_reader *r)
{
	const struct jqtoken *before = r->at ? scan_token(r, r->at - 1) : NULL;
	struct scan_context *c = scan_enter(r, IN_BRACKET);
	const struct jqtoken *t = scan_token(r, r->at);

	if (!c)
		return -1;
	c->key = t->op == '{';
	c->call = t->op == '(' && !t->interpolation && before &&
	    before->type == LEX_NAME;
	c->separator = r->at;
	return 0;
}

static int mismatch(struct scan_reader *r, const struct scan_context *c)
{
	uint32_t line = scan_token(r, c->token)->line;

	if (c->type == IN_IF)
		return scan_refuse(r->s, line, r->err,
		    "`if` without its `end`");
	return scan_refuse(r->s, line, r->err,
	    "the definition that begins here lacks the `;` at its end");
}

static int close_bracket(struct scan_reader *r)
{
	struct scan_context *c = scan_top(r), closed;
	const struct jqtoken *t;
	uint32_t n = 1, i;

	if (c->type != IN_BRACKET)
		return mismatch(r, c);
	scan_end_region(r, c);
	closed = *c;
	r->s->argument_end[c->separator] = r->at;
	r->n_open--;
	for (i = closed.token; i != closed.separator; n++)
		i = r->s->argument_end[i];
	if (closed.call)
		return scan_add_call(r, closed.token - 1, n);
	t = scan_token(r, r->at);
	if (t->op != ')' || t->interpolation)
		return 0;
	return scan_saw(r, closed.any_on, closed.any_apply, t->line);
}

static int name(struct scan_reader *r)
{
	struct scan_context *c = scan_top(r);

	if (c->key) {
		c->key = false;
		return 0;
	}
	if (scan_token(r, r->at + 1)->op == '(')
		return 0;		/* at its closing bracket */
	return scan_add_call(r, r->at, 0);
}

/* ---- everything else ---- */

static int semicolon(struct scan_reader *r)
{
	struct scan_context *c = scan_top(r);
	const struct jqtoken *t;

	if (c->type == IN_DEF) {
		scan_end_def(r);
		return 0;
	}
	if (c->type == IN_IF)
		return mismatch(r, c);
	t = scan_token(r, c->token);
	if (t->op != '(')
		return scan_refuse(r->s, scan_line(r), r->err,
		    "a semicolon inside the %c of line %u", t->op,
		    (unsigned)t->line);
	scan_end_region(r, c);
	r->s->argument_end[c->separator] = r->at;
	c->separator = r->at;
	return 0;
}

static int operator(struct scan_reader *r)
{
	struct scan_context *c = scan_top(r);
	bool object = c->type == IN_BRACKET &&
	    scan_token(r, c->token)->op == '{';

	switch (scan_token(r, r->at)->op) {
	case ';':
		return semicolon(r);
	case ':':
		c->key = false;
		break;
	case ',':
		if (object) {
			scan_end_region(r, c);
			c->key = true;
		} else
			c->comma_apply |= c->apply;
		break;
	case '|':
		next_stage(c);
		break;
	}
	return 0;
}

static int if_word(struct scan_reader *r, bool then, bool end)
{
	struct scan_context *c = scan_top(r), closed;

	if (c->type != IN_IF)
		return scan_refuse(r->s, scan_line(r), r->err,
		    "%.*s without its `if`", (int)scan_token(r, r->at)->len,
		    jqlex_text(&r->s->lex, r->at).p);
	if (then)		/* a condition's outputs go no further */
		c->on = c->apply = c->piped_on = false;
	scan_end_region(r, c);
	if (!end)
		return 0;
	closed = *c;
	r->n_open--;
	return scan_saw(r, closed.any_on, closed.any_apply, scan_line(r));
}

static int keyword(struct scan_reader *r)
{
	struct scan_context *c = scan_top(r);

	if (c->key) {
		c->key = false;
		return 0;
	}
	if (here_is(r, LEX_KEYWORD, "def"))
		return scan_begin_def(r);
	if (here_is(r, LEX_KEYWORD, "if"))
		return scan_enter(r, IN_IF) ? 0 : -1;
	if (here_is(r, LEX_KEYWORD, "then"))
		return if_word(r, true, false);
	if (here_is(r, LEX_KEYWORD, "elif") || here_is(r, LEX_KEYWORD, "else"))
		return if_word(r, false, false);
	if (here_is(r, LEX_KEYWORD, "end"))
		return if_word(r, false, true);
	if (here_is(r, LEX_KEYWORD, "as"))
		forget_stage(c);
	return 0;
}

static int top_level(struct scan_reader *r)
{
	if (here_is(r, LEX_KEYWORD, "def"))
		return scan_begin_def(r);
	return scan_refuse(r->s, scan_line(r), r->err, "only definitions may "
	    "stand here (def NAME: …;)%s", scan_token(r, r->at)->op == ';' ?
	    "; is there a `;` too many?" : "");
}

static int step(struct scan_reader *r)
{
	const struct jqtoken *t = scan_token(r, r->at);

	if (t->type == LEX_KEYWORD && !(scan_top(r) && scan_top(r)->key) &&
	    (here_is(r, LEX_KEYWORD, "import") ||
	    here_is(r, LEX_KEYWORD, "include") ||
	    here_is(r, LEX_KEYWORD, "module")))
		return scan_refuse(r->s, t->line, r->err, "%.*s: a handler is "
		    "one file; put the definitions into it", (int)t->len,
		    jqlex_text(&r->s->lex, r->at).p);
	if (!scan_top(r))
		return top_level(r);
	switch (t->type) {
	case LEX_NAME:
		return name(r);
	case LEX_KEYWORD:
		return keyword(r);
	case LEX_OPEN:
		return open_bracket(r);
	case LEX_CLOSE:
		return close_bracket(r);
	case LEX_OP:
		return operator(r);
	default:
		return 0;
	}
}

int scan_read(struct scan_source *s, struct es_err *err)
{
	struct scan_reader r = {.s = s, .owner = SCAN_NONE, .err = err};
	int result = 0;

	s->argument_end = calloc(s->lex.n, sizeof *s->argument_end);
	if (!s->argument_end)
		return es_fail_nomem(err);
	for (; result == 0 && s->lex.v[r.at].type != LEX_END; r.at++)
		result = step(&r);
	if (result == 0 && r.n_open > 0)
		result = mismatch(&r, scan_top(&r));
	free(r.open);
	free(r.names);
	return result;
}

void scan_source_free(struct scan_source *s)
{
	while (s->n_faults > 0)
		free(s->faults[--s->n_faults].text);
	free(s->faults);
	jqlex_free(&s->lex);
	free(s->defs);
	free(s->calls);
	free(s->argument_end);
}
