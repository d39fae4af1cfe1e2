/*
 * catalog: what may become of an entry without a new version.  Whatever was a
 * good payload has to stay one.
 */
#include <string.h>

#include "catalogimpl.h"

struct change {
	const struct catalog_entry *entry;	/* the new one */
	struct es_err *err;
};

/* Where in the payload: "donor.address.zip", "lines[].amount". */
struct where {
	const struct where *up;
	struct span name;			/* SPAN_NONE: the elements */
};

static void print_where(const struct where *w, struct buf *out)
{
	if (!w)
		return;
	print_where(w->up, out);
	if (!w->name.p) {
		buf_adds(out, "[]");
		return;
	}
	if (w->up)
		buf_addc(out, '.');
	buf_add_span(out, w->name);
}

/* TYPE: ATTRIBUTE: WHAT was A, now B, without a new version */
static int differs(struct change *c, const struct where *w, const char *what,
    const char *was, const char *now)
{
	struct buf text = {0};
	char shown[160], before[100], after[100];

	print_where(w, &text);
	es_escape(shown, sizeof shown, text.p, text.n);
	es_escape(before, sizeof before, was, strlen(was));
	es_escape(after, sizeof after, now, strlen(now));
	es_fail(c->err, ES_FAILED, "%.*s: %s%s%s%swas %s, now %s, without "
	    "a new version", (int)c->entry->type.n, c->entry->type.p,
	    shown, *shown ? ": " : "", what, *what ? ": " : "",
	    before, after);
	buf_free(&text);
	return -1;
}

/* ---- rules ---- */

static bool is_text(enum value_type t)
{
	return t == VALUE_STRING || t == VALUE_UUID || t == VALUE_EMAIL ||
	    t == VALUE_DATETIME || t == VALUE_CHOICE;
}

static bool has_choice(const char *choices, const char *p, size_t n)
{
	for (;; choices++) {
		size_t length = strcspn(choices, "|");

		if (length == n && memcmp(choices, p, n) == 0)
			return true;
		choices += length;
		if (!*choices)
			return false;
	}
}

static bool has_choices(const char *all, const char *some)
{
	for (;; some++) {
		size_t n = strcspn(some, "|");

		if (!has_choice(all, some, n))
			return false;
		some += n;
		if (!*some)
			return true;
	}
}

/* Whether each value of one type is one of the other. */
static bool type_widens(const struct value_rule *was,
    const struct value_rule *now)
{
	if (now->type == VALUE_ANY)
		return true;
	if (was->type == VALUE_CHOICE && now->type == VALUE_CHOICE)
		return has_choices(now->choices, was->choices);
	return was->type == now->type ||
	    (was->type == VALUE_INTEGER && now->type == VALUE_NUMBER) ||
	    (is_text(was->type) && now->type == VALUE_STRING);
}

static const char *type_text(const struct value_rule *r)
{
	return r->choices ? r->choices : value_type_name(r->type);
}

static int check_bound(struct change *c, const struct where *w,
    const char *what, bool had, double was, bool has, double now, bool lower)
{
	char before[32] = "none", after[32];

	if (!has || (had && (lower ? now <= was : now >= was)))
		return 0;
	if (had)
		snprintf(before, sizeof before, "%.15g", was);
	snprintf(after, sizeof after, "%.15g", now);
	return differs(c, w, what, before, after);
}

static int check_limits(struct change *c, const struct where *w,
    const struct value_rule *was, const struct value_rule *now)
{
	const char *before = was->pattern ? pattern_source(was->pattern) :
	    "none";

	if (check_bound(c, w, "min", was->has_min, was->min, now->has_min,
	    now->min, true) < 0 ||
	    check_bound(c, w, "max", was->has_max, was->max, now->has_max,
	    now->max, false) < 0)
		return -1;
	if (!now->pattern ||
	    strcmp(before, pattern_source(now->pattern)) == 0)
		return 0;
	return differs(c, w, "pattern", before, pattern_source(now->pattern));
}

static int check_attributes(struct change *, const struct where *,
    const struct value_rule *was, const struct value_rule *now);

static int check_rule(struct change *c, const struct where *w,
    const struct value_rule *was, const struct value_rule *now)
{
	static const struct value_rule any = {.type = VALUE_ANY};
	struct where elements = {w, SPAN_NONE};

	if (!type_widens(was, now))
		return differs(c, w, "", type_text(was), type_text(now));
	if (check_limits(c, w, was, now) < 0 ||
	    check_attributes(c, w, was, now) < 0)
		return -1;
	return now->items ? check_rule(c, &elements, was->items ? was->items :
	    &any, now->items) : 0;
}

/* ---- attributes ---- */

static const char *need(const struct value_rule *r)
{
	return r->initial ? "with a default" : r->optional ? "optional" :
	    "required";
}

static int check_attributes(struct change *c, const struct where *up,
    const struct value_rule *was, const struct value_rule *now)
{
	size_t i;

	if (!now->declared)
		return 0;
	if (!was->declared)
		return differs(c, up, "payload", "open", "declared");
	for (i = 0; i < was->n; i++) {
		const struct value_attribute *a = &was->attributes[i];
		const struct value_attribute *b = value_attribute(now, a->name);
		struct where w = {up, a->name};

		if (!b)
			return differs(c, &w, "", type_text(&a->rule), "gone");
		if (check_rule(c, &w, &a->rule, &b->rule) < 0)
			return -1;
		if ((a->rule.optional || a->rule.initial) &&
		    !b->rule.optional && !b->rule.initial)
			return differs(c, &w, "", need(&a->rule),
			    need(&b->rule));
	}
	for (i = 0; i < now->n; i++) {
		const struct value_attribute *b = &now->attributes[i];
		struct where w = {up, b->name};

		if (!b->rule.optional && !b->rule.initial &&
		    !value_attribute(was, b->name))
			return differs(c, &w, "", "not there", "required");
	}
	return 0;
}

/* ---- entries ---- */

static int check_entry(const struct catalog_entry *was,
    const struct catalog_entry *now, struct es_err *err)
{
	struct change c = {now, err};

	if (now->version < was->version)
		return es_fail(err, ES_FAILED, "%.*s: version: was %lld, now "
		    "%lld: a version never goes back", (int)now->type.n,
		    now->type.p, (long long)was->version,
		    (long long)now->version);
	if (now->version > was->version)
		return 0;
	if (was->kind != now->kind && was->kind != KIND_NONE &&
	    now->kind != KIND_NONE)
		return differs(&c, NULL, "kind", message_kind_name(was->kind),
		    message_kind_name(now->kind));
	if (was->kind == KIND_NONE && now->kind == KIND_COMMAND)
		return differs(&c, NULL, "kind", "event", "command");
	return check_attributes(&c, NULL, &was->payload, &now->payload);
}

int catalog_check_change(const struct catalog *was, const struct catalog *now,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < now->n; i++) {
		const struct catalog_entry *e = &now->entries[i];
		const struct catalog_entry *old = catalog_find(was, e->type);

		if (old && check_entry(old, e, err) < 0)
			return es_err_at(err, "%s", now->place);
	}
	return 0;
}
