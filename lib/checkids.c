/* The table ids against the ids of the messages. */
#include <string.h>

#include "checkint.h"
#include "storeimpl.h"

#define BUCKETS_TOLD 16

/* Whether es.scheduled at a position reserves the id of this row. */
static int reserves(struct check *c, int64_t position, struct span id,
    struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	struct span payload;
	uint32_t node;
	bool yes = false;

	if (db_prepare(c->db, "select m.payload from message m join type t "
	    "on t.id = m.type where m.position = ? and "
	    "t.name = 'es.scheduled'", &st, err) < 0)
		return check_unreadable(c, "message", err);
	sqlite3_bind_int64(st, 1, position);
	if (db_row(c->db, st, NULL) > 0) {
		payload = db_text(st, 0);
		buf_truncate(&c->text, 0);
		yes = span_is(payload, "{}") || (payload.p &&
		    json_parse(&c->doc, payload.p, payload.n, NULL) == 0 &&
		    (node = json_get(&c->doc, 0, "message")) != JSON_NONE &&
		    c->doc.nodes[node].type == JSON_OBJECT &&
		    (node = json_get(&c->doc, node, "id")) != JSON_NONE &&
		    c->doc.nodes[node].type == JSON_STRING &&
		    span_eq(json_string(&c->doc, node, &c->text), id));
	}
	sqlite3_finalize(st);
	return yes;
}

static struct span id_text(sqlite3_stmt *st, int column, char text[UUID_TEXT])
{
	struct span id = db_text(st, column);

	if (sqlite3_column_type(st, column) != SQLITE_BLOB || id.n != 16)
		return id;
	hash_uuid_text((const unsigned char *)id.p, text);
	return (struct span){text, UUID_TEXT - 1};
}

static int check_reserved(struct check *c, sqlite3_stmt *st,
    struct es_err *err)
{
	int64_t position = sqlite3_column_int64(st, 1);
	char text[UUID_TEXT];
	struct span id = id_text(st, 0, text);
	int r = position == INT64_MIN ? 0 :
	    reserves(c, -position, id, err);

	return r ? r < 0 ? -1 : 0 : check_found(c, "ids", check_span(c, id),
	    "position", "of a message, or of an es.scheduled with this id",
	    check_number(c, position), err);
}

/* An id as it has to follow the one before: numbers, text, bytes. */
struct order {
	int type;
	struct buf id;
};

static bool ascends(struct order *o, sqlite3_stmt *st)
{
	struct span id = db_text(st, 0);
	int type = sqlite3_column_type(st, 0);
	bool yes = (type == SQLITE_TEXT || type == SQLITE_BLOB) &&
	    (type > o->type || (type == o->type &&
	    span_cmp(buf_span(&o->id), id) < 0));

	o->type = type;
	buf_truncate(&o->id, 0);
	buf_add_span(&o->id, id);
	return yes;
}

static int id_row(struct check *c, sqlite3_stmt *st, struct order *order,
    struct es_err *err)
{
	int64_t position = sqlite3_column_int64(st, 1);
	char text[UUID_TEXT];
	bool follows = ascends(order, st);

	if (buf_check(&order->id, err) < 0)
		return -1;
	if (!follows && check_found(c, "ids",
	    check_span(c, id_text(st, 0, text)), "order",
	    "an id behind the one before", "another", err) < 0)
		return -1;
	if (position > 0 && position <= c->head)
		c->ids.there[check_bucket(&c->ids, position)] +=
		    check_mix(check_id_hash(c, st, 0), (uint64_t)position, 0);
	/* What came since the beginning is above the head. */
	return position > 0 || -position > c->head ? 0 :
	    check_reserved(c, st, err);
}

/* ---- what differs ---- */

static int missing_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	char text[UUID_TEXT];

	(void)n;
	return check_found(c, "ids", check_span(c, id_text(st, 1, text)),
	    "position", check_number(c, sqlite3_column_int64(st, 0)),
	    sqlite3_column_type(st, 2) == SQLITE_NULL ? "none" :
	    check_number(c, sqlite3_column_int64(st, 2)), err);
}

static int surplus_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	char text[UUID_TEXT];

	(void)n;
	return check_found(c, "ids", check_span(c, id_text(st, 1, text)),
	    "position", sqlite3_column_type(st, 2) == SQLITE_NULL ?
	    "of a message" : "of a message with this id",
	    check_number(c, sqlite3_column_int64(st, 0)), err);
}

/* Tell what differs in a range of positions, in one snapshot. */
static int tell(struct check *c, size_t bucket, struct es_err *err)
{
	long long first = (long long)((int64_t)bucket << c->ids.shift) + 1;
	long long last = first + (INT64_C(1) << c->ids.shift) - 1;
	struct buf sql = {0};
	int r;

	if (last > c->head)
		last = c->head;
	buf_addf(&sql, "select m.position, m.id, i.position from message m "
	    "left join ids i on i.id = m.id where m.position between %lld "
	    "and %lld and i.position is not m.position limit 100", first,
	    last);
	r = buf_check(&sql, err);
	if (r == 0)
		r = check_each(c, "ids", sql.p, missing_row, err);
	buf_truncate(&sql, 0);
	buf_addf(&sql, "select i.position, i.id, m.id from ids i left join "
	    "message m on m.position = i.position where i.position between "
	    "%lld and %lld and m.id is not i.id limit 100", first, last);
	if (r == 0)
		r = buf_check(&sql, err);
	if (r == 0)
		r = check_each(c, "ids", sql.p, surplus_row, err);
	buf_free(&sql);
	return r;
}

static int compare(struct check *c, struct es_err *err)
{
	size_t i = check_sums_differ(&c->ids, 0), told = 0;
	int r;

	if (i == c->ids.n)
		return 0;
	if (db_read_begin(c->db, err) < 0)
		return check_unreadable(c, "ids", err);
	for (r = 0; r == 0 && i < c->ids.n && told < BUCKETS_TOLD; told++) {
		r = tell(c, i, err);
		i = check_sums_differ(&c->ids, i + 1);
	}
	db_read_end(c->db);
	if (r == 0 && i < c->ids.n)
		r = check_found(c, "ids", "", "ids", "those of the messages",
		    check_text(c, "others, from position %lld on, too",
		    (long long)((int64_t)i << c->ids.shift) + 1), err);
	return r;
}

int check_ids(struct check *c, struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	struct order order = {0};
	int64_t n = 0;
	int r;

	check_progress(c, "ids", 0, c->head);
	if (db_prepare(c->db, "select id, position from ids", &st, err) < 0)
		return check_unreadable(c, "ids", err);
	while ((r = db_row(c->db, st, err)) > 0) {
		if (++n % 1024 == 0)
			check_progress(c, "ids", n, c->head);
		if (id_row(c, st, &order, err) < 0)
			break;
	}
	sqlite3_finalize(st);
	r = r > 0 ? -1 : r < 0 ?
	    check_unreadable(c, "ids", err) : compare(c, err);
	buf_free(&order.id);
	return r;
}
