/* Objects and arrays whose inside is declared. */
#include "unit.h"
#include "catalog.h"

static void unquote(const char *from, char *to, size_t size)
{
	size_t i;

	need(strlen(from) < size);
	for (i = 0; from[i]; i++)
		to[i] = from[i] == '\'' ? '"' : from[i];
	to[i] = '\0';
}

/* What is stored of a payload, or the error; form text where coerce is. */
static const char *checked(const char *payload_rules, const char *payload,
    bool coerce)
{
	static char text[2048];
	char json[2048], rules[1900], given[2048];
	struct catalog *c;
	struct message_scratch s = {0};
	struct buf out = {0};
	struct es_err err = {0};
	struct draft m = {.coerce = coerce};

	unquote(payload_rules, rules, sizeof rules);
	unquote(payload, given, sizeof given);
	m.payload = span_str(given);
	snprintf(json, sizeof json, "{\"t\":{\"payload\":%s}}", rules);
	if (catalog_parse("m", json, strlen(json), &c, &err) < 0) {
		snprintf(text, sizeof text, "%s", err.text);
		return text;
	}
	if (catalog_check(catalog_find(c, SPAN_LIT("t")), &m, &s, &out,
	    &err) < 0)
		snprintf(text, sizeof text, "%s", err.text);
	else
		snprintf(text, sizeof text, "%s", out.n ? out.p : "same");
	catalog_free(c);
	message_scratch_free(&s);
	buf_free(&out);
	return text;
}

#define DONOR "{'d':{'type':'object','payload':{" \
    "'address':{'type':'object?','payload':{" \
    "'zip':{'type':'string','pattern':'[0-9]{4}'}," \
    "'city':{'type':'string','default':'Bern'},'more':'any?'}}," \
    "'age':{'type':'integer','max':150,'default':18}}}}"

#define LINES "{'l':{'type':'array','max':3,'items':{'type':'object'," \
    "'payload':{'n':{'type':'integer','min':1},'u':'a|b?'," \
    "'t':{'type':'array','default':[],'items':'uuid'}}}}}"

static void test_faults(void)
{
	check_str(checked(DONOR, "{'d':{'address':{'zip':'80'}}}", false),
	    "t: d.address.zip: must match [0-9]{4}, not \"80\"");
	check_str(checked(DONOR, "{'d':{'address':{}}}", false),
	    "t: d.address.zip: is missing");
	check_str(checked(DONOR, "{'d':{'address':{'zip':'8000','x y':1}}}",
	    false), "t: d.address.x y: no such attribute");
	check_str(checked(DONOR, "{'d':{'address':[]}}", false),
	    "t: d.address: must be an object, not an array");
	check_str(checked(DONOR, "{'d':{'age':151}}", false),
	    "t: d.age: must be at most 150, not 151");
	check_str(checked(LINES, "{'l':[{'n':1,'t':[]},{'n':0,'t':[]}]}",
	    false), "t: l[1].n: must be at least 1, not 0");
	check_str(checked(LINES, "{'l':[{'n':1,'t':['x']}]}", false),
	    "t: l[0].t[0]: must be a UUID (lower case, 8-4-4-4-12), not "
	    "\"x\"");
	check_str(checked(LINES, "{'l':[1]}", false),
	    "t: l[0]: must be an object, not 1");
	check_str(checked(LINES, "{'l':[{},{},{},{}]}", false),
	    "t: l: must have at most 3 elements, not an array");
}

/* Nothing but what is missing is written; what is there keeps its bytes. */
static void test_defaults(void)
{
	check_str(checked(DONOR, "{'d':{'address':{'zip':'8000',"
	    "'city':'Bern'}, 'age':1}}", false), "same");
	check_str(checked(DONOR, "{ 'd' : { } }", false),
	    "{ \"d\" : {\"age\":18 } }");
	check_str(checked(DONOR, "{'d':{'age' : 3, 'address':{ 'zip':'8000' ,"
	    "'more':{'x':[ 1 ]}}}}", false), "{\"d\":{\"age\" : 3, "
	    "\"address\":{ \"zip\":\"8000\" ,\"more\":{\"x\":[ 1 ]},"
	    "\"city\":\"Bern\"}}}");
	check_str(checked(DONOR, "{'d':{'address':{'zip':'8000'}}}", false),
	    "{\"d\":{\"address\":{\"zip\":\"8000\",\"city\":\"Bern\"},"
	    "\"age\":18}}");
	check_str(checked(LINES, "{'l':[{'n':1},{'t':[],'n':2}, {'n':3}]}",
	    false), "{\"l\":[{\"n\":1,\"t\":[]},{\"t\":[],\"n\":2}, "
	    "{\"n\":3,\"t\":[]}]}");
}

