/*
 * json: what is accepted, what is refused and where, and that what is written
 * reads as what went in.
 */
#include "unit.h"
#include "json.h"
#include "utf8.h"

static struct json_doc doc;

static bool parses(const char *p, size_t n)
{
	struct es_err err;
	/* In memory of its own size, so that a sanitizer sees a read beyond. */
	char *copy = malloc(n ? n : 1);
	bool ok;

	need(copy);
	memcpy(copy, p, n);
	ok = json_parse(&doc, copy, n, &err) == 0;
	free(copy);
	return ok;
}

#define GOOD(s) check(parses("" s, sizeof(s) - 1))
#define BAD(s) check(!parses("" s, sizeof(s) - 1))

static void test_accepted(void)
{
	GOOD("{}");
	GOOD(" \t\r\n[ ] \n");
	GOOD("null");
	GOOD("true");
	GOOD("false");
	GOOD("\"\"");
	GOOD("0");
	GOOD("-0");
	GOOD("-0.0e+00");
	GOOD("1E400");
	GOOD("12345678901234567890123456789012345678901234567890");
	GOOD("[1,2,[3,{\"a\":[]}],{}]");
	GOOD("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\uD83D\\uDC1D\"");
	GOOD("\"\x7f\"");
	GOOD("\"\\u0000\"");
	GOOD("\"\xef\xbf\xbf\xf4\x8f\xbf\xbf\"");
	GOOD("\"\xef\xbb\xbf\"");
	GOOD("{\"a\":1,\"A\":2,\"\":3}");
	GOOD("{\"a\":{\"b\":1},\"b\":{\"b\":1}}");
}

static void test_refused(void)
{
	static const char nul[] = "{\"a\":1}\0";

	BAD("");
	BAD(" ");
	BAD("{");
	BAD("}");
	BAD("[");
	BAD("]");
	BAD("[1");
	BAD("[1,");
	BAD("[1,]");
	BAD("[,1]");
	BAD("[1 2]");
	BAD("{\"a\"");
	BAD("{\"a\":");
	BAD("{\"a\":}");
	BAD("{\"a\":1,}");
	BAD("{,\"a\":1}");
	BAD("{a:1}");
	BAD("{'a':1}");
	BAD("{1:1}");
	BAD("{\"a\":1]");
	BAD("[1}");
	BAD("{} {}");
	BAD("{}x");
	BAD("nul");
	BAD("nulll");
	BAD("True");
	BAD("NaN");
	BAD("Infinity");
	BAD("-");
	BAD("+1");
	BAD("01");
	BAD("-01");
	BAD("1.");
	BAD(".5");
	BAD("1e");
	BAD("1e+");
	BAD("0x10");
	BAD("1_000");
	BAD("/* */ 1");
	BAD("1 // one");
	BAD("\xef\xbb\xbf{}");
	check(!parses(nul, sizeof nul));
	check(!parses("\0", 1));
}

static void test_bad_strings(void)
{
	BAD("\"");
	BAD("\"a");
	BAD("\"\\");
	BAD("\"\\\"");
	BAD("\"\\x41\"");
	BAD("\"\\'\"");
	BAD("\"\\u12\"");
	BAD("\"\\u12g4\"");
	BAD("\"\\u");
	BAD("\"\\U0041\"");
	BAD("\"a\tb\"");
	BAD("\"a\nb\"");
	BAD("\"a\0b\"");
	/* Lone and swapped surrogates. */
	BAD("\"\\ud83d\"");
	BAD("\"\\udc1d\"");
	BAD("\"\\ud83dx\"");
	BAD("\"\\ud83d\\n\"");
	BAD("\"\\ud83d\\u0041\"");
	BAD("\"\\ud83d\\ud83d\"");
	BAD("\"\\udc1d\\ud83d\"");
	BAD("\"\\ud83d\\udc1");
	BAD("\"\\ud83d");
	/* Not UTF-8: alone, overlong, surrogate, beyond U+10FFFF, cut. */
	BAD("\"\x80\"");
	BAD("\"\xff\"");
	BAD("\"\xc0\xaf\"");
	BAD("\"\xc1\xbf\"");
	BAD("\"\xe0\x9f\xbf\"");
	BAD("\"\xf0\x8f\xbf\xbf\"");
	BAD("\"\xed\xa0\x80\"");
	BAD("\"\xf4\x90\x80\x80\"");
	BAD("\"\xf5\x80\x80\x80\"");
	BAD("\"\xe2\x82\"");
	BAD("\"\xe2\x82");
	BAD("\"\xf0\x9f\x90");
	BAD("{\"\xff\":1}");
}

