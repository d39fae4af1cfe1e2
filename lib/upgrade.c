#include <string.h>

#include "digest.h"
#include "storefile.h"
#include "storeimpl.h"
#include "upgrade.h"

#define IN_USE_MS 2000

/* ---- 1 to 2: digests cover identities, and a seal the store's own ---- */

struct digesting {
	struct store *s;
	sqlite3_stmt *read, *write;
	struct arena arena;
	struct buf line;
	int64_t wrong;		/* digests that are not of their message */
};

/*
 * The digests that the row should have had and should have.  Salt and identity
 * are columns 14 and 16, behind those of ROW_COLUMNS.
 */
static int compute(struct digesting *d, unsigned char old[DIGEST_BYTES],
    unsigned char new[DIGEST_BYTES], struct es_err *err)
{
	const unsigned char *salt, *identity;
	struct message m;
	struct span line;

	arena_reset(&d->arena);
	buf_truncate(&d->line, 0);
	if (row_read(d->s->names, d->read, &d->arena, &m, NULL, err) < 0)
		return -1;
	message_print(&d->line, &m);
	if (buf_check(&d->line, err) < 0)
		return -1;
	line = (struct span){d->line.p, d->line.n - 1};
	salt = (const unsigned char *)db_text(d->read, 14).p;
	identity = (const unsigned char *)db_text(d->read, 16).p;
	digest_message_1(salt, line, old);
	digest_message(salt, line, identity, new);
	return 0;
}

/*
 * A digest that was wrong before stays as it is, and so stays wrong: the
 * damage is not hidden by computing it anew.
 */
static int digest_row(struct digesting *d, struct es_err *err)
{
	unsigned char old[DIGEST_BYTES], new[DIGEST_BYTES];
	struct span stored = db_text(d->read, 15);
	bool right;

	if (compute(d, old, new, err) < 0)
		return -1;
	right = stored.n == DIGEST_BYTES && memcmp(stored.p, d->write ? old :
	    new, DIGEST_BYTES) == 0;
	d->wrong += !right;
	if (!right || !d->write)
		return 0;
	db_bind_blob(d->write, 1, new, sizeof new);
	sqlite3_bind_int64(d->write, 2, sqlite3_column_int64(d->read, 0));
	return db_done(d->s->db, d->write, err);
}

/* Write the new digests, or count those that are not as they should be. */
static int digest_rows(struct store *s, bool write, int64_t *wrong,
    struct es_err *err)
{
	struct digesting d = {.s = s};
	int r = -1;

	if (db_prepare(s->db, "select " ROW_COLUMNS ", salt, digest, identity "
	    "from message where length(identity) = 32 and length(salt) = 16 "
	    "and erased_at is null", &d.read, err) == 0 &&
	    (!write || db_prepare(s->db, "update message set digest = ? "
	    "where position = ?", &d.write, err) == 0))
		while ((r = db_row(s->db, d.read, err)) > 0 &&
		    (r = digest_row(&d, err)) == 0)
			;
	*wrong = d.wrong;
	sqlite3_finalize(d.read);
	sqlite3_finalize(d.write);
	arena_free(&d.arena);
	buf_free(&d.line);
	return r;
}

static int from_1(struct store *s, struct es_err *err)
{
	int64_t before, after;

	if (digest_rows(s, true, &before, err) < 0 ||
	    digest_rows(s, false, &after, err) < 0 ||
	    store_seal(s->db, err) < 0)
		return -1;
	return before == after ? 0 : es_fail(err, ES_FAILED, "%s: not "
	    "upgraded: of the digests %lld were wrong, and %lld would be",
	    s->db->path, (long long)before, (long long)after);
}

/* ---- 2 to 3: the index has runs, for what is added from now on ---- */

static int from_2(struct store *s, struct es_err *err)
{
	return db_exec(s->db, index_run_schema, err);
}

/* ---- all of them ---- */

/* steps[n] leads from format n + 1 to the next. */
static int (*const steps[])(struct store *, struct es_err *) = {from_1,
    from_2};

_Static_assert(sizeof steps / sizeof *steps == STORE_FORMAT - 1,
    "there is a step for each older format");

static int count(struct store *s, int64_t *messages, int64_t *head,
    struct es_err *err)
{
	return db_int(s->db, "select count(*) from message", messages,
	    err) < 0 || db_int(s->db, "select max(position) from message",
	    head, err) < 0 ? -1 : 0;
}

static int verify(struct store *s, int64_t messages, int64_t head,
    struct es_err *err)
{
	int64_t messages_now, head_now;
	sqlite3_stmt *st;
	bool sound;
	int r;

	if (count(s, &messages_now, &head_now, err) < 0 ||
	    db_prepare(s->db, "pragma quick_check(1)", &st, err) < 0)
		return -1;
	r = db_row(s->db, st, err);
	sound = r > 0 && span_is(db_text(st, 0), "ok");
	sqlite3_finalize(st);
	if (r < 0)
		return -1;
	return sound && messages_now == messages && head_now == head ? 0 :
	    es_fail(err, ES_FAILED, "%s: not upgraded: the file is damaged",
	    s->db->path);
}

static int run_steps(struct store *s, int from, struct es_err *err)
{
	struct buf pragma = {0};
	int64_t messages, head;
	int at, r = count(s, &messages, &head, err);

	for (at = from; r == 0 && at < STORE_FORMAT; at++)
		r = steps[at - 1](s, err);
	buf_addf(&pragma, "pragma user_version=%d", STORE_FORMAT);
	if (r == 0)
		r = buf_check(&pragma, err);
	if (r == 0)
		r = db_exec(s->db, pragma.p, err);
	if (r == 0)
		r = verify(s, messages, head, err);
	buf_free(&pragma);
	return r;
}

/* Another es-init may have been here since it was opened. */
static int upgrade(struct store *s, int *from, struct es_err *err)
{
	int r = -1;

	if (store_begin(s, err) < 0)
		return -1;
	*from = store_recognise(s->db, err);
	if (*from == STORE_FORMAT) {
		store_rollback(s);
		return 0;
	}
	if (*from > 0)
		r = run_steps(s, *from, err);
	if (r == 0)
		return store_commit(s, err);
	store_rollback(s);
	return -1;
}

int upgrade_store(const char *path, int *from, struct es_err *err)
{
	struct store *s;
	bool used;
	int r;

	if (store_open_any(path, false, &s, err) < 0)
		return -1;
	*from = s->format;
	store_close(s);
	if (*from == STORE_FORMAT)
		return 0;
	if (storefile_in_use(path, IN_USE_MS, &used, err) < 0)
		return -1;
	if (used)
		return es_fail(err, ES_BUSY, "%s: another program has it open: "
		    "end it, so that it can be upgraded from format %d to %d",
		    path, *from, STORE_FORMAT);
	if (store_open_any(path, true, &s, err) < 0)
		return -1;
	r = upgrade(s, from, err);
	store_close(s);
	return r;
}
