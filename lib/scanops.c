#include "scanint.h"

/* The definitions that es calls, in handlers and in pages. */
static const struct reserved {
	const char *name;
	enum scan_op op;
	bool handler, page;
	uint32_t arity;
	const char *form;
} reserved[] = {
	{"about", SCAN_ABOUT, true, true, 0, "def about: {…};"},
	{"initial", SCAN_INITIAL, true, true, 0, "def initial: …;"},
	{"evolve", SCAN_EVOLVE, true, true, 1, "def evolve($e): …;"},
	{"decide", SCAN_DECIDE, true, false, 1, "def decide($c): …;"},
	{"react", SCAN_REACT, true, false, 1, "def react($e): …;"},
	{"render", SCAN_RENDER, false, true, 1, "def render($page): …;"},
	{"layout", SCAN_LAYOUT, false, true, 0, "def layout: …;"},
};

static int check_reserved(const struct scan_source *s,
    const struct scan_def *d, const struct reserved *w, struct scan *out,
    struct es_err *err)
{
	if (d->parent != SCAN_NONE || !span_is(d->name, w->name))
		return 0;
	if (s->page && !w->page)
		return scan_refuse(s, d->line, err, "a page does not %s: that "
		    "is for a %s", w->name, w->op == SCAN_DECIDE ? "decider" :
		    "reactor");
	/* In a handler render and layout are names like all others. */
	if (!s->page && !w->handler)
		return 0;
	if (d->arity != w->arity || d->binds != (w->arity == 1))
		return scan_refuse(s, d->line, err, "%s is defined with these "
		    "parameters: %s", w->name, w->form);
	if (out->ops & w->op)
		return scan_refuse(s, d->line, err, "%s is defined twice",
		    w->name);
	out->ops |= w->op;
	return 0;
}

int scan_check_ops(struct scan_source *s, struct scan *out,
    struct es_err *err)
{
	size_t i, j;

	for (i = 0; i < s->n_defs; i++)
		for (j = 0; j < sizeof reserved / sizeof *reserved; j++)
			if (check_reserved(s, &s->defs[i], &reserved[j], out,
			    err) < 0 && scan_note(s, err) < 0)
				return -1;
	if (s->n_faults > 0)
		return 0;
	if (s->page && !(out->ops & (SCAN_RENDER | SCAN_LAYOUT)))
		return scan_refuse(s, 1, err, "neither def render($page) nor "
		    "def layout is here");
	if (!s->page && !(out->ops & (SCAN_EVOLVE | SCAN_DECIDE | SCAN_REACT)))
		return scan_refuse(s, 1, err, "neither def decide($c), def "
		    "evolve($e) nor def react($e) is here");
	return 0;
}
