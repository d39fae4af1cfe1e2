/* The small tables, and what is kept beside the messages. */
#include <string.h>

#include "checkint.h"
#include "storeimpl.h"

/* ---- meta, epochs ---- */

/* Text that is bytes looks alike, and is not equal. */
static bool is_text(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_TEXT;
}

static bool is_blob(sqlite3_stmt *st, int column)
{
	return sqlite3_column_type(st, column) == SQLITE_BLOB;
}

/* The id, the secret and the epochs are told by nothing else. */
static int check_seal(struct check *c, sqlite3_stmt *st, struct es_err *err)
{
	struct span value = db_text(st, 1);
	unsigned char sum[32];
	const char *now;

	if (store_seal_sum(c->db, sum, err) < 0)
		return check_unreadable(c, "epoch", err);
	if (is_blob(st, 1) && value.n == sizeof sum &&
	    memcmp(value.p, sum, sizeof sum) == 0)
		return 0;
	now = check_bytes(c, sum, sizeof sum);
	return check_found(c, "meta", "seal", "digest of store, secret, epochs",
	    check_bytes(c, value.p, value.n), now, err);
}

static int meta_row(struct check *c, sqlite3_stmt *st, unsigned *seen,
    struct es_err *err)
{
	struct span name = db_text(st, 0), value = db_text(st, 1);
	unsigned char uuid[16];

	if (span_is(name, "store")) {
		*seen |= 1;
		if (is_text(st, 1) && hash_uuid_parse(value, uuid)) {
			memcpy(c->sum->store, value.p, value.n);
			return 0;
		}
		return check_found(c, "meta", "store", "id", "a UUID",
		    check_span(c, value), err);
	}
	if (span_is(name, "secret")) {
		*seen |= 2;
		if (is_blob(st, 1) && value.n == sizeof c->secret) {
			memcpy(c->secret, value.p, value.n);
			return 0;
		}
		return check_found(c, "meta", "secret", "value",
		    "16 bytes", check_bytes(c, value.p, value.n), err);
	}
	if (span_is(name, "catalog")) {
		*seen |= 4;
		c->catalog_at = sqlite3_column_int64(st, 1);
		return 0;
	}
	return span_is(name, "seal") ? check_seal(c, st, err) :
	    check_found(c, "meta", check_span(c, name), "name",
	    "store, secret, catalog or seal", "another", err);
}

static int epoch_row(struct check *c, sqlite3_stmt *st, int64_t number,
    struct es_err *err)
{
	const char *row = check_number(c, number);
	struct span id = db_text(st, 1), parent = db_text(st, 2);
	int64_t at = sqlite3_column_int64(st, 3);
	unsigned char uuid[16];

	if (sqlite3_column_int64(st, 0) != number)
		return check_found(c, "epoch", row, "number", row,
		    check_number(c, sqlite3_column_int64(st, 0)), err);
	if ((!is_text(st, 1) || !hash_uuid_parse(id, uuid)) &&
	    check_found(c, "epoch", row, "id", "a UUID", check_span(c, id),
	    err) < 0)
		return -1;
	if ((number == 1 ? parent.p != NULL && !hash_uuid_parse(parent, uuid) :
	    !span_is(parent, c->sum->epoch)) && check_found(c, "epoch", row,
	    "parent", number == 1 ? "none, or a UUID" : c->sum->epoch,
	    check_span(c, parent), err) < 0)
		return -1;
	/* A copy as of an earlier position may keep what came after it. */
	if ((at < 0 || at > INDEX_POSITION_MAX) && check_found(c, "epoch",
	    row, "branched_at", "a position", check_number(c, at), err) < 0)
		return -1;
	if (id.n == UUID_TEXT - 1)
		memcpy(c->sum->epoch, id.p, id.n);
	return 0;
}

