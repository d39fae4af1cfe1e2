/* store_append(): what happens to a message on its way into the log. */
#include <stdlib.h>
#include <string.h>

#include "digest.h"
#include "storeimpl.h"

static bool own_type(struct span type)
{
	return type.n > 3 && memcmp(type.p, "es.", 3) == 0;
}

/* ---- identity ---- */

static int by_bytes(const void *a, const void *b)
{
	return span_cmp(*(const struct span *)a, *(const struct span *)b);
}

/* The tags as a set: sorted, each once, in one text. */
static int tag_set(struct span tags, struct json_doc *doc, struct buf *out,
    struct es_err *err)
{
	struct arena arena = {0};
	struct buf text = {0};
	struct span *v = NULL;
	size_t n = 0, i;
	uint32_t at;
	int r = -1;

	buf_truncate(out, 0);
	if (!tags.p)
		return 0;
	if (json_parse(doc, tags.p, tags.n, err) < 0)
		return -1;
	v = calloc(doc->nodes[0].count + 1, sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	for (at = json_first(doc, 0); at < doc->nodes[0].end;
	    at = json_next(doc, at)) {
		buf_truncate(&text, 0);
		v[n++] = arena_copy(&arena, json_string(doc, at, &text));
	}
	if (arena.failed || text.failed) {
		es_fail_nomem(err);
		goto out;
	}
	qsort(v, n, sizeof *v, by_bytes);
	for (i = 0; i < n; i++)
		if (i == 0 || !span_eq(v[i - 1], v[i])) {
			buf_add_span(out, v[i]);
			buf_addc(out, '\0');
		}
	r = buf_check(out, err);
out:
	free(v);
	buf_free(&text);
	arena_free(&arena);
	return r;
}

static int same_tags(struct span a, struct span b, struct json_doc *doc,
    bool *same, struct es_err *err)
{
	struct buf x = {0}, y = {0};
	int r = tag_set(a, doc, &x, err) < 0 || tag_set(b, doc, &y, err) < 0 ?
	    -1 : 0;

	*same = r == 0 && span_eq(buf_span(&x), buf_span(&y));
	buf_free(&x);
	buf_free(&y);
	return r;
}

static struct span payload_of(const struct draft *d)
{
	return d->payload.p ? d->payload : SPAN_LIT("{}");
}

static int compact(struct json_doc *doc, struct span text, struct buf *out,
    struct es_err *err)
{
	buf_truncate(out, 0);
	if (json_parse(doc, text.p, text.n, err) < 0)
		return -1;
	json_compact(doc, 0, out);
	return buf_check(out, err);
}

/*
 * Whether the payload that came in is the one that came in when the message
 * was stored: compared with the stored text, or with the digest of what came
 * where the catalog has rewritten it.
 */
static int same_payload(struct store *s, const struct draft *d,
    const struct message *m, bool *same, struct es_err *err)
{
	unsigned char sum[32];
	struct buf stored = {0};
	int r;

	if (compact(&s->doc, payload_of(d), &s->came_in, err) < 0)
		return -1;
	sqlite3_bind_int64(s->digests, 1, m->position);
	r = db_row(s->db, s->digests, err);
	if (r <= 0)
		return -1;
	if (db_text(s->digests, 1).n == 32 && db_text(s->digests, 0).n == 16) {
		digest_payload((const unsigned char *)
		    db_text(s->digests, 0).p, buf_span(&s->came_in), sum);
		*same = memcmp(sum, db_text(s->digests, 1).p, 32) == 0;
		sqlite3_reset(s->digests);
		if (*same || !d->stored_at)
			return 0;
	}
	sqlite3_reset(s->digests);
	r = compact(&s->doc, m->payload, &stored, err);
	*same = r == 0 && span_eq(buf_span(&stored), buf_span(&s->came_in));
	buf_free(&stored);
	return r;
}

static int repeated(struct store *s, const struct draft *d, int64_t position,
    struct appended *out, struct es_err *err)
{
	struct message m;
	const char *differs = NULL;
	bool same = true;
	char shown[160];

