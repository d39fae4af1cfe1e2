/*
 * keys: what a message is found by; DESIGN "Tags".
 */
#include "unit.h"
#include "keys.h"

static struct keys keys;

static bool same(const struct keys *a, const struct keys *b)
{
	for (size_t i = 0; i < a->n && i < b->n; i++)
		if (!span_eq(a->v[i].text, b->v[i].text) ||
		    !span_eq(a->v[i].name, b->v[i].name) ||
		    !a->v[i].name.p != !b->v[i].name.p ||
		    a->v[i].from_payload != b->v[i].from_payload)
			return false;
	return a->n == b->n;
}

/* The same keys, or the same fault, must come of a line that is parsed. */
static void check_parsed(struct span tags, struct span payload,
    message_indexes *indexes, void *ctx, const struct es_err *fault)
{
	static struct json_doc doc;
	static struct keys other;
	struct buf b = {0};
	struct es_err err = {0};
	uint32_t at = JSON_NONE;
	int r;

	buf_adds(&b, "{\"x\": [0], \"payload\": ");
	buf_add_span(&b, payload);
	if (tags.p) {
		buf_adds(&b, " ,\"tags\":");
		buf_add_span(&b, tags);
	}
	buf_addc(&b, '}');
	need(json_parse(&doc, b.p, b.n, &err) == 0);
	if (tags.p)
		at = json_get(&doc, 0, "tags");
	r = message_keys_parsed(&doc, at, json_get(&doc, 0, "payload"),
	    indexes, ctx, &other, &err);
	check_int(r, fault ? -1 : 0);
	if (fault)
		check_str(err.text, fault->text);
	else if (!same(&other, &keys)) {
		printf("%s: other keys when parsed\n", b.p);
		unit_failed++;
	}
	buf_free(&b);
	keys_free(&other);
	json_free(&doc);
}

static int find(struct span tags, struct span payload,
    message_indexes *indexes, void *ctx, struct es_err *err)
{
	int r = message_keys(tags, payload, indexes, ctx, &keys, err);

	check_parsed(tags, payload, indexes, ctx, r < 0 ? err : NULL);
	return r;
}

/* The keys, each followed by a space; "!" and the error's text on failure. */
static const char *found(const char *tags, const char *payload)
{
	static struct buf b;
	struct es_err err;

	buf_truncate(&b, 0);
	if (find(span_str(tags), span_str(payload), NULL, NULL, &err) < 0) {
		buf_addf(&b, "!%s", err.text);
		return b.p;
	}
	for (size_t i = 0; i < keys.n; i++) {
		buf_add_span(&b, keys.v[i].text);
		buf_addc(&b, ' ');
	}
	buf_adds(&b, "");
	return b.p;
}

static void test_attributes(void)
{
	check_str(found(NULL, "{}"), "");
	check_str(found(NULL, "{\"b\":\"x\",\"a\":1,\"c\":true,\"d\":false}"),
	    "a:1 b:x c:true d:false ");
	/* What is no key: null, containers, fractions, exponents. */
	check_str(found(NULL, "{\"a\":null,\"b\":[1],\"c\":{\"d\":1},"
	    "\"e\":1.0,\"f\":1e2,\"g\":-1.5}"), "");
	/* Only at the top level, and only names of programs' kind. */
	check_str(found(NULL, "{\"_\":1,\"a1\":2,\"_x9\":3,\"1a\":4,\"a-b\":5,"
	    "\"a.b\":6,\"\":7,\"\xc3\xa9\":8,\"a b\":9}"), "_:1 _x9:3 a1:2 ");
	check_str(found(NULL, "{\"\\u0061\":\"\\u0062\"}"), "a:b ");
	/* The empty string is a value. */
	check_str(found(NULL, "{\"a\":\"\"}"), "a: ");
	/* 1 and "1" are the same tag, true and "true" too. */
	check_str(found("[\"a:1\"]", "{\"a\":1}"), "a:1 ");
	check_str(found(NULL, "{\"a\":\"1\"}"), "a:1 ");
	check_str(found(NULL, "{\"a\":-0}"), "a:0 ");
	check_str(found(NULL, "{\"a\":\"x:y \\n\xc3\xa9\"}"),
	    "a:x:y \n\xc3\xa9 ");
}

static void test_integers(void)
{
	check_str(found(NULL, "{\"a\":9007199254740991}"),
	    "a:9007199254740991 ");
	check_str(found(NULL, "{\"a\":-9007199254740991}"),
	    "a:-9007199254740991 ");
	check_str(found(NULL, "{\"a\":9007199254740992}"), "");
	check_str(found(NULL, "{\"a\":-9007199254740992}"), "");
	check_str(found(NULL, "{\"a\":123456789012345678901234567890}"), "");
}

/* A payload {"a": a string of n bytes made of `unit`}. */
static const char *with_string(const char *unit, size_t n)
{
	static struct buf payload;

	buf_truncate(&payload, 0);
	buf_adds(&payload, "{\"a\":\"");
	for (size_t i = 0; i < n; i++)
		buf_adds(&payload, unit);
	buf_adds(&payload, "\"}");
	return payload.p;
}

