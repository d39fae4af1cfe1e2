/* A new epoch: the store goes on as another log than it was. */
#include <string.h>

#include "storeimpl.h"

/*
 * What an executable did of the messages so far it did for another log; so it
 * waits until a person says that it is this one's.
 */
static int hold_executables(struct store *s, struct es_err *err)
{
	return db_exec(s->db, "update consumer set state = 'held', "
	    "error = null, code = 0, hash = null "
	    "where definition ->> 'kind' = 'executable'", err);
}

static int insert(struct store *s, const char *id, int64_t branched_at,
    struct es_err *err)
{
	sqlite3_stmt *st;
	int r;

	if (db_prepare(s->db, "insert into epoch(number, id, parent, "
	    "branched_at, started_at) select number + 1, ?, id, ?, ? "
	    "from epoch order by number desc limit 1", &st, err) < 0)
		return -1;
	db_bind_text(st, 1, span_str(id));
	sqlite3_bind_int64(st, 2, branched_at);
	sqlite3_bind_int64(st, 3, s->now);
	r = db_done(s->db, st, err);
	sqlite3_finalize(st);
	return r;
}

int store_begin_epoch(struct store *s, int64_t branched_at,
    struct es_err *err)
{
	unsigned char uuid[16];
	char id[UUID_TEXT];

	if (store_check_open(s, err) < 0 || hash_uuid7(uuid, err) < 0)
		return -1;
	hash_uuid_text(uuid, id);
	if (insert(s, id, branched_at, err) < 0 ||
	    store_seal(s->db, err) < 0 ||
	    hold_executables(s, err) < 0) {
		s->broken = true;
		return -1;
	}
	if (!s->epoch_begun)
		memcpy(s->epoch_before, s->epoch, UUID_TEXT);
	s->epoch_begun = true;
	memcpy(s->epoch, id, UUID_TEXT);
	return 0;
}
