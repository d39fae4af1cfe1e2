/* page: which messages a page has to do with. */
#include <stdlib.h>
#include <string.h>

#include "channel.h"
#include "pageint.h"

int page_partition(const struct page *p, struct span params,
    struct partition *out, struct es_err *err)
{
	struct json_doc d = {0};
	size_t i;
	int r = json_parse(&d, params.p, params.n, err);

	*out = (struct partition){.names = p->handler.partition_by,
	    .n = p->handler.n_partition_by};
	out->values = calloc(out->n + 1, sizeof *out->values);
	if (r == 0 && !out->values)
		r = es_fail_nomem(err);
	for (i = 0; i < out->n && r == 0; i++) {
		struct buf value = {0};

		json_decode(&d, json_get(&d, 0, out->names[i]), &value);
		out->values[i] = buf_detach(&value);
		if (!out->values[i])
			r = es_fail_nomem(err);
	}
	json_free(&d);
	if (r < 0)
		partition_free(out);
	return r;
}

/* Fill in the parameter whose "{" stands at c; NULL after an error. */
static const char *fill_in(const char *c, const struct json_doc *params,
    struct buf *out, struct es_err *err)
{
	size_t n = strcspn(c, "}");
	struct buf value = {0};
	char name[80];
	uint32_t node;

	if (c[n] != '}' || n > sizeof name) {
		es_fail(err, ES_FAILED, "\"{\" without a name and \"}\"");
		return NULL;
	}
	memcpy(name, c + 1, n - 1);
	name[n - 1] = '\0';
	node = json_get(params, 0, name);
	if (node == JSON_NONE) {
		es_fail(err, ES_FAILED, "{%s} is not a parameter of the path",
		    name);
		return NULL;
	}
	channel_encode(out, json_string(params, node, &value));
	buf_free(&value);
	return c + n + 1;
}

int page_channel(const struct page *p, const struct json_doc *params,
    struct buf *out, struct es_err *err)
{
	const char *c = p->channel;

	while (c && *c) {
		if (*c == '{')
			c = fill_in(c, params, out, err);
		else
			buf_addc(out, *c++);
	}
	return c ? buf_check(out, err) : -1;
}

/* What a message must be like to be heard. */
int page_take_hears(const struct page *p, struct page_request *out,
    struct es_err *err)
{
	struct partition part = {0};
	struct json_doc d = {0};
	size_t i;
	int r = 0;

	for (i = 0; i < p->on.n && r == 0; i++)
		r = query_add_type(&out->hears, span_str(p->on.v[i]), err);
	if (r == 0 && p->channel) {
		r = json_parse(&d, out->params.p, out->params.n, err) < 0 ? -1 :
		    page_channel(p, &d, &out->channel, err);
		json_free(&d);
		return r;
	}
	if (r == 0)
		r = page_partition(p, buf_span(&out->params), &part, err);
	/* What is too long for a tag is refused here. */
	for (i = 0; i < part.n && r == 0; i++)
		r = query_add_partition(&out->hears, span_str(part.names[i]),
		    span_str(part.values[i]), err);
	partition_free(&part);
	return r;
}

/* Looked at for each page in turn, so it is kept. */
static const struct keys *keys_of(struct pages *ps, const struct message *m)
{
	if (ps->keys_of != m->position || m->position == 0) {
		ps->keys_of = 0;
		if (store_keys(ps->store, m, &ps->keys, NULL) < 0)
			return NULL;
		ps->keys_of = m->position;
	}
	return &ps->keys;
}

static bool on_channel(struct pages *ps, struct span pattern,
    const struct message *m)
{
	const struct catalog_entry *e =
	    catalog_find(store_catalog(ps->store), m->type);
	struct span template = e ? catalog_channel(e) : SPAN_NONE;
	struct json_doc d = {0};
	struct buf channel = {0};
	bool yes;

	if (!template.p || json_parse(&d, m->payload.p, m->payload.n, NULL) < 0)
		return false;
	yes = channel_make(template, &d, 0, &channel) && !channel.failed &&
	    channel_matches(pattern, buf_span(&channel));
	json_free(&d);
	buf_free(&channel);
	return yes;
}

bool page_hears(struct pages *ps, const struct page_request *r,
    const struct message *m)
{
	const struct scan_types *on = &r->page->on;
	const struct keys *keys;

	if (!query_type_in(on->v, on->n, m->type))
		return false;
	if (r->page->channel)
		return on_channel(ps, buf_span(&r->channel), m);
	keys = keys_of(ps, m);
	/* What cannot be told is rather rendered once too often. */
	return !keys || query_match(&r->hears, m, keys);
}
