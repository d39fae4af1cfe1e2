#include "unit.h"
#include "query.h"
#include "sys.h"

/* ---- building by flags ---- */

struct flag {
	int id;
	const char *arg;
};

/* Apply flags up to id 0; the query's text, or the error's. */
static const char *flags(const struct flag *f, struct query_bounds *bounds)
{
	static char text[4096];
	struct query q = {0};
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct es_err err = {0};
	struct buf out = {0};
	int r = 0;

	for (; f->id && r == 0; f++)
		r = query_flag(&q, &b, f->id, f->arg, &err);
	if (r == 0)
		r = query_flags_end(&q, &err);
	if (r == 0) {
		query_print(&out, &q);
		snprintf(text, sizeof text, "%s", out.p);
	} else {
		check_int(err.code, ES_USAGE);
		snprintf(text, sizeof text, "%s", err.text);
	}
	if (bounds)
		*bounds = b;
	buf_free(&out);
	query_free(&q);
	return text;
}

#define FLAGS(...) flags((const struct flag[]){__VA_ARGS__, {0, NULL}}, NULL)

static void test_flags(void)
{
	check_str(flags((const struct flag[]){{0, NULL}}, NULL), "{}");
	check_str(FLAGS({CLI_AFTER, "5"}), "{}");
	check_str(FLAGS({CLI_TYPE, "a.b"}, {CLI_TYPE, "c."}, {CLI_TYPE, "d.*"}),
	    "{\"items\":[{\"types\":[\"a.b\",\"c.\",\"d.\"]}]}");
	check_str(FLAGS({CLI_KEY, "id=a=b"}, {CLI_TAG, "id:x"},
	    {CLI_KEY, "e="}, {CLI_TAG, "loose"}),
	    "{\"items\":[{\"tags\":[\"id:a=b\",\"id:x\",\"e:\",\"loose\"]}]}");
	check_str(FLAGS({CLI_PARTITION, "c=1"}, {CLI_PARTITION, "d="},
	    {CLI_KIND, "command"}, {CLI_LAST, NULL}),
	    "{\"items\":[{\"partition\":{\"c\":\"1\",\"d\":\"\"},"
	    "\"kind\":\"command\",\"last\":true}]}");
	check_str(FLAGS({CLI_TYPE, "a"}, {CLI_OR, NULL}, {CLI_KIND, "event"}),
	    "{\"items\":[{\"types\":[\"a\"]},{\"kind\":\"event\"}]}");
	check_str(FLAGS({CLI_TAG, "q\"\\\x01"}),
	    "{\"items\":[{\"tags\":[\"q\\\"\\\\\\u0001\"]}]}");
}

