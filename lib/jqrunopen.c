/* jqrun: beginning and end. */
#include <stdlib.h>
#include <string.h>

#include "jqhost.h"

static struct jqrun *new_jqrun(struct jqnursery *n, size_t index,
    int deadline_ms, struct es_err *err)
{
	struct jqrun *jq = calloc(1, sizeof *jq);

	if (!jq) {
		es_fail_nomem(err);
		return NULL;
	}
	jq->nursery = n;
	jq->index = index;
	jq->deadline_ms = deadline_ms;
	return jq;
}

static int ask_about(struct jqrun *jq, struct buf *about, struct es_err *err)
{
	struct jqrun_request r = {.op = (enum jqrun_op)JQ_ABOUT};
	struct jqrun_reply reply = {0};
	int result;

	if (!(jq->nursery->program.parts[jq->index].ops & SCAN_ABOUT)) {
		buf_adds(about, "{}");
		return buf_check(about, err);
	}
	result = jqrun_call(jq, &r, &reply, err);
	if (result == 0 && reply.result != JQ_OK)
		result = es_fail(err, ES_FAILED, "%s: about: %.*s",
		    jq->nursery->program.parts[jq->index].file,
		    (int)reply.reason.n, reply.reason.p);
	if (result == 0)
		buf_add_span(about, reply.state);
	jqrun_reply_free(&reply);
	return result < 0 ? -1 : buf_check(about, err);
}

int jqrun_open(const char *file, struct span text, char *const *defs,
    unsigned ops, const struct jqrun_limits *limits, struct jqrun **out,
    struct buf *about, struct es_err *err)
{
	struct jqrun_source source = {file, text, defs, ops};
	struct jqnursery *n;
	int r;

	*out = NULL;
	if (jqrun_compile(&source, 1, limits->memory, &n, err) < 0)
		return -1;
	r = jqrun_open_one(n, 0, limits->deadline_ms, out, about, err);
	jqhost_drop(n);
	return r;
}

int jqrun_compile(const struct jqrun_source *v, size_t n, size_t memory,
    struct jqnursery **out, struct es_err *err)
{
	size_t i;

	*out = NULL;
	if (n > JQ_PARTS)
		return es_fail(err, ES_FAILED, "more than %d handlers",
		    JQ_PARTS);
	/* In one text the lines of a file are not its own. */
	for (i = 0; n > 1 && i < n; i++)
		if (memmem(v[i].text.p, v[i].text.n, "__loc__", 7))
			return es_fail(err, ES_FAILED, "%s: has $__loc__",
			    v[i].file);
	*out = jqhost_nursery(v, n, memory, err);
	if (!*out)
		return -1;
	if (jqhost_compile(*out, err) == 0)
		return 0;
	jqhost_drop(*out);
	*out = NULL;
	return -1;
}

void jqrun_drop(struct jqnursery *n)
{
	jqhost_drop(n);
}

int jqrun_open_one(struct jqnursery *n, size_t i, int deadline_ms,
    struct jqrun **out, struct buf *about, struct es_err *err)
{
	*out = new_jqrun(n, i, deadline_ms, err);
	if (!*out)
		return -1;
	n->references++;
	if (jqhost_start(*out, err) == 0 && ask_about(*out, about, err) == 0)
		return 0;
	jqrun_close(*out);
	*out = NULL;
	return -1;
}

int jqrun_clone(const struct jqrun *jq, struct jqrun **out,
    struct es_err *err)
{
	*out = new_jqrun(jq->nursery, jq->index, jq->deadline_ms, err);
	if (!*out)
		return -1;
	jq->nursery->references++;
	if (jqhost_start(*out, err) == 0)
		return 0;
	jqrun_close(*out);
	*out = NULL;
	return -1;
}

void jqrun_close(struct jqrun *jq)
{
	if (!jq)
		return;
	if (jq->running)
		jqhost_stop(jq);
	jqhost_drop(jq->nursery);
	free(jq->queue);
	buf_free(&jq->in);
	free(jq);
}
