/*
 * bench: what the programs of make bench share: a clock, an end, and the
 * messages of a donation site in the order in which they come.
 *
 * Arrivals are those of one site in two patterns.  *Lifecycle*: 1,000
 * donations are alive at a time, have ten messages each, and are quiet from
 * then on.  *Uniform*: each message is one of any donation that ever will be,
 * a tenth as many as messages.  There are 20 campaigns with two messages of
 * their own, which come first; the first campaign has a tenth of all
 * donations.  Ids are UUIDs of version 7.  A message has 2 to 4 tags, and a
 * donation brings 5 that are new.
 *
 *   arrivals_init -> arrivals_next* -> arrivals_free
 *
 * The same pattern and total give the same messages, always.
 */
#ifndef ES_BENCH_H
#define ES_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

#define BENCH_LIFE 10		/* messages of a donation */
#define BENCH_LINE 1024

double bench_now(void);		/* seconds */
/* Say what failed, and exit 1; err may be NULL. */
_Noreturn void bench_die(const char *what, const struct es_err *err);
long bench_number(const char *text);
/* Of n values, which it sorts: the one below which are q (0 to 1) of them. */
double bench_quantile(double *values, size_t n, double q);

struct donation {
	char id[40], payment[40], name[24], email[40], token[40];
	int campaign, messages;		/* that it has had */
};

struct arrivals {
	/* private */
	uint64_t state;
	bool uniform, with_ids;
	long n, total;
	struct donation *alive;
	size_t n_alive;
};

/* with_ids: lines have ids of their own, instead of getting them. */
void arrivals_init(struct arrivals *, bool uniform, bool with_ids, long total);
void arrivals_free(struct arrivals *);
/*
 * Write the next line, with its newline, and return its length.  If it was the
 * last message of a donation, *done is a copy of that (may be NULL), else its
 * id is empty.
 */
size_t arrivals_next(struct arrivals *, char line[BENCH_LINE],
    struct donation *done);
/* The id of a campaign, by its number. */
void campaign_id(int campaign, char id[40]);

#endif
