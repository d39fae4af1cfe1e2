/* What made a message, and the one outcome of a command. */
#include "storeimpl.h"

int store_handler(struct store *s, const char *name,
    const unsigned char hash[32], struct span definition, int64_t *out,
    struct es_err *err)
{
	int r;

	if (db_prepare_once(s->db, "select id from handler where "
	    "name = ? and hash = ? and definition = ?", &s->handler_find,
	    err) < 0 ||
	    db_prepare_once(s->db, "insert into handler(name, hash, "
	    "definition) values (?, ?, ?)", &s->handler_add, err) < 0)
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
	if (store_done(s, s->handler_add, err) < 0)
		return -1;
	*out = sqlite3_last_insert_rowid(s->db->h);
	return 0;
}

int store_add_provenance(struct store *s, const struct provenance *p,
    int64_t *id, struct es_err *err)
{
	sqlite3_stmt *st;

	if (db_prepare_once(s->db, "insert into provenance(handled, "
	    "handler, read_at, partition, attempt, first, last) values "
	    "(?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0))",
	    &s->provenance_add, err) < 0)
		return -1;
	st = s->provenance_add;
	sqlite3_bind_int64(st, 1, p->handled);
	sqlite3_bind_int64(st, 2, p->handler);
	sqlite3_bind_int64(st, 3, p->read_at);
	db_bind_text(st, 4, p->partition);
	sqlite3_bind_int(st, 5, p->attempt);
	sqlite3_bind_int64(st, 6, p->first);
	sqlite3_bind_int64(st, 7, p->last);
	if (store_done(s, st, err) < 0)
		return -1;
	*id = sqlite3_last_insert_rowid(s->db->h);
	return 0;
}

int store_set_outcome(struct store *s, int64_t command, enum outcome outcome,
    int64_t provenance, struct es_err *err)
{
	if (db_prepare_once(s->db, "insert into outcome(command, result, "
	    "provenance) values (?, ?, nullif(?, 0))", &s->outcome_add,
	    err) < 0)
		return -1;
	sqlite3_bind_int64(s->outcome_add, 1, command);
	sqlite3_bind_int(s->outcome_add, 2, (int)outcome);
	sqlite3_bind_int64(s->outcome_add, 3, provenance);
	return store_done(s, s->outcome_add, err);
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
	if (db_prepare_once(s->db, "select o.result, p.first, p.last from "
	    "outcome o left join provenance p on p.id = o.provenance "
	    "where o.command = ?", &s->get_outcome, err) < 0)
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

	if (db_prepare_once(s->db, "select p.read_at from outcome o "
	    "join provenance p on p.id = o.provenance "
	    "where o.command = ?", &s->read_at, err) < 0)
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

	if (db_prepare_once(s->db, "select p.last, h.name from provenance p "
	    "join handler h on h.id = p.handler where p.first <= ? "
	    "order by p.first desc limit 1", &s->made_by, err) < 0)
		return -1;
	st = s->made_by;
	sqlite3_bind_int64(st, 1, position);
	r = db_row(s->db, st, err);
	*made = r > 0 && sqlite3_column_int64(st, 0) >= position &&
	    span_is(db_text(st, 1), name);
	sqlite3_reset(st);
	return r < 0 ? -1 : 0;
}
