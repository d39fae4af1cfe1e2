#include "unit.h"
#include "catalog.h"

/* The error of a catalog, "" when it is good. */
static const char *refused(const char *json)
{
	static struct es_err err;
	struct catalog *c;

	es_err_clear(&err);
	if (catalog_parse("messages.json", json, strlen(json), &c, &err) == 0)
		catalog_free(c);
	else
		check(c == NULL && err.code == ES_FAILED);
	return err.text;
}

static const char *refused_entry(const char *entry)
{
	char json[1024];
	const char *text, *place = "messages.json: t: ";

	snprintf(json, sizeof json, "{\"t\":%s}", entry);
	text = refused(json);
	if (*text && strncmp(text, place, strlen(place)) != 0)
		check_str(text, place);
	return *text ? text + strlen(place) : text;
}

static const char *refused_rule(const char *rule)
{
	char entry[900];
	const char *text;

	snprintf(entry, sizeof entry, "{\"payload\":{\"a\":%s}}", rule);
	text = refused_entry(entry);
	if (*text && strncmp(text, "a: ", 3) != 0)
		check_str(text, "a: …");
	return *text ? text + 3 : text;
}

static void test_whole(void)
{
	check_str(refused("{}"), "");
	check_str(refused(" {\n}\n"), "");
	check(strstr(refused(""), "messages.json:1: unexpected end"));
	check(strstr(refused("{\n\n  \"a.b\": {},\n}"),
	    "messages.json:4: expected a key"));
	check(strstr(refused("{\"a.b\":{},\"a\\u002eb\":{}}"),
	    "duplicate key"));
	check(strstr(refused("\xef\xbb\xbf{}"), "messages.json:1: not JSON"));
	check_str(refused("[]"), "messages.json: must be an object with an "
	    "entry for each type");
	check(strstr(refused("{\"a b\":{}}"), "type: \"a b\""));
	check(strstr(refused("{\"\":{}}"), "type: "));
	check(strstr(refused("{\"a.\":{}}"), "type: "));
	check(strstr(refused("{\"es.x\":{}}"), "es.x: types that begin"));
	check_str(refused("{\"est\":{}}"), "");
	check_str(refused("{\"a\":{},\"b.c\":[]}"),
	    "messages.json: b.c: must be an object");
	check_str(refused("{\"donations.select_amount\":{\"payload\":"
	    "{\"amount\":{\"type\":\"integer\",\"min\":\"5\"}}}}"),
	    "messages.json: donations.select_amount: amount: min: must be an "
	    "integer within 9007199254740991 (2^53-1)");
}

static void test_entry(void)
{
	check_str(refused_entry("{}"), "");
	check_str(refused_entry("{\"kind\":\"command\",\"web\":true,"
	    "\"version\":3,\"keys\":[\"a\"],\"private\":[\"b\"],\"channel\":"
	    "\"x.{a}\",\"payload\":{\"a\":\"string\",\"b\":\"any\"}}"), "");
	check_str(refused_entry("{\"kinds\":\"event\"}"),
	    "kinds: no such field");
	check_str(refused_entry("{\"k\\u0069nd\":\"event\"}"), "");
	check_str(refused_entry("{\"upcast\":\".\"}"),
	    "upcast: there is no version before version 1");
	check_str(refused_entry("{\"version\":2,\"upcast\":\".\"}"), "");
	check_str(refused_entry("{\"version\":2,\"upcast\":\"\"}"),
	    "upcast: must be a jq program");
	check_str(refused_entry("{\"version\":2,\"upcast\":[]}"), "upcast: "
	    "must be a jq program, or an object with one for each version");
	check_str(refused_entry("{\"version\":3,\"upcast\":{\"2\":\".\","
	    "\"3\":\".\"}}"), "");
	check_str(refused_entry("{\"version\":3,\"upcast\":{\"3\":1}}"),
	    "upcast: 3: must be a jq program, or an object with one for each "
	    "version");
	check_str(refused_entry("{\"version\":3,\"upcast\":{\"4\":\".\"}}"),
	    "upcast: 4: must be a version from 2 to 3");
	check_str(refused_entry("{\"version\":3,\"upcast\":{\"02\":\".\"}}"),
	    "upcast: 02: must be a version from 2 to 3");
	check(strstr(refused_entry("{\"kind\":\"query\"}"), "kind: must be"));
	check(strstr(refused_entry("{\"kind\":1}"), "kind: must be"));
	check_str(refused_entry("{\"web\":\"yes\"}"), "web: must be a boolean");
	check(strstr(refused_entry("{\"version\":0}"), "version: "));
	check(strstr(refused_entry("{\"version\":1.0}"), "version: "));
	check(strstr(refused_entry("{\"version\":\"1\"}"), "version: "));
	check(strstr(refused_entry("{\"payload\":[]}"), "payload: must be"));
	check(strstr(refused_entry("{\"payload\":{\"\":\"any\"}}"),
	    "without a name"));
}

