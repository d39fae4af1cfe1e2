#include <stdlib.h>
#include <string.h>

#include "catalogimpl.h"

/*
 * The payload with its changes.  Bytes are copied only once something has
 * changed: pos is how far the text was copied, last_end the end of the last
 * member that stays.  Members that are left out leave a hole, which the next
 * one that stays closes with its comma.
 */
struct rewrite {
	struct buf *out;
	const char *text;
	size_t pos, last_end;
	size_t kept;
	bool hole, changed;
};

struct check {
	const struct catalog_entry *entry;
	const struct json_doc *doc;
	const struct draft *draft;
	struct buf text;	/* decoded strings; has room for all */
	struct buf expected;
	bool *seen;		/* of the declared attributes */
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

/* `end` is where the closing brace stands. */
static void end_rewrite(struct rewrite *rw, size_t end)
{
	if (!rw->changed)
		return;
	if (rw->hole)
		rw->pos = end;
	copy_to(rw, end + 1);
}

/* ---- faults ---- */

/* Returns whether to go on. */
static bool fault(struct check *c, struct span attribute,
    const char *expected, const char *came)
{
	char shown[80];

	if (!c->failed) {
		es_escape(shown, sizeof shown, attribute.p, attribute.n);
		es_fail(c->err, ES_FAILED, "%.*s: %s: %s%s%s",
		    (int)c->entry->type.n, c->entry->type.p, shown, expected,
		    *came ? ", not " : "", came);
	}
	c->failed = true;
	if (c->fault)
		c->fault(c->ctx, attribute, expected, came);
	return c->fault != NULL;
}

static bool value_fault(struct check *c, struct span attribute,
    const char *expected, const struct value *v)
{
	char came[64];

	value_describe(v, came, sizeof came);
	return fault(c, attribute, expected, came);
}

/* ---- one attribute ---- */

static bool check_value(struct check *c, struct span name,
    const struct catalog_attribute *a, const struct value *v)
{
	buf_truncate(&c->expected, 0);
	if (a && !value_check(&a->rule, v, &c->expected))
		return value_fault(c, name, c->expected.p ? c->expected.p : "",
		    v);
	if (catalog_names_have(&c->entry->keys, name) && !value_indexable(v))
		return value_fault(c, name, "is a key and must be a string of "
		    "at most 256 bytes, an integer within 9007199254740991 "
		    "(2^53-1) or a boolean", v);
	return true;
}

/* Whether an attribute came as text that stands for something else. */
static bool form_text(const struct check *c, struct span name)
{
	size_t i;

	for (i = 0; i < c->draft->n_exact; i++)
		if (span_eq(c->draft->exact[i], name))
			return false;
	return c->draft->coerce;
}

static bool left_out(const struct catalog_attribute *a, const struct value *v)
{
	return v->type == JSON_STRING && v->string.n == 0 &&
	    (a->rule.optional || a->rule.initial);
}

static bool check_member(struct check *c, uint32_t key)
{
	const struct json_node *k = &c->doc->nodes[key], *n = k + 1;
	struct span name = json_string(c->doc, key, &c->text);
	const struct catalog_attribute *a = catalog_attribute(c->entry, name);
	bool coerce = a && form_text(c, name);
	const char *came;
	struct value v;

	if (c->entry->declared && !a) {
		keep_member(&c->rw, k->start, n->start + n->len);
		return fault(c, name, "no such attribute", "");
	}
	value_look(c->doc, key + 1, &c->text, &v);
	if (coerce && left_out(a, &v)) {
		drop_member(&c->rw);
		return true;
	}
	if (a)
		c->seen[a - c->entry->attributes] = true;
	keep_member(&c->rw, k->start, n->start + n->len);
	came = v.text.p;
	if (coerce)
		value_coerce(&a->rule, &v);
	if (v.text.p != came)
		replace_value(&c->rw, n->start, n->start + n->len, v.text);
	return check_value(c, name, a, &v);
}

static bool check_absent(struct check *c)
{
	size_t i;

	for (i = 0; i < c->entry->n; i++) {
		const struct catalog_attribute *a = &c->entry->attributes[i];

		if (c->seen[i])
			continue;
		if (a->rule.initial)
			append_member(&c->rw, a->name, a->rule.initial);
		else if (!a->rule.optional &&
		    !fault(c, a->name, "is missing", ""))
			return false;
	}
	return true;
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

static void check_payload(struct check *c)
{
	const struct json_doc *d = c->doc;
	uint32_t i;

	c->rw.last_end = d->nodes[0].start + 1;
	c->rw.pos = d->nodes[0].start;
	for (i = json_first(d, 0); i < d->nodes[0].end; i = json_next(d, i + 1))
		if (!check_member(c, i))
			return;
	if (check_absent(c))
		end_rewrite(&c->rw, d->nodes[0].start + d->nodes[0].len - 1);
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
	c.seen = calloc(e->n + 1, sizeof *c.seen);
	if (!c.seen || !buf_room(&c.text, payload.n)) {
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
	free(c.seen);
	buf_free(&c.text);
	buf_free(&c.expected);
	return r;
}

int catalog_check(const struct catalog_entry *e, const struct draft *m,
    struct message_scratch *s, struct buf *out, struct es_err *err)
{
	return catalog_check_all(e, m, s, out, NULL, NULL, err);
}
