#include <stdlib.h>
#include <string.h>

#include "catalogimpl.h"

/*
 * The payload with its changes.  Bytes are copied only once something has
 * changed: pos is how far the text was copied.  Of the object that is being
 * read: last_end is the end of the last member that stays; members that are
 * left out leave a hole, which the next one that stays closes with its comma.
 */
struct rewrite {
	struct buf *out;
	const char *text;
	size_t pos;
	bool changed;
	size_t last_end, kept;
	bool hole;
};

/* Where a value stands: an attribute, or an element of one. */
struct place {
	const struct place *up;
	struct span name;	/* SPAN_NONE: an element */
	size_t index;
};

struct check {
	const struct catalog_entry *entry;
	const struct json_doc *doc;
	const struct draft *draft;
	struct buf text;	/* decoded strings; has room for all */
	struct buf expected;
	struct rewrite rw;
	catalog_fault *fault;	/* NULL: the first fault is enough */
	void *ctx;
	bool failed;
	struct es_err *err;
};

/* ---- rewriting ---- */

static void copy_to(struct rewrite *rw, size_t end)
{
	buf_add(rw->out, rw->text + rw->pos, end - rw->pos);
	rw->pos = end;
}

static void keep_member(struct rewrite *rw, size_t start, size_t end)
{
	if (rw->hole) {
		if (rw->kept > 0)
			buf_addc(rw->out, ',');
		rw->pos = start;
		rw->hole = false;
	}
	rw->kept++;
	rw->last_end = end;
}

static void drop_member(struct rewrite *rw)
{
	if (!rw->hole)
		copy_to(rw, rw->last_end);
	rw->hole = rw->changed = true;
}

static void replace_value(struct rewrite *rw, size_t start, size_t end,
    struct span with)
{
	copy_to(rw, start);
	buf_add_span(rw->out, with);
	rw->pos = end;
	rw->changed = true;
}

static void append_member(struct rewrite *rw, struct span name,
    const char *value)
{
	if (!rw->hole)
		copy_to(rw, rw->last_end);
	if (rw->kept++ > 0)
		buf_addc(rw->out, ',');
	json_quote_span(rw->out, name);
	buf_addc(rw->out, ':');
	buf_adds(rw->out, value);
	rw->changed = true;
}

/* ---- faults ---- */

/* "donor.address.zip", "lines[0].amount". */
static void print_place(const struct place *p, struct buf *out)
{
	if (p->up)
		print_place(p->up, out);
	if (!p->name.p) {
		buf_addf(out, "[%zu]", p->index);
		return;
	}
	if (p->up)
		buf_addc(out, '.');
	buf_add_span(out, p->name);
}

/* Returns whether to go on. */
static bool fault(struct check *c, const struct place *at,
    const char *expected, const char *came)
{
	struct buf text = {0};
	char shown[160];

	print_place(at, &text);
	if (!c->failed) {
		es_escape(shown, sizeof shown, text.p, text.n);
		es_fail(c->err, ES_FAILED, "%.*s: %s: %s%s%s",
		    (int)c->entry->type.n, c->entry->type.p, shown, expected,
		    *came ? ", not " : "", came);
	}
	c->failed = true;
	if (c->fault)
		c->fault(c->ctx, buf_span(&text), expected, came);
	buf_free(&text);
	return c->fault != NULL;
}

static bool value_fault(struct check *c, const struct place *at,
    const char *expected, const struct value *v)
{
	char came[64];

	value_describe(v, came, sizeof came);
	return fault(c, at, expected, came);
}

/* ---- one attribute ---- */

static bool check_object(struct check *, uint32_t node,
    const struct value_rule *, const struct place *up);
static bool check_elements(struct check *, uint32_t node,
    const struct value_rule *, const struct place *up);

/* A value that may have been turned into another: then it is no container. */
static bool check_value(struct check *c, uint32_t node,
    const struct value_rule *rule, const struct value *v,
    const struct place *at)
{
	buf_truncate(&c->expected, 0);
	if (!value_check(rule, v, &c->expected))
		return value_fault(c, at, c->expected.p ? c->expected.p : "",
		    v);
	if (rule->declared)
		return check_object(c, node, rule, at);
	return !rule->items || check_elements(c, node, rule->items, at);
}

/* Whether a value came as text that stands for something else. */
static bool form_text(const struct check *c, const struct place *at)
{
	size_t i;

	while (at->up)
		at = at->up;
	for (i = 0; i < c->draft->n_exact; i++)
		if (span_eq(c->draft->exact[i], at->name))
			return false;
	return c->draft->coerce;
}

static void coerce(struct check *c, const struct value_rule *rule,
    const struct json_node *n, struct value *v, const struct place *at)
{
	const char *came = v->text.p;

	if (!form_text(c, at))
		return;
	value_coerce(rule, v);
	if (v->text.p != came)
		replace_value(&c->rw, n->start, n->start + n->len, v->text);
}

static bool check_elements(struct check *c, uint32_t node,
    const struct value_rule *rule, const struct place *up)
{
	struct place at = {.up = up};
	struct value v;
	uint32_t i;

	for (i = json_first(c->doc, node); i < c->doc->nodes[node].end;
	    i = json_next(c->doc, i), at.index++) {
		const struct json_node *n = &c->doc->nodes[i];

		value_look(c->doc, i, &c->text, &v);
		coerce(c, rule, n, &v, &at);
		if (!check_value(c, i, rule, &v, &at))
			return false;
	}
	return true;
}

static bool left_out(const struct value_attribute *a, const struct value *v)
{
	return v->type == JSON_STRING && v->string.n == 0 &&
	    (a->rule.optional || a->rule.initial);
}

