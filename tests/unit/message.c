/*
 * message: which lines are messages, what is wrong with the others, and how a
 * message is printed.
 */
#include "unit.h"
#include "message.h"

static struct message_scratch scratch;
static struct draft m;
static struct es_err err;
static char *line;

/* Parse a copy of its own size; the draft stays valid until the next. */
static int parse_n(const char *p, size_t n, unsigned allow)
{
	free(line);
	line = malloc(n ? n : 1);
	need(line);
	memcpy(line, p, n);
	err.text[0] = '\0';
	return message_parse(&scratch, line, n, allow, &m, &err);
}

static int parse(const char *text)
{
	return parse_n(text, strlen(text), 0);
}

static void refused(const char *text, const char *why)
{
	check_int(parse(text), -1);
	check_int(err.code, ES_FAILED);
	if (strcmp(err.text, why) != 0)
		printf("for the line %s\n", text);
	check_str(err.text, why);
}

static void test_least(void)
{
	need(parse("{\"type\":\"a\"}") == 0);
	check(span_is(m.type, "a"));
	check(!m.id.p && !m.tags.p && !m.causation_id.p &&
	    !m.correlation_id.p && !m.created_at.p);
	check_int(m.kind, KIND_NONE);
	check_int(m.version, 0);
	check(span_is(m.payload, "{}"));
	check(span_is(m.metadata, "{}"));
	check(!m.coerce);
}

static void test_all_fields(void)
{
	need(parse("{\"created_at\":\"2026-01-02T03:04:05+01:00\","
	    "\"correlation_id\":\"k\",\"causation_id\":\"c\","
	    "\"metadata\":{ \"a\":1e400 },\"payload\": { \"b\" : \"\\u0041\" },"
	    "\"tags\":[ \"x:1\" ],\"version\":3,\"type\":\"a.b\","
	    "\"kind\":\"command\",\"id\":\"i\",\"position\":\"any\"}\r") == 0);
	check(span_is(m.id, "i"));
	check_int(m.kind, KIND_COMMAND);
	check(span_is(m.type, "a.b"));
	check_int(m.version, 3);
	check(span_is(m.tags, "[ \"x:1\" ]"));
	check(span_is(m.payload, "{ \"b\" : \"\\u0041\" }"));
	check(span_is(m.metadata, "{ \"a\":1e400 }"));
	check(span_is(m.causation_id, "c"));
	check(span_is(m.correlation_id, "k"));
	check(span_is(m.created_at, "2026-01-02T03:04:05+01:00"));

	/* Escapes are decoded, in names of fields too. */
	need(parse("{\"\\u0074ype\":\"\\u0061.\\u0062\",\"id\":\"\\u0069\","
	    "\"kind\":\"\\u0065vent\"}") == 0);
	check(span_is(m.type, "a.b"));
	check(span_is(m.id, "i"));
	check_int(m.kind, KIND_EVENT);
	/* No tags are the same as none given. */
	need(parse("{\"type\":\"a\",\"tags\":[]}") == 0);
	check(!m.tags.p);
}

static void test_fields(void)
{
	refused("", "unexpected end (byte 1)");
	refused("[]", "not a JSON object");
	refused("\"a\"", "not a JSON object");
	refused("{}", "type: missing");
	refused("{\"type\":1}", "type: must be a string");
	refused("{\"type\":null}", "type: must be a string");
	refused("{\"type\":\"a\",\"type\":\"a\"}", "duplicate key (byte 24)");
	refused("{\"type\":\"a\",\"payloads\":{}}", "payloads: no such field");
	refused("{\"type\":\"a\",\"\":{}}", ": no such field");
	refused("{\"type\":\"a\",\"\\u001b[2J\":{}}",
	    "\\x1b[2J: no such field");
	refused("{\"type\":\"a\",\"Kind\":\"event\"}", "Kind: no such field");
	refused("{\"type\":\"a\",\"kind\":\"Event\"}",
	    "kind: must be \"event\" or \"command\"");
	refused("{\"type\":\"a\",\"kind\":true}", "kind: must be a string");
	refused("{\"type\":\"a\",\"payload\":[]}",
	    "payload: must be an object");
	refused("{\"type\":\"a\",\"payload\":null}",
	    "payload: must be an object");
	refused("{\"type\":\"a\",\"metadata\":\"x\"}",
	    "metadata: must be an object");
	refused("{\"type\":\"a\",\"deliver_at\":\"+5m\"}",
	    "deliver_at: this version has no schedules");
	refused("{\"type\":\"a\",\"erased_at\":\"2026-01-02T03:04:05Z\"}",
	    "erased_at: is es's own; leave it out");
	refused("{\"type\":\"a\",\"stored_at\":\"2026-01-02T03:04:05Z\"}",
	    "stored_at: is es's own; leave it out");
	check_int(parse_n("{\"type\":\"a\",\"stored_at\":7}", 26,
	    MESSAGE_STORED), -1);
	check_int(parse_n("{\"type\":\"a\",\"stored_at\":"
	    "\"2026-01-02T03:04:05Z\"}", 47, MESSAGE_STORED), 0);
}

