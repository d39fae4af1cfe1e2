#include <time.h>

#include "delivery.h"
#include "group.h"
#include "groupstatus.h"
#include "storeunit.h"
#include "workers.h"

static struct store *store;
static struct groups *groups;

#define REACTS(types, by) "{\"kind\":\"jq\",\"reacts\":[" types "]," \
	"\"partition_by\":[" by "]}"
static const char reactor[] = REACTS("\"a\"", "\"k\"");
static const char decider[] = "{\"kind\":\"jq\",\"decides\":[\"c\"],"
    "\"evolves\":[\"a\"],\"partition_by\":[\"k\"]}";

static void open_both(void)
{
	store = unit_store();
	need(groups_open(store, &groups, &err) == 0);
}

static void close_both(void)
{
	groups_close(groups);
	store_close(store);
}

static void begin(void)
{
	need(store_begin(store, &err) == 0);
}

static void commit(void)
{
	if (store_commit(store, &err) < 0) {
		printf("commit: %s\n", err.text);
		exit(1);
	}
}

static void ensure(const char *name, const char *definition, int64_t start)
{
	bool created;

	begin();
	check_int(group_ensure(groups, name, span_str(definition), start,
	    start, &created, &err), 0);
	check(created);
	commit();
}

static bool last_is(const char *what)
{
	char text[300];
	size_t i;

	for (i = 0; what[i]; i++)
		text[i] = what[i] == '\'' ? '"' : what[i];
	text[i] = '\0';
	if (strstr(unit_get(store, unit_head(store)), text))
		return true;
	printf("%s is not in %s", text, unit_get(store, unit_head(store)));
	return false;
}

static void test_ensure(void)
{
	struct group_row row;
	char **names;
	size_t n;
	bool created;

	open_both();
	check_int(group_load(groups, "none", &row, &err), 0);
	check_int(group_names(groups, &names, &n, &err), 0);
	check_int(n, 0);
	free(names);
	ensure("r", reactor, 5);
	ensure("d", decider, 0);
	begin();
	check_int(group_ensure(groups, "r", span_str(reactor), 9, 9, &created,
	    &err), 0);
	check(!created);
	check_int(group_ensure(groups, "r", span_str(decider), 5, 5, &created,
	    &err), -1);
	check_int(err.code, ES_FAILED);
	check(strstr(err.text, "es-group redefine r") != NULL);
	store_rollback(store);
	check_int(group_load(groups, "r", &row, &err), 1);
	check_str(row.name, "r");
	check_str(row.definition, reactor);
	check(!row.stopped && !row.error && !row.has_hash && !row.code);
	check(row.start == 5 && row.react_from == 5);
	group_row_free(&row);
	check_int(group_names(groups, &names, &n, &err), 0);
	need(n == 2);
	check_str(names[0], "d");
	check_str(names[1], "r");
	free(names[0]);
	free(names[1]);
	free(names);
	/* Writes want a transaction. */
	check_int(group_ensure(groups, "x", span_str(reactor), 0, 0, &created,
	    &err), -1);
	check_int(group_stop(groups, "r", NULL, 0, NULL, &err), -1);
	check_int(group_done_add(groups, "r", 0, 7, &err), -1);
	close_both();
}

/* ---- claims and acknowledgements ---- */

static bool is_done(int shard, int64_t position)
{
	bool done = false;

	check_int(group_is_done(groups, "r", shard, position, &done, &err), 0);
	return done;
}

