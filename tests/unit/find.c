/*
 * find against a model: a list of all messages, walked by query_match().
 * `find SEED [ROUNDS]` repeats a run.
 */
#include <time.h>

#include "arena.h"
#include "names.h"
#include "storeunit.h"

#define MAX 20000

struct entry {
	struct message m;
	struct keys keys;
};

static uint64_t seed, state;
static struct entry *model;
static int64_t n_model;
static struct arena arena;
static int64_t clock_now;

static unsigned rnd(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* ---- messages ---- */

static const char *const types[] = {"a.x", "a.y", "a", "b.x", "b", "ab.x",
    "a.x.z"};
static const char *const names[] = {"k", "l", "m", "kk"};

static void add_value(struct buf *b)
{
	switch (rnd(9)) {
	case 0:
		buf_adds(b, "null");
		break;
	case 1:
		buf_adds(b, "1.5");
		break;
	case 2:
		buf_adds(b, "true");
		break;
	case 3:
		buf_adds(b, "\"1\"");
		break;
	case 4:
		buf_adds(b, "[1]");
		break;
	default:
		buf_addf(b, "%u", rnd(4));
	}
}

static void add_tag(struct buf *b)
{
	switch (rnd(6)) {
	case 0:
		buf_adds(b, "\"loose\"");
		break;
	case 1:
		buf_adds(b, "\":1\"");
		break;
	case 2:
		buf_adds(b, "\"k:1:2\"");
		break;
	default:
		buf_addf(b, "\"%s:%u\"", names[rnd(4)], rnd(4));
	}
}

static struct span random_line(struct buf *b)
{
	int n = 0;

	buf_truncate(b, 0);
	buf_addf(b, "{\"type\":\"%s\"", types[rnd(7)]);
	if (rnd(3) == 0)
		buf_adds(b, ",\"kind\":\"command\"");
	if (rnd(3) == 0) {
		buf_adds(b, ",\"tags\":[");
		for (unsigned i = rnd(3) + 1; i > 0; i--) {
			add_tag(b);
			if (i > 1)
				buf_addc(b, ',');
		}
		buf_addc(b, ']');
	}
	if (rnd(4) == 0)
		buf_addf(b, ",\"correlation_id\":\"c%u\"", rnd(3));
	else if (rnd(4) == 0 && n_model > 0)
		buf_addf(b, ",\"causation_id\":\"%.*s\"", 36,
		    model[rnd((unsigned)n_model)].m.id.p);
	buf_adds(b, ",\"payload\":{");
	for (int i = 0; i < 4; i++)
		if (rnd(3) == 0) {
			buf_addf(b, "%s\"%s\":", n++ ? "," : "", names[i]);
			add_value(b);
		}
	buf_adds(b, "}}");
	return buf_span(b);
}

/* Into the model, as it is stored. */
static void learn(struct store *s, int64_t position)
{
	struct entry *e = &model[position - 1];
	struct message m;

	need(position == n_model + 1 && position < MAX);
	need(store_get(s, position, &m, &err) == 1);
	e->m = m;
	e->m.id = arena_copy(&arena, m.id);
	e->m.type = arena_copy(&arena, m.type);
	e->m.tags = arena_copy(&arena, m.tags);
	e->m.payload = arena_copy(&arena, m.payload);
	e->m.metadata = arena_copy(&arena, m.metadata);
	e->m.causation_id = arena_copy(&arena, m.causation_id);
	e->m.correlation_id = arena_copy(&arena, m.correlation_id);
	e->m.created_at = arena_copy(&arena, m.created_at);
	need(message_keys(e->m.tags, e->m.payload, NULL, NULL, &e->keys,
	    &err) == 0);
	n_model++;
}

static void add_random(struct store *s)
{
	static struct buf line;
	struct draft d = {.type = SPAN_LIT("es.thing.done"),
	    .payload = SPAN_LIT("{\"k\":1}")};
	struct appended a;

	clock_now += rnd(3) * 1000;
	store_set_now(s, clock_now);
	clock_now = store_now(s);
	if (rnd(12) == 0) {
		need(store_append_own(s, &d, &a, &err) == 0);
		learn(s, a.position);
		return;
	}
	random_line(&line);
	buf_addc(&line, '\0');
	learn(s, unit_append(s, line.p, NULL));
}

static void forget(int64_t n)
{
	while (n_model > n)
		keys_free(&model[--n_model].keys);
}

/* ---- queries ---- */

static void add_random_type(struct query *q)
{
	static const char *const some[] = {"a.", "a.*", "b.", "es.",
	    "es.thing.", "es.thing.done", "none", "a.x.", "ab."};

	check_int(query_add_type(q, span_str(rnd(3) ? types[rnd(7)] :
	    some[rnd(9)]), &err), 0);
}

static void add_random_tag(struct query *q)
{
	static const char *const some[] = {"loose", ":1", "k:1:2", "k:true",
	    "k:", "none:1", "loose:", "k"};
	char tag[20];

	snprintf(tag, sizeof tag, "%s:%u", names[rnd(4)], rnd(4));
	check_int(query_add_tag(q, span_str(rnd(4) ? tag : some[rnd(8)]),
	    &err), 0);
}

static void add_random_pair(struct query *q, const char *name)
{
	static const char *const values[] = {"0", "1", "2", "3", "true",
	    "1:2", ""};

	check_int(query_add_partition(q, span_str(name), rnd(4) ?
	    span_str(values[rnd(rnd(3) ? 4 : 7)]) : SPAN_NONE, &err), 0);
}

static struct query random_query(bool last)
{
	struct query q = {0};

	if (rnd(20) == 0) {
		q.everything = true;
		return q;
	}
	for (unsigned i = rnd(8) ? 1 + rnd(3) : 0; i > 0; i--) {
		struct query_item *item;

		check_int(query_add_item(&q, &err), 0);
		for (unsigned k = rnd(2) ? rnd(4) : 0; k > 0; k--)
			add_random_type(&q);
		for (unsigned k = rnd(2) ? rnd(3) : 0; k > 0; k--)
			add_random_tag(&q);
		if (rnd(2))
			for (int k = 0; k < 4; k++)
				if (rnd(2))
					add_random_pair(&q, names[k]);
		item = &q.items[q.n - 1];
		if (rnd(4) == 0)
			item->kind = rnd(2) ? KIND_EVENT : KIND_COMMAND;
		if (last && rnd(4) == 0)
			item->last = true;
	}
	return q;
}

static struct query_bounds random_bounds(void)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	unsigned n = (unsigned)n_model + 3;

	if (rnd(3) == 0)
		b.after = rnd(n);
	if (rnd(3) == 0)
		b.before = rnd(n);
	if (rnd(3) == 0)
		b.limit = rnd(rnd(2) ? 3 : n);
	if (rnd(5) == 0)
		b.tail = rnd(rnd(2) ? 3 : n);
	b.reverse = rnd(3) == 0;
	if (rnd(6) == 0)
		b.since = model[rnd((unsigned)n_model)].m.stored_at +
		    rnd(3) - 1;
	if (rnd(6) == 0)
		b.until = model[rnd((unsigned)n_model)].m.stored_at +
		    rnd(3) - 1;
	if (rnd(12) == 0)
		b.id = rnd(4) ? model[rnd((unsigned)n_model)].m.id :
		    SPAN_LIT("nobody");
	if (rnd(8) == 0)
		b.correlation = rnd(6) ?
		    model[rnd((unsigned)n_model)].m.correlation_id :
		    SPAN_LIT("nobody");
	return b;
}