static void test_duplicate_keys(void)
{
	struct buf b = {0};

	BAD("{\"a\":1,\"a\":1}");
	BAD("{\"a\":1,\"b\":2,\"a\":3}");
	BAD("{\"\":1,\"\":1}");
	/* At any depth, and compared decoded. */
	BAD("[[{\"x\":{\"a\":1,\"a\":2}}]]");
	BAD("{\"a\":1,\"\\u0061\":2}");
	BAD("{\"\\u00e9\":1,\"\xc3\xa9\":2}");
	BAD("{\"\\n\":1,\"\\u000a\":2}");
	BAD("{\"a\\u0000\":1,\"a\\u0000\":2}");
	BAD("{\"\\ud83d\\udc1d\":1,\"\xf0\x9f\x90\x9d\":2}");
	GOOD("{\"a\":1,\"a\\u0000\":2}");
	GOOD("{\"\\\\u0061\":1,\"a\":2}");
	/* Many keys are compared in another way. */
	for (int twice = 0; twice < 2; twice++) {
		buf_truncate(&b, 0);
		buf_addc(&b, '{');
		for (int i = 0; i < 1000; i++)
			buf_addf(&b, "\"k%d\":{\"k0\":[]},", i);
		buf_addf(&b, "\"%s\":null}", twice ? "k\\u0037" : "z");
		check_int(parses(b.p, b.n), !twice);
	}
	buf_free(&b);
}

static void nest(struct buf *b, int depth, const char *open, const char *close)
{
	buf_truncate(b, 0);
	for (int i = 0; i < depth; i++)
		buf_adds(b, open);
	buf_adds(b, "1");
	for (int i = 0; i < depth; i++)
		buf_adds(b, close);
}

static void test_depth(void)
{
	struct buf b = {0};

	nest(&b, JSON_DEPTH, "[", "]");
	check(parses(b.p, b.n));
	nest(&b, JSON_DEPTH + 1, "[", "]");
	check(!parses(b.p, b.n));
	nest(&b, JSON_DEPTH, "{\"a\":", "}");
	check(parses(b.p, b.n));
	nest(&b, JSON_DEPTH + 1, "{\"a\":", "}");
	check(!parses(b.p, b.n));
	nest(&b, 500000, "[", "]");
	check(!parses(b.p, b.n));
	buf_free(&b);
	/* An empty container counts as much as a full one. */
	buf_truncate(&b, 0);
	for (int i = 0; i <= JSON_DEPTH; i++)
		buf_addc(&b, '[');
	for (int i = 0; i <= JSON_DEPTH; i++)
		buf_addc(&b, ']');
	check(!parses(b.p, b.n));
	check(parses(b.p + 1, b.n - 2));
	buf_free(&b);
}

static void check_fault(const char *text, const char *want)
{
	struct es_err err;

	check_int(json_parse(&doc, text, strlen(text), &err), -1);
	check_int(err.code, ES_FAILED);
	check_str(err.text, want);
}

static void test_faults(void)
{
	check_fault("", "unexpected end (byte 1)");
	check_fault("{\"a\":1", "unexpected end (byte 7)");
	check_fault("{\"a\":\"x", "unterminated string (byte 8)");
	check_fault("{\"a\":nope}", "not JSON (byte 6)");
	check_fault("{\"a\":\"\xff\"}", "not UTF-8 (byte 7)");
	check_fault("{\"a\":\"\t\"}", "control byte in a string (byte 7)");
	check_fault("{\"a\":\"b\\q\"}", "bad escape in a string (byte 8)");
	check_fault("{} {}", "text behind the value (byte 4)");
	check_fault("[1 2]", "expected ',' or ']' (byte 4)");
	check_fault("{\"a\" 1}", "expected ':' (byte 6)");
	check_fault("[-x]", "bad number (byte 3)");
}

/* After any fault the doc is used again. */
static void test_nodes(void)
{
	static const char text[] =
	    " {\"a\":[1, {\"b\":null}],\"c\\n\":\"x\\ty\",\"d\":-12.5} ";
	struct es_err err;
	uint32_t i, n = 0;

	need(json_parse(&doc, text, sizeof text - 1, &err) == 0);
	check_int(doc.nodes[0].type, JSON_OBJECT);
	check_int(doc.nodes[0].count, 3);
	check_int(doc.nodes[0].end, doc.n);
	check_int(json_text(&doc, 0).n, sizeof text - 3);
	for (i = json_first(&doc, 0); i < doc.nodes[0].end;
	    i = json_next(&doc, i))
		n++;
	check_int(n, 6);

	i = json_get(&doc, 0, "a");
	need(i != JSON_NONE);
	check_int(doc.nodes[i].type, JSON_ARRAY);
	check_int(doc.nodes[i].count, 2);
	check(span_is(json_text(&doc, i), "[1, {\"b\":null}]"));
	check(json_get(&doc, i, "b") == JSON_NONE);
	i = json_get(&doc, 0, "c\n");
	need(i != JSON_NONE);
	check(doc.nodes[i].escaped);
	check(json_is(&doc, i, "x\ty"));
	check(!json_is(&doc, i, "x\\ty"));
	i = json_get(&doc, 0, "d");
	need(i != JSON_NONE);
	check(!doc.nodes[i].integer);
	check(span_is(json_text(&doc, i), "-12.5"));
	check(json_get(&doc, 0, "b") == JSON_NONE);
	check(json_get(&doc, 0, "") == JSON_NONE);
}

