#include <stdlib.h>
#include <string.h>

#include "decide.h"
#include "handlerreads.h"

/* ---- what was made ---- */

int decide_outputs(const struct jqrun_reply *reply, struct made **out,
    size_t *n, struct es_err *err)
{
	size_t i;

	*n = reply->n_outputs;
	*out = calloc(*n + 1, sizeof **out);
	if (!*out)
		return es_fail_nomem(err);
	for (i = 0; i < *n; i++) {
		const struct jqrun_output *o = &reply->outputs[i];

		(*out)[i] = (struct made){.command = o->command,
		    .type = o->type, .payload = o->payload,
		    .metadata = o->metadata};
	}
	return 0;
}

/* The place of an error about one of several outputs. */
static int at_output(const struct made *m, size_t i, struct es_err *err)
{
	char shown[MESSAGE_TYPE_BYTES + 16];
	size_t n = strlen(err ? err->text : "");

	es_escape(shown, sizeof shown, m->type.p, m->type.n);
	/* The catalog's errors begin with the type. */
	if (err && n > m->type.n && strncmp(err->text, shown,
	    strlen(shown)) == 0)
		return es_err_at(err, "output %zu", i + 1);
	return es_err_at(err, "output %zu: %s", i + 1, shown);
}

/* What message_parse() sees to of a message that comes in as a line. */
static int check_form(const struct made *m, struct es_err *err)
{
	if (message_check_type(m->type, err) < 0)
		return -1;
	if (m->type.n > 3 && memcmp(m->type.p, "es.", 3) == 0)
		return es_fail(err, ES_FAILED, "only es itself makes \"es.\" "
		    "types");
	return m->id.p ? message_check_id(m->id, "id", err) : 0;
}

int decide_only_events(const struct made *made, size_t n, struct es_err *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (check_form(&made[i], err) < 0)
			return at_output(&made[i], i, err);
		if (made[i].command) {
			es_fail(err, ES_FAILED, "a command: only react makes "
			    "commands");
			return at_output(&made[i], i, err);
		}
	}
	return 0;
}

/* The ids of what was handled, kept where no store call moves them. */
struct cause {
	char id[MESSAGE_ID_BYTES], correlation[MESSAGE_ID_BYTES];
	size_t id_n, correlation_n;
};

static void set_cause(struct cause *c, const struct message *handled)
{
	c->id_n = handled->id.n;
	memcpy(c->id, handled->id.p, c->id_n);
	c->correlation_n = handled->correlation_id.n;
	memcpy(c->correlation, handled->correlation_id.p, c->correlation_n);
}

static struct draft draft_of(const struct made *m, const struct cause *c)
{
	struct draft d = {.id = m->id, .type = m->type,
	    .kind = m->command ? KIND_COMMAND : KIND_EVENT,
	    .version = m->version, .tags = m->tags, .payload = m->payload,
	    .metadata = m->metadata,
	    .causation_id = {c->id, c->id_n},
	    .correlation_id = {c->correlation, c->correlation_n},
	    .created_at = m->created_at};

	if (!d.payload.p)
		d.payload = SPAN_LIT("{}");
	if (!d.metadata.p)
		d.metadata = SPAN_LIT("{}");
	return d;
}

int decide_append(struct store *s, const struct message *handled,
    const struct made *made, size_t n, int64_t *first, int64_t *last,
    struct buf *lines, struct es_err *err)
{
	struct cause c;
	struct appended a;
	struct draft d;
	size_t i;

	*first = *last = 0;
	set_cause(&c, handled);
	/* All are checked before the first is in. */
	for (i = 0; i < n; i++) {
		d = draft_of(&made[i], &c);
		if (check_form(&made[i], err) < 0 ||
		    (n > 1 && store_check(s, &d, err) < 0))
			return at_output(&made[i], i, err);
	}
	for (i = 0; i < n; i++) {
		d = draft_of(&made[i], &c);
		if (store_append(s, &d, &a, err) < 0)
			return at_output(&made[i], i, err);
		if (lines)
			buf_add_span(lines, a.line);
		if (a.repeated)
			continue;
		if (!*first)
			*first = a.position;
		*last = a.position;
	}
	return lines ? buf_check(lines, err) : 0;
}

