#include <string.h>

#include "message.h"

void message_scratch_free(struct message_scratch *s)
{
	json_free(&s->doc);
	buf_free(&s->text);
}

/* ---- the forms of fields ---- */

const char *message_kind_name(enum message_kind kind)
{
	return kind == KIND_COMMAND ? "command" : "event";
}

int message_kind_parse(struct span text, enum message_kind *kind,
    struct es_err *err)
{
	if (span_is(text, "event"))
		*kind = KIND_EVENT;
	else if (span_is(text, "command"))
		*kind = KIND_COMMAND;
	else
		return es_fail(err, ES_FAILED,
		    "kind: must be \"event\" or \"command\"");
	return 0;
}

static bool type_byte(char c)
{
	return ((c | 32) >= 'a' && (c | 32) <= 'z') ||
	    (c >= '0' && c <= '9') || c == '_' || c == ':' || c == '-';
}

int message_check_type(struct span type, struct es_err *err)
{
	char shown[80];
	bool dot = true;	/* a segment may not be empty */
	size_t i;

	for (i = 0; i < type.n; i++) {
		if (type.p[i] == '.' ? dot : !type_byte(type.p[i]))
			break;
		dot = type.p[i] == '.';
	}
	if (i < type.n || dot)
		return es_fail(err, ES_FAILED, "type: \"%s\" is not of the "
		    "form area.name (A-Z a-z 0-9 _ : - and dots between)",
		    es_escape(shown, sizeof shown, type.p, type.n));
	if (type.n > MESSAGE_TYPE_BYTES)
		return es_fail(err, ES_FAILED, "type: longer than %d bytes",
		    MESSAGE_TYPE_BYTES);
	return 0;
}

