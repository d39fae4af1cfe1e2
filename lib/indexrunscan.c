/* A run from its first key to its last: reading, writing, checking it. */
#include <sqlite3.h>

#include "indexblock.h"
#include "tagkey.h"

/* Bytes of a block: with its row it just fits into a page of 4096. */
#define BLOCK_MAX 4000

/* ---- reading ---- */

void run_cursor_begin(struct run_cursor *c, const struct run *r)
{
	*c = (struct run_cursor){.run = r, .done = true};
}

static int next_block(struct index *ix, struct run_cursor *c,
    struct es_err *err)
{
	sqlite3_stmt *st = STATEMENT(&ix->db, SQL_BLOCK_NEXT, err,
	    c->run->number, (int64_t)c->key);
	int rc = st ? indexdb_step(&ix->db, st, err) : -1;

	if (rc < 1)
		return rc;
	c->key = (uint64_t)sqlite3_column_int64(st, 0);
	c->at = c->nth = 0;
	c->blocks++;
	buf_truncate(&c->block, 0);
	buf_add(&c->block, sqlite3_column_blob(st, 1),
	    (size_t)sqlite3_column_bytes(st, 1));
	sqlite3_reset(st);
	return buf_check(&c->block, err) ? -1 : 1;
}

/* Where a search begins is where it says, or it would not find the key. */
static int check_restart(const struct run_cursor *c, const struct block *b,
    const unsigned char *p, uint64_t before, struct es_err *err)
{
	struct restart at;

	if (c->nth == 0 || c->nth % RESTART_KEYS != 0)
		return 0;
	if (c->nth / RESTART_KEYS > b->n_restarts)
		return block_bad(c->run, err);
	if (block_restart(c->run, b, c->nth / RESTART_KEYS - 1, &at, err))
		return -1;
	return at.p == p && at.before == before ? 0 :
	    block_bad(c->run, err);
}

int run_cursor_next(struct index *ix, struct run_cursor *c,
    struct es_err *err)
{
	uint64_t before = c->key;
	const unsigned char *p;
	struct block b;
	int64_t n;
	int rc;

	if (c->done) {
		rc = next_block(ix, c, err);
		if (rc < 1)
			return rc;
	}
	if (block_open(c->run, c->block.p, c->block.n, &b, err))
		return -1;
	p = b.p + c->at;
	if (check_restart(c, &b, p, before, err))
		return -1;
	if (block_head(&p, b.end, &c->key, &n) || c->key <= before)
		return block_bad(c->run, err);
	if (block_postings(c->run, &p, b.end, n, &c->list, err))
		return -1;
	c->at = (size_t)(p - b.p);
	c->nth++;
	c->done = p == b.end;
	if (c->done && b.n_restarts != (c->nth - 1) / RESTART_KEYS)
		return block_bad(c->run, err);
	c->postings += n;
	return 1;
}

void run_cursor_free(struct run_cursor *c)
{
	buf_free(&c->block);
	postings_free(&c->list);
}

/* ---- writing ---- */

static int end_block(struct index *ix, struct run_writer *w,
    struct es_err *err)
{
	struct block_writer *b = &w->block;
	sqlite3_stmt *st;

	if (b->n == 0)
		return 0;
	if (block_end(b, err))
		return -1;
	st = STATEMENT(&ix->db, SQL_BLOCK_ADD, err, w->run.number,
	    (int64_t)b->key);
	if (!st)
		return -1;
	sqlite3_bind_blob64(st, 3, b->data.p, b->data.n, SQLITE_STATIC);
	if (indexdb_execute(&ix->db, st, err))
		return -1;
	block_clear(b);
	return 0;
}

int run_write(struct index *ix, struct run_writer *w, uint64_t key,
    const struct posting *p, size_t n, struct es_err *err)
{
	uint64_t least;

	/* With a restart a key takes 22 bytes at most, a posting 9. */
	if (block_size(&w->block) + 22 + 9 * n > BLOCK_MAX &&
	    end_block(ix, w, err))
		return -1;
	block_write(&w->block, key, w->run.first, p, n);
	w->run.postings += (int64_t)n;
	if (tagkey_is_timed(key)) {
		tagkey_same_time(key, &least, &w->run.high);
		if (!w->run.low)
			w->run.low = least;
	}
	return 0;
}