/* ---- rejections ---- */

static void incomplete(const struct handler *h, const struct partition *p,
    bool many, struct buf *out)
{
	bool first = true, reads = partition_is_reads(h, p);
	size_t i;

	buf_adds(out, !many ? "does not carry " : p->n == 1 ?
	    "carries several values of " :
	    "carries several values of one of ");
	/* Which one is there twice the partition does not say: name all. */
	for (i = 0; i < p->n; i++)
		if (many || (!p->values[i] && (!reads ||
		    handler_reads_need(h, p->names[i])))) {
			buf_addf(out, "%s%s", first ? "" : ", ", p->names[i]);
			first = false;
		}
	buf_addf(out, " (%s %s it)", h->name, reads ? "reads by" :
	    "is partitioned by");
}

/* The values may make a tag that no message can have. */
static int check_reads(const struct handler *h, const struct partition *p,
    struct buf *reason, struct es_err *err)
{
	struct es_err why = {0};
	struct query q;

	if (partition_query(h, p, &q, &why) == 0) {
		query_free(&q);
		return 0;
	}
	if (why.code != ES_USAGE) {
		*err = why;
		return -1;
	}
	buf_addf(reason, "%s (%s reads by it)", why.text, h->name);
	return 0;
}

int decide_partition(struct store *s, const struct handler *h,
    const struct message *m, struct partition *out, struct buf *reason,
    struct es_err *err)
{
	bool complete, many;

	if (partition_of(s, h, m, out, &complete, &many, err) < 0)
		return -1;
	if (complete && !many && h->n_reads) {
		partition_free(out);
		if (partition_of_reads(s, h, m, out, &complete, &many,
		    err) < 0)
			return -1;
	}
	if (!complete || many)
		incomplete(h, out, many, reason);
	else if (h->n_reads && check_reads(h, out, reason, err) < 0)
		goto fail;
	if (buf_check(reason, err) == 0)
		return 0;
fail:
	partition_free(out);
	return -1;
}

static int rejection_tags(struct store *s, const struct message *command,
    struct buf *out, struct es_err *err)
{
	struct keys keys = {0};
	/* command_id, type and reason are keys as well. */
	size_t i, most = KEYS_MAX - 3;

	if (store_keys(s, command, &keys, err) < 0) {
		keys_free(&keys);
		return -1;
	}
	for (i = 0; i < keys.n && i < most; i++) {
		buf_addc(out, i ? ',' : '[');
		json_quote_span(out, keys.v[i].text);
	}
	if (keys.n)
		buf_addc(out, ']');
	keys_free(&keys);
	return buf_check(out, err);
}

int decide_append_rejection(struct store *s, const struct message *command,
    struct span reason, struct span detail, int64_t *position,
    struct buf *lines, struct es_err *err)
{
	struct buf payload = {0}, tags = {0};
	struct cause c;
	struct appended a;
	struct draft d = {.type = SPAN_LIT("es.command_rejected"),
	    .kind = KIND_EVENT, .metadata = SPAN_LIT("{}")};
	int r = -1;

	*position = 0;
	set_cause(&c, command);
	buf_adds(&payload, "{\"command_id\":");
	json_quote_span(&payload, command->id);
	buf_adds(&payload, ",\"type\":");
	json_quote_span(&payload, command->type);
	buf_adds(&payload, ",\"reason\":");
	json_quote_span(&payload, reason);
	buf_adds(&payload, ",\"detail\":");
	buf_add_span(&payload, detail.p ? detail : SPAN_LIT("null"));
	buf_addc(&payload, '}');
	if (buf_check(&payload, err) < 0 ||
	    rejection_tags(s, command, &tags, err) < 0)
		goto out;
	d.payload = buf_span(&payload);
	if (tags.n)
		d.tags = buf_span(&tags);
	d.causation_id = (struct span){c.id, c.id_n};
	d.correlation_id = (struct span){c.correlation, c.correlation_n};
	if (store_append_own(s, &d, &a, err) < 0) {
		es_err_at(err, "the rejection");
		goto out;
	}
	*position = a.position;
	if (lines)
		buf_add_span(lines, a.line);
	r = lines ? buf_check(lines, err) : 0;
out:
	buf_free(&payload);
	buf_free(&tags);
	return r;
}

