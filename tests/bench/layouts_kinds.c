#include <stdio.h>
#include <stdlib.h>

#include "layouts.h"

#define FULL 240

void die(const char *what, sqlite3 *db)
{
	fprintf(stderr, "layouts: %s: %s\n", what,
	    db ? sqlite3_errmsg(db) : "failed");
	exit(1);
}

/* Bind integers, and a blob (or NULL) after them; step once. */
static int go(struct layout *l, int which, const char *sql, int n,
    const int64_t *v, const struct buf *blob)
{
	sqlite3_stmt **st = &l->st[which];
	int i, rc;

	if (!*st && sqlite3_prepare_v2(l->db, sql, -1, st, NULL))
		die(sql, l->db);
	for (i = 0; i < n; i++)
		sqlite3_bind_int64(*st, i + 1, v[i]);
	if (blob)
		sqlite3_bind_blob64(*st, n + 1, blob->p ? blob->p : "",
		    blob->n, SQLITE_STATIC);
	rc = sqlite3_step(*st);
	if (rc == SQLITE_ROW)
		return 1;
	sqlite3_reset(*st);
	if (rc != SQLITE_DONE)
		die(sql, l->db);
	return 0;
}

#define GO(l, which, sql, blob, ...) go(l, which, sql, \
	sizeof (int64_t[]){__VA_ARGS__} / sizeof (int64_t), \
	(int64_t[]){__VA_ARGS__}, blob)

static int64_t column(struct layout *l, int which, int i)
{
	return sqlite3_column_int64(l->st[which], i);
}

static void get_blob(struct layout *l, int which, int i, struct buf *b)
{
	buf_truncate(b, 0);
	buf_add(b, sqlite3_column_blob(l->st[which], i),
	    (size_t)sqlite3_column_bytes(l->st[which], i));
}

/* ---- N ---- */

static int64_t n_key(struct layout *l, uint64_t key)
{
	int64_t id = 0;

	if (GO(l, 0, "SELECT id FROM k WHERE h = ?", NULL, (int64_t)key)) {
		id = column(l, 0, 0);
		sqlite3_reset(l->st[0]);
	}
	return id;
}

static void n_put(struct layout *l, const struct entry *e, size_t n)
{
	int64_t id = n_key(l, e->key);
	size_t i;

	if (!id) {
		GO(l, 1, "INSERT INTO k(h, id) VALUES(?, (SELECT"
		    " ifnull(max(tag), 0) + 1 FROM p))", NULL,
		    (int64_t)e->key);
		id = n_key(l, e->key);
	}
	for (i = 0; i < n; i++)
		GO(l, 2, "INSERT INTO p(tag, position, shape) VALUES(?, ?, ?)",
		    NULL, id, e[i].position, e[i].shape);
}

static bool in(const struct index_range *r, int shape)
{
	size_t i;

	for (i = 0; i < r->nshapes; i++)
		if (r->shapes[i] == shape)
			return true;
	return !r->shapes;
}

static void n_read(struct layout *l, const struct index_range *r,
    struct posting *out, size_t max, size_t *n)
{
	int64_t id = n_key(l, r->key);
	int more = GO(l, 3, "SELECT position, shape FROM p WHERE tag = ?"
	    " AND position > ? ORDER BY position", NULL, id, r->after);

	for (*n = 0; more && *n < max;
	    more = sqlite3_step(l->st[3]) == SQLITE_ROW)
		if (in(r, (int)column(l, 3, 1)))
			out[(*n)++] = (struct posting){column(l, 3, 0),
			    (int)column(l, 3, 1)};
	sqlite3_reset(l->st[3]);
}

/* ---- P and P2 ---- */

static struct buf data, chunk;
static struct postings list;

static int open_row(struct layout *l, uint64_t key, int64_t *last)
{
	buf_truncate(&data, 0);
	*last = 0;
	if (!GO(l, 0, "SELECT last, data FROM o WHERE k = ?", NULL,
	    (int64_t)key))
		return 0;
	*last = column(l, 0, 0);
	get_blob(l, 0, 1, &data);
	sqlite3_reset(l->st[0]);
	return 1;
}

