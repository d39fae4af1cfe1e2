/*
 * index_fold(): what was gathered becomes a run, together with the newest runs
 * when there are enough of its size; but the postings of busy keys go into
 * tag_key, tag_open and tag_post.
 *
 * A key that is there stays there, so all that it has in the runs is older.
 */
#include <stdlib.h>
#include <string.h>

#include "indexblock.h"

#define BUSY 64			/* postings that one run must not have */
#define FANOUT 8		/* runs of a size that become one */
#define SMALLEST 4096		/* postings; the first size is FANOUT of it */
#define LARGEST 4194304		/* postings: how long others wait for the lock */

/*
 * Sort by key, from the lowest digit up, so that the postings of a key keep
 * their order.  Returns where the result is: either of the two.
 */
static struct entry *sort(struct entry *from, struct entry *to, size_t n)
{
	struct entry *swap;
	int shift;

	for (shift = 0; shift < 64; shift += 8) {
		size_t end[256] = {0}, i;

		for (i = 0; i < n; i++)
			end[from[i].key >> shift & 255]++;
		if (end[from[0].key >> shift & 255] == n)
			continue;
		for (i = 1; i < 256; i++)
			end[i] += end[i - 1];
		for (i = n; i-- > 0; )
			to[--end[from[i].key >> shift & 255]] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	return from;
}

static size_t same_key(const struct entry *e, const struct entry *end)
{
	const struct entry *from = e;

	while (e < end && e->key == from->key)
		e++;
	return (size_t)(e - from);
}

/* ---- which runs to merge with ---- */

static int size_class(int64_t postings)
{
	int class = 0;

	for (postings /= SMALLEST; postings >= FANOUT; postings /= FANOUT)
		class++;
	return class;
}

/*
 * Of the n oldest runs, how many of the newest go with one of so many postings,
 * which are added to *sum.  Near LARGEST they do not wait for others that would
 * have no room.
 */
static size_t mergeable(const struct index *ix, size_t n, int64_t *sum)
{
	int64_t postings = *sum, all = postings, next;
	int class = size_class(postings);
	size_t like = 0;

	for (; like < n; like++, all += next) {
		next = ix->run[n - 1 - like].postings;
		if (size_class(next) > class || all + next > LARGEST)
			break;
	}
	if (like == 0)
		return 0;
	if (like >= FANOUT - 1 || all + postings > LARGEST) {
		*sum = all;
		return like;
	}
	/* A smaller one costs little, and must not stay behind. */
	next = ix->run[n - 1].postings;
	if (size_class(next) == class)
		return 0;
	*sum += next;
	return 1;
}

/* How many of the newest runs become one with so many new postings. */
static size_t choose(const struct index *ix, int64_t postings)
{
	size_t left = ix->n_run, n;

	while ((n = mergeable(ix, left, &postings)) > 0)
		left -= n;
	return ix->n_run - left;
}

/* ---- merging ---- */

struct merge {
	struct index *ix;
	struct run_cursor *c;		/* oldest first */
	bool *live;			/* the cursor stands on a key */
	size_t n;
	const struct entry *e, *end;	/* new ones, which are the newest */
	struct run_writer to;
	struct table_cursor table;
	struct postings list;		/* the key's */
	struct entry *busy;		/* the same as entries */
	size_t cap_busy;
};

static uint64_t least_key(const struct merge *m)
{
	uint64_t key = m->e < m->end ? m->e->key : UINT64_MAX;
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->live[i] && m->c[i].key < key)
			key = m->c[i].key;
	return key;
}

static int advance(struct merge *m, size_t i, struct es_err *err)
{
	int rc = run_cursor_next(m->ix, &m->c[i], err);

	m->live[i] = rc == 1;
	return rc < 0 ? -1 : 0;
}

/* Gather what the runs have of a key, and go on to their next. */
static int take_old(struct merge *m, uint64_t key, struct es_err *err)
{
	struct postings *l = &m->list;
	size_t i;

	l->n = 0;
	for (i = 0; i < m->n; i++) {
		const struct postings *old = &m->c[i].list;

		if (!m->live[i] || m->c[i].key != key)
			continue;
		if (postings_room(l, old->n))
			return es_fail_nomem(err);
		memcpy(l->p + l->n, old->p, old->n * sizeof *l->p);
		l->n += old->n;
		if (advance(m, i, err))
			return -1;
	}
	return 0;
}

