/* runner: the loop, and what it waits for. */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "bell.h"
#include "runnerimpl.h"
#include "sys.h"

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
	es_text(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_adds(&line, text);
	if (!line.failed)
		r->options.say(r->options.ctx, line.p);
	buf_free(&line);
}

/* ---- looking at the store ---- */

static int reload_group(struct lane *l, struct es_err *err)
{
	struct group_row row;

	if (lane_load_group(l, &row, err) < 0)
		return -1;
	if (group_check_definition(&row, buf_span(&l->definition), err) < 0) {
		group_row_free(&row);
		return -1;
	}
	if (row.stopped && !l->stopped)
		lane_rewind(l);
	l->stopped = row.stopped || l->broken;
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

	/*
	 * What another store gets, this one's head does not tell; and what is
	 * read out of files that others have made anew may be anything.
	 */
	if (store_check_files(r->store, err) < 0 ||
	    runner_look(r, progress, err) < 0 ||
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

int runner_beat(struct runner *r, struct es_err *err)
{
	int64_t now = sys_monotonic();

	if (now < r->beat_at)
		return 0;
	r->beat_at = now + BEAT_MS;
	return workers_beat(r->workers, err);
}

static int keep_alive(struct runner *r, bool *progress, struct es_err *err)
{
	int64_t now = sys_monotonic();
	size_t i;

	if (runner_beat(r, err) < 0)
		return -1;
	if (now < r->claim_at)
		return 0;
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

bool runner_is_stopping(const struct runner *r)
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

static int run(struct runner *r, struct es_err *err)
{
	int64_t until = 0;

	for (;;) {
		bool progress = false, idle;

		bell_clear(r->bell);
		if (step(r, &progress, err) < 0)
			return -1;
		if (runner_is_stopping(r) && drained(r, &until))
			return runner_end_streams(r, err);
		if (progress)
			continue;
		if (!r->options.follow) {
			if (runner_idle(r, &idle, err) < 0)
				return -1;
			if (idle)
				return runner_end_streams(r, err);
		}
		if (wait_for_something(r) < 0)
			return es_fail_nomem(err);
	}
}

int runner_run(struct runner *r, struct es_err *err)
{
	struct es_err gone;

	if (run(r, err) == 0)
		return 0;
	/* What is read of files that nobody else has may fail in any way. */
	if (store_check_files(r->store, &gone) < 0)
		*err = gone;
	return -1;
}
