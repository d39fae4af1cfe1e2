/* sse.h: events whose text cannot forge lines. */
#include "sse.h"
#include "unit.h"

static void test_lines(void)
{
	struct buf b = {0};

	sse_begin(&b, "x", SPAN_LIT("a\nb\rc"));
	sse_lines(&b, "k", SPAN_LIT("one\rtwo\r\nthree\nfour\n\nid: 9\r"));
	sse_lines(&b, NULL, SPAN_LIT(""));
	sse_end(&b);
	check_str(b.p, "event: x\nid: abc\ndata: k one\ndata: k two\n"
	    "data: k three\ndata: k four\ndata: k \ndata: k id: 9\n"
	    "data: k \ndata: \n\n");
	buf_free(&b);
}

static void test_patch(void)
{
	struct buf b = {0};

	sse_patch(&b, SPAN_LIT("e:1"), SPAN_LIT("<main>\n\n</main>"));
	check_str(b.p, "event: datastar-patch-elements\nid: e:1\n"
	    "data: elements <main>\ndata: elements \n"
	    "data: elements </main>\n\n");
	buf_truncate(&b, 0);
	sse_reload(&b);
	check_str(b.p, "event: es-reload\ndata: the log is another one\n\n");
	buf_free(&b);
}

int main(void)
{
	test_lines();
	test_patch();
	return unit_end();
}
