/* What made a message, and the one outcome of a command. */
#include "storeimpl.h"

static int prepare(struct store *s, sqlite3_stmt **st, const char *sql,
    struct es_err *err)
{
	return *st ? 0 : db_prepare(s->db, sql, st, err);
}

/* A failed write leaves the transaction for a rollback only. */
static int done(struct store *s, sqlite3_stmt *st, struct es_err *err)
{
	if (store_check_open(s, err) == 0 && db_done(s->db, st, err) == 0)
		return 0;
	s->broken = true;
	return -1;
}

int store_handler(struct store *s, const char *name,
    const unsigned char hash[32], struct span definition, int64_t *out,
    struct es_err *err)
{
	int r;

	if (prepare(s, &s->handler_find, "select id from handler where "
	    "name = ? and hash = ? and definition = ?", err) < 0 ||
	    prepare(s, &s->handler_add, "insert into handler(name, hash, "
	    "definition) values (?, ?, ?)", err) < 0)
		return -1;
	db_bind_text(s->handler_find, 1, span_str(name));
	db_bind_blob(s->handler_find, 2, hash, 32);
	db_bind_text(s->handler_find, 3, definition);
	r = db_row(s->db, s->handler_find, err);
	if (r < 0)
		return -1;
	if (r > 0) {
		*out = sqlite3_column_int64(s->handler_find, 0);
		sqlite3_reset(s->handler_find);
		return 0;
	}
	db_bind_text(s->handler_add, 1, span_str(name));
	db_bind_blob(s->handler_add, 2, hash, 32);
	db_bind_text(s->handler_add, 3, definition);
	if (done(s, s->handler_add, err) < 0)
		return -1;
	*out = sqlite3_last_insert_rowid(s->db->h);
	return 0;
}

int store_add_provenance(struct store *s, const struct provenance *p,
    int64_t *id, struct es_err *err)
{
	sqlite3_stmt *st;

	if (prepare(s, &s->provenance_add, "insert into provenance(handled, "
	    "handler, read_at, partition, attempt, first, last) values "
	    "(?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0))", err) < 0)
		return -1;
	st = s->provenance_add;
	sqlite3_bind_int64(st, 1, p->handled);
	sqlite3_bind_int64(st, 2, p->handler);
	sqlite3_bind_int64(st, 3, p->read_at);
	db_bind_text(st, 4, p->partition);
	sqlite3_bind_int(st, 5, p->attempt);
	sqlite3_bind_int64(st, 6, p->first);
	sqlite3_bind_int64(st, 7, p->last);
	if (done(s, st, err) < 0)
		return -1;
	*id = sqlite3_last_insert_rowid(s->db->h);
	return 0;
}

int store_set_outcome(struct store *s, int64_t command, enum outcome outcome,
    int64_t provenance, struct es_err *err)
{
	if (prepare(s, &s->outcome_add, "insert into outcome(command, result, "
	    "provenance) values (?, ?, nullif(?, 0))", err) < 0)
		return -1;
	sqlite3_bind_int64(s->outcome_add, 1, command);
	sqlite3_bind_int(s->outcome_add, 2, (int)outcome);
	sqlite3_bind_int64(s->outcome_add, 3, provenance);
	return done(s, s->outcome_add, err);
}

int store_outcome(struct store *s, int64_t command, enum outcome *outcome,
    int64_t *first, int64_t *last, struct es_err *err)
{
	int r;

	*outcome = OUTCOME_NONE;
	if (first)
		*first = 0;
	if (last)
		*last = 0;
	if (prepare(s, &s->get_outcome, "select o.result, p.first, p.last from "
	    "outcome o left join provenance p on p.id = o.provenance "
	    "where o.command = ?", err) < 0)
		return -1;
	sqlite3_bind_int64(s->get_outcome, 1, command);
	r = db_row(s->db, s->get_outcome, err);
	if (r <= 0)
		return r;
	*outcome = (enum outcome)sqlite3_column_int(s->get_outcome, 0);
	if (first)
		*first = sqlite3_column_int64(s->get_outcome, 1);
	if (last)
		*last = sqlite3_column_int64(s->get_outcome, 2);
	sqlite3_reset(s->get_outcome);
	return 0;
}

int store_read_at(struct store *s, int64_t command, int64_t *read_at,
    struct es_err *err)
{
	int r;

	if (prepare(s, &s->read_at, "select p.read_at from outcome o "
	    "join provenance p on p.id = o.provenance "
	    "where o.command = ?", err) < 0)
		return -1;
	sqlite3_bind_int64(s->read_at, 1, command);
	r = db_row(s->db, s->read_at, err);
	if (r <= 0)
		return r;
	*read_at = sqlite3_column_int64(s->read_at, 0);
	sqlite3_reset(s->read_at);
	return 1;
}

int store_made_by(struct store *s, int64_t position, const char *name,
    bool *made, struct es_err *err)
{
	sqlite3_stmt *st;
	int r;

	if (prepare(s, &s->made_by, "select p.last, h.name from provenance p "
	    "join handler h on h.id = p.handler where p.first <= ? "
	    "order by p.first desc limit 1", err) < 0)
		return -1;
	st = s->made_by;
	sqlite3_bind_int64(st, 1, position);
	r = db_row(s->db, st, err);
	*made = r > 0 && sqlite3_column_int64(st, 0) >= position &&
	    span_is(db_text(st, 1), name);
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}
