/* start: handing messages to executables, and taking back. */
#include <poll.h>
#include <stdlib.h>

#include "runnerimpl.h"
#include "sys.h"

#define HURRY_MS 5000		/* for a coprocess to end, after a signal */

/* ---- both kinds ---- */

static void finish(struct task *t, struct execute *e)
{
	struct lane *l = t->lane;

	l->running--;
	/*
	 * Who stops this process stops its handlers, too: that is nothing that
	 * the message did.
	 */
	if (e->result == EXECUTE_AGAIN ||
	    (e->ended && runner_is_stopping(l->runner))) {
		execute_free(e);
		if (!l->stopped && task_is_ours(t)) {
			lane_make_ready(l, t);
			return;
		}
		/* It is read again, by whoever has it then. */
		lane_remove_task(l, t);
		task_free(t);
		return;
	}
	t->executed = true;
	t->retryable = t->bare = true;
	buf_swap(&t->lines, &e->lines);
	buf_swap(&t->reason, &e->reason);
	runner_finish(l->runner, t, e->result == EXECUTE_DONE ? RESULT_OK :
	    e->result == EXECUTE_REJECTED ? RESULT_REJECTED : RESULT_FAULT);
	execute_free(e);
}

/*
 * A command that lacks a name of partition_by is rejected for that.  m's text
 * goes with the store's next call: it is read again.
 */
static int refuse_incomplete(struct lane *l, struct task *t,
    struct message *m, bool *refused, struct es_err *err)
{
	struct partition p = {0};
	int r;

	*refused = false;
	if (!delivery_decides(l->handler, m))
		return 0;
	r = decide_partition(l->runner->store, l->handler, m, &p, &t->reason,
	    err);
	partition_free(&p);
	if (r < 0)
		return -1;
	if (!t->reason.n)
		return store_get(l->runner->store, t->position, m, err) < 0 ?
		    -1 : 0;
	*refused = true;
	runner_finish(l->runner, t, RESULT_REJECTED);
	return 0;
}

/* ---- a process a message ---- */

static int start_process(struct lane *l, struct task *t,
    const struct message *m, struct es_err *err)
{
	struct runner *r = l->runner;
	int i;

	if (execute_start(&t->proc, l->handler, m, buf_span(&r->line),
	    t->attempt, r->store_path, err) < 0)
		return -1;
	t->has_proc = true;
	for (i = 0; r->executables[i]; i++)
		;
	r->executables[i] = t;
	r->executing++;
	return 0;
}

static int end_process(struct task *t, struct es_err *err)
{
	struct runner *r = t->lane->runner;
	struct execute e = {0};
	struct message m;
	int got = store_get(r->store, t->position, &m, err), bad;

	r->executing--;
	if (got < 0)
		return -1;
	bad = execute_end(&t->proc, got > 0 &&
	    delivery_decides(t->lane->handler, &m), &e, err);
	if (bad == 0)
		finish(t, &e);
	execute_free(&e);
	return bad;
}

/* ---- coprocesses ---- */

int lane_open_streams(struct lane *l, struct es_err *err)
{
	struct runner *r = l->runner;

	if (!l->handler->stream)
		return 0;
	l->streams = calloc((size_t)r->options.jobs, sizeof *l->streams);
	if (!l->streams)
		return es_fail_nomem(err);
	for (int i = 0; i < r->options.jobs; i++)
		if (execute_open(l->handler, r->store_path, &l->streams[i],
		    err) < 0)
			return -1;
	return 0;
}

void lane_close_streams(struct lane *l)
{
	for (int i = 0; l->streams && i < l->runner->options.jobs; i++)
		execute_close(l->streams[i]);
	free(l->streams);
	l->streams = NULL;
}

/* The one with the least to do, of those that take another message. */
static struct executing *idlest(const struct lane *l)
{
	struct executing *best = NULL;

	for (int i = 0; i < l->runner->options.jobs; i++) {
		struct executing *e = l->streams[i];

		if (execute_ready(e) && (!best ||
		    execute_pending(e) < execute_pending(best)))
			best = e;
	}
	return best;
}

static int put(struct lane *l, struct task *t, const struct message *m,
    struct es_err *err)
{
	return execute_put(idlest(l), m, buf_span(&l->runner->line),
	    delivery_decides(l->handler, m), t, err);
}

static int take_answers(struct lane *l, struct executing *e, bool *progress,
    struct es_err *err)
{
	struct execute result;
	const char *note;
	void *tag;

	if (execute_pump(e, err) < 0)
		return -1;
	while (execute_next(e, &result, &tag)) {
		*progress = true;
		finish(tag, &result);
	}
	note = execute_note(e);
	if (note)
		runner_say(l->runner, "%s: %s", l->handler->name, note);
	/* A group that is stopped needs none. */
	if (l->stopped && execute_pending(e) == 0)
		execute_stop(e);
	return 0;
}

