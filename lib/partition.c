/* The partition of a message, and what is read of it; the head of fold.h. */
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "handlerreads.h"

void partition_free(struct partition *p)
{
	size_t i;

	for (i = 0; p->values && i < p->n; i++)
		free(p->values[i]);
	free(p->values);
	*p = (struct partition){0};
}

static int set_value(struct partition *p, size_t i, struct span value,
    struct es_err *err)
{
	if (!value.p)
		return 0;
	p->values[i] = strndup(value.p, value.n);
	return p->values[i] ? 0 : es_fail_nomem(err);
}

static int begin(struct partition *p, char *const *names, size_t n,
    struct es_err *err)
{
	*p = (struct partition){.names = names, .n = n};
	p->values = calloc(n + 1, sizeof *p->values);
	return p->values ? 0 : es_fail_nomem(err);
}

int partition_copy(const struct partition *from, struct partition *out,
    struct es_err *err)
{
	size_t i;

	if (begin(out, from->names, from->n, err) < 0)
		return -1;
	for (i = 0; i < from->n; i++)
		if (set_value(out, i, span_str(from->values[i]), err) < 0) {
			partition_free(out);
			return -1;
		}
	return 0;
}

static int keys_of(struct store *store, const struct message *m,
    struct keys *keys, struct es_err *err)
{
	if (store)
		return store_keys(store, m, keys, err);
	return message_keys(m->tags, m->payload, NULL, NULL, keys, err);
}

static int from_keys(const struct keys *keys, struct partition *p,
    bool *complete, bool *many, struct es_err *err)
{
	struct span *values = calloc(p->n + 1, sizeof *values);
	size_t i, there;
	int r = 0;

	if (!values)
		return es_fail_nomem(err);
	there = query_partition_of(keys, p->names, p->n, values, many);
	*complete = there == p->n;
	for (i = 0; i < p->n && r == 0; i++)
		r = set_value(p, i, values[i], err);
	free(values);
	return r;
}

int partition_of(struct store *store, const struct handler *h,
    const struct message *m, struct partition *out, bool *complete,
    bool *many, struct es_err *err)
{
	struct keys keys = {0};
	int r;

	*complete = true;
	*many = false;
	if (begin(out, h->partition_by, h->n_partition_by, err) < 0)
		return -1;
	if (out->n == 0)
		return 0;
	r = keys_of(store, m, &keys, err) < 0 ? -1 :
	    from_keys(&keys, out, complete, many, err);
	keys_free(&keys);
	if (r < 0)
		partition_free(out);
	return r;
}

int partition_of_reads(struct store *store, const struct handler *h,
    const struct message *m, struct partition *out, bool *complete,
    bool *many, struct es_err *err)
{
	struct keys keys = {0};
	size_t i;
	int r;

	*complete = true;
	*many = false;
	if (begin(out, h->read_names, h->n_read_names, err) < 0)
		return -1;
	r = out->n == 0 ? 0 : keys_of(store, m, &keys, err) < 0 ? -1 :
	    from_keys(&keys, out, complete, many, err);
	keys_free(&keys);
	if (r < 0) {
		partition_free(out);
		return -1;
	}
	if (*complete)
		return 0;
	for (i = 0, *complete = true; i < out->n && *complete; i++)
		*complete = out->values[i] ||
		    !handler_reads_need(h, out->names[i]);
	return 0;
}

bool partition_is_reads(const struct handler *h, const struct partition *p)
{
	return h->n_reads > 0 && (p->names == h->read_names);
}

static size_t index_of(const struct partition *p, struct span name)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (span_is(name, p->names[i]))
			break;
	return i;
}

static void print_names(const struct partition *p, char *out, size_t size)
{
	size_t i, n = 0;

	if (p->n == 0)
		snprintf(out, size, "nothing");
	for (i = 0; i < p->n && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s",
		    i ? ", " : "", p->names[i]);
}

