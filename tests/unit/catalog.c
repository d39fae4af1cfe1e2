#include "unit.h"
#include "catalog.h"

static struct catalog *load(const char *json)
{
	struct catalog *c;
	struct es_err err = {0};

	if (catalog_parse("c", json, strlen(json), &c, &err) < 0) {
		printf("%s: %s\n", json, err.text);
		exit(1);
	}
	return c;
}

/* A payload against one entry: what is stored, or the error's text. */
static const char *checked_n(const char *entry, bool coerce,
    const char *payload, size_t n)
{
	static char text[4096];
	struct buf json = {0}, out = {0};
	struct catalog *c;
	struct message_scratch s = {0};
	struct es_err err = {0};
	struct draft m = {.coerce = coerce, .payload = {payload, n}};

	buf_addf(&json, "{\"t\":%s}", entry);
	c = load(json.p);
	if (catalog_check(catalog_find(c, SPAN_LIT("t")), &m, &s, &out,
	    &err) < 0) {
		check_int(err.code, ES_FAILED);
		check_int(out.n, 0);
		snprintf(text, sizeof text, "%s", err.text);
	} else {
		snprintf(text, sizeof text, "%s", out.n ? out.p : "same");
	}
	catalog_free(c);
	buf_free(&json);
	buf_free(&out);
	message_scratch_free(&s);
	return text;
}

static const char *checked(const char *entry, const char *payload)
{
	return checked_n(entry, false, payload, strlen(payload));
}

static const char *coerced(const char *entry, const char *payload)
{
	return checked_n(entry, true, payload, strlen(payload));
}

/* One attribute "a" of a type, with a value. */
static const char *value(const char *type, const char *json)
{
	char entry[512], payload[512];

	snprintf(entry, sizeof entry, "{\"payload\":{\"a\":%s}}", type);
	snprintf(payload, sizeof payload, "{\"a\":%s}", json);
	return checked(entry, payload);
}

static void good(const char *type, const char *const *values)
{
	for (; *values; values++)
		if (strcmp(value(type, *values), "same") != 0)
			check_str(value(type, *values), *values);
}

static void bad(const char *type, const char *expected,
    const char *const *values)
{
	char want[256];

	for (; *values; values++) {
		snprintf(want, sizeof want, "t: a: %s, not %s", expected,
		    *values);
		check_str(value(type, *values), want);
	}
}

#define LIST(...) (const char *const[]){__VA_ARGS__, NULL}

static void test_types(void)
{
	good("\"string\"", LIST("\"\"", "\"x\"", "\"\\u0000\\n\""));
	bad("\"string\"", "must be a string", LIST("1", "null", "true"));
	good("\"integer\"", LIST("0", "-0", "-5", "9007199254740991",
	    "-9007199254740991"));
	bad("\"integer\"", "must be an integer", LIST("1.0", "1e3", "\"1\"",
	    "null", "true"));
	bad("\"integer\"", "must be an integer within 9007199254740991 "
	    "(2^53-1); larger ones belong in strings",
	    LIST("9007199254740992", "-9007199254740992",
	    "99999999999999999999999"));
	good("\"number\"", LIST("0", "1.5", "-1e-400", "1e308",
	    "99999999999999999999999"));
	bad("\"number\"", "must be a number", LIST("\"1\"", "null", "false"));
	bad("\"number\"", "must be a number below 1.8e308",
	    LIST("1e309", "-1e999"));
	good("\"boolean\"", LIST("true", "false"));
	bad("\"boolean\"", "must be a boolean", LIST("0", "\"true\"", "null"));
	good("\"object\"", LIST("{}", "{\"b\":[1]}"));
	bad("\"object\"", "must be an object", LIST("null", "\"{}\""));
	check_str(value("\"object\"", "[1]"),
	    "t: a: must be an object, not an array");
	good("\"array\"", LIST("[]", "[1,{}]"));
	check_str(value("\"array\"", "{}"),
	    "t: a: must be an array, not an object");
	good("\"any\"", LIST("null", "1.5", "{}", "[]", "\"\"", "true"));
	good("\"a|b c|\\u00e9\"", LIST("\"a\"", "\"b c\"", "\"\\u00E9\"",
	    "\"\\u0061\""));
	bad("\"a|b c\"", "must be one of a, b c", LIST("\"b\"", "\"a|b c\"",
	    "\"\"", "null", "1", "\"A\""));
}

