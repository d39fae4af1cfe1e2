/* runner: opening and closing. */
#include <stdlib.h>
#include <string.h>

#include "bell.h"
#include "runnerimpl.h"

#define JOBS 4

/*
 * All jq handlers as one program.  If that fails each compiles alone, for its
 * own errors.
 */
static void compile_together(struct runner *r)
{
	struct jqrun_limits limits = JQRUN_LIMITS_DEFAULT;
	struct jqrun_source *v = calloc(r->app->n + 1, sizeof *v);
	struct es_err ignored;
	size_t i, n = 0;

	for (i = 0; v && i < r->app->n; i++) {
		const struct handler *h = &r->app->handlers[i].handler;

		if (h->kind == HANDLER_JQ)
			v[n++] = (struct jqrun_source){h->path,
			    buf_span(&h->text), h->scan.defs, h->ops};
	}
	if (n > 1)
		jqrun_compile(v, n, limits.memory, &r->together, &ignored);
	free(v);
}

/* How many jq handlers come before it. */
static size_t place_of(const struct lane *l)
{
	const struct app_handler *a = l->runner->app->handlers;
	size_t n = 0;

	for (; a < l->app; a++)
		n += a->handler.kind == HANDLER_JQ;
	return n;
}

static int compile(struct lane *l, struct es_err *err)
{
	struct es_err fault = {0};
	struct handler *h = &l->app->handler;
	int r = l->runner->together && h->kind == HANDLER_JQ ?
	    handler_start_one(h, l->runner->together, place_of(l), &l->jq,
	    &fault) : handler_start(h, NULL, &l->jq, &fault);

	if (r == 0)
		return 0;
	/* Without a name there is no group. */
	if (handler_check_name(l->handler->name, err) < 0)
		return es_err_at(err, "%s", l->handler->path);
	/* It concerns the group, not the others. */
	l->broken = true;
	buf_adds(&l->reason, fault.text);
	return buf_check(&l->reason, err);
}

/*
 * A group that an error stopped starts again by itself once its handler is
 * another text.
 */
static int wake_group(struct lane *l, const struct group_row *row,
    struct es_err *err)
{
	l->stopped = row->stopped;
	if (!row->stopped || !row->error || !row->has_hash || l->broken ||
	    memcmp(row->hash, l->handler->hash, 32) == 0)
		return 0;
	l->stopped = false;
	return group_start(l->runner->groups, l->handler->name, err);
}

static void tell_beginning(const struct lane *l)
{
	const char *name = l->handler->name;

	if (l->start > 0)
		runner_say(l->runner, "%s: a new group, from position %lld on",
		    name, (long long)l->start);
	else if (l->react_from > 0)
		runner_say(l->runner, "%s: a new group, from the start; it "
		    "reacts from position %lld on", name,
		    (long long)l->react_from);
	else if (l->runner->options.from == FROM_DEFAULT)
		runner_say(l->runner, "%s: a new group, from the start", name);
}

static int register_group(struct lane *l, struct es_err *err)
{
	struct runner *r = l->runner;
	struct group_row row;
	int64_t head, start, react_from;
	bool created;
	int bad;

	if (store_head(r->store, &head, err) < 0)
		return -1;
	runner_beginning(l->handler, &r->options, head, &start, &react_from);
	if (group_ensure(r->groups, l->handler->name, buf_span(&l->definition),
	    start, react_from, &created, err) < 0 ||
	    group_load(r->groups, l->handler->name, &row, err) <= 0)
		return -1;
	l->start = row.start;
	l->react_from = row.react_from;
	l->scanned = INT64_MAX;
	if (!(l->handler->ops & SCAN_DECIDE))
		l->react_from = row.start;
	bad = wake_group(l, &row, err);
	group_row_free(&row);
	if (created)
		tell_beginning(l);
	return bad;
}

static int lane_open(struct lane *l, struct runner *r, size_t i,
    struct es_err *err)
{
	const struct query *given = i + 1 == r->app->n ? r->options.deliver :
	    NULL;

	l->runner = r;
	l->app = &r->app->handlers[i];
	l->handler = &l->app->handler;
	if (compile(l, err) < 0)
		return -1;
	return delivery_query(l->handler, given, &l->deliver, err) < 0 ||
	    runner_definition(l->handler, given, &r->options, &l->definition,
	    err) < 0 ? -1 : 0;
}