static void test_shards(void)
{
	struct group_shard shards[GROUP_SHARDS];
	int64_t first, second;

	open_both();
	ensure("r", reactor, 5);
	check_int(group_shards(groups, "none", shards, &err), 0);
	check_int(shards[0].position, 0);
	check_int(group_shards(groups, "r", shards, &err), 0);
	for (int i = 0; i < GROUP_SHARDS; i++)
		check(shards[i].position == 5 && shards[i].epoch == 0 &&
		    shards[i].owner == 0);
	begin();
	check_int(group_claim(groups, "none", 3, 1, &first, &err), -1);
	check_int(group_claim(groups, "r", GROUP_SHARDS, 1, &first, &err), -1);
	check_int(group_claim(groups, "r", 3, 1, &first, &err), 0);
	check_int(group_ack(groups, "r", 3, first, 8, &err), 1);
	for (int64_t p = 9; p < 14; p += 2)
		check_int(group_done_add(groups, "r", 3, p, &err), 0);
	check_int(group_done_add(groups, "r", 3, 9, &err), 0);
	commit();
	check(is_done(3, 9) && !is_done(3, 10) && !is_done(4, 9));
	/* Another takes it: what the first acknowledges has no effect. */
	begin();
	check_int(group_claim(groups, "r", 3, 2, &second, &err), 0);
	check(second > first);
	check_int(group_ack(groups, "r", 3, first, 20, &err), 0);
	check(is_done(3, 13));
	check_int(group_ack(groups, "r", 3, second, 11, &err), 1);
	check(!is_done(3, 9) && !is_done(3, 11) && is_done(3, 13));
	/* It never goes back. */
	check_int(group_ack(groups, "r", 3, second, 7, &err), 1);
	commit();
	check_int(group_shards(groups, "r", shards, &err), 0);
	check(shards[3].position == 11 && shards[3].owner == 2);
	check_int(shards[2].position, 5);
	begin();
	check_int(group_release(groups, 2, &err), 0);
	check_int(group_release(groups, 77, &err), 0);
	commit();
	check_int(group_shards(groups, "r", shards, &err), 0);
	check(shards[3].owner == 0 && shards[3].epoch == second);
	for (int i = 0; i < 100; i++) {
		char text[30];

		snprintf(text, sizeof text, "{\"k\":\"%d\"}", i);
		first = group_shard_of(span_str(text));
		check(first >= 0 && first < GROUP_SHARDS);
	}
	/* It decides where a partition is: it must never become another. */
	check_int(group_shard_of(SPAN_LIT("{}")), 2);
	check_int(group_shard_of(SPAN_LIT("{\"k\":\"1\"}")), 7);
	close_both();
}

/* ---- failing partitions ---- */

static void put_failing(const char *partition, int64_t position, int attempt,
    bool parked)
{
	char text[64];
	struct group_failing f = {.partition = text, .position = position,
	    .attempt = attempt, .retry_at = 77, .parked = parked,
	    .shard = group_shard_of(span_str(partition))};

	snprintf(text, sizeof text, "%s", partition);
	check_int(group_failing_put(groups, "r", &f, &err), 0);
}

