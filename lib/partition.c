/* The partition of a message, and what is read of it; the head of fold.h. */
#include <stdlib.h>
#include <string.h>

#include "fold.h"

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

static size_t index_of(const struct handler *h, struct span name)
{
	size_t i;

	for (i = 0; i < h->n_partition_by; i++)
		if (span_is(name, h->partition_by[i]))
			break;
	return i;
}

static void print_names(const struct handler *h, char *out, size_t size)
{
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < h->n_partition_by && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s",
		    i ? ", " : "", h->partition_by[i]);
}

int partition_from_pairs(const struct handler *h,
    const struct query_pair *pairs, size_t n, struct partition *out,
    struct es_err *err)
{
	char names[256];
	size_t i, at;

	print_names(h, names, sizeof names);
	if (begin(out, h->partition_by, h->n_partition_by, err) < 0)
		return -1;
	for (i = 0; i < n; i++) {
		at = index_of(h, span_str(pairs[i].name));
		if (at == h->n_partition_by) {
			es_fail(err, ES_USAGE, "%.100s: %s is partitioned by "
			    "%s", pairs[i].name, h->name,
			    *names ? names : "nothing");
			goto fail;
		}
		if (set_value(out, at, span_str(pairs[i].value), err) < 0)
			goto fail;
	}
	for (i = 0; i < out->n; i++)
		if (!out->values[i]) {
			es_fail(err, ES_USAGE, "%.100s: its value is missing: "
			    "%s is partitioned by %s (-p NAME=VALUE)",
			    h->partition_by[i], h->name, names);
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

int partition_query(const struct handler *h, const struct partition *p,
    struct query *out, struct es_err *err)
{
	const struct scan_types *types = &h->scan.evolves;
	size_t i;
	int r = 0;

	*out = (struct query){0};
	for (i = 0; i < types->n && r == 0; i++)
		r = query_add_type(out, span_str(types->v[i]), err);
	for (i = 0; types->n && i < p->n && r == 0; i++)
		r = query_add_partition(out, span_str(p->names[i]),
		    span_str(p->values[i]), err);
	if (r < 0)
		query_free(out);
	return r;
}