static void test_long_strings(void)
{
	found(NULL, with_string("x", KEY_VALUE_BYTES));
	check_int(keys.n, 1);
	check_int(keys.v[0].text.n, KEY_VALUE_BYTES + 2);
	check_str(found(NULL, with_string("x", KEY_VALUE_BYTES + 1)), "");
	/* Bytes are counted, as they are decoded. */
	found(NULL, with_string("\xc3\xa9", KEY_VALUE_BYTES / 2));
	check_int(keys.n, 1);
	check_str(found(NULL, with_string("\xc3\xa9", KEY_VALUE_BYTES / 2 + 1)),
	    "");
	found(NULL, with_string("\\u0041", KEY_VALUE_BYTES));
	check_int(keys.n, 1);
	/* A NUL cannot be given on a command line. */
	check_str(found(NULL, "{\"a\":\"x\\u0000y\",\"b\":\"\\u0000\"}"), "");
}

static void test_tags(void)
{
	check_str(found("[]", "{}"), "");
	check_str(found("[\"b\",\"a\",\"b\"]", "{}"), "a b ");
	check_str(found("[\"student_id:s1\",\"student_id:s2\"]", "{}"),
	    "student_id:s1 student_id:s2 ");
	check_str(found("[\"\\u0061:\\u0062\"]", "{\"a\":\"b\"}"), "a:b ");
	check(!keys.v[0].from_payload);
	/* Compared by bytes: capitals first, then small, then UTF-8. */
	check_str(found("[\"\xc3\xa9\",\"a\",\"B\",\"a:\",\"a\xc3\xa9\"]", "{}"),
	    "B a a: a\xc3\xa9 \xc3\xa9 ");
}

static void test_names(void)
{
	found("[\"plain\",\"a:b:c\",\":x\",\"\xc3\xa9:y\"]", "{\"z\":1}");
	need(keys.n == 5);
	/* ":x" "a:b:c" "plain" "z:1" "é:y" */
	check(!keys.v[0].name.p);
	check(span_is(keys.v[1].name, "a"));
	check(!keys.v[2].name.p);
	check(span_is(keys.v[3].name, "z"));
	check(keys.v[3].from_payload);
	check(span_is(keys.v[4].name, "\xc3\xa9"));
}

/* n attributes, and how many keys come of them; -1 for an error. */
static int many(int n, const char *tags)
{
	struct buf b = {0};
	struct es_err err;
	int r;

	buf_addc(&b, '{');
	for (int i = 0; i < n; i++)
		buf_addf(&b, "%s\"a%d\":%d", i ? "," : "", i, i);
	buf_addc(&b, '}');
	r = find(span_str(tags), buf_span(&b), NULL, NULL, &err);
	buf_free(&b);
	if (r < 0 && n <= KEYS_MAX + 1)
		check_str(err.text, "65 tags, more than 64 (tags and payload "
		    "attributes together)");
	return r < 0 ? -1 : (int)keys.n;
}

static void test_number_of_keys(void)
{
	check_int(many(KEYS_MAX, NULL), KEYS_MAX);
	check_int(many(KEYS_MAX + 1, NULL), -1);
	check_int(many(KEYS_MAX - 1, "[\"x\"]"), KEYS_MAX);
	check_int(many(KEYS_MAX, "[\"x\"]"), -1);
	/* What is there twice counts once. */
	check_int(many(KEYS_MAX, "[\"a0:0\",\"a1:1\"]"), KEYS_MAX);
	/* Many more, of which one is enough. */
	check_int(many(1000, NULL), -1);
	check_str(found(NULL, "{\"a\":1}"), "a:1 ");
}

/* Sorted by bytes and each once, whatever order they come in. */
static void test_order(void)
{
	static const char *const names[] = {"", "a", "\\u0061", "aa", "b"};
	struct buf tags = {0};
	unsigned seed = 1;
	struct es_err err;

	for (int turn = 0; turn < 200; turn++) {
		buf_truncate(&tags, 0);
		for (int i = 0; i < turn % 64 + 1; i++) {
			seed = seed * 1664525u + 1013904223u;
			buf_addf(&tags, "%s\"%s:%u\"", i ? "," : "[",
			    names[(seed >> 20) % 5], seed >> 27);
		}
		buf_addc(&tags, ']');
		need(find(buf_span(&tags), SPAN_LIT("{\"a\":\"\\u0061:1\"}"),
		    NULL, NULL, &err) == 0);
		for (size_t i = 1; i < keys.n; i++)
			check(span_cmp(keys.v[i - 1].text,
			    keys.v[i].text) < 0);
	}
	buf_free(&tags);
}

static bool only(void *ctx, struct span name)
{
	return span_is(name, ctx);
}

static void test_chosen(void)
{
	struct es_err err;
	char b[] = "b";

	check(find(SPAN_LIT("[\"a:9\"]"), SPAN_LIT("{\"a\":1,\"b\":2}"), only,
	    b, &err) == 0);
	need(keys.n == 2);
	check(span_is(keys.v[0].text, "a:9"));
	check(span_is(keys.v[1].text, "b:2"));
}

int main(void)
{
	test_attributes();
	test_integers();
	test_long_strings();
	test_tags();
	test_names();
	test_number_of_keys();
	test_order();
	test_chosen();
	keys_free(&keys);
	return unit_end();
}