static void test_flags_refused(void)
{
	char longer[KEY_VALUE_BYTES + 2];

	check(strstr(FLAGS({CLI_OR, NULL}), "-o: "));
	check(strstr(FLAGS({CLI_TYPE, "a"}, {CLI_OR, NULL}), "-o: "));
	check(strstr(FLAGS({CLI_TYPE, "a"}, {CLI_OR, NULL}, {CLI_OR, NULL},
	    {CLI_TYPE, "a"}), "-o: "));
	check(strstr(FLAGS({CLI_LAST, NULL}), "--last: "));
	check(strstr(FLAGS({CLI_LAST, NULL}, {CLI_OR, NULL}), "--last: "));
	check_str(FLAGS({CLI_KEY, "nope"}),
	    "--key: must be NAME=VALUE, not \"nope\"");
	check(strstr(FLAGS({CLI_KEY, "=x"}), "--key: "));
	check(strstr(FLAGS({CLI_PARTITION, "x"}), "--partition: "));
	check(strstr(FLAGS({CLI_PARTITION, "a:b=x"}), "a:b"));
	check_str(FLAGS({CLI_PARTITION, "a=1"}, {CLI_PARTITION, "a=2"}),
	    "partition: a: stands there twice");
	check_str(FLAGS({CLI_TAG, ""}), "tag: is empty");
	check(strstr(FLAGS({CLI_TAG, "\xff"}), "UTF-8"));
	check(strstr(FLAGS({CLI_KIND, "query"}), "kind: "));
	check(strstr(FLAGS({CLI_TYPE, ""}), "type: "));
	check(strstr(FLAGS({CLI_TYPE, "."}), "type: "));
	check(strstr(FLAGS({CLI_TYPE, "*"}), "type: "));
	check(strstr(FLAGS({CLI_TYPE, ".*"}), "type: "));
	check(strstr(FLAGS({CLI_TYPE, "a.."}), "type: "));
	check(strstr(FLAGS({CLI_TYPE, "a*"}), "type: "));
	check(strstr(FLAGS({CLI_TYPE, "a b\n"}), "a b\\x0a"));
	check_str(FLAGS({CLI_AFTER, "-1"}),
	    "--after: must be an integer from 0, not \"-1\"");
	check(strstr(FLAGS({CLI_BEFORE, "0"}), "--before: "));
	check(strstr(FLAGS({CLI_LIMIT, "1e3"}), "--limit: "));
	check(strstr(FLAGS({CLI_TAIL, "9223372036854775808"}), "--tail: "));
	check(strstr(FLAGS({CLI_SINCE, "yesterday"}), "--since: "));
	check(strstr(FLAGS({CLI_UNTIL, "2024-02-30T00:00:00Z"}), "--until: "));

	/* What no message can have is refused instead of never matching. */
	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	check(strstr(FLAGS({CLI_TAG, longer}), "longer"));
	longer[sizeof longer - 2] = '\0';
	check(strstr(FLAGS({CLI_TAG, longer}), "{"));
}

static void test_bounds(void)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	int64_t now = sys_now();

	check_int(b.limit, -1);
	flags((const struct flag[]){{CLI_AFTER, "3"}, {CLI_BEFORE, "9"},
	    {CLI_LIMIT, "0"}, {CLI_TAIL, "2"}, {CLI_REVERSE, NULL},
	    {CLI_SINCE, "1970-01-01T00:00:00Z"}, {CLI_UNTIL, "1h"}, {0, NULL}},
	    &b);
	check_int(b.after, 3);
	check_int(b.before, 9);
	check_int(b.limit, 0);
	check_int(b.tail, 2);
	check(b.reverse);
	check_int(b.since, 1);
	check(b.until >= now - INT64_C(3600000000) &&
	    b.until <= sys_now() - INT64_C(3600000000));
	flags((const struct flag[]){{CLI_SINCE, "2024-02-29T12:00:00.5+01:00"},
	    {CLI_UNTIL, "500000w"}, {0, NULL}}, &b);
	check_int(b.since, INT64_C(1709204400500000));
	check_int(b.until, 1);
	flags((const struct flag[]){{CLI_ID, "x"}, {CLI_CORRELATION, "y z"},
	    {0, NULL}}, &b);
	check(span_is(b.id, "x"));
	check_int(query_flag(NULL, &b, CLI_CORRELATION, "y", NULL), -1);
	b.correlation = SPAN_NONE;
	check_int(query_flag(NULL, &b, CLI_CORRELATION, "y", NULL), 0);
	check(span_is(b.correlation, "y"));
	/* A second one would hide the first. */
	check_int(query_flag(NULL, &b, CLI_ID, "x", NULL), -1);
	check_int(query_flag(NULL, &b, CLI_FOLLOW, NULL, NULL), 1);
}

/* ---- JSON ---- */

/* The query's own text, or the error's. */
static const char *parsed_n(const char *json, size_t n)
{
	static char text[4096];
	struct query q, copy;
	struct es_err err = {0};
	struct buf out = {0};

	if (query_parse(json, n, &q, &err) < 0) {
		check(q.n == 0 && !q.items && !q.everything);
		check_int(err.code, ES_USAGE);
		snprintf(text, sizeof text, "%s", err.text);
		return text;
	}
	check_int(query_copy(&q, &copy, &err), 0);
	query_free(&q);
	query_print(&out, &copy);
	snprintf(text, sizeof text, "%s", out.p);
	query_free(&copy);
	buf_free(&out);
	return text;
}

