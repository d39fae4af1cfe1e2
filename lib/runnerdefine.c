/* runner: what a group is and where it begins; without running it. */
#include <string.h>

#include "runnerimpl.h"

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
void runner_beginning(const struct handler *h, const struct runner_options *o,
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

/* ---- an app's groups (es-init APP) ---- */

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
		runner_beginning(h, NULL, head, &start, &react_from);
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
