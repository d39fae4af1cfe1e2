#include <stdlib.h>
#include <string.h>

#include "slots.h"

#define NO_SLOT (-1)

struct slot {
	struct buf key;
	bool used, busy;
	int64_t position;
	int chain;		/* next of the same hash */
	int newer, older;	/* by use */
};

struct slots {
	struct slot *v;
	unsigned n;
	int *heads;		/* n of them, by hash */
	int newest, oldest;
};

static unsigned hash(const struct slots *s, struct span key)
{
	uint64_t h = UINT64_C(14695981039346656037);
	size_t i;

	for (i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)key.p[i]) * UINT64_C(1099511628211);
	return (unsigned)((h ^ h >> 32) % s->n);
}

/* ---- the order of use ---- */

static void unlink_slot(struct slots *s, int i)
{
	struct slot *at = &s->v[i];

	*(at->newer == NO_SLOT ? &s->newest : &s->v[at->newer].older) =
	    at->older;
	*(at->older == NO_SLOT ? &s->oldest : &s->v[at->older].newer) =
	    at->newer;
}

static void link_newest(struct slots *s, int i)
{
	s->v[i].newer = NO_SLOT;
	s->v[i].older = s->newest;
	*(s->newest == NO_SLOT ? &s->oldest : &s->v[s->newest].newer) = i;
	s->newest = i;
}

static void touch(struct slots *s, int i)
{
	if (s->newest == i)
		return;
	unlink_slot(s, i);
	link_newest(s, i);
}

/* ---- the table ---- */

int slots_open(unsigned n, struct slots **out, struct es_err *err)
{
	struct slots *s = calloc(1, sizeof *s);
	unsigned i;

	*out = NULL;
	if (s) {
		s->n = n;
		s->v = calloc(n, sizeof *s->v);
		s->heads = calloc(n, sizeof *s->heads);
	}
	if (!s || !s->v || !s->heads) {
		slots_close(s);
		return es_fail_nomem(err);
	}
	s->newest = s->oldest = NO_SLOT;
	for (i = 0; i < n; i++) {
		s->heads[i] = NO_SLOT;
		s->v[i].position = -1;
		link_newest(s, (int)i);
	}
	*out = s;
	return 0;
}

void slots_close(struct slots *s)
{
	unsigned i;

	if (!s)
		return;
	for (i = 0; s->v && i < s->n; i++)
		buf_free(&s->v[i].key);
	free(s->v);
	free(s->heads);
	free(s);
}

int slots_find(struct slots *s, struct span key)
{
	int i;

	for (i = s->heads[hash(s, key)]; i != NO_SLOT; i = s->v[i].chain)
		if (span_eq(buf_span(&s->v[i].key), key)) {
			touch(s, i);
			return i;
		}
	return NO_SLOT;
}

static void leave_chain(struct slots *s, int i)
{
	int *at = &s->heads[hash(s, buf_span(&s->v[i].key))];

	while (*at != i)
		at = &s->v[*at].chain;
	*at = s->v[i].chain;
}

int slots_take(struct slots *s, struct span key)
{
	int i = slots_find(s, key);
	struct slot *at;
	unsigned h;

	if (i != NO_SLOT)
		return i;
	for (i = s->oldest; i != NO_SLOT && s->v[i].busy; i = s->v[i].newer)
		;
	if (i == NO_SLOT)
		return NO_SLOT;
	at = &s->v[i];
	if (at->used)
		leave_chain(s, i);
	at->used = false;
	at->position = -1;
	buf_truncate(&at->key, 0);
	buf_add_span(&at->key, key);
	if (at->key.failed) {
		buf_free(&at->key);
		return NO_SLOT;
	}
	h = hash(s, key);
	at->used = true;
	at->chain = s->heads[h];
	s->heads[h] = i;
	touch(s, i);
	return i;
}

int64_t slots_position(const struct slots *s, int slot)
{
	return s->v[slot].position;
}

void slots_set(struct slots *s, int slot, int64_t position)
{
	s->v[slot].position = position;
}

bool slots_busy(const struct slots *s, int slot)
{
	return s->v[slot].busy;
}

void slots_set_busy(struct slots *s, int slot, bool busy)
{
	s->v[slot].busy = busy;
}

void slots_forget(struct slots *s)
{
	unsigned i;

	for (i = 0; i < s->n; i++)
		s->v[i].position = -1;
}
