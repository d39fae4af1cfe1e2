/* The messages: that each is whole, and what it says of what is beside it. */
#include <string.h>

#include "checkint.h"
#include "digest.h"
#include "storeimpl.h"
#include "tagkey.h"

enum { R_POSITION, R_SHAPE, R_KIND, R_VERSION, R_ID, R_TAGS, R_PAYLOAD,
    R_METADATA, R_CAUSATION, R_CORRELATION, R_CREATED_AT, R_STORED_AT,
    R_ERASED_AT, R_TYPE };

/* ---- the types of the columns ---- */

#define IS(type) (1u << (type))
#define ID_TYPES (IS(SQLITE_TEXT) | IS(SQLITE_BLOB))

static const struct column {
	const char *name, *expected;
	unsigned types;
	int bytes;		/* of a blob, 0: any */
} columns[] = {
	[R_POSITION] = {"position", "a number", IS(SQLITE_INTEGER), 0},
	[R_SHAPE] = {"shape", "a number", IS(SQLITE_INTEGER), 0},
	[R_KIND] = {"kind", "a number", IS(SQLITE_INTEGER), 0},
	[R_VERSION] = {"version", "a number", IS(SQLITE_INTEGER), 0},
	[R_ID] = {"id", "16 bytes, or text", ID_TYPES, 16},
	[R_TAGS] = {"tags", "text, or NULL",
	    IS(SQLITE_TEXT) | IS(SQLITE_NULL), 0},
	[R_PAYLOAD] = {"payload", "text", IS(SQLITE_TEXT), 0},
	[R_METADATA] = {"metadata", "text, or NULL",
	    IS(SQLITE_TEXT) | IS(SQLITE_NULL), 0},
	[R_CAUSATION] = {"causation", "an id, or NULL",
	    ID_TYPES | IS(SQLITE_NULL), 16},
	[R_CORRELATION] = {"correlation", "an id, or NULL",
	    ID_TYPES | IS(SQLITE_NULL), 16},
	[R_CREATED_AT] = {"created_at", "a number, text, or NULL",
	    IS(SQLITE_INTEGER) | IS(SQLITE_TEXT) | IS(SQLITE_NULL), 0},
	[R_STORED_AT] = {"stored_at", "a number", IS(SQLITE_INTEGER), 0},
	[R_ERASED_AT] = {"erased_at", "a number, or NULL",
	    IS(SQLITE_INTEGER) | IS(SQLITE_NULL), 0},
	[R_TYPE] = {"type", "a number", IS(SQLITE_INTEGER), 0},
	[ROWS_SALT] = {"salt", "16 bytes", IS(SQLITE_BLOB), DIGEST_SALT},
	[ROWS_DIGEST] = {"digest", "32 bytes", IS(SQLITE_BLOB), DIGEST_BYTES},
	[ROWS_IDENTITY] = {"identity", "32 bytes, or NULL",
	    IS(SQLITE_BLOB) | IS(SQLITE_NULL), DIGEST_BYTES},
};

static int column_found(struct check *c, sqlite3_stmt *st, int i,
    struct es_err *err)
{
	static const char *const types[] = {"", "a number", "a real number",
	    "text", "bytes", "NULL"};
	int64_t position = sqlite3_column_int64(st, R_POSITION);

	return check_found_at(c, position, position, columns[i].name,
	    columns[i].expected, check_text(c, "%s (%d bytes)",
	    types[sqlite3_column_type(st, i)], sqlite3_column_bytes(st, i)),
	    err);
}

/* 1 when all are such that the row can be read. */
static int check_columns(struct check *c, sqlite3_stmt *st,
    struct es_err *err)
{
	int i, r = 1;

	for (i = 0; i <= ROWS_IDENTITY; i++) {
		int type = sqlite3_column_type(st, i);

		if ((columns[i].types & IS(type)) && (type != SQLITE_BLOB ||
		    !columns[i].bytes ||
		    sqlite3_column_bytes(st, i) == columns[i].bytes))
			continue;
		r = 0;
		if (column_found(c, st, i, err) < 0)
			return -1;
	}
	return r;
}

/* ---- one message ---- */

static int at(struct check *c, const struct message *m, const char *what,
    const char *expected, const char *found, struct es_err *err)
{
	return check_found_at(c, m->position, m->position, what, expected,
	    found, err);
}

