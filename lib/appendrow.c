/* append_row(): a complete message becomes a row, with its id and its keys. */
#include <string.h>

#include "digest.h"
#include "storeimpl.h"

enum {
	POSITION = 1, TYPE, SHAPE, KIND, VERSION, ID, TAGS, PAYLOAD, METADATA,
	CAUSATION, CORRELATION, CREATED_AT, STORED_AT, SALT, DIGEST, IDENTITY
};

static int prepare(struct store *s, struct es_err *err)
{
	return s->insert ? 0 : db_prepare(s->db, "insert into message("
	    "position, type, shape, kind, version, id, tags, payload, "
	    "metadata, causation, correlation, created_at, stored_at, salt, "
	    "digest, identity) values (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
	    &s->insert, err);
}

/*
 * What is bound stays bound from one message to the next, and most columns
 * that may be null are so in most messages.
 */
static void bind_null(struct store *s, int column)
{
	if (s->not_null & 1u << column)
		sqlite3_bind_null(s->insert, column);
	s->not_null &= ~(1u << column);
}

static void bind_text(struct store *s, int column, struct span text)
{
	if (!text.p) {
		bind_null(s, column);
		return;
	}
	db_bind_text(s->insert, column, text);
	s->not_null |= 1u << column;
}

/* The message's own id is null. */
static void bind_other_id(struct store *s, int column, struct span id,
    const struct message *m, unsigned char uuid[16])
{
	if (id.p == m->id.p ? id.n == m->id.n : span_eq(id, m->id)) {
		bind_null(s, column);
		return;
	}
	row_bind_id(s->insert, column, id, uuid);
	s->not_null |= 1u << column;
}

/* A time is a number when it prints as it came. */
static void bind_created_at(struct store *s, const struct message *m)
{
	char text[RFC3339_BYTES];
	struct span canonical = {text, sizeof text};
	int64_t micros;

	rfc3339_put(text, m->stored_at);
	if (span_eq(canonical, m->created_at)) {
		bind_null(s, CREATED_AT);
		return;
	}
	s->not_null |= 1u << CREATED_AT;
	/* SQL's division does not print what is before 1970. */
	if (rfc3339_parse(m->created_at, &micros) && micros >= 0) {
		rfc3339_put(text, micros);
		if (span_eq(canonical, m->created_at)) {
			sqlite3_bind_int64(s->insert, CREATED_AT, micros);
			return;
		}
	}
	db_bind_text(s->insert, CREATED_AT, m->created_at);
}

static void bind_digests(struct store *s, unsigned char salt[DIGEST_SALT],
    bool rewritten, unsigned char content[DIGEST_BYTES],
    unsigned char identity[DIGEST_BYTES])
{
	struct span line = {s->line.p, s->line.n - 1};

	if (rewritten) {
		digest_payload(salt, buf_span(&s->came_in), identity);
		db_bind_blob(s->insert, IDENTITY, identity, DIGEST_BYTES);
		s->not_null |= 1u << IDENTITY;
	} else {
		bind_null(s, IDENTITY);
	}
	digest_message(salt, line, rewritten ? identity : NULL, content);
	db_bind_blob(s->insert, SALT, salt, DIGEST_SALT);
	db_bind_blob(s->insert, DIGEST, content, DIGEST_BYTES);
}

static int insert_row(struct store *s, const struct message *m, int type,
    int shape, bool rewritten, struct es_err *err)
{
	unsigned char id[16], cause[16], correlation[16];
	unsigned char salt[DIGEST_SALT], content[DIGEST_BYTES];
	unsigned char identity[DIGEST_BYTES];

	if (prepare(s, err) < 0 || hash_random(salt, sizeof salt, err) < 0)
		return -1;
	sqlite3_bind_int64(s->insert, POSITION, m->position);
	sqlite3_bind_int(s->insert, TYPE, type);
	sqlite3_bind_int(s->insert, SHAPE, shape);
	sqlite3_bind_int(s->insert, KIND, (int)m->kind);
	sqlite3_bind_int64(s->insert, VERSION, m->version);
	row_bind_id(s->insert, ID, m->id, id);
	bind_text(s, TAGS, m->tags);
	db_bind_text(s->insert, PAYLOAD, m->payload);
	bind_text(s, METADATA, span_eq(m->metadata, SPAN_LIT("{}")) ?
	    SPAN_NONE : m->metadata);
	bind_other_id(s, CAUSATION, m->causation_id, m, cause);
	bind_other_id(s, CORRELATION, m->correlation_id, m, correlation);
	bind_created_at(s, m);
	sqlite3_bind_int64(s->insert, STORED_AT, m->stored_at);
	bind_digests(s, salt, rewritten, content, identity);
	if (db_done(s->db, s->insert, err) < 0)
		return -1;
	return ids_add(s->ids, m->id, m->position, err);
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

int append_row(struct store *s, const struct message *m, bool rewritten,
    struct es_err *err)
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