static void test_failing(void)
{
	struct group_failing *v;
	size_t n;
	int64_t retried = -1;
	enum outcome o;

	open_both();
	ensure("r", reactor, 0);
	unit_put(store, "{'type':'a','id':'m1','payload':{'k':1}}");
	unit_put(store, "{'type':'a','id':'m2','payload':{'k':2}}");
	unit_put(store, "{'type':'c','id':'m3','kind':'command',"
	    "'payload':{'k':3}}");
	check_int(group_failing(groups, "r", &v, &n, &err), 0);
	check(n == 0 && !v);
	begin();
	put_failing("{\"k\":\"3\"}", 3, 2, true);
	put_failing("{\"k\":\"1\"}", 1, 1, false);
	put_failing("{\"k\":\"2\"}", 2, 1, false);
	put_failing("{\"k\":\"2\"}", 2, 6, true);
	commit();
	check_int(group_failing(groups, "r", &v, &n, &err), 0);
	need(n == 3);
	check_str(v[0].partition, "{\"k\":\"1\"}");
	check(!v[0].parked && v[0].attempt == 1 && v[0].retry_at == 77);
	check(v[1].parked && v[1].attempt == 6 && v[1].position == 2);
	check_str(v[2].reason, "");
	begin();
	check_int(group_parked(groups, "r", &v[1], SPAN_LIT("m2"), &err), 0);
	commit();
	check(last_is("'type':'es.partition_parked'"));
	check(last_is("'payload':{'group':'r','partition':{'k':'2'},"
	    "'id':'m2','position':2,'reason':''}"));
	group_failing_free(v, n);
	/* Retry: only what is parked. */
	begin();
	check_int(group_retry(groups, "r", "{\"k\":\"1\"}", &retried, &err),
	    0);
	check_int(retried, 0);
	check_int(group_retry(groups, "r", "{\"k\":\"2\"}", &retried, &err),
	    0);
	check_int(retried, 1);
	check_int(group_retry(groups, "r", NULL, &retried, &err), 0);
	check_int(retried, 1);
	check_int(group_retry(groups, "none", NULL, &retried, &err), 0);
	check_int(retried, 0);
	commit();
	check_int(group_failing(groups, "r", &v, &n, &err), 0);
	need(n == 3);
	check(!v[1].parked && v[1].attempt == 0 && v[1].retry_at == 0);
	group_failing_free(v, n);
	/* Skip: an event tells, a command has its outcome. */
	begin();
	check_int(group_skip(groups, "r", "{\"k\":\"4\"}", &err), -1);
	check_int(group_skip(groups, "none", "{\"k\":\"3\"}", &err), -1);
	check_int(group_skip(groups, "r", "{\"k\":\"3\"}", &err), 0);
	check(last_is("'type':'es.message_skipped'"));
	check(last_is("'partition':{'k':'3'},'id':'m3','position':3,"));
	check_int(group_skip(groups, "r", "{\"k\":\"3\"}", &err), -1);
	check(strstr(err.text, "skipped already") != NULL);
	check_int(group_skip(groups, "r", "{\"k\":\"1\"}", &err), 0);
	commit();
	check_int(store_outcome(store, 3, &o, NULL, NULL, &err), 0);
	check_int(o, OUTCOME_SKIPPED);
	check_int(store_outcome(store, 1, &o, NULL, NULL, &err), 0);
	check_int(o, OUTCOME_NONE);
	check_int(group_failing(groups, "r", &v, &n, &err), 0);
	need(n == 3);
	check(v[0].attempt < 0 && v[2].attempt < 0 && v[1].attempt == 0);
	group_failing_free(v, n);
	begin();
	check_int(group_failing_remove(groups, "r", "{\"k\":\"1\"}", &err), 0);
	commit();
	check_int(group_failing(groups, "r", &v, &n, &err), 0);
	check_int(n, 2);
	group_failing_free(v, n);
	close_both();
}

static void test_stop(void)
{
	static const unsigned char hash[32] = {1, 2, 3};
	struct group_row row;

	open_both();
	ensure("r", reactor, 0);
	begin();
	check_int(group_stop(groups, "r", NULL, 0, NULL, &err), 0);
	commit();
	check(last_is("'type':'es.group_stopped'"));
	check(last_is("'payload':{'group':'r'}"));
	check_int(group_load(groups, "r", &row, &err), 1);
	check(row.stopped && !row.error && !row.has_hash);
	group_row_free(&row);
	begin();
	check_int(group_stop(groups, "r", "not \"found\"", 127, hash, &err),
	    0);
	commit();
	check(last_is("'reason':'not \\'found\\''}"));
	check_int(group_load(groups, "r", &row, &err), 1);
	check(row.stopped && row.code == 127 && row.has_hash &&
	    memcmp(row.hash, hash, 32) == 0);
	check_str(row.error, "not \"found\"");
	group_row_free(&row);
	begin();
	check_int(group_start(groups, "r", &err), 0);
	commit();
	check(last_is("'type':'es.group_started'"));
	check_int(group_load(groups, "r", &row, &err), 1);
	check(!row.stopped && !row.error && !row.code && !row.has_hash);
	group_row_free(&row);
	/* Taken back with its event. */
	begin();
	check_int(group_stop(groups, "r", NULL, 0, NULL, &err), 0);
	store_rollback(store);
	check_int(group_load(groups, "r", &row, &err), 1);
	check(!row.stopped);
	group_row_free(&row);
	check(last_is("es.group_started"));
	close_both();
}