static void test_lists(void)
{
	check(strstr(refused_entry("{\"keys\":\"a\"}"), "keys: must be a"));
	check(strstr(refused_entry("{\"keys\":[1]}"), "keys: must be a list"));
	check(strstr(refused_entry("{\"private\":{}}"), "private: must be"));
	check_str(refused_entry("{\"keys\":[\"a\",\"\\u0061\"]}"),
	    "keys: a stands there twice");
	check_str(refused_entry("{\"keys\":[\"b\"],\"payload\":"
	    "{\"a\":\"any\"}}"), "keys: b is not an attribute in payload");
	check_str(refused_entry("{\"private\":[\"b\"],\"payload\":"
	    "{\"a\":\"any\"}}"), "private: b is not an attribute in payload");
	check_str(refused_entry("{\"keys\":[\"a\"],\"private\":[\"a\"]}"),
	    "keys: a is private");
	check(strstr(refused_entry("{\"keys\":[\"a-b\"]}"), "keys: a-b can"));
	check(strstr(refused_entry("{\"keys\":[\"\"]}"), "cannot be a key"));
	check(strstr(refused_entry("{\"keys\":[\"a\"],\"payload\":"
	    "{\"a\":\"object?\"}}"), "cannot be a key"));
	check_str(refused_entry("{\"keys\":[],\"private\":[]}"), "");
}

static void test_channels(void)
{
	static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a b",
	    "a.*", "a.>", "{", "a.{", "a.{}", "a.}", "a/b", "a.{x}"};
	char entry[256];

	check_str(refused_entry("{\"channel\":\"a\"}"), "");
	check_str(refused_entry("{\"channel\":\"a.{any_thing}.b-{x}:{y}\"}"),
	    "");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(entry, sizeof entry, "{\"channel\":\"%s\","
		    "\"payload\":{\"a\":\"any\"}}", bad[i]);
		check(strstr(refused_entry(entry), "channel: "));
	}
	check(strstr(refused_entry("{\"channel\":1}"), "channel: "));
	check(strstr(refused_entry("{\"channel\":\"x.{a}\",\"payload\":"
	    "{\"a\":\"array\"}}"), "channel: a is an object or an array"));
}

