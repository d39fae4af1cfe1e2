#include <stdlib.h>
#include <string.h>

#include "arena.h"
#include "erase.h"
#include "find.h"

struct erased {
	int64_t position;
	struct span id, type, correlation;
	bool rejected;		/* it may have an es.command_rejected */
};

struct erasure {
	struct store *store;
	struct groups *groups;
	struct erased *v;
	size_t n, cap;
	bool sorted;		/* by position */
	struct arena arena;
	struct json_doc doc;
	struct buf text;
};

int erasure_open(struct store *s, struct erasure **out, struct es_err *err)
{
	struct erasure *e = calloc(1, sizeof *e);

	*out = e;
	if (!e)
		return es_fail_nomem(err);
	e->store = s;
	if (groups_open(s, &e->groups, err) == 0 &&
	    store_erase_begin(s, err) == 0)
		return 0;
	erasure_close(e);
	*out = NULL;
	return -1;
}

void erasure_close(struct erasure *e)
{
	if (!e)
		return;
	groups_close(e->groups);
	arena_free(&e->arena);
	json_free(&e->doc);
	buf_free(&e->text);
	free(e->v);
	free(e);
}

size_t erasure_count(const struct erasure *e)
{
	return e->n;
}

/* ---- one message ---- */

/* What others need: the catalog, and the trace of what was erased. */
static int check_type(const struct message *m, struct es_err *err)
{
	if (!span_is(m->type, "es.catalog_loaded") &&
	    !span_is(m->type, "es.message_erased"))
		return 0;
	return es_fail(err, ES_FAILED, "id: %.*s is an %.*s (position %lld), "
	    "which cannot be erased", (int)m->id.n, m->id.p, (int)m->type.n,
	    m->type.p, (long long)m->position);
}

static int remember(struct erasure *e, const struct message *m,
    struct es_err *err)
{
	struct erased *v;

	if (e->n == e->cap) {
		size_t cap = e->cap ? e->cap * 2 : 64;

		v = realloc(e->v, cap * sizeof *v);
		if (!v)
			return es_fail_nomem(err);
		e->v = v;
		e->cap = cap;
	}
	e->v[e->n++] = (struct erased){.position = m->position,
	    .id = arena_copy(&e->arena, m->id),
	    .type = arena_copy(&e->arena, m->type),
	    .correlation = arena_copy(&e->arena, m->correlation_id),
	    .rejected = m->kind == KIND_COMMAND};
	e->sorted = false;
	return e->arena.failed ? es_fail_nomem(err) : 0;
}

static int erase_at(struct erasure *e, int64_t position, struct es_err *err)
{
	struct message m;
	int r = store_get(e->store, position, &m, err);

	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: damaged: no message at "
		    "position %lld", store_path(e->store),
		    (long long)position);
	if (r < 0 || m.erased_at)
		return r < 0 ? -1 : 0;
	return check_type(&m, err) < 0 || remember(e, &m, err) < 0 ||
	    store_erase(e->store, position, err) < 0 ? -1 : 0;
}

int erasure_add(struct erasure *e, struct span id, int64_t position,
    struct es_err *err)
{
	int64_t at;
	char shown[160];
	int r;

	es_escape(shown, sizeof shown, id.p, id.n);
	r = store_find_id(e->store, id, &at, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return es_fail(err, ES_FAILED, "no message has the id %s",
		    shown);
	if (at < 0)
		return es_fail(err, ES_FAILED, "id: %s is reserved by the "
		    "schedule at position %lld", shown, (long long)-at);
	if (position && position != at)
		return es_fail(err, ES_FAILED, "id: %s stands at position "
		    "%lld here, not at %lld: it comes from another store",
		    shown, (long long)at, (long long)position);
	return erase_at(e, at, err);
}

/* ---- what names an erased message ---- */

static int by_position(const void *a, const void *b)
{
	const struct erased *x = a, *y = b;

	return (x->position > y->position) - (x->position < y->position);
}

static const struct erased *find_position(struct erasure *e, int64_t position)
{
	struct erased key = {.position = position};

	if (!e->sorted && e->n)
		qsort(e->v, e->n, sizeof *e->v, by_position);
	e->sorted = true;
	return e->n ? bsearch(&key, e->v, e->n, sizeof *e->v, by_position) :
	    NULL;
}

static bool is_erased(void *ctx, int64_t position)
{
	return find_position(ctx, position) != NULL;
}

static bool ends_with(struct span text, size_t end, struct span s)
{
	return end >= s.n && memcmp(text.p + end - s.n, s.p, s.n) == 0;
}

/*
 * Faults say "TYPE ID at POSITION" of the event that was being folded, whoever
 * it was folded for.
 */
static bool names_erased(void *ctx, struct span text)
{
	struct erasure *e = ctx;
	const struct erased *found;
	size_t i, end;
	int64_t position;

	for (i = 0; i + 4 < text.n; i++) {
		if (memcmp(text.p + i, " at ", 4) != 0)
			continue;
		for (end = i + 4; end < text.n && text.p[end] >= '0' &&
		    text.p[end] <= '9'; end++)
			;
		if (cli_int_parse((struct span){text.p + i + 4, end - i - 4},
		    1, INT64_MAX, &position) < 0)
			continue;
		found = find_position(e, position);
		if (found && ends_with(text, i, found->id))
			return true;
	}
	return false;
}

/* ---- what es itself has told of them ---- */

static char parked[] = "es.partition_parked";
static char skipped[] = "es.message_skipped";
static char stopped[] = "es.group_stopped";
static char *told_types[] = {parked, skipped, stopped};
static struct query_item told_item = {.types = told_types, .n_types = 3};
static const struct query told = {.items = &told_item, .n = 1};

static int tells_of(struct erasure *e, const struct message *m, bool *yes,
    struct es_err *err)
{
	struct json_doc *d = &e->doc;
	uint32_t node;
	int64_t position;

