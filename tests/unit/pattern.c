#include "unit.h"
#include "pattern.h"
#include "sys.h"

static bool matches(const char *pattern, const char *text)
{
	struct pattern *p;
	struct es_err err = {0};
	bool yes;

	if (pattern_compile(span_str(pattern), &p, &err) < 0) {
		check_str(err.text, pattern);
		return false;
	}
	yes = pattern_match(p, span_str(text));
	pattern_free(p);
	return yes;
}

static const char *refused(const char *pattern)
{
	static struct es_err err;
	struct pattern *p;

	es_err_clear(&err);
	if (pattern_compile(span_str(pattern), &p, &err) == 0)
		pattern_free(p);
	else
		check(p == NULL && strncmp(err.text, "pattern: ", 9) == 0);
	return *err.text ? err.text + 9 : "";
}

static void test_match(void)
{
	check(matches("[a-z]+", "abc"));
	check(!matches("[a-z]+", "abc1"));
	check(!matches("[a-z]+", "1abc"));
	check(!matches("[a-z]+", ""));
	check(!matches("[a-z]+", "abc\n"));
	/* The whole string, whatever stands in an alternative. */
	check(matches("a|bc", "bc"));
	check(!matches("a|bc", "ac"));
	check(matches("[0-9]{3}(-[0-9]{4})?", "123-4567"));
	check(matches("[]x]+", "]x]"));
	check(matches("[^]x]", "a"));
	check(matches("[[:digit:]{}()*]+", "1{}()*"));
	check(matches("\\.\\(\\)\\{\\|\\*\\\\", ".(){|*\\"));
	check(matches("^a$", "a"));
	check(matches("(a*)*", "aaa"));
	check(matches("[a-z0-9]+(-[a-z0-9]+)*", "a-slug-2"));
	check(matches("x{0,0}y{2,}", "yyyy"));
	check(matches(".", "\x80") && !matches(".", "\xc3\xa9"));
}

static void test_refused(void)
{
	char longer[PATTERN_BYTES + 2];

	check(strstr(refused("(a)\\1"), "back-references"));
	check(strstr(refused("\\d+"), "only punctuation"));
	check(strstr(refused("\\w"), "only punctuation"));
	check(strstr(refused("\\<a"), "only punctuation"));
	check(strstr(refused("a\\"), "only punctuation"));
	check(strstr(refused("("), "( without )"));
	check(strstr(refused("a)(b"), ") without ("));
	check(strstr(refused("[a"), "[ without ]"));
	check(strstr(refused("[[:digit:]"), "[ without ]"));
	check(strstr(refused("[[:"), "[ without ]"));
	check(strstr(refused("[]"), "[ without ]"));
	check(*refused("[[:nope:]]"));
	check(*refused("[z-a]"));
	check(strstr(refused("*a"), "repetition of nothing"));
	check(strstr(refused("{2}"), "repetition of nothing"));
	check(strstr(refused("a**"), "repetition of a repetition"));
	check(strstr(refused("a{2}{3}"), "repetition of a repetition"));
	check(strstr(refused("a{2"), "{ without }"));
	check(strstr(refused("a{x}"), "bad count"));
	check(*refused("a{}"));
	check(*refused("a{3,2}"));
	check(*refused("a{1,2,3}"));
	check(strstr(refused("a{513}"), "too large"));
	check(strstr(refused("a{99999999999999999999}"), "too large"));
	check(strstr(refused("(abc){200}"), "too large"));
	check(strstr(refused("a{300}b{300}"), "too large"));
	check(strstr(refused("(a{2}b){2}"), "within a counted"));
	check(strstr(refused("((a{2}|b)*c){2}"), "within a counted"));
	check(strstr(refused(""), "1 to 512 bytes"));
	memset(longer, 'a', sizeof longer);
	longer[PATTERN_BYTES + 1] = '\0';
	check(strstr(refused(longer), "1 to 512 bytes"));
	memset(longer, '(', 40);
	check(strstr(refused(longer + 5), "1 to 512") == NULL);
}

static void test_text(void)
{
	struct pattern *p;
	struct es_err err = {0};
	char text[PATTERN_TEXT + 1];

	memset(text, 'a', sizeof text);
	need(pattern_compile(SPAN_LIT("a*"), &p, &err) == 0);
	check(pattern_match(p, (struct span){text, PATTERN_TEXT}));
	check(!pattern_match(p, (struct span){text, PATTERN_TEXT + 1}));
	text[3] = '\0';
	check(!pattern_match(p, (struct span){text, 5}));
	check(pattern_match(p, (struct span){"", 0}));
	check_str(pattern_source(p), "a*");
	pattern_free(p);
	pattern_free(NULL);
}

/* What is let through is quick, also where it was made to be slow. */
static void test_slow(void)
{
	static const char *const evil[] = {"(a*)*b", "(a|aa)+b", "((a*)*)*b",
	    "(a?){255}b", "a{0,255}a{0,255}b", "(a|b)*a(a|b){250}",
	    "(.*a){250}b", "(.*a){100}.*(.*a){100}", "(a{0,250}x?)*b",
	    "[a-z]{0,250}b?[a-z]{0,250}b?c"};
	char text[PATTERN_TEXT + 1];
	int64_t from;

	memset(text, 'a', PATTERN_TEXT);
	text[PATTERN_TEXT] = '\0';
	for (size_t i = 0; i < sizeof evil / sizeof *evil; i++) {
		from = sys_monotonic();
		matches(evil[i], text);
		if (sys_monotonic() - from > 3000)
			check_str(evil[i], "quick");
	}
}

int main(void)
{
	test_match();
	test_refused();
	test_text();
	test_slow();
	return unit_end();
}