static bool any_runs(const struct runner *r)
{
	for (size_t i = 0; i < r->n_lanes; i++)
		for (int k = 0; r->lanes[i].streams && k < r->options.jobs;
		    k++)
			if (execute_running(r->lanes[i].streams[k]))
				return true;
	return false;
}

static int collect_streams(struct runner *r, bool *progress,
    struct es_err *err)
{
	for (size_t i = 0; i < r->n_lanes; i++) {
		struct lane *l = &r->lanes[i];

		for (int k = 0; l->streams && k < r->options.jobs; k++)
			if (take_answers(l, l->streams[k], progress, err) < 0)
				return -1;
	}
	return 0;
}

int runner_end_streams(struct runner *r, struct es_err *err)
{
	struct pollfd *fds = calloc(runner_executable_fds(r) + 1,
	    sizeof *fds);
	int64_t hurry = 0;
	bool progress;
	int bad = 0;

	if (!fds)
		return es_fail_nomem(err);
	for (size_t i = 0; i < r->n_lanes; i++)
		for (int k = 0; r->lanes[i].streams && k < r->options.jobs;
		    k++)
			execute_stop(r->lanes[i].streams[k]);
	for (;;) {
		int64_t timeout = 1000;
		size_t n;

		bad = collect_streams(r, &progress, err) < 0 ||
		    runner_commit(r, err) < 0 ||
		    runner_beat(r, err) < 0 ? -1 : 0;
		if (bad < 0 || !any_runs(r))
			break;
		if (runner_is_stopping(r)) {
			if (!hurry)
				hurry = sys_monotonic() + HURRY_MS;
			if (sys_monotonic() >= hurry)
				break;
			timeout = 100;
		}
		n = runner_poll_executables(r, fds, &timeout);
		poll(fds, (nfds_t)n, (int)timeout);
	}
	free(fds);
	return bad;
}

/* ---- the runner's ---- */

bool lane_may_execute(const struct lane *l)
{
	return l->streams ? idlest(l) != NULL :
	    l->runner->executing < l->runner->options.jobs;
}

int lane_execute(struct lane *l, struct task *t, struct message *m,
    struct es_err *err)
{
	struct runner *r = l->runner;
	struct es_err fault = {0};
	bool refused;
	int bad;

	if (refuse_incomplete(l, t, m, &refused, err) < 0)
		return -1;
	if (refused)
		return 0;
	bad = task_line(t, m, err);
	if (bad > 0)
		runner_finish(r, t, RESULT_FAULT);
	if (bad != 0)
		return bad < 0 ? -1 : 0;
	if ((l->streams ? put(l, t, m, &fault) :
	    start_process(l, t, m, &fault)) == 0) {
		t->state = TASK_RUNNING;
		l->running++;
		return 0;
	}
	if (fault.code == ES_NOEXEC || fault.code == ES_NOTFOUND) {
		/* The group's fault, not the message's: no try is counted. */
		return runner_stop_group(r, l, fault.text, fault.code, err);
	}
	if (fault.outside) {
		/* No process, no memory: nobody's handler can help it. */
		*err = fault;
		return -1;
	}
	buf_adds(&t->reason, fault.text);
	t->executed = t->retryable = t->bare = true;
	runner_finish(r, t, RESULT_FAULT);
	return 0;
}

int runner_collect_executables(struct runner *r, bool *progress,
    struct es_err *err)
{
	for (int i = 0; i < r->options.jobs; i++) {
		struct task *t = r->executables[i];
		int more;

		if (!t)
			continue;
		more = proc_pump(&t->proc, err);
		if (more < 0)
			return -1;
		if (more > 0)
			continue;
		r->executables[i] = NULL;
		*progress = true;
		if (end_process(t, err) < 0)
			return -1;
	}
	return collect_streams(r, progress, err);
}

size_t runner_executable_fds(const struct runner *r)
{
	size_t n = (size_t)r->options.jobs;

	for (size_t i = 0; i < r->n_lanes; i++)
		if (r->lanes[i].streams)
			n += (size_t)r->options.jobs;
	return n * PROC_FDS;
}

static void sooner(int64_t *timeout, int ms)
{
	if (ms >= 0 && ms < *timeout)
		*timeout = ms;
}

size_t runner_poll_executables(struct runner *r, struct pollfd *fds,
    int64_t *timeout)
{
	size_t n = 0;

	for (int k = 0; k < r->options.jobs; k++)
		if (r->executables[k]) {
			struct proc *p = &r->executables[k]->proc;

			n += (size_t)proc_poll(p, fds + n);
			sooner(timeout, proc_timeout(p));
		}
	for (size_t i = 0; i < r->n_lanes; i++)
		for (int k = 0; r->lanes[i].streams && k < r->options.jobs;
		    k++) {
			struct executing *e = r->lanes[i].streams[k];

			n += (size_t)execute_poll(e, fds + n);
			sooner(timeout, execute_timeout(e));
		}
	return n;
}