int partition_from_pairs(const struct handler *h,
    const struct query_pair *pairs, size_t n, struct partition *out,
    struct es_err *err)
{
	const char *how = h->n_reads ? "reads by" : "is partitioned by";
	char names[256];
	size_t i, at;

	if (begin(out, h->n_reads ? h->read_names : h->partition_by,
	    h->n_reads ? h->n_read_names : h->n_partition_by, err) < 0)
		return -1;
	print_names(out, names, sizeof names);
	for (i = 0; i < n; i++) {
		at = index_of(out, span_str(pairs[i].name));
		if (at == out->n) {
			es_fail(err, ES_USAGE, "%.100s: %s %s %s",
			    pairs[i].name, h->name, how, names);
			goto fail;
		}
		if (set_value(out, at, span_str(pairs[i].value), err) < 0)
			goto fail;
	}
	for (i = 0; i < out->n; i++)
		if (!out->values[i] && (!h->n_reads ||
		    handler_reads_need(h, out->names[i]))) {
			es_fail(err, ES_USAGE, "%.100s: its value is missing: "
			    "%s %s %s (-p NAME=VALUE)", out->names[i],
			    h->name, how, names);
			goto fail;
		}
	return 0;
fail:
	partition_free(out);
	return -1;
}

void partition_print(const struct partition *p, struct buf *out)
{
	size_t i;

	buf_addc(out, '{');
	for (i = 0; i < p->n; i++) {
		if (i)
			buf_addc(out, ',');
		json_quote_span(out, span_str(p->names[i]));
		buf_addc(out, ':');
		if (p->values[i])
			json_quote_span(out, span_str(p->values[i]));
		else
			buf_adds(out, "null");
	}
	buf_addc(out, '}');
}

static const char *value_of(const struct partition *p, struct span name)
{
	size_t at = index_of(p, name);

	return at < p->n ? p->values[at] : NULL;
}

static bool has_values(const struct handler_read *item,
    const struct partition *p)
{
	struct span rest, before, name;
	size_t i;

	for (i = 0; i < item->n_tags; i++) {
		rest = span_str(item->tags[i]);
		while (handler_next_place(&rest, &before, &name))
			if (!value_of(p, name))
				return false;
	}
	return true;
}

static int add_tag(const char *tag, const struct partition *p,
    struct query *q, struct es_err *err)
{
	struct span rest = span_str(tag), before, name;
	struct buf text = {0};
	int r;

	while (handler_next_place(&rest, &before, &name)) {
		buf_add_span(&text, before);
		buf_adds(&text, value_of(p, name));
	}
	buf_add_span(&text, before);
	r = buf_check(&text, err) < 0 ? -1 :
	    query_add_tag(q, buf_span(&text), err);
	buf_free(&text);
	return r;
}

static int add_read(const struct handler_read *item,
    const struct partition *p, struct query *q, struct es_err *err)
{
	size_t i;

	if (!has_values(item, p))
		return 0;
	if (query_add_item(q, err) < 0)
		return -1;
	for (i = 0; i < item->types.n; i++)
		if (query_add_type(q, span_str(item->types.v[i]), err) < 0)
			return -1;
	for (i = 0; i < item->n_tags; i++)
		if (add_tag(item->tags[i], p, q, err) < 0)
			return -1;
	return 0;
}

int partition_query(const struct handler *h, const struct partition *p,
    struct query *out, struct es_err *err)
{
	const struct scan_types *types = &h->scan.evolves;
	bool reads = partition_is_reads(h, p);
	size_t i;
	int r = 0;

	*out = (struct query){0};
	for (i = 0; reads && i < h->n_reads && r == 0; i++)
		r = add_read(&h->reads[i], p, out, err);
	for (i = 0; !reads && i < types->n && r == 0; i++)
		r = query_add_type(out, span_str(types->v[i]), err);
	for (i = 0; !reads && types->n && i < p->n && r == 0; i++)
		r = query_add_partition(out, span_str(p->names[i]),
		    span_str(p->values[i]), err);
	if (r < 0)
		query_free(out);
	return r;
}
