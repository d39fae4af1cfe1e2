/* What all layouts share: opening, adding, and the tail of L2. */
#include <stdlib.h>
#include <string.h>

#include "layouts.h"

void layout_open(struct layout *l, const char *path, int64_t span)
{
	static const unsigned char secret[16] = "layouts secret";

	if (sqlite3_open(path, &l->db) || sqlite3_exec(l->db,
	    "PRAGMA journal_mode=WAL; PRAGMA cache_size=-65536;"
	    "PRAGMA mmap_size=2147483648", NULL, NULL, NULL) ||
	    sqlite3_exec(l->db, l->kind->schema, NULL, NULL, NULL))
		die(path, l->db);
	if (!l->kind->es)
		return;
	if (sqlite3_exec(l->db, index_schema, NULL, NULL, NULL) ||
	    sqlite3_exec(l->db, index_run_schema, NULL, NULL, NULL) ||
	    index_open(l->db, secret, true, &l->ix, NULL))
		die(path, l->db);
	if (!strcmp(l->kind->name, "es0"))
		index_set_tail(l->ix, 0);
	else if (!strcmp(l->kind->name, "es4"))
		index_set_tail(l->ix, 4000);
	else if (span > 0)
		index_set_tail(l->ix, span);
}

void layout_add(struct layout *l, int64_t position, int shape,
    const uint64_t *keys, size_t n)
{
	size_t i;

	if (l->kind->es && index_add(l->ix, position, shape, keys, n, NULL))
		die("index_add", l->db);
	if (!l->kind->tail && !l->kind->put)
		return;
	while (l->n_wait + n + 1 > l->cap_wait) {
		l->cap_wait = l->cap_wait ? l->cap_wait * 2 : 1024;
		l->wait = realloc(l->wait, l->cap_wait * sizeof *l->wait);
		if (!l->wait)
			die("memory", NULL);
	}
	l->wait[l->n_wait++] = (struct entry){0, position, shape};
	for (i = 0; i < n; i++)
		l->wait[l->n_wait++] = (struct entry){keys[i], position,
		    shape};
}

static int by_key(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;

	if (a->key != b->key)
		return a->key < b->key ? -1 : 1;
	return (a->position > b->position) - (a->position < b->position);
}

static void put_all(struct layout *l)
{
	size_t i, j, n = l->n_wait;
	struct entry *e = l->wait;

	qsort(e, n, sizeof *e, by_key);
	for (i = 0; i < n; i = j) {
		for (j = i + 1; j < n && e[j].key == e[i].key; j++)
			;
		l->kind->put(l, e + i, j - i);
	}
}

static void keep_row(struct layout *l, int64_t row, const struct buf *b)
{
	sqlite3_stmt **st = &l->st[10];

	if (!*st && sqlite3_prepare_v2(l->db, "INSERT OR REPLACE INTO tail(n,"
	    " data) VALUES(?, ?)", -1, st, NULL))
		die("tail", l->db);
	sqlite3_bind_int64(*st, 1, row);
	sqlite3_bind_blob64(*st, 2, b->p, b->n, SQLITE_STATIC);
	if (sqlite3_step(*st) != SQLITE_DONE)
		die("tail", l->db);
	sqlite3_reset(*st);
}

/* Append to the tail's rows: one a 64 messages, eight bytes a posting. */
static void keep(struct layout *l)
{
	static struct buf data;
	size_t i = l->kept;

	while (i < l->n_wait) {
		int64_t row = l->wait[i].position / 64;

		buf_truncate(&data, 0);
		while (i > 0 && l->wait[i - 1].position / 64 == row)
			i--;
		for (; i < l->n_wait && l->wait[i].position / 64 == row; i++)
			buf_add(&data, &l->wait[i].key, 8);
		keep_row(l, row, &data);
	}
	l->kept = l->n_wait;
}

void layout_flush(struct layout *l)
{
	bool fold = !l->kind->tail || (l->n_wait &&
	    l->wait[l->n_wait - 1].position - l->wait[0].position >=
	    TAIL_MESSAGES);

	if (!fold) {
		keep(l);
		return;
	}
	if (l->kind->tail && sqlite3_exec(l->db, "DELETE FROM tail", NULL,
	    NULL, NULL))
		die("tail", l->db);
	if (l->kind->es && index_flush(l->ix, NULL))
		die("index_flush", l->db);
	if (l->kind->put)
		put_all(l);
	l->n_wait = l->kept = 0;
}
