#include "unit.h"
#include "url.h"

/* What it becomes, in memory of just its size; " bad" when it is refused. */
static const char *decoded(const char *text, bool form)
{
	static struct buf out;
	size_t n = strlen(text);
	char *copy = malloc(n ? n : 1);
	struct es_err err = {0};

	need(copy);
	memcpy(copy, text, n);
	buf_free(&out);
	buf_adds(&out, "=");
	if (url_decode((struct span){copy, n}, form, &out, &err) < 0) {
		check_int(err.code, ES_USAGE);
		buf_truncate(&out, 1);
		buf_adds(&out, " bad");
	}
	free(copy);
	return out.p + 1;
}

static void test_decode(void)
{
	check_str(decoded("", false), "");
	check_str(decoded("a%2Fb%2fc", false), "a/b/c");
	check_str(decoded("a+b", false), "a+b");
	check_str(decoded("a+b", true), "a b");
	check_str(decoded("%C3%A9%2B", true), "\xc3\xa9+");
	check_str(decoded("%", true), " bad");
	check_str(decoded("a%2", true), " bad");
	check_str(decoded("%2g", true), " bad");
	check_str(decoded("%C3", true), " bad");
	check_str(decoded("\xc3", true), " bad");
}

static void test_encode(void)
{
	struct buf out = {0};

	url_encode(&out, SPAN_LIT("aZ09-._~ /?&=%+\xc3\xa9\n"));
	check_str(out.p, "aZ09-._~%20%2F%3F%26%3D%25%2B%C3%A9%0A");
	buf_truncate(&out, 0);
	url_encode(&out, (struct span){"\0", 1});
	check_str(out.p, "%00");
	buf_free(&out);
}

static void test_cut(void)
{
	struct span rest = SPAN_LIT("a=b=c");

	check(span_is(url_cut(&rest, '='), "a"));
	check(span_is(url_cut(&rest, '='), "b"));
	check(span_is(url_cut(&rest, '='), "c"));
	check_int((int64_t)rest.n, 0);
	check_int((int64_t)url_cut(&rest, '=').n, 0);
}

int main(void)
{
	test_decode();
	test_encode();
	test_cut();
	return unit_end();
}
