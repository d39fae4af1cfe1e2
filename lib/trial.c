#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalogfile.h"
#include "sys.h"
#include "trialimpl.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)

/* ---- handlers ---- */

static void free_handler(struct trial_handler *h)
{
	if (!h)
		return;
	jqrun_close(h->jq);
	handler_free(&h->handler);
	free(h);
}

/* Whether what was loaded is what stands there now. */
static bool unchanged(const struct trial_handler *h)
{
	struct buf text = {0};
	bool same = sys_read_file(h->handler.path, FILE_MAX_BYTES, &text,
	    NULL) == 0 && span_eq(buf_span(&text),
	    buf_span(&h->handler.text));

	buf_free(&text);
	return same;
}

static int load(struct trial *t, const char *path, struct trial_handler **out,
    struct es_err *err)
{
	struct trial_handler **v, *h = calloc(1, sizeof *h);

	if (!h)
		return es_fail_nomem(err);
	if (handler_load(path, &h->handler, err) < 0) {
		free(h);
		return -1;
	}
	if (h->handler.kind != HANDLER_JQ)
		es_fail(err, ES_FAILED, "%s: not a jq file: it can be tried "
		    "with with_handlers", path);
	else if (handler_start(&h->handler, NULL, &h->jq, err) == 0) {
		v = realloc(t->handlers, (t->n_handlers + 1) * sizeof *v);
		if (v) {
			t->handlers = v;
			v[t->n_handlers++] = *out = h;
			return 0;
		}
		es_fail_nomem(err);
	}
	free_handler(h);
	return -1;
}

static int set_handler(struct trial *t, char **words, size_t n,
    struct es_err *err)
{
	size_t i;

	if (n != 1)
		return es_fail(err, ES_USAGE, "one FILE, not %zu", n);
	partition_free(&t->at);
	t->now = NULL;
	for (i = 0; i < t->n_handlers; i++) {
		if (strcmp(t->handlers[i]->handler.path, words[0]) != 0)
			continue;
		if (unchanged(t->handlers[i])) {
			t->now = t->handlers[i];
			return 0;
		}
		free_handler(t->handlers[i]);
		t->handlers[i] = t->handlers[--t->n_handlers];
		break;
	}
	return load(t, words[0], &t->now, err);
}

int trial_need_handler(const struct trial *t, struct es_err *err)
{
	return t->now ? 0 : es_fail(err, ES_FAILED, "there is no handler yet");
}

int trial_need_when(const struct trial *t, struct es_err *err)
{
	return t->outcome != TRIAL_NO_WHEN ? 0 : es_fail(err, ES_FAILED,
	    "there was no when yet");
}

/* ---- the beginning ---- */

static int load_catalog(struct trial *t, struct es_err *err)
{
	catalog_free(t->catalog);
	t->catalog = NULL;
	return catalog_read_if("messages.json", &t->catalog, err);
}

static void free_handlers(struct trial *t)
{
	while (t->n_handlers > 0)
		free_handler(t->handlers[--t->n_handlers]);
	free(t->handlers);
	t->handlers = NULL;
	t->now = NULL;
}

/* Handlers are named by paths that are relative to the app. */
static int enter(struct trial *t, const char *app, struct es_err *err)
{
	if (t->app && strcmp(t->app, app) == 0)
		return 0;
	free_handlers(t);
	free(t->app);
	t->app = strdup(app);
	if (!t->app)
		return es_fail_nomem(err);
	if (chdir(app) == 0)
		return 0;
	free(t->app);
	t->app = NULL;
	return es_fail_errno(err, "%s", app);
}

static int begin(struct trial *t, char **words, size_t n, struct es_err *err)
{
	int r;

	if (n != 1)
		return es_fail(err, ES_USAGE, "one DIRECTORY, not %zu", n);
	t->now = NULL;
	t->outcome = TRIAL_NO_WHEN;
	t->made = 0;
	partition_free(&t->at);
	given_close(t->given);
	t->given = NULL;
	r = enter(t, words[0], err) < 0 || load_catalog(t, err) < 0 ? -1 : 0;
	/* There is always a history. */
	return given_open(t->catalog, &t->given, r == 0 ? err : NULL) < 0 ?
	    -1 : r;
}