/* ---- status ---- */

static void status_is(const char *name, int64_t lag, int64_t position,
    int64_t parked, int64_t retrying, int workers)
{
	struct group_status s;

	if (group_status(groups, name, &s, &err) != 1) {
		printf("%s: %s\n", name, err.text);
		unit_failed++;
		return;
	}
	check_int(s.lag, lag);
	check_int(s.position, position);
	check_int(s.parked, parked);
	check_int(s.retrying, retrying);
	check_int(s.workers, workers);
	group_status_free(&s);
}

static void test_status(void)
{
	struct workers *w;
	struct group_status s;
	int64_t epoch;
	int me, shard;

	open_both();
	check_int(group_status(groups, "none", &s, &err), 0);
	ensure("r", reactor, 0);
	ensure("d", decider, 0);
	status_is("r", 0, 0, 0, 0, 0);
	for (int i = 0; i < 10; i++) {
		char line[100];

		snprintf(line, sizeof line, "{'type':'%s','kind':'%s',"
		    "'payload':{'k':%d}}", i % 2 ? "c" : "a",
		    i % 2 ? "command" : "event", i / 4);
		unit_put(store, line);
	}
	/* Events at 1 3 5 7 9, commands at 2 4 6 8 10. */
	status_is("r", 5, 0, 0, 0, 0);
	status_is("d", 5, 1, 0, 0, 0);
	begin();
	check_int(store_set_outcome(store, 2, OUTCOME_DECIDED, 0, &err), 0);
	check_int(store_set_outcome(store, 6, OUTCOME_REJECTED, 0, &err), 0);
	shard = group_shard_of(SPAN_LIT("{\"k\":\"1\"}"));
	check_int(group_done_add(groups, "r", shard, 5, &err), 0);
	/* k=0 stands at 1, parked; k=2 was skipped at 9. */
	put_failing("{\"k\":\"0\"}", 1, 6, true);
	put_failing("{\"k\":\"2\"}", 9, -1, false);
	commit();
	status_is("d", 3, 3, 0, 0, 0);
	status_is("r", 3, 0, 1, 1, 0);
	/* A living worker counts, one that is gone does not. */
	need(workers_join(place_store, &w, &me, &err) == 0);
	begin();
	check_int(group_claim(groups, "r", 0, me, &epoch, &err), 0);
	check_int(group_claim(groups, "r", 1, me, &epoch, &err), 0);
	check_int(group_claim(groups, "r", 2, me + 1, &epoch, &err), 0);
	commit();
	status_is("r", 3, 0, 1, 1, 1);
	workers_leave(w);
	status_is("r", 3, 0, 1, 1, 0);
	close_both();
}

/* ---- delivery ---- */

static bool wants(const char *definition, const char *name, int64_t start,
    int64_t react_from, int64_t position)
{
	struct handler h;
	struct query q = {0};
	struct message m;
	bool is = false;

	need(delivery_parse(span_str(definition), &h, &q, &err) == 0);
	h.name = strdup(name);
	need(store_get(store, position, &m, &err) == 1);
	check_int(delivery_wants(store, &h, start, react_from, &m, &is, &err),
	    0);
	handler_free(&h);
	query_free(&q);
	return is;
}

