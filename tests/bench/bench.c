#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"

#define ALIVE 1000
#define CAMPAIGNS 20

double bench_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

_Noreturn void bench_die(const char *what, const struct es_err *err)
{
	fprintf(stderr, "bench: %s: %s\n", what, err ? err->text : "failed");
	exit(1);
}

long bench_number(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*end || end == text || n < 0)
		bench_die(text, NULL);
	return n;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_quantile(double *values, size_t n, double q)
{
	if (n == 0)
		bench_die("nothing was measured", NULL);
	qsort(values, n, sizeof *values, by_value);
	return values[(size_t)((double)(n - 1) * q)];
}

/* ---- arrivals ---- */

static uint64_t chance(struct arrivals *a)
{
	uint64_t x = a->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* As made when the nth message came, two of which come a millisecond. */
static void uuid7(struct arrivals *a, long n, char text[40])
{
	uint64_t ms = UINT64_C(1750000000000) + (uint64_t)n / 2;
	uint64_t x = chance(a), y = chance(a);

	snprintf(text, 40, "%08x-%04x-7%03x-%04x-%012llx",
	    (unsigned)(ms >> 16), (unsigned)(ms & 0xffff),
	    (unsigned)(x & 0xfff), (unsigned)(0x8000 | (x >> 12 & 0x3fff)),
	    (unsigned long long)(y & 0xffffffffffff));
}

void campaign_id(int campaign, char id[40])
{
	snprintf(id, 40, "01900000-0000-7000-8000-%012d", campaign);
}

static void begin(struct arrivals *a, long n, struct donation *d)
{
	uint64_t x = chance(a), y = chance(a);

	uuid7(a, n, d->id);
	uuid7(a, n, d->payment);
	snprintf(d->name, sizeof d->name, "Ada %06llx",
	    (unsigned long long)(x & 0xffffff));
	snprintf(d->email, sizeof d->email, "ada.%08llx@example.org",
	    (unsigned long long)(x >> 24 & 0xffffffff));
	snprintf(d->token, sizeof d->token, "%016llx%016llx",
	    (unsigned long long)y, (unsigned long long)x);
	d->campaign = y % 10 == 0 ? 0 : 1 + (int)(y / 10 % (CAMPAIGNS - 1));
	d->messages = 0;
}

void arrivals_init(struct arrivals *a, bool uniform, bool with_ids, long total)
{
	*a = (struct arrivals){.state = 1, .uniform = uniform,
	    .with_ids = with_ids, .total = total};
	a->n_alive = uniform ? (size_t)(total / BENCH_LIFE) + 1 : ALIVE;
	a->alive = calloc(a->n_alive, sizeof *a->alive);
	if (!a->alive)
		bench_die("out of memory", NULL);
	for (size_t i = 0; i < a->n_alive; i++)
		begin(a, uniform ? (long)i * BENCH_LIFE : 0, &a->alive[i]);
}

void arrivals_free(struct arrivals *a)
{
	free(a->alive);
}

static size_t head(struct arrivals *a, char *line, const char *type)
{
	char id[40];
	int n;

	if (a->with_ids) {
		uuid7(a, a->n, id);
		n = snprintf(line, BENCH_LINE, "{\"id\":\"%s\",\"type\":"
		    "\"%s\",\"payload\":{", id, type);
	} else {
		n = snprintf(line, BENCH_LINE, "{\"type\":\"%s\","
		    "\"payload\":{", type);
	}
	return (size_t)n;
}

static size_t tail(struct arrivals *a, char *line, size_t n)
{
	n += (size_t)snprintf(line + n, BENCH_LINE - n, "},\"metadata\":{"
	    "\"session\":\"%016llx\",\"agent\":\"Mozilla/5.0 (X11; Linux "
	    "x86_64; rv:128.0)\",\"source\":\"web\"}}\n",
	    (unsigned long long)chance(a));
	return n;
}

/* What a step tells besides the ids. */
static size_t tell(const struct donation *d, int step, char *to, size_t room)
{
	static const char *const amounts[] = {"5", "10", "30", "50"};
	int n = 0;

	switch (step) {
	case 1:
	case 5:
		n = snprintf(to, room, ",\"amount\":%s",
		    amounts[d->token[0] & 3]);
		break;
	case 2:
		n = snprintf(to, room, ",\"name\":\"%s\",\"email\":\"%s\"",
		    d->name, d->email);
		break;
	case 3:
	case 4:
		n = snprintf(to, room, ",\"token\":\"%s\"", d->token);
		break;
	case 6:
		n = snprintf(to, room, ",\"payment_id\":\"%s\"", d->payment);
		break;
	case 7:
		n = snprintf(to, room, ",\"payment_id\":\"%s\",\"amount\":%s",
		    d->payment, amounts[d->token[0] & 3]);
		break;
	case 8:
		n = snprintf(to, room, ",\"email\":\"%s\"", d->email);
		break;
	default:
		break;
	}
	return (size_t)n;
}

static size_t next_donation(struct arrivals *a, char *line,
    struct donation *done)
{
	struct donation *d = &a->alive[chance(a) % a->n_alive];
	int step = a->uniform ? (int)(chance(a) % BENCH_LIFE) : d->messages;
	char type[40], campaign[40];
	size_t n;

	snprintf(type, sizeof type, "donations.step_%d", step);
	campaign_id(d->campaign, campaign);
	n = head(a, line, type);
	n += (size_t)snprintf(line + n, BENCH_LINE - n, "\"donation_id\":"
	    "\"%s\",\"campaign_id\":\"%s\"", d->id, campaign);
	n += tell(d, step, line + n, BENCH_LINE - n);
	if (++d->messages == BENCH_LIFE && done)
		*done = *d;
	if (d->messages == BENCH_LIFE && !a->uniform)
		begin(a, a->n, d);
	return tail(a, line, n);
}

size_t arrivals_next(struct arrivals *a, char line[BENCH_LINE],
    struct donation *done)
{
	char id[40];
	size_t n;

	if (done)
		done->id[0] = '\0';
	if (++a->n > 2 * CAMPAIGNS)
		return next_donation(a, line, done);
	campaign_id((int)((a->n - 1) % CAMPAIGNS), id);
	n = head(a, line, a->n <= CAMPAIGNS ? "campaigns.campaign_created" :
	    "campaigns.campaign_opened");
	n += (size_t)snprintf(line + n, BENCH_LINE - n, "\"campaign_id\":"
	    "\"%s\"", id);
	return tail(a, line, n);
}
