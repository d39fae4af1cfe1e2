#include "jsonsame.h"
#include "unit.h"

static const struct {
	const char *a, *b;
	bool same;
} pairs[] = {
	{"1", "1", true},
	{" [ 1 , 2 ] ", "[1,2]", true},
	{"[1,2]", "[2,1]", false},
	{"[1,2]", "[1,2,3]", false},
	{"[1,2,3]", "[1,2]", false},
	{"[]", "{}", false},
	{"[]", "[[]]", false},
	{"null", "false", false},
	{"true", "true", true},
	{"true", "\"true\"", false},
	/* numbers as they are written */
	{"1", "1.0", false},
	{"1e2", "100", false},
	{"-0", "0", false},
	{"1", "\"1\"", false},
	/* strings as they are meant */
	{"\"\\u0041\\/\"", "\"A/\"", true},
	{"\"\\ud83d\\ude00\"", "\"\xf0\x9f\x98\x80\"", true},
	{"\"a\"", "\"a\\u0000\"", false},
	{"\"\"", "\"a\"", false},
	/* members in any order */
	{"{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}", true},
	{"{\"\\u0061\":1,\"b\":{\"x\":[1,{\"y\":2,\"z\":3}]}}",
	    "{ \"b\" : {\"x\": [1, {\"z\": 3, \"y\": 2}]}, \"a\" : 1 }", true},
	{"{\"a\":1,\"b\":2}", "{\"a\":2,\"b\":1}", false},
	{"{\"a\":1}", "{\"a\":1,\"b\":null}", false},
	{"{\"a\":1,\"b\":null}", "{\"a\":1,\"c\":null}", false},
	{"{\"a\":{\"b\":1},\"c\":2}", "{\"c\":2,\"a\":{\"b\":2}}", false},
	{"{}", "{}", true},
	/* a name that begins as another */
	{"{\"a\":1,\"ab\":2}", "{\"ab\":2,\"a\":1}", true},
	{"{\"\":1}", "{\"\\u0000\":1}", false},
};

static void test_pairs(void)
{
	struct es_err err;
	bool same, back;
	size_t i;

	for (i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		struct span a = span_str(pairs[i].a), b = span_str(pairs[i].b);

		need(json_same(a, b, &same, &err) == 0);
		need(json_same(b, a, &back, &err) == 0);
		if (same != pairs[i].same || back != same)
			printf("%s and %s:\n", pairs[i].a, pairs[i].b);
		check_int(same, pairs[i].same);
		check_int(back, pairs[i].same);
		need(json_same(a, a, &same, &err) == 0);
		check(same);
	}
}

/* Many members, escaped and not, in reverse. */
static void test_many(void)
{
	struct buf a = {0}, b = {0};
	struct es_err err;
	bool same;
	int i, n = 5000;

	for (i = 0; i < n; i++) {
		buf_addf(&a, "%c\"k%d\":\"v%d\"", i ? ',' : '{', i, i);
		buf_addf(&b, "%c\"\\u006b%d\":\"\\u0076%d\"", i ? ',' : '{',
		    n - 1 - i, n - 1 - i);
	}
	buf_addc(&a, '}');
	buf_addc(&b, '}');
	need(json_same(buf_span(&a), buf_span(&b), &same, &err) == 0);
	check(same);
	a.p[a.n - 3] ^= 1;		/* the last one's value */
	need(json_same(buf_span(&a), buf_span(&b), &same, &err) == 0);
	check(!same);
	buf_free(&a);
	buf_free(&b);
}

static void test_not_json(void)
{
	struct es_err err = {0};
	bool same;

	check(json_same(SPAN_LIT("{"), SPAN_LIT("{}"), &same, &err) < 0);
	check(err.text[0]);
	err.text[0] = '\0';
	check(json_same(SPAN_LIT("{}"), SPAN_LIT("1 2"), &same, &err) < 0);
	check(err.text[0]);
}

int main(void)
{
	test_pairs();
	test_many();
	test_not_json();
	return unit_end();
}
