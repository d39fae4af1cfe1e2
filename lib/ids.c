#include <stdlib.h>
#include <string.h>

#include "hash.h"
#include "ids.h"
#include "row.h"
#include "tagkey.h"

#define WAIT_MAX 4096		/* then they are written before the commit */
#define TOGETHER 32		/* rows that one statement writes */

struct waiting {
	unsigned char id[16];
	int64_t position;
};

struct ids {
	struct db *db;
	unsigned char secret[16];
	struct waiting *wait;
	size_t n, cap;
	/* open addressing; slots hold place + 1 of the first n_hashed */
	uint32_t *slots;
	size_t n_slots, n_hashed;
	/* the largest UUID in the table, as of this transaction */
	bool in_transaction, bounded;
	unsigned char largest[16];
	sqlite3_stmt *find, *max, *add, *add_many, *reserve, *release;
};

int ids_open(struct db *db, const unsigned char secret[16], struct ids **out,
    struct es_err *err)
{
	struct ids *s = calloc(1, sizeof *s);

	*out = s;
	if (!s)
		return es_fail_nomem(err);
	s->db = db;
	memcpy(s->secret, secret, sizeof s->secret);
	return 0;
}

void ids_close(struct ids *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->find);
	sqlite3_finalize(s->max);
	sqlite3_finalize(s->add);
	sqlite3_finalize(s->add_many);
	sqlite3_finalize(s->reserve);
	sqlite3_finalize(s->release);
	free(s->wait);
	free(s->slots);
	free(s);
}

/* ---- those that wait ---- */

void ids_forget(struct ids *s)
{
	s->n = s->n_hashed = 0;
	s->in_transaction = s->bounded = false;
}

void ids_begin(struct ids *s)
{
	ids_forget(s);
	s->in_transaction = true;
}

static int more_slots(struct ids *s, struct es_err *err)
{
	size_t n = s->n_slots ? s->n_slots : 128;
	uint32_t *slots = s->slots;

	while (n < 2 * s->n)
		n *= 2;
	if (n > s->n_slots) {
		slots = realloc(s->slots, n * sizeof *slots);
		if (!slots)
			return es_fail_nomem(err);
		s->slots = slots;
		s->n_slots = n;
		s->n_hashed = 0;
	}
	if (s->n_hashed == 0)
		memset(slots, 0, n * sizeof *slots);
	return 0;
}

/* The slot of an id, or the free one where it would be. */
static uint32_t *slot_of(const struct ids *s, const unsigned char id[16])
{
	size_t mask = s->n_slots - 1, at = siphash(s->secret, id, 16) & mask;

	while (s->slots[at] &&
	    memcmp(s->wait[s->slots[at] - 1].id, id, 16) != 0)
		at = (at + 1) & mask;
	return &s->slots[at];
}

/* Only who asks pays for the table of those that wait. */
static int find_waiting(struct ids *s, const unsigned char id[16],
    int64_t *position, struct es_err *err)
{
	uint32_t *slot;

	if (s->n == 0)
		return 0;
	if ((s->n_hashed == 0 || 2 * s->n > s->n_slots) &&
	    more_slots(s, err) < 0)
		return -1;
	for (; s->n_hashed < s->n; s->n_hashed++)
		*slot_of(s, s->wait[s->n_hashed].id) =
		    (uint32_t)s->n_hashed + 1;
	slot = slot_of(s, id);
	if (!*slot)
		return 0;
	*position = s->wait[*slot - 1].position;
	return 1;
}

/* ---- finding ---- */

/*
 * Whether a UUID comes after all that are in the table, as those do that are
 * made in order of time: then the table need not be looked at.  Blobs sort
 * behind all text, so the largest of all is the largest UUID.
 */
static int is_beyond(struct ids *s, const unsigned char id[16],
    struct es_err *err)
{
	int r;

	if (!s->in_transaction)
		return 0;
	if (!s->bounded) {
		if (db_prepare_once(s->db, "select max(id) from ids", &s->max,
		    err) < 0 || (r = db_row(s->db, s->max, err)) < 0)
			return -1;
		memset(s->largest, 0, 16);
		if (r > 0 && sqlite3_column_type(s->max, 0) == SQLITE_BLOB) {
			struct span max = db_text(s->max, 0);

			/* One of another length is none of ours. */
			memset(s->largest, 0xff, 16);
			if (max.n == 16)
				memcpy(s->largest, max.p, 16);
		}
		sqlite3_reset(s->max);
		s->bounded = true;
	}
	return memcmp(id, s->largest, 16) > 0;
}

int ids_find(struct ids *s, struct span id, int64_t *position,
    struct es_err *err)
{
	unsigned char uuid[16];
	int r;

