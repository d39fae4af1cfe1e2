/*
 * reads: what it costs a decision to read its partition and to check that
 * nothing came since, in a small store beside a large one.
 *
 *   reads SMALL LARGE SMALL-N LARGE-N ROUNDS
 *
 * The stores hold the first SMALL-N and LARGE-N of LARGE-N arrivals (bench.h,
 * lifecycle).  Printed are microseconds, a line each: NAME SMALL LARGE, where
 * NAME is
 *
 *   partition   the ten messages of a donation, by its donation_id
 *   campaign    the same beside the two of its campaign, which has a tenth of
 *               all messages, by donation_id and campaign_id
 *   condition   nothing came in that partition behind the last 100 messages
 *
 * The donations are quiet ones from anywhere in the log.  All was read once
 * before; then the stores take turns, ROUNDS times.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "find.h"

#define DONATIONS 400
#define BEHIND 100

enum { PARTITION, CAMPAIGN, CONDITION, MEASURES };
static const char *const names[] = {"partition", "campaign", "condition"};

/* Prepared queries: making them is no part of reading. */
struct side {
	struct store *store;
	int64_t head;
	struct query *own, *both;	/* by donation; by campaign, too */
	size_t n_own, n_both;
	double sum[MEASURES];
};

static void add_name(struct query *q, const char *name, const char *value)
{
	struct es_err err;

	if (query_add_partition(q, span_str(name), span_str(value), &err) < 0)
		bench_die("query", &err);
}

/* n values out of the given number, from all over. */
static size_t pick(const struct donation *all, size_t n_all, bool both,
    struct query **out)
{
	size_t n = n_all < DONATIONS ? n_all : DONATIONS;

	*out = calloc(n, sizeof **out);
	if (!*out || n == 0)
		bench_die("no donation is complete", NULL);
	for (size_t i = 0; i < n; i++) {
		const struct donation *d = &all[i * n_all / n];
		char id[40];

		add_name(&(*out)[i], "donation_id", d->id);
		campaign_id(d->campaign, id);
		if (both)
			add_name(&(*out)[i], "campaign_id", id);
	}
	return n;
}

/* Queries for donations that were complete after n messages of total. */
static void choose(struct side *s, long n, long total)
{
	struct donation *all = calloc((size_t)n / BENCH_LIFE + 1, sizeof *all);
	struct donation *first = calloc((size_t)n / BENCH_LIFE + 1,
	    sizeof *first);
	size_t n_all = 0, n_first = 0;
	struct arrivals a;
	char line[BENCH_LINE];

	if (!all || !first)
		bench_die("out of memory", NULL);
	arrivals_init(&a, false, false, total);
	for (long i = 0; i < n; i++) {
		arrivals_next(&a, line, &all[n_all]);
		if (all[n_all].id[0] && all[n_all].campaign == 0)
			first[n_first++] = all[n_all];
		n_all += all[n_all].id[0] != '\0';
	}
	s->n_own = pick(all, n_all, false, &s->own);
	s->n_both = pick(first, n_first, true, &s->both);
	arrivals_free(&a);
	free(all);
	free(first);
}

static void read_each(struct side *s, struct query *v, size_t n, int64_t want)
{
	struct es_err err;

	for (size_t i = 0; i < n; i++) {
		struct find *f;
		struct message m;
		int64_t got = 0;
		int r;

		if (find_open(s->store, &v[i], NULL, 0, &f, &err) < 0)
			bench_die("find", &err);
		while ((r = find_next(f, &m, &err)) > 0)
			got++;
		find_close(f);
		if (r < 0)
			bench_die("find", &err);
		if (got != want)
			bench_die("not what the partition holds", NULL);
	}
}

static void check_each(struct side *s)
{
	struct es_err err;
	bool any;

	for (size_t i = 0; i < s->n_both; i++)
		if (find_any(s->store, &s->both[i], s->head - BEHIND, s->head,
		    &any, NULL, &err) < 0)
			bench_die("condition", &err);
}

static void measure(struct side *s, int what)
{
	double from = bench_now();
	size_t n = what == PARTITION ? s->n_own : s->n_both;

	if (what == CONDITION)
		check_each(s);
	else if (what == CAMPAIGN)
		read_each(s, s->both, n, BENCH_LIFE + 2);
	else
		read_each(s, s->own, n, BENCH_LIFE);
	s->sum[what] += (bench_now() - from) * 1e6 / (double)n;
}

static void open_side(struct side *s, const char *path, long n, long total)
{
	struct es_err err;

	if (store_open(path, false, &s->store, &err) < 0 ||
	    store_head(s->store, &s->head, &err) < 0)
		bench_die("open", &err);
	choose(s, n, total);
	for (int what = 0; what < MEASURES; what++) {
		measure(s, what);
		s->sum[what] = 0;
	}
}

static void free_queries(struct query *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		query_free(&v[i]);
	free(v);
}

static void close_side(struct side *s)
{
	free_queries(s->own, s->n_own);
	free_queries(s->both, s->n_both);
	store_close(s->store);
}

int main(int argc, char **argv)
{
	struct side small = {0}, large = {0};
	long rounds, total;

	if (argc != 6)
		bench_die("usage: reads SMALL LARGE SMALL-N LARGE-N ROUNDS",
		    NULL);
	total = bench_number(argv[4]);
	rounds = bench_number(argv[5]);
	open_side(&small, argv[1], bench_number(argv[3]), total);
	open_side(&large, argv[2], total, total);
	for (long i = 0; i < rounds; i++)
		for (int what = 0; what < MEASURES; what++) {
			measure(&small, what);
			measure(&large, what);
		}
	for (int what = 0; what < MEASURES; what++)
		printf("%s %.2f %.2f\n", names[what],
		    small.sum[what] / (double)rounds,
		    large.sum[what] / (double)rounds);
	close_side(&small);
	close_side(&large);
	return 0;
}