	es_escape(shown, sizeof shown, d->id.p, d->id.n);
	if (position < 0)
		return es_fail(err, ES_FAILED, "id: %s is reserved by the "
		    "schedule at position %lld", shown, (long long)-position);
	if (store_get(s, position, &m, err) <= 0)
		return es_fail(err, ES_FAILED, "%s: damaged: no message at "
		    "position %lld", s->db->path, (long long)position);
	if (m.erased_at)
		return es_fail(err, ES_FAILED, "id: %s was erased (position "
		    "%lld) and stays used", shown, (long long)position);
	if (!span_eq(m.type, d->type))
		differs = "type";
	else if (d->kind != KIND_NONE && d->kind != m.kind)
		differs = "kind";
	else if (d->version && d->version != m.version)
		differs = "version";
	else if (same_tags(d->tags, m.tags, &s->doc, &same, err) < 0)
		return -1;
	else if (!same)
		differs = "tags";
	else if (same_payload(s, d, &m, &same, err) < 0)
		return -1;
	else if (!same)
		differs = "payload";
	if (differs)
		return es_fail(err, ES_FAILED, "id: %s is stored at position "
		    "%lld with another %s", shown, (long long)position,
		    differs);
	buf_truncate(&s->line, 0);
	message_print(&s->line, &m);
	out->position = position;
	out->repeated = true;
	out->line = buf_span(&s->line);
	return buf_check(&s->line, err);
}

/* ---- making a message of a draft ---- */

/* Kind, version and payload as the catalog wants them. */
static int apply_catalog(struct store *s, const struct draft *d,
    const struct catalog_entry *entry, struct message *m, struct es_err *err)
{
	m->kind = d->kind != KIND_NONE ? d->kind :
	    entry ? catalog_kind(entry) : KIND_EVENT;
	if (m->kind == KIND_NONE)
		m->kind = KIND_EVENT;
	m->version = d->version ? d->version :
	    entry ? catalog_version(entry) : 1;
	buf_truncate(&s->payload, 0);
	if (entry && catalog_check(entry, d, &s->scratch, &s->payload,
	    err) < 0)
		return -1;
	m->payload = s->payload.n ? buf_span(&s->payload) : payload_of(d);
	return 0;
}

static int make_id(const struct draft *d, char text[UUID_TEXT],
    struct message *m, struct es_err *err)
{
	unsigned char uuid[16];

	m->id = d->id;
	if (d->id.p)
		return 0;
	if (hash_uuid7(uuid, err) < 0)
		return -1;
	hash_uuid_text(uuid, text);
	m->id = (struct span){text, UUID_TEXT - 1};
	return 0;
}

/*
 * A cause that is stored gives its correlation; the arena of store_get() holds
 * it until the message is in.
 */
static int apply_causes(struct store *s, const struct draft *d,
    struct message *m, struct es_err *err)
{
	struct message cause;
	int64_t position;
	int r;