static int check_digest(struct check *c, const struct message *m,
    sqlite3_stmt *st, struct es_err *err)
{
	unsigned char sum[DIGEST_BYTES];
	struct span line;

	buf_truncate(&c->line, 0);
	message_print(&c->line, m);
	if (buf_check(&c->line, err) < 0)
		return -1;
	line = (struct span){c->line.p, c->line.n - 1};
	if (line.n > MESSAGE_LINE_MAX && at(c, m, "line",
	    "at most 1048576 bytes", check_number(c, (int64_t)line.n),
	    err) < 0)
		return -1;
	if (c->sum->format < 2)
		digest_message_1(sqlite3_column_blob(st, ROWS_SALT), line, sum);
	else
		digest_message(sqlite3_column_blob(st, ROWS_SALT), line,
		    sqlite3_column_blob(st, ROWS_IDENTITY), sum);
	if (memcmp(sum, sqlite3_column_blob(st, ROWS_DIGEST), sizeof sum) == 0)
		return 0;
	return at(c, m, "digest", check_bytes(c, sqlite3_column_blob(st,
	    ROWS_DIGEST), DIGEST_BYTES), check_bytes(c, sum, sizeof sum), err);
}

/* What the contract says of a message besides its payload's JSON. */
static int check_form(struct check *c, const struct message *m,
    sqlite3_stmt *st, struct es_err *err)
{
	int64_t kind = sqlite3_column_int64(st, R_KIND), micros;
	struct es_err why = {0};

	if (kind != KIND_EVENT && kind != KIND_COMMAND && at(c, m, "kind",
	    "event (1) or command (2)", check_number(c, kind), err) < 0)
		return -1;
	if (m->version < 1 && at(c, m, "version", "a number from 1",
	    check_number(c, m->version), err) < 0)
		return -1;
	if (message_check_id(m->id, "id", &why) < 0 && at(c, m, "id",
	    "an id", check_span(c, m->id), err) < 0)
		return -1;
	if (sqlite3_column_type(st, R_CREATED_AT) == SQLITE_TEXT &&
	    !rfc3339_parse(m->created_at, &micros) && at(c, m, "created_at",
	    "a time", check_span(c, m->created_at), err) < 0)
		return -1;
	if (sqlite3_column_type(st, R_METADATA) != SQLITE_NULL &&
	    !check_is_json(c, m->metadata, JSON_OBJECT) && at(c, m, "metadata",
	    "a JSON object", check_span(c, m->metadata), err) < 0)
		return -1;
	if (!check_has_tags(c, m))
		return at(c, m, "tags", "a JSON array of tags",
		    check_span(c, m->tags), err) < 0 ? -1 : 1;
	if (!check_has_payload(m))
		return at(c, m, "payload", "a JSON object",
		    check_span(c, m->payload), err) < 0 ? -1 : 1;
	return 0;
}

static int check_erased(struct check *c, const struct message *m,
    sqlite3_stmt *st, struct es_err *err)
{
	if (sqlite3_column_type(st, R_ERASED_AT) == SQLITE_NULL)
		return 0;
	if (m->erased_at < m->stored_at && at(c, m, "erased_at",
	    "a time not before stored_at", check_number(c, m->erased_at),
	    err) < 0)
		return -1;
	if (m->tags.p || !span_is(m->payload, "{}") ||
	    !span_is(m->metadata, "{}") ||
	    sqlite3_column_type(st, ROWS_IDENTITY) != SQLITE_NULL)
		return at(c, m, "erased", "no tags, payload, metadata, "
		    "identity", "some", err);
	return 0;
}

uint64_t check_id_hash(const struct check *c, sqlite3_stmt *st, int column)
{
	struct span id = db_text(st, column);

	return siphash(c->secret, id.p ? id.p : "", id.n) ^
	    (uint64_t)sqlite3_column_type(st, column);
}

/* What the index and ids should have of it. */
static void sum_up(struct check *c, int64_t position, int shape,
    sqlite3_stmt *st)
{
	uint64_t keys[KEYS_MAX + 1], *sum;
	size_t i, k, n = 1, bucket = check_bucket(&c->postings, position);

	sum = &c->postings.wanted[bucket];
	keys[0] = INDEX_EVERY;
	for (i = 0; i < c->keys.n && n <= KEYS_MAX; i++) {
		keys[n] = index_key(c->index, c->keys.v[i].text.p,
		    c->keys.v[i].text.n);
		/* Two tags with one key have one posting. */
		for (k = 1; keys[k] != keys[n]; k++)
			;
		if (k == n)
			n++;
	}
	for (i = 0; i < n; i++)
		*sum += check_mix(keys[i], (uint64_t)position,
		    (uint64_t)shape);
	c->ids.wanted[bucket] += check_mix(check_id_hash(c, st, R_ID),
	    (uint64_t)position, 0);
}

