/* What may become of an entry, and what is kept of its earlier versions. */
#include "unit.h"
#include "catalog.h"

static struct catalog *load(const char *json)
{
	struct catalog *c;
	struct es_err err = {0};
	char text[1024];
	size_t i;

	need(strlen(json) < sizeof text);
	for (i = 0; json[i]; i++)
		text[i] = json[i] == '\'' ? '"' : json[i];
	text[i] = '\0';
	if (catalog_parse("m", text, i, &c, &err) < 0) {
		printf("%s: %s\n", json, err.text);
		exit(1);
	}
	return c;
}

static const char *change(const char *was, const char *now)
{
	static char text[2048];
	struct catalog *a = load(was), *b = load(now);
	struct es_err err = {0};

	text[0] = '\0';
	if (catalog_check_change(a, b, &err) < 0) {
		check_int(err.code, ES_FAILED);
		snprintf(text, sizeof text, "%s", err.text);
	}
	catalog_free(a);
	catalog_free(b);
	return text;
}

/* The payload's attribute "a", from one rule to another. */
static const char *rule(const char *was, const char *now)
{
	char a[512], b[512];

	snprintf(a, sizeof a, "{'t':{'payload':{'a':%s}}}", was);
	snprintf(b, sizeof b, "{'t':{'payload':{'a':%s}}}", now);
	return change(a, b);
}

#define REFUSED(what, was, now) check_str(rule(was, now), \
    "m: t: " what ", without a new version")
#define GOOD(was, now) check_str(rule(was, now), "")

static void test_types(void)
{
	REFUSED("a: was integer, now string", "'integer'", "'string'");
	REFUSED("a: was number, now integer", "'number'", "'integer'");
	REFUSED("a: was any, now object", "'any'", "'object'");
	REFUSED("a: was string, now uuid", "'string'", "'uuid'");
	REFUSED("a: was x|y|z, now x|z", "'x|y|z'", "'x|z'");
	REFUSED("a: was string, now x|z", "'string'", "'x|z'");
	GOOD("'integer'", "'number'");
	GOOD("'object'", "'any'");
	GOOD("'uuid'", "'string'");
	GOOD("'x|y'", "'y|x|yy'");
	GOOD("'x|y'", "'string'");
	GOOD("'string'", "'string?'");
	GOOD("'string?'", "{'type':'string','default':'b'}");
	REFUSED("a: was optional, now required", "'string?'", "'string'");
	REFUSED("a: was with a default, now required",
	    "{'type':'string','default':'b'}", "'string'");
}

static void test_limits(void)
{
	GOOD("{'type':'integer','min':2,'max':3}",
	    "{'type':'integer','min':1,'max':3}");
	GOOD("{'type':'integer','min':2,'max':3}", "'number'");
	REFUSED("a: min: was 2, now 2.5", "{'type':'integer','min':2}",
	    "{'type':'number','min':2.5}");
	REFUSED("a: max: was none, now 9", "{'type':'array','min':2}",
	    "{'type':'array','max':9}");
	REFUSED("a: pattern: was none, now a*", "'string'",
	    "{'type':'string','pattern':'a*'}");
	REFUSED("a: pattern: was a+, now a*", "{'type':'string','pattern':'a+'}",
	    "{'type':'string','pattern':'a*'}");
	GOOD("{'type':'string','pattern':'a+'}", "'string'");
}

static void test_inside(void)
{
	static const char object[] =
	    "{'type':'object','payload':{'b':'integer','c':'any?'}}";

	GOOD(object, object);
	GOOD(object, "'object'");
	REFUSED("a: payload: was open, now declared", "'object'", object);
	REFUSED("a.c: was any, now gone", object,
	    "{'type':'object','payload':{'b':'integer'}}");
	REFUSED("a.d: was not there, now required", object, "{'type':'object',"
	    "'payload':{'b':'integer','c':'any?','d':'any'}}");
	GOOD(object, "{'type':'object','payload':{'b':'integer','c':'any?',"
	    "'d':'any?','e':{'type':'any','default':null}}}");
	REFUSED("a[].b: was integer, now uuid",
	    "{'type':'array','items':{'type':'object','payload':{'b':"
	    "'integer'}}}",
	    "{'type':'array','items':{'type':'object','payload':{'b':"
	    "'uuid'}}}");
	REFUSED("a[]: was any, now uuid", "'array'",
	    "{'type':'array','items':'uuid'}");
	GOOD("'array'", "{'type':'array','items':'any'}");
}

static void test_entries(void)
{
	check_str(change("{'t':{'kind':'event'}}", "{'t':{'kind':'command'}}"),
	    "m: t: kind: was event, now command, without a new version");
	check_str(change("{'t':{}}", "{'t':{'kind':'command'}}"),
	    "m: t: kind: was event, now command, without a new version");
	check_str(change("{'t':{'kind':'event'}}", "{'t':{}}"), "");
	check_str(change("{'t':{'version':3}}", "{'t':{'version':2}}"),
	    "m: t: version: was 3, now 2: a version never goes back");
	check_str(change("{'t':{}}", "{'t':{'payload':{}}}"),
	    "m: t: payload: was open, now declared, without a new version");
	check_str(change("{'t':{'payload':{}}}", "{'t':{}}"), "");
	/* A new version may be anything; so may a type that is new. */
	check_str(change("{'t':{'payload':{'a':'any'}}}",
	    "{'u':{'payload':{'a':'any'}},"
	    "'t':{'version':2,'payload':{'b':'uuid'}}}"), "");
	check_str(change("{'t':{'payload':{'a':'any'}}}", "{}"), "");
	check_str(change("{'t':{'payload':{'a':'any','b':'any'},"
	    "'keys':['a'],'web':true,'kind':'command','channel':'a'}}",
	    "{'t':{'payload':{'b':'any','a':'any'},'keys':['b'],"
	    "'kind':'command','private':['a']}}"), "");
}