static void test_versions(void)
{
	static const char *const bad[] = {"0", "-1", "1.0", "1e1", "\"1\"",
	    "null", "2147483648", "99999999999999999999"};
	char text[128];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, "{\"type\":\"a\",\"version\":%s}",
		    bad[i]);
		refused(text, "version: must be an integer from 1");
	}
	need(parse("{\"type\":\"a\",\"version\":2147483647}") == 0);
	check_int(m.version, INT32_MAX);
}

static void test_times(void)
{
	refused("{\"type\":\"a\",\"created_at\":\"today\"}",
	    "created_at: must be a time as in RFC 3339");
	refused("{\"type\":\"a\",\"created_at\":\"\"}",
	    "created_at: must be a time as in RFC 3339");
	refused("{\"type\":\"a\",\"created_at\":0}",
	    "created_at: must be a string");
	refused("{\"type\":\"a\",\"created_at\":\"2026-02-29T00:00:00Z\"}",
	    "created_at: must be a time as in RFC 3339");
}

static void test_tags(void)
{
	char text[600];

	refused("{\"type\":\"a\",\"tags\":\"x\"}",
	    "tags: must be an array of strings");
	refused("{\"type\":\"a\",\"tags\":{}}",
	    "tags: must be an array of strings");
	refused("{\"type\":\"a\",\"tags\":[\"x\",1]}",
	    "tags: must be an array of strings");
	refused("{\"type\":\"a\",\"tags\":[\"\"]}",
	    "tags: a tag must have 1 to 256 bytes");
	refused("{\"type\":\"a\",\"tags\":[\"a\\u0000b\"]}",
	    "tags: NUL in a tag");
	snprintf(text, sizeof text, "{\"type\":\"a\",\"tags\":[\"%0256d\"]}", 0);
	check_int(parse(text), 0);
	snprintf(text, sizeof text, "{\"type\":\"a\",\"tags\":[\"%0257d\"]}", 0);
	refused(text, "tags: a tag must have 1 to 256 bytes");
}

/* A draft knows its doc as long as its tags and payload are those in it. */
static void test_doc(void)
{
	static const char text[] = "{\"payload\":{\"b\":1},\"type\":\"a\","
	    "\"tags\":[\"x:1\"]}";
	const struct json_doc *d;
	struct draft other;

	need(parse(text) == 0);
	d = message_draft_doc(&m);
	need(d == &scratch.doc);
	check(span_eq(json_text(d, m.payload_at), m.payload));
	check(span_eq(json_text(d, m.tags_at), m.tags));
	other = m;
	other.payload = SPAN_LIT("{\"b\":1}");
	check(!message_draft_doc(&other));
	other = m;
	other.payload.n--;
	check(!message_draft_doc(&other));
	other = m;
	other.tags = SPAN_NONE;
	check(!message_draft_doc(&other));
	/* The doc has gone on to something shorter. */
	other = m;
	need(json_parse(&scratch.doc, "{}", 2, &err) == 0);
	check(!message_draft_doc(&other));
	/* Without tags, and with none in them. */
	need(parse("{\"payload\":{},\"type\":\"a\"}") == 0);
	check(message_draft_doc(&m) != NULL);
	check_int(m.tags_at, JSON_NONE);
	m.tags = SPAN_LIT("[\"x\"]");
	check(!message_draft_doc(&m));
	need(parse("{\"payload\":{},\"type\":\"a\",\"tags\":[]}") == 0);
	check(message_draft_doc(&m) != NULL);
	check_int(m.tags_at, JSON_NONE);
	/* Without a payload there is nothing to look at. */
	need(parse("{\"type\":\"a\"}") == 0);
	check(!message_draft_doc(&m));
	other = (struct draft){.payload = SPAN_LIT("{}")};
	check(!message_draft_doc(&other));
}

static int check_type(const char *type)
{
	err.text[0] = '\0';
	return message_check_type(span_str(type), &err);
}

static void test_types(void)
{
	static const char *const good[] = {"a", "a.b", "A-b_c:d.9", "0", "-",
	    "area.name.more", "a:b.c"};
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a b",
	    "a/b", "a*", "caf\xc3\xa9", "a\n", " a", "a.b.", "@", "[", "`",
	    "{"};
	char text[MESSAGE_TYPE_BYTES + 2];

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		check_int(check_type(good[i]), 0);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		check_int(check_type(bad[i]), -1);
	check_int(check_type("a\033b"), -1);
	check_str(err.text, "type: \"a\\x1bb\" is not of the form area.name "
	    "(A-Z a-z 0-9 _ : - and dots between)");
	check_int(message_check_type((struct span){"a\0b", 3}, &err), -1);
	memset(text, 'x', sizeof text);
	text[MESSAGE_TYPE_BYTES + 1] = '\0';
	check_int(check_type(text), -1);
	check_str(err.text, "type: longer than 128 bytes");
	text[MESSAGE_TYPE_BYTES] = '\0';
	check_int(check_type(text), 0);
}