static int check_shape(struct check *c, const struct message *m,
    sqlite3_stmt *st, struct es_err *err)
{
	int type = sqlite3_column_int(st, R_TYPE), shape;
	int64_t stored = sqlite3_column_int64(st, R_SHAPE);
	int r = check_keys_of(c, m, type, (int)stored, &shape, err);

	if (r < 0)
		return -1;
	if (r == 0)
		return at(c, m, "payload", "a JSON object whose keys can be "
		    "indexed", check_span(c, m->payload), err);
	if (m->position <= c->head)
		sum_up(c, m->position, shape < 0 ? (int)stored : shape, st);
	if (shape == stored)
		return 0;
	return at(c, m, "shape", shape < 0 ? "one that is not there" :
	    check_number(c, shape), check_number(c, stored), err);
}

static int check_message(struct check *c, sqlite3_stmt *st,
    struct es_err *err)
{
	struct message m;
	int r = check_columns(c, st, err);

	if (r <= 0)
		return r;
	arena_reset(&c->arena);
	if (row_read(c->names, st, &c->arena, &m, NULL, err) < 0)
		return -1;
	if (sqlite3_column_int64(st, R_TYPE) < 0 ||
	    sqlite3_column_int64(st, R_TYPE) >= names_types(c->names))
		return at(c, &m, "type", "one that is there",
		    check_number(c, sqlite3_column_int64(st, R_TYPE)), err);
	if (check_digest(c, &m, st, err) < 0 ||
	    check_erased(c, &m, st, err) < 0)
		return -1;
	r = check_form(c, &m, st, err);
	if (r < 0 || (r == 0 && check_shape(c, &m, st, err) < 0))
		return -1;
	/* After it: it came in under the one before. */
	if (span_is(m.type, "es.catalog_loaded") && !m.erased_at)
		return check_loaded(c, m.position, err);
	return 0;
}

/* ---- all of them ---- */

/* Nothing between the last one and this. */
static int check_gap(struct check *c, const struct rows *rows, int64_t last,
    int64_t next, struct es_err *err)
{
	if (next < 1)
		return check_found_at(c, next, next, "position",
		    "from 1 on", check_number(c, next), err);
	if (next <= last + 1 && !rows->lost)
		return 0;
	if (next <= last + 1)
		return check_found(c, "message", "", "reading",
		    "rows in order", check_text(c, "%s", rows->why), err);
	return check_found_at(c, last + 1, next - 1, "position", "a message",
	    rows->lost ? check_text(c, "%s", rows->why) : "none", err);
}

static int look_at(struct check *c, struct rows *rows, int64_t *last,
    int64_t *stored_at, struct es_err *err)
{
	int64_t now = sqlite3_column_int64(rows->st, R_STORED_AT);

	if (check_gap(c, rows, *last, rows->position, err) < 0)
		return -1;
	if (rows->position < 1)
		return 0;
	if (now < *stored_at && check_found_at(c, rows->position,
	    rows->position, "stored_at", check_text(c, "%lld or later",
	    (long long)*stored_at), check_number(c, now), err) < 0)
		return -1;
	*stored_at = now;
	*last = rows->position;
	c->sum->messages++;
	if (*last % 1024 == 0)
		check_progress(c, "messages", *last, c->head);
	return check_message(c, rows->st, err);
}

int check_messages(struct check *c, struct es_err *err)
{
	struct rows rows;
	int64_t last = 0, stored_at = INT64_MIN;
	int r;

	check_progress(c, "messages", 0, c->head);
	if (rows_open(&rows, c->db, err) < 0)
		return check_unreadable(c, "message", err);
	while ((r = rows_next(&rows, err)) > 0 && rows.position <= c->head)
		if (look_at(c, &rows, &last, &stored_at, err) < 0) {
			rows_close(&rows);
			return -1;
		}
	if (r == 0 && (rows.lost || last < c->head))
		r = check_gap(c, &rows, last, last < c->head ? c->head + 1 :
		    last + 1, err);
	rows_close(&rows);
	return r < 0 ? -1 : check_catalog_at(c, err);
}