static void save_open(struct layout *l, uint64_t key, int there, int64_t last)
{
	if (there)
		GO(l, 1, "UPDATE o SET last = ?2, data = ?3 WHERE k = ?1",
		    &data, (int64_t)key, last);
	else
		GO(l, 2, "INSERT INTO o(k, last, data) VALUES(?, ?, ?)",
		    &data, (int64_t)key, last);
}

/* Each chunk of P begins anew, at its first position. */
static void p_put(struct layout *l, const struct entry *e, size_t n)
{
	int64_t last;
	int there = open_row(l, e->key, &last);
	size_t i;

	for (i = 0; i < n; i++) {
		if (data.n > FULL) {
			list.n = 0;
			chunk_read(&list, 0, CHUNK_MIXED, data.p, data.n);
			GO(l, 3, "INSERT INTO c(k, first, last, data)"
			    " VALUES(?, ?, ?, ?)", &data, (int64_t)e->key,
			    list.p[0].position, last);
			buf_truncate(&data, 0);
		}
		chunk_add(&data, data.n ? last : 0, CHUNK_MIXED,
		    (struct posting){e[i].position, e[i].shape});
		last = e[i].position;
	}
	save_open(l, e->key, there, last);
}

static void p_read(struct layout *l, const struct index_range *r,
    struct posting *out, size_t max, size_t *n)
{
	struct index_range range = *r;
	int64_t last;
	int more;

	*n = 0;
	range.before = INT64_MAX;
	if (!open_row(l, r->key, &last) || last <= r->after)
		return;
	more = GO(l, 4, "SELECT last, data FROM c WHERE k = ? AND first >="
	    " ifnull((SELECT max(first) FROM c WHERE k = ?1 AND first <= ?2),"
	    " 0) ORDER BY first", NULL, (int64_t)r->key, r->after);
	for (; more && *n < max; more = sqlite3_step(l->st[4]) == SQLITE_ROW) {
		list.n = 0;
		chunk_read(&list, 0, CHUNK_MIXED,
		    sqlite3_column_blob(l->st[4], 1),
		    (size_t)sqlite3_column_bytes(l->st[4], 1));
		postings_take(&list, &range, out, max, n);
	}
	sqlite3_reset(l->st[4]);
	list.n = 0;
	chunk_read(&list, 0, CHUNK_MIXED, data.p, data.n);
	postings_take(&list, &range, out, max, n);
}

static int by_shape(const void *pa, const void *pb)
{
	const struct posting *a = pa, *b = pb;

	if (a->shape != b->shape)
		return a->shape - b->shape;
	return (a->position > b->position) - (a->position < b->position);
}

static void p2_save(struct layout *l, uint64_t key, int shape, int64_t first,
    int64_t last, bool there)
{
	if (there)
		GO(l, 6, "UPDATE c SET last = ?4, data = ?5"
		    " WHERE k = ?1 AND shape = ?2 AND first = ?3", &chunk,
		    (int64_t)key, shape, first, last);
	else
		GO(l, 7, "INSERT INTO c(k, shape, first, last, data)"
		    " VALUES(?, ?, ?, ?, ?)", &chunk, (int64_t)key, shape,
		    first, last);
}

static void p2_run(struct layout *l, uint64_t key, const struct posting *p,
    size_t n)
{
	int64_t first = 0, last = 0;
	bool there = GO(l, 5, "SELECT first, last, data FROM c WHERE k = ?"
	    " AND shape = ? ORDER BY first DESC LIMIT 1", NULL, (int64_t)key,
	    p->shape);
	size_t i;

	buf_truncate(&chunk, 0);
	if (there) {
		first = column(l, 5, 0);
		last = column(l, 5, 1);
		get_blob(l, 5, 2, &chunk);
		sqlite3_reset(l->st[5]);
	}
	for (i = 0; i < n; i++) {
		if (chunk.n >= FULL || (i == 0 && !there)) {
			if (i > 0)
				p2_save(l, key, p->shape, first, last, there);
			buf_truncate(&chunk, 0);
			first = p[i].position;
			last = first - 1;
			there = false;
		}
		chunk_add(&chunk, last, p->shape, p[i]);
		last = p[i].position;
	}
	p2_save(l, key, p->shape, first, last, there);
}

