#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "find.h"
#include "hash.h"
#include "store.h"

static char **keys;
static size_t n_keys;

static void add(struct hash_sha256 *h, struct span s)
{
	uint64_t n = s.n;

	hash_sha256_add(h, &n, sizeof n);
	hash_sha256_add(h, s.p ? s.p : "", s.n);
}

static int keep_line(struct ask_lines *l, struct span line, struct es_err *err)
{
	size_t *start = realloc(l->start, (l->n + 2) * sizeof *start);

	if (!start)
		return es_fail_nomem(err);
	l->start = start;
	start[l->n++] = l->text.n;
	buf_add_span(&l->text, line);
	start[l->n] = l->text.n;
	return buf_check(&l->text, err);
}

/* The messages that match, as lines. */
static int ask(struct store *s, const struct query *q, struct hash_sha256 *h,
    struct ask_lines *keep, struct es_err *err)
{
	struct query_bounds bounds = QUERY_BOUNDS_ALL;
	struct find *f;
	struct message m;
	struct buf line = {0};
	int r;

	if (find_open(s, q, &bounds, 0, &f, err) < 0)
		return -1;
	while ((r = find_next(f, &m, err)) > 0) {
		buf_truncate(&line, 0);
		message_print(&line, &m);
		add(h, buf_span(&line));
		if (keep && keep_line(keep, buf_span(&line), err) < 0) {
			r = -1;
			break;
		}
	}
	find_close(f);
	buf_free(&line);
	return r;
}

/* Each key alone, and each message by its id. */
static int ask_keys(struct store *s, struct hash_sha256 *h,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < n_keys; i++) {
		struct query q = {0};
		struct query_bounds bounds = QUERY_BOUNDS_ALL;
		int r = query_flag(&q, &bounds, CLI_TAG, keys[i], err) < 0 ||
		    query_flags_end(&q, err) < 0 ? -1 :
		    ask(s, &q, h, NULL, err);

		query_free(&q);
		if (r < 0)
			return -1;
	}
	return 0;
}

static int ask_ids(struct store *s, struct hash_sha256 *h, struct es_err *err)
{
	int64_t position = 1, at;
	struct message m;
	char id[MESSAGE_ID_BYTES];
	size_t n;
	int r;

	for (; (r = store_get(s, position, &m, err)) > 0; position++) {
		n = m.id.n < sizeof id ? m.id.n : sizeof id;
		memcpy(id, m.id.p, n);
		r = store_find_id(s, (struct span){id, n}, &at, err);
		if (r < 0)
			return -1;
		hash_sha256_add(h, &r, sizeof r);
		hash_sha256_add(h, r > 0 ? &at : &position, sizeof at);
	}
	return r;
}

/* Rows of the tables beside the messages. */
static int ask_table(struct store *s, const char *sql, struct hash_sha256 *h,
    struct es_err *err)
{
	sqlite3_stmt *st = NULL;
	int r = db_prepare(store_db(s), sql, &st, err), i;

	while (r >= 0 && (r = db_row(store_db(s), st, err)) > 0)
		for (i = 0; i < sqlite3_column_count(st); i++) {
			int type = sqlite3_column_type(st, i);

			hash_sha256_add(h, &type, sizeof type);
			add(h, db_text(st, i));
		}
	sqlite3_finalize(st);
	return r;
}

static const char *const sealed[] = {
	"select * from meta", "select * from epoch",
	"select identity, digest, salt from message",
	"select * from messages", NULL
};

/*
 * Tables with columns that nothing else in the store tells: how far a group
 * is, the text of a definition.
 */
static const char *const beside[] = {
	"select * from handler", "select * from provenance",
	"select * from outcome", "select * from consumer",
	"select * from shard", "select * from done", "select * from failing",
	"select handled from provenance where first is not null "
	    "order by first", NULL
};

static int ask_tables(struct store *s, const char *const *sql,
    struct hash_sha256 *h, struct es_err *err)
{
	for (; *sql; sql++)
		if (ask_table(s, *sql, h, err) < 0)
			return -1;
	return 0;
}

int ask_store(const char *path, bool messages, struct ask_lines *keep,
    unsigned char out[32], struct es_err *err)
{
	struct query all = {.everything = true};
	struct hash_sha256 h;
	struct store *s;
	int r = -1;

	hash_sha256_init(&h);
	if (store_open(path, false, &s, err) == 0) {
		add(&h, span_str(store_id(s)));
		r = ask(s, &all, &h, keep, err);
	}
	if (r == 0)
		r = ask_keys(s, &h, err) < 0 || ask_ids(s, &h, err) < 0 ||
		    ask_tables(s, sealed, &h, err) < 0 ? -1 : 0;
	if (r == 0 && !messages)
		r = ask_tables(s, beside, &h, err);
	store_close(s);
	hash_sha256_end(&h, out);
	return r;
}

static int remember(const struct key *key, struct es_err *err)
{
	char **more = realloc(keys, (n_keys + 1) * sizeof *keys);

	if (!more)
		return es_fail_nomem(err);
	keys = more;
	keys[n_keys] = strndup(key->text.p, key->text.n);
	return keys[n_keys++] ? 0 : es_fail_nomem(err);
}

int ask_remember(const char *path, struct es_err *err)
{
	struct store *s;
	struct message m;
	struct keys found = {0};
	int64_t position;
	size_t i;
	int r;

	if (store_open(path, false, &s, err) < 0)
		return -1;
	for (position = 1; (r = store_get(s, position, &m, err)) > 0;
	    position++) {
		r = store_keys(s, &m, &found, err);
		for (i = 0; r == 0 && i < found.n; i++)
			r = remember(&found.v[i], err);
		if (r < 0)
			break;
	}
	keys_free(&found);
	store_close(s);
	return r;
}