static void test_strings(void)
{
	char longest[400], payload[512];

	good("\"uuid\"", LIST("\"0190163d-8694-739b-aea5-966c26f8ad91\""));
	bad("\"uuid\"", "must be a UUID (lower case, 8-4-4-4-12)", LIST(
	    "\"0190163D-8694-739b-aea5-966c26f8ad91\"",
	    "\"0190163d8694739baea5966c26f8ad91\"",
	    "\"0190163d-8694-739b-aea5-966c26f8ad9\"",
	    "\"g190163d-8694-739b-aea5-966c26f8ad91\"", "\"\"", "null", "1"));
	good("\"email\"", LIST("\"a@b\"", "\"a.b+c@d-e.example\"",
	    "\"!#$%&'*+/=?^_`{|}~-@x.y\"", "\".a@b\""));
	bad("\"email\"", "must be an email address", LIST("\"\"", "\"a\"",
	    "\"@b\"", "\"a@\"", "\"a@b.\"", "\"a@.b\"", "\"a@b..c\"",
	    "\"a@-b\"", "\"a@b-\"", "\"a@b@c\"", "\"a b@c\"", "\"a@b c\"",
	    "\"\xc3\xa9@b\"", "\"a@b\\n\"", "\"a\\u0000@b\"", "null",
	    "\"a@b_c\"", "\"<a@b>\""));
	memset(longest, 'x', sizeof longest);
	memcpy(longest + 250, "@b.cd", 6);
	snprintf(payload, sizeof payload, "\"%s\"", longest + 1);
	check_str(value("\"email\"", payload), "same");
	snprintf(payload, sizeof payload, "\"%s\"", longest);
	check(strstr(value("\"email\"", payload), "must be an email"));
	memset(longest, 'x', sizeof longest);
	memcpy(longest, "a@", 2);
	snprintf(payload, sizeof payload, "\"%.65s\"", longest);
	check_str(value("\"email\"", payload), "same");
	snprintf(payload, sizeof payload, "\"%.66s\"", longest);
	check(strstr(value("\"email\"", payload), "must be an email"));
	good("\"datetime\"", LIST("\"2024-02-29T23:59:59Z\"",
	    "\"2024-02-29T23:59:59.5+05:30\""));
	bad("\"datetime\"", "must be a time as in RFC 3339", LIST(
	    "\"2023-02-29T00:00:00Z\"", "\"2024-02-29\"", "\"now\"", "0",
	    "\"2024-02-29T24:00:00Z\"", "null"));
}

static void test_bounds(void)
{
	static const char integer[] =
	    "{\"type\":\"integer\",\"min\":5,\"max\":50}";
	static const char number[] =
	    "{\"type\":\"number\",\"min\":0.1,\"max\":1e3}";
	static const char string[] =
	    "{\"type\":\"string\",\"min\":2,\"max\":3}";
	static const char array[] = "{\"type\":\"array\",\"min\":1,\"max\":2}";
	static const char pattern[] = "{\"type\":\"string?\",\"pattern\":"
	    "\"[a-z]+(-[a-z]+)*|X\"}";

	good(integer, LIST("5", "50"));
	bad(integer, "must be at least 5", LIST("4", "-9007199254740991"));
	bad(integer, "must be at most 50", LIST("51"));
	good(number, LIST("0.1", "1000", "1.0e+3"));
	bad(number, "must be at least 0.1", LIST("0.09", "-1"));
	bad(number, "must be at most 1000", LIST("1000.1", "1e300"));
	good(string, LIST("\"ab\"", "\"\xc3\xa9\xc3\xa9\xc3\xa9\"",
	    "\"\\ud83d\\ude00x\""));
	bad(string, "must have at least 2 characters", LIST("\"\"",
	    "\"\xf0\x9f\x98\x80\""));
	bad(string, "must have at most 3 characters", LIST("\"abcd\""));
	good(array, LIST("[1]", "[1,[2,3,4]]"));
	check_str(value(array, "[]"),
	    "t: a: must have at least 1 elements, not an array");
	check(strstr(value(array, "[1,2,3]"), "must have at most 2 elements"));
	good(pattern, LIST("\"ab-c\"", "\"X\""));
	bad(pattern, "must match [a-z]+(-[a-z]+)*|X", LIST("\"\"", "\"aX\"",
	    "\"X\\n\"", "\"a\\u0000\"", "\"a-\""));
}