static int lane_bind(struct lane *l, struct es_err *err)
{
	struct runner *r = l->runner;

	if (!l->jq)
		return lane_open_streams(l, err);
	if (l->app->role == APP_PROJECTOR)
		return view_open(r->store, l->handler, l->jq, false, &l->view,
		    err);
	return fold_open(r->store, l->handler, l->jq, &l->fold, err);
}

static void lane_close(struct lane *l)
{
	lane_free_tasks(l);
	lane_close_streams(l);
	fold_close(l->fold);
	view_close(l->view);
	jqrun_close(l->jq);
	query_free(&l->deliver);
	buf_free(&l->definition);
	buf_free(&l->reason);
}

static int register_groups(struct runner *r, struct es_err *err)
{
	size_t i;

	if (store_begin(r->store, err) < 0)
		return -1;
	for (i = 0; i < r->n_lanes; i++) {
		if (register_group(&r->lanes[i], err) < 0) {
			store_rollback(r->store);
			return -1;
		}
	}
	/* A slot number is used again: what an earlier process had is free. */
	if (group_release(r->groups, r->me, err) < 0) {
		store_rollback(r->store);
		return -1;
	}
	return store_commit(r->store, err);
}

static int open_store(struct runner *r, const char *path, struct es_err *err)
{
	size_t i;

	if (store_open(path, true, &r->store, err) < 0)
		return -1;
	store_set_strict(r->store, r->options.strict);
	if (app_check_catalog(r->app, r->store, err) < 0 ||
	    upcast_open(&r->upcast, err) < 0 ||
	    groups_open(r->store, &r->groups, err) < 0 ||
	    workers_join(path, &r->workers, &r->me, err) < 0 ||
	    bell_open(path, &r->bell, err) < 0 ||
	    register_groups(r, err) < 0)
		return -1;
	r->store_path = realpath(path, NULL);
	if (!r->store_path)
		return es_fail_errno(err, "%s", path);
	for (i = 0; i < r->n_lanes; i++)
		if (lane_bind(&r->lanes[i], err) < 0)
			return -1;
	return 0;
}

static int stop_broken(struct runner *r, struct es_err *err)
{
	size_t i;

	for (i = 0; i < r->n_lanes; i++) {
		struct lane *l = &r->lanes[i];

		if (!l->broken)
			continue;
		if (l->stopped) {
			runner_say(r, "%s", l->reason.p);
			l->told = true;
		} else if (runner_stop_group(r, l, l->reason.p, ES_FAILED,
		    err) < 0)
			return -1;
	}
	return 0;
}

int runner_open(const char *store, struct app *app,
    const struct runner_options *options, struct runner **out,
    struct es_err *err)
{
	struct runner *r = calloc(1, sizeof *r);
	size_t i;

	*out = NULL;
	if (!r)
		return es_fail_nomem(err);
	r->app = app;
	r->options = *options;
	if (r->options.jobs <= 0)
		r->options.jobs = JOBS;
	r->lanes = calloc(app->n + 1, sizeof *r->lanes);
	r->executables = calloc((size_t)r->options.jobs,
	    sizeof *r->executables);
	if (!r->lanes || !r->executables) {
		es_fail_nomem(err);
		goto fail;
	}
	compile_together(r);
	for (i = 0; i < app->n; i++, r->n_lanes++)
		if (lane_open(&r->lanes[i], r, i, err) < 0) {
			r->n_lanes++;
			goto fail;
		}
	jqrun_drop(r->together);
	r->together = NULL;
	if (app_check(app, err) < 0 || open_store(r, store, err) < 0 ||
	    stop_broken(r, err) < 0)
		goto fail;
	*out = r;
	return 0;
fail:
	runner_close(r);
	return -1;
}

void runner_close(struct runner *r)
{
	size_t i;

	if (!r)
		return;
	jqrun_drop(r->together);
	for (i = 0; i < r->n_lanes; i++)
		lane_close(&r->lanes[i]);
	free(r->lanes);
	free(r->executables);
	upcast_close(r->upcast);
	groups_close(r->groups);
	bell_close(r->bell);
	store_close(r->store);
	workers_leave(r->workers);
	message_scratch_free(&r->scratch);
	buf_free(&r->line);
	free(r->store_path);
	free(r);
}