/* ---- the model's answer ---- */

static bool in_range(const struct query_bounds *b, int64_t head, int64_t p)
{
	int64_t t = model[p - 1].m.stored_at;

	return p > b->after && p <= head && (!b->before || p < b->before) &&
	    (!b->since || t >= b->since) && (!b->until || t <= b->until);
}

static bool item_matches(const struct query_item *item, int64_t p)
{
	return query_item_match(item, &model[p - 1].m, &model[p - 1].keys);
}

static bool is_newest(const struct query_item *item,
    const struct query_bounds *b, int64_t head, int64_t p)
{
	for (int64_t i = head; i > p; i--)
		if (in_range(b, head, i) && item_matches(item, i))
			return false;
	return true;
}

static bool matches(const struct query *q, const struct query_bounds *b,
    int64_t head, int64_t p)
{
	const struct message *m = &model[p - 1].m;

	if (!in_range(b, head, p) || (b->id.p && !span_eq(m->id, b->id)) ||
	    (b->correlation.p && !span_eq(m->correlation_id, b->correlation)))
		return false;
	if (q->everything)
		return true;
	for (size_t i = 0; i < q->n; i++)
		if (item_matches(&q->items[i], p) && (!q->items[i].last ||
		    is_newest(&q->items[i], b, head, p)))
			return true;
	return false;
}

static int64_t wanted[MAX], n_wanted;

