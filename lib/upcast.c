#include <stdlib.h>
#include <string.h>

#include "jqrun.h"
#include "scan.h"
#include "upcast.h"

/* Ends a program; it may end in a comment itself. */
#define ONE_OBJECT "\n)] | if length == 1 and (.[0] | type) == \"object\" " \
    "then .[0] elif length != 1 then \"must give one object, not \" + " \
    "(if length == 0 then \"nothing\" else \"several values\" end) | error " \
    "else \"must give an object, not \" + (.[0] | tojson | .[:80]) | error " \
    "end;"

struct upcast {
	struct jqrun *jq;	/* NULL: not started */
	bool broken;		/* it did not compile; `fault` says why */
	struct buf *programs;	/* what was compiled, in order */
	size_t n;
	struct buf request, payload, fault;
	struct message_scratch scratch;
	struct buf complete;	/* the payload with its defaults */
	struct jqrun_reply reply;
};

int upcast_open(struct upcast **out, struct es_err *err)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : es_fail_nomem(err);
}

static void stop(struct upcast *u)
{
	jqrun_close(u->jq);
	u->jq = NULL;
	u->broken = false;
	while (u->n > 0)
		buf_free(&u->programs[--u->n]);
	free(u->programs);
	u->programs = NULL;
}

void upcast_close(struct upcast *u)
{
	if (!u)
		return;
	stop(u);
	buf_free(&u->request);
	buf_free(&u->payload);
	buf_free(&u->fault);
	message_scratch_free(&u->scratch);
	buf_free(&u->complete);
	jqrun_reply_free(&u->reply);
	free(u);
}

const char *upcast_fault(const struct upcast *u)
{
	return u->fault.p ? u->fault.p : "";
}

/* ---- compiling ---- */

static int compile(const char *file, const struct buf *text,
    struct jqrun **out, struct es_err *err)
{
	struct jqrun_limits limits = JQRUN_LIMITS_DEFAULT;
	struct buf about = {0};
	int r;

	if (buf_check(text, err) < 0)
		return -1;
	r = jqrun_open(file, buf_span(text), NULL, SCAN_INITIAL | SCAN_PLAIN,
	    &limits, out, &about, err);
	buf_free(&about);
	return r;
}

static void add_program(struct buf *out, size_t i, struct span program)
{
	buf_addf(out, "def _es_up%zu: [limit(2; ", i);
	buf_add_span(out, program);
	buf_adds(out, ONE_OBJECT);
}

/* {"n": number of the program, "p": payload} is initial's input. */
static void add_choice(struct buf *out, size_t n)
{
	size_t i;

	buf_adds(out, " def initial: . as $in | .p | ");
	for (i = 0; i < n; i++)
		buf_addf(out, "if $in.n == %zu then _es_up%zu else ", i, i);
	buf_adds(out, "error(\"no such upcast\")");
	for (i = 0; i < n; i++)
		buf_adds(out, " end");
	buf_adds(out, ";");
}

static int keep_program(struct upcast *u, struct span program,
    struct es_err *err)
{
	struct buf *v = realloc(u->programs, (u->n + 1) * sizeof *v);

	if (!v)
		return es_fail_nomem(err);
	u->programs = v;
	v[u->n] = (struct buf){0};
	buf_add_span(&v[u->n++], program);
	return buf_check(&v[u->n - 1], err);
}

static int keep_programs(struct upcast *u, const struct catalog *c,
    struct es_err *err)
{
	const struct catalog_entry *e;
	struct span program;
	size_t i, k;
	int64_t v;

	for (i = 0; (e = catalog_at(c, i)); i++)
		for (k = 0; (program = catalog_upcast_at(e, k, &v)).p; k++)
			if (keep_program(u, program, err) < 0)
				return -1;
	return 0;
}

/* All of the catalog's programs, in one. */
static int start(struct upcast *u, const struct catalog *c,
    struct es_err *err)
{
	struct es_err fault = {0};
	struct buf text = {0};
	size_t i;
	int r;

	stop(u);
	if (keep_programs(u, c, err) < 0) {
		stop(u);
		return -1;
	}
	for (i = 0; i < u->n; i++) {
		add_program(&text, i, buf_span(&u->programs[i]));
		buf_addc(&text, '\n');
	}
	add_choice(&text, u->n);
	r = compile("upcast", &text, &u->jq, &fault);
	buf_free(&text);
	if (r == 0)
		return 0;
	/* No process, no memory: that says nothing of the programs. */
	if (fault.outside) {
		stop(u);
		*err = fault;
		return -1;
	}
	u->broken = true;
	buf_truncate(&u->fault, 0);
	buf_adds(&u->fault, fault.text);
	return buf_check(&u->fault, err);
}

static bool find_program(const struct upcast *u, struct span program,
    size_t *out)
{
	for (*out = 0; *out < u->n; ++*out)
		if (span_eq(buf_span(&u->programs[*out]), program))
			return true;
	return false;
}

/* ---- a message ---- */

static int fault(struct upcast *u, int64_t version, struct es_err *err)
{
	struct span reason = u->reply.reason;
	static const char state[] = "the state: ";

	/* It is a payload to who wrote the program. */
	if (reason.n >= sizeof state - 1 &&
	    memcmp(reason.p, state, sizeof state - 1) == 0) {
		reason.p += sizeof state - 1;
		reason.n -= sizeof state - 1;
	}
	buf_truncate(&u->fault, 0);
	buf_addf(&u->fault, "to version %lld: ", (long long)version);
	if (reason.n)
		buf_add_span(&u->fault, reason);
	else
		buf_adds(&u->fault, "jq gave no answer");
	return buf_check(&u->fault, err) < 0 ? -1 : UPCAST_FAULT;
}

