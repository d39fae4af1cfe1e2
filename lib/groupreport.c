#include <stdlib.h>
#include <string.h>

#include "groupreport.h"
#include "groupimpl.h"
#include "rfc3339.h"

static const char *state(const struct group_status *s)
{
	return s->row.held ? "held" : s->row.stopped ? "stopped" : "running";
}

static void json_line(struct buf *out, const struct group_status *s)
{
	buf_adds(out, "{\"name\":");
	json_quote_span(out, span_str(s->row.name));
	buf_addf(out, ",\"state\":\"%s\",\"position\":%lld,\"lag\":%lld,"
	    "\"parked\":%lld,\"retrying\":%lld,\"workers\":%d,\"error\":",
	    state(s), (long long)s->position,
	    (long long)s->lag, (long long)s->parked, (long long)s->retrying,
	    s->workers);
	if (s->row.error)
		json_quote_span(out, span_str(s->row.error));
	else
		buf_adds(out, "null");
}

/* What a terminal would take for its own is told by its bytes. */
static void add_shown(struct buf *out, const char *text)
{
	size_t n = strlen(text), size = 4 * n + 8;
	char *shown = malloc(size);

	if (shown)
		buf_adds(out, es_escape(shown, size, text, n));
	else
		out->failed = true;
	free(shown);
}

static void text_line(struct buf *out, const struct group_status *s,
    int width)
{
	buf_addf(out, "%-*s  %-7s %9lld %7lld %7lld %8lld %7d", width,
	    s->row.name, state(s),
	    (long long)s->position, (long long)s->lag, (long long)s->parked,
	    (long long)s->retrying, s->workers);
	if (s->row.error) {
		buf_adds(out, "  ");
		add_shown(out, s->row.error);
	}
	buf_addc(out, '\n');
}

static void heading(struct buf *out, int width)
{
	buf_addf(out, "%-*s  %-7s %9s %7s %7s %8s %7s\n", width, "GROUP",
	    "STATE", "POSITION", "LAG", "PARKED", "RETRYING", "WORKERS");
}

static int one_line(struct groups *g, const char *name, bool json, int width,
    struct buf *out, struct es_err *err)
{
	struct group_status s;
	int r = group_status(g, name, &s, err);

	if (r <= 0)
		return r;
	if (json) {
		json_line(out, &s);
		buf_adds(out, "}\n");
	} else {
		text_line(out, &s, width);
	}
	group_status_free(&s);
	return 0;
}

int groupreport_list(struct groups *g, bool json, struct buf *out,
    struct es_err *err)
{
	char **names;
	size_t n, i;
	int width = 5, r = group_names(g, &names, &n, err);

	if (r < 0)
		return -1;
	for (i = 0; i < n; i++)
		if ((int)strlen(names[i]) > width)
			width = (int)strlen(names[i]);
	if (!json && n)
		heading(out, width);
	for (i = 0; i < n; i++) {
		if (r == 0)
			r = one_line(g, names[i], json, width, out, err);
		free(names[i]);
	}
	free(names);
	return r;
}

static const char *failing_state(const struct group_failing *f)
{
	return f->parked ? "parked" : f->attempt < 0 ? "skipped" : "retrying";
}

static void failing_json(struct buf *out, const struct group_failing *f)
{
	buf_addf(out, "{\"partition\":%s,\"state\":\"%s\",\"position\":%lld,"
	    "\"attempts\":%d,\"retry_at\":", f->partition, failing_state(f),
	    (long long)f->position, f->attempt < 0 ? 0 : f->attempt);
	if (f->parked || f->retry_at == 0) {
		buf_adds(out, "null");
	} else {
		buf_addc(out, '"');
		rfc3339_print(out, f->retry_at);
		buf_addc(out, '"');
	}
	buf_adds(out, ",\"reason\":");
	json_quote_span(out, span_str(f->reason));
	buf_addc(out, '}');
}

static void show_json(struct buf *out, const struct group_status *s)
{
	size_t i;

	json_line(out, s);
	buf_addf(out, ",\"definition\":%s,\"failing\":[", s->row.definition);
	for (i = 0; i < s->n_failing; i++) {
		if (i)
			buf_addc(out, ',');
		failing_json(out, &s->failing[i]);
	}
	buf_adds(out, "]}\n");
}

static void show_text(struct buf *out, const struct group_status *s)
{
	int width = (int)strlen(s->row.name);
	size_t i;

	heading(out, width < 5 ? 5 : width);
	text_line(out, s, width < 5 ? 5 : width);
	buf_addf(out, "\ndefinition: %s\n", s->row.definition);
	for (i = 0; i < s->n_failing; i++) {
		const struct group_failing *f = &s->failing[i];

		buf_addf(out, "\n%s %s at position %lld", failing_state(f),
		    f->partition, (long long)f->position);
		if (f->attempt > 0)
			buf_addf(out, " after %d %s", f->attempt,
			    f->attempt == 1 ? "try" : "tries");
		if (!f->parked && f->retry_at) {
			buf_adds(out, ", again at ");
			rfc3339_print(out, f->retry_at);
		}
		buf_adds(out, "\n  ");
		add_shown(out, f->reason ? f->reason : "");
		buf_addc(out, '\n');
	}
}

int groupreport_show(struct groups *g, const char *name, bool json,
    struct buf *out, struct es_err *err)
{
	struct group_status s;
	int r = group_status(g, name, &s, err);

	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: there is no group %s",
		    store_path(g->store), name);
	if (r < 0)
		return -1;
	(json ? show_json : show_text)(out, &s);
	group_status_free(&s);
	return 0;
}

/* Whether a partition's JSON has these values; "null" stands for null too. */
static bool is_partition(const char *text, const struct query_pair *values,
    size_t n)
{
	struct json_doc d = {0};
	struct buf value = {0};
	bool same;
	size_t i;

	same = json_parse(&d, text, strlen(text), NULL) == 0;
	for (i = 0; i < n && same; i++) {
		uint32_t at = json_get(&d, 0, values[i].name);

		same = at != JSON_NONE;
		if (!same)
			break;
		buf_truncate(&value, 0);
		same = d.nodes[at].type == JSON_STRING ?
		    span_is(json_string(&d, at, &value), values[i].value) :
		    strcmp(values[i].value, "null") == 0;
	}
	json_free(&d);
	buf_free(&value);
	return same;
}

char *groupreport_partition(struct groups *g, const char *name,
    const struct query_pair *values, size_t n, struct es_err *err)
{
	struct group_failing *v;
	size_t count, i, found = 0, at = 0;
	char *text = NULL;

	if (group_failing(g, name, &v, &count, err) < 0)
		return NULL;
	for (i = 0; i < count; i++)
		if (is_partition(v[i].partition, values, n)) {
			found++;
			at = i;
		}
	if (found == 1) {
		text = strdup(v[at].partition);
		if (!text)
			es_fail_nomem(err);
	} else if (found == 0) {
		es_fail(err, ES_FAILED, "group %s has no such failing "
		    "partition", name);
	} else {
		es_fail(err, ES_FAILED, "group %s has %zu failing partitions "
		    "like that: say which with -p NAME=VALUE (see es-group "
		    "show %s)", name, found, name);
	}
	group_failing_free(v, count);
	return text;
}
