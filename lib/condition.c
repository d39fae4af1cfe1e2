#include <string.h>
#include <sys/stat.h>

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

/* ---- the guard of a query ---- */

/*
 * A rename would replace whatever has the name: a device, or the link that
 * /dev/stdout is.
 */
static int check_replaceable(const char *path, struct es_err *err)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return es_fail(err, ES_FAILED, "%s: not a regular file",
		    path);
	return 0;
}

/* Up to where all is given; with a limit, read it to know. */
static int covered(struct store *s, const struct query *q,
    const struct query_bounds *b, int64_t head, int64_t *position,
    struct es_err *err)
{
	struct find *ahead;
	int64_t n;
	int r;

	*position = head;
	if (b->before > 0 && b->before <= head)
		*position = b->before - 1;
	/* Head 0 would mean "as it is now", which may be more. */
	if (b->limit < 0 || head == 0)
		return 0;
	if (find_open(s, q, b, head, &ahead, err) < 0)
		return -1;
	r = find_count(ahead, &n, err);
	*position = find_covered(ahead);
	find_close(ahead);
	return r;
}

/* By it a log is known again. */
static int read_id(struct store *s, struct guard *g, struct es_err *err)
{
	struct message m;
	int r = store_get(s, g->after, &m, err);

	if (r > 0 && m.id.n < sizeof g->id)
		memcpy(g->id, m.id.p, m.id.n);
	return r < 0 ? -1 : 0;
}

int condition_write(const char *path, struct store *s, const struct query *q,
    const struct query_bounds *b, int64_t head, struct es_err *err)
{
	struct guard g = {.query = *q};
	struct buf text = {0};
	int r;

	if (covered(s, q, b, head, &g.after, err) < 0)
		return -1;
	memcpy(g.store, store_id(s), sizeof g.store);
	memcpy(g.epoch, store_epoch(s), sizeof g.epoch);
	if (read_id(s, &g, err) < 0)
		return -1;
	guard_print(&text, &g);
	r = buf_check(&text, err);
	if (r == 0)
		r = check_replaceable(path, err);
	if (r == 0)
		r = sys_write_file(path, buf_span(&text), false, err);
	buf_free(&text);
	return r;
}