/* One step; the payload may be u->payload itself. */
static int step(struct upcast *u, const struct catalog *c, int64_t version,
    struct span program, struct span *payload, struct es_err *err)
{
	struct jqrun_request q = {.op = JQ_STATE, .fresh = true};
	size_t i;

	if (!find_program(u, program, &i)) {
		if (start(u, c, err) < 0)
			return -1;
		find_program(u, program, &i);
	}
	if (u->broken)
		return UPCAST_FAULT;
	buf_truncate(&u->request, 0);
	buf_addf(&u->request, "{\"n\":%zu,\"p\":", i);
	buf_add_span(&u->request, *payload);
	buf_addc(&u->request, '}');
	q.partition = buf_span(&u->request);
	if (buf_check(&u->request, err) < 0 ||
	    jqrun_call(u->jq, &q, &u->reply, err) < 0)
		return -1;
	if (u->reply.result != JQ_OK)
		return fault(u, version, err);
	buf_truncate(&u->payload, 0);
	buf_add_span(&u->payload, u->reply.state);
	*payload = buf_span(&u->payload);
	return buf_check(&u->payload, err);
}

/* The newest version's rules hold for what is made of the others, too. */
static int check(struct upcast *u, const struct catalog_entry *e,
    struct span *payload, struct es_err *err)
{
	struct span type = catalog_type(e);
	struct draft d = {.type = type, .version = catalog_version(e),
	    .payload = *payload};
	struct es_err why;
	const char *text = why.text;

	if (catalog_check(e, &d, &u->scratch, &u->complete, &why) == 0) {
		if (u->complete.n)
			*payload = buf_span(&u->complete);
		return 0;
	}
	/* "TYPE: " stands in front of it already. */
	if (strncmp(text, type.p, type.n) == 0 && text[type.n] == ':')
		text += type.n + 2;
	buf_truncate(&u->fault, 0);
	buf_addf(&u->fault, "to version %lld: %s",
	    (long long)catalog_version(e), text);
	return buf_check(&u->fault, err) < 0 ? -1 : UPCAST_FAULT;
}

int upcast_message(struct upcast *u, const struct catalog *c,
    struct message *m, struct es_err *err)
{
	const struct catalog_entry *e = catalog_find(c, m->type);
	struct span payload = m->payload;
	int64_t version, last;
	int r = 0;

	if (!e || m->erased_at || m->version >= catalog_version(e))
		return UPCAST_SAME;
	last = catalog_reach(e, m->version);
	if (last <= m->version)
		return UPCAST_SAME;
	for (version = m->version + 1; r == 0 && version <= last; version++)
		r = step(u, c, version, catalog_upcast(e, version), &payload,
		    err);
	if (r == 0 && last == catalog_version(e))
		r = check(u, e, &payload, err);
	if (r != 0)
		return r;
	m->version = last;
	m->payload = payload;
	return UPCAST_DONE;
}

int upcast_or_fail(struct upcast *u, const struct catalog *c,
    struct message *m, struct es_err *err)
{
	int r = upcast_message(u, c, m, err);

	if (r != UPCAST_FAULT)
		return r < 0 ? -1 : 0;
	es_fail(err, ES_FAILED, "%s", upcast_fault(u));
	/* A command that is told of by its line has no position. */
	if (m->position > 0)
		return es_err_at(err, "upcast: %.*s %.*s at %lld",
		    (int)m->type.n, m->type.p, (int)m->id.n, m->id.p,
		    (long long)m->position);
	return es_err_at(err, "upcast: %.*s %.*s", (int)m->type.n, m->type.p,
	    (int)m->id.n, m->id.p);
}

/* ---- when a catalog is loaded ---- */

static int check_program(const struct catalog_entry *e, int64_t version,
    struct span program, struct es_err *err)
{
	struct span type = catalog_type(e);
	struct buf text = {0}, file = {0};
	struct jqrun *jq = NULL;
	int r;

	buf_addf(&file, "%.*s: upcast to version %lld", (int)type.n, type.p,
	    (long long)version);
	add_program(&text, 0, program);
	add_choice(&text, 1);
	r = buf_check(&file, err) < 0 ? -1 :
	    compile(file.p, &text, &jq, err);
	if (r < 0)
		err->text[strcspn(err->text, "\n")] = '\0';	/* the first */
	jqrun_close(jq);
	buf_free(&text);
	buf_free(&file);
	return r;
}

/* What is wrong is said by each on its own. */
static int check_each(const struct catalog *c, struct es_err *err)
{
	const struct catalog_entry *e;
	struct span program;
	size_t i, k;
	int64_t v;

	for (i = 0; (e = catalog_at(c, i)); i++)
		for (k = 0; (program = catalog_upcast_at(e, k, &v)).p; k++)
			if (check_program(e, v, program, err) < 0)
				return es_err_at(err, "%s", catalog_place(c));
	return 0;
}

int upcast_check(const struct catalog *c, struct es_err *err)
{
	struct upcast u = {0};
	bool good;
	int r = keep_programs(&u, c, err);

	if (r == 0 && u.n > 0)
		r = start(&u, c, err);
	good = r == 0 && !u.broken;
	stop(&u);
	buf_free(&u.fault);
	if (good || r < 0)
		return r;
	return check_each(c, err) < 0 ? -1 : es_fail(err, ES_FAILED,
	    "%s: upcasts do not compile together", catalog_place(c));
}
