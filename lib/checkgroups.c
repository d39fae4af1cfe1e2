/* Consumer groups: what their tables say of each other and of the log. */
#include "checkint.h"
#include "group.h"
#include "storeimpl.h"

/*
 * Each query gives a name, a number (a shard, or 0), and what is wrong with
 * that row: the check, what was expected, what is there.
 */
static const struct {
	const char *table, *sql;
} faults[] = {
	{"consumer", "select name, -1, 'state', 'running, stopped or held', "
	    "state from consumer where state not in ('running', 'stopped', "
	    "'held') "
	    "or typeof(state) <> 'text'"},
	{"consumer", "select name, -1, 'start', 'a position', start "
	    "from consumer, head where typeof(start) <> 'integer' "
	    "or start < 0 or start > head"},
	{"consumer", "select name, -1, 'react_from', 'a position', react_from "
	    "from consumer, head where typeof(react_from) <> 'integer' or "
	    "react_from < 0 or react_from > head"},
	{"consumer", "select name, -1, 'hash', '32 bytes', hex(hash) "
	    "from consumer where hash is not null and "
	    "(typeof(hash) <> 'blob' or length(hash) <> 32)"},
	{"consumer", "select name, -1, 'shards', '0 to 15', "
	    "(select count(*) from shard s where s.name = c.name) "
	    "from consumer c where (select count(*) from shard s "
	    "where s.name = c.name and s.shard between 0 and 15) <> 16"},
	{"shard", "select name, shard, 'name', 'a group', name from shard "
	    "where name not in (select name from consumer)"},
	{"shard", "select name, shard, 'position', '0 to ' || head, position "
	    "from shard, head where typeof(position) <> 'integer' "
	    "or position < 0 or position > head"},
	{"shard", "select name, shard, 'epoch', 'a number from 0', epoch "
	    "from shard where typeof(epoch) <> 'integer' or epoch < 0"},
	{"shard", "select name, shard, 'owner', 'a number from 1, or NULL', "
	    "owner from shard where owner is not null and "
	    "(typeof(owner) <> 'integer' or owner < 1)"},
	{"done", "select d.name, d.shard, 'position', "
	    "coalesce('above ' || s.position || ', to ' || head, "
	    "'none: there is no such shard'), d.position "
	    "from head, done d left join shard s on s.name = d.name "
	    "and s.shard = d.shard where s.name is null "
	    "or typeof(d.position) <> 'integer' "
	    "or d.position <= s.position or d.position > head"},
	{"failing", "select name, shard, 'name', 'a group', name from failing "
	    "where name not in (select name from consumer)"},
	{"failing", "select name, shard, 'shard', '0 to 15', shard "
	    "from failing where typeof(shard) <> 'integer' "
	    "or shard not between 0 and 15"},
	{"failing", "select name, shard, 'position', '1 to ' || head, "
	    "position from failing, head where typeof(position) <> 'integer' "
	    "or position < 1 or position > head"},
	{"failing", "select name, shard, 'parked', '0 or 1', parked "
	    "from failing where parked not in (0, 1)"},
	{"failing", "select name, shard, 'attempt', 'a number from -1', "
	    "attempt from failing where typeof(attempt) <> 'integer' "
	    "or attempt < -1"},
};

static int fault_row(struct check *c, const char *table, sqlite3_stmt *st,
    struct es_err *err)
{
	struct span name = db_text(st, 0);
	int64_t shard = sqlite3_column_int64(st, 1);

	return check_found(c, table, shard < 0 ? check_span(c, name) :
	    check_text(c, "%.*s %lld", (int)(name.n < 128 ? name.n : 128),
	    name.p ? name.p : "", (long long)shard),
	    check_span(c, db_text(st, 2)), check_span(c, db_text(st, 3)),
	    check_span(c, db_text(st, 4)), err);
}

static int look_for(struct check *c, const char *table, const char *sql,
    struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	struct buf text = {0};
	int r;

	buf_addf(&text, "with head(head) as (select coalesce(max(position), "
	    "0) from message) %s", sql);
	r = buf_check(&text, err);
	if (r == 0)
		r = db_prepare(c->db, text.p, &st, err);
	while (r >= 0 && (r = db_row(c->db, st, err)) > 0)
		if (fault_row(c, table, st, err) < 0) {
			sqlite3_finalize(st);
			buf_free(&text);
			return -1;
		}
	if (r < 0 && !text.failed)
		r = check_unreadable(c, table, err);
	sqlite3_finalize(st);
	buf_free(&text);
	return r;
}

/* What is JSON in them. */
static int json_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	struct span text = db_text(st, 1);

	(void)n;
	if (sqlite3_column_type(st, 1) == SQLITE_TEXT &&
	    json_parse(&c->doc, text.p, text.n, NULL) == 0 &&
	    c->doc.nodes[0].type == JSON_OBJECT)
		return 0;
	return check_found(c, sqlite3_column_int(st, 2) ? "consumer" :
	    "failing", check_span(c, db_text(st, 0)),
	    sqlite3_column_int(st, 2) ? "definition" : "partition",
	    "an object", check_span(c, text), err);
}

/* A partition of which a shard is the hash must be in that one. */
static int failing_row(struct check *c, sqlite3_stmt *st, int64_t n,
    struct es_err *err)
{
	int shard = group_shard_of(db_text(st, 1));

	(void)n;
	return shard == sqlite3_column_int(st, 2) ? 0 : check_found(c,
	    "failing", check_span(c, db_text(st, 0)), "shard",
	    check_number(c, shard), check_number(c, sqlite3_column_int(st, 2)),
	    err);
}

int check_groups(struct check *c, struct es_err *err)
{
	size_t i;
	int r = 0;

	check_progress(c, "groups", 0, 0);
	if (db_read_begin(c->db, err) < 0)
		return check_unreadable(c, "consumer", err);
	for (i = 0; r == 0 && i < sizeof faults / sizeof *faults; i++)
		r = look_for(c, faults[i].table, faults[i].sql, err);
	if (r == 0)
		r = check_each(c, "consumer", "select name, definition, 1 "
		    "from consumer", json_row, err);
	if (r == 0)
		r = check_each(c, "failing", "select name, partition, 0 "
		    "from failing", json_row, err);
	if (r == 0)
		r = check_each(c, "failing", "select name, partition, shard "
		    "from failing", failing_row, err);
	db_read_end(c->db);
	return r;
}
