/* start: handing messages to jq workers and executables, and taking back. */
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "runnerimpl.h"
#include "sys.h"

extern char **environ;

void runner_finish(struct runner *r, struct task *t, enum task_result result)
{
	t->state = TASK_FINISHED;
	t->result = result;
	/* A finished task keeps its place in the lane's list by position; */
	/* the runner's list goes through next_ready, which it is done with. */
	t->next_ready = NULL;
	if (r->finished_last)
		r->finished_last->next_ready = t;
	else
		r->finished = t;
	r->finished_last = t;
	r->n_finished++;
}

/* ---- jq ---- */

static int start_jq(struct lane *l, struct task *t, const struct message *m,
    struct es_err *err)
{
	struct runner *r = l->runner;
	struct partition p = {0};
	bool complete, many, decides = delivery_decides(l->handler, m);
	int bad;

	buf_truncate(&r->line, 0);
	message_print(&r->line, m);
	bad = buf_check(&r->line, err);
	if (bad == 0)
		bad = decides ? decide_partition(r->store, l->handler, m, &p,
		    &t->reason, err) : partition_of(r->store, l->handler, m,
		    &p, &complete, &many, err);
	if (bad < 0)
		return -1;
	if (t->reason.n) {
		runner_finish(r, t, RESULT_REJECTED);
		partition_free(&p);
		return 0;
	}
	bad = fold_submit(l->fold, decides ? JQ_DECIDE : JQ_REACT, &p,
	    decides ? r->head : t->position,
	    (struct span){r->line.p, r->line.n - 1}, t, err);
	partition_free(&p);
	if (bad < 0)
		return -1;
	t->state = TASK_RUNNING;
	l->running++;
	return 0;
}

static void take_fold(struct lane *l, struct task *t, struct es_err *err)
{
	enum jqrun_result result = t->fold.reply.result;

	(void)err;
	l->running--;
	t->retryable = result == JQ_DEADLINE || result == JQ_MEMORY ||
	    result == JQ_CRASH;
	runner_finish(l->runner, t, result == JQ_OK ? RESULT_OK :
	    result == JQ_REJECTED ? RESULT_REJECTED : RESULT_FAULT);
}

int lane_collect(struct lane *l, bool *progress, struct es_err *err)
{
	struct fold_result result = {0};
	int r;

	if (!l->fold)
		return 0;
	while ((r = fold_next(l->fold, &result, err)) > 0) {
		struct task *t = result.tag;

		t->fold = result;
		result = (struct fold_result){0};
		take_fold(l, t, err);
		*progress = true;
	}
	fold_result_free(&result);
	return r;
}

/* ---- executables ---- */

static void add_variable(char **env, size_t *n, struct buf *text,
    const char *name, struct span value)
{
	buf_addf(text, "%s=%.*s", name, (int)value.n, value.p);
	buf_addc(text, '\0');
	env[(*n)++] = NULL;	/* placed once text has stopped growing */
}

#define VARIABLES 7

/*
 * The environment of the runner with the variables of the message; one
 * allocation for the pointers, one for the text.
 */
static char **make_environment(struct runner *r, const struct task *t,
    const struct message *m, struct buf *text, struct es_err *err)
{
	struct buf number = {0}, key = {0};
	size_t inherited = 0, n = 0, i, at;
	char **env;

	while (environ[inherited])
		inherited++;
	env = calloc(inherited + VARIABLES + 1, sizeof *env);
	if (!env) {
		es_fail_nomem(err);
		return NULL;
	}
	buf_addf(&key, "%s/%.*s", t->lane->handler->name, (int)m->id.n,
	    m->id.p);
	buf_add_int(&number, m->position);
	add_variable(env, &n, text, "ES_ID", m->id);
	add_variable(env, &n, text, "ES_TYPE", m->type);
	add_variable(env, &n, text, "ES_POSITION", buf_span(&number));
	buf_truncate(&number, 0);
	buf_add_int(&number, t->attempt);
	add_variable(env, &n, text, "ES_ATTEMPT", buf_span(&number));
	add_variable(env, &n, text, "ES_REPLAYING", SPAN_LIT("0"));
	add_variable(env, &n, text, "ES_STORE", span_str(r->store_path));
	add_variable(env, &n, text, "ES_KEY", buf_span(&key));
	buf_free(&number);
	buf_free(&key);
	if (buf_check(text, err) < 0) {
		free(env);
		return NULL;
	}
	for (i = 0, at = 0; i < n; i++, at += strlen(text->p + at) + 1)
		env[i] = text->p + at;
	for (i = 0; i < inherited; i++)
		if (strncmp(environ[i], "ES_", 3) != 0 ||
		    strncmp(environ[i], "ES_SYNC=", 8) == 0 ||
		    strncmp(environ[i], "ES_SHARE=", 9) == 0)
			env[n++] = environ[i];
	env[n] = NULL;
	return env;
}