static void test_attributes(void)
{
	static const char entry[] = "{\"payload\":{\"id\":\"string\","
	    "\"n\":\"integer?\",\"b\":\"a|b?\"}}";

	check_str(checked(entry, "{\"id\":\"x\"}"), "same");
	check_str(checked(entry, "{\"b\":\"b\",\"id\":\"x\",\"n\":1}"), "same");
	check_str(checked(entry, "{\"i\\u0064\":\"x\"}"), "same");
	check_str(checked(entry, "{}"), "t: id: is missing");
	check_str(checked(entry, "{\"id\":\"x\",\"N\":1}"),
	    "t: N: no such attribute");
	check_str(checked(entry, "{\"id\":\"x\",\"\":1}"),
	    "t: : no such attribute");
	check_str(checked(entry, "{\"id\":\"x\",\"\\u001b[31m\":1}"),
	    "t: \\x1b[31m: no such attribute");
	check_str(checked(entry, "{\"id\":\"x\",\"n\":null}"),
	    "t: n: must be an integer, not null");
	/* The first fault counts. */
	check_str(checked(entry, "{\"n\":\"ten\",\"x\":1}"),
	    "t: n: must be an integer, not \"ten\"");
	check_str(checked("{}", "{\"whatever\":[1,2]}"), "same");
	check_str(checked("{\"payload\":{}}", "{}"), "same");
	check_str(checked("{\"payload\":{}}", "{\"a\":1}"),
	    "t: a: no such attribute");
	/* Not JSON, not an object. */
	check(strstr(checked(entry, "{\"id\":\"x\",\"i\\u0064\":\"y\"}"),
	    "duplicate key"));
	check_str(checked(entry, "[]"), "payload: must be an object");
	check(strstr(checked(entry, ""), "unexpected end"));
}

static void test_long_values(void)
{
	size_t n = 1 << 20, i;
	char *payload = malloc(n + 64);
	const char *text;

	need(payload);
	memcpy(payload, "{\"a\":\"", 6);
	memset(payload + 6, 'x', n - 8);
	memcpy(payload + n - 2, "\"}", 2);
	text = checked_n("{\"payload\":{\"a\":\"integer\"}}", false, payload, n);
	check(strncmp(text, "t: a: must be an integer, not \"xxx", 34) == 0);
	check(strlen(text) < 120 && strcmp(text + strlen(text) - 3, "...") == 0);
	check_str(checked_n("{\"payload\":{\"a\":\"string\"}}", false, payload,
	    n), "same");
	check(strstr(checked_n("{\"payload\":{\"a\":\"string\"},"
	    "\"keys\":[\"a\"]}", false, payload, n), "a: is a key and must"));
	/* Nested as deep as it may be. */
	memcpy(payload, "{\"a\":", 5);
	for (i = 0; i < 127; i++)
		payload[5 + i] = '[', payload[5 + 127 + i] = ']';
	payload[5 + 254] = '}';
	check_str(checked_n("{\"payload\":{\"a\":\"any\"}}", false, payload,
	    5 + 255), "same");
	/* Many attributes, none of them declared. */
	n = 1;
	for (i = 0; n < 1 << 19; i++)
		n += (size_t)snprintf(payload + n, 64, "\"k%zu\":%zu,", i, i);
	payload[0] = '{';
	payload[n - 1] = '}';
	check_str(checked_n("{}", true, payload, n), "same");
	check_str(checked_n("{\"payload\":{\"a\":\"any\"}}", true, payload, n),
	    "t: k0: no such attribute");
	free(payload);
}

static void test_keys(void)
{
	static const char entry[] = "{\"keys\":[\"k\",\"o\"],\"payload\":"
	    "{\"k\":\"any\",\"o\":\"string?\",\"x\":\"number\"}}";

	check_str(checked(entry, "{\"k\":1,\"x\":1.5}"), "same");
	check_str(checked(entry, "{\"k\":true,\"x\":1.5,\"o\":\"\"}"), "same");
	check(strstr(checked(entry, "{\"k\":null,\"x\":1}"),
	    "t: k: is a key and must be a string of at most 256 bytes"));
	check(strstr(checked(entry, "{\"k\":1.5,\"x\":1}"), "not 1.5"));
	check(strstr(checked(entry, "{\"k\":[],\"x\":1}"), "not an array"));
	check(strstr(checked(entry, "{\"k\":9007199254740992,\"x\":1}"),
	    "k: is a key"));
	check(strstr(checked(entry, "{\"k\":\"a\\u0000\",\"x\":1}"),
	    "k: is a key"));
	check(strstr(checked("{\"keys\":[\"k\"]}", "{\"k\":null}"),
	    "t: k: is a key"));
	check_str(checked("{\"keys\":[\"k\"]}", "{\"other\":null}"), "same");
}