static void test_ids(void)
{
	char text[MESSAGE_ID_BYTES + 2];

	refused("{\"type\":\"a\",\"id\":\"\"}",
	    "id: must have 1 to 128 characters");
	refused("{\"type\":\"a\",\"id\":\"a b\"}",
	    "id: must be printable ASCII without spaces");
	refused("{\"type\":\"a\",\"id\":\"\\u0000\"}",
	    "id: must be printable ASCII without spaces");
	refused("{\"type\":\"a\",\"id\":\"caf\xc3\xa9\"}",
	    "id: must be printable ASCII without spaces");
	refused("{\"type\":\"a\",\"id\":\"\x7f\"}",
	    "id: must be printable ASCII without spaces");
	refused("{\"type\":\"a\",\"id\":7}", "id: must be a string");
	refused("{\"type\":\"a\",\"causation_id\":\"\"}",
	    "causation_id: must have 1 to 128 characters");
	refused("{\"type\":\"a\",\"correlation_id\":\" \"}",
	    "correlation_id: must be printable ASCII without spaces");
	memset(text, '~', sizeof text);
	text[MESSAGE_ID_BYTES + 1] = '\0';
	check_int(message_check_id(span_str(text), "id", &err), -1);
	text[MESSAGE_ID_BYTES] = '\0';
	check_int(message_check_id(span_str(text), "id", &err), 0);
	check_int(message_check_id(span_str("!\"\\"), "id", &err), 0);
}

/* A line of n bytes. */
static int parse_long(size_t n)
{
	struct buf b = {0};
	int r;

	buf_adds(&b, "{\"type\":\"a\",\"payload\":{\"a\":\"");
	while (b.n < n - 3)
		buf_addc(&b, 'x');
	buf_adds(&b, "\"}}");
	need(!b.failed && b.n == n);
	r = parse_n(b.p, b.n, 0);
	buf_free(&b);
	return r;
}

static void test_long_lines(void)
{
	check_int(parse_long(MESSAGE_LINE_MAX), 0);
	check_int(parse_long(MESSAGE_LINE_MAX + 1), -1);
	check_str(err.text, "longer than 1048576 bytes");
}

static void test_depth(void)
{
	struct buf b = {0};

	for (int depth = JSON_DEPTH - 2; depth < JSON_DEPTH; depth++) {
		buf_truncate(&b, 0);
		buf_adds(&b, "{\"type\":\"a\",\"payload\":{\"a\":");
		for (int i = 0; i < depth; i++)
			buf_addc(&b, '[');
		for (int i = 0; i < depth; i++)
			buf_addc(&b, ']');
		buf_adds(&b, "}}");
		check_int(parse_n(b.p, b.n, 0),
		    depth == JSON_DEPTH - 2 ? 0 : -1);
	}
	check(strncmp(err.text, "nested too deep", 15) == 0);
	buf_free(&b);
}

/* ---- printing ---- */

/* Every byte that a string can have, at every place of an id. */
static void test_print_quoted(void)
{
	struct buf out = {0}, want = {0};
	char id[21];

	for (int place = 0; place < 20; place++)
		for (int c = 1; c < 256; c++) {
			struct message odd = {.id = {id, 20}, .type =
			    SPAN_LIT("a"), .payload = SPAN_LIT("{}"),
			    .metadata = SPAN_LIT("{}"), .causation_id =
			    {id, 20}, .correlation_id = SPAN_LIT("k")};
			const char *found;

			memset(id, 'x', 20);
			id[place] = (char)c;
			buf_truncate(&out, 0);
			buf_truncate(&want, 0);
			message_print(&out, &odd);
			json_quote(&want, id, 20);
			found = memmem(out.p, out.n, want.p, want.n);
			check(found && memmem(found + 1, out.n -
			    (size_t)(found + 1 - out.p), want.p, want.n));
			check_int(strlen(out.p), out.n);
		}
	buf_free(&out);
	buf_free(&want);
}

static const char full[] =
    "{\"position\":12,\"id\":\"i\\\\1\",\"kind\":\"command\",\"type\":\"a.b\","
    "\"version\":2,\"tags\":[\"x:1\"],\"payload\":{ \"n\": 1.50 },"
    "\"metadata\":{\"by\":\"me\"},\"causation_id\":\"c\","
    "\"correlation_id\":\"k\",\"created_at\":\"2026-01-02T03:04:05+01:00\","
    "\"stored_at\":\"2026-01-02T02:04:06.000007Z\"}";