static int spawn(struct lane *l, struct task *t, const struct message *m,
    struct es_err *err)
{
	struct runner *r = l->runner;
	struct buf text = {0}, prefix = {0};
	char **env = make_environment(r, t, m, &text, err);
	int bad = -1;

	buf_addf(&prefix, "%s: ", l->handler->name);
	if (env && buf_check(&prefix, err) == 0) {
		bad = proc_command(&t->proc, l->handler->argv, env,
		    l->handler->directory, prefix.p, buf_span(&r->line), err);
		t->has_proc = bad == 0;
	}
	if (t->has_proc)
		t->proc.deadline = sys_monotonic() +
		    (l->handler->deadline_ms > 0 ? l->handler->deadline_ms :
		    60000);
	free(env);
	buf_free(&text);
	buf_free(&prefix);
	return bad;
}

static int start_executable(struct lane *l, struct task *t,
    const struct message *m, struct es_err *err)
{
	struct runner *r = l->runner;
	struct es_err fault = {0};

	buf_truncate(&r->line, 0);
	message_print(&r->line, m);
	if (buf_check(&r->line, err) < 0)
		return -1;
	if (spawn(l, t, m, &fault) == 0) {
		for (int i = 0; i < r->options.jobs; i++)
			if (!r->executables[i]) {
				r->executables[i] = t;
				break;
			}
		t->state = TASK_RUNNING;
		r->executing++;
		l->running++;
		return 0;
	}
	if (fault.code == ES_NOEXEC || fault.code == ES_NOTFOUND) {
		/* The group's fault, not the message's: no try is counted. */
		return runner_stop_group(r, l, fault.text, fault.code, err);
	}
	buf_adds(&t->reason, fault.text);
	t->retryable = true;
	runner_finish(r, t, RESULT_FAULT);
	return 0;
}

bool task_died(const struct task *t)
{
	return t->has_proc && (!t->proc.exited || t->proc.timed_out ||
	    t->proc.status != 0);
}

static void end_executable(struct runner *r, struct task *t)
{
	struct lane *l = t->lane;

	r->executing--;
	l->running--;
	t->retryable = true;
	if (task_died(t))
		proc_reason(&t->proc, &t->reason);
	runner_finish(r, t, task_died(t) ? RESULT_FAULT : RESULT_OK);
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
		end_executable(r, t);
		*progress = true;
	}
	return 0;
}

/* ---- both ---- */

static bool may_start(const struct lane *l)
{
	if (!l->ready || l->stopped || l->stubborn || l->runner->draining)
		return false;
	return l->fold ? l->running < JQ_PIPELINE :
	    l->runner->executing < l->runner->options.jobs;
}

static struct task *take_ready(struct lane *l)
{
	struct task *t = l->ready;

	l->ready = t->next_ready;
	if (!l->ready)
		l->ready_last = NULL;
	t->next_ready = NULL;
	return t;
}

static int start_task(struct lane *l, struct task *t, struct es_err *err)
{
	struct message m;
	int r = store_get(l->runner->store, t->position, &m, err);

	if (r < 0)
		return -1;
	t->seen = l->runner->head;
	if (r == 0 || m.erased_at) {
		runner_finish(l->runner, t, RESULT_NONE);
		return 0;
	}
	return l->fold ? start_jq(l, t, &m, err) :
	    start_executable(l, t, &m, err);
}

int lane_dispatch(struct lane *l, bool *progress, struct es_err *err)
{
	while (may_start(l)) {
		struct task *t = take_ready(l);

		*progress = true;
		if (start_task(l, t, err) < 0)
			return -1;
	}
	return 0;
}