static void test_rules(void)
{
	static const char *const good[] = {"\"string\"", "\"any?\"",
	    "\"a|b\"", "\"a|b?\"", "{\"type\":\"uuid?\"}",
	    "{\"type\":\"a|b\",\"default\":\"b\"}",
	    "{\"type\":\"integer\",\"min\":-5,\"max\":-5,\"default\":-5}",
	    "{\"type\":\"any\",\"default\":null}"};

	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		check_str(refused_rule(good[i]), "");
	check(strstr(refused_rule("1"), "must be the name of a type"));
	check(strstr(refused_rule("\"int\""), "no such type \"int\""));
	check(strstr(refused_rule("\"\""), "no such type \"\""));
	check(strstr(refused_rule("\"?\""), "no such type \"\""));
	check(strstr(refused_rule("\"String\""), "no such type \"String\""));
	check(strstr(refused_rule("\"string??\""), "no such type \"string?\""));
	check(strstr(refused_rule("\"|\""), "choice must have 1 to"));
	check(strstr(refused_rule("\"a|\""), "choice must have 1 to"));
	check(strstr(refused_rule("\"a||b\""), "choice must have 1 to"));
	check(strstr(refused_rule("\"a|b|a\""), "stands there twice"));
	check(strstr(refused_rule("\"a|\\u0000\""), "NUL"));
	check(strstr(refused_rule("{}"), "type: missing"));
	check(strstr(refused_rule("{\"type\":1}"), "type: must be a string"));
	check_str(refused_rule("{\"type\":\"any\",\"optional\":true}"),
	    "optional: no such field");
	check_str(refused_rule("{\"type\":\"any\",\"\\u001b\":true}"),
	    "\\u001b: no such field");
}

static void test_rule_bounds(void)
{
	check_str(refused_rule("{\"type\":\"integer\",\"min\":2,\"max\":1}"),
	    "min: is above max");
	check(strstr(refused_rule("{\"type\":\"integer\",\"min\":1.5}"),
	    "min: must be an integer"));
	check(strstr(refused_rule("{\"type\":\"number\",\"max\":\"1\"}"),
	    "max: must be a number"));
	check(strstr(refused_rule("{\"type\":\"number\",\"max\":1e999}"),
	    "max: must be a number"));
	check(strstr(refused_rule("{\"type\":\"string\",\"min\":-1}"),
	    "min: must be an integer from 0 (characters)"));
	check(strstr(refused_rule("{\"type\":\"boolean\",\"min\":1}"),
	    "min: only for"));
	check(strstr(refused_rule("{\"type\":\"a|b\",\"max\":1}"),
	    "max: only for"));
	check(strstr(refused_rule("{\"type\":\"integer\",\"pattern\":\"x\"}"),
	    "pattern: only for"));
	check(strstr(refused_rule("{\"type\":\"string\",\"pattern\":\"(\"}"),
	    "pattern: ( without )"));
	check_str(refused_rule("{\"type\":\"integer\",\"default\":\"1\"}"),
	    "default: must be an integer, not \"1\"");
	check_str(refused_rule("{\"default\":4,\"type\":\"integer\","
	    "\"min\":5}"), "default: must be at least 5, not 4");
	check(strstr(refused_rule("{\"type\":\"string\",\"default\":\"B\","
	    "\"pattern\":\"[a-z]\"}"), "default: must match [a-z]"));
}

static bool equal(const char *a, const char *b)
{
	struct catalog *x, *y;
	struct es_err err = {0};
	bool yes;

	need(catalog_parse("a", a, strlen(a), &x, &err) == 0);
	need(catalog_parse("b", b, strlen(b), &y, &err) == 0);
	yes = catalog_equal(x, y);
	check(yes == catalog_equal(y, x));
	check(span_is(catalog_text(x), a));
	catalog_free(x);
	catalog_free(y);
	return yes;
}

static void test_equal(void)
{
	check(equal("{}", " { } "));
	check(equal("{\"a\":{\"kind\":\"event\",\"web\":true},\"b\":{}}",
	    "{\"b\":{ },\"a\":{\"web\":true,\"k\\u0069nd\":\"e\\u0076ent\"}}"));
	check(!equal("{\"a\":{}}", "{\"b\":{}}"));
	check(!equal("{\"a\":{}}", "{}"));
	check(!equal("{\"a\":{\"web\":true}}", "{\"a\":{\"web\":false}}"));
	check(!equal("{\"a\":{\"version\":1}}", "{\"a\":{\"version\":2}}"));
	check(!equal("{\"a\":{\"keys\":[\"x\"]}}", "{\"a\":{\"keys\":[]}}"));
	check(!equal("{\"a\":{\"keys\":[\"x\"]}}",
	    "{\"a\":{\"keys\":[\"y\"]}}"));
}

