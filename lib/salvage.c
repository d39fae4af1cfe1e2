#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "checkrows.h"
#include "digest.h"
#include "salvage.h"
#include "salvageint.h"
#include "storeimpl.h"

void salvage_lost(struct salvage *s, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	es_text(text, sizeof text, fmt, ap);
	va_end(ap);
	s->listener->lost(s->listener->ctx, text);
}

bool salvage_is_whole(struct salvage *s, const struct message *m,
    const void *salt, const void *digest, const void *identity)
{
	unsigned char sum[DIGEST_BYTES];
	struct span line;

	buf_truncate(&s->line, 0);
	message_print(&s->line, m);
	if (s->line.failed)
		return false;
	line = (struct span){s->line.p, s->line.n - 1};
	digest_message(salt, line, identity, sum);
	if (memcmp(sum, digest, sizeof sum) == 0)
		return true;
	/* As format 1 has it; the format itself may be what is damaged. */
	digest_message_1(salt, line, sum);
	return memcmp(sum, digest, sizeof sum) == 0;
}

static int print(struct salvage *s, int64_t position, struct es_err *err)
{
	if (buf_check(&s->line, err) < 0)
		return -1;
	s->next = position + 1;
	s->sum->printed++;
	return s->listener->line(s->listener->ctx, buf_span(&s->line), err);
}

/* ---- what is lost ---- */

static void told(struct salvage *s)
{
	const char *why = s->why[0] ? s->why : "there is no such message";

	if (!s->lost_from)
		return;
	if (s->lost_from == s->lost_to)
		salvage_lost(s, "message %lld is lost: %s",
		    (long long)s->lost_from, why);
	else
		salvage_lost(s, "messages %lld to %lld are lost: %s",
		    (long long)s->lost_from, (long long)s->lost_to, why);
	s->lost_from = s->lost_to = 0;
}

static void lose(struct salvage *s, int64_t position)
{
	if (s->lost_from && s->lost_to + 1 != position)
		told(s);
	if (!s->lost_from)
		s->lost_from = position;
	s->lost_to = position;
	s->next = position + 1;
	s->sum->lost++;
}

/*
 * All positions from s->next to last: what the pages have of them, and that
 * the others are lost.
 */
static int fill(struct salvage *s, int64_t last, struct es_err *err)
{
	int r;

	if (s->next > last)
		return 0;
	if (salvage_raw_begin(s, err) < 0)
		return -1;
	while (s->next <= last) {
		int64_t position = s->next;

		r = salvage_raw_find(s, position, err);
		if (r < 0)
			return -1;
		if (r == 0)
			lose(s, position);
		else if (print(s, position, err) < 0)
			return -1;
	}
	told(s);
	s->why[0] = '\0';
	return 0;
}

/* ---- by SQLite ---- */

static bool is_blob(sqlite3_stmt *st, int column, int n)
{
	return sqlite3_column_type(st, column) == SQLITE_BLOB &&
	    sqlite3_column_bytes(st, column) == n;
}

/* 1: the row's message is in s->line, whole. */
static int read_row(struct salvage *s, sqlite3_stmt *st, struct es_err *err)
{
	struct message m;
	char id[160];

	arena_reset(&s->arena);
	if (row_read(s->names, st, &s->arena, &m, NULL, err) < 0)
		return -1;
	if (is_blob(st, ROWS_SALT, DIGEST_SALT) &&
	    is_blob(st, ROWS_DIGEST, DIGEST_BYTES) && salvage_is_whole(s, &m,
	    sqlite3_column_blob(st, ROWS_SALT),
	    sqlite3_column_blob(st, ROWS_DIGEST),
	    is_blob(st, ROWS_IDENTITY, DIGEST_BYTES) ?
	    sqlite3_column_blob(st, ROWS_IDENTITY) : NULL))
		return 1;
	snprintf(s->why, sizeof s->why, "its digest does not match (id %s)",
	    es_escape(id, sizeof id, m.id.p ? m.id.p : "", m.id.n));
	return 0;
}

static int take_row(struct salvage *s, struct rows *rows, struct es_err *err)
{
	int r;

	if (rows->lost) {
		s->odd = true;
		snprintf(s->why, sizeof s->why, "%s", rows->why);
	}
	if (rows->position < s->next)
		return 0;
	if (fill(s, rows->position - 1, err) < 0)
		return -1;
	r = read_row(s, rows->st, err);
	if (r < 0)
		return -1;
	if (s->listener->progress && rows->position % 1024 == 0)
		s->listener->progress(s->listener->ctx, "messages",
		    rows->position, s->head);
	return r > 0 ? print(s, rows->position, err) :
	    fill(s, rows->position, err);
}