static int promote(struct merge *m, uint64_t key, struct es_err *err)
{
	const struct postings *l = &m->list;
	size_t i;

	if (l->n > m->cap_busy) {
		struct entry *busy = realloc(m->busy, l->n * sizeof *busy);

		if (!busy)
			return es_fail_nomem(err);
		m->busy = busy;
		m->cap_busy = l->n;
	}
	for (i = 0; i < l->n; i++)
		m->busy[i] = (struct entry){key, l->p[i].position,
		    (short)l->p[i].shape};
	return index_write_key(m->ix, m->busy, l->n, err);
}

static int write_list(struct merge *m, uint64_t key, struct es_err *err)
{
	return m->list.n == 0 ? 0 : run_write(m->ix, &m->to, key, m->list.p,
	    m->list.n, err);
}

static int merge_key(struct merge *m, uint64_t key, struct es_err *err)
{
	const struct entry *e = m->e;
	size_t n = e < m->end && e->key == key ? same_key(e, m->end) : 0, i;
	int busy;

	m->e += n;
	if (take_old(m, key, err) ||
	    (busy = table_cursor_find(m->ix, &m->table, key, err)) < 0)
		return -1;
	if (busy)
		return write_list(m, key, err) || (n > 0 &&
		    index_write_key(m->ix, e, n, err)) ? -1 : 0;
	for (i = 0; i < n; i++)
		if (postings_add(&m->list, e[i].position, e[i].shape))
			return es_fail_nomem(err);
	return m->list.n >= BUSY ? promote(m, key, err) :
	    write_list(m, key, err);
}

static int merge_keys(struct merge *m, struct es_err *err)
{
	uint64_t key;
	size_t i;

	for (i = 0; i < m->n; i++)
		if (advance(m, i, err))
			return -1;
	while ((key = least_key(m)) != UINT64_MAX)
		if (merge_key(m, key, err))
			return index_key_at(key, err);
	for (i = 0; i < m->n; i++)
		if (run_drop(m->ix, m->c[i].run, err))
			return -1;
	return run_write_end(m->ix, &m->to, err);
}

static int merge(struct merge *m, struct es_err *err)
{
	const struct run *from = m->ix->run + m->ix->n_run - m->n;
	size_t i;
	int rc;

	m->c = calloc(m->n + 1, sizeof *m->c);
	m->live = calloc(m->n + 1, sizeof *m->live);
	if (!m->c || !m->live) {
		rc = es_fail_nomem(err);
	} else {
		for (i = 0; i < m->n; i++)
			run_cursor_begin(&m->c[i], &from[i]);
		rc = merge_keys(m, err);
		for (i = 0; i < m->n; i++)
			run_cursor_free(&m->c[i]);
	}
	free(m->c);
	free(m->live);
	free(m->busy);
	block_free(&m->to.block);
	postings_free(&m->list);
	return rc;
}

static int write_all(struct index *ix, const struct entry *e,
    const struct entry *end, struct es_err *err)
{
	size_t n;

	for (; e < end; e += n) {
		n = same_key(e, end);
		if (index_write_key(ix, e, n, err))
			return index_key_at(e->key, err);
	}
	return 0;
}

/* Of entries by key, those of INDEX_EVERY come first: one for each message. */
static int fold(struct index *ix, const struct entry *e, size_t n,
    struct es_err *err)
{
	size_t every = same_key(e, e + n);
	struct merge m = {.ix = ix, .e = e + every, .end = e + n};
	struct run *to = &m.to.run;

	if (!ix->has_runs)
		return write_all(ix, e, e + n, err);
	if (run_load(ix, err) || write_all(ix, e, e + every, err))
		return -1;
	m.n = choose(ix, (int64_t)(n - every));
	*to = (struct run){.number = 1, .first = e[0].position,
	    .last = e[every - 1].position};
	if (ix->n_run)
		to->number = ix->run[ix->n_run - 1].number + 1;
	if (m.n)
		to->first = ix->run[ix->n_run - m.n].first;
	return merge(&m, err);
}

int index_fold(struct index *ix, size_t n_new, struct es_err *err)
{
	size_t n = ix->n_wait, n_old = n - n_new;
	struct entry *ascending = malloc(n * sizeof *ascending);
	int rc;

	if (!ascending)
		return es_fail_nomem(err);
	memcpy(ascending, ix->wait + n_new, n_old * sizeof *ascending);
	memcpy(ascending + n_old, ix->wait, n_new * sizeof *ascending);
	rc = fold(ix, sort(ascending, ix->wait, n), n, err);
	free(ascending);
	return rc;
}