static void answer(const struct query *q, const struct query_bounds *b,
    int64_t head)
{
	int64_t i;

	n_wanted = 0;
	for (i = 1; i <= head; i++)
		if (matches(q, b, head, i))
			wanted[n_wanted++] = i;
	if (b->tail >= 0 && n_wanted > b->tail) {
		memmove(wanted, wanted + n_wanted - b->tail,
		    (size_t)b->tail * sizeof *wanted);
		n_wanted = b->tail;
	}
	for (i = 0; b->reverse && i < n_wanted / 2; i++) {
		int64_t t = wanted[i];

		wanted[i] = wanted[n_wanted - 1 - i];
		wanted[n_wanted - 1 - i] = t;
	}
	if (b->limit >= 0 && n_wanted > b->limit)
		n_wanted = b->limit;
}

/* ---- comparing ---- */

static void tell(const struct query *q, const struct query_bounds *b,
    const char *what)
{
	struct buf text = {0};

	query_print(&text, q);
	printf("seed %llu: %s: query %s after %lld before %lld limit %lld "
	    "tail %lld reverse %d since %lld until %lld id %.*s "
	    "correlation %.*s, head %lld\n",
	    (unsigned long long)seed, what, text.p, (long long)b->after,
	    (long long)b->before, (long long)b->limit, (long long)b->tail,
	    b->reverse, (long long)b->since, (long long)b->until,
	    (int)b->id.n, b->id.p, (int)b->correlation.n, b->correlation.p,
	    (long long)n_model);
	exit(1);
}

static void same_text(const struct message *m)
{
	static struct buf a, b;

	buf_truncate(&a, 0);
	buf_truncate(&b, 0);
	message_print(&a, m);
	message_print(&b, &model[m->position - 1].m);
	check_str(a.p, b.p);
}

/* What find_covered() has to say: without since and tail. */
static int64_t covered(const struct query_bounds *b, int64_t head, bool cut)
{
	if (cut)
		return n_wanted ? wanted[n_wanted - 1] :
		    b->after < head ? b->after : head;
	return b->before && b->before <= head ? b->before - 1 : head;
}

static void compare_find(struct store *s, const struct query *q,
    const struct query_bounds *b, int64_t head)
{
	struct find *f;
	struct message m;
	int64_t n = 0;
	int r;

	if (find_open(s, q, b, head, &f, &err) < 0)
		tell(q, b, err.text);
	while ((r = find_next(f, &m, &err)) > 0) {
		if (n == n_wanted || m.position != wanted[n])
			tell(q, b, "another message");
		n++;
		same_text(&m);
	}
	if (r < 0)
		tell(q, b, err.text);
	if (n < n_wanted)
		tell(q, b, "a message is missing");
	if (!b->reverse && !b->since && !b->id.p && b->tail < 0) {
		bool cut = b->limit >= 0 && n == b->limit;

		if (find_covered(f) != covered(b, head ? head : n_model, cut))
			tell(q, b, "covers something else");
	}
	check_int(find_head(f), head ? head : n_model);
	find_close(f);
}

/* As lines: the same messages, and the same is covered. */
static void compare_lines(struct store *s, const struct query *q,
    const struct query_bounds *b, int64_t head)
{
	struct buf want = {0}, got = {0};
	struct find *f;
	struct span lines;
	int64_t n, count = 0, i;
	int r;

	for (i = 0; i < n_wanted; i++)
		message_print(&want, &model[wanted[i] - 1].m);
	if (find_open(s, q, b, head, &f, &err) < 0)
		tell(q, b, err.text);
	while ((r = find_lines(f, &lines, &n, &err)) > 0) {
		buf_add_span(&got, lines);
		count += n;
	}
	if (r < 0)
		tell(q, b, err.text);
	if (count != n_wanted || !span_eq(buf_span(&got), buf_span(&want)))
		tell(q, b, "other lines");
	if (!b->reverse && !b->since && !b->id.p && b->tail < 0 &&
	    find_covered(f) != covered(b, head ? head : n_model, count == b->limit))
		tell(q, b, "covers something else as lines");
	find_close(f);
	buf_free(&want);
	buf_free(&got);
}

static void compare_count(struct store *s, const struct query *q,
    const struct query_bounds *b, int64_t head)
{
	struct find *f;
	int64_t n = 0;

	if (find_open(s, q, b, head, &f, &err) < 0 ||
	    find_count(f, &n, &err) < 0)
		tell(q, b, err.text);
	if (n != n_wanted)
		tell(q, b, "another count");
	find_close(f);
}

