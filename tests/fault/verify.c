#include <stdlib.h>
#include <string.h>

#include "storeimpl.h"
#include "verify.h"

void log_free(struct log *l)
{
	buf_free(&l->text);
	free(l->at);
	l->at = NULL;
	l->n = 0;
}

struct span log_line(const struct log *l, int64_t position)
{
	size_t from;

	if (position < 1 || position > l->n)
		return SPAN_NONE;
	from = l->at[position - 1];
	return (struct span){l->text.p + from, l->at[position] - from};
}

/* ---- by SQL ---- */

static int integrity(struct db *db, struct es_err *err)
{
	sqlite3_stmt *st;
	int r;

	if (db_prepare(db, "pragma integrity_check(1)", &st, err) < 0)
		return -1;
	r = db_row(db, st, err);
	if (r > 0 && !span_is(db_text(st, 0), "ok"))
		r = es_fail(err, ES_FAILED, "integrity check: %.500s",
		    db_text(st, 0).p);
	sqlite3_finalize(st);
	return r < 0 ? -1 : 0;
}

/* Each counts what may not be there. */
static const struct {
	const char *what, *sql;
} rules[] = {
	{"positions with a gap",
	    "select coalesce(max(position), 0) - count(*) + "
	    "coalesce(min(position), 1) - 1 from message"},
	{"messages without their id", "select count(*) from message m "
	    "left join ids i on i.id = m.id where i.position is not m.position"},
	{"ids without a message", "select count(*) from ids i "
	    "left join message m on m.position = abs(i.position) "
	    "where m.position is null"},
	{"times that go back", "select count(*) from message a "
	    "join message b on b.position = a.position + 1 "
	    "where b.stored_at < a.stored_at"},
	{"outcomes of what is no command", "select count(*) from outcome o "
	    "left join message m on m.position = o.command "
	    "where m.kind is not 2"},
	{"outcomes whose provenance is missing", "select count(*) from "
	    "outcome o left join provenance p on p.id = o.provenance "
	    "where o.provenance is not null and p.id is null"},
	{"provenance of what is not there", "select count(*) from provenance "
	    "where last > (select coalesce(max(position), 0) from message)"},
};

static int check_rules(struct db *db, struct es_err *err)
{
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		int64_t n;

		if (db_int(db, rules[i].sql, &n, err) < 0)
			return -1;
		if (n)
			return es_fail(err, ES_FAILED, "%lld %s",
			    (long long)n, rules[i].what);
	}
	return 0;
}

/* ---- the index ---- */

struct tally {
	uint64_t n, sum;
};

static int visit(void *arg, uint64_t key, struct posting p,
    struct es_err *err)
{
	struct tally *t = arg;
	uint64_t h = (key ^ (uint64_t)p.position * 0x9e3779b97f4a7c15u) +
	    (uint64_t)p.shape;

	(void)err;
	h = (h ^ h >> 31) * 0xbf58476d1ce4e5b9u;
	t->sum += h ^ h >> 29;
	t->n++;
	return 0;
}

static int shape_at(struct store *s, int64_t position, int *shape,
    struct es_err *err)
{
	int r;

	*shape = 0;
	sqlite3_bind_int64(s->by_position, 1, position);
	r = db_row(s->db, s->by_position, err);
	if (r == 0)
		return es_fail(err, ES_FAILED, "position %lld is missing",
		    (long long)position);
	if (r < 0)
		return -1;
	*shape = sqlite3_column_int(s->by_position, 1);
	sqlite3_reset(s->by_position);
	return 0;
}

static int visit_message(struct store *s, int64_t position,
    struct message *m, struct keys *keys, struct tally *t,
    struct es_err *err)
{
	int shape, r;

	if (shape_at(s, position, &shape, err) < 0)
		return -1;
	r = store_get(s, position, m, err);
	if (r == 0)
		return es_fail(err, ES_FAILED, "position %lld is missing",
		    (long long)position);
	if (r < 0 || store_keys_of(s, m, shape, keys, err) < 0)
		return -1;
	visit(t, INDEX_EVERY, (struct posting){position, shape}, err);
	for (size_t i = 0; i < keys->n; i++)
		visit(t, index_key(s->index, keys->v[i].text.p,
		    keys->v[i].text.n), (struct posting){position, shape}, err);
	return 0;
}

static int add_line(struct log *l, const struct message *m, struct es_err *err)
{
	size_t *at = realloc(l->at, ((size_t)l->n + 2) * sizeof *at);

	if (!at)
		return es_fail_nomem(err);
	l->at = at;
	at[l->n] = l->text.n;
	message_print(&l->text, m);
	at[++l->n] = l->text.n;
	return buf_check(&l->text, err);
}

static int read_log(struct store *s, struct log *l, struct es_err *err)
{
	struct tally want = {0, 0}, got = {0, 0};
	struct keys keys = {0};
	int64_t head;
	int r = store_head(s, &head, err);

	for (int64_t p = 1; r == 0 && p <= head; p++) {
		struct message m;

		r = visit_message(s, p, &m, &keys, &want, err);
		if (r == 0 && l)
			r = add_line(l, &m, err);
	}
	keys_free(&keys);
	if (r < 0 || index_walk(s->index, visit, &got, err) < 0)
		return -1;
	if (want.n != got.n || want.sum != got.sum)
		return es_fail(err, ES_FAILED, "the index has %llu postings, "
		    "the messages say %llu%s", (unsigned long long)got.n,
		    (unsigned long long)want.n,
		    got.n == want.n ? ", others" : "");
	return 0;
}

int verify_store(const char *path, struct log *out, struct es_err *err)
{
	struct store *s;
	int r;

	if (out)
		log_free(out);
	if (store_open(path, false, &s, err) < 0)
		return -1;
	r = db_read_begin(s->db, err) < 0 || integrity(s->db, err) < 0 ||
	    check_rules(s->db, err) < 0 || read_log(s, out, err) < 0 ? -1 : 0;
	db_read_end(s->db);
	store_close(s);
	return r;
}

/* ---- what was acknowledged ---- */

static int64_t position_of(struct span line)
{
	static const char begin[] = "{\"position\":";
	int64_t position = 0;
	size_t i = sizeof begin - 1;

	if (line.n < i || memcmp(line.p, begin, i) != 0)
		return 0;
	for (; i < line.n && line.p[i] >= '0' && line.p[i] <= '9'; i++)
		position = position * 10 + (line.p[i] - '0');
	return position;
}

int verify_lines(const struct log *l, struct span text, int64_t *n,
    struct es_err *err)
{
	const char *p = text.p, *end = p + text.n, *nl;

	if (n)
		*n = 0;
	for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p)));
	    p = nl + 1) {
		struct span line = {p, (size_t)(nl + 1 - p)};
		int64_t position = position_of(line);

		if (!span_eq(log_line(l, position), line))
			return es_fail(err, ES_FAILED, "acknowledged, and not "
			    "so in the log: %.*s", (int)line.n - 1, p);
		if (n)
			++*n;
	}
	return 0;
}