static void test_wants(void)
{
	static const unsigned char hash[32] = {1};
	static const char all[] = "{\"kind\":\"executable\",\"query\":{}}";
	struct provenance p = {.handled = 1, .attempt = 1, .first = 3,
	    .last = 3};
	struct draft d = {.type = SPAN_LIT("es.broadcast"),
	    .payload = SPAN_LIT("{}")};
	struct appended a;
	int64_t id;
	struct handler h;
	struct query q = {0};

	open_both();
	ensure("r", reactor, 0);
	unit_put(store, "{'type':'a'}");
	unit_put(store, "{'type':'c','kind':'command'}");
	begin();
	check_int(store_append_own(store, &d, &a, &err), 0);
	check_int(store_handler(store, "x", hash, SPAN_LIT("{}"), &p.handler,
	    &err), 0);
	check_int(store_add_provenance(store, &p, &id, &err), 0);
	check_int(group_stop(groups, "r", NULL, 0, NULL, &err), 0);
	commit();
	check(wants(all, "r", 0, 0, 1) && !wants(all, "r", 0, 1, 1));
	check(wants(all, "r", 0, 0, 2));
	check(wants(decider, "d", 0, 9, 2) && !wants(decider, "d", 2, 0, 2));
	/* es. events that its own work caused are not given to a group. */
	check(wants(all, "r", 0, 0, 3) && !wants(all, "x", 0, 0, 3));
	check(!wants(all, "r", 0, 0, 4) && wants(all, "x", 0, 0, 4));
	check_int(delivery_parse(SPAN_LIT("{"), &h, &q, &err), -1);
	check_int(delivery_parse(SPAN_LIT("{\"query\":{\"items\":[{}]}}"), &h,
	    &q, &err), -1);
	close_both();
}

/* ---- another definition ---- */

#define MESSAGES 200

/* What of the log is still to be handled, by the tables. */
static void pending(bool out[MESSAGES + 1])
{
	struct group_shard shards[GROUP_SHARDS];
	struct group_row row;
	struct handler h;
	struct query q = {0};
	struct buf partition = {0};
	struct find *f;
	struct message m;

	memset(out, 0, (MESSAGES + 1) * sizeof *out);
	need(group_load(groups, "r", &row, &err) == 1);
	need(delivery_parse(span_str(row.definition), &h, &q, &err) == 0);
	need(group_shards(groups, "r", shards, &err) == 0);
	need(find_open(store, &q, NULL, 0, &f, &err) == 0);
	while (find_next(f, &m, &err) > 0) {
		bool done;
		int shard;

		need(delivery_partition(store, &h, &m, &partition, &err) == 0);
		shard = group_shard_of(buf_span(&partition));
		if (m.position <= shards[shard].position ||
		    m.position > MESSAGES)
			continue;
		need(group_is_done(groups, "r", shard, m.position, &done,
		    &err) == 0);
		out[m.position] = !done;
	}
	find_close(f);
	buf_free(&partition);
	handler_free(&h);
	query_free(&q);
	group_row_free(&row);
}

static uint64_t state;

static unsigned rnd(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state >> 33) % n;
}

/* Each shard has come to somewhere, and has done some of what is above. */
static void work_some(void)
{
	struct handler h;
	struct query q = {0};
	struct buf partition = {0};
	struct message m;
	int64_t low[GROUP_SHARDS], epoch;

	need(delivery_parse(span_str(reactor), &h, &q, &err) == 0);
	begin();
	for (int i = 0; i < GROUP_SHARDS; i++) {
		low[i] = 50 + rnd(100);
		check_int(group_claim(groups, "r", i, 1, &epoch, &err), 0);
		check_int(group_ack(groups, "r", i, epoch, low[i], &err), 1);
	}
	for (int64_t p = 1; p <= MESSAGES; p++) {
		int shard;

		need(store_get(store, p, &m, &err) == 1);
		if (!span_is(m.type, "a"))
			continue;
		need(delivery_partition(store, &h, &m, &partition, &err) == 0);
		shard = group_shard_of(buf_span(&partition));
		if (p > low[shard] && rnd(3))
			check_int(group_done_add(groups, "r", shard, p, &err),
			    0);
	}
	commit();
	buf_free(&partition);
	handler_free(&h);
	query_free(&q);
}

