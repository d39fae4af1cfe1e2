#include <stdlib.h>

#include "arena.h"
#include "given.h"
#include "sys.h"

struct entry {
	struct message m;
	struct span line;
	struct keys keys;
};

struct given {
	struct arena arena;
	struct entry *v;
	size_t n, cap;
	struct buf text;
};

int given_open(struct given **out, struct es_err *err)
{
	*out = calloc(1, sizeof **out);
	return *out ? 0 : es_fail_nomem(err);
}

void given_close(struct given *g)
{
	if (!g)
		return;
	while (g->n > 0)
		keys_free(&g->v[--g->n].keys);
	free(g->v);
	arena_free(&g->arena);
	buf_free(&g->text);
	free(g);
}

static struct entry *new_entry(struct given *g)
{
	if (g->n == g->cap) {
		size_t cap = g->cap ? g->cap * 2 : 64;
		struct entry *v = realloc(g->v, cap * sizeof *v);

		if (!v)
			return NULL;
		g->v = v;
		g->cap = cap;
	}
	g->v[g->n] = (struct entry){0};
	return &g->v[g->n];
}

static struct span text_copy(struct given *g)
{
	if (g->text.failed)
		g->arena.failed = true;
	return arena_copy(&g->arena, buf_span(&g->text));
}

static void fill_in(struct given *g, struct message *m, int64_t now)
{
	int64_t micros;

	m->position = (int64_t)g->n + 1;
	if (!m->id.p) {
		buf_truncate(&g->text, 0);
		buf_addf(&g->text, "given-%lld", (long long)m->position);
		m->id = text_copy(g);
	}
	if (!m->causation_id.p)
		m->causation_id = m->id;
	if (!m->correlation_id.p)
		m->correlation_id = m->id;
	if (!m->stored_at)
		m->stored_at = m->created_at.p &&
		    rfc3339_parse(m->created_at, &micros) ? micros : now;
	if (!m->created_at.p) {
		buf_truncate(&g->text, 0);
		rfc3339_print(&g->text, m->stored_at);
		m->created_at = text_copy(g);
	}
}

int given_add(struct given *g, const struct message *from, int64_t now,
    struct es_err *err)
{
	struct entry *e = new_entry(g);
	struct arena *a = &g->arena;

	if (!e)
		return es_fail_nomem(err);
	e->m = *from;
	e->m.id = arena_copy(a, from->id);
	e->m.type = arena_copy(a, from->type);
	e->m.tags = arena_copy(a, from->tags);
	e->m.payload = arena_copy(a, from->payload);
	e->m.metadata = arena_copy(a, from->metadata);
	e->m.causation_id = arena_copy(a, from->causation_id);
	e->m.correlation_id = arena_copy(a, from->correlation_id);
	e->m.created_at = arena_copy(a, from->created_at);
	fill_in(g, &e->m, now);
	buf_truncate(&g->text, 0);
	message_print(&g->text, &e->m);
	if (buf_check(&g->text, err) < 0)
		return -1;
	buf_truncate(&g->text, g->text.n - 1);
	e->line = text_copy(g);
	if (a->failed)
		return es_fail_nomem(err);
	if (message_keys(e->m.tags, e->m.payload, NULL, NULL, &e->keys,
	    err) < 0) {
		keys_free(&e->keys);
		return -1;
	}
	g->n++;
	return 0;
}

int given_read(struct given *g, const char *path, struct es_err *err)
{
	struct message_scratch scratch = {0};
	struct cli_lines l;
	struct message m;
	struct span line;
	bool unterminated;
	int64_t now = sys_now();
	int r;

	if (cli_lines_open(&l, path, err) < 0)
		return -1;
	while ((r = cli_lines_next(&l, MESSAGE_LINE_MAX, &line, &unterminated,
	    err)) > 0)
		if (message_parse_stored(&scratch, line.p, line.n, &m,
		    err) < 0 || given_add(g, &m, now, err) < 0) {
			if (unterminated)
				es_err_at(err,
				    "cut off, or without its newline");
			r = es_err_at(err, "%s:%lld", l.name,
			    (long long)l.line);
			break;
		}
	cli_lines_close(&l);
	message_scratch_free(&scratch);
	return r;
}

int64_t given_head(const struct given *g)
{
	return (int64_t)g->n;
}

const struct message *given_at(const struct given *g, int64_t position)
{
	return &g->v[position - 1].m;
}

struct span given_line(const struct given *g, int64_t position)
{
	return g->v[position - 1].line;
}

bool given_match(const struct given *g, int64_t position,
    const struct query *q)
{
	const struct entry *e = &g->v[position - 1];

	return query_match(q, &e->m, &e->keys);
}
