/* What is kept of how messages were made: outcomes and provenance. */
#include "checkint.h"
#include "storeimpl.h"

enum { O_COMMAND, O_RESULT, O_PROVENANCE, O_KIND, O_FOUND, O_HANDLED, O_FIRST,
    O_TYPE, O_MAKER };

static int outcome_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	int64_t command = sqlite3_column_int64(st, O_COMMAND);
	int64_t result = sqlite3_column_int64(st, O_RESULT);
	const char *row = check_number(c, command), *expected = NULL;
	const char *there = NULL, *what = "result";
	bool rejection = span_is(db_text(st, O_TYPE), "es.command_rejected");

	(void)n;
	if (sqlite3_column_int(st, O_KIND) != KIND_COMMAND) {
		what = "command";
		expected = "the position of a command";
		there = sqlite3_column_type(st, O_KIND) == SQLITE_NULL ?
		    "no message" : "an event";
	} else if (result < OUTCOME_DECIDED || result > OUTCOME_SKIPPED ||
	    sqlite3_column_type(st, O_RESULT) != SQLITE_INTEGER) {
		expected = "decided (1), rejected (2) or skipped (3)";
		there = check_number(c, result);
	} else if (sqlite3_column_type(st, O_PROVENANCE) == SQLITE_NULL) {
		what = "provenance";
		expected = result == OUTCOME_SKIPPED ? NULL : "one";
		there = "none";
	} else if (sqlite3_column_type(st, O_FOUND) == SQLITE_NULL) {
		what = "provenance";
		expected = "one that is there";
		there = check_number(c, sqlite3_column_int64(st,
		    O_PROVENANCE));
	} else if (sqlite3_column_int64(st, O_HANDLED) != command) {
		what = "provenance";
		expected = check_text(c, "of %lld", (long long)command);
		there = check_text(c, "of %lld",
		    (long long)sqlite3_column_int64(st, O_HANDLED));
	} else if (rejection != (result == OUTCOME_REJECTED)) {
		expected = rejection ? "rejected" : "not rejected";
		there = check_number(c, result);
	}
	return expected ? check_found(c, "outcome", row, what, expected,
	    there, err) : 0;
}

int check_outcomes(struct check *c, struct es_err *err)
{
	int r;

	check_progress(c, "outcomes", 0, 0);
	if (db_read_begin(c->db, err) < 0)
		return check_unreadable(c, "outcome", err);
	r = check_each(c, "outcome", "select o.command, o.result, o.provenance, "
	    "m.kind, p.id, p.handled, p.first, t.name from outcome o "
	    "left join message m on m.position = o.command "
	    "left join provenance p on p.id = o.provenance "
	    "left join message f on f.position = p.first "
	    "left join type t on t.id = f.type order by o.command",
	    outcome_row, err);
	db_read_end(c->db);
	return r;
}

/* ---- provenance ---- */

enum { P_ID, P_HANDLED, P_HANDLER, P_READ_AT, P_PARTITION, P_ATTEMPT, P_FIRST,
    P_LAST, P_HANDLED_THERE, P_HANDLER_THERE, P_STRANGERS, P_HEAD };

static bool within(sqlite3_stmt *st, int column, int64_t low)
{
	return sqlite3_column_type(st, column) == SQLITE_INTEGER &&
	    sqlite3_column_int64(st, column) >= low &&
	    sqlite3_column_int64(st, column) <=
	    sqlite3_column_int64(st, P_HEAD);
}

static int wrong(struct check *c, sqlite3_stmt *st, const char *what,
    int column, const char *expected, struct es_err *err)
{
	return check_found(c, "provenance",
	    check_number(c, sqlite3_column_int64(st, P_ID)), what, expected,
	    check_span(c, db_text(st, column)), err);
}

/* c->keep: the end of the range before. */
static int range(struct check *c, sqlite3_stmt *st, struct es_err *err)
{
	int64_t last = sqlite3_column_int64(st, P_LAST);

	if (sqlite3_column_type(st, P_FIRST) == SQLITE_NULL)
		return sqlite3_column_type(st, P_LAST) == SQLITE_NULL ? 0 :
		    wrong(c, st, "last", P_LAST, "NULL, as first is", err);
	if (!within(st, P_FIRST, c->keep + 1))
		return wrong(c, st, "first", P_FIRST, "a position behind "
		    "what was made before", err);
	if (!within(st, P_LAST, sqlite3_column_int64(st, P_FIRST)))
		return wrong(c, st, "last", P_LAST, "a position, not before "
		    "first", err);
	c->keep = last;
	if (sqlite3_column_int64(st, P_STRANGERS))
		return wrong(c, st, "messages that another one caused",
		    P_STRANGERS, "0", err);
	return 0;
}

static bool is_object(struct check *c, struct span text)
{
	return json_parse(&c->doc, text.p ? text.p : "", text.n, NULL) == 0 &&
	    c->doc.nodes[0].type == JSON_OBJECT;
}

static int provenance_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	(void)n;
	if (sqlite3_column_type(st, P_HANDLED_THERE) == SQLITE_NULL)
		return wrong(c, st, "handled", P_HANDLED, "a message", err);
	if (sqlite3_column_type(st, P_HANDLER_THERE) == SQLITE_NULL)
		return wrong(c, st, "handler", P_HANDLER, "one that is there",
		    err);
	if (!within(st, P_READ_AT, 0))
		return wrong(c, st, "read_at", P_READ_AT, "a position", err);
	if (sqlite3_column_type(st, P_PARTITION) != SQLITE_NULL &&
	    !is_object(c, db_text(st, P_PARTITION)))
		return wrong(c, st, "partition", P_PARTITION, "an object",
		    err);
	if (sqlite3_column_type(st, P_ATTEMPT) != SQLITE_INTEGER ||
	    sqlite3_column_int64(st, P_ATTEMPT) < 0)
		return wrong(c, st, "attempt", P_ATTEMPT, "a number", err);
	return range(c, st, err);
}

static int handler_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	const char *row = check_number(c, sqlite3_column_int64(st, 0));

	(void)n;
	if (sqlite3_column_type(st, 2) != SQLITE_BLOB ||
	    sqlite3_column_bytes(st, 2) != 32)
		return check_found(c, "handler", row, "hash", "32 bytes",
		    check_span(c, db_text(st, 2)), err);
	if (!is_object(c, db_text(st, 3)))
		return check_found(c, "handler", row, "definition",
		    "an object", check_span(c, db_text(st, 3)), err);
	return 0;
}

/*
 * What a handler makes is caused by what it handled.  A range may begin with
 * the command itself, where that came with its outcome.
 */
int check_provenance(struct check *c, struct es_err *err)
{
	int r;

	check_progress(c, "provenance", 0, 0);
	if (db_read_begin(c->db, err) < 0)
		return check_unreadable(c, "provenance", err);
	r = check_each(c, "handler", "select id, name, hash, definition "
	    "from handler order by id", handler_row, err);
	if (r == 0)
		r = check_each(c, "provenance", "select p.id, p.handled, "
		    "p.handler, p.read_at, p.partition, p.attempt, p.first, "
		    "p.last, m.position, h.id, (select count(*) from message w "
		    "where w.position between p.first and p.last and "
		    "w.position <> p.handled and (w.causation is not m.id or "
		    "w.correlation is not coalesce(m.correlation, m.id))), "
		    "(select max(position) from message) from provenance p "
		    "left join message m on m.position = p.handled "
		    "left join handler h on h.id = p.handler "
		    "order by p.first is null, p.first", provenance_row, err);
	db_read_end(c->db);
	return r;
}
