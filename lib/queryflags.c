#include <string.h>

#include "query.h"
#include "sys.h"

static bool is_empty(const struct query_item *item)
{
	return item->n_types == 0 && item->n_tags == 0 &&
	    item->n_partition == 0 && item->kind == KIND_NONE;
}

/* Split NAME=VALUE. */
static int split(int id, const char *arg, struct span *name,
    struct span *value, struct es_err *err)
{
	const char *equals = strchr(arg, '=');
	char shown[80];

	if (!equals || equals == arg)
		return es_fail(err, ES_USAGE, "%s: must be NAME=VALUE, not "
		    "\"%s\"", cli_flag_name(id),
		    es_escape(shown, sizeof shown, arg, strlen(arg)));
	*name = (struct span){arg, (size_t)(equals - arg)};
	*value = span_str(equals + 1);
	return 0;
}

static int add_key(struct query *q, int id, const char *arg,
    struct es_err *err)
{
	struct span name, value;
	struct buf tag = {0};
	int r;

	if (split(id, arg, &name, &value, err) < 0)
		return -1;
	buf_add_span(&tag, name);
	buf_addc(&tag, ':');
	buf_add_span(&tag, value);
	r = buf_check(&tag, err);
	if (r == 0)
		r = query_add_tag(q, buf_span(&tag), err);
	buf_free(&tag);
	return r;
}

static int add_partition(struct query *q, int id, const char *arg,
    struct es_err *err)
{
	struct span name, value;

	if (split(id, arg, &name, &value, err) < 0)
		return -1;
	return query_add_partition(q, name, value, err);
}

static int set_kind(struct query *q, const char *arg, struct es_err *err)
{
	if (q->n == 0 && query_add_item(q, err) < 0)
		return -1;
	if (message_kind_parse(span_str(arg), &q->items[q->n - 1].kind,
	    err) < 0) {
		if (err)
			err->code = ES_USAGE;
		return -1;
	}
	return 0;
}

static int set_last(struct query *q, struct es_err *err)
{
	if (q->n == 0 && query_add_item(q, err) < 0)
		return -1;
	q->items[q->n - 1].last = true;
	return 0;
}

static int check_item(const struct query *q, struct es_err *err)
{
	const struct query_item *item = q->n ? &q->items[q->n - 1] : NULL;

	if (item && !is_empty(item))
		return 0;
	return es_fail(err, ES_USAGE, "%s", item && item->last ?
	    "--last: needs a type, key, tag, partition or kind beside it; "
	    "for the newest of all use --tail 1" :
	    "-o: stands between two items, each with a type, key, tag, "
	    "partition or kind");
}

static int set_position(int id, const char *arg, int64_t min, int64_t *out,
    struct es_err *err)
{
	char shown[64];

	if (cli_int_parse(span_str(arg), min, INT64_MAX, out) == 0)
		return 0;
	return es_fail(err, ES_USAGE, "%s: must be an integer from %lld, not "
	    "\"%s\"", cli_flag_name(id), (long long)min,
	    es_escape(shown, sizeof shown, arg, strlen(arg)));
}

/* A time, or how long ago; 0 stands for "none", so 1970 begins at 1. */
static int set_time(int id, const char *arg, int64_t *out, struct es_err *err)
{
	char shown[64];
	int64_t millis;

	if (!rfc3339_parse(span_str(arg), out)) {
		if (cli_duration_parse(span_str(arg), &millis, NULL) < 0)
			return es_fail(err, ES_USAGE, "%s: must be a time as "
			    "in RFC 3339 or how long ago (90s, 5m, 2d), not "
			    "\"%s\"", cli_flag_name(id), es_escape(shown,
			    sizeof shown, arg, strlen(arg)));
		*out = sys_now() - millis * 1000;
	}
	if (*out < 1)
		*out = 1;
	return 0;
}

static int set_id(int id, const char *arg, struct span *out,
    struct es_err *err)
{
	if (out->p)
		return es_fail(err, ES_USAGE, "%s: only once",
		    cli_flag_name(id));
	*out = span_str(arg);
	if (message_check_id(*out, cli_flag_name(id), err) == 0)
		return 0;
	if (err)
		err->code = ES_USAGE;
	return -1;
}

int query_flag(struct query *q, struct query_bounds *b, int id,
    const char *arg, struct es_err *err)
{
	switch (id) {
	case CLI_TYPE:
		return query_add_type(q, span_str(arg), err);
	case CLI_KEY:
		return add_key(q, id, arg, err);
	case CLI_TAG:
		return query_add_tag(q, span_str(arg), err);
	case CLI_OR:
		return check_item(q, err) < 0 ? -1 : query_add_item(q, err);
	case CLI_LAST:
		return set_last(q, err);
	case CLI_PARTITION:
		return add_partition(q, id, arg, err);
	case CLI_KIND:
		return set_kind(q, arg, err);
	case CLI_AFTER:
		return set_position(id, arg, 0, &b->after, err);
	case CLI_BEFORE:
		return set_position(id, arg, 1, &b->before, err);
	case CLI_LIMIT:
		return set_position(id, arg, 0, &b->limit, err);
	case CLI_TAIL:
		return set_position(id, arg, 0, &b->tail, err);
	case CLI_REVERSE:
		b->reverse = true;
		return 0;
	case CLI_SINCE:
		return set_time(id, arg, &b->since, err);
	case CLI_UNTIL:
		return set_time(id, arg, &b->until, err);
	case CLI_ID:
		return set_id(id, arg, &b->id, err);
	case CLI_CORRELATION:
		return set_id(id, arg, &b->correlation, err);
	default:
		return 1;
	}
}

int query_flags_end(struct query *q, struct es_err *err)
{
	if (q->n > 0)
		return check_item(q, err);
	q->everything = true;
	return 0;
}

int query_as_of(const char *arg, int64_t *position, int64_t *time,
    struct es_err *err)
{
	char shown[64];

	*position = -1;
	if (cli_int_parse(span_str(arg), 0, INT64_MAX, position) == 0 ||
	    set_time(CLI_AS_OF, arg, time, NULL) == 0)
		return 0;
	return es_fail(err, ES_USAGE, "--as-of: must be a position, a time as "
	    "in RFC 3339 or how long ago (90s, 5m, 2d), not \"%s\"",
	    es_escape(shown, sizeof shown, arg, strlen(arg)));
}