static const char *parsed(const char *json)
{
	return parsed_n(json, strlen(json));
}

static void test_json(void)
{
	static const char whole[] = "{\"items\":[{\"types\":[\"a.\",\"b\"],"
	    "\"tags\":[\"x:1\"],\"partition\":{\"c\":\"1\",\"d\":null},"
	    "\"kind\":\"event\",\"last\":true},{\"types\":[\"es.\"]}]}";

	check_str(parsed("{}"), "{}");
	check_str(parsed(" { } "), "{}");
	check_str(parsed("{\"items\":[]}"), "{\"items\":[]}");
	check_str(parsed(whole), whole);
	check_str(parsed("{\"items\":[{\"last\":false,\"types\":[\"a.*\"]}]}"),
	    "{\"items\":[{\"types\":[\"a.\"]}]}");
	check_str(parsed("{\"items\":[{\"partition\":"
	    "{\"\\u0061\":1,\"b\":true,\"c\":\"\\u00e9\"}}]}"),
	    "{\"items\":[{\"partition\":{\"a\":\"1\",\"b\":\"true\","
	    "\"c\":\"\xc3\xa9\"}}]}");
}

static void test_json_refused(void)
{
	static const struct { const char *json, *text; } bad[] = {
		{"", "unexpected end"},
		{"[]", "query: must be an object"},
		{"{\"item\":[]}", "item: no such field in a query"},
		{"{\"items\":[],\"limit\":1}", "limit: no such field"},
		{"{\"items\":{}}", "items: must be a list"},
		{"{\"items\":[1]}", "items[0]: must be an object"},
		{"{\"items\":[{}]}", "items[0]: has none of"},
		{"{\"items\":[{\"types\":[\"a\"]},{\"last\":true}]}",
		    "items[1]: has none of"},
		{"{\"items\":[{\"type\":[\"a\"]}]}",
		    "items[0]: type: no such field in an item"},
		{"{\"items\":[{\"a\\n\":1}]}", "items[0]: a\\x0a: no such"},
		{"{\"items\":[{\"types\":[]}]}", "types: must be a list of"},
		{"{\"items\":[{\"types\":\"a\"}]}", "types: must be a list"},
		{"{\"items\":[{\"types\":[1]}]}", "types: must be a list"},
		{"{\"items\":[{\"types\":[\"\"]}]}", "type: "},
		{"{\"items\":[{\"tags\":[\"\"]}]}", "tag: is empty"},
		{"{\"items\":[{\"tags\":[\"a\\u0000\"]}]}", "NUL"},
		{"{\"items\":[{\"tags\":[null]}]}", "tags: must be a list"},
		{"{\"items\":[{\"partition\":{}}]}", "partition: must be an"},
		{"{\"items\":[{\"partition\":[]}]}", "partition: must be an"},
		{"{\"items\":[{\"partition\":{\"a\":1.5}}]}", "partition: a v"},
		{"{\"items\":[{\"partition\":{\"a\":[]}}]}", "partition: a v"},
		{"{\"items\":[{\"partition\":{\"a\":\"\\u0000\"}}]}",
		    "partition: a v"},
		{"{\"items\":[{\"partition\":{\"\":\"\"}}]}", "partition: \"\""},
		{"{\"items\":[{\"partition\":{\"a\\u0000\":\"\"}}]}", "NUL"},
		{"{\"items\":[{\"partition\":{\"a\":1,\"\\u0061\":2}}]}",
		    "duplicate key"},
		{"{\"items\":[{\"kind\":\"query\"}]}", "kind: must be"},
		{"{\"items\":[{\"kind\":null}]}", "kind: must be"},
		{"{\"items\":[{\"types\":[\"a\"],\"last\":1}]}",
		    "last: must be a boolean"},
		{"{\"items\":[],\"items\":[]}", "duplicate key"},
		{"{} {}", "text behind"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (!strstr(parsed(bad[i].json), bad[i].text)) {
			check_str(parsed(bad[i].json), bad[i].text);
		}
	check(strstr(parsed_n("{\"items\":[]}\0", 13), "text behind"));
}

/* Many items and long lists keep their order and free all. */
static void test_large(void)
{
	struct buf b = {0}, out = {0};
	struct query q, copy;
	struct es_err err = {0};

	buf_adds(&b, "{\"items\":[");
	for (int i = 0; i < 1000; i++) {
		buf_addf(&b, "%s{\"types\":[", i ? "," : "");
		for (int j = 0; j < 7; j++)
			buf_addf(&b, "%s\"t%d.x%d\"", j ? "," : "", i, j);
		buf_adds(&b, "],\"partition\":{");
		for (int j = 0; j < 5; j++)
			buf_addf(&b, "%s\"n%d\":\"%d\"", j ? "," : "", j, i);
		buf_adds(&b, "}}");
	}
	buf_adds(&b, "]}");
	need(query_parse(b.p, b.n, &q, &err) == 0);
	check_int(q.n, 1000);
	check_int(query_copy(&q, &copy, &err), 0);
	query_print(&out, &copy);
	check_str(out.p, b.p);
	query_free(&q);
	query_free(&copy);
	query_free(&copy);
	buf_free(&b);
	buf_free(&out);
}

/* ---- matching ---- */

static bool matches(const char *json, enum message_kind kind,
    const char *type, const char *tags, const char *payload)
{
	struct message m = {.kind = kind, .type = span_str(type)};
	struct keys keys = {0};
	struct query q = {0};
	struct es_err err = {0};
	bool yes;

	need(message_keys(span_str(tags), span_str(payload), NULL, NULL, &keys,
	    &err) == 0);
	if (query_parse(json, strlen(json), &q, &err) < 0) {
		check_str(err.text, json);
		exit(1);
	}
	yes = query_match(&q, &m, &keys);
	query_free(&q);
	keys_free(&keys);
	return yes;
}

static bool typed(const char *types, const char *type)
{
	char json[256];

	snprintf(json, sizeof json, "{\"items\":[{\"types\":[%s]}]}", types);
	return matches(json, KIND_EVENT, type, NULL, "{}");
}

static void test_types(void)
{
	check(matches("{}", KIND_EVENT, "a", NULL, "{}"));
	check(!matches("{\"items\":[]}", KIND_EVENT, "a", NULL, "{}"));
	check(typed("\"a.b\"", "a.b"));
	check(!typed("\"a.b\"", "a.bc"));
	check(!typed("\"a.b\"", "a"));
	check(typed("\"x\",\"a.\"", "a.b"));
	check(typed("\"a.\"", "a.b.c"));
	check(!typed("\"a.\"", "a"));
	check(!typed("\"a.\"", "ab.c"));
	check(!typed("\"a.b.\"", "a.b"));
}

static void test_own(void)
{
	static const char tagged[] = "{\"items\":[{\"tags\":[\"x:1\"]}]}";
	static const char both[] = "{\"items\":[{\"tags\":[\"x:1\"],"
	    "\"types\":[\"es.\"]}]}";

	check(matches("{}", KIND_EVENT, "es.rejected", NULL, "{}"));
	check(!matches(tagged, KIND_EVENT, "es.rejected", NULL, "{\"x\":1}"));
	check(matches(tagged, KIND_EVENT, "est.rejected", NULL, "{\"x\":1}"));
	check(matches(both, KIND_EVENT, "es.rejected", NULL, "{\"x\":1}"));
	check(!matches("{\"items\":[{\"kind\":\"event\"}]}", KIND_EVENT,
	    "es.rejected", NULL, "{}"));
	check(!matches("{\"items\":[{\"partition\":{\"x\":1}}]}", KIND_EVENT,
	    "es.rejected", NULL, "{\"x\":1}"));
	check(typed("\"es.rejected\"", "es.rejected"));
	check(!typed("\"e.\"", "es.rejected"));
}

static bool tagged(const char *item, const char *tags, const char *payload)
{
	char json[512];

	snprintf(json, sizeof json, "{\"items\":[{%s}]}", item);
	return matches(json, KIND_COMMAND, "t", tags, payload);
}

static void test_tags(void)
{
	check(tagged("\"tags\":[\"a:1\"]", NULL, "{\"a\":1}"));
	check(tagged("\"tags\":[\"a:1\"]", NULL, "{\"a\":\"1\"}"));
	check(tagged("\"tags\":[\"a:1\"]", "[\"a:1\"]", "{}"));
	check(!tagged("\"tags\":[\"a:1\"]", NULL, "{\"a\":12}"));
	check(tagged("\"tags\":[\"a:1\",\"b:2\"]", "[\"b:2\"]", "{\"a\":1}"));
	check(!tagged("\"tags\":[\"a:1\",\"b:2\"]", NULL, "{\"a\":1}"));
	check(tagged("\"tags\":[\"loose\"]", "[\"loose\"]", "{\"a\":1}"));
	check(tagged("\"tags\":[\"a:true\"]", NULL, "{\"a\":true}"));
	check(tagged("\"kind\":\"command\"", NULL, "{}"));
	check(!tagged("\"kind\":\"event\"", NULL, "{}"));
	check(!tagged("\"kind\":\"event\",\"tags\":[\"a:1\"]", NULL,
	    "{\"a\":1}"));
}

static void test_partitions(void)
{
	static const char both[] = "\"partition\":{\"c\":\"1\",\"d\":\"2\"}";
	static const char lacks[] = "\"partition\":{\"c\":\"1\",\"d\":null}";
	static const char none[] = "\"partition\":{\"c\":null,\"d\":null}";

	check(tagged(both, NULL, "{\"c\":1}"));
	check(tagged(both, NULL, "{\"d\":2}"));
	check(tagged(both, NULL, "{\"c\":1,\"d\":2}"));
	check(!tagged(both, NULL, "{\"c\":1,\"d\":3}"));
	check(!tagged(both, NULL, "{\"d\":3}"));
	check(!tagged(both, NULL, "{\"e\":1}"));
	check(!tagged(both, "[\"c\",\"d\",\"cc:1\"]", "{}"));
	/* Of several values of a name one has to be right. */
	check(tagged(both, "[\"c:0\",\"c:1\",\"c:9\"]", "{}"));
	check(!tagged(both, "[\"c:0\",\"c:9\"]", "{\"d\":2}"));
	check(tagged(lacks, NULL, "{\"c\":1}"));
	check(!tagged(lacks, NULL, "{\"c\":1,\"d\":2}"));
	check(!tagged(lacks, NULL, "{\"e\":1}"));
	check(tagged(none, NULL, "{\"e\":1}"));
	check(tagged(none, "[\"c\"]", "{}"));
	check(!tagged(none, NULL, "{\"c\":1}"));
	check(tagged("\"partition\":{\"c\":\"\"}", NULL, "{\"c\":\"\"}"));
	check(tagged("\"partition\":{\"c\":\"a:b\"}", NULL, "{\"c\":\"a:b\"}"));
}

static void test_partition_of(void)
{
	char c[] = "c", d[] = "d", e[] = "e";
	char *names[] = {d, c, e};
	struct span values[3];
	struct keys keys = {0};
	struct es_err err = {0};
	bool many;

	need(message_keys(SPAN_LIT("[\"c:10\",\"c:9\",\"dd:1\",\"e\"]"),
	    SPAN_LIT("{\"d\":\"\"}"), NULL, NULL, &keys, &err) == 0);
	check_int(query_partition_of(&keys, names, 3, values, &many), 2);
	check(many);
	check(values[0].p && values[0].n == 0);
	check(span_is(values[1], "10"));
	check(!values[2].p);
	check_int(query_partition_of(&keys, names, 1, values, &many), 1);
	check(!many);
	check_int(query_partition_of(&keys, names, 0, values, &many), 0);
	keys_free(&keys);
}

/* ---- guards ---- */

#define ID1 "0190163d-8694-739b-aea5-966c26f8ad91"
#define ID2 "0190163d-8694-739b-aea5-966c26f8ad92"

static void test_guard(void)
{
	static const char text[] = "{\"query\":{\"items\":[{\"types\":"
	    "[\"a.\"]}]},\"after\":9007199254740993,\"store\":\"" ID1
	    "\",\"epoch\":\"" ID2 "\"}\n";
	static const char whole[] = "{\"query\":{},\"after\":7,\"id\":"
	    "\"a\\\"b\",\"store\":\"" ID1 "\",\"epoch\":\"" ID2 "\"}\n";
	struct guard g;
	struct es_err err = {0};
	struct buf out = {0};

	need(guard_parse(text, strlen(text), &g, &err) == 0);
	check_int(g.after, INT64_C(9007199254740993));
	check_str(g.store, ID1);
	check_str(g.epoch, ID2);
	guard_print(&out, &g);
	check_str(out.p, text);
	guard_free(&g);
	buf_truncate(&out, 0);

	/* With the id of the message that was the last. */
	need(guard_parse(whole, strlen(whole), &g, &err) == 0);
	check_str(g.id, "a\"b");
	guard_print(&out, &g);
	check_str(out.p, whole);
	guard_free(&g);
	buf_free(&out);
}

static void test_guard_refused(void)
{
	static const char *const bad[] = {
		"", "\n", "{}", "[]", "null",
		"{\"query\":{},\"after\":0,\"store\":\"" ID1 "\"}",
		"{\"query\":{},\"after\":-1,\"store\":\"" ID1 "\",\"epoch\":\""
		ID2 "\"}",
		"{\"query\":{},\"after\":1.0,\"store\":\"" ID1
		"\",\"epoch\":\"" ID2 "\"}",
		"{\"query\":{\"x\":1},\"after\":0,\"store\":\"" ID1
		"\",\"epoch\":\"" ID2 "\"}",
		"{\"query\":{},\"after\":0,\"store\":\"x\",\"epoch\":\"" ID2
		"\"}",
		"{\"query\":{},\"after\":0,\"store\":1,\"epoch\":\"" ID2 "\"}",
		"{\"query\":{},\"after\":0,\"store\":\"" ID1
		"\",\"epoch\":\"" ID2 "\",\"more\":1}",
		"{\"query\":{},\"after\":1,\"id\":7,\"store\":\"" ID1
		"\",\"epoch\":\"" ID2 "\"}",
		"{\"query\":{},\"after\":1,\"id\":\"a b\",\"store\":\"" ID1
		"\",\"epoch\":\"" ID2 "\"}",
		"{\"query\":{},\"after\":0,\"store\":\"" ID1
		"\",\"epoch\":\"" ID2 "\"}\n{}",
		"{\"query\":{},\"after\":0,\"store\":\"" ID1 "\",",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct guard g;
		struct es_err err = {0};

		if (guard_parse(bad[i], strlen(bad[i]), &g, &err) == 0)
			check_str(bad[i], "refused");
		check_int(err.code, ES_FAILED);
		check(g.query.n == 0);
	}
}

int main(void)
{
	test_flags();
	test_flags_refused();
	test_bounds();
	test_json();
	test_json_refused();
	test_large();
	test_types();
	test_own();
	test_tags();
	test_partitions();
	test_partition_of();
	test_guard();
	test_guard_refused();
	return unit_end();
}