/* ---- guard and record ---- */

int decide_conflict(struct store *s, const struct handler *h,
    const struct partition *p, int64_t read_at, bool *conflict,
    struct es_err *err)
{
	struct query q;
	int64_t head;
	int r;

	*conflict = false;
	if (store_head(s, &head, err) < 0)
		return -1;
	if (head <= read_at || h->scan.evolves.n == 0)
		return 0;
	if (partition_query(h, p, &q, err) < 0)
		return -1;
	r = find_any(s, &q, read_at, head, conflict, NULL, err);
	if (r == 0 && !*conflict)
		r = find_erased(s, read_at, head, conflict, err);
	query_free(&q);
	return r;
}

/* The query of reads; of a partition its values, the types say the rest. */
static int print_read(const struct handler *h, const struct partition *p,
    struct buf *out, struct es_err *err)
{
	struct es_err why = {0};
	struct query q;

	if (!partition_is_reads(h, p)) {
		partition_print(p, out);
		return 0;
	}
	if (partition_query(h, p, &q, &why) < 0) {
		/* What was rejected for its values has read nothing. */
		if (why.code != ES_USAGE) {
			*err = why;
			return -1;
		}
		q = (struct query){0};
	}
	query_print(out, &q);
	query_free(&q);
	return 0;
}

int decide_record(struct store *s, const struct handler *h, int64_t command,
    int64_t handler_id, const struct partition *p, int64_t read_at, int attempt,
    enum outcome outcome, int64_t first, int64_t last, struct es_err *err)
{
	struct provenance v = {.handled = command, .handler = handler_id,
	    .read_at = read_at, .attempt = attempt, .first = first,
	    .last = last};
	struct buf text = {0};
	int64_t id;
	int r;

	if (print_read(h, p, &text, err) < 0)
		return -1;
	v.partition = buf_span(&text);
	r = buf_check(&text, err) < 0 ||
	    store_add_provenance(s, &v, &id, err) < 0 ? -1 : 0;
	if (r == 0 && outcome != OUTCOME_NONE)
		r = store_set_outcome(s, command, outcome, id, err);
	buf_free(&text);
	return r;
}

/* ---- faults ---- */

static const char *what_went_wrong(enum jqrun_result result)
{
	switch (result) {
	case JQ_DEADLINE:
		return "took longer than its deadline";
	case JQ_MEMORY:
		return "needed more memory than it may have";
	case JQ_CRASH:
		return "crashed";
	default:
		return "failed";
	}
}

static void add_name(const struct message *m, struct buf *out)
{
	buf_add_span(out, m->type);
	if (m->id.n) {
		buf_addc(out, ' ');
		buf_add_span(out, m->id);
	}
}

void decide_fault_text(const struct handler *h, const struct fold_result *r,
    const struct message *handled, struct buf *out)
{
	const struct jqrun_reply *reply = &r->reply;

	buf_addf(out, "%s: ", h->path);
	if (reply->operation)
		buf_addf(out, "%s: ", reply->operation);
	if (r->place.n) {
		buf_add_span(out, buf_span(&r->place));
		if (handled) {
			buf_adds(out, " (for ");
			add_name(handled, out);
			buf_addc(out, ')');
		}
		buf_adds(out, ": ");
	} else if (handled) {
		add_name(handled, out);
		if (handled->position > 0)
			buf_addf(out, " at %lld",
			    (long long)handled->position);
		buf_adds(out, ": ");
	}
	if (reply->reason.n)
		buf_add_span(out, reply->reason);
	else
		buf_adds(out, what_went_wrong(reply->result));
}