int message_check_id(struct span id, const char *what, struct es_err *err)
{
	size_t i;

	if (id.n == 0 || id.n > MESSAGE_ID_BYTES)
		return es_fail(err, ES_FAILED, "%s: must have 1 to %d "
		    "characters", what, MESSAGE_ID_BYTES);
	for (i = 0; i < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~')
			return es_fail(err, ES_FAILED, "%s: must be printable "
			    "ASCII without spaces", what);
	return 0;
}

int message_check_tag(struct span tag, struct es_err *err)
{
	if (tag.n == 0 || tag.n > KEY_VALUE_BYTES)
		return es_fail(err, ES_FAILED, "tags: a tag must have 1 to %d "
		    "bytes", KEY_VALUE_BYTES);
	if (memchr(tag.p, 0, tag.n))
		return es_fail(err, ES_FAILED, "tags: NUL in a tag");
	return 0;
}

int message_check_tags(const struct json_doc *d, uint32_t array,
    struct es_err *err)
{
	struct buf text = {0};
	uint32_t i;
	int r = 0;

	if (d->nodes[array].type != JSON_ARRAY)
		return es_fail(err, ES_FAILED, "tags: must be an array of "
		    "strings");
	for (i = json_first(d, array); i < d->nodes[array].end && r == 0;
	    i = json_next(d, i)) {
		if (d->nodes[i].type != JSON_STRING) {
			r = es_fail(err, ES_FAILED, "tags: must be an array "
			    "of strings");
			break;
		}
		buf_truncate(&text, 0);
		r = message_check_tag(json_string(d, i, &text), err);
	}
	if (r == 0)
		r = buf_check(&text, err);
	buf_free(&text);
	return r;
}

/* ---- parsing ---- */

enum field {
	F_POSITION, F_ID, F_KIND, F_TYPE, F_VERSION, F_TAGS, F_PAYLOAD,
	F_METADATA, F_CAUSATION, F_CORRELATION, F_CREATED, F_STORED, F_ERASED,
	F_COUNT
};

#define FIELD(name) {name, sizeof(name) - 1}

static const struct span field_names[F_COUNT] = {
	FIELD("position"), FIELD("id"), FIELD("kind"), FIELD("type"),
	FIELD("version"), FIELD("tags"), FIELD("payload"), FIELD("metadata"),
	FIELD("causation_id"), FIELD("correlation_id"), FIELD("created_at"),
	FIELD("stored_at"), FIELD("erased_at")
};

static int unknown_field(struct span name, struct es_err *err)
{
	char shown[80];

	if (span_is(name, "deliver_at"))
		return es_fail(err, ES_FAILED,
		    "deliver_at: this version has no schedules");
	return es_fail(err, ES_FAILED, "%s: no such field",
	    es_escape(shown, sizeof shown, name.p, name.n));
}

/* Where each field's value stands; JSON_NONE when it is not there. */
static int find_fields(struct message_scratch *s, uint32_t *at,
    struct es_err *err)
{
	const struct json_doc *d = &s->doc;
	uint32_t i;
	int f;

	for (f = 0; f < F_COUNT; f++)
		at[f] = JSON_NONE;
	if (d->nodes[0].type != JSON_OBJECT)
		return es_fail(err, ES_FAILED, "not a JSON object");
	for (i = json_first(d, 0); i < d->nodes[0].end;
	    i = json_next(d, i + 1)) {
		struct span name;

		buf_truncate(&s->text, 0);
		name = json_string(d, i, &s->text);
		for (f = 0; f < F_COUNT; f++)
			if (span_eq(name, field_names[f]))
				break;
		if (f == F_COUNT)
			return unknown_field(name, err);
		at[f] = i + 1;
	}
	return 0;
}

static int string_field(struct message_scratch *s, const uint32_t *at, int f,
    struct span *out, struct es_err *err)
{
	if (at[f] == JSON_NONE)
		return 0;
	if (s->doc.nodes[at[f]].type != JSON_STRING)
		return es_fail(err, ES_FAILED, "%s: must be a string",
		    field_names[f].p);
	*out = json_string(&s->doc, at[f], &s->text);
	return buf_check(&s->text, err);
}

static int object_field(struct message_scratch *s, const uint32_t *at, int f,
    struct span *out, struct es_err *err)
{
	*out = SPAN_LIT("{}");
	if (at[f] == JSON_NONE)
		return 0;
	if (s->doc.nodes[at[f]].type != JSON_OBJECT)
		return es_fail(err, ES_FAILED, "%s: must be an object",
		    field_names[f].p);
	*out = json_text(&s->doc, at[f]);
	return 0;
}

static int parse_names(struct message_scratch *s, const uint32_t *at,
    struct draft *m, struct es_err *err)
{
	struct span kind = SPAN_NONE;

	if (string_field(s, at, F_ID, &m->id, err) < 0 ||
	    string_field(s, at, F_TYPE, &m->type, err) < 0 ||
	    string_field(s, at, F_CAUSATION, &m->causation_id, err) < 0 ||
	    string_field(s, at, F_CORRELATION, &m->correlation_id, err) < 0 ||
	    string_field(s, at, F_KIND, &kind, err) < 0)
		return -1;
	if (!m->type.p)
		return es_fail(err, ES_FAILED, "type: missing");
	if (message_check_type(m->type, err) < 0)
		return -1;
	if (kind.p && message_kind_parse(kind, &m->kind, err) < 0)
		return -1;
	if (m->id.p && message_check_id(m->id, "id", err) < 0)
		return -1;
	if (m->causation_id.p &&
	    message_check_id(m->causation_id, "causation_id", err) < 0)
		return -1;
	if (m->correlation_id.p &&
	    message_check_id(m->correlation_id, "correlation_id", err) < 0)
		return -1;
	return 0;
}

static int parse_values(struct message_scratch *s, const uint32_t *at,
    struct draft *m, struct es_err *err)
{
	m->tags_at = JSON_NONE;
	if (at[F_VERSION] != JSON_NONE && json_int(&s->doc, at[F_VERSION], 1,
	    INT32_MAX, &m->version) < 0)
		return es_fail(err, ES_FAILED,
		    "version: must be an integer from 1");
	if (at[F_TAGS] != JSON_NONE) {
		if (message_check_tags(&s->doc, at[F_TAGS], err) < 0)
			return -1;
		if (s->doc.nodes[at[F_TAGS]].count > 0) {
			m->tags = json_text(&s->doc, at[F_TAGS]);
			m->tags_at = at[F_TAGS];
		}
	}
	if (object_field(s, at, F_PAYLOAD, &m->payload, err) < 0 ||
	    object_field(s, at, F_METADATA, &m->metadata, err) < 0 ||
	    string_field(s, at, F_CREATED, &m->created_at, err) < 0)
		return -1;
	if (m->created_at.p && !rfc3339_parse(m->created_at, NULL))
		return es_fail(err, ES_FAILED,
		    "created_at: must be a time as in RFC 3339");
	return 0;
}

/* Decoded strings are never longer than the line: text does not move. */
static int begin_parse(struct message_scratch *s, const char *line, size_t n,
    uint32_t *at, struct es_err *err)
{
	if (n > MESSAGE_LINE_MAX)
		return es_fail(err, ES_FAILED, "longer than %d bytes",
		    MESSAGE_LINE_MAX);
	buf_reset(&s->text);
	if (json_parse(&s->doc, line, n, err) < 0 ||
	    find_fields(s, at, err) < 0)
		return -1;
	buf_truncate(&s->text, 0);
	return buf_room(&s->text, n) ? 0 : es_fail_nomem(err);
}

static int time_field(struct message_scratch *s, const uint32_t *at, int f,
    int64_t *micros, struct es_err *err)
{
	struct span text = SPAN_NONE;

	if (string_field(s, at, f, &text, err) < 0)
		return -1;
	if (text.p && !rfc3339_parse(text, micros))
		return es_fail(err, ES_FAILED,
		    "%s: must be a time as in RFC 3339", field_names[f].p);
	return 0;
}

int message_parse(struct message_scratch *s, const char *line, size_t n,
    unsigned allow, struct draft *m, struct es_err *err)
{
	uint32_t at[F_COUNT];

	*m = (struct draft){0};
	if (begin_parse(s, line, n, at, err) < 0)
		return -1;
	if (at[F_STORED] != JSON_NONE && !(allow & MESSAGE_STORED))
		return es_fail(err, ES_FAILED,
		    "stored_at: is es's own; leave it out");
	if (at[F_ERASED] != JSON_NONE)
		return es_fail(err, ES_FAILED,
		    "erased_at: is es's own; leave it out");
	m->doc = &s->doc;
	m->payload_at = at[F_PAYLOAD];
	return parse_names(s, at, m, err) < 0 ||
	    parse_values(s, at, m, err) < 0 ||
	    time_field(s, at, F_STORED, &m->stored_at, err) < 0 ? -1 : 0;
}

static bool is_node(const struct json_doc *d, uint32_t node, struct span text)
{
	return node < d->n && d->text + d->nodes[node].start == text.p &&
	    d->nodes[node].len == text.n;
}

const struct json_doc *message_draft_doc(const struct draft *m)
{
	const struct json_doc *d = m->doc;

	return d && is_node(d, m->payload_at, m->payload) &&
	    (m->tags_at == JSON_NONE ? !m->tags.p :
	    is_node(d, m->tags_at, m->tags)) ? d : NULL;
}

int message_parse_stored(struct message_scratch *s, const char *line, size_t n,
    struct message *m, struct es_err *err)
{
	uint32_t at[F_COUNT];
	struct draft d = {0};

	*m = (struct message){0};
	if (begin_parse(s, line, n, at, err) < 0 ||
	    parse_names(s, at, &d, err) < 0 || parse_values(s, at, &d, err) < 0)
		return -1;
	if (at[F_POSITION] != JSON_NONE && json_int(&s->doc, at[F_POSITION], 1,
	    INT64_MAX, &m->position) < 0)
		return es_fail(err, ES_FAILED,
		    "position: must be an integer from 1");
	if (time_field(s, at, F_STORED, &m->stored_at, err) < 0 ||
	    time_field(s, at, F_ERASED, &m->erased_at, err) < 0)
		return -1;
	m->id = d.id;
	m->kind = d.kind == KIND_NONE ? KIND_EVENT : d.kind;
	m->type = d.type;
	m->version = d.version ? d.version : 1;
	m->tags = d.tags;
	m->payload = d.payload;
	m->metadata = d.metadata;
	m->causation_id = d.causation_id;
	m->correlation_id = d.correlation_id;
	m->created_at = d.created_at;
	return 0;
}
