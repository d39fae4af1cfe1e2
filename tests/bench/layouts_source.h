/*
 * layouts_source: the messages that layouts.c gives to each layout.
 */
#ifndef ES_BENCH_LAYOUTS_SOURCE_H
#define ES_BENCH_LAYOUTS_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CAMPAIGNS 20
#define OWN_SHAPES 2		/* a campaign's own: created, renamed */
#define SHAPES (OWN_SHAPES + 10)

struct donation {
	char id[40], payment[40], name[40], email[48], token[40];
	int campaign, step;
};

struct message {
	int shape;
	size_t n_keys;
	uint64_t keys[8];
	char id[40], line[1024], payload[512];
	unsigned char uuid[16], digest[32];
	int64_t time;
};

/* One source a layout, so that each gets the same messages. */
struct source {
	uint64_t state;
	bool uniform, random;
	int64_t n, total;
	struct donation *alive;		/* uniform: all there will be */
	size_t n_alive;
};

uint64_t rnd(struct source *s);
void source_init(struct source *s, bool uniform, bool random, int64_t total);
void make(struct source *s, struct message *m);		/* the next message */
/* The key of a tag: the secret of all layouts is one. */
uint64_t source_key(const char *tag, size_t n);

#endif
