/* execute: a process for each message. */
#include <stdlib.h>
#include <string.h>

#include "executeimpl.h"
#include "sys.h"

extern char **environ;

#define VARIABLES 7

void execute_free(struct execute *e)
{
	buf_free(&e->lines);
	buf_free(&e->reason);
	*e = (struct execute){0};
}

int64_t execute_deadline(const struct handler *h)
{
	return h->deadline_ms > 0 ? h->deadline_ms : EXECUTE_DEADLINE_MS;
}

/* ---- environment ---- */

static void add_variable(struct buf *text, size_t *n, const char *name,
    struct span value)
{
	buf_addf(text, "%s=%.*s", name, (int)value.n, value.p);
	buf_addc(text, '\0');
	(*n)++;
}

static void add_number(struct buf *text, size_t *n, const char *name,
    int64_t value)
{
	buf_addf(text, "%s=%lld", name, (long long)value);
	buf_addc(text, '\0');
	(*n)++;
}

static void add_message(const struct handler *h, const struct message *m,
    int attempt, struct buf *text, size_t *n)
{
	add_variable(text, n, "ES_ID", m->id);
	add_variable(text, n, "ES_TYPE", m->type);
	/* A command that is decided on its way into the log has none yet. */
	if (m->position > 0)
		add_number(text, n, "ES_POSITION", m->position);
	add_number(text, n, "ES_ATTEMPT", attempt);
	buf_addf(text, "ES_KEY=%s/%.*s", h->name, (int)m->id.n, m->id.p);
	buf_addc(text, '\0');
	(*n)++;
}

/* What steers the programs it may call stays; what was another's goes. */
static bool inherited(const char *variable)
{
	return strncmp(variable, "ES_", 3) != 0 ||
	    strncmp(variable, "ES_SYNC=", 8) == 0 ||
	    strncmp(variable, "ES_SHARE=", 9) == 0;
}

char **execute_environment(const struct handler *h, const struct message *m,
    int attempt, const char *store, struct buf *text, struct es_err *err)
{
	size_t others = 0, n = 0, i, at;
	char **env;

	while (environ[others])
		others++;
	if (m)
		add_message(h, m, attempt, text, &n);
	add_variable(text, &n, "ES_REPLAYING", SPAN_LIT("0"));
	if (store)
		add_variable(text, &n, "ES_STORE", span_str(store));
	env = calloc(others + VARIABLES + 1, sizeof *env);
	if (!env || buf_check(text, NULL) < 0) {
		free(env);
		es_fail_nomem(err);
		return NULL;
	}
	for (i = 0, at = 0; i < n; i++, at += strlen(text->p + at) + 1)
		env[i] = text->p + at;
	for (i = 0; i < others; i++)
		if (inherited(environ[i]))
			env[n++] = environ[i];
	return env;
}

/* ---- a process ---- */

int execute_start(struct proc *p, const struct handler *h,
    const struct message *m, struct span line, int attempt, const char *store,
    struct es_err *err)
{
	struct buf text = {0}, prefix = {0};
	char **env = execute_environment(h, m, attempt, store, &text, err);
	int r = -1;

	buf_addf(&prefix, "%s: ", h->name);
	if (env && buf_check(&prefix, err) == 0)
		r = proc_command(p, h->argv, env, h->directory, prefix.p, line,
		    err);
	if (r == 0)
		p->deadline = sys_monotonic() + execute_deadline(h);
	free(env);
	buf_free(&text);
	buf_free(&prefix);
	return r;
}

static void set_fault(struct execute *out, const char *text)
{
	out->result = EXECUTE_FAULT;
	buf_truncate(&out->reason, 0);
	buf_adds(&out->reason, text);
}

/* A rejection is its only line, or it is none. */
static void take_rejection(bool decides, struct execute *out)
{
	struct span rest = buf_span(&out->lines), line;
	struct es_err fault = {0};
	int64_t number = 0, others = 0;
	int r, rejects = 0;

	while (execute_line(&rest, &number, &line)) {
		r = execute_is_rejection(line, &out->reason, &fault);
		if (r < 0) {
			es_err_at(&fault, "output line %lld",
			    (long long)number);
			set_fault(out, fault.text);
			return;
		}
		rejects += r;
		others += r == 0;
	}
	if (!rejects)
		return;
	if (!decides)
		set_fault(out, "{\"reject\":…}: only a decider rejects");
	else if (rejects > 1 || others)
		set_fault(out, "{\"reject\":…} must be its only line");
	else
		out->result = EXECUTE_REJECTED;
}

int execute_end(struct proc *p, bool decides, struct execute *out,
    struct es_err *err)
{
	*out = (struct execute){.result = EXECUTE_DONE};
	if (p->timed_out || p->flooded || p->status != 0) {
		out->result = EXECUTE_FAULT;
		out->ended = !p->timed_out && !p->flooded;
		proc_reason(p, &out->reason);
	} else {
		buf_swap(&out->lines, &p->received);
		take_rejection(decides, out);
	}
	return buf_check(&out->reason, err);
}
