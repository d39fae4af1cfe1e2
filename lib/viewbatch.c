#include <stdlib.h>
#include <string.h>

#include "viewbatch.h"

void viewbatch_begin(struct viewbatch *b)
{
	b->n = b->n_states = b->n_born = 0;
	if (b->table_n)
		memset(b->table, 0, b->table_n * sizeof *b->table);
	arena_reset(&b->arena);
	buf_truncate(&b->lines, 0);
	buf_truncate(&b->texts, 0);
	buf_truncate(&b->fault, 0);
	b->limit = 0;
	b->careful = false;
}

void viewbatch_free(struct viewbatch *b)
{
	free(b->messages);
	free(b->states);
	free(b->table);
	free(b->born);
	arena_free(&b->arena);
	buf_free(&b->lines);
	buf_free(&b->texts);
	buf_free(&b->fault);
	*b = (struct viewbatch){0};
}

/* A malloced array with room for one more; NULL on failure. */
static void *grow(void *v, size_t *cap, size_t n, size_t size,
    struct es_err *err)
{
	size_t to = *cap ? *cap * 2 : 64;
	void *p;

	if (v && n < *cap)
		return v;
	p = realloc(v, to * size);
	if (p)
		*cap = to;
	else
		es_fail_nomem(err);
	return p;
}

/* ---- states by key ---- */