static void compare_any(struct store *s, const struct query *q)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	int64_t up_to = rnd((unsigned)n_model + 1), first = 0, found = 0;
	bool any;

	b.after = rnd((unsigned)n_model + 1);
	for (int64_t p = b.after + 1; p <= up_to && !first; p++)
		if (query_match(q, &model[p - 1].m, &model[p - 1].keys))
			first = p;
	if (find_any(s, q, b.after, up_to, &any, &found, &err) < 0)
		tell(q, &b, err.text);
	if (any != (first > 0) || (any && found != first))
		tell(q, &b, "find_any");
}

/* A condition with bounds: whether the query would give anything. */
static void compare_within(struct store *s, const struct query *q,
    const struct query_bounds *b, int64_t head)
{
	bool any;

	if (b->limit == 0 || b->tail == 0)
		return;
	if (find_any_within(s, q, b, head, &any, NULL, &err) < 0)
		tell(q, b, err.text);
	if (any != (n_wanted > 0))
		tell(q, b, "find_any_within");
}

static void compare(struct store *s, int rounds)
{
	check_int(unit_head(s), n_model);
	while (rounds-- > 0 && !unit_failed) {
		struct query q = random_query(true);
		struct query_bounds b = random_bounds();
		int64_t head = rnd(4) ? 0 : 1 + rnd((unsigned)n_model);

		answer(&q, &b, head ? head : n_model);
		compare_find(s, &q, &b, head);
		if (rnd(2) == 0)
			compare_lines(s, &q, &b, head);
		if (rnd(4) == 0)
			compare_count(s, &q, &b, head);
		compare_any(s, &q);
		compare_within(s, &q, &b, head ? head : n_model);
		query_free(&q);
	}
}

/* ---- tests ---- */

static void add_many(struct store *s, int n, bool commit)
{
	need(store_begin(s, &err) == 0);
	while (n-- > 0)
		add_random(s);
	if (commit)
		need(store_commit(s, &err) == 0);
}

static void test_model(int rounds)
{
	struct store *s = unit_store(), *other = unit_open(true);
	struct store *reader = unit_open(false);
	int64_t kept;

	forget(0);
	for (int i = 0; i < 8; i++) {
		add_many(i % 2 ? s : other, 1 + (int)rnd(i < 3 ? 5 : 120),
		    true);
		compare(s, rounds);
		compare(reader, rounds);
		/* A transaction sees its own; nobody else does. */
		kept = n_model;
		add_many(s, 1 + (int)rnd(20), false);
		compare(s, rounds);
		if (rnd(2)) {
			store_rollback(s);
			forget(kept);
		} else {
			need(store_commit(s, &err) == 0);
		}
		compare(s, rounds / 2);
		compare(reader, rounds / 2);
	}
	store_close(s);
	store_close(other);
	store_close(reader);
}

/* A follower is given each message once, in order. */
static void test_follow(int rounds)
{
	struct store *s = unit_store(), *reader = unit_open(false);

	forget(0);
	add_many(s, 20, true);
	while (rounds-- > 0) {
		struct query q = random_query(false);
		struct query_bounds b = QUERY_BOUNDS_ALL;
		struct find *f;
		struct message m;
		int64_t n = 0;
		int r;

		b.after = rnd((unsigned)n_model + 1);
		if (rnd(3) == 0)
			b.since = model[n_model - 1].m.stored_at + 1 +
			    rnd(9000);
		if (find_open(reader, &q, &b, 0, &f, &err) < 0)
			tell(&q, &b, err.text);
		for (int i = 0; i < 4; i++) {
			while ((r = find_next(f, &m, &err)) > 0) {
				answer(&q, &b, m.position);
				if (++n != n_wanted ||
				    wanted[n - 1] != m.position)
					tell(&q, &b, "follow");
			}
			check_int(find_covered(f), n_model);
			answer(&q, &b, n_model);
			if (r < 0 || n != n_wanted)
				tell(&q, &b, "follow: missing");
			if (rnd(3))
				add_many(s, 1 + (int)rnd(4), true);
			check_int(find_more(f, &err), 0);
		}
		find_close(f);
		query_free(&q);
	}
	store_close(reader);
	store_close(s);
}