	*yes = false;
	if (m->erased_at)
		return 0;
	if (json_parse(d, m->payload.p, m->payload.n, err) < 0)
		return -1;
	node = json_get(d, 0, "position");
	if (node != JSON_NONE && json_int(d, node, 1, INT64_MAX,
	    &position) == 0 && is_erased(e, position))
		*yes = true;
	node = json_get(d, 0, "reason");
	if (*yes || node == JSON_NONE || d->nodes[node].type != JSON_STRING)
		return 0;
	buf_truncate(&e->text, 0);
	*yes = names_erased(e, json_string(d, node, &e->text));
	return 0;
}

static int add_position(int64_t **v, size_t *n, int64_t position,
    struct es_err *err)
{
	int64_t *more = *n & (*n - 1) ? *v :
	    realloc(*v, (*n ? *n * 2 : 1) * sizeof *more);

	if (!more)
		return es_fail_nomem(err);
	*v = more;
	more[(*n)++] = position;
	return 0;
}

/* They are found first: a find reads on in what the erasing changes. */
static int find_told(struct erasure *e, int64_t **v, size_t *n,
    struct es_err *err)
{
	struct find *f;
	struct message m;
	bool yes;
	int r;

	if (find_open(e->store, &told, NULL, 0, &f, err) < 0)
		return -1;
	while ((r = find_next(f, &m, err)) > 0)
		if (tells_of(e, &m, &yes, err) < 0 ||
		    (yes && add_position(v, n, m.position, err) < 0)) {
			r = -1;
			break;
		}
	find_close(f);
	return r;
}

static int find_rejections(struct erasure *e, int64_t **v, size_t *n,
    struct es_err *err)
{
	enum outcome outcome;
	int64_t first;
	size_t i;

	for (i = 0; i < e->n; i++) {
		if (!e->v[i].rejected)
			continue;
		if (store_outcome(e->store, e->v[i].position, &outcome,
		    &first, NULL, err) < 0 || (outcome == OUTCOME_REJECTED &&
		    first && add_position(v, n, first, err) < 0))
			return -1;
	}
	return 0;
}

static int take_along(struct erasure *e, struct es_err *err)
{
	int64_t *v = NULL;
	size_t n = 0, i;
	int r = find_told(e, &v, &n, err) < 0 ||
	    find_rejections(e, &v, &n, err) < 0 ? -1 : 0;

	for (i = 0; i < n && r == 0; i++)
		r = erase_at(e, v[i], err);
	free(v);
	return r;
}

/* ---- the events ---- */

static int append_event(struct erasure *e, const struct erased *m,
    struct spool *lines, struct es_err *err)
{
	struct draft d = {.type = SPAN_LIT("es.message_erased"),
	    .kind = KIND_EVENT, .causation_id = m->id,
	    .correlation_id = m->correlation};
	struct appended a;

	buf_truncate(&e->text, 0);
	buf_adds(&e->text, "{\"id\":");
	json_quote_span(&e->text, m->id);
	buf_adds(&e->text, ",\"position\":");
	buf_add_int(&e->text, m->position);
	buf_adds(&e->text, ",\"type\":");
	json_quote_span(&e->text, m->type);
	buf_addc(&e->text, '}');
	if (buf_check(&e->text, err) < 0)
		return -1;
	d.payload = buf_span(&e->text);
	return store_append_own(e->store, &d, &a, err) < 0 ? -1 :
	    spool_add(lines, a.line.p, a.line.n, err);
}

int erasure_end(struct erasure *e, struct spool *lines, struct es_err *err)
{
	struct group_forgotten w = {e, is_erased, names_erased};
	size_t i;

	if (e->n == 0)
		return 0;
	find_position(e, 0);	/* in order of position, for what follows */
	if (take_along(e, err) < 0 || group_forget(e->groups, &w, err) < 0)
		return -1;
	find_position(e, 0);
	for (i = 0; i < e->n; i++)
		if (append_event(e, &e->v[i], lines, err) < 0)
			return -1;
	return store_erase_end(e->store, err);
}