	m->causation_id = d->causation_id.p ? d->causation_id : m->id;
	m->correlation_id = d->correlation_id.p ? d->correlation_id : m->id;
	if (!d->causation_id.p || d->correlation_id.p ||
	    span_eq(d->causation_id, m->id))
		return 0;
	r = store_find_id(s, d->causation_id, &position, err);
	if (r < 0)
		return -1;
	if (r == 0 || position < 0)
		return 0;
	r = store_get(s, position, &cause, err);
	if (r < 0)
		return -1;
	if (r == 0)
		return es_fail(err, ES_FAILED, "%s: damaged: no message at "
		    "position %lld", s->db->path, (long long)position);
	m->correlation_id = cause.correlation_id;
	return 0;
}

static int make_line(struct store *s, const struct message *m,
    struct es_err *err)
{
	buf_truncate(&s->line, 0);
	message_print(&s->line, m);
	if (buf_check(&s->line, err) < 0)
		return -1;
	if (s->line.n - 1 > MESSAGE_LINE_MAX)
		return es_fail(err, ES_FAILED, "as it would be printed the "
		    "message has %zu bytes, more than %d", s->line.n - 1,
		    MESSAGE_LINE_MAX);
	return 0;
}

static struct span line_text(const struct store *s)
{
	return (struct span){s->line.p, s->line.n - 1};
}

/* ---- writing ---- */

static void bind_created_at(struct store *s, const struct message *m)
{
	int64_t micros;
	struct buf again = {0};
	bool canonical = false;

	if (rfc3339_parse(m->created_at, &micros)) {
		rfc3339_print(&again, micros);
		canonical = span_eq(buf_span(&again), m->created_at);
		buf_free(&again);
	}
	if (canonical && micros == m->stored_at)
		sqlite3_bind_null(s->insert, 12);
	else if (canonical && micros >= 0)
		/* SQL's division does not print what is before 1970. */
		sqlite3_bind_int64(s->insert, 12, micros);
	else
		db_bind_text(s->insert, 12, m->created_at);
}

static void bind_other_id(struct store *s, int parameter, struct span id,
    const struct message *m, unsigned char uuid[16])
{
	if (span_eq(id, m->id))
		sqlite3_bind_null(s->insert, parameter);
	else
		row_bind_id(s->insert, parameter, id, uuid);
}

static int insert_row(struct store *s, const struct message *m, int type,
    int shape, bool rewritten, struct es_err *err)
{
	unsigned char id[16], cause[16], correlation[16];
	unsigned char salt[16], content[32], identity[32];

	if (hash_random(salt, sizeof salt, err) < 0)
		return -1;
	if (rewritten)
		digest_payload(salt, buf_span(&s->came_in), identity);
	digest_message(salt, line_text(s), rewritten ? identity : NULL,
	    content);
	sqlite3_bind_int64(s->insert, 1, m->position);
	sqlite3_bind_int(s->insert, 2, type);
	sqlite3_bind_int(s->insert, 3, shape);
	sqlite3_bind_int(s->insert, 4, (int)m->kind);
	sqlite3_bind_int64(s->insert, 5, m->version);
	row_bind_id(s->insert, 6, m->id, id);
	db_bind_text(s->insert, 7, m->tags);
	db_bind_text(s->insert, 8, m->payload);
	db_bind_text(s->insert, 9, span_is(m->metadata, "{}") ? SPAN_NONE :
	    m->metadata);
	bind_other_id(s, 10, m->causation_id, m, cause);
	bind_other_id(s, 11, m->correlation_id, m, correlation);
	bind_created_at(s, m);
	sqlite3_bind_int64(s->insert, 13, m->stored_at);
	db_bind_blob(s->insert, 14, salt, sizeof salt);
	db_bind_blob(s->insert, 15, content, sizeof content);
	sqlite3_bind_null(s->insert, 16);
	if (rewritten)
		db_bind_blob(s->insert, 16, identity, sizeof identity);
	if (db_done(s->db, s->insert, err) < 0)
		return -1;
	row_bind_id(s->insert_id, 1, m->id, id);
	sqlite3_bind_int64(s->insert_id, 2, m->position);
	return db_done(s->db, s->insert_id, err);
}

static int index_keys(struct store *s, int64_t position, int shape,
    struct es_err *err)
{
	uint64_t keys[KEYS_MAX];
	size_t i;

	for (i = 0; i < s->keys.n; i++)
		keys[i] = index_key(s->index, s->keys.v[i].text.p,
		    s->keys.v[i].text.n);
	if (index_add(s->index, position, shape, keys, s->keys.n, err) < 0)
		return es_err_at(err, "%s", s->db->path);
	return 0;
}

static int write_message(struct store *s, const struct message *m,
    bool rewritten, struct es_err *err)
{
	int type, shape;

	if (names_type(s->names, m->type, true, &type, err) < 0 ||
	    names_shape(s->names, type, &s->keys, &shape, err) < 0 ||
	    insert_row(s, m, type, shape, rewritten, err) < 0 ||
	    index_keys(s, m->position, shape, err) < 0) {
		s->broken = true;
		return -1;
	}
	s->head = m->position;
	s->last_stored_at = m->stored_at;
	return 0;
}

static int find_keys(struct store *s, const struct draft *d,
    const struct message *m, const struct catalog_entry *entry,
    struct es_err *err)
{
	const struct json_doc *doc = s->payload.n ? NULL :
	    message_draft_doc(d);
	void *ctx = (void *)(uintptr_t)entry;

	return doc ? message_keys_parsed(doc, d->tags_at, d->payload_at,
	    catalog_indexes, ctx, &s->keys, err) :
	    message_keys(d->tags, m->payload, catalog_indexes, ctx, &s->keys,
	    err);
}

int store_write(struct store *s, const struct message *m, struct es_err *err)
{
	return make_line(s, m, err) < 0 ? -1 :
	    write_message(s, m, false, err);
}

/* A message out of a draft, checked but not written; keys are in s->keys. */
static int make_message(struct store *s, const struct draft *d, bool own,
    char id[UUID_TEXT], struct buf *created, struct message *m,
    struct es_err *err)
{
	const struct catalog_entry *entry = catalog_find(s->catalog, d->type);

