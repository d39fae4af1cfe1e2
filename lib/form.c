#include <stdlib.h>
#include <string.h>

#include "form.h"

void form_free(struct form *f)
{
	buf_free(&f->tags);
	free(f->metadata);
	buf_free(&f->payload);
	free(f->names);
	free(f->exact);
	buf_free(&f->line);
	*f = (struct form){0};
}

/* A fault that was found by those who check messages, but of a word. */
static int usage(struct es_err *err)
{
	if (err && err->code == ES_FAILED)
		err->code = ES_USAGE;
	return -1;
}

static int add_span(struct span **v, size_t *n, struct span s,
    struct es_err *err)
{
	struct span *p = realloc(*v, (*n + 1) * sizeof *p);

	if (!p)
		return es_fail_nomem(err);
	p[(*n)++] = s;
	*v = p;
	return 0;
}

static int check_utf8(const char *what, struct span s, struct es_err *err)
{
	char shown[80];

	if (json_utf8(s.p, s.n))
		return 0;
	return es_fail(err, ES_USAGE, "%s: not UTF-8: \"%s\"", what,
	    es_escape(shown, sizeof shown, s.p, s.n));
}

/* ---- flags ---- */

static int set_once(struct span *to, int id, const char *arg,
    struct es_err *err)
{
	if (to->p)
		return es_fail(err, ES_USAGE, "%s: given twice",
		    cli_flag_name(id));
	*to = span_str(arg);
	return 0;
}

static int set_kind(struct form *f, const char *arg, struct es_err *err)
{
	return message_kind_parse(span_str(arg), &f->kind, err) < 0 ?
	    usage(err) : 0;
}

static int add_tag(struct form *f, const char *arg, struct es_err *err)
{
	struct span tag = span_str(arg);

	if (check_utf8("--tag", tag, err) < 0)
		return -1;
	if (message_check_tag(tag, err) < 0)
		return usage(err);
	if (f->tags.n)
		buf_addc(&f->tags, ',');
	json_quote_span(&f->tags, tag);
	return buf_check(&f->tags, err);
}

static int add_metadata(struct form *f, const char *arg, struct es_err *err)
{
	const char *equals = strchr(arg, '=');
	struct form_pair *v, pair;
	size_t i;

	if (check_utf8("--meta", span_str(arg), err) < 0)
		return -1;
	if (!equals || equals == arg)
		return es_fail(err, ES_USAGE, "--meta: must be NAME=VALUE, not "
		    "\"%.100s\"", arg);
	pair.name = (struct span){arg, (size_t)(equals - arg)};
	pair.value = span_str(equals + 1);
	for (i = 0; i < f->n_metadata; i++)
		if (span_eq(f->metadata[i].name, pair.name))
			return es_fail(err, ES_USAGE, "--meta: %.*s is given "
			    "twice", (int)pair.name.n, pair.name.p);
	v = realloc(f->metadata, (f->n_metadata + 1) * sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	v[f->n_metadata++] = pair;
	f->metadata = v;
	return 0;
}

int form_flag(struct form *f, int id, const char *arg, struct es_err *err)
{
	int r;

	switch (id) {
	case CLI_TYPE:
		r = set_once(&f->type, id, arg, err);
		return r == 0 && message_check_type(f->type, err) < 0 ?
		    usage(err) : r;
	case CLI_ID:
		r = set_once(&f->id, id, arg, err);
		return r == 0 && message_check_id(f->id, "--id", err) < 0 ?
		    usage(err) : r;
	case CLI_CAUSE:
		r = set_once(&f->cause, id, arg, err);
		return r == 0 && message_check_id(f->cause, "--cause",
		    err) < 0 ? usage(err) : r;
	case CLI_KIND:
		return set_kind(f, arg, err);
	case CLI_TAG:
		return add_tag(f, arg, err);
	case CLI_META:
		return add_metadata(f, arg, err);
	default:
		return 1;
	}
}

/* ---- attributes ---- */

static int begin_attribute(struct form *f, struct span name,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < f->n_names; i++)
		if (span_eq(f->names[i], name))
			return es_fail(err, ES_USAGE, "%.*s: given twice",
			    (int)name.n, name.p);
	if (add_span(&f->names, &f->n_names, name, err) < 0)
		return -1;
	if (f->payload.n)
		buf_addc(&f->payload, ',');
	json_quote_span(&f->payload, name);
	buf_addc(&f->payload, ':');
	return 0;
}

/* The value as one line, whatever white space it came with. */
static int add_json(struct form *f, struct span name, struct span value,
    struct es_err *err)
{
	struct json_doc doc = {0};
	int r = json_parse(&doc, value.p, value.n, err);

	if (r < 0) {
		es_err_at(err, "%.*s: not JSON", (int)name.n, name.p);
		usage(err);
	} else {
		json_compact(&doc, 0, &f->payload);
		r = add_span(&f->exact, &f->n_exact, name, err);
	}
	json_free(&doc);
	return r;
}