int trial_open(struct trial **out, struct es_err *err)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return es_fail_nomem(err);
	if (given_open(NULL, &(*out)->given, err) == 0)
		return 0;
	trial_close(*out);
	*out = NULL;
	return -1;
}

void trial_close(struct trial *t)
{
	if (!t)
		return;
	partition_free(&t->at);
	free_handlers(t);
	given_close(t->given);
	catalog_free(t->catalog);
	free(t->app);
	arena_free(&t->words);
	message_scratch_free(&t->scratch);
	buf_free(&t->reason);
	buf_free(&t->detail);
	buf_free(&t->expected);
	buf_free(&t->actual);
	free(t);
}

/* ---- requests ---- */

static const struct {
	const char *name;
	trial_word *run;
} words[] = {
	{"begin", begin},
	{"handler", set_handler},
	{"given", trial_given},
	{"history", trial_history},
	{"when", trial_when},
	{"then_events", trial_then_events},
	{"then_commands", trial_then_commands},
	{"then_messages", trial_then_messages},
	{"then_nothing", trial_then_nothing},
	{"then_rejected", trial_then_rejected},
	{"then_fault", trial_then_fault},
	{"then_state", trial_then_state},
	{"then_read_model", trial_then_read_model},
};

static int run(struct trial *t, char **v, size_t n, struct es_err *err)
{
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (n > 0 && strcmp(v[0], words[i].name) == 0)
			return words[i].run(t, v + 1, n - 1, err) < 0 ?
			    es_err_at(err, "%s", v[0]) : 0;
	return es_fail(err, ES_USAGE, "\"%.100s\": no such word",
	    n > 0 ? v[0] : "");
}

/* The words of a line, as C strings that last as long as the request. */
static int split(struct trial *t, struct span line, struct json_doc *d,
    char ***out, size_t *n, struct es_err *err)
{
	struct buf text = {0};
	uint32_t i;
	int r = json_parse(d, line.p, line.n, err);

	if (r == 0 && d->nodes[0].type != JSON_ARRAY)
		r = es_fail(err, ES_USAGE, "a request is an array of strings");
	if (r < 0)
		return -1;
	*n = 0;
	*out = calloc(d->nodes[0].count + 1, sizeof **out);
	if (!*out)
		return es_fail_nomem(err);
	for (i = json_first(d, 0); i < d->nodes[0].end && r == 0;
	    i = json_next(d, i)) {
		buf_truncate(&text, 0);
		if (d->nodes[i].type != JSON_STRING)
			r = es_fail(err, ES_USAGE, "a request is an array of "
			    "strings");
		else
			json_decode(d, i, &text);
		buf_addc(&text, '\0');
		(*out)[(*n)++] = (char *)(uintptr_t)arena_copy(&t->words,
		    buf_span(&text)).p;
		if (r == 0 && (buf_check(&text, err) < 0 || t->words.failed))
			r = es_fail_nomem(err);
	}
	buf_free(&text);
	return r;
}

static void add_member(struct buf *out, const char *name, struct span text)
{
	buf_addf(out, ",\"%s\":", name);
	json_quote_span(out, text.p ? text : SPAN_LIT(""));
}

void trial_answer(struct trial *t, struct span request, struct buf *out)
{
	struct json_doc d = {0};
	struct es_err err = {0};
	char **v = NULL;
	size_t n = 0;
	int r;

	arena_reset(&t->words);
	t->words.failed = false;
	buf_truncate(&t->expected, 0);
	buf_truncate(&t->actual, 0);
	r = split(t, request, &d, &v, &n, &err);
	if (r == 0)
		r = run(t, v, n, &err);
	if (r == 0) {
		buf_adds(out, "{\"ok\":true}\n");
	} else {
		buf_adds(out, "{\"ok\":false");
		add_member(out, "message", span_str(err.text));
		if (t->expected.n)
			add_member(out, "expected", buf_span(&t->expected));
		if (t->actual.n)
			add_member(out, "actual", buf_span(&t->actual));
		buf_adds(out, "}\n");
	}
	free(v);
	json_free(&d);
}
