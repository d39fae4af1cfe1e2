/* trial: one form for what is to be compared, and shown when it differs. */
#include <stdlib.h>
#include <string.h>

#include "catalogimpl.h"
#include "trialimpl.h"

struct member {
	struct span name;
	uint32_t value;
};

static int by_name(const void *a, const void *b)
{
	const struct member *x = a, *y = b;

	return span_cmp(x->name, y->name);
}

/* In the order of their names; freed by the caller, NULL without memory. */
static struct member *members(struct trial *t, const struct json_doc *d,
    uint32_t object, size_t *n)
{
	struct member *v = calloc(d->nodes[object].count + 1, sizeof *v);
	struct buf text = {0};
	uint32_t i;

	*n = 0;
	for (i = json_first(d, object); v && i < d->nodes[object].end;
	    i = json_next(d, i + 1)) {
		buf_truncate(&text, 0);
		v[*n].value = i + 1;
		v[(*n)++].name = arena_copy(&t->words,
		    json_string(d, i, &text));
	}
	buf_free(&text);
	if (v)
		qsort(v, *n, sizeof *v, by_name);
	return v;
}

/* 10, 10.0 and 1e1 are one number to jq; what is beyond a double is not. */
static void plain_number(const struct json_doc *d, uint32_t node,
    struct buf *out)
{
	struct span s = json_text(d, node);
	char text[64];

	if (d->nodes[node].integer || s.n >= sizeof text) {
		buf_add_span(out, s);
		return;
	}
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	buf_addf(out, "%.17g", strtod(text, NULL));
}

static void plain_object(struct trial *t, const struct json_doc *d,
    uint32_t node, struct buf *out)
{
	size_t n, i;
	struct member *v = members(t, d, node, &n);

	if (!v) {
		out->failed = true;
		return;
	}
	buf_addc(out, '{');
	for (i = 0; i < n; i++) {
		if (i > 0)
			buf_addc(out, ',');
		json_quote_span(out, v[i].name);
		buf_addc(out, ':');
		trial_plain(t, d, v[i].value, out);
	}
	buf_addc(out, '}');
	free(v);
}

void trial_plain(struct trial *t, const struct json_doc *d, uint32_t node,
    struct buf *out)
{
	struct buf text = {0};
	uint32_t i;

	switch (d->nodes[node].type) {
	case JSON_OBJECT:
		plain_object(t, d, node, out);
		break;
	case JSON_ARRAY:
		buf_addc(out, '[');
		for (i = json_first(d, node); i < d->nodes[node].end;
		    i = json_next(d, i)) {
			if (i > json_first(d, node))
				buf_addc(out, ',');
			trial_plain(t, d, i, out);
		}
		buf_addc(out, ']');
		break;
	case JSON_STRING:
		json_quote_span(out, json_string(d, node, &text));
		break;
	case JSON_NUMBER:
		plain_number(d, node, out);
		break;
	default:
		buf_add_span(out, json_text(d, node));
	}
	buf_free(&text);
}

int trial_plain_text(struct trial *t, struct span json, struct buf *out,
    struct es_err *err)
{
	struct json_doc d = {0};
	int r = json_parse(&d, json.p, json.n, err);

	if (r == 0) {
		trial_plain(t, &d, 0, out);
		r = buf_check(out, err);
	}
	json_free(&d);
	return r;
}

int trial_show_value(struct trial *t, const struct json_doc *d,
    uint32_t node, struct buf *out, struct es_err *err)
{
	struct member *v;
	size_t n, i;

	if (d->nodes[node].type != JSON_OBJECT) {
		buf_adds(out, "  ");
		trial_plain(t, d, node, out);
		buf_addc(out, '\n');
		return buf_check(out, err);
	}
	v = members(t, d, node, &n);
	if (!v)
		return es_fail_nomem(err);
	for (i = 0; i < n; i++) {
		buf_addf(out, "  %.*s: ", (int)v[i].name.n, v[i].name.p);
		trial_plain(t, d, v[i].value, out);
		buf_addc(out, '\n');
	}
	free(v);
	return buf_check(out, err);
}

int trial_show(struct trial *t, struct span type, struct span payload,
    struct buf *out, struct es_err *err)
{
	struct json_doc d = {0};
	int r = json_parse(&d, payload.p, payload.n, err);

	if (r == 0) {
		buf_add_span(out, type);
		buf_addc(out, '\n');
		r = trial_show_value(t, &d, 0, out, err);
	}
	json_free(&d);
	return r;
}

/* ---- what is expected ---- */

static bool is_exact(const struct draft *m, struct span name)
{
	size_t i;

	for (i = 0; i < m->n_exact; i++)
		if (span_eq(m->exact[i], name))
			return true;
	return false;
}

/*
 * "10" for an integer attribute is 10, and what is left out has its default.
 * No more of the catalog counts here: what is wrong shows when it is compared.
 */
static void coerce(const struct catalog_entry *e, const struct draft *m,
    const struct json_doc *d, uint32_t key, struct buf *out)
{
	struct buf text = {0}, strings = {0};
	struct span name = json_string(d, key, &text);
	const struct value_attribute *a = catalog_attribute(e, name);
	struct value v;

	value_look(d, key + 1, &strings, &v);
	if (a && !is_exact(m, name))
		value_coerce(&a->rule, &v);
	json_quote_span(out, name);
	buf_addc(out, ':');
	buf_add_span(out, v.text);
	buf_free(&text);
	buf_free(&strings);
}

static void add_defaults(const struct catalog_entry *e,
    const struct json_doc *d, struct buf *out)
{
	struct buf name = {0};
	size_t i;

	for (i = 0; i < e->payload.n; i++) {
		const struct value_attribute *a = &e->payload.attributes[i];

		buf_truncate(&name, 0);
		buf_add_span(&name, a->name);
		if (!a->rule.initial || name.failed ||
		    json_get(d, 0, name.p) != JSON_NONE)
			continue;
		if (out->n > 1)
			buf_addc(out, ',');
		json_quote_span(out, a->name);
		buf_addc(out, ':');
		buf_adds(out, a->rule.initial);
	}
	out->failed |= name.failed;
	buf_free(&name);
}

static int coerce_all(const struct catalog_entry *e, const struct draft *m,
    struct buf *out, struct es_err *err)
{
	struct json_doc d = {0};
	uint32_t i;
	int r = json_parse(&d, m->payload.p, m->payload.n, err);

	buf_addc(out, '{');
	for (i = json_first(&d, 0); r == 0 && i < d.nodes[0].end;
	    i = json_next(&d, i + 1)) {
		if (out->n > 1)
			buf_addc(out, ',');
		coerce(e, m, &d, i, out);
	}
	if (r == 0)
		add_defaults(e, &d, out);
	buf_addc(out, '}');
	json_free(&d);
	return r < 0 ? -1 : buf_check(out, err);
}

int trial_show_draft(struct trial *t, const struct draft *m, struct buf *out,
    struct es_err *err)
{
	const struct catalog_entry *e = t->catalog ?
	    catalog_find(t->catalog, m->type) : NULL;
	struct buf payload = {0};
	int r;

	if (!e)
		return trial_show(t, m->type, m->payload, out, err);
	r = coerce_all(e, m, &payload, err);
	if (r == 0)
		r = trial_show(t, m->type, buf_span(&payload), out, err);
	buf_free(&payload);
	return r;
}
