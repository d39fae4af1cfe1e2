#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bell.h"
#include "runnerimpl.h"
#include "sys.h"

#define JOBS 4
#define BEAT_MS 2000		/* heartbeat, and the slow poll of the log */
#define CLAIM_MS 1000		/* look for shards of the dead */
#define DRAIN_MS 5000		/* what runs may finish after a signal */

void runner_say(struct runner *r, const char *fmt, ...)
{
	struct buf line = {0};
	va_list ap;
	char text[2048];

	if (!r->options.say)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_adds(&line, text);
	if (!line.failed)
		r->options.say(r->options.ctx, line.p);
	buf_free(&line);
}

/* ---- definitions ---- */

static bool decides(const struct handler *h)
{
	return h->ops & SCAN_DECIDE;
}

int runner_definition(const struct handler *h, const struct query *deliver,
    const struct runner_options *o, struct buf *out, struct es_err *err)
{
	handler_definition(h, out);
	if (buf_check(out, err) < 0)
		return -1;
	/* {…} gets what only es-react's command line says. */
	buf_truncate(out, out->n - 1);
	if (deliver) {
		buf_adds(out, ",\"query\":");
		query_print(out, deliver);
	}
	if (o && o->from == FROM_START)
		buf_adds(out, ",\"from\":\"start\"");
	else if (o && o->from == FROM_NOW)
		buf_adds(out, ",\"from\":\"now\"");
	else if (o && o->from == FROM_POSITION) {
		buf_adds(out, ",\"from\":");
		buf_add_int(out, o->from_position);
	}
	buf_addc(out, '}');
	return buf_check(out, err);
}

int runner_parse_from(const char *text, struct runner_options *o,
    struct es_err *err)
{
	if (strcmp(text, "start") == 0)
		o->from = FROM_START;
	else if (strcmp(text, "now") == 0)
		o->from = FROM_NOW;
	else if (cli_int_parse(span_str(text), 0, INT64_MAX,
	    &o->from_position) == 0)
		o->from = FROM_POSITION;
	else
		return es_fail(err, ES_USAGE,
		    "--from must be start, now or a position");
	return 0;
}

/* Where a new group begins: deciders and projectors at the start. */
static void beginning(const struct handler *h, const struct runner_options *o,
    int64_t head, int64_t *start, int64_t *react_from)
{
	bool reacts = h->ops & SCAN_REACT;

	*start = decides(h) || !reacts ? 0 : head;
	*react_from = reacts ? head : 0;
	if (!o || o->from == FROM_DEFAULT)
		return;
	*start = *react_from = o->from == FROM_NOW ? head :
	    o->from == FROM_POSITION ? o->from_position : 0;
}

/* ---- opening ---- */

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

static int start_jq(struct lane *l, struct es_err *err)
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