int run_write_end(struct index *ix, struct run_writer *w, struct es_err *err)
{
	const struct run *r = &w->run;

	if (end_block(ix, w, err))
		return -1;
	return indexdb_run(&ix->db, SQL_RUN_ADD, (int64_t[]){r->number,
	    r->first, r->last, r->postings, (int64_t)r->low,
	    (int64_t)r->high}, 6, err);
}

int run_drop(struct index *ix, const struct run *r, struct es_err *err)
{
	return indexdb_run(&ix->db, SQL_BLOCKS_REMOVE, &r->number, 1, err) ||
	    indexdb_run(&ix->db, SQL_RUN_REMOVE, &r->number, 1, err) ? -1 : 0;
}

/* ---- the walk over all ---- */

int table_cursor_find(struct index *ix, struct table_cursor *t, uint64_t key,
    struct es_err *err)
{
	uint64_t next = key - 1;
	int rc;

	if (t->key < key) {
		rc = indexdb_key_next(&ix->db, &next, &t->id, err);
		if (rc < 0)
			return -1;
		t->key = rc ? next : UINT64_MAX;
	}
	return t->key == key;
}

struct run_visit {
	int (*visit)(void *arg, uint64_t key, struct posting p,
	    struct es_err *err);
	void *arg;
	int64_t blocks;
};

/* What no read would complain of. */
static int check_key(struct index *ix, const struct run_cursor *c,
    struct table_cursor *t, struct es_err *err)
{
	const struct posting *last = &c->list.p[c->list.n - 1];
	int rc;

	if (!run_may_have(c->run, c->key))
		return run_bad(c->run, "a key outside of its range", err);
	rc = table_cursor_find(ix, t, c->key, err);
	if (rc > 0 && indexdb_id_posting(t->id).position <= last->position)
		return run_bad(c->run, "postings that are newer than those of "
		    "their key in tag_key", err);
	return rc < 0 ? -1 : 0;
}

static int visit_key(const struct run_visit *v, const struct run_cursor *c,
    struct es_err *err)
{
	size_t i;

	for (i = 0; i < c->list.n; i++)
		if (v->visit(v->arg, c->key, c->list.p[i], err))
			return -1;
	return 0;
}

static int walk_run(struct index *ix, const struct run *r,
    struct run_visit *v, struct es_err *err)
{
	struct table_cursor t = {0};
	struct run_cursor c;
	int rc;

	run_cursor_begin(&c, r);
	while ((rc = run_cursor_next(ix, &c, err)) == 1)
		if (check_key(ix, &c, &t, err) || visit_key(v, &c, err)) {
			rc = -1;
			break;
		}
	if (rc == 0 && c.postings != r->postings)
		rc = run_bad(r, "another number of postings", err);
	v->blocks += c.blocks;
	run_cursor_free(&c);
	return rc;
}

int run_walk(struct index *ix, int (*visit)(void *arg, uint64_t key,
    struct posting p, struct es_err *err), void *arg, int64_t newest,
    struct es_err *err)
{
	struct run_visit v = {visit, arg, 0};
	int64_t blocks;
	sqlite3_stmt *st;
	size_t i;

	if (!ix->has_runs)
		return 0;
	if (run_load(ix, err))
		return -1;
	for (i = 0; i < ix->n_run; i++) {
		if (ix->run[i].last > newest)
			return run_bad(&ix->run[i], "ends behind all that is "
			    "folded", err);
		if (walk_run(ix, &ix->run[i], &v, err))
			return -1;
	}
	st = indexdb_statement(&ix->db, SQL_BLOCKS, NULL, 0, err);
	if (!st || indexdb_step(&ix->db, st, err) < 1)
		return -1;
	blocks = sqlite3_column_int64(st, 0);
	sqlite3_reset(st);
	return blocks == v.blocks ? 0 : es_fail(err, ES_FAILED, "tag_block: "
	    "%lld rows of no run", (long long)(blocks - v.blocks));
}
