#include <stdlib.h>

#include "handlerhandles.h"

static const struct {
	const char *name;
	enum scan_op op;
} ops[SCAN_OPS] = {
	{"decide", SCAN_DECIDE}, {"evolve", SCAN_EVOLVE},
	{"react", SCAN_REACT},
};

static struct scan_types *types_of(struct handler *h, int which)
{
	return ops[which].op == SCAN_DECIDE ? &h->scan.decides :
	    ops[which].op == SCAN_EVOLVE ? &h->scan.evolves :
	    &h->scan.reacts;
}

static int take_types(struct handler *h, int which, const struct json_doc *d,
    uint32_t value, struct es_err *err)
{
	struct scan_types said = {0}, *to = types_of(h, which), old = *to;
	struct buf text = {0};
	uint32_t i;
	int r = 0;

	if (d->nodes[value].type != JSON_ARRAY || d->nodes[value].count == 0)
		return es_fail(err, ES_FAILED,
		    "must be an array of types, one at least");
	for (i = json_first(d, value); r == 0 && i < d->nodes[value].end;
	    i = json_next(d, i)) {
		buf_truncate(&text, 0);
		r = d->nodes[i].type != JSON_STRING ? es_fail(err, ES_FAILED,
		    "must be an array of types, one at least") :
		    scan_types_add(&said, json_string(d, i, &text), err);
	}
	buf_free(&text);
	if (r < 0)
		old = said;
	else
		*to = said;
	while (old.n > 0)
		free(old.v[--old.n]);
	free(old.v);
	free(h->scan.unread[which]);
	h->scan.unread[which] = NULL;
	return r;
}

/* The only one that the file has, or -1. */
static int only_one(const struct handler *h)
{
	int i, found = -1;

	for (i = 0; i < SCAN_OPS; i++) {
		if (!(h->ops & ops[i].op))
			continue;
		if (found >= 0)
			return -1;
		found = i;
	}
	return found;
}

static int take_member(struct handler *h, const struct json_doc *d,
    uint32_t key, struct es_err *err)
{
	struct buf text = {0};
	struct span name;
	char shown[80];
	int i;

	for (i = 0; i < SCAN_OPS; i++) {
		if (!json_is(d, key, ops[i].name))
			continue;
		if (!(h->ops & ops[i].op))
			return es_fail(err, ES_FAILED, "%s: the file has no "
			    "such definition", ops[i].name);
		return take_types(h, i, d, key + 1, err) < 0 ?
		    es_err_at(err, "%s", ops[i].name) : 0;
	}
	name = json_string(d, key, &text);
	es_escape(shown, sizeof shown, name.p, name.n);
	buf_free(&text);
	return es_fail(err, ES_FAILED, "%s: is not one of decide, evolve, "
	    "react", shown);
}

int handler_take_handles(struct handler *h, const struct json_doc *d,
    uint32_t value, struct es_err *err)
{
	uint32_t i;
	int r = 0, only = only_one(h);

	if (d->nodes[value].type == JSON_ARRAY && only >= 0)
		r = take_types(h, only, d, value, err);
	else if (d->nodes[value].type != JSON_OBJECT)
		r = es_fail(err, ES_FAILED, "must be an object "
		    "{decide: [TYPE...], evolve: [...], react: [...]}");
	else
		for (i = json_first(d, value); r == 0 &&
		    i < d->nodes[value].end; i = json_next(d, i + 1))
			r = take_member(h, d, i, err);
	return r < 0 ? es_err_at(err, "handles") : 0;
}

int handler_check_unread(const struct handler *h, struct es_err *err)
{
	int i;

	for (i = 0; i < SCAN_OPS; i++)
		if (h->scan.unread[i])
			return es_fail(err, ES_FAILED, "%s (about.handles "
			    "does not say it: %s)", h->scan.unread[i],
			    ops[i].name);
	return 0;
}