static uint64_t hash_key(struct span key)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < key.n; i++)
		h = (h ^ (unsigned char)key.p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

/* The place of a key in the table: empty, or with its state. */
static uint32_t *place_of(struct viewbatch *b, struct span key)
{
	size_t i = (size_t)hash_key(key) & (b->table_n - 1);

	while (b->table[i] && !span_eq(b->states[b->table[i] - 1].key, key))
		i = (i + 1) & (b->table_n - 1);
	return &b->table[i];
}

/* Never more than half full. */
static int grow_table(struct viewbatch *b, struct es_err *err)
{
	size_t n = b->table_n ? b->table_n * 2 : 1024;
	uint32_t *table;

	if (b->n_states * 2 < b->table_n)
		return 0;
	table = calloc(n, sizeof *table);
	if (!table)
		return es_fail_nomem(err);
	free(b->table);
	b->table = table;
	b->table_n = n;
	for (size_t i = 0; i < b->n_states; i++)
		*place_of(b, b->states[i].key) = (uint32_t)i + 1;
	return 0;
}

static struct viewbatch_state *find_state(struct viewbatch *b, struct span key)
{
	uint32_t at = b->table_n ? *place_of(b, key) : 0;

	return at ? &b->states[at - 1] : NULL;
}

static struct viewbatch_state *add_state(struct viewbatch *b, struct span key,
    struct es_err *err)
{
	struct viewbatch_state *s;

	s = grow(b->states, &b->cap_states, b->n_states, sizeof *s, err);
	if (!s)
		return NULL;
	b->states = s;
	if (grow_table(b, err) < 0)
		return NULL;
	s = &b->states[b->n_states];
	*s = (struct viewbatch_state){.key = arena_copy(&b->arena, key)};
	if (b->arena.failed) {
		es_fail_nomem(err);
		return NULL;
	}
	*place_of(b, s->key) = (uint32_t)++b->n_states;
	return s;
}

/* The message being added is one of the state's. */
static int add_event(struct viewbatch *b, struct viewbatch_state *s,
    struct es_err *err)
{
	struct viewbatch_event *e = arena_alloc(&b->arena, sizeof *e);

	if (!e)
		return es_fail_nomem(err);
	*e = (struct viewbatch_event){.message = b->n - 1};
	*(s->last ? &s->last->next : &s->first) = e;
	s->last = e;
	return 0;
}

int viewbatch_touch(struct viewbatch *b, struct span key, struct es_err *err)
{
	struct viewbatch_state *s = find_state(b, key);

	if (!s && !(s = add_state(b, key, err)))
		return -1;
	return add_event(b, s, err);
}

/* ---- messages ---- */

static int add_message(struct viewbatch *b, const struct message *m,
    struct es_err *err)
{
	struct viewbatch_message *to;

	to = grow(b->messages, &b->cap, b->n, sizeof *to, err);
	if (!to)
		return -1;
	b->messages = to;
	to = &b->messages[b->n++];
	to->line = b->lines.n;
	message_print(&b->lines, m);
	to->line_n = b->lines.n - to->line - 1;
	to->position = m->position;
	to->type = arena_copy(&b->arena, m->type);
	to->id = arena_copy(&b->arena, m->id);
	if (b->arena.failed)
		return es_fail_nomem(err);
	return buf_check(&b->lines, err);
}

/* Remember the values: messages with some of them may follow. */
static int keep_values(struct viewbatch *b, struct viewbatch_state *s,
    char *const *values, struct es_err *err)
{
	size_t n = b->handler->n_partition_by, i;
	char **copy = arena_alloc(&b->arena, (n + 1) * sizeof *copy);

	if (!copy)
		return es_fail_nomem(err);
	for (i = 0; i < n; i++) {
		struct span v = arena_copy(&b->arena, span_str(values[i]));

		copy[i] = (char *)(uintptr_t)v.p;
	}
	s->values = copy;
	return b->arena.failed ? es_fail_nomem(err) : 0;
}

static int bear(struct viewbatch *b, struct viewbatch_state *s,
    char *const *values, struct es_err *err)
{
	size_t *born;

	born = grow(b->born, &b->cap_born, b->n_born, sizeof *born, err);
	if (!born)
		return -1;
	b->born = born;
	b->born[b->n_born++] = (size_t)(s - b->states);
	s->birth = b->messages[b->n - 1].position;
	return keep_values(b, s, values, err);
}

static int add_complete(struct viewbatch *b, struct span key,
    char *const *values, struct es_err *err)
{
	struct viewbatch_state *s = find_state(b, key);
	bool there;

	if (s)
		return add_event(b, s, err);
	if (b->source.exists(b->source.ctx, key, &there, err) < 0 ||
	    !(s = add_state(b, key, err)))
		return -1;
	if (!there && bear(b, s, values, err) < 0)
		return -1;
	return add_event(b, s, err);
}

static bool same_values(char *const *wanted, char *const *values, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (wanted[i] && strcmp(wanted[i], values[i]) != 0)
			return false;
	return true;
}

static int add_partial(struct viewbatch *b, char *const *values,
    struct es_err *err)
{
	size_t n = b->handler->n_partition_by, i;

	for (i = 0; i < b->n_born; i++) {
		struct viewbatch_state *s = &b->states[b->born[i]];

		if (same_values(values, s->values, n) &&
		    add_event(b, s, err) < 0)
			return -1;
	}
	return b->source.match(b->source.ctx, values, err);
}

int viewbatch_add(struct viewbatch *b, const struct message *m,
    char *const *values, bool complete, struct es_err *err)
{
	size_t n = b->handler->n_partition_by, i, there = 0;
	struct buf key = {0};
	int r;

	for (i = 0; i < n; i++)
		there += values[i] != NULL;
	if (!complete && there == 0)
		return 0;
	if (add_message(b, m, err) < 0)
		return -1;
	if (!complete)
		return add_partial(b, values, err);
	partition_print(&(struct partition){.names = b->handler->partition_by,
	    .values = (char **)(uintptr_t)values, .n = n}, &key);
	r = buf_check(&key, err);
	if (r == 0)
		r = add_complete(b, buf_span(&key), values, err);
	buf_free(&key);
	return r;
}

/* ---- afterwards ---- */

static void cut_state(struct viewbatch *b, struct viewbatch_state *s)
{
	struct viewbatch_event *e = s->first;

	s->last = NULL;
	while (e && b->messages[e->message].position < b->limit) {
		s->last = e;
		e = e->next;
	}
	if (s->last)
		s->last->next = NULL;
	else
		s->first = NULL;
}

void viewbatch_cut(struct viewbatch *b)
{
	for (size_t i = 0; i < b->n_states; i++)
		cut_state(b, &b->states[i]);
	while (b->n > 0 && b->messages[b->n - 1].position >= b->limit)
		b->n--;
}

struct span viewbatch_text(const struct viewbatch *b,
    const struct viewbatch_state *s)
{
	return (struct span){b->texts.p + s->text, s->text_n};
}

int64_t viewbatch_position(const struct viewbatch *b,
    const struct viewbatch_state *s)
{
	return b->messages[s->last->message].position;
}
