#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layouts.h"
#include "layouts_source.h"
#include "tagkey.h"

#define ALIVE 1000

uint64_t source_key(const char *tag, size_t n)
{
	static const unsigned char secret[16] = "layouts secret";

	return tagkey(secret, tag, n);
}

uint64_t rnd(struct source *s)
{
	uint64_t x = s->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void uuid7(struct source *s, char *text, unsigned char *bytes)
{
	/* two messages a millisecond */
	uint64_t a = ((UINT64_C(1750000000000) + (uint64_t)s->n / 2) << 16) |
	    0x7000 | (rnd(s) & 0xfff);
	uint64_t b = UINT64_C(1) << 63 | rnd(s) >> 2;
	int i;

	snprintf(text, 40, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32),
	    (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff),
	    (unsigned)(b >> 48), (unsigned long long)(b & 0xffffffffffff));
	for (i = 0; bytes && i < 16; i++)
		bytes[i] = (unsigned char)((i < 8 ? a : b) >>
		    (56 - 8 * (i & 7)));
}

static void new_donation(struct source *s, struct donation *d)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t r = rnd(s);

	uuid7(s, d->id, NULL);
	uuid7(s, d->payment, NULL);
	if (s->random) {
		memcpy(d->id, (char[]){hex[r & 15], hex[r >> 4 & 15],
		    hex[r >> 8 & 15], hex[r >> 12 & 15]}, 4);
		d->id[14] = d->payment[14] = '4';
	}
	snprintf(d->name, sizeof d->name, "Ada %llx", (unsigned long long)r >>
	    40);
	snprintf(d->email, sizeof d->email, "ada.%llx@example.org",
	    (unsigned long long)r >> 36);
	snprintf(d->token, sizeof d->token, "%016llx%016llx",
	    (unsigned long long)rnd(s), (unsigned long long)rnd(s));
	/* the first campaign has a tenth of all */
	d->campaign = r % 10 == 0 ? 0 : 1 + (int)(r / 10 % (CAMPAIGNS - 1));
	d->step = 0;
}

void source_init(struct source *s, bool uniform, bool random,
    int64_t total)
{
	size_t i;

	*s = (struct source){.state = 1, .uniform = uniform, .random = random,
	    .total = total};
	s->n_alive = uniform ? (size_t)total / 10 : ALIVE;
	s->alive = calloc(s->n_alive, sizeof *s->alive);
	if (!s->alive)
		die("memory", NULL);
	for (i = 0; i < s->n_alive; i++)
		new_donation(s, &s->alive[i]);
	for (i = 0; !uniform && i < s->n_alive; i++)
		s->alive[i].step = (int)(rnd(s) % 10);
}

static void add_key(struct message *m, const char *name, const char *value)
{
	size_t at = strlen(m->payload);
	char tag[300];
	int n = snprintf(tag, sizeof tag, "%s:%s", name, value);

	m->keys[m->n_keys++] = source_key(tag, (size_t)n);
	snprintf(m->payload + at, sizeof m->payload - at, "%c\"%s\":\"%s\"",
	    at ? ',' : '{', name, value);
}

static void tell_campaign(struct message *m, int campaign)
{
	char id[40];

	snprintf(id, sizeof id, "01900000-0000-7000-8000-%012d", campaign);
	add_key(m, "campaign_id", id);
}

static void tell_donation(struct source *s, struct message *m)
{
	static const char *const amounts[] = {"5", "10", "30", "50"};
	struct donation *d = &s->alive[rnd(s) % s->n_alive];
	int step = s->uniform ? (int)(rnd(s) % 10) : d->step;

	m->shape = OWN_SHAPES + step;
	add_key(m, "donation_id", d->id);
	tell_campaign(m, d->campaign);
	if (step == 1 || step == 5 || step == 7)
		add_key(m, "amount", amounts[d->token[0] & 3]);
	if (step == 2)
		add_key(m, "name", d->name);
	if (step == 2 || step == 8)
		add_key(m, "email", d->email);
	if (step == 3 || step == 4)
		add_key(m, "token", d->token);
	if (step == 6 || step == 7)
		add_key(m, "payment_id", d->payment);
	if (++d->step == 10 && !s->uniform)
		new_donation(s, d);
}

void make(struct source *s, struct message *m)
{
	size_t at;
	int i;

	m->n_keys = 0;
	m->payload[0] = '\0';
	s->n++;
	uuid7(s, m->id, m->uuid);
	if (s->n <= CAMPAIGNS || (s->n >= s->total / 2 &&
	    s->n < s->total / 2 + CAMPAIGNS)) {
		m->shape = s->n <= CAMPAIGNS ? 0 : 1;
		tell_campaign(m, (int)((s->n <= CAMPAIGNS ? s->n - 1 :
		    s->n - s->total / 2)));
	} else
		tell_donation(s, m);
	at = strlen(m->payload);
	snprintf(m->payload + at, sizeof m->payload - at, "}");
	m->time = 1750000000000000 + s->n * 500;
	for (i = 0; i < 32; i += 8)
		memcpy(m->digest + i, &(uint64_t){rnd(s)}, 8);
	snprintf(m->line, sizeof m->line, "{\"position\":%lld,\"id\":\"%s\","
	    "\"kind\":\"event\",\"type\":\"donations.step_%d\",\"version\":1,"
	    "\"payload\":%s,\"metadata\":{},\"causation_id\":\"%s\","
	    "\"correlation_id\":\"%s\",\"created_at\":\"%lld\","
	    "\"stored_at\":\"2026-07-01T12:00:00.000000Z\"}",
	    (long long)s->n, m->id, m->shape, m->payload, m->id, m->id,
	    (long long)m->time);
}
