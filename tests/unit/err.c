#include <errno.h>

#include "unit.h"
#include "err.h"

/* Text one byte longer than fits, made of the character c. */
static void test_cut(void)
{
	struct es_err err;
	char text[sizeof err.text + 1], want[sizeof err.text];
	size_t n = sizeof err.text;

	memset(text, 'x', n);
	text[n] = '\0';
	memset(want, 'x', n - 4);
	memcpy(want + n - 4, "...", 4);
	check(es_fail(&err, ES_BUSY, "%s", text) == -1);
	check_int(err.code, ES_BUSY);
	check_str(err.text, want);

	/* What just fits is left alone. */
	text[n - 1] = '\0';
	es_fail(&err, ES_FAILED, "%s", text);
	check_str(err.text, text);
}

/* A cut never leaves a part of a character. */
static void test_cut_at_character(void)
{
	struct es_err err;
	char text[sizeof err.text + 8];

	for (size_t lead = 0; lead < 4; lead++) {
		size_t n = lead;

		memset(text, 'x', lead);
		while (n + 4 < sizeof text) {
			memcpy(text + n, "\xf0\x9f\x90\x9d", 4);
			n += 4;
		}
		text[n] = '\0';
		es_fail(&err, ES_FAILED, "%s", text);
		n = strlen(err.text);
		check(n < sizeof err.text);
		check_str(err.text + n - 3, "...");
		check_int((long long)((n - 3 - lead) % 4), 0);
	}
}

static void test_errno(void)
{
	struct es_err err;
	char text[sizeof err.text];

	errno = ENOENT;
	check(es_fail_errno(&err, "cannot open %s", "a") == -1);
	check_int(err.code, ES_FAILED);
	check_str(err.text, "cannot open a: No such file or directory");

	memset(text, 'x', sizeof text - 3);
	text[sizeof text - 3] = '\0';
	errno = ENOENT;
	es_fail_errno(&err, "%s", text);
	check_int((long long)strlen(err.text), sizeof err.text - 1);
	check_str(err.text + sizeof err.text - 4, "...");
}

static void test_at(void)
{
	struct es_err err;
	char text[sizeof err.text];

	es_fail(&err, ES_USAGE, "unexpected end");
	check(es_err_at(&err, "%s:%d", "<stdin>", 12) == -1);
	check_str(err.text, "<stdin>:12: unexpected end");
	check_int(err.code, ES_USAGE);

	/* The place stays whole and the fault is cut. */
	memset(text, 'x', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	es_fail(&err, ES_FAILED, "%s", text);
	es_err_at(&err, "%s", "es.db");
	check(strncmp(err.text, "es.db: xxx", 10) == 0);
	check_int((long long)strlen(err.text), sizeof err.text - 1);
	check_str(err.text + sizeof err.text - 4, "...");

	/* No room for any of the fault. */
	es_fail(&err, ES_FAILED, "fault");
	text[sizeof text - 5] = '\0';
	es_err_at(&err, "%s", text);
	check_str(err.text, text);
}

static void test_without_struct(void)
{
	check(es_fail(NULL, ES_FAILED, "x") == -1);
	check(es_fail_errno(NULL, "x") == -1);
	check(es_fail_nomem(NULL) == -1);
	check(es_err_at(NULL, "x") == -1);
	es_err_clear(NULL);
}

static void test_clear(void)
{
	struct es_err err;

	es_fail_nomem(&err);
	check_str(err.text, "out of memory");
	es_err_clear(&err);
	check_int(err.code, ES_OK);
	check_str(err.text, "");
}

static const char *escaped(const char *p, size_t n)
{
	static char out[64];

	return es_escape(out, sizeof out, p, n);
}

static void test_escape(void)
{
	char out[16], small[4], one[1] = {'x'};

	check_str(escaped("plain", 5), "plain");
	check_str(escaped("", 0), "");
	check_str(escaped("a\tb\nc\0d", 7), "a\\x09b\\x0ac\\x00d");
	check_str(escaped("\x1b[2J\x7f", 5), "\\x1b[2J\\x7f");
	check_str(escaped("caf\xc3\xa9", 5), "caf\xc3\xa9");
	/* C1 control characters drive terminals too. */
	check_str(escaped("\xc2\x9bm", 3), "\\xc2\\x9bm");
	check_str(escaped("\xc2\xa0", 2), "\xc2\xa0");
	/* Not UTF-8: alone, overlong, a surrogate, cut short. */
	check_str(escaped("\xff", 1), "\\xff");
	check_str(escaped("\xc0\xaf", 2), "\\xc0\\xaf");
	check_str(escaped("\xed\xa0\x80", 3), "\\xed\\xa0\\x80");
	check_str(escaped("\xf0\x9f\x90", 3), "\\xf0\\x9f\\x90");

	/* What does not fit is cut at a character and says so. */
	check_str(es_escape(out, sizeof out, "0123456789ab", 12),
	    "0123456789ab");
	check_str(es_escape(out, sizeof out, "0123456789abcdef", 16),
	    "0123456789ab...");
	check_str(es_escape(out, sizeof out, "0123456789a\xc3\xa9z", 14),
	    "0123456789a...");
	check_str(es_escape(out, sizeof out, "0123456789\nxyz", 14),
	    "0123456789...");
	check_str(es_escape(small, sizeof small, "abcdef", 6), "...");
	check_str(es_escape(one, sizeof one, "abcdef", 6), "");
}

int main(void)
{
	test_cut();
	test_cut_at_character();
	test_errno();
	test_at();
	test_without_struct();
	test_clear();
	test_escape();
	return unit_end();
}