static bool check_key(struct check *c, const struct value *v,
    const struct place *at)
{
	if (at->up || !catalog_names_have(&c->entry->keys, at->name) ||
	    value_indexable(v))
		return true;
	return value_fault(c, at, "is a key and must be a string of at most "
	    "256 bytes, an integer within 9007199254740991 (2^53-1) or a "
	    "boolean", v);
}

static bool check_member(struct check *c, uint32_t key,
    const struct value_rule *rule, bool *seen, const struct place *up)
{
	const struct json_node *k = &c->doc->nodes[key], *n = k + 1;
	struct place at = {up, json_string(c->doc, key, &c->text), 0};
	const struct value_attribute *a = value_attribute(rule, at.name);
	struct value v;

	if (rule->declared && !a) {
		keep_member(&c->rw, k->start, n->start + n->len);
		return fault(c, &at, "no such attribute", "");
	}
	value_look(c->doc, key + 1, &c->text, &v);
	if (a && form_text(c, &at) && left_out(a, &v)) {
		drop_member(&c->rw);
		return true;
	}
	if (a)
		seen[a - rule->attributes] = true;
	keep_member(&c->rw, k->start, n->start + n->len);
	if (a)
		coerce(c, &a->rule, n, &v, &at);
	if (a && !check_value(c, key + 1, &a->rule, &v, &at))
		return false;
	return check_key(c, &v, &at);
}

static bool check_absent(struct check *c, const struct value_rule *rule,
    const bool *seen, const struct place *up)
{
	size_t i;

	for (i = 0; i < rule->n; i++) {
		const struct value_attribute *a = &rule->attributes[i];
		struct place at = {up, a->name, 0};

		if (seen[i])
			continue;
		if (a->rule.initial)
			append_member(&c->rw, a->name, a->rule.initial);
		else if (!a->rule.optional &&
		    !fault(c, &at, "is missing", ""))
			return false;
	}
	return true;
}

/* ---- objects ---- */

static bool check_members(struct check *c, uint32_t node,
    const struct value_rule *rule, bool *seen, const struct place *up)
{
	const struct json_node *o = &c->doc->nodes[node];
	uint32_t i;

	c->rw.last_end = o->start + 1;
	c->rw.kept = 0;
	c->rw.hole = false;
	for (i = json_first(c->doc, node); i < o->end;
	    i = json_next(c->doc, i + 1))
		if (!check_member(c, i, rule, seen, up))
			return false;
	if (!check_absent(c, rule, seen, up))
		return false;
	if (c->rw.hole)
		c->rw.pos = o->start + o->len - 1;
	return true;
}

static bool check_object(struct check *c, uint32_t node,
    const struct value_rule *rule, const struct place *up)
{
	struct rewrite outer = c->rw;
	bool *seen = calloc(rule->n + 1, sizeof *seen);
	bool go_on;

	if (!seen) {
		es_fail_nomem(c->err);
		c->failed = true;
		return false;
	}
	go_on = check_members(c, node, rule, seen, up);
	free(seen);
	c->rw.last_end = outer.last_end;
	c->rw.kept = outer.kept;
	c->rw.hole = outer.hole;
	return go_on;
}

/* The payload; what no fault has ended, to its last byte. */
static void check_payload(struct check *c)
{
	const struct json_node *o = &c->doc->nodes[0];

	c->rw.pos = o->start;
	if (check_object(c, 0, &c->entry->payload, NULL) && c->rw.changed)
		copy_to(&c->rw, o->start + o->len);
}

/* ---- the message ---- */

static int check_head(const struct catalog_entry *e, const struct draft *m,
    struct es_err *err)
{
	if (m->kind != KIND_NONE && e->kind != KIND_NONE && m->kind != e->kind)
		return es_fail(err, ES_FAILED, "%.*s: kind: must be %s, not %s",
		    (int)e->type.n, e->type.p, message_kind_name(e->kind),
		    message_kind_name(m->kind));
	if (m->version != 0 && m->version != e->version)
		return es_fail(err, ES_FAILED, "%.*s: version: must be %lld, "
		    "not %lld", (int)e->type.n, e->type.p,
		    (long long)e->version, (long long)m->version);
	return 0;
}

int catalog_check_all(const struct catalog_entry *e, const struct draft *m,
    struct message_scratch *s, struct buf *out, catalog_fault *tell, void *ctx,
    struct es_err *err)
{
	struct span payload = m->payload.p ? m->payload : SPAN_LIT("{}");
	struct check c = {.entry = e, .doc = &s->doc, .draft = m,
	    .rw = {.out = out, .text = payload.p}, .fault = tell, .ctx = ctx,
	    .err = err};
	int r = -1;

	buf_truncate(out, 0);
	if (check_head(e, m, err) < 0 ||
	    json_parse(&s->doc, payload.p, payload.n, err) < 0)
		return -1;
	if (s->doc.nodes[0].type != JSON_OBJECT)
		return es_fail(err, ES_FAILED, "payload: must be an object");
	if (!buf_room(&c.text, payload.n)) {
		es_fail_nomem(err);
		goto out;
	}
	check_payload(&c);
	if (c.failed)
		goto out;
	r = buf_check(&c.text, err);
	if (r == 0)
		r = buf_check(out, err);
out:
	if (r < 0)
		buf_truncate(out, 0);
	buf_free(&c.text);
	buf_free(&c.expected);
	return r;
}

int catalog_check(const struct catalog_entry *e, const struct draft *m,
    struct message_scratch *s, struct buf *out, struct es_err *err)
{
	return catalog_check_all(e, m, s, out, NULL, NULL, err);
}
