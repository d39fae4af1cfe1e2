#include <stdlib.h>

#include "arena.h"
#include "catalogfile.h"
#include "given.h"
#include "sys.h"
#include "upcast.h"

struct entry {
	struct message m, shown;
	struct span line;		/* of shown */
	struct keys keys;
};

struct given {
	struct arena arena;
	struct entry *v;
	size_t n, cap;
	struct buf text;
	const struct catalog *catalog;	/* NULL: none */
	struct catalog *own;
	bool strict;
	struct upcast *upcast;
	struct message_scratch scratch;
	struct buf payload, previous;	/* of given_check() */
};

/* ---- the catalog ---- */

int given_open(const struct catalog *catalog, struct given **out,
    struct es_err *err)
{
	*out = calloc(1, sizeof **out);
	if (!*out)
		return es_fail_nomem(err);
	(*out)->catalog = catalog;
	if (!catalog || upcast_open(&(*out)->upcast, err) == 0)
		return 0;
	given_close(*out);
	*out = NULL;
	return -1;
}

int given_open_beside(const char *handler, struct given **out,
    struct es_err *err)
{
	struct catalog *catalog = NULL;
	char *path;
	int r = catalog_path_beside(handler, &path, err);

	*out = NULL;
	if (r == 0 && path)
		r = catalog_read_if(path, &catalog, err);
	free(path);
	if (r == 0)
		r = given_open(catalog, out, err);
	if (r == 0)
		(*out)->own = catalog;
	else
		catalog_free(catalog);
	return r;
}

int given_set_strict(struct given *g, struct es_err *err)
{
	if (!g->catalog)
		return es_fail(err, ES_USAGE, "--strict: with --given there "
		    "is no catalog but the messages.json of HANDLER's app");
	g->strict = true;
	return 0;
}

static bool is_older(const struct catalog_entry *e, int64_t version)
{
	return version > 0 && version < catalog_version(e);
}

int given_check(struct given *g, struct draft *d, struct es_err *err)
{
	const struct catalog_entry *e = g->catalog ?
	    catalog_find(g->catalog, d->type) : NULL;

	if (!e)
		return !g->strict ? 0 : es_fail(err, ES_FAILED, "type: %.*s "
		    "is not in the catalog", (int)d->type.n, d->type.p);
	if (is_older(e, d->version))
		return 0;
	/* Its payload may be of the last call. */
	buf_swap(&g->payload, &g->previous);
	if (catalog_check(e, d, &g->scratch, &g->payload, err) < 0)
		return -1;
	if (g->payload.n) {
		d->payload = buf_span(&g->payload);
		d->doc = NULL;
	}
	d->coerce = false;
	d->version = catalog_version(e);
	if (d->kind == KIND_NONE)
		d->kind = catalog_kind(e);
	return 0;
}

int given_upcast(struct given *g, struct message *m, struct es_err *err)
{
	return g->upcast ? upcast_or_fail(g->upcast, g->catalog, m, err) : 0;
}

/* ---- messages ---- */

void given_close(struct given *g)
{
	if (!g)
		return;
	while (g->n > 0)
		keys_free(&g->v[--g->n].keys);
	free(g->v);
	arena_free(&g->arena);
	buf_free(&g->text);
	upcast_close(g->upcast);
	message_scratch_free(&g->scratch);
	buf_free(&g->payload);
	buf_free(&g->previous);
	catalog_free(g->own);
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
	e->shown = e->m;
	if (given_upcast(g, &e->shown, err) < 0)
		return -1;
	if (e->shown.payload.p != e->m.payload.p)
		e->shown.payload = arena_copy(a, e->shown.payload);
	buf_truncate(&g->text, 0);
	message_print(&g->text, &e->shown);
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

static bool has(const struct message_scratch *s, const char *field)
{
	return json_get(&s->doc, 0, field) != JSON_NONE;
}

/* What the line lacks is its catalog's to say, unless it was stored. */
static int check_line(struct given *g, const struct message_scratch *s,
    struct message *m, struct es_err *err)
{
	struct draft d = {.type = m->type, .payload = m->payload};

	if (has(s, "position"))
		return 0;
	if (has(s, "kind"))
		d.kind = m->kind;
	if (has(s, "version"))
		d.version = m->version;
	if (given_check(g, &d, err) < 0)
		return -1;
	m->payload = d.payload;
	if (d.kind != KIND_NONE)
		m->kind = d.kind;
	if (d.version)
		m->version = d.version;
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
		    err) < 0 || check_line(g, &scratch, &m, err) < 0 ||
		    given_add(g, &m, now, err) < 0) {
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

const struct message *given_shown(const struct given *g, int64_t position)
{
	return &g->v[position - 1].shown;
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