static void test_head(void)
{
	struct catalog *c = load("{\"c\":{\"kind\":\"command\"},\"e\":"
	    "{\"version\":2}}");
	const struct catalog_entry *e = catalog_find(c, SPAN_LIT("e"));
	struct message_scratch s = {0};
	struct draft m = {.kind = KIND_EVENT};
	struct es_err err = {0};
	struct buf out = {0};

	check_int(catalog_check(catalog_find(c, SPAN_LIT("c")), &m, &s, &out,
	    &err), -1);
	check_str(err.text, "c: kind: must be command, not event");
	check_int(catalog_check(e, &m, &s, &out, &err), 0);
	m.version = 2;
	check_int(catalog_check(e, &m, &s, &out, &err), 0);
	m.version = 1;
	check_int(catalog_check(e, &m, &s, &out, &err), -1);
	check_str(err.text, "e: version: must be 2, not 1");
	message_scratch_free(&s);
	buf_free(&out);
	catalog_free(c);
}

static void test_coercion(void)
{
	static const char entry[] = "{\"payload\":{\"s\":\"string?\","
	    "\"i\":\"integer?\",\"n\":\"number?\",\"b\":\"boolean?\","
	    "\"o\":\"object?\",\"a\":\"array?\",\"any\":\"any?\","
	    "\"e\":\"1|2?\"}}";

	check_str(coerced(entry, "{\"s\":\"10\",\"any\":\"10\",\"e\":\"1\"}"),
	    "same");
	check_str(coerced(entry, "{ \"i\" : \"10\" , \"s\":\"\\u0061\" }"),
	    "{ \"i\" : 10 , \"s\":\"\\u0061\" }");
	check_str(coerced(entry, "{\"i\":\"-\\u0031\",\"n\":\"1.5e3\","
	    "\"b\":\"on\"}"), "{\"i\":-1,\"n\":1.5e3,\"b\":true}");
	check_str(coerced(entry, "{\"b\":\"true\"}"), "{\"b\":true}");
	check_str(coerced(entry, "{\"b\":\"false\"}"), "{\"b\":false}");
	check_str(coerced(entry, "{\"i\":1,\"n\":2,\"b\":true}"), "same");
	check_str(coerced(entry, "{\"i\":\"ten\"}"),
	    "t: i: must be an integer, not \"ten\"");
	check_str(coerced(entry, "{\"i\":\" 1\"}"),
	    "t: i: must be an integer, not \" 1\"");
	check_str(coerced(entry, "{\"i\":\"1 \"}"),
	    "t: i: must be an integer, not \"1 \"");
	check_str(coerced(entry, "{\"i\":\"1.0\"}"),
	    "t: i: must be an integer, not 1.0");
	check(strstr(coerced(entry, "{\"i\":\"[1]\"}"), "must be an integer"));
	check(strstr(coerced(entry, "{\"i\":\"9007199254740992\"}"),
	    "must be an integer within"));
	check(strstr(coerced(entry, "{\"n\":\"0x10\"}"), "must be a number"));
	check(strstr(coerced(entry, "{\"n\":\"1\\u0000\"}"), "must be a num"));
	check(strstr(coerced(entry, "{\"b\":\"yes\"}"), "must be a boolean"));
	check(strstr(coerced(entry, "{\"o\":\"{}\"}"), "must be an object"));
	check(strstr(coerced(entry, "{\"a\":\"[]\"}"), "must be an array"));
	/* Only form text is coerced. */
	check(strstr(checked(entry, "{\"i\":\"1\"}"), "must be an integer"));
	check(strstr(coerced("{\"payload\":{\"a\":{\"type\":\"integer\","
	    "\"max\":5}}}", "{\"a\":\"6\"}"), "must be at most 5, not 6"));
}

