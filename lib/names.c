#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "names.h"

struct names {
	struct db *db;
	struct arena arena;
	struct span *types;
	int n_types, cap_types;
	struct names_shape *shapes;
	int n_shapes, cap_shapes;
	int kept_types, kept_shapes;	/* as of the last refresh */
	/* open addressing; slots hold number + 1 */
	int *type_slots, *shape_slots;
	size_t type_mask, shape_mask;
	struct buf text;
	sqlite3_stmt *load_types, *load_shapes, *add_type, *add_shape;
};

/* FNV-1a, 64 bit. */
static uint64_t hash(uint64_t h, struct span s)
{
	size_t i;

	for (i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(1099511628211);
	return h;
}

#define HASH_START UINT64_C(14695981039346656037)

static uint64_t type_hash(struct span type)
{
	return hash(HASH_START, type);
}

static uint64_t shape_hash(int type, struct span names)
{
	return hash(HASH_START ^ ((uint64_t)type * 0x9e3779b97f4a7c15), names);
}

static uint64_t hash_of(const struct names *n, bool shape, int i)
{
	return shape ? shape_hash(n->shapes[i].type, n->shapes[i].text) :
	    type_hash(n->types[i]);
}

static void place(int *slots, size_t mask, uint64_t h, int i)
{
	size_t at = h & mask;

	while (slots[at])
		at = (at + 1) & mask;
	slots[at] = i + 1;
}

/* Make the table of slots anew, at most half full. */
static int rehash(struct names *n, bool shape, struct es_err *err)
{
	int count = shape ? n->n_shapes : n->n_types, i;
	size_t size = 64;
	int *slots;

	while (size < 4 * (size_t)(count + 1))
		size *= 2;
	slots = calloc(size, sizeof *slots);
	if (!slots)
		return es_fail_nomem(err);
	for (i = 0; i < count; i++)
		place(slots, size - 1, hash_of(n, shape, i), i);
	if (shape) {
		free(n->shape_slots);
		n->shape_slots = slots;
		n->shape_mask = size - 1;
	} else {
		free(n->type_slots);
		n->type_slots = slots;
		n->type_mask = size - 1;
	}
	return 0;
}

static int grown(void **v, int *cap, size_t size, struct es_err *err)
{
	int bigger = *cap ? *cap * 2 : 64;
	void *p = realloc(*v, (size_t)bigger * size);

	if (!p)
		return es_fail_nomem(err);
	*v = p;
	*cap = bigger;
	return 0;
}

static int remember_type(struct names *n, struct span type,
    struct es_err *err)
{
	if (n->n_types == n->cap_types &&
	    grown((void **)&n->types, &n->cap_types, sizeof *n->types, err) < 0)
		return -1;
	/* First what may fail: what counts has to be found, too. */
	if ((size_t)(n->n_types + 1) * 2 > n->type_mask &&
	    rehash(n, false, err) < 0)
		return -1;
	n->types[n->n_types] = arena_copy(&n->arena, type);
	if (n->arena.failed)
		return es_fail_nomem(err);
	place(n->type_slots, n->type_mask, type_hash(type), n->n_types++);
	return 0;
}

static int split(struct names *n, struct names_shape *s, struct es_err *err)
{
	const char *p = s->text.p, *end = p + s->text.n;
	size_t i = 0;

	for (; p < end; p += strlen(p) + 1)
		s->n++;
	s->names = arena_alloc(&n->arena, (s->n + 1) * sizeof *s->names);
	if (!s->names)
		return es_fail_nomem(err);
	for (p = s->text.p; p < end; p += strlen(p) + 1)
		s->names[i++] = span_str(p);
	return 0;
}

static int remember_shape(struct names *n, int type, struct span text,
    struct es_err *err)
{
	struct names_shape s = {.type = type};

	if (n->n_shapes == n->cap_shapes && grown((void **)&n->shapes,
	    &n->cap_shapes, sizeof *n->shapes, err) < 0)
		return -1;
	s.text = arena_copy(&n->arena, text);
	if (!s.text.p)
		return es_fail_nomem(err);
	if (split(n, &s, err) < 0)
		return -1;
	if ((size_t)(n->n_shapes + 1) * 2 > n->shape_mask &&
	    rehash(n, true, err) < 0)
		return -1;
	place(n->shape_slots, n->shape_mask, shape_hash(type, s.text),
	    n->n_shapes);
	n->shapes[n->n_shapes++] = s;
	return 0;
}

static int prepare(struct names *n, struct es_err *err)
{
	struct db *db = n->db;

	return db_prepare(db, "select name from type where id >= ? "
	    "order by id", &n->load_types, err) < 0 ||
	    db_prepare(db, "select type, names from shape where id >= ? "
	    "order by id", &n->load_shapes, err) < 0 ? -1 : 0;
}

int names_open(struct db *db, struct names **out, struct es_err *err)
{
	struct names *n = calloc(1, sizeof *n);

	*out = NULL;
	if (!n)
		return es_fail_nomem(err);
	n->db = db;
	/* Shape 0 is "other": of no type, and no message looks it up. */
	if (prepare(n, err) < 0 || rehash(n, false, err) < 0 ||
	    rehash(n, true, err) < 0 ||
	    remember_shape(n, -1, SPAN_LIT(""), err) < 0) {
		names_close(n);
		return -1;
	}
	n->kept_shapes = 1;
	*out = n;
	return 0;
}

void names_close(struct names *n)
{
	if (!n)
		return;
	sqlite3_finalize(n->load_types);
	sqlite3_finalize(n->load_shapes);
	sqlite3_finalize(n->add_type);
	sqlite3_finalize(n->add_shape);
	free(n->types);
	free(n->shapes);
	free(n->type_slots);
	free(n->shape_slots);
	arena_free(&n->arena);
	buf_free(&n->text);
	free(n);
}

int names_refresh(struct names *n, struct es_err *err)
{
	int r;

	sqlite3_bind_int(n->load_types, 1, n->n_types);
	while ((r = db_row(n->db, n->load_types, err)) > 0)
		if (remember_type(n, db_text(n->load_types, 0), err) < 0) {
			sqlite3_reset(n->load_types);
			return -1;
		}
	if (r < 0)
		return -1;
	sqlite3_bind_int(n->load_shapes, 1, n->n_shapes);
	while ((r = db_row(n->db, n->load_shapes, err)) > 0)
		if (remember_shape(n, sqlite3_column_int(n->load_shapes, 0),
		    db_text(n->load_shapes, 1), err) < 0) {
			sqlite3_reset(n->load_shapes);
			return -1;
		}
	if (r < 0)
		return -1;
	n->kept_types = n->n_types;
	n->kept_shapes = n->n_shapes;
	return 0;
}

void names_rollback(struct names *n)
{
	bool types = n->n_types > n->kept_types;
	bool shapes = n->n_shapes > n->kept_shapes;

	n->n_types = n->kept_types;
	n->n_shapes = n->kept_shapes;
	/* The tables stay as large as they are: this cannot fail. */
	if (types) {
		memset(n->type_slots, 0,
		    (n->type_mask + 1) * sizeof *n->type_slots);
		for (int i = 0; i < n->n_types; i++)
			place(n->type_slots, n->type_mask,
			    hash_of(n, false, i), i);
	}
	if (shapes) {
		memset(n->shape_slots, 0,
		    (n->shape_mask + 1) * sizeof *n->shape_slots);
		for (int i = 0; i < n->n_shapes; i++)
			place(n->shape_slots, n->shape_mask,
			    hash_of(n, true, i), i);
	}
}

int names_type(struct names *n, struct span type, bool add, int *out,
    struct es_err *err)
{
	size_t at = type_hash(type) & n->type_mask;
	int i;

	for (; (i = n->type_slots[at]); at = (at + 1) & n->type_mask)
		if (span_eq(n->types[i - 1], type)) {
			*out = i - 1;
			return 0;
		}
	*out = -1;
	if (!add)
		return 0;
	if (db_prepare_once(n->db, "insert into type(id, name) values (?, ?)",
	    &n->add_type, err) < 0)
		return -1;
	sqlite3_bind_int(n->add_type, 1, n->n_types);
	db_bind_text(n->add_type, 2, type);
	if (db_done(n->db, n->add_type, err) < 0)
		return -1;
	*out = n->n_types;
	return remember_type(n, type, err);
}

struct span names_type_text(const struct names *n, int type)
{
	if (type < 0 || type >= n->n_types)
		return SPAN_LIT("?");
	return n->types[type];
}

int names_types(const struct names *n)
{
	return n->n_types;
}

/* The names of the keys, each once, each ended by NUL. */
static void names_text(struct buf *out, const struct keys *keys)
{
	struct span last = SPAN_NONE;
	size_t i;

	buf_truncate(out, 0);
	for (i = 0; i < keys->n; i++) {
		struct span name = keys->v[i].name;

		if (!name.p || (last.p && span_eq(last, name)))
			continue;
		buf_add_span(out, name);
		buf_addc(out, '\0');
		last = name;
	}
}

int names_find_shape(struct names *n, int type, const struct keys *keys,
    int *out, struct es_err *err)
{
	struct span text;
	size_t at;
	int i;

	names_text(&n->text, keys);
	if (buf_check(&n->text, err) < 0)
		return -1;
	text = buf_span(&n->text);
	at = shape_hash(type, text) & n->shape_mask;
	for (; (i = n->shape_slots[at]); at = (at + 1) & n->shape_mask)
		if (n->shapes[i - 1].type == type &&
		    span_eq(n->shapes[i - 1].text, text)) {
			*out = i - 1;
			return 0;
		}
	*out = n->n_shapes >= NAMES_SHAPES ? NAMES_OTHER : -1;
	return 0;
}

int names_shape(struct names *n, int type, const struct keys *keys, int *out,
    struct es_err *err)
{
	struct span text;

	if (names_find_shape(n, type, keys, out, err) < 0)
		return -1;
	if (*out >= 0)
		return 0;
	text = buf_span(&n->text);
	if (db_prepare_once(n->db, "insert into shape(id, type, names) "
	    "values (?, ?, ?)", &n->add_shape, err) < 0)
		return -1;
	sqlite3_bind_int(n->add_shape, 1, n->n_shapes);
	sqlite3_bind_int(n->add_shape, 2, type);
	db_bind_blob(n->add_shape, 3, text.p, text.n);
	if (db_done(n->db, n->add_shape, err) < 0)
		return -1;
	*out = n->n_shapes;
	return remember_shape(n, type, text, err);
}

int names_shapes(const struct names *n)
{
	return n->n_shapes;
}

const struct names_shape *names_shape_at(const struct names *n, int shape)
{
	return shape >= 0 && shape < n->n_shapes ? &n->shapes[shape] :
	    &n->shapes[NAMES_OTHER];
}

bool names_carries(const struct names_shape *s, struct span name)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (span_eq(s->names[i], name))
			return true;
	return false;
}