int check_each(struct check *c, const char *table, const char *sql,
    int (*row)(struct check *, sqlite3_stmt *, int64_t n,
    struct es_err *err), struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	int64_t n = 0;
	int r = db_prepare(c->db, sql, &st, err);

	c->keep = 0;
	if (r < 0)
		return check_unreadable(c, table, err);
	while ((r = db_row(c->db, st, err)) > 0)
		if (row(c, st, ++n, err) < 0) {
			sqlite3_finalize(st);
			return -1;
		}
	if (r < 0)
		r = check_unreadable(c, table, err);
	else if (n == 0 && strcmp(table, "epoch") == 0)
		r = check_found(c, table, "", "rows", "one at least", "none",
		    err);
	sqlite3_finalize(st);
	return r;
}

int check_meta(struct check *c, struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	unsigned seen = 0;
	int r = db_prepare(c->db, "select name, value from meta", &st, err);

	while (r >= 0 && (r = db_row(c->db, st, err)) > 0)
		if (meta_row(c, st, &seen, err) < 0) {
			sqlite3_finalize(st);
			return -1;
		}
	if (r < 0)
		r = check_unreadable(c, "meta", err);
	else if (seen != 7)
		r = check_found(c, "meta", "", "rows",
		    "store, secret, catalog", seen & 1 ? seen & 2 ?
		    "no catalog" : "no secret" : "no store", err);
	sqlite3_finalize(st);
	if (r < 0)
		return -1;
	if (db_int(c->db, "select max(position) from message", &c->head,
	    err) < 0) {
		/* Its end cannot be found: take it from what is there. */
		c->head = 0;
		if (check_unreadable(c, "message", err) < 0)
			return -1;
	}
	return check_each(c, "epoch", "select number, id, parent, branched_at "
	    "from epoch order by number", epoch_row, err);
}

/* ---- types and shapes ---- */

static int type_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	const char *row = check_number(c, n - 1);
	struct es_err why = {0};

	if (sqlite3_column_int64(st, 0) != n - 1)
		return check_found(c, "type", row, "id", row,
		    check_number(c, sqlite3_column_int64(st, 0)), err);
	if (sqlite3_column_int64(st, 2) > 1 && check_found(c, "type", row,
	    "name", "one that no other type has",
	    check_span(c, db_text(st, 1)), err) < 0)
		return -1;
	if (!is_text(st, 1) || message_check_type(db_text(st, 1), &why) < 0)
		return check_found(c, "type", row, "name", "a type",
		    check_span(c, db_text(st, 1)), err);
	return 0;
}

/* Names sorted, each once, each ended by NUL. */
static bool are_names(struct span names)
{
	const char *p = names.p, *end = p + names.n, *last = NULL;

	if (names.n > 0 && end[-1] != '\0')
		return false;
	for (; p < end; last = p, p += strlen(p) + 1)
		if (last && strcmp(last, p) >= 0)
			return false;
	return true;
}

static int shape_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	const char *row = check_number(c, n);
	int64_t type = sqlite3_column_int64(st, 1);
	struct span names = db_text(st, 2);

	if (sqlite3_column_int64(st, 0) != n)
		return check_found(c, "shape", row, "id", row,
		    check_number(c, sqlite3_column_int64(st, 0)), err);
	if ((type < 0 || type >= names_types(c->names)) && check_found(c,
	    "shape", row, "type", "one that is there", check_number(c, type),
	    err) < 0)
		return -1;
	if (sqlite3_column_int64(st, 3) > 1 && check_found(c, "shape", row,
	    "names", "what no other shape of its type has",
	    check_span(c, names), err) < 0)
		return -1;
	if (!is_blob(st, 2) || !are_names(names))
		return check_found(c, "shape", row, "names",
		    "names in order, each once", check_span(c, names), err);
	return 0;
}

int check_names(struct check *c, struct es_err *err)
{
	check_progress(c, "types", 0, 0);
	return check_each(c, "type", "select id, name, count(*) over (partition by "
	    "name) from type order by id", type_row, err) < 0 ? -1 :
	    check_each(c, "shape", "select id, type, names, count(*) over "
	    "(partition by type, names) from shape order by id", shape_row,
	    err);
}
