#include <string.h>

#include "condition.h"
#include "sys.h"

#define GUARD_BYTES (1024 * 1024)

void condition_free(struct condition *c)
{
	guard_free(&c->guard);
	*c = (struct condition){0};
}

static int check_origin(const struct guard *g, const struct store *s,
    struct es_err *err)
{
	if (strcmp(g->store, store_id(s)) != 0)
		return es_fail(err, ES_FAILED, "was read in another store "
		    "than %s", store_path(s));
	if (strcmp(g->epoch, store_epoch(s)) != 0)
		return es_fail(err, ES_FAILED, "was read in another epoch of "
		    "%s: read again", store_path(s));
	return 0;
}

int condition_read(struct condition *c, const char *path,
    const struct store *s, struct es_err *err)
{
	struct buf text = {0};
	int r = sys_read_file(path, GUARD_BYTES, &text, err);

	if (r < 0) {
		buf_free(&text);
		return -1;
	}
	if (text.n == 0)
		r = es_fail(err, ES_FAILED, "is empty, and so no guard");
	else
		r = guard_parse(text.p, text.n, &c->guard, err);
	if (r == 0) {
		c->set = true;
		c->bounds = (struct query_bounds)QUERY_BOUNDS_ALL;
		r = check_origin(&c->guard, s, err);
	}
	buf_free(&text);
	return r < 0 ? es_err_at(err, "%s", path) : 0;
}

int condition_query(struct condition *c, const struct query *q,
    const struct query_bounds *bounds, struct es_err *err)
{
	c->set = true;
	c->bounds = *bounds;
	c->guard.after = bounds->after;
	return query_copy(q, &c->guard.query, err);
}

/* A restored backup has the same identity, and another past. */
static int check_log(const struct guard *g, struct store *s,
    struct es_err *err)
{
	struct message m;
	int r;

	if (!g->store[0] || g->after == 0)
		return 0;
	r = store_get(s, g->after, &m, err);
	if (r < 0)
		return -1;
	if (r > 0 && (!g->id[0] || span_is(m.id, g->id)))
		return 0;
	return es_fail(err, ES_FAILED, "%s: another log than the guard's: "
	    "position %lld %s (a backup was restored?)", store_path(s),
	    (long long)g->after, r == 0 ? "is not there" :
	    "holds another message");
}

int condition_check(struct condition *c, struct store *s, struct es_err *err)
{
	bool any;

	c->broken_at = 0;
	if (!c->set)
		return 0;
	if (check_log(&c->guard, s, err) < 0)
		return -1;
	c->bounds.after = c->guard.after;
	return find_any_within(s, &c->guard.query, &c->bounds,
	    store_before(s), &any, &c->broken_at, err);
}

int condition_failed(const struct condition *c, const struct store *s,
    struct es_err *err)
{
	return es_fail(err, ES_CONFLICT, "%s: append condition not met: "
	    "what matches came after position %lld, at position %lld",
	    store_path(s), (long long)c->guard.after,
	    (long long)c->broken_at);
}

void condition_move(struct condition *c, const struct store *s,
    size_t appended)
{
	if (!c->set || c->broken_at)
		return;
	c->guard.after = store_before(s) + (int64_t)appended;
	c->guard.id[0] = '\0';
}
