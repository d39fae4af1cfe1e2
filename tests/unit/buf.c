#include "unit.h"
#include "buf.h"

static void test_empty(void)
{
	struct buf b = {0};
	struct es_err err;
	char *p;

	check_int(b.n, 0);
	check(b.p == NULL);
	check_int(buf_span(&b).n, 0);
	check(buf_span(&b).p != NULL);
	check(buf_check(&b, &err) == 0);
	buf_truncate(&b, 0);
	buf_free(&b);
	p = buf_detach(&b);
	check_str(p, "");
	free(p);
}

static void test_add(void)
{
	struct buf b = {0};

	buf_adds(&b, "one");
	buf_addc(&b, ' ');
	buf_add(&b, "two\0three", 9);
	buf_add_span(&b, SPAN_LIT(" four"));
	buf_add_span(&b, SPAN_NONE);
	check_int(b.n, 18);
	check(memcmp(b.p, "one two\0three four", 19) == 0);
	buf_truncate(&b, 3);
	check_str(b.p, "one");
	buf_addf(&b, " %d-%s", 7, "x");
	check_str(b.p, "one 7-x");
	buf_free(&b);
	check(b.p == NULL && b.n == 0 && b.cap == 0);
}

/* Every size over the first growths, byte by byte and at once. */
static void test_grow(void)
{
	for (size_t n = 0; n < 300; n++) {
		struct buf one = {0}, all = {0};
		char text[300];

		for (size_t i = 0; i < n; i++) {
			text[i] = (char)('a' + i % 26);
			buf_addc(&one, text[i]);
		}
		buf_add(&all, text, n);
		check_int(one.n, n);
		check(span_eq(buf_span(&one), buf_span(&all)));
		check(n == 0 || one.p[n] == '\0');
		check(all.p && all.p[n] == '\0');
		buf_free(&one);
		buf_free(&all);
	}
}

static void test_room(void)
{
	struct buf b = {0};
	char *p = buf_room(&b, 1000);

	need(p);
	check_int(b.n, 0);
	memset(p, 'x', 1000);
	buf_truncate(&b, 1000);
	check_int(b.n, 1000);
	check(b.p[1000] == '\0');
	buf_free(&b);
}

/* A failure stays, and what is added after it is lost, not written. */
static void test_failure_is_sticky(void)
{
	struct buf b = {0};
	struct es_err err;

	buf_adds(&b, "kept");
	check(buf_room(&b, SIZE_MAX) == NULL);
	check(b.failed);
	buf_adds(&b, "lost");
	buf_add_int(&b, 1);
	buf_addf(&b, "%s", "lost");
	check_str(b.p, "kept");
	check(buf_check(&b, &err) == -1);
	check_int(err.code, ES_FAILED);
	check_str(err.text, "out of memory");
	buf_truncate(&b, 0);
	buf_adds(&b, "lost");
	check_str(b.p, "");
	buf_reset(&b);
	buf_adds(&b, "next");
	check_str(b.p, "next");
	check(!b.failed);
	check(buf_room(&b, SIZE_MAX) == NULL);
	check(buf_detach(&b) == NULL);
	/* It is empty and usable again. */
	buf_adds(&b, "new");
	check_str(b.p, "new");
	buf_free(&b);
}

static void add_int(int64_t v, const char *want)
{
	struct buf b = {0};

	buf_add_int(&b, v);
	check_str(b.p, want);
	buf_free(&b);
}

static void test_int(void)
{
	add_int(0, "0");
	add_int(7, "7");
	add_int(-10, "-10");
	add_int(INT64_MAX, "9223372036854775807");
	add_int(INT64_MIN, "-9223372036854775808");
}

static void test_swap_and_detach(void)
{
	struct buf a = {0}, b = {0};
	char *p;

	buf_adds(&a, "a");
	buf_swap(&a, &b);
	check(a.p == NULL);
	check_str(b.p, "a");
	p = buf_detach(&b);
	check_str(p, "a");
	check(b.p == NULL && b.n == 0);
	free(p);
	buf_free(&a);
}

static void test_span(void)
{
	struct span ab = SPAN_LIT("ab"), abc = SPAN_LIT("abc");

	check(span_eq(ab, (struct span){"abc", 2}));
	check(!span_eq(ab, abc));
	check(span_eq(SPAN_NONE, SPAN_LIT("")));
	check(span_is(abc, "abc"));
	check(!span_is(abc, "abd"));
	check(span_str(NULL).p == NULL);
	check_int(span_str("abc").n, 3);
	check(span_cmp(ab, ab) == 0);
	check(span_cmp(ab, abc) < 0);
	check(span_cmp(abc, ab) > 0);
	check(span_cmp(SPAN_NONE, ab) < 0);
	check(span_cmp(SPAN_NONE, SPAN_NONE) == 0);
	/* Bytes are compared without a sign. */
	check(span_cmp(SPAN_LIT("\xc3"), SPAN_LIT("z")) > 0);
}

int main(void)
{
	test_empty();
	test_add();
	test_grow();
	test_room();
	test_failure_is_sticky();
	test_int();
	test_swap_and_detach();
	test_span();
	return unit_end();
}