/* More attributes than can be indexed, of which the catalog keeps a few. */
static void put_wide(void)
{
	struct buf line = {0};

	buf_adds(&line, "{'type':'a','payload':{'k':7,'l':1");
	for (int i = 0; i < 80; i++)
		buf_addf(&line, ",'w%d':%d", i, i);
	buf_adds(&line, "}}");
	check(unit_put(store, line.p) > 0);
	buf_free(&line);
}

static void test_redefine(uint64_t seed)
{
	static const char by_l[] = REACTS("\"a\"", "\"l\""),
	    more[] = REACTS("\"a\",\"b\"", "\"l\",\"k\""),
	    by_none[] = "{\"kind\":\"jq\",\"reacts\":[\"a\"]}";
	bool before[MESSAGES + 1], after[MESSAGES + 1];
	struct group_shard shards[GROUP_SHARDS], now[GROUP_SHARDS];
	int64_t high = 0;
	char line[100];

	state = seed | 1;
	open_both();
	unit_catalog(store, "{'a':{'keys':['k','l']}}");
	ensure("r", reactor, 0);
	begin();
	for (int i = 2; i < MESSAGES; i++) {
		snprintf(line, sizeof line, "{'type':'%s','payload':"
		    "{'k':%u,'l':%u}}", rnd(4) ? "a" : "b", rnd(40), rnd(40));
		check_int(unit_append(store, line, NULL), i);
	}
	commit();
	put_wide();
	work_some();
	check_int(group_shards(groups, "r", shards, &err), 0);
	for (int i = 0; i < GROUP_SHARDS; i++)
		if (shards[i].position > high)
			high = shards[i].position;
	pending(before);
	/* Another type: of it what came after all that is handled. */
	begin();
	check_int(group_redefine(groups, "r", span_str(more), &err), 0);
	commit();
	pending(after);
	for (int64_t p = 1; p <= MESSAGES; p++) {
		struct message m;

		need(store_get(store, p, &m, &err) == 1);
		if (!span_is(m.type, "a") && after[p] != (p > high &&
		    span_is(m.type, "b")))
			check_int(p, -1);
		else if (span_is(m.type, "a") && after[p] != before[p])
			check_int(p, -2);
	}
	begin();
	check_int(group_redefine(groups, "r", span_str(by_l), &err), 0);
	commit();
	pending(after);
	check(memcmp(before, after, sizeof before) == 0);
	check(last_is("'type':'es.group_redefined','version':1,"
	    "'payload':{'group':'r','definition':{'kind':'jq'"));
	/* Who had a shard has it no more. */
	check_int(group_shards(groups, "r", now, &err), 0);
	check(now[0].epoch > shards[0].epoch && now[0].owner == 0);
	begin();
	check_int(group_redefine(groups, "r", span_str(by_none), &err), 0);
	commit();
	pending(after);
	check(memcmp(before, after, sizeof before) == 0);
	/* Refused while something fails, and what is no definition. */
	begin();
	check_int(group_redefine(groups, "r", SPAN_LIT("{"), &err), -1);
	check_int(group_redefine(groups, "none", span_str(by_l), &err), -1);
	put_failing("{\"k\":\"1\"}", 100, 1, false);
	check_int(group_redefine(groups, "r", span_str(by_l), &err), -1);
	check(strstr(err.text, "1 failing partition") != NULL);
	store_rollback(store);
	if (unit_failed)
		printf("seed %llu\n", (unsigned long long)seed);
	close_both();
}

int main(int argc, char **argv)
{
	int fds;
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) :
	    (uint64_t)time(NULL) * 1000003 + (uint64_t)getpid();

	setenv("ES_SYNC", "normal", 1);
	place_make("group");
	fds = place_fds();
	test_ensure();
	test_shards();
	test_failing();
	test_stop();
	test_status();
	test_wants();
	for (uint64_t i = 0; i < 5; i++)
		test_redefine(seed + i);
	check_int(place_fds(), fds);
	place_remove();
	return unit_end();
}
