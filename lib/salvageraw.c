/* Messages out of the pages of the file, without SQLite. */
#include <string.h>

#include "hash.h"
#include "salvageint.h"

enum { V_TYPE = 1, V_SHAPE, V_KIND, V_VERSION, V_ID, V_TAGS, V_PAYLOAD,
    V_METADATA, V_CAUSATION, V_CORRELATION, V_CREATED_AT, V_STORED_AT,
    V_ERASED_AT, V_SALT, V_DIGEST, V_IDENTITY };

static void scanning(void *ctx, int64_t done, int64_t total)
{
	struct salvage *s = ctx;

	if (s->listener->progress)
		s->listener->progress(s->listener->ctx, "pages", done, total);
}

int salvage_raw_begin(struct salvage *s, struct es_err *err)
{
	if (s->scanned)
		return 0;
	s->scanned = true;
	return rawfile_open(&s->raw, s->path, err) < 0 ? -1 :
	    rawfile_scan(&s->raw, scanning, s, err);
}

static struct span text_of(const struct rawvalue *v)
{
	return rawvalue_is_text(v) ? (struct span){(const char *)v->p, v->n} :
	    SPAN_NONE;
}

static struct span id_of(struct salvage *s, const struct rawvalue *v)
{
	char *text;

	if (!rawvalue_is_blob(v) || v->n != 16)
		return text_of(v);
	text = arena_bytes(&s->arena, UUID_TEXT);
	if (!text)
		return SPAN_NONE;
	hash_uuid_text(v->p, text);
	return (struct span){text, UUID_TEXT - 1};
}

static struct span time_of(struct salvage *s, const struct rawvalue *v,
    int64_t otherwise)
{
	struct buf text = {0};
	struct span copy;

	if (rawvalue_is_text(v))
		return text_of(v);
	rfc3339_print(&text, rawvalue_is_int(v) ? rawvalue_int(v) :
	    otherwise);
	copy = arena_copy(&s->arena, buf_span(&text));
	buf_free(&text);
	return copy;
}

/* All but the name of the type; false when it cannot be one. */
static bool message_of(struct salvage *s, int64_t position,
    const struct rawvalue v[RAW_COLUMNS], struct message *m)
{
	if (!rawvalue_is_int(&v[V_TYPE]) || !rawvalue_is_int(&v[V_KIND]) ||
	    !rawvalue_is_int(&v[V_STORED_AT]))
		return false;
	*m = (struct message){.position = position};
	m->kind = rawvalue_int(&v[V_KIND]) == KIND_COMMAND ? KIND_COMMAND :
	    KIND_EVENT;
	m->version = rawvalue_int(&v[V_VERSION]);
	m->id = id_of(s, &v[V_ID]);
	m->tags = text_of(&v[V_TAGS]);
	m->payload = text_of(&v[V_PAYLOAD]);
	m->metadata = text_of(&v[V_METADATA]);
	if (!m->metadata.p)
		m->metadata = SPAN_LIT("{}");
	m->causation_id = id_of(s, &v[V_CAUSATION]);
	if (!m->causation_id.p)
		m->causation_id = m->id;
	m->correlation_id = id_of(s, &v[V_CORRELATION]);
	if (!m->correlation_id.p)
		m->correlation_id = m->id;
	m->stored_at = rawvalue_int(&v[V_STORED_AT]);
	m->created_at = time_of(s, &v[V_CREATED_AT], m->stored_at);
	m->erased_at = rawvalue_is_int(&v[V_ERASED_AT]) ?
	    rawvalue_int(&v[V_ERASED_AT]) : 0;
	return !s->arena.failed && m->id.p && m->payload.p;
}

static bool is_whole_as(struct salvage *s, struct message *m,
    const struct rawvalue v[RAW_COLUMNS], struct span type)
{
	m->type = type;
	return salvage_is_whole(s, m, v[V_SALT].p, v[V_DIGEST].p,
	    rawvalue_is_blob(&v[V_IDENTITY]) && v[V_IDENTITY].n == 32 ?
	    v[V_IDENTITY].p : NULL);
}

/* By each name that its type may have. */
static bool is_whole(struct salvage *s, struct message *m,
    const struct rawvalue v[RAW_COLUMNS])
{
	int64_t type = rawvalue_int(&v[V_TYPE]);
	size_t i;

	if (s->names && type >= 0 && type < names_types(s->names) &&
	    is_whole_as(s, m, v, names_type_text(s->names, (int)type)))
		return true;
	for (i = 0; i < s->raw.n_types; i++)
		if (s->raw.types[i].id == type && is_whole_as(s, m, v,
		    span_str(s->raw.types[i].name)))
			return true;
	return false;
}

/* 1: whole, and *erased says which of several counts. */
static int try_cell(struct salvage *s, const struct rawcell *cell,
    bool *erased, struct es_err *err)
{
	struct rawvalue v[RAW_COLUMNS];
	struct message m;
	int r = rawfile_cell(&s->raw, cell, &s->payload, v, err);

	if (r <= 0)
		return r;
	arena_reset(&s->arena);
	if (!message_of(s, cell->position, v, &m) || !is_whole(s, &m, v))
		return s->arena.failed ? es_fail_nomem(err) : 0;
	*erased = m.erased_at != 0;
	return 1;
}

/* The first cell of a position or of one above it. */
static size_t first_cell(const struct rawfile *f, int64_t position)
{
	size_t lo = 0, hi = f->n_cells;

	while (lo < hi) {
		size_t middle = lo + (hi - lo) / 2;

		if (f->cells[middle].position < position)
			lo = middle + 1;
		else
			hi = middle;
	}
	return lo;
}

/*
 * A page that is no longer in use may have what a message was before it was
 * erased: erased it stays.
 */
int salvage_raw_find(struct salvage *s, int64_t position, struct es_err *err)
{
	const struct rawfile *f = &s->raw;
	size_t i, first = first_cell(f, position), best = f->n_cells;
	bool erased = false;
	int r;

	for (i = first; !erased && i < f->n_cells &&
	    f->cells[i].position == position; i++) {
		r = try_cell(s, &f->cells[i], &erased, err);
		if (r < 0)
			return -1;
		if (r > 0)
			best = i;
	}
	return best == f->n_cells ? 0 : try_cell(s, &f->cells[best], &erased,
	    err);
}

int salvage_raw_last(struct salvage *s, int64_t *last, struct es_err *err)
{
	const struct rawfile *f = &s->raw;
	size_t i;
	bool erased;
	int r;

	*last = 0;
	for (i = f->n_cells; i > 0; i--) {
		r = try_cell(s, &f->cells[i - 1], &erased, err);
		if (r == 0)
			continue;
		if (r > 0)
			*last = f->cells[i - 1].position;
		return r < 0 ? -1 : 0;
	}
	return 0;
}