static void p2_put(struct layout *l, const struct entry *e, size_t n)
{
	int64_t last;
	int there = open_row(l, e->key, &last);
	size_t i, j;

	if (data.n + 3 * n <= FULL) {
		for (i = 0; i < n; i++) {
			chunk_add(&data, data.n ? last : 0, CHUNK_MIXED,
			    (struct posting){e[i].position, e[i].shape});
			last = e[i].position;
		}
		save_open(l, e->key, there, last);
		return;
	}
	list.n = 0;
	chunk_read(&list, 0, CHUNK_MIXED, data.p, data.n);
	for (i = 0; i < n; i++)
		postings_add(&list, e[i].position, e[i].shape);
	qsort(list.p, list.n, sizeof *list.p, by_shape);
	for (i = 0; i < list.n; i = j) {
		for (j = i + 1; j < list.n &&
		    list.p[j].shape == list.p[i].shape; j++)
			;
		p2_run(l, e->key, list.p + i, j - i);
	}
	buf_truncate(&data, 0);
	save_open(l, e->key, there, e[n - 1].position);
}

/* Enough for the reads here: of few shapes, with few answers. */
static void p2_read(struct layout *l, const struct index_range *r,
    struct posting *out, size_t max, size_t *n)
{
	struct index_range range = *r;
	int64_t last;
	size_t i;
	int more;

	*n = 0;
	range.before = INT64_MAX;
	if (!open_row(l, r->key, &last) || last <= r->after)
		return;
	for (i = 0; i < r->nshapes; i++) {
		more = GO(l, 8, "SELECT first, data FROM c WHERE k = ?"
		    " AND shape = ? AND last > ? ORDER BY first", NULL,
		    (int64_t)r->key, r->shapes[i], r->after);
		while (more) {
			list.n = 0;
			chunk_read(&list, column(l, 8, 0) - 1, r->shapes[i],
			    sqlite3_column_blob(l->st[8], 1),
			    (size_t)sqlite3_column_bytes(l->st[8], 1));
			postings_take(&list, &range, out, max, n);
			more = *n < max &&
			    sqlite3_step(l->st[8]) == SQLITE_ROW;
		}
		sqlite3_reset(l->st[8]);
	}
	list.n = 0;
	chunk_read(&list, 0, CHUNK_MIXED, data.p, data.n);
	postings_take(&list, &range, out, max, n);
}

/* ---- es ---- */

static void es_read(struct layout *l, const struct index_range *r,
    struct posting *out, size_t max, size_t *n)
{
	if (index_read(l->ix, r, out, max, n, NULL))
		die("index_read", l->db);
}

/* ---- all ---- */

#define P2_SCHEMA \
	"CREATE TABLE o(k INTEGER PRIMARY KEY, last INT, data BLOB);" \
	"CREATE TABLE c(k INT, shape INT, first INT, last INT, data BLOB," \
	" PRIMARY KEY(k, shape, first)) WITHOUT ROWID;"
#define TAIL_SCHEMA "CREATE TABLE tail(n INTEGER PRIMARY KEY, data BLOB);"

const struct layout_kind layout_kinds[N_LAYOUTS] = {
	{"floor", "CREATE TABLE raw(t TEXT);", NULL, NULL, false, false,
	    false},
	{"none", "", NULL, NULL, true, false, false},
	{"N", "CREATE TABLE k(h INTEGER PRIMARY KEY, id INT);"
	    "CREATE TABLE p(tag INT, position INT, shape INT,"
	    " PRIMARY KEY(tag, position)) WITHOUT ROWID;", n_put, n_read,
	    true, false, false},
	{"P", "CREATE TABLE o(k INTEGER PRIMARY KEY, last INT, data BLOB);"
	    "CREATE TABLE c(k INT, first INT, last INT, data BLOB,"
	    " PRIMARY KEY(k, first)) WITHOUT ROWID;", p_put, p_read, true,
	    false, false},
	{"P2", P2_SCHEMA, p2_put, p2_read, true, false, false},
	{"L2", P2_SCHEMA TAIL_SCHEMA, p2_put, NULL, true, true, false},
	{"es0", "", NULL, es_read, true, false, true},
	{"es", "", NULL, es_read, true, false, true},
	{"es4", "", NULL, es_read, true, false, true},
};