static int by_sqlite(struct salvage *s, struct es_err *err)
{
	struct rows rows;
	int r;

	if (rows_open(&rows, s->db, err) < 0) {
		s->odd = true;
		snprintf(s->why, sizeof s->why, "%.150s", err->text);
		return rows_damage(s->db) ? 0 : -1;
	}
	while ((r = rows_next(&rows, err)) > 0) {
		/* A position far off is one that is damaged. */
		if (rows.position > s->head)
			continue;
		if (take_row(s, &rows, err) < 0) {
			rows_close(&rows);
			return -1;
		}
	}
	if (r == 0 && rows.lost) {
		s->odd = true;
		snprintf(s->why, sizeof s->why, "%s", rows.why);
	}
	rows_close(&rows);
	return r;
}

/* ---- where the log ends ---- */

/* What cannot be, for want of room in the file, is none. */
static bool is_possible(const struct salvage *s, int64_t head)
{
	int64_t pages = 0, size = 0;

	if (db_int(s->db, "pragma page_count", &pages, NULL) < 0 ||
	    db_int(s->db, "pragma page_size", &size, NULL) < 0)
		return false;
	return head >= 0 && head <= pages * size / 64;
}

static int64_t witness(struct salvage *s, const char *sql)
{
	int64_t n;

	if (db_int(s->db, sql, &n, NULL) == 0 && is_possible(s, n))
		return n;
	s->odd = true;
	return -1;
}

/*
 * Where the log ends, as SQLite's last row, the last and the number of the ids
 * have it: two of them will be right.
 */
static void find_head(struct salvage *s)
{
	int64_t rows, ids, count;
	bool reading = db_read_begin(s->db, NULL) == 0;

	rows = witness(s, "select max(position) from message");
	ids = witness(s, "select max(position) from ids");
	count = witness(s, "select count(*) from ids where position > 0");
	if (reading)
		db_read_end(s->db);
	if (rows != ids || ids != count)
		s->odd = true;
	s->head = ids == count || ids == rows ? ids : rows == count ? rows :
	    -1;
	if (s->head < 0) {
		s->sum->uncertain = true;
		s->head = rows > ids ? rows : ids;
	}
}

static bool is_sound(struct salvage *s)
{
	sqlite3_stmt *st = NULL;
	bool ok = db_prepare(s->db, "pragma integrity_check(1)", &st, NULL) ==
	    0 && db_row(s->db, st, NULL) > 0 && span_is(db_text(st, 0), "ok");

	sqlite3_finalize(st);
	return ok;
}

/* What stands in no tree any more, behind all that was printed. */
static int rest(struct salvage *s, struct es_err *err)
{
	int64_t last;

	if (!s->odd && is_sound(s))
		return 0;
	if (salvage_raw_begin(s, err) < 0 ||
	    salvage_raw_last(s, &last, err) < 0)
		return -1;
	if (s->head > last)
		last = s->head;
	return fill(s, last, err);
}

/* ---- the whole ---- */

/* 1 when SQLite can read the store as one, 0 when it cannot, -1. */
static int open_by_sqlite(struct salvage *s, const char *path,
    struct es_err *err)
{
	struct es_err why = {0};
	bool missing = false;

	if (db_open(path, DB_READ, &s->db, &missing, &why) == 0 &&
	    names_open(s->db, &s->names, &why) == 0 &&
	    names_refresh(s->names, &why) == 0)
		return 1;
	if (missing || why.code == ES_BUSY) {
		*err = why;
		return missing ? es_fail(err, ES_FAILED, "%s: there is no "
		    "store here: make one with es-init", path) : -1;
	}
	names_close(s->names);
	s->names = NULL;
	db_close(s->db);
	s->db = NULL;
	snprintf(s->why, sizeof s->why, "%.150s", why.text);
	return 0;
}

/* Without any message the file was no store at all. */
static int without_sqlite(struct salvage *s, struct es_err *err)
{
	char why[sizeof s->why];

	memcpy(why, s->why, sizeof why);
	s->odd = s->sum->uncertain = true;
	if (rest(s, err) < 0)
		return -1;
	if (s->sum->printed == 0)
		return es_fail(err, ES_FAILED, "%s: no message of a store is "
		    "in it (%s)", s->path, why);
	salvage_lost(s, "SQLite cannot read it: %s", why);
	return 0;
}

static int all(struct salvage *s, struct es_err *err)
{
	int r = open_by_sqlite(s, s->path, err);

	if (r < 0)
		return -1;
	if (r == 0)
		r = without_sqlite(s, err);
	else {
		find_head(s);
		r = by_sqlite(s, err) < 0 ? -1 : rest(s, err);
	}
	if (r == 0 && s->sum->uncertain)
		salvage_lost(s, "whether there were messages after %lld "
		    "cannot be told", (long long)s->next - 1);
	return r;
}

int salvage_store(const char *path, const struct salvage_listener *listener,
    struct salvage_summary *sum, struct es_err *err)
{
	struct salvage s = {.path = path, .listener = listener, .sum = sum,
	    .next = 1, .raw = {.fd = -1, .wal_fd = -1}};
	int r;

	*sum = (struct salvage_summary){0};
	r = all(&s, err);
	names_close(s.names);
	db_close(s.db);
	rawfile_close(&s.raw);
	arena_free(&s.arena);
	buf_free(&s.line);
	buf_free(&s.payload);
	return r;
}