/* ---- what es.catalog_loaded keeps ---- */

static struct catalog *loaded(const struct catalog *before, const char *json,
    const char *earlier)
{
	struct catalog *c = load(json), *out;
	struct buf text = {0};
	struct json_doc d = {0};
	struct es_err err = {0};
	uint32_t node;

	catalog_print_loaded(before, c, &text);
	need(json_parse(&d, text.p, text.n, &err) == 0);
	node = json_get(&d, 0, "earlier");
	check((node == JSON_NONE) == (*earlier == '\0'));
	if (node != JSON_NONE)
		check(span_is(json_text(&d, node), earlier));
	need(catalog_parse_loaded(&d, buf_span(&text), &out, &err) == 0);
	check(catalog_equal(c, out));
	catalog_free(c);
	buf_free(&text);
	json_free(&d);
	return out;
}

static const struct catalog_entry *t(const struct catalog *c)
{
	return catalog_find(c, SPAN_LIT("t"));
}

static void test_upcasts(void)
{
	struct catalog *a = load("{'t':{}}");
	struct catalog *b = loaded(a, "{'t':{'version':2,'upcast':'.b'}}", "");
	struct catalog *c = loaded(b, "{'t':{'version':3,'upcast':'.c'}}",
	    "{\"t\":{\"upcast\":{\"2\":\".b\"}}}");
	struct catalog *d = loaded(c, "{'t':{'version':5,"
	    "'upcast':{'2':'.d','5':'.e'}}}",
	    "{\"t\":{\"upcast\":{\"3\":\".c\"}}}");
	struct catalog *e = loaded(d, "{'t':{'version':5}}",
	    "{\"t\":{\"upcast\":{\"2\":\".d\",\"3\":\".c\"}}}");

	check_int(catalog_reach(t(a), 1), 1);
	check_int(catalog_reach(t(b), 1), 2);
	check(span_is(catalog_upcast(t(b), 2), ".b"));
	check_int(catalog_reach(t(c), 1), 3);
	check(span_is(catalog_upcast(t(c), 2), ".b"));
	check(span_is(catalog_upcast(t(c), 3), ".c"));
	check(!catalog_upcast(t(c), 4).p);
	/* No way from 3 to 4. */
	check_int(catalog_reach(t(d), 1), 3);
	check_int(catalog_reach(t(d), 4), 5);
	check_int(catalog_reach(t(d), 6), 6);
	check(span_is(catalog_upcast(t(d), 2), ".d"));
	check_int(catalog_reach(t(e), 4), 4);
	catalog_free(a);
	catalog_free(b);
	catalog_free(c);
	catalog_free(d);
	catalog_free(e);
}

static bool hides(const struct catalog *c, const char *payload)
{
	struct buf out = {0};
	bool yes = catalog_public(t(c), span_str(payload), &out) == 1 &&
	    strcmp(out.p, "{}") == 0;

	buf_free(&out);
	return yes;
}

/* What was private in an earlier version stays so under its old name. */
static void test_private(void)
{
	struct catalog *a = load("{'t':{'private':['m'],"
	    "'payload':{'m':'email'}}}");
	struct catalog *b = loaded(a, "{'t':{'version':2,'private':['mail'],"
	    "'payload':{'mail':'email'}}}", "{\"t\":{\"private\":[\"m\"]}}");
	struct catalog *c = loaded(b, "{'t':{'version':3,'payload':"
	    "{'mail':'email'}}}", "{\"t\":{\"private\":[\"m\"]}}");

	check(hides(a, "{\"m\":\"x\"}"));
	check(hides(b, "{\"m\":\"x\",\"mail\":\"y\"}"));
	check(!hides(c, "{\"mail\":\"y\"}"));
	check(hides(c, "{\"m\":\"x\"}"));
	/* It says nothing of what is indexed. */
	check(!catalog_private(t(b), SPAN_LIT("m")));
	catalog_free(a);
	catalog_free(b);
	catalog_free(c);
}

static void bad_loaded(const char *payload, const char *what)
{
	struct catalog *c;
	struct json_doc d = {0};
	struct es_err err = {0};

	check_int(catalog_parse_loaded(&d, span_str(payload), &c, &err), -1);
	check(!c);
	check_str(err.text, what);
	json_free(&d);
}

static void test_bad_loaded(void)
{
	bad_loaded("{}", "catalog: missing");
	bad_loaded("{\"catalog\":{\"t\":1}}", "catalog: t: must be an object");
	bad_loaded("{\"catalog\":{},\"earlier\":1}",
	    "earlier: must be an object");
	bad_loaded("{\"catalog\":{},\"earlier\":{\"t\":{}}}",
	    "earlier: a type that the catalog lacks");
	bad_loaded("{\"catalog\":{\"t\":{}},\"earlier\":{\"t\":"
	    "{\"upcast\":{\"1\":\".\"}}}}",
	    "earlier: upcast: must have a jq program for each version");
	bad_loaded("{\"catalog\":{\"t\":{}},\"earlier\":{\"t\":"
	    "{\"private\":[1]}}}",
	    "earlier: private: must be a list of attributes");
	bad_loaded("{\"catalog\":{\"t\":{}},\"earlier\":{\"t\":"
	    "{\"private\":1}}}",
	    "earlier: private: must be a list of attributes");
}

int main(void)
{
	test_types();
	test_limits();
	test_inside();
	test_entries();
	test_upcasts();
	test_private();
	test_bad_loaded();
	return unit_end();
}