static void test_print(void)
{
	struct buf out = {0};
	struct message s;

	need(message_parse_stored(&scratch, full, sizeof full - 1, &s,
	    &err) == 0);
	check_int(s.position, 12);
	check_int(s.stored_at, INT64_C(1767319446000007));
	message_print(&out, &s);
	check_int(out.n, sizeof full);
	check(out.n == sizeof full &&
	    memcmp(out.p, full, sizeof full - 1) == 0);
	check_int(out.p[out.n - 1], '\n');

	s.tags = SPAN_NONE;
	s.erased_at = s.stored_at + 1;
	s.payload = s.metadata = SPAN_LIT("{}");
	buf_truncate(&out, 0);
	message_print(&out, &s);
	check_str(out.p, "{\"position\":12,\"id\":\"i\\\\1\","
	    "\"kind\":\"command\",\"type\":\"a.b\",\"version\":2,"
	    "\"payload\":{},\"metadata\":{},\"causation_id\":\"c\","
	    "\"correlation_id\":\"k\","
	    "\"created_at\":\"2026-01-02T03:04:05+01:00\","
	    "\"stored_at\":\"2026-01-02T02:04:06.000007Z\","
	    "\"erased_at\":\"2026-01-02T02:04:06.000008Z\"}\n");
	buf_free(&out);
}

static void test_parse_stored(void)
{
	struct message s;

	need(message_parse_stored(&scratch, "{\"type\":\"a\"}", 12, &s,
	    &err) == 0);
	check_int(s.position, 0);
	check_int(s.kind, KIND_EVENT);
	check_int(s.version, 1);
	check_int(s.stored_at, 0);
	check(span_is(s.payload, "{}"));
	check_int(message_parse_stored(&scratch,
	    "{\"type\":\"a\",\"position\":0}", 25, &s, &err), -1);
	check_str(err.text, "position: must be an integer from 1");
	check_int(message_parse_stored(&scratch,
	    "{\"type\":\"a\",\"stored_at\":\"x\"}", 28, &s, &err), -1);
	check_str(err.text, "stored_at: must be a time as in RFC 3339");
	check_int(message_parse_stored(&scratch, "{}", 2, &s, &err), -1);
}

static const char *pretty(const struct message *s, int width)
{
	static struct buf b;

	buf_truncate(&b, 0);
	message_print_pretty(&b, s, false, width);
	return b.p;
}

static void test_pretty(void)
{
	struct message s;
	struct buf b = {0};

	need(message_parse_stored(&scratch, full, sizeof full - 1, &s,
	    &err) == 0);
	check_str(pretty(&s, 0), "      12  2026-01-02 02:04:06  > "
	    "a.b                                { \"n\": 1.50 }\n");
	s.kind = KIND_EVENT;
	s.erased_at = 1;
	check_str(pretty(&s, 0), "      12  2026-01-02 02:04:06    "
	    "a.b                                (erased)\n");
	s.erased_at = 0;
	/* What drives a terminal is escaped. */
	s.payload = SPAN_LIT("{\"a\":\"\x7f\xc2\x9b\xc3\xa9\t\"}");
	check(strstr(pretty(&s, 0),
	    "{\"a\":\"\\u007f\\u009b\xc3\xa9\\u0009\"}\n"));
	/* Cut at a character, counted in characters. */
	s.payload = SPAN_LIT("{\"a\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\"}");
	check(strstr(pretty(&s, 10), "{\"a\":\"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
	    "\xc3\xa9\xe2\x80\xa6\n"));
	message_print_pretty(&b, &s, true, 0);
	check(b.p && strstr(b.p, "\033[1;32ma.b") != NULL);
	buf_free(&b);
}

/* Every beginning of a line is refused, and any byte may come. */
static void test_every_byte(void)
{
	char copy[sizeof full];

	for (size_t i = 0; i < sizeof full - 1; i++)
		check_int(parse_n(full, i, MESSAGE_STORED), -1);
	for (size_t i = 0; i < sizeof full - 1; i++)
		for (int c = 0; c < 256; c++) {
			memcpy(copy, full, sizeof full);
			copy[i] = (char)c;
			(void)parse_n(copy, sizeof full - 1, MESSAGE_STORED);
		}
}

int main(void)
{
	test_least();
	test_all_fields();
	test_fields();
	test_versions();
	test_times();
	test_tags();
	test_doc();
	test_types();
	test_ids();
	test_long_lines();
	test_depth();
	test_print();
	test_print_quoted();
	test_parse_stored();
	test_pretty();
	test_every_byte();
	free(line);
	message_scratch_free(&scratch);
	return unit_end();
}