	*m = (struct message){.position = s->head + 1, .type = d->type,
	    .tags = d->tags, .metadata = d->metadata, .stored_at = s->now};
	if (!own && own_type(d->type))
		return es_fail(err, ES_FAILED, "type: only es itself appends "
		    "\"es.\" types");
	if (!m->metadata.p)
		m->metadata = SPAN_LIT("{}");
	if (apply_catalog(s, d, entry, m, err) < 0 ||
	    make_id(d, id, m, err) < 0 || apply_causes(s, d, m, err) < 0 ||
	    find_keys(s, d, m, entry, err) < 0)
		return -1;
	m->created_at = d->created_at;
	if (!m->created_at.p) {
		rfc3339_print(created, s->now);
		m->created_at = buf_span(created);
	}
	return make_line(s, m, err);
}

static int append(struct store *s, const struct draft *d, bool own,
    struct appended *out, struct es_err *err)
{
	char id[UUID_TEXT];
	struct buf created = {0};
	struct message m;
	int64_t position;
	bool rewritten;
	int r = -1;

	*out = (struct appended){0};
	if (store_check_open(s, err) < 0)
		return -1;
	if (d->id.p) {
		r = store_find_id(s, d->id, &position, err);
		if (r > 0)
			return repeated(s, d, position, out, err);
		if (r < 0)
			return -1;
		r = -1;
	}
	if (make_message(s, d, own, id, &created, &m, err) < 0)
		goto out;
	rewritten = s->payload.n > 0;
	if (rewritten && compact(&s->doc, payload_of(d), &s->came_in, err) < 0)
		goto out;
	r = write_message(s, &m, rewritten, err);
	out->position = m.position;
	out->line = buf_span(&s->line);
out:
	buf_free(&created);
	return r;
}

int store_append(struct store *s, const struct draft *d, struct appended *out,
    struct es_err *err)
{
	return append(s, d, false, out, err);
}

int store_append_own(struct store *s, const struct draft *d,
    struct appended *out, struct es_err *err)
{
	return append(s, d, true, out, err);
}

int store_check(struct store *s, const struct draft *d, struct es_err *err)
{
	char id[UUID_TEXT];
	struct buf created = {0};
	struct appended a;
	struct message m;
	int64_t position;
	int r = d->id.p ? store_find_id(s, d->id, &position, err) : 0;

	if (r > 0)
		return repeated(s, d, position, &a, err);
	if (r == 0)
		r = make_message(s, d, false, id, &created, &m, err);
	buf_free(&created);
	return r;
}

int store_preview(struct store *s, const struct draft *d, int64_t now,
    struct buf *out, struct es_err *err)
{
	char id[UUID_TEXT];
	struct buf created = {0};
	struct message m;
	int64_t was = s->now;
	int r;

	s->now = now;
	r = make_message(s, d, false, id, &created, &m, err);
	s->now = was;
	buf_free(&created);
	if (r < 0)
		return -1;
	/* {"position":N,"id":… without the position. */
	buf_addc(out, '{');
	buf_adds(out, strchr(s->line.p, ',') + 1);
	return buf_check(out, err);
}

int store_load_catalog(struct store *s, const struct catalog *c, bool *changed,
    struct es_err *err)
{
	struct buf payload = {0};
	struct appended a;
	struct draft d = {.type = SPAN_LIT("es.catalog_loaded"),
	    .kind = KIND_EVENT};
	int r = -1;

	*changed = !catalog_equal(s->catalog, c);
	if (!*changed)
		return 0;
	buf_adds(&payload, "{\"catalog\":");
	if (json_parse(&s->doc, catalog_text(c).p, catalog_text(c).n, err) < 0)
		goto out;
	json_compact(&s->doc, 0, &payload);
	buf_addc(&payload, '}');
	if (buf_check(&payload, err) < 0)
		goto out;
	d.payload = buf_span(&payload);
	if (store_append_own(s, &d, &a, err) < 0)
		goto out;
	sqlite3_bind_int64(s->set_catalog, 1, a.position);
	if (db_done(s->db, s->set_catalog, err) < 0) {
		s->broken = true;
		goto out;
	}
	r = read_catalog_at(s, a.position, err);
out:
	buf_free(&payload);
	return r;
}
