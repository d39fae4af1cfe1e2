#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "arena.h"

#define BLOCK 65536

struct arena_block {
	struct arena_block *next;
	size_t n, cap;
	max_align_t data[];
};

static struct arena_block *new_block(size_t n)
{
	size_t cap = n > BLOCK ? n : BLOCK;
	struct arena_block *b = malloc(sizeof *b + cap);

	if (b)
		*b = (struct arena_block){.cap = cap};
	return b;
}

static char *take(struct arena *a, size_t n, size_t align)
{
	struct arena_block *b = a->current, *next;
	size_t from;

	if (a->failed)
		return NULL;
	while (b) {
		from = (b->n + align - 1) / align * align;
		if (from <= b->cap && b->cap - from >= n) {
			b->n = from + n;
			a->current = b;
			a->used += n;
			return (char *)b->data + from;
		}
		if (!b->next)
			break;
		b = b->next;
		b->n = 0;
	}
	next = new_block(n);
	if (!next) {
		a->failed = true;
		return NULL;
	}
	if (b)
		b->next = next;
	else
		a->first = next;
	a->current = next;
	next->n = n;
	a->used += n;
	return (char *)next->data;
}

void *arena_alloc(struct arena *a, size_t n)
{
	return take(a, n, alignof(max_align_t));
}

char *arena_bytes(struct arena *a, size_t n)
{
	return take(a, n, 1);
}

struct span arena_copy(struct arena *a, struct span s)
{
	char *to;

	if (!s.p)
		return SPAN_NONE;
	to = take(a, s.n + 1, 1);
	if (!to)
		return SPAN_NONE;
	memcpy(to, s.p, s.n);
	to[s.n] = '\0';
	return (struct span){to, s.n};
}

void arena_reset(struct arena *a)
{
	if (a->first)
		a->first->n = 0;
	a->current = a->first;
	a->used = 0;
	a->failed = false;
}

void arena_free(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->first; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){0};
}