int form_word(struct form *f, const char *word, struct es_err *err)
{
	const char *equals = strchr(word, '=');
	bool json = equals && equals > word && equals[-1] == ':';
	struct span name, value;

	if (check_utf8("attribute", span_str(word), err) < 0)
		return -1;
	if (!equals || equals - json == word)
		return es_fail(err, ES_USAGE, "\"%.100s\" is not an attribute: "
		    "NAME=STRING or NAME:=JSON", word);
	name = (struct span){word, (size_t)(equals - word) - json};
	value = span_str(equals + 1);
	if (begin_attribute(f, name, err) < 0)
		return -1;
	if (json && add_json(f, name, value, err) < 0)
		return -1;
	if (!json)
		json_quote_span(&f->payload, value);
	return buf_check(&f->payload, err);
}

/* ---- what comes of it ---- */

static void add_field(struct buf *line, const char *name, struct span value)
{
	if (!value.p)
		return;
	buf_adds(line, name);
	json_quote_span(line, value);
}

static void add_pairs(const struct form *f, struct buf *out)
{
	size_t i;

	for (i = 0; i < f->n_metadata; i++) {
		if (i > 0)
			buf_addc(out, ',');
		json_quote_span(out, f->metadata[i].name);
		buf_addc(out, ':');
		json_quote_span(out, f->metadata[i].value);
	}
}

static int make_line(struct form *f, struct es_err *err)
{
	struct buf *line = &f->line;

	buf_truncate(line, 0);
	add_field(line, "{\"type\":", f->type);
	add_field(line, ",\"id\":", f->id);
	if (f->kind != KIND_NONE)
		add_field(line, ",\"kind\":",
		    span_str(message_kind_name(f->kind)));
	buf_adds(line, ",\"tags\":[");
	buf_add_span(line, buf_span(&f->tags));
	buf_adds(line, "],\"payload\":{");
	buf_add_span(line, buf_span(&f->payload));
	buf_adds(line, "},\"metadata\":{");
	add_pairs(f, line);
	buf_addc(line, '}');
	add_field(line, ",\"causation_id\":", f->cause);
	buf_addc(line, '}');
	return buf_check(line, err);
}

int form_draft(struct form *f, struct message_scratch *s, struct draft *m,
    struct es_err *err)
{
	if (make_line(f, err) < 0 ||
	    message_parse(s, f->line.p, f->line.n, 0, m, err) < 0)
		return -1;
	m->coerce = true;
	m->exact = f->exact;
	m->n_exact = f->n_exact;
	return 0;
}

/* The inside of an array or object with more behind it. */
static void extend(struct buf *out, struct json_doc *d, struct span more)
{
	struct span old = json_text(d, 0);

	buf_add(out, old.p, old.n - 1);
	if (d->nodes[0].count > 0)
		buf_addc(out, ',');
	buf_add_span(out, more);
	buf_addc(out, old.p[old.n - 1]);
}

static int extend_tags(const struct form *f, struct draft *m,
    struct json_doc *d, struct buf *text, struct es_err *err)
{
	struct span old = m->tags.p ? m->tags : SPAN_LIT("[]");

	if (f->tags.n == 0)
		return 0;
	if (json_parse(d, old.p, old.n, err) < 0)
		return -1;
	extend(text, d, buf_span(&f->tags));
	return 0;
}

static bool has_name(const struct json_doc *d, struct span name,
    struct buf *decoded)
{
	uint32_t i;

	for (i = json_first(d, 0); i < d->nodes[0].end;
	    i = json_next(d, i + 1)) {
		buf_truncate(decoded, 0);
		if (span_eq(json_string(d, i, decoded), name))
			return true;
	}
	return false;
}

static int extend_metadata(const struct form *f, struct draft *m,
    struct json_doc *d, struct buf *text, struct es_err *err)
{
	struct buf work = {0};
	size_t i;
	int r = 0;

	if (f->n_metadata == 0)
		return 0;
	if (json_parse(d, m->metadata.p, m->metadata.n, err) < 0)
		return -1;
	for (i = 0; i < f->n_metadata && r == 0; i++)
		if (has_name(d, f->metadata[i].name, &work))
			r = es_fail(err, ES_FAILED, "metadata: %.*s: is there, "
			    "and given by --meta too",
			    (int)f->metadata[i].name.n,
			    f->metadata[i].name.p);
	if (r == 0) {
		buf_truncate(&work, 0);
		add_pairs(f, &work);
		r = buf_check(&work, err);
		extend(text, d, buf_span(&work));
	}
	buf_free(&work);
	return r;
}

int form_defaults(const struct form *f, struct draft *m,
    struct message_scratch *s, struct buf *text, struct es_err *err)
{
	size_t tags;

	if (m->kind == KIND_NONE)
		m->kind = f->kind;
	if (!m->causation_id.p)
		m->causation_id = f->cause;
	if (f->tags.n == 0 && f->n_metadata == 0)
		return 0;
	buf_truncate(text, 0);
	if (extend_tags(f, m, &s->doc, text, err) < 0)
		return -1;
	tags = text->n;
	if (extend_metadata(f, m, &s->doc, text, err) < 0 ||
	    buf_check(text, err) < 0)
		return -1;
	if (f->tags.n)
		m->tags = (struct span){text->p, tags};
	if (f->n_metadata)
		m->metadata = (struct span){text->p + tags, text->n - tags};
	return 0;
}