/* Beyond NAMES_SHAPES a message's shape is not known any more. */
static void test_other_shape(int rounds)
{
	struct store *s = unit_store(), *reader;
	char line[100];

	forget(0);
	add_many(s, 30, true);
	need(store_begin(s, &err) == 0);
	for (int i = 0; i < NAMES_SHAPES; i++) {
		snprintf(line, sizeof line, "{'type':'filler','payload':"
		    "{'f%d':1}}", i);
		learn(s, unit_append(s, line, NULL));
	}
	need(store_commit(s, &err) == 0);
	check_int(unit_sql(s, "select count(*) from shape"), NAMES_SHAPES - 1);
	add_many(s, 150, true);
	check(unit_sql(s, "select count(*) from message where shape = 0") >
	    30);
	reader = unit_open(false);
	compare(s, rounds);
	compare(reader, rounds);
	store_close(reader);
	store_close(s);
}

/* How many match a query of text, of a whole store. */
static int64_t matching(struct store *s, const char *text)
{
	struct query q = unit_query(text);
	struct find *f;
	int64_t n = -1;

	need(find_open(s, &q, NULL, 0, &f, &err) == 0);
	check_int(find_count(f, &n, &err), 0);
	find_close(f);
	query_free(&q);
	return n;
}

#define MATCHING(tags) matching(s, "{'items':[{'tags':[" tags "]}]}")

/* The catalog in force at the append says by what a message is found. */
static void test_catalogs(bool other)
{
	struct store *s = unit_store();
	char line[100];

	if (other) {
		need(store_begin(s, &err) == 0);
		for (int i = 0; i < NAMES_SHAPES; i++) {
			snprintf(line, sizeof line, "{'type':'filler',"
			    "'payload':{'f%d':1}}", i);
			unit_append(s, line, NULL);
		}
		need(store_commit(s, &err) == 0);
	}
	unit_put(s, "{'type':'t','payload':{'x':1,'y':1,'z':1}}");
	unit_catalog(s, "{'t':{'private':['x','z']}}");
	unit_put(s, "{'type':'t','payload':{'x':1,'y':1,'z':1}}");
	unit_put(s, "{'type':'t','payload':{'x':1,'y':1,'z':1},"
	    "'tags':['x:2']}");
	unit_catalog(s, "{'t':{}}");
	unit_put(s, "{'type':'t','payload':{'x':2,'y':2,'z':1}}");
	for (int i = 0; i < 2; i++) {
		check_int(MATCHING("'y:1'"), 3);
		check_int(MATCHING("'x:1'"), 1);
		check_int(MATCHING("'x:1','y:1'"), 1);
		check_int(MATCHING("'z:1'"), 2);
		check_int(MATCHING("'z:1','y:1'"), 1);
		check_int(MATCHING("'x:2'"), 2);
		check_int(MATCHING("'x:2','y:1'"), 1);
		/* Reads what carries y alone, and not the x that is lacking. */
		check_int(matching(s, "{'items':[{'types':['t'],'partition':"
		    "{'x':'9','y':'1'}}]}"), 1);
		check_int(matching(s, "{'items':[{'types':['t'],'partition':"
		    "{'x':'2','y':'1'}}]}"), 2);
		check_int(matching(s, "{'items':[{'types':['t'],'partition':"
		    "{'x':null,'y':'1'}}]}"), 1);
		check_int(matching(s, "{'items':[{'types':['t'],'partition':"
		    "{'z':null,'x':null}}]}"), 1);
		store_close(s);
		s = unit_open(false);
	}
	store_close(s);
}

/* Pages are cut by number and by size; both ways, all and by tag. */
static void test_pages(void)
{
	static char line[40000];
	struct store *s = unit_store();
	static const char *const queries[] = {"{}", "{'items':[{'tags':"
	    "['k:1']}]}", "{'items':[{'types':['a']},{'tags':['k:1'],"
	    "'last':true},{'tags':['k:2'],'last':true}]}"};
	struct message m;

	need(store_begin(s, &err) == 0);
	for (int i = 1; i <= 300; i++) {
		snprintf(line, sizeof line, "{'type':'a','payload':{'k':1,"
		    "'text':'%*s'}}", i % 10 ? 5000 : 35000, "");
		check_int(unit_append(s, line, NULL), i);
	}
	need(store_commit(s, &err) == 0);
	for (int i = 0; i < 6; i++) {
		struct query q = unit_query(queries[i / 2]);
		struct query_bounds b = QUERY_BOUNDS_ALL;
		struct find *f;
		int64_t n = 0;

		b.reverse = i % 2;
		need(find_open(s, &q, &b, 0, &f, &err) == 0);
		while (find_next(f, &m, &err) > 0) {
			n++;
			check_int(m.position, b.reverse ? 301 - n : n);
		}
		check_int(n, 300);
		find_close(f);
		query_free(&q);
	}
	store_close(s);
}