static const char *decoded(const char *text)
{
	static struct buf b;
	struct es_err err;

	buf_truncate(&b, 0);
	need(json_parse(&doc, text, strlen(text), &err) == 0);
	json_decode(&doc, 0, &b);
	buf_adds(&b, "");
	return b.p;
}

static void test_decode(void)
{
	struct es_err err;
	struct buf b = {0};
	struct span s;

	check_str(decoded("\"\""), "");
	check_str(decoded("\"plain\""), "plain");
	check_str(decoded("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""),
	    "\"\\/\b\f\n\r\t");
	check_str(decoded("\"\\u0041\\u00e9\\u20ac\\ud83d\\udc1dz\""),
	    "A\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\x9dz");
	check_str(decoded("\"\\\\u0041\""), "\\u0041");
	check_str(decoded("\"\\uffff\""), "\xef\xbf\xbf");

	need(json_parse(&doc, "\"a\\u0000b\"", 10, &err) == 0);
	s = json_string(&doc, 0, &b);
	check_int(s.n, 3);
	check(memcmp(s.p, "a\0b", 3) == 0);
	/* Without escapes nothing is copied. */
	buf_truncate(&b, 0);
	need(json_parse(&doc, "\"ab\"", 4, &err) == 0);
	s = json_string(&doc, 0, &b);
	check(s.p == doc.text + 1 && s.n == 2 && b.n == 0);
	buf_free(&b);
}

static bool integer(const char *text, int64_t min, int64_t max, int64_t *out)
{
	struct es_err err;

	need(json_parse(&doc, text, strlen(text), &err) == 0);
	*out = 77;
	return json_int(&doc, 0, min, max, out) == 0;
}

static void test_int(void)
{
	static const char *const not[] = {"1.0", "1e2", "\"1\"", "null",
	    "9223372036854775808", "-9223372036854775809",
	    "99999999999999999999999", "[]"};
	int64_t v;

	check(integer("0", 0, 0, &v) && v == 0);
	check(integer("-0", 0, 0, &v) && v == 0);
	check(integer("9223372036854775807", INT64_MIN, INT64_MAX, &v) &&
	    v == INT64_MAX);
	check(integer("-9223372036854775808", INT64_MIN, INT64_MAX, &v) &&
	    v == INT64_MIN);
	check(!integer("0", 1, 9, &v) && v == 77);
	check(!integer("10", 1, 9, &v) && v == 77);
	for (size_t i = 0; i < sizeof not / sizeof *not; i++)
		check(!integer(not[i], INT64_MIN, INT64_MAX, &v) && v == 77);
}

static const char *compact(const char *text)
{
	static struct buf b;
	struct es_err err;

	buf_truncate(&b, 0);
	need(json_parse(&doc, text, strlen(text), &err) == 0);
	json_compact(&doc, 0, &b);
	return b.p;
}

static void test_compact(void)
{
	check_str(compact(" { \"a b\" : [ 1 ,\t2 ] ,\r\n\"c\" : \" \\\" : \" } "),
	    "{\"a b\":[1,2],\"c\":\" \\\" : \"}");
	check_str(compact("\"\\\\\""), "\"\\\\\"");
	check_str(compact("[ \"\\\\\" , \" \" ]"), "[\"\\\\\",\" \"]");
	check_str(compact(" 1.50 "), "1.50");
}

/* Every character that JSON must escape, and a few that it need not. */
static void test_quote(void)
{
	struct buf quoted = {0}, back = {0};
	struct es_err err;
	char all[0x180];
	size_t n = 0;

	for (uint32_t c = 0; c < 0x100; c++)
		n += utf8_put(all + n, c);
	json_quote(&quoted, all, n);
	need(json_parse(&doc, quoted.p, quoted.n, &err) == 0);
	json_decode(&doc, 0, &back);
	check_int(back.n, n);
	check(memcmp(back.p, all, n) == 0);

	buf_truncate(&quoted, 0);
	json_quote(&quoted, "a\"b\\c\n\x01\x7f\xc3\xa9/", 11);
	check_str(quoted.p, "\"a\\\"b\\\\c\\n\\u0001\\u007f\xc3\xa9/\"");
	buf_truncate(&quoted, 0);
	json_quote_span(&quoted, SPAN_NONE);
	check_str(quoted.p, "\"\"");
	buf_free(&quoted);
	buf_free(&back);
}

/* Every scalar value there and back, and no byte pair that is none. */
static void test_utf8(void)
{
	char p[4];

	for (uint32_t c = 0; c <= 0x10ffff; c++) {
		size_t n;

		if (c >= 0xd800 && c <= 0xdfff)
			continue;
		n = utf8_put(p, c);
		if (utf8_length((unsigned char *)p, n) != n ||
		    (n > 1 && utf8_length((unsigned char *)p, n - 1) != 0)) {
			printf("U+%04X: %zu bytes do not read back\n", c, n);
			unit_failed++;
		}
	}
	check(json_utf8("", 0));
	check(json_utf8("caf\xc3\xa9", 5));
	check(!json_utf8("a\0b", 3));
	check(!json_utf8("\xed\xa0\x80", 3));
	check(!json_utf8("caf\xc3", 4));
}

/* No prefix of a text is a text, and any byte may come. */
static void test_every_byte(void)
{
	static const char text[] =
	    "{\"k\\u00e9\":[-1.5e+3,true,null,\"\\ud83d\\udc1d\xc3\xa9\"],"
	    "\"z\":{}}";
	char copy[sizeof text];

	check(parses(text, sizeof text - 1));
	for (size_t i = 0; i < sizeof text - 1; i++)
		check(!parses(text, i));
	for (size_t i = 0; i < sizeof text - 1; i++)
		for (int c = 0; c < 256; c++) {
			memcpy(copy, text, sizeof text);
			copy[i] = (char)c;
			(void)parses(copy, sizeof text - 1);
		}
}

/* Whether a string of these bytes is one, looked at byte by byte. */
static bool string_wanted(const unsigned char *p, size_t n)
{
	size_t i, len;

	for (i = 0; i < n; i += len) {
		if (p[i] < 0x20 || p[i] == '"')
			return false;
		if (p[i] != '\\')
			len = utf8_length(p + i, n - i);
		else if (i + 1 < n && p[i + 1] == 'u')
			len = i + 6 <= n ? 6 : 0;	/* digits: all are 'a' */
		else
			len = i + 1 < n && memchr("\"\\/bfnrt", p[i + 1], 8) ?
			    2 : 0;
		if (!len)
			return false;
	}
	return true;
}

static void check_string(const char *p, size_t n)
{
	char quoted[64];
	bool want = string_wanted((const unsigned char *)p, n);

	quoted[0] = quoted[n + 1] = '"';
	memcpy(quoted + 1, p, n);
	if (parses(quoted, n + 2) == want)
		return;
	printf("a string of %zu bytes is %staken\n", n, want ? "not " : "");
	unit_failed++;
}

/*
 * Strings are looked through eight bytes at a time: every byte at every place
 * beside what may carry or borrow into it.
 */
static void test_every_place(void)
{
	static const unsigned char beside[] = {'a', 0x00, 0x1f, 0x20, '"', '!',
	    '#', '[', '\\', ']', 0x7e, 0x7f, 0x80, 0xff};
	char text[24];

	for (size_t n = 1; n <= sizeof text; n++)
		for (size_t at = 0; at < n; at++)
			for (int c = 0; c < 256; c++) {
				memset(text, 'a', n);
				text[at] = (char)c;
				check_string(text, n);
			}
	for (size_t at = 1; at < 16; at++)
		for (size_t k = 0; k < sizeof beside; k++)
			for (int c = 0; c < 256; c++) {
				memset(text, 'a', 16);
				text[at - 1] = (char)beside[k];
				text[at] = (char)c;
				check_string(text, 16);
			}
}

/* What is written of every byte at every place reads as what went in. */
static void test_quote_every_place(void)
{
	struct buf quoted = {0}, back = {0};
	struct es_err err;
	char text[24];

	for (size_t n = 1; n <= sizeof text; n++)
		for (size_t at = 0; at < n; at++)
			for (int c = 0; c < 128; c++) {
				memset(text, 'a', n);
				text[at] = (char)c;
				buf_truncate(&quoted, 0);
				buf_truncate(&back, 0);
				json_quote(&quoted, text, n);
				need(json_parse(&doc, quoted.p, quoted.n,
				    &err) == 0);
				json_decode(&doc, 0, &back);
				need(back.n == n &&
				    memcmp(back.p, text, n) == 0);
				check_int(doc.nodes[0].escaped, c < 0x20 ||
				    c == '"' || c == '\\' || c == 0x7f);
			}
	buf_free(&quoted);
	buf_free(&back);
}

int main(void)
{
	test_accepted();
	test_refused();
	test_bad_strings();
	test_duplicate_keys();
	test_depth();
	test_faults();
	test_nodes();
	test_decode();
	test_int();
	test_compact();
	test_quote();
	test_utf8();
	test_every_byte();
	test_every_place();
	test_quote_every_place();
	json_free(&doc);
	return unit_end();
}