static void test_entries(void)
{
	static const char json[] = "{\"b\":{\"kind\":\"command\",\"web\":true,"
	    "\"keys\":[\"k\"],\"version\":7},\"a.x\":{\"private\":[\"p\"],"
	    "\"channel\":\"c.{k}\",\"payload\":{\"k\":\"string\",\"p\":\"any\","
	    "\"o\":\"object\",\"n-n\":\"string\"}},\"a\":{}}";
	struct catalog *c;
	const struct catalog_entry *a, *b;
	struct es_err err = {0};
	void *ctx;

	need(catalog_parse("c", json, strlen(json), &c, &err) == 0);
	b = catalog_find(c, SPAN_LIT("b"));
	a = catalog_find(c, SPAN_LIT("a.x"));
	need(a && b && catalog_find(c, SPAN_LIT("a")));
	check(!catalog_find(c, SPAN_LIT("")) && !catalog_find(c,
	    SPAN_LIT("a.")) && !catalog_find(c, SPAN_LIT("c")));
	check(catalog_at(c, 0) == b && catalog_at(c, 1) == a &&
	    catalog_at(c, 2) && !catalog_at(c, 3));
	check(span_is(catalog_type(a), "a.x"));
	check(catalog_kind(b) == KIND_COMMAND && catalog_kind(a) == KIND_NONE);
	check(catalog_web(b) && !catalog_web(a));
	check(catalog_version(b) == 7 && catalog_version(a) == 1);
	check(span_is(catalog_channel(a), "c.{k}") && !catalog_channel(b).p);
	check(catalog_private(a, SPAN_LIT("p")) &&
	    !catalog_private(a, SPAN_LIT("k")));

	memcpy(&ctx, &b, sizeof ctx);
	check(catalog_indexes(NULL, SPAN_LIT("x")));
	check(catalog_indexes(ctx, SPAN_LIT("k")) &&
	    !catalog_indexes(ctx, SPAN_LIT("p")));
	memcpy(&ctx, &a, sizeof ctx);
	check(catalog_indexes(ctx, SPAN_LIT("k")) &&
	    !catalog_indexes(ctx, SPAN_LIT("p")));

	check(catalog_can_carry(b, SPAN_LIT("k")) &&
	    !catalog_can_carry(b, SPAN_LIT("p")));
	check(catalog_can_carry(a, SPAN_LIT("k")) &&
	    !catalog_can_carry(a, SPAN_LIT("p")) &&
	    !catalog_can_carry(a, SPAN_LIT("o")) &&
	    !catalog_can_carry(a, SPAN_LIT("n-n")) &&
	    !catalog_can_carry(a, SPAN_LIT("x")));
	check(catalog_can_carry(catalog_at(c, 2), SPAN_LIT("x")));
	catalog_free(c);
	catalog_free(NULL);
}

/* A thousand types: found by name, kept in order. */
static void test_large(void)
{
	struct buf b = {0};
	struct catalog *c;
	struct es_err err = {0};
	char type[16];

	buf_adds(&b, "{");
	for (int i = 0; i < 1000; i++)
		buf_addf(&b, "%s\"t%d.\\u0061\":{\"payload\":{\"k\\u0031\":"
		    "\"a\\u007cb\",\"k2\":{\"type\":\"string\",\"default\":"
		    "\"%d\"}}}", i ? "," : "", i, i);
	buf_adds(&b, "}");
	need(catalog_parse("c", b.p, b.n, &c, &err) == 0);
	for (size_t i = 0; i < 1000; i++) {
		snprintf(type, sizeof type, "t%zu.a", i);
		check(catalog_find(c, span_str(type)) == catalog_at(c, i));
		check(span_is(catalog_type(catalog_at(c, i)), type));
	}
	catalog_free(c);
	buf_free(&b);
}

int main(void)
{
	test_whole();
	test_entry();
	test_lists();
	test_channels();
	test_rules();
	test_rule_bounds();
	test_equal();
	test_entries();
	test_large();
	return unit_end();
}
