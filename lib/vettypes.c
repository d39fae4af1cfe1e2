/* vet: types and attributes, against the catalog and between handlers. */
#include <stdlib.h>

#include "json.h"
#include "query.h"
#include "vetint.h"

/* ---- the catalog ---- */

static const struct catalog *catalog_of(const struct vet *v)
{
	const struct catalog *c = v->store ? store_catalog(v->store) :
	    v->file ? v->file : v->app.catalog ? v->app.catalog : v->beside;

	/* An empty one says nothing. */
	return c && catalog_at(c, 0) ? c : NULL;
}

static bool ends_in_dot(const char *type)
{
	size_t n = strlen(type);

	return n > 0 && type[n - 1] == '.';
}

static bool known(const struct catalog *c, const char *type)
{
	const struct catalog_entry *e;
	size_t i;

	if (strncmp(type, "es.", 3) == 0)
		return true;
	if (!ends_in_dot(type))
		return catalog_find(c, span_str(type)) != NULL;
	for (i = 0; (e = catalog_at(c, i)); i++) {
		struct span t = catalog_type(e);

		if (t.n > strlen(type) &&
		    memcmp(t.p, type, strlen(type)) == 0)
			return true;
	}
	return false;
}

struct place {
	struct vet *v;
	const struct handler *h;
	const struct scan_use *use;
};

static void attribute_fault(void *ctx, struct span attribute,
    const char *expected, const char *came)
{
	const struct place *p = ctx;
	bool absent = strcmp(expected, "is missing") == 0;

	(void)came;
	/* What the values are is known only when it runs. */
	if (strcmp(expected, "no such attribute") != 0 &&
	    !(absent && p->use->whole))
		return;
	vet_say(p->v, true, "%s:%u: %s: %.*s: %s", p->h->path, p->use->line,
	    p->use->type, (int)attribute.n, attribute.p, expected);
}

/* Its attributes, with values that are not looked at. */
static int check_attributes(struct vet *v, const struct handler *h,
    const struct scan_use *u, const struct catalog_entry *e,
    struct es_err *err)
{
	struct place place = {v, h, u};
	struct message_scratch scratch = {0};
	struct buf payload = {0}, out = {0};
	struct draft d = {.type = span_str(u->type),
	    .metadata = SPAN_LIT("{}")};
	struct es_err why;
	size_t i;

	buf_addc(&payload, '{');
	for (i = 0; i < u->n_attributes; i++) {
		if (i)
			buf_addc(&payload, ',');
		json_quote_span(&payload, span_str(u->attributes[i]));
		buf_adds(&payload, ":null");
	}
	buf_addc(&payload, '}');
	d.payload = buf_span(&payload);
	i = payload.failed;
	if (!i)
		catalog_check_all(e, &d, &scratch, &out, attribute_fault,
		    &place, &why);
	message_scratch_free(&scratch);
	buf_free(&payload);
	buf_free(&out);
	return i ? es_fail_nomem(err) : 0;
}

static int check_output(struct vet *v, const struct handler *h,
    const struct scan_use *u, struct es_err *err)
{
	bool event = u->what == SCAN_USE_EVENT;
	enum message_kind kind;
	const struct catalog_entry *e;

	if (!u->type || ends_in_dot(u->type)) {
		vet_say(v, u->type != NULL, "%s:%u: %s", h->path, u->line,
		    u->type ? "a type does not end in a dot" :
		    event ? "warning: the event's type is computed: what is "
		    "made here is not known" : "warning: the command's type "
		    "is computed: what is made here is not known");
		return 0;
	}
	if (!event && u->ops & SCAN_DECIDE)
		vet_say(v, true, "%s:%u: a command: only react makes "
		    "commands", h->path, u->line);
	if (strncmp(u->type, "es.", 3) == 0)
		vet_say(v, true, "%s:%u: %s: only es itself makes \"es.\" "
		    "types", h->path, u->line, u->type);
	e = catalog_of(v) ? catalog_find(catalog_of(v), span_str(u->type)) :
	    NULL;
	if (!e)
		return 0;
	kind = catalog_kind(e);
	if (kind != KIND_NONE && kind != (event ? KIND_EVENT : KIND_COMMAND))
		vet_say(v, true, "%s:%u: %s: is made as %s, but is %s in %s",
		    h->path, u->line, u->type, event ? "an event" :
		    "a command", event ? "a command" : "an event",
		    v->catalog_path);
	return u->whole || u->n_attributes ?
	    check_attributes(v, h, u, e, err) : 0;
}

static void check_known(struct vet *v, const struct handler *h,
    const struct scan_use *u)
{
	const struct catalog *c = catalog_of(v);
	const struct catalog_entry *e;

	if (!c || !u->type)
		return;
	if (!known(c, u->type)) {
		vet_say(v, true, "%s:%u: %s: %s %s", h->path, u->line,
		    u->type, v->catalog_path, ends_in_dot(u->type) ?
		    "has no type that begins so" : "has no such type");
		return;
	}
	e = catalog_find(c, span_str(u->type));
	if (e && u->what == SCAN_USE_ON && u->ops == SCAN_DECIDE &&
	    catalog_kind(e) == KIND_EVENT)
		vet_say(v, true, "%s:%u: %s: is decided, but is an event in "
		    "%s", h->path, u->line, u->type, v->catalog_path);
}

