/*
 * rfc3339: which texts are times, and which time they are.
 */
#include "unit.h"
#include "rfc3339.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define YEAR_1 (-62135596800 * SECOND)		/* 0001-01-01T00:00:00Z */
#define YEAR_10000 (253402300800 * SECOND)	/* one past the last */

static bool parse(const char *text, int64_t *out)
{
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	bool ok;

	need(copy);
	memcpy(copy, text, n);
	ok = rfc3339_parse((struct span){copy, n}, out);
	free(copy);
	return ok;
}

static void good(const char *text, int64_t want)
{
	int64_t t = 0;

	if (!parse(text, &t) || t != want) {
		printf("%s: is %" PRId64 ", not %" PRId64 "\n", text, t, want);
		unit_failed++;
	}
}

static void bad(const char *text)
{
	int64_t t = 77;

	if (parse(text, &t) || t != 77) {
		printf("%s: taken for a time\n", text);
		unit_failed++;
	}
}

static void test_good(void)
{
	good("1970-01-01T00:00:00Z", 0);
	good("1970-01-01t00:00:00z", 0);
	good("1969-12-31T23:59:59.999999Z", -1);
	good("1970-01-01T01:00:00+01:00", 0);
	good("1969-12-31T18:30:00-05:30", 0);
	good("1970-01-01T00:00:00-00:00", 0);
	good("2000-02-29T00:00:00Z", 951782400 * SECOND);
	good("2024-02-29T12:34:56.789Z", 1709210096 * SECOND + 789000);
	good("2026-01-02T03:04:05Z", 1767323045 * SECOND);
	good("0001-01-01T00:00:00Z", YEAR_1);
	good("9999-12-31T23:59:59.999999Z", YEAR_10000 - 1);
	/* Fractions of any length; digits behind the sixth are dropped. */
	good("1970-01-01T00:00:00.1Z", 100000);
	good("1970-01-01T00:00:00.000001Z", 1);
	good("1970-01-01T00:00:00.0000019999Z", 1);
	good("1970-01-01T00:00:00.1234567890123456789012345Z", 123456);
	/* A leap second stands at the end of a UTC day. */
	good("2016-12-31T23:59:60Z", 1483228800 * SECOND);
	good("2017-01-01T00:59:60+01:00", 1483228800 * SECOND);
	check(rfc3339_parse(SPAN_LIT("1970-01-01T00:00:00Z"), NULL));
}

static void test_bad(void)
{
	check(!rfc3339_parse(SPAN_NONE, NULL));
	bad("");
	bad("now");
	bad("1970-01-01");
	bad("1970-01-01T00:00:00");
	bad("1970-01-01 00:00:00Z");
	bad("1970-01-01T00:00Z");
	bad("1970-01-01T00:00:00 Z");
	bad("1970-01-01T00:00:00Zx");
	bad("1970-01-01T00:00:00.Z");
	bad("1970-01-01T00:00:00,5Z");
	bad("1970-01-01T00:00:00.5");
	bad("1970-01-01T00:00:00+1:00");
	bad("1970-01-01T00:00:00+0100");
	bad("1970-01-01T00:00:00+24:00");
	bad("1970-01-01T00:00:00+01:60");
	bad("1970-01-01T00:00:00+01-00");
	bad("1970-1-01T00:00:00Z0");
	bad("+970-01-01T00:00:00Z");
	bad("-001-01-01T00:00:00Z");
	bad("0000-01-01T00:00:00Z");
	bad("1970-00-01T00:00:00Z");
	bad("1970-13-01T00:00:00Z");
	bad("1970-01-00T00:00:00Z");
	bad("1970-01-32T00:00:00Z");
	bad("1970-04-31T00:00:00Z");
	bad("1970-02-29T00:00:00Z");
	bad("1900-02-29T00:00:00Z");
	bad("2100-02-29T00:00:00Z");
	bad("1970-01-01T24:00:00Z");
	bad("1970-01-01T00:60:00Z");
	bad("1970-01-01T00:00:61Z");
	bad("1970-01-01T00:00:60Z");
	bad("2016-12-31T23:59:60+01:00");
	/* In UTC outside of the years that can be printed. */
	bad("0001-01-01T00:00:00+00:01");
	bad("9999-12-31T23:59:59-00:01");
	bad("9999-12-31T23:59:60Z");
}

static const char *printed(int64_t t)
{
	static struct buf b;

	buf_truncate(&b, 0);
	rfc3339_print(&b, t);
	return b.p;
}

static void test_print(void)
{
	check_str(printed(0), "1970-01-01T00:00:00.000000Z");
	check_str(printed(-1), "1969-12-31T23:59:59.999999Z");
	check_str(printed(YEAR_1), "0001-01-01T00:00:00.000000Z");
	check_str(printed(YEAR_10000 - 1), "9999-12-31T23:59:59.999999Z");
	check_str(printed(951782400 * SECOND + 5),
	    "2000-02-29T00:00:00.000005Z");
}

/* Every day of four centuries, and some of all the others. */
static void test_there_and_back(void)
{
	int64_t step = DAY + 3661 * SECOND + 1, t, back;

	for (t = YEAR_1; t < YEAR_10000; t += step) {
		const char *text = printed(t);

		if (!parse(text, &back) || back != t) {
			printf("%s: back as %" PRId64 ", not %" PRId64 "\n",
			    text, back, t);
			unit_failed++;
			return;
		}
		if (t > 2400 * 365 * DAY)
			step = 97 * DAY;
	}
}

int main(void)
{
	test_good();
	test_bad();
	test_print();
	test_there_and_back();
	return unit_end();
}