/* A form's fields have paths: what is inside comes as text, too. */
static void test_coercion(void)
{
	static const char rules[] = "{'a':'integer?','b':'integer?','o':"
	    "{'type':'object','payload':{'i':'integer','d':"
	    "{'type':'any','default':null}}},'c':'boolean'}";

	check_str(checked(rules, "{'a':'','o':{'i':1},'b':'','c':'on'}", true),
	    "{\"o\":{\"i\":1,\"d\":null},\"c\":true}");
	check_str(checked(rules, "{'o':{'i':1},'c':'on','b':''}", true),
	    "{\"o\":{\"i\":1,\"d\":null},\"c\":true}");
	check_str(checked(rules, "{'o':{'i':'1'},'c':'on'}", true),
	    "{\"o\":{\"i\":1,\"d\":null},\"c\":true}");
	check_str(checked(rules, "{'o':{'i':'x'},'c':'on'}", true),
	    "t: o.i: must be an integer, not \"x\"");
	check_str(checked(rules, "{'o':{'i':'1'},'c':true}", false),
	    "t: o.i: must be an integer, not \"1\"");
	check_str(checked("{'l':{'type':'array','items':'integer'},"
	    "'m':{'type':'array','items':{'type':'object','payload':"
	    "{'n':'integer?'}}}}", "{'l':['1',2,'3'],'m':[{'n':''},{'n':'4'}]}",
	    true), "{\"l\":[1,2,3],\"m\":[{},{\"n\":4}]}");
}

static void test_rules(void)
{
	check_str(checked("{'a':{'type':'string','payload':{}}}", "{}", false),
	    "m: t: a: payload: only for object");
	check_str(checked("{'a':{'type':'object','items':'any'}}", "{}",
	    false), "m: t: a: items: only for array");
	check_str(checked("{'a':{'type':'array','items':'any?'}}", "{}",
	    false), "m: t: a: items: an element can neither be optional nor "
	    "have a default");
	check_str(checked("{'a':{'type':'object','payload':{'b':'strin'}}}",
	    "{}", false), "m: t: a: b: no such type \"strin\" (string integer "
	    "number boolean uuid email datetime object array any, or a choice "
	    "as \"a|b\")");
	check_str(checked("{'a':{'type':'object','payload':{},'keys':[]}}",
	    "{}", false), "m: t: a: keys: no such field");
	check_str(checked("{'a':{'type':'object','payload':{'b':'integer'},"
	    "'default':{'b':'x'}}}", "{}", false),
	    "m: t: a: default: must be an integer, not an object");
	check_str(checked("{'a':{'type':'object','payload':{'b':'integer'},"
	    "'default':{}}}", "{}", false), "m: t: a: default: must have the "
	    "attributes of its payload, all that are not optional, not an "
	    "object");
	check_str(checked("{'a':{'type':'array','items':{'type':'object',"
	    "'payload':{'b':'integer'}},'default':[{'b':1}]}}", "{}", false),
	    "{\"a\":[{\"b\":1}]}");
}

static void tell(void *ctx, struct span attribute, const char *expected,
    const char *came)
{
	buf_addf(ctx, "%.*s %s %s;", (int)attribute.n, attribute.p, expected,
	    came);
}

static void test_all_faults(void)
{
	char json[1024], payload[200];
	struct catalog *c;
	struct message_scratch s = {0};
	struct buf out = {0}, told = {0};
	struct es_err err = {0};
	struct draft m = {0};

	unquote("{'t':{'payload':" LINES "}}", json, sizeof json);
	unquote("{'l':[{'n':0},{'n':1,'u':'c','t':[]}],'k':1}", payload,
	    sizeof payload);
	need(catalog_parse("m", json, strlen(json), &c, &err) == 0);
	m.payload = span_str(payload);
	check_int(catalog_check_all(catalog_find(c, SPAN_LIT("t")), &m, &s,
	    &out, tell, &told, &err), -1);
	check_str(told.p, "l[0].n must be at least 1 0;l[1].u must be one of "
	    "a, b \"c\";k no such attribute ;");
	check_str(err.text, "t: l[0].n: must be at least 1, not 0");
	check_int(out.n, 0);
	catalog_free(c);
	message_scratch_free(&s);
	buf_free(&out);
	buf_free(&told);
}

int main(void)
{
	test_faults();
	test_defaults();
	test_coercion();
	test_rules();
	test_all_faults();
	return unit_end();
}
