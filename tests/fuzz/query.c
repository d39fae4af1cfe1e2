/* query: a query, or a guard, that is taken prints as one that is the same. */
#include "fuzz.h"
#include "query.h"

static void check_query(const struct query *q)
{
	struct buf once = {0}, twice = {0};
	struct query again = {0}, copy = {0};

	query_print(&once, q);
	must(query_parse(once.p, once.n, &again, NULL) == 0);
	must(again.n == q->n && again.everything == q->everything);
	query_print(&twice, &again);
	must(span_eq(buf_span(&once), buf_span(&twice)));
	must(query_copy(q, &copy, NULL) == 0);
	buf_truncate(&twice, 0);
	query_print(&twice, &copy);
	must(span_eq(buf_span(&once), buf_span(&twice)));
	query_free(&again);
	query_free(&copy);
	buf_free(&once);
	buf_free(&twice);
}

static void check_guard(const struct guard *g)
{
	struct buf once = {0}, twice = {0};
	struct guard again;

	guard_print(&once, g);
	must(guard_parse(once.p, once.n, &again, NULL) == 0);
	guard_print(&twice, &again);
	must(span_eq(buf_span(&once), buf_span(&twice)));
	guard_free(&again);
	buf_free(&once);
	buf_free(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const char *text = (const char *)p;
	struct es_err err;
	struct query q;
	struct guard g;

	if (query_parse(text, n, &q, &err) == 0) {
		check_query(&q);
		query_free(&q);
	} else {
		must(q.n == 0 && !strchr(err.text, '\n'));
	}
	if (guard_parse(text, n, &g, &err) == 0) {
		check_guard(&g);
		guard_free(&g);
	}
	return 0;
}