	if (hash_uuid_parse(id, uuid)) {
		r = find_waiting(s, uuid, position, err);
		if (r == 0) {
			r = is_beyond(s, uuid, err);
			if (r > 0)
				return 0;
		}
		if (r != 0)
			return r;
	}
	if (db_prepare_once(s->db, "select position from ids where id = ?",
	    &s->find, err) < 0)
		return -1;
	row_bind_id(s->find, 1, id, uuid);
	r = db_row(s->db, s->find, err);
	if (r > 0) {
		*position = sqlite3_column_int64(s->find, 0);
		sqlite3_reset(s->find);
	}
	return r;
}

/* ---- writing ---- */

static const char insert[] = "insert into ids(id, position) values (?, ?)";

static int prepare_many(struct ids *s, struct es_err *err)
{
	struct buf sql = {0};
	int i, r;

	if (s->add_many)
		return 0;
	buf_adds(&sql, insert);
	for (i = 1; i < TOGETHER; i++)
		buf_adds(&sql, ", (?, ?)");
	r = buf_check(&sql, err) < 0 ? -1 :
	    db_prepare(s->db, sql.p, &s->add_many, err);
	buf_free(&sql);
	return r;
}

static int write_rows(struct ids *s, sqlite3_stmt *st, const struct waiting *w,
    int n, struct es_err *err)
{
	int i;

	for (i = 0; i < n; i++) {
		db_bind_blob(st, 2 * i + 1, w[i].id, sizeof w[i].id);
		sqlite3_bind_int64(st, 2 * i + 2, w[i].position);
	}
	return db_done(s->db, st, err);
}

static int by_id(const void *a, const void *b)
{
	return memcmp(((const struct waiting *)a)->id,
	    ((const struct waiting *)b)->id, 16);
}

/* As a rule they came in their order. */
static void sort(struct waiting *w, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (by_id(&w[i - 1], &w[i]) > 0) {
			qsort(w, n, sizeof *w, by_id);
			return;
		}
}

int ids_flush(struct ids *s, struct es_err *err)
{
	size_t i = 0;

	if (s->n == 0)
		return 0;
	/* SQLite ends it when a disk is full: nothing may stand alone then. */
	if (sqlite3_get_autocommit(s->db->h))
		return es_fail(err, ES_FAILED, "%s: no transaction is open",
		    s->db->path);
	sort(s->wait, s->n);
	if (s->n >= TOGETHER) {
		if (prepare_many(s, err) < 0)
			return -1;
		for (; s->n - i >= TOGETHER; i += TOGETHER)
			if (write_rows(s, s->add_many, s->wait + i, TOGETHER,
			    err) < 0)
				return -1;
	}
	if (i < s->n && db_prepare_once(s->db, insert, &s->add, err) < 0)
		return -1;
	for (; i < s->n; i++)
		if (write_rows(s, s->add, s->wait + i, 1, err) < 0)
			return -1;
	s->n = s->n_hashed = 0;
	s->bounded = false;
	return 0;
}

static int grow(struct ids *s, struct es_err *err)
{
	size_t cap = s->cap ? 2 * s->cap : 64;
	struct waiting *w = realloc(s->wait, cap * sizeof *w);

	if (!w)
		return es_fail_nomem(err);
	s->wait = w;
	s->cap = cap;
	return 0;
}

static int add_text(struct ids *s, struct span id, int64_t position,
    struct es_err *err)
{
	if (db_prepare_once(s->db, insert, &s->add, err) < 0)
		return -1;
	db_bind_text(s->add, 1, id);
	sqlite3_bind_int64(s->add, 2, position);
	return db_done(s->db, s->add, err);
}

int ids_add(struct ids *s, struct span id, int64_t position,
    struct es_err *err)
{
	unsigned char uuid[16];

	if (!hash_uuid_parse(id, uuid))
		return add_text(s, id, position, err);
	if ((s->n == WAIT_MAX && ids_flush(s, err) < 0) ||
	    (s->n == s->cap && grow(s, err) < 0))
		return -1;
	memcpy(s->wait[s->n].id, uuid, 16);
	s->wait[s->n++].position = position;
	return 0;
}

int ids_reserve(struct ids *s, struct span id, int64_t position,
    struct es_err *err)
{
	unsigned char uuid[16];

	if (ids_flush(s, err) < 0 || db_prepare_once(s->db,
	    "insert or ignore into ids(id, position) values (?, ?)",
	    &s->reserve, err) < 0)
		return -1;
	row_bind_id(s->reserve, 1, id, uuid);
	sqlite3_bind_int64(s->reserve, 2, -position);
	s->bounded = false;
	return db_done(s->db, s->reserve, err);
}

int ids_release(struct ids *s, struct span id, struct es_err *err)
{
	unsigned char uuid[16];

	if (ids_flush(s, err) < 0 || db_prepare_once(s->db,
	    "delete from ids where id = ?", &s->release, err) < 0)
		return -1;
	row_bind_id(s->release, 1, id, uuid);
	return db_done(s->db, s->release, err);
}