static int register_group(struct lane *l, bool *created, struct es_err *err)
{
	struct runner *r = l->runner;
	struct group_row row;
	int64_t head, start, react_from;
	int bad;

	if (store_head(r->store, &head, err) < 0)
		return -1;
	beginning(l->handler, &r->options, head, &start, &react_from);
	if (group_ensure(r->groups, l->handler->name, buf_span(&l->definition),
	    start, react_from, created, err) < 0 ||
	    group_load(r->groups, l->handler->name, &row, err) <= 0)
		return -1;
	l->start = row.start;
	l->react_from = row.react_from;
	l->scanned = INT64_MAX;
	if (decides(l->handler) == 0)
		l->react_from = row.start;
	bad = wake_group(l, &row, err);
	group_row_free(&row);
	if (*created)
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
	if (start_jq(l, err) < 0)
		return -1;
	return delivery_query(l->handler, given, &l->deliver, err) < 0 || runner_definition(
	    l->handler, given, &r->options, &l->definition, err) < 0 ? -1 : 0;
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
	lane_drop_all(l);
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
	bool created;
	size_t i;

	if (store_begin(r->store, err) < 0)
		return -1;
	for (i = 0; i < r->n_lanes; i++) {
		if (register_group(&r->lanes[i], &created, err) < 0) {
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

static void drop_finished(struct runner *r)
{
	while (r->finished) {
		struct task *t = r->finished;

		r->finished = t->next_ready;
		lane_remove_task(t->lane, t);
		task_free(t);
	}
}

void runner_close(struct runner *r)
{
	size_t i;

	if (!r)
		return;
	for (int k = 0; r->executables && k < r->options.jobs; k++)
		if (r->executables[k]) {
			struct task *t = r->executables[k];

			lane_remove_task(t->lane, t);
			task_free(t);
		}
	jqrun_drop(r->together);
	drop_finished(r);
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

/* ---- looking at the store ---- */

static int reload_group(struct lane *l, struct es_err *err)
{
	struct group_row row;
	int got = group_load(l->runner->groups, l->handler->name, &row, err);

	if (got < 0)
		return -1;
	if (got == 0)
		return es_fail(err, ES_FAILED, "group %s is gone",
		    l->handler->name);
	if (row.stopped && !l->stopped)
		lane_drop_all(l);
	if (!row.stopped && l->stopped && !l->broken) {
		/* Read again what was dropped when it stopped. */
		for (int i = 0; i < GROUP_SHARDS; i++) {
			l->seen[i] = l->low[i];
			if (l->mine[i] && l->low[i] < l->scanned)
				l->scanned = l->low[i];
		}
		l->stopped = false;
	} else {
		l->stopped = row.stopped || l->broken;
	}
	group_row_free(&row);
	return l->view || l->stopped ? 0 : lane_reload_failing(l, err);
}

int runner_look(struct runner *r, bool *moved, struct es_err *err)
{
	int64_t head;
	size_t i;

	if (store_head(r->store, &head, err) < 0)
		return -1;
	if (head == r->head)
		return 0;
	*moved = true;
	r->head = head;
	for (i = 0; i < r->n_lanes; i++)
		r->lanes[i].projected = false;
	return 0;
}

/* What other processes did: groups stopped, partitions retried. */
static int refresh(struct runner *r, bool *progress, struct es_err *err)
{
	int64_t version;
	size_t i;

	if (runner_look(r, progress, err) < 0 ||
	    db_int(store_db(r->store), "pragma data_version", &version,
	    err) < 0)
		return -1;
	if (version == r->data_version)
		return 0;
	r->data_version = version;
	if (store_refresh(r->store, err) < 0)
		return -1;
	for (i = 0; i < r->n_lanes; i++)
		if (reload_group(&r->lanes[i], err) < 0)
			return -1;
	return 0;
}

static int keep_alive(struct runner *r, bool *progress, struct es_err *err)
{
	int64_t now = sys_monotonic();
	size_t i;

	if (now >= r->beat_at) {
		if (workers_beat(r->workers, err) < 0)
			return -1;
		r->beat_at = now + BEAT_MS;
	}
	if (now < r->claim_at)
		return 0;
	/* What another store gets, this one's head does not tell. */
	if (store_check_file(r->store, err) < 0)
		return -1;
	r->claim_at = now + CLAIM_MS;
	for (i = 0; i < r->n_lanes; i++) {
		struct lane *l = &r->lanes[i];
		bool any = false;

		if (l->view || l->stopped || (!l->foreign && l->epoch[0]))
			continue;
		if (lane_claim(l, &any, err) < 0)
			return -1;
		*progress |= any;
	}
	return 0;
}

/* ---- projectors ---- */

static int project(struct lane *l, bool *progress, struct es_err *err)
{
	struct es_err fault = {0};
	bool more = false;

	if (!l->view || l->stopped || l->projected)
		return 0;
	if (view_step(l->view, &more, &fault) == 0) {
		l->projected = !more;
		*progress |= more;
		return 0;
	}
	if (fault.code == ES_BUSY) {
		*err = fault;
		return -1;
	}
	return runner_stop_group(l->runner, l, fault.text, ES_FAILED, err);
}

/* ---- the loop ---- */

static int step_lane(struct lane *l, bool *progress, struct es_err *err)
{
	struct runner *r = l->runner;

	if (lane_collect(l, progress, err) < 0)
		return -1;
	if (l->stubborn && l->fold && fold_pending(l->fold) == 0 &&
	    !r->finished) {
		*progress = true;
		if (runner_decide_inside(r, l, err) < 0)
			return -1;
	}
	if (r->draining)
		return 0;
	return lane_retry_due(l, sys_now(), progress, err) < 0 ||
	    lane_read_ahead(l, progress, err) < 0 ||
	    lane_dispatch(l, progress, err) < 0 ||
	    runner_sweep(r, l, err) < 0 ||
	    project(l, progress, err) < 0 ? -1 : 0;
}

static int step(struct runner *r, bool *progress, struct es_err *err)
{
	size_t i;

	if (refresh(r, progress, err) < 0 ||
	    keep_alive(r, progress, err) < 0)
		return -1;
	for (i = 0; i < r->n_lanes; i++)
		if (step_lane(&r->lanes[i], progress, err) < 0)
			return -1;
	if (runner_collect_executables(r, progress, err) < 0)
		return -1;
	*progress |= r->finished != NULL;
	return runner_commit(r, err);
}

static bool failing_unparked(const struct lane *l)
{
	for (size_t i = 0; i < LANE_BUCKETS; i++)
		for (const struct part *p = l->buckets[i]; p; p = p->next)
			if (p->failing && !p->row.parked)
				return true;
	return false;
}

static int lane_idle(struct lane *l, bool *idle, struct es_err *err)
{
	bool pending = false;

	*idle = true;
	if (l->stopped)
		return 0;
	if (l->view) {
		*idle = l->projected;
		return 0;
	}
	*idle = l->scanned >= l->runner->head && !l->tasks && !l->running &&
	    !l->stubborn && !failing_unparked(l);
	if (!*idle || !l->foreign)
		return 0;
	if (lane_foreign_pending(l, &pending, err) < 0)
		return -1;
	*idle = !pending;
	return 0;
}

static int all_idle(struct runner *r, bool *idle, struct es_err *err)
{
	size_t i;

	*idle = true;
	for (i = 0; i < r->n_lanes && *idle; i++)
		if (lane_idle(&r->lanes[i], idle, err) < 0)
			return -1;
	return 0;
}

static int64_t next_retry(const struct lane *l, int64_t otherwise)
{
	int64_t now = sys_now();

	for (size_t i = 0; i < LANE_BUCKETS; i++)
		for (const struct part *p = l->buckets[i]; p; p = p->next) {
			int64_t ms = (p->row.retry_at - now) / 1000 + 1;

			if (p->failing && !p->row.parked && !p->first &&
			    ms < otherwise)
				otherwise = ms < 0 ? 0 : ms;
		}
	return otherwise;
}

static int64_t sooner(int64_t a, int b)
{
	return b >= 0 && b < a ? b : a;
}

/* Wait for the bell, a worker, an executable, a retry or the time. */
static int wait_for_something(struct runner *r)
{
	struct pollfd *fds = calloc(1 + PROC_FDS * r->n_lanes +
	    runner_executable_fds(r), sizeof *fds);
	int64_t timeout = r->draining ? 100 : BEAT_MS;
	nfds_t n = 0;
	size_t i;

	if (!fds)
		return -1;
	if (bell_fd(r->bell) >= 0)
		fds[n++] = (struct pollfd){.fd = bell_fd(r->bell),
		    .events = POLLIN};
	else
		timeout = 20;
	for (i = 0; i < r->n_lanes; i++) {
		struct lane *l = &r->lanes[i];

		if (l->fold && fold_pending(l->fold)) {
			n += (nfds_t)jqrun_poll(l->jq, fds + n);
			timeout = sooner(timeout, jqrun_timeout(l->jq));
		}
		if (l->foreign && timeout > CLAIM_MS)
			timeout = CLAIM_MS;
		if (!l->stopped)
			timeout = next_retry(l, timeout);
	}
	n += (nfds_t)runner_poll_executables(r, fds + n, &timeout);
	poll(fds, n, (int)timeout);
	free(fds);
	return 0;
}

static bool stop_asked(const struct runner *r)
{
	return r->options.stop && *r->options.stop;
}

/* After a signal: let what runs come to its end, for a while. */
static bool drained(struct runner *r, int64_t *until)
{
	size_t i, running = 0;

	if (!r->draining) {
		r->draining = true;
		*until = sys_monotonic() + DRAIN_MS;
	}
	for (i = 0; i < r->n_lanes; i++)
		running += r->lanes[i].running;
	return running == 0 || sys_monotonic() >= *until;
}

int runner_run(struct runner *r, struct es_err *err)
{
	int64_t until = 0;

	for (;;) {
		bool progress = false, idle;

		bell_clear(r->bell);
		if (step(r, &progress, err) < 0)
			return -1;
		if (stop_asked(r) && drained(r, &until))
			return runner_end_streams(r, err);
		if (progress)
			continue;
		if (!r->options.follow) {
			if (all_idle(r, &idle, err) < 0)
				return -1;
			if (idle)
				return runner_end_streams(r, err);
		}
		if (wait_for_something(r) < 0)
			return es_fail_nomem(err);
	}
}

/* What an earlier process has left, which this one has not told of. */
static void tell_left(const struct lane *l, const struct group_row *row,
    size_t parked)
{
	const char *name = l->handler->name;

	if (l->told)
		return;
	if (row->held)
		runner_say(l->runner, "%s: is held back: a new epoch has begun"
		    ", and it would do again what it did for another store; "
		    "let it go on with es-group adopt %s", name, name);
	else if (row->stopped)
		runner_say(l->runner, "%s: is stopped%s%s; start it with "
		    "es-group start %s", name, row->error ? ": " : "",
		    row->error ? row->error : "", name);
	else if (parked)
		runner_say(l->runner, "%s: %zu %s parked; see es-group show "
		    "%s", name, parked, parked == 1 ? "partition is" :
		    "partitions are", name);
}

static int lane_status(const struct lane *l, int *status, struct es_err *err)
{
	struct groups *g = l->runner->groups;
	const char *name = l->handler->name;
	struct group_row row;
	struct group_failing *v;
	size_t n, k, parked = 0;

	if (group_load(g, name, &row, err) <= 0)
		return -1;
	if (group_failing(g, name, &v, &n, err) < 0) {
		group_row_free(&row);
		return -1;
	}
	for (k = 0; k < n; k++)
		parked += v[k].parked;
	group_failing_free(v, n);
	if (row.stopped && (row.code == ES_NOEXEC || row.code == ES_NOTFOUND))
		*status = row.code;
	else if ((row.stopped || parked) && *status == ES_OK)
		*status = ES_FAILED;
	tell_left(l, &row, parked);
	group_row_free(&row);
	return 0;
}

int runner_status(struct runner *r, struct es_err *err)
{
	int status = ES_OK;
	size_t i;

	for (i = 0; i < r->n_lanes; i++)
		if (lane_status(&r->lanes[i], &status, err) < 0)
			return -1;
	return status;
}

/* ---- es-init APP ---- */

int runner_learn(struct app *app, struct es_err *err)
{
	size_t i;

	for (i = 0; i < app->n; i++) {
		struct jqrun *jq;

		if (handler_start(&app->handlers[i].handler, NULL, &jq,
		    err) < 0)
			return -1;
		jqrun_close(jq);
	}
	return app_check(app, err);
}

int runner_create_groups(const char *path, const struct app *app,
    struct es_err *err)
{
	struct store *s;
	struct groups *g = NULL;
	struct buf definition = {0};
	int64_t head, start, react_from;
	bool created;
	size_t i;
	int r = -1;

	if (store_open(path, true, &s, err) < 0)
		return -1;
	if (groups_open(s, &g, err) < 0 || store_begin(s, err) < 0 ||
	    store_head(s, &head, err) < 0)
		goto out;
	for (i = 0; i < app->n; i++) {
		const struct handler *h = &app->handlers[i].handler;

		buf_truncate(&definition, 0);
		beginning(h, NULL, head, &start, &react_from);
		if (runner_definition(h, NULL, NULL, &definition, err) < 0 ||
		    group_ensure(g, h->name, buf_span(&definition), start,
		    react_from, &created, err) < 0)
			goto out;
	}
	r = store_commit(s, err);
out:
	groups_close(g);
	buf_free(&definition);
	store_close(s);
	return r;
}
