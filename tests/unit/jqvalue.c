/* jqvm.h: a value that jqvm_value() makes is that of jq's own parser. */
#include "jqvm.h"
#include "unit.h"

static struct jqvm vm;

static const char *text_of(jv v)
{
	static char text[2][65536];
	static int turn;
	jv s;

	if (jv_is_valid(v)) {
		s = jv_dump_string(v, 0);
	} else {
		jv_free(v);
		s = jv_string("invalid");
	}
	turn = !turn;
	snprintf(text[turn], sizeof text[turn], "%s", jv_string_value(s));
	jv_free(s);
	return text[turn];
}

static void same(const char *text)
{
	jv made = jqvm_value(&vm, span_str(text));
	jv parsed = jv_parse(text);

	check_str(text_of(jv_copy(made)), text_of(jv_copy(parsed)));
	check_int(jv_is_valid(made), jv_is_valid(parsed));
	if (jv_is_valid(made)) {
		check(jv_equal(made, parsed));
	} else {
		jv_free(made);
		jv_free(parsed);
	}
}

static void test_values(void)
{
	static const char *const texts[] = {"null", "true", "false", "\"\"",
	    "\"a\\u0000b\\n\\\"\\\\\\ud83d\\ude00\"", "\"\u00e9\u20ac\"", "[]",
	    "{}", " [1, [2, [3]], {\"a\": []}] ", "{\"\":1,\"\\u0061\":2}",
	    "{\"z\":1,\"a\":{\"z\":[null,{\"y\":true}]},\"m\":\"x\"}",
	    "{\"id\":1,\"if\":2,\"a_key_longer_than_those_that_are_kept\":3}",
	    "{\"a\":1,\"b\":2,\"c\":3,\"d\":4,\"e\":5,\"f\":6,\"g\":7,\"h\":8,\"i\":9}",
	    /* what is left to jq's own */
	    "", "{", "[1,]", "{\"a\":1,\"a\":2}", "\"\\ud800\""};
	size_t i;

	for (i = 0; i < sizeof texts / sizeof *texts; i++)
		same(texts[i]);
	/* Kept keys are those of before. */
	for (i = 0; i < sizeof texts / sizeof *texts; i++)
		same(texts[i]);
}

static void test_numbers(void)
{
	static const char *const texts[] = {"0", "-0", "-1", "7", "1000",
	    "-123456789012345", "999999999999999", "1234567890123456",
	    "9007199254740993", "12345678901234567890", "1.5", "-0.0", "1e3",
	    "1E-7", "1e400", "0.1", "100000000000000000000000000000000"};
	size_t i;

	for (i = 0; i < sizeof texts / sizeof *texts; i++)
		same(texts[i]);
}

/* Where jq may round a number, and where there is none such. */
static void test_plain(void)
{
	static const char *const plain[] = {"{\"a\":[-1,123456789012345]}",
	    "\"9007199254740993\"", "{\"1.5\":true}"};
	static const char *const others[] = {"[1,{\"a\":[1.5]}]",
	    "{\"a\":9007199254740993}", "-0", "1e3"};
	size_t i;

	for (i = 0; i < sizeof plain / sizeof *plain; i++) {
		jv_free(jqvm_value(&vm, span_str(plain[i])));
		check(vm.plain);
	}
	for (i = 0; i < sizeof others / sizeof *others; i++) {
		jv_free(jqvm_value(&vm, span_str(others[i])));
		check(!vm.plain);
	}
}

static void test_kept(void)
{
	static const char *const texts[] = {"{\"position\":12345678}",
	    "{\"position\":12345679}", "{\"position\":1.5}"};
	char text[40], want[40];
	int i;

	/* More of them than are kept, and then again. */
	for (i = 0; i < 3 * JQVM_KEPT; i++) {
		jv v;

		snprintf(text, sizeof text, "[%d,\"abcdefgh\"]",
		    i % (2 * JQVM_KEPT));
		snprintf(want, sizeof want, "%s", text);
		v = jqvm_kept_value(&vm, span_str(text));
		check_str(text_of(v), want);
		check(vm.plain);
	}
	for (i = 0; i < 6; i++) {
		jv v = jqvm_kept_value(&vm, span_str(texts[i % 3]));

		check_str(text_of(v), texts[i % 3]);
		check_int(vm.plain, i % 3 != 2);
	}
	check_str(text_of(jqvm_kept_value(&vm, SPAN_LIT("{"))), "invalid");
}

/* Deeper than a message may be. */
static void test_deep(void)
{
	char text[401];

	memset(text, '[', 200);
	memset(text + 200, ']', 200);
	text[400] = '\0';
	same(text);
}

int main(void)
{
	size_t i;

	for (i = 0; i < JQVM_KEYS; i++)
		vm.keys[i] = jv_invalid();
	for (i = 0; i < JQVM_KEPT; i++)
		vm.kept[i].value = jv_invalid();
	test_values();
	test_numbers();
	test_plain();
	test_kept();
	test_deep();
	for (i = 0; i < JQVM_KEYS; i++)
		jv_free(vm.keys[i]);
	for (i = 0; i < JQVM_KEPT; i++) {
		jv_free(vm.kept[i].value);
		buf_free(&vm.kept[i].text);
	}
	json_free(&vm.doc);
	buf_free(&vm.decoded);
	return unit_end();
}
