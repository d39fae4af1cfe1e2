/* handler: what `about` says. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "handlerhandles.h"
#include "handlerreads.h"
#include "message.h"

int handler_add_partition(struct handler *h, struct span name,
    struct es_err *err)
{
	char shown[80], **v;
	size_t i;

	es_escape(shown, sizeof shown, name.p, name.n);
	if (!message_name_indexable(name))
		return es_fail(err, ES_FAILED, "partition_by: \"%s\" is not a "
		    "name ([A-Za-z_][A-Za-z0-9_]*)", shown);
	for (i = 0; i < h->n_partition_by; i++)
		if (span_is(name, h->partition_by[i]))
			return es_fail(err, ES_FAILED,
			    "partition_by: \"%s\" stands twice", shown);
	v = realloc(h->partition_by, (h->n_partition_by + 1) * sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	h->partition_by = v;
	v[h->n_partition_by] = strndup(name.p, name.n);
	if (!v[h->n_partition_by])
		return es_fail_nomem(err);
	h->n_partition_by++;
	return 0;
}

int handler_partition_by(struct handler *h, const char *names,
    struct es_err *err)
{
	while (names && *names) {
		size_t n = strcspn(names, ",");

		if (handler_add_partition(h, (struct span){names, n},
		    err) < 0) {
			if (err)
				err->code = ES_USAGE;
			return es_err_at(err, "--by");
		}
		names += n + (names[n] == ',');
	}
	return 0;
}

static int about_names(struct handler *h, const struct json_doc *d,
    uint32_t value, struct es_err *err)
{
	struct buf text = {0};
	uint32_t i;
	int r = 0;

	if (d->nodes[value].type != JSON_ARRAY)
		return es_fail(err, ES_FAILED,
		    "partition_by: must be an array of names");
	for (i = json_first(d, value); i < d->nodes[value].end && r == 0;
	    i = json_next(d, i)) {
		buf_truncate(&text, 0);
		r = d->nodes[i].type != JSON_STRING ? es_fail(err, ES_FAILED,
		    "partition_by: must be an array of names") :
		    handler_add_partition(h, json_string(d, i, &text), err);
	}
	buf_free(&text);
	return r;
}

static int about_duration(const char *name, const struct json_doc *d,
    uint32_t value, int64_t *out, struct es_err *err)
{
	struct buf text = {0};
	int r = -1;

	if (d->nodes[value].type == JSON_STRING)
		r = cli_duration_parse(json_string(d, value, &text), out, err);
	buf_free(&text);
	if (r < 0 || *out <= 0)
		return es_fail(err, ES_FAILED,
		    "%s: must be a duration as \"2s\"", name);
	return 0;
}

static int about_name(struct handler *h, const struct json_doc *d,
    uint32_t value, struct es_err *err)
{
	struct buf text = {0};
	struct span s;
	char *name;

	if (d->nodes[value].type != JSON_STRING)
		return es_fail(err, ES_FAILED, "name: must be a string");
	s = json_string(d, value, &text);
	name = strndup(s.p, s.n);
	buf_free(&text);
	if (!name)
		return es_fail_nomem(err);
	if (handler_check_name(name, err) < 0) {
		free(name);
		return -1;
	}
	free(h->name);
	h->name = name;
	return 0;
}

static int about_field(struct handler *h, const struct json_doc *d,
    uint32_t key, struct es_err *err)
{
	/* What a later version reads: not a slip of the pen. */
	static const char *const later[] = {"views",
	    "query", "path", "on", "channel"};
	int64_t retries;
	struct buf text = {0};
	char shown[80];
	struct span name;
	size_t i;

	if (json_is(d, key, "partition_by"))
		return about_names(h, d, key + 1, err);
	if (json_is(d, key, "reads"))
		return handler_take_reads(h, d, key + 1, err);
	if (json_is(d, key, "handles"))
		return handler_take_handles(h, d, key + 1, err);
	if (json_is(d, key, "name"))
		return about_name(h, d, key + 1, err);
	if (json_is(d, key, "deadline"))
		return about_duration("deadline", d, key + 1, &h->deadline_ms,
		    err);
	if (json_is(d, key, "backoff"))
		return about_duration("backoff", d, key + 1, &h->backoff_ms,
		    err);
	if (json_is(d, key, "retries")) {
		if (json_int(d, key + 1, 0, 1000, &retries) < 0)
			return es_fail(err, ES_FAILED,
			    "retries: must be an integer from 0 to 1000");
		h->retries = (int)retries;
		return 0;
	}
	for (i = 0; i < sizeof later / sizeof *later; i++)
		if (json_is(d, key, later[i]))
			return es_fail(err, ES_FAILED,
			    "%s: this version has no such field", later[i]);
	name = json_string(d, key, &text);
	es_escape(shown, sizeof shown, name.p, name.n);
	buf_free(&text);
	return es_fail(err, ES_FAILED, "%s: no such field (name, "
	    "partition_by, reads, handles, deadline, retries, backoff)", shown);
}

int handler_about(struct handler *h, struct span about, struct es_err *err)
{
	struct json_doc d = {0};
	uint32_t i;
	int r = json_parse(&d, about.p, about.n, err);

	while (h->n_partition_by > 0)
		free(h->partition_by[--h->n_partition_by]);
	free(h->partition_by);
	h->partition_by = NULL;
	handler_free_reads(h);
	if (r == 0 && d.nodes[0].type != JSON_OBJECT)
		r = es_fail(err, ES_FAILED, "must be an object");
	for (i = json_first(&d, 0); r == 0 && i < d.nodes[0].end;
	    i = json_next(&d, i + 1))
		r = about_field(h, &d, i, err);
	if (r == 0)
		r = handler_finish_reads(h, err);
	json_free(&d);
	return r < 0 ? es_err_at(err, "%s:%u: about", h->path,
	    h->scan.about_line ? h->scan.about_line : 1) :
	    handler_check_unread(h, err);
}
