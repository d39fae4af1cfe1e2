/* storeunit: a store in a place of its own, and messages as lines. */
#ifndef ES_STOREUNIT_H
#define ES_STOREUNIT_H

#include "find.h"
#include "place.h"
#include "store.h"

static struct es_err err;

static inline struct store *unit_open(bool write)
{
	struct store *s;

	if (store_open(place_store, write, &s, &err) < 0) {
		printf("open: %s\n", err.text);
		exit(1);
	}
	return s;
}

/* A store without any message. */
static inline struct store *unit_store(void)
{
	bool created;

	place_clean();
	need(store_create(place_store, &created, &err) == 0 && created);
	return unit_open(true);
}

/*
 * Append a line within a transaction: its position, or -1.  Single quotes
 * stand for double ones.
 */
static inline int64_t unit_append(struct store *s, const char *line,
    struct appended *out)
{
	static struct message_scratch scratch;
	static char text[1200000];
	struct appended a;
	struct draft d;
	size_t i, n = strlen(line);

	need(n < sizeof text);
	for (i = 0; i < n; i++)
		text[i] = line[i] == '\'' ? '"' : line[i];
	if (message_parse(&scratch, text, n, MESSAGE_STORED, &d, &err) < 0) {
		printf("%s: %s\n", line, err.text);
		exit(1);
	}
	if (store_append(s, &d, out ? out : &a, &err) < 0)
		return -1;
	return out ? out->position : a.position;
}

/* The same in a transaction of its own. */
static inline int64_t unit_put(struct store *s, const char *line)
{
	int64_t position;

	need(store_begin(s, &err) == 0);
	position = unit_append(s, line, NULL);
	if (position < 0) {
		store_rollback(s);
		return -1;
	}
	need(store_commit(s, &err) == 0);
	return position;
}

static inline int64_t unit_head(struct store *s)
{
	int64_t head = -1;

	check_int(store_head(s, &head, &err), 0);
	return head;
}

/* A stored message as a line; in memory that the next call uses again. */
static inline const char *unit_get(struct store *s, int64_t position)
{
	static struct buf line;
	struct message m;
	int r = store_get(s, position, &m, &err);

	buf_truncate(&line, 0);
	if (r <= 0)
		return r < 0 ? err.text : "none";
	message_print(&line, &m);
	return line.p;
}

static inline void unit_catalog(struct store *s, const char *text)
{
	struct catalog *c;
	struct buf b = {0};
	bool changed;

	for (; *text; text++)
		buf_addc(&b, *text == '\'' ? '"' : *text);
	if (catalog_parse("catalog", b.p, b.n, &c, &err) < 0) {
		printf("%s\n", err.text);
		exit(1);
	}
	need(store_begin(s, &err) == 0);
	check_int(store_load_catalog(s, c, &changed, &err), 0);
	check(changed);
	need(store_commit(s, &err) == 0);
	catalog_free(c);
	buf_free(&b);
}

/* A query of JSON with single quotes. */
static inline struct query unit_query(const char *text)
{
	struct query q = {0};
	struct buf b = {0};

	for (; *text; text++)
		buf_addc(&b, *text == '\'' ? '"' : *text);
	if (query_parse(b.p, b.n, &q, &err) < 0) {
		printf("%s: %s\n", b.p, err.text);
		exit(1);
	}
	buf_free(&b);
	return q;
}

/* One number out of the file itself. */
static inline int64_t unit_sql(struct store *s, const char *sql)
{
	int64_t n = -1;

	check_int(db_int(store_db(s), sql, &n, &err), 0);
	return n;
}

#endif
