#include "unit.h"
#include "channel.h"

static struct span copy_of(const char *text)
{
	/* Of just that size, so that a sanitizer sees every overrun. */
	size_t n = strlen(text);
	char *p = malloc(n ? n : 1);

	need(p);
	memcpy(p, text, n);
	return (struct span){p, n};
}

static const char *made(const char *template, const char *payload)
{
	static struct buf out;
	struct span t = copy_of(template);
	struct json_doc d = {0};

	need(json_parse(&d, payload, strlen(payload), NULL) == 0);
	buf_truncate(&out, 0);
	buf_adds(&out, "=");
	if (!channel_make(t, &d, 0, &out)) {
		check_str(out.p, "=");
		buf_adds(&out, " none");
	}
	json_free(&d);
	free((char *)(uintptr_t)t.p);
	return out.p + 1;
}

static void test_make(void)
{
	static const char donation[] =
	    "campaigns.{campaign_id}.donations.{donation_id}";

	check_str(made("a.b", "{}"), "a.b");
	check_str(made(donation, "{\"campaign_id\":\"c1\",\"donation_id\":7}"),
	    "campaigns.c1.donations.7");
	check_str(made(donation, "{\"campaign_id\":\"c1\"}"), " none");
	check_str(made("a.{x}", "{\"x\":true}"), "a.true");
	check_str(made("a.{x}-{x}", "{\"x\":\"b\"}"), "a.b-b");
	check_str(made("a.{x}", "{\"x\":\"\"}"), " none");
	check_str(made("a.{x}", "{\"x\":null}"), " none");
	check_str(made("a.{x}", "{\"x\":1.5}"), " none");
	check_str(made("a.{x}", "{\"x\":[\"b\"]}"), " none");
	check_str(made("a.{x}", "{\"x\":\"b.>\\u0000\"}"), " none");
	/* One segment, whatever it holds. */
	check_str(made("a.{x}", "{\"x\":\"b.c.*.> %/?#{x}\"}"),
	    "a.b%2Ec%2E%2A%2E%3E%20%25%2F%3F%23%7Bx%7D");
	check_str(made("a.{x}", "{\"x\":\"\\u00e9~_:-Z9\"}"),
	    "a.%C3%A9~_:-Z9");
	/* A pattern's places, too. */
	check_str(made("a.{x}.*.>", "{\"x\":\"b\"}"), "a.b.*.>");
	check_str(made("a.{x", "{\"x\":\"b\"}"), "a.{x");
}

static bool good(int (*check_form)(struct span, struct es_err *),
    const char *text)
{
	struct span t = copy_of(text);
	struct es_err err = {0};
	bool yes = check_form(t, &err) == 0;

	check(yes == (err.text[0] == '\0'));
	free((char *)(uintptr_t)t.p);
	return yes;
}

static void test_templates(void)
{
	static const char *const yes[] = {"a", "a.b", "A_1:x-y.{n}.z",
	    "{n}", "x{n}y{m}"};
	static const char *const no[] = {"", ".", "a.", ".a", "a..b", "a.*",
	    "a.>", "{}", "{n", "n}", "a b", "a/b", "%2E", "\xc3\xa9"};
	size_t i;

	for (i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!good(channel_check_template, yes[i]))
			check_str("refused", yes[i]);
	for (i = 0; i < sizeof no / sizeof *no; i++)
		if (good(channel_check_template, no[i]))
			check_str("taken", no[i]);
}

static void test_patterns(void)
{
	static const char *const yes[] = {"a", "a.b", ">", "*", "*.*", "a.>",
	    "a.*.b.>", "a%2Eb.c~", "%C3%A9"};
	static const char *const no[] = {"", ".", "a.", ".a", "a..b", ">.a",
	    "a*", "a.b>", "a.**", "%", "%2", "%2e", "%41", "{n}", "a b"};
	struct es_err err = {0};
	size_t i;

	for (i = 0; i < sizeof yes / sizeof *yes; i++)
		if (!good(channel_check_pattern, yes[i]))
			check_str("refused", yes[i]);
	for (i = 0; i < sizeof no / sizeof *no; i++)
		if (good(channel_check_pattern, no[i]))
			check_str("taken", no[i]);
	check_int(channel_check_pattern(SPAN_LIT("a.%41"), &err), -1);
	check_str(err.text,
	    "%41 is not how it is encoded: write the character itself");
	check_int(channel_check_pattern(SPAN_LIT("a.>.b"), &err), -1);
	check_str(err.text, "> is a whole segment, the last one");
}

static void test_matches(void)
{
	static const struct { const char *pattern, *channel; bool yes; }
	cases[] = {
		{"a", "a", true}, {"a", "b", false}, {"a", "a.b", false},
		{"a.b", "a", false}, {"a.b", "a.b", true},
		{"*", "a", true}, {"*", "a.b", false}, {"a.*", "a", false},
		{"a.*", "a.b", true}, {"a.*.c", "a.b.c", true},
		{"a.*.c", "a.b.d", false}, {"*.*", "a.b", true},
		{">", "a", true}, {">", "a.b.c", true}, {"a.>", "a", false},
		{"a.>", "a.b", true}, {"a.>", "a.b.c", true},
		{"a.>", "b.c", false}, {"*.b.>", "a.b.c.d", true},
		{"a.>", "ab.c", false}, {"a.%3E", "a.b", false},
		{"a", "ab", false}, {"ab", "a", false}, {"a.", "a", false},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct span p = copy_of(cases[i].pattern);
		struct span c = copy_of(cases[i].channel);

		if (channel_matches(p, c) != cases[i].yes) {
			printf("%s %s:\n", cases[i].pattern, cases[i].channel);
			check(false);
		}
		free((char *)(uintptr_t)p.p);
		free((char *)(uintptr_t)c.p);
	}
}

int main(void)
{
	test_make();
	test_templates();
	test_patterns();
	test_matches();
	return unit_end();
}