/* ---- each other ---- */

static bool covers(const struct scan_types *t, const char *type)
{
	return query_type_in(t->v, t->n, span_str(type));
}

static bool evolved(const struct vet *v, const char *type)
{
	size_t i;

	if (covers(&v->shown, type))
		return true;
	for (i = 0; i < v->app.n; i++) {
		const struct handler *h = &v->app.handlers[i].handler;

		if (h->kind == HANDLER_SQL || covers(&h->scan.evolves, type) ||
		    covers(&h->scan.reacts, type))
			return true;
	}
	return false;
}

static bool decided(const struct vet *v, const char *type)
{
	size_t i;

	for (i = 0; i < v->app.n; i++)
		if (covers(&v->app.handlers[i].handler.scan.decides, type))
			return true;
	return false;
}

static bool has_evolve(const struct vet *v)
{
	size_t i;

	for (i = 0; i < v->app.n; i++)
		if (v->app.handlers[i].handler.ops & SCAN_EVOLVE)
			return true;
	return false;
}

/* Several handlers, or a folder: then who else there is is known. */
static bool whole_app(const struct vet *v)
{
	return v->folders > 0;
}

static void check_taken(struct vet *v, const struct handler *h,
    const struct scan_use *u)
{
	if (!u->type || ends_in_dot(u->type))
		return;
	/* One that could not be loaded, or was not, may be who does it. */
	if (v->incomplete || (catalog_of(v) && !whole_app(v)))
		return;
	if (u->what == SCAN_USE_EVENT && has_evolve(v) &&
	    !evolved(v, u->type))
		vet_say(v, false, "%s:%u: warning: %s: nothing %s evolves "
		    "it or reacts to it", h->path, u->line, u->type,
		    whole_app(v) ? "in the app" : "here");
	if (u->what == SCAN_USE_COMMAND && whole_app(v) &&
	    !decided(v, u->type))
		vet_say(v, false, "%s:%u: warning: %s: nothing in the app "
		    "decides it", h->path, u->line, u->type);
}

/* The line of an entry: where its type stands first. */
static unsigned entry_line(const struct catalog *c, struct span type)
{
	struct span text = catalog_text(c), found = {0};
	struct buf quoted = {0};
	unsigned line = 1;
	const char *p;

	json_quote_span(&quoted, type);
	found.p = quoted.failed ? NULL : memmem(text.p, text.n, quoted.p,
	    quoted.n);
	for (p = text.p; found.p && p < found.p; p++)
		line += *p == '\n';
	buf_free(&quoted);
	return line;
}

static void check_entries(struct vet *v)
{
	const struct catalog *c = v->store ? NULL : catalog_of(v);
	const struct catalog_entry *e;
	size_t i;

	if (!whole_app(v) || !c || v->app.n == 0 || v->incomplete)
		return;
	for (i = 0; (e = catalog_at(c, i)); i++) {
		struct span t = catalog_type(e);
		char *type = strndup(t.p, t.n);

		if (type && catalog_kind(e) == KIND_COMMAND &&
		    !decided(v, type))
			vet_say(v, false, "%s:%u: warning: %s: nothing in the "
			    "app decides it", v->catalog_path,
			    entry_line(c, t), type);
		free(type);
	}
}

/* Types that have no line: an executable's. */
static void check_listed(struct vet *v, const struct handler *h,
    const struct scan_types *t)
{
	const struct catalog *c = catalog_of(v);
	size_t i;

	for (i = 0; c && h->kind == HANDLER_EXEC && i < t->n; i++)
		if (!known(c, t->v[i]))
			vet_say(v, true, "%s: %s: %s has no such type",
			    h->path, t->v[i], v->catalog_path);
}

/* A command without a value for each name is rejected. */
static void check_partition(struct vet *v, const struct handler *h)
{
	const struct catalog *c = catalog_of(v);
	const struct catalog_entry *e;
	size_t i, k;

	for (i = 0; c && i < h->scan.decides.n; i++) {
		const char *type = h->scan.decides.v[i];

		e = catalog_find(c, span_str(type));
		for (k = 0; e && k < h->n_partition_by; k++)
			if (!catalog_can_carry(e,
			    span_str(h->partition_by[k])))
				vet_say(v, false, "%s:%u: warning: %s: is "
				    "partitioned by %s, which no attribute "
				    "gives it in %s", h->path,
				    h->scan.about_line, type,
				    h->partition_by[k], v->catalog_path);
	}
}

int vet_compare(struct vet *v, struct es_err *err)
{
	size_t i, k;

	for (i = 0; i < v->app.n; i++) {
		const struct handler *h = &v->app.handlers[i].handler;

		check_partition(v, h);
		check_listed(v, h, &h->scan.decides);
		check_listed(v, h, &h->scan.reacts);
		for (k = 0; k < h->scan.n_uses; k++) {
			const struct scan_use *u = &h->scan.uses[k];
			bool output = u->what == SCAN_USE_EVENT ||
			    u->what == SCAN_USE_COMMAND;

			check_known(v, h, u);
			if (output && check_output(v, h, u, err) < 0)
				return -1;
			if (output)
				check_taken(v, h, u);
		}
	}
	check_entries(v);
	return 0;
}