/* An empty field of a form is one that was not filled in. */
static void test_left_out(void)
{
	static const char entry[] = "{\"payload\":{\"a\":\"integer?\","
	    "\"b\":\"string?\",\"c\":\"string\",\"d\":\"1|2?\"}}";

	check_str(coerced(entry, "{\"a\":\"\",\"c\":\"\"}"), "{\"c\":\"\"}");
	check_str(coerced(entry, "{\"c\":\"\",\"b\":\"\"}"), "{\"c\":\"\"}");
	check_str(coerced(entry, "{ \"a\":\"\", \"b\":\"\", \"c\":\"x\", "
	    "\"d\":\"\" }"), "{\"c\":\"x\"}");
	check_str(coerced(entry, "{\"a\":\"1\",\"b\":\"\",\"c\":\"x\"}"),
	    "{\"a\":1,\"c\":\"x\"}");
	check_str(coerced(entry, "{\"c\":\"x\",\"a\":\"\",\"b\":\"y\","
	    "\"d\":\"\"}"), "{\"c\":\"x\",\"b\":\"y\"}");
	check_str(coerced("{\"payload\":{\"a\":\"any?\"}}", "{ \"a\":\"\" }"),
	    "{}");
	check_str(checked(entry, "{\"b\":\"\",\"c\":\"\"}"), "same");
	check(strstr(checked(entry, "{\"a\":\"\",\"c\":\"\"}"), "a: must be"));
	check(strstr(coerced("{\"payload\":{\"a\":\"integer\"}}",
	    "{\"a\":\"\"}"), "a: must be an integer, not \"\""));
}

static void test_defaults(void)
{
	static const char entry[] = "{\"payload\":{\"a\":\"integer?\","
	    "\"s\":{\"type\":\"string\",\"default\":\"x \\u00e9\"},"
	    "\"o\\n\":{\"type\":\"any\",\"default\": { \"k\" : [1, 2] } }}}";

	check_str(checked(entry, "{}"),
	    "{\"s\":\"x \\u00e9\",\"o\\n\":{\"k\":[1,2]}}");
	check_str(checked(entry, " { } "),
	    "{\"s\":\"x \\u00e9\",\"o\\n\":{\"k\":[1,2]} }");
	check_str(checked(entry, "{\"a\":1, \"s\":\"\" }"),
	    "{\"a\":1, \"s\":\"\",\"o\\n\":{\"k\":[1,2]} }");
	check_str(checked(entry, "{\"o\\u000a\":null,\"s\":\"\"}"), "same");
	check_str(coerced(entry, "{\"a\":\"\",\"s\":\"\",\"o\\n\":1}"),
	    "{\"o\\n\":1,\"s\":\"x \\u00e9\"}");
	check_str(coerced(entry, "{\"o\\n\":1,\"s\":\"\"}"),
	    "{\"o\\n\":1,\"s\":\"x \\u00e9\"}");
	check_str(coerced(entry, "{\"s\":\"\", \"o\\n\":1, \"a\":\"7\"}"),
	    "{\"o\\n\":1, \"a\":7,\"s\":\"x \\u00e9\"}");
}

static void collect(void *ctx, struct span attribute, const char *expected,
    const char *came)
{
	buf_addf(ctx, "%.*s %s (%s); ", (int)attribute.n, attribute.p,
	    expected, came);
}

static void test_all_faults(void)
{
	struct catalog *c = load("{\"t\":{\"payload\":{\"a\":\"integer\","
	    "\"b\":\"string\",\"c\":\"boolean\",\"d\":{\"type\":\"any\","
	    "\"default\":1}}}}");
	struct message_scratch s = {0};
	struct draft m = {.coerce = true, .payload = SPAN_LIT(
	    "{\"a\":\"ten\",\"x\":1,\"b\":\"ok\"}")};
	struct es_err err = {0};
	struct buf out = {0}, all = {0};

	check_int(catalog_check_all(catalog_at(c, 0), &m, &s, &out, collect,
	    &all, &err), -1);
	check_str(all.p, "a must be an integer (\"ten\"); x no such attribute "
	    "(); c is missing (); ");
	check_str(err.text, "t: a: must be an integer, not \"ten\"");
	check_int(out.n, 0);
	message_scratch_free(&s);
	buf_free(&out);
	buf_free(&all);
	catalog_free(c);
}

int main(void)
{
	test_types();
	test_strings();
	test_bounds();
	test_attributes();
	test_long_values();
	test_keys();
	test_head();
	test_coercion();
	test_left_out();
	test_defaults();
	test_all_faults();
	return unit_end();
}