/* Many items with `last`, more than a page. */
static void test_many_last(void)
{
	struct store *s = unit_store();
	struct query q = {0};
	struct find *f;
	struct message m;
	int64_t n = 0;
	char text[100];

	need(store_begin(s, &err) == 0);
	for (int i = 0; i < 500; i++) {
		snprintf(text, sizeof text, "{'type':'a','payload':{'k':%d}}",
		    499 - i % 250);
		unit_append(s, text, NULL);
	}
	need(store_commit(s, &err) == 0);
	for (int i = 250; i < 500; i++) {
		snprintf(text, sizeof text, "k:%d", i);
		check_int(query_add_item(&q, &err), 0);
		check_int(query_add_tag(&q, span_str(text), &err), 0);
		q.items[q.n - 1].last = true;
	}
	need(find_open(s, &q, NULL, 0, &f, &err) == 0);
	while (find_next(f, &m, &err) > 0)
		check_int(m.position, 250 + ++n);
	check_int(n, 250);
	find_close(f);
	query_free(&q);
	store_close(s);
}

static void names_are(struct store *s, const char *text, int want)
{
	struct query q = unit_query(text);
	int r = find_check_names(s, &q, false, &err);

	if (r != want)
		printf("%s\n", text);
	check_int(r, want);
	if (want < 0)
		check_int(err.code, ES_USAGE);
	query_free(&q);
}

static void test_check_names(void)
{
	struct store *s = unit_store();

	names_are(s, "{'items':[{'tags':['x:1']}]}", 0);
	unit_catalog(s, "{'a.t':{'payload':{'x':'string','o':'object'}},"
	    "'a.u':{'payload':{'y':'string','p':'string'},'private':['p']}}");
	names_are(s, "{'items':[{'tags':['x:1']}]}", 0);
	names_are(s, "{'items':[{'tags':['o:1']}]}", -1);
	names_are(s, "{'items':[{'tags':['p:1']}]}", -1);
	names_are(s, "{'items':[{'tags':['none:1']}]}", -1);
	names_are(s, "{'items':[{'tags':['none']}]}", 0);
	names_are(s, "{'items':[{'types':['a.t'],'tags':['y:1']}]}", -1);
	names_are(s, "{'items':[{'types':['a.'],'tags':['y:1']}]}", 0);
	names_are(s, "{'items':[{'types':['b.'],'tags':['none:1']}]}", 0);
	names_are(s, "{'items':[{'partition':{'x':null,'p':'1'}}]}", -1);
	unit_put(s, "{'type':'a.t','payload':{'x':'1','o':{}},'tags':['none:1']}");
	names_are(s, "{'items':[{'tags':['none:1']}]}", 0);
	names_are(s, "{'items':[{'types':['a.u'],'tags':['none:1']}]}", -1);
	store_close(s);
}

/* A damaged index is an error, not a silence. */
static void test_damaged(void)
{
	struct store *s = unit_store();
	struct query q = unit_query("{'items':[{'types':['a']}]}");
	struct find *f;

	for (int i = 0; i < 3; i++)
		unit_put(s, "{'type':'a'}");
	need(db_begin(store_db(s), &err) == 0);
	check_int(db_exec(store_db(s), "delete from message where "
	    "position = 2", &err), 0);
	need(db_commit(store_db(s), &err) == 0);
	check_int(find_open(s, &q, NULL, 0, &f, &err), -1);
	check(strstr(err.text, "damaged") != NULL);
	check(f == NULL);
	/* And no transaction is left open behind it. */
	check(sqlite3_get_autocommit(store_db(s)->h) != 0);
	check(unit_put(s, "{'type':'a'}") == 4);
	query_free(&q);
	store_close(s);
}

int main(int argc, char **argv)
{
	int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 40;

	seed = argc > 1 ? strtoull(argv[1], NULL, 10) :
	    (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();
	state = seed | 1;
	model = calloc(MAX, sizeof *model);
	need(model);
	setenv("ES_SYNC", "normal", 1);
	place_make("find");
	test_model(rounds);
	test_follow(rounds);
	test_other_shape(rounds);
	test_catalogs(false);
	test_catalogs(true);
	test_pages();
	test_many_last();
	test_check_names();
	test_damaged();
	forget(0);
	free(model);
	arena_free(&arena);
	place_remove();
	if (unit_failed)
		printf("seed %llu\n", (unsigned long long)seed);
	return unit_end();
}
