/* decide.h over a store, and the partitions of fold.h; no worker is run. */
#include <unistd.h>

#include "decide.h"
#include "sys.h"
#include "unit.h"

static char path[4096];
static struct store *store;
static struct handler handler;
static struct es_err err;

static const char catalog[] = "{"
    "\"d.start\":{\"kind\":\"command\",\"payload\":{\"c\":\"string\","
    "\"d\":\"string\",\"n\":\"integer?\"}},"
    "\"d.started\":{\"payload\":{\"c\":\"string\",\"d\":\"string\","
    "\"n\":\"integer?\"}},"
    "\"c.closed\":{\"payload\":{\"c\":\"string\"}}}";

static const char source[] =
    "def about: {partition_by: [\"c\", \"d\"]};\n"
    "def evolve($e): apply($e; \"d.started\"; .n += 1)\n"
    "  | apply($e; \"c.closed\"; .closed = true);\n"
    "def decide($c): on($c; \"d.start\"; event(\"d.started\"; $c.payload));\n";

static void make_files(void)
{
	const char *tmp = getenv("TMPDIR");
	char file[4200];
	struct catalog *c;
	bool changed;

	snprintf(path, sizeof path, "%s/decide-XXXXXX", tmp ? tmp : "/tmp");
	need(mkdtemp(path));
	snprintf(file, sizeof file, "%s/d.jq", path);
	need(sys_write_file(file, span_str(source), false, &err) == 0);
	need(handler_load(file, &handler, &err) == 0);
	need(handler_about(&handler, SPAN_LIT("{\"partition_by\":"
	    "[\"c\",\"d\"]}"), &err) == 0);
	unlink(file);
	snprintf(file, sizeof file, "%s/es.db", path);
	need(store_create(file, &changed, &err) == 0);
	need(store_open(file, true, &store, &err) == 0);
	need(catalog_parse("catalog", catalog, sizeof catalog - 1, &c,
	    &err) == 0);
	need(store_begin(store, &err) == 0);
	need(store_load_catalog(store, c, &changed, &err) == 0);
	need(store_commit(store, &err) == 0);
	catalog_free(c);
}

static void remove_files(void)
{
	static const char *const ends[] = {"es.db", "es.db-wal", "es.db-shm",
	    "es.db-lock", "es.db-bell", "es.db-workers"};
	char file[4200];
	size_t i;

	handler_free(&handler);
	store_close(store);
	for (i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(file, sizeof file, "%s/%s", path, ends[i]);
		unlink(file);
	}
	rmdir(path);
}

/* Store one message, in the open transaction. */
static int64_t put(const char *id, const char *type, const char *payload)
{
	struct draft d = {.id = span_str(id), .type = span_str(type),
	    .payload = span_str(payload), .metadata = SPAN_LIT("{}")};
	struct appended a;

	if (store_append(store, &d, &a, &err) < 0) {
		printf("%s: %s\n", type, err.text);
		need(false);
	}
	return a.position;
}

static struct message command(const char *id, const char *payload)
{
	return (struct message){.id = span_str(id),
	    .correlation_id = SPAN_LIT("the-chain"), .kind = KIND_COMMAND,
	    .type = SPAN_LIT("d.start"), .version = 1,
	    .payload = span_str(payload), .metadata = SPAN_LIT("{}")};
}

static void partition_is(const struct message *m, const char *want,
    bool want_complete, bool want_many)
{
	struct partition p;
	struct buf text = {0};
	bool complete, many;

	need(partition_of(store, &handler, m, &p, &complete, &many,
	    &err) == 0);
	partition_print(&p, &text);
	check_str(text.p, want);
	check_int(complete, want_complete);
	check_int(many, want_many);
	partition_free(&p);
	buf_truncate(&text, 0);
	need(decide_partition(store, &handler, m, &p, &text, &err) == 0);
	check_int(text.n == 0, complete && !many);
	if (!complete)
		check(strstr(text.p, "does not carry") != NULL);
	if (many)
		check(strstr(text.p, "several values") != NULL);
	buf_free(&text);
	partition_free(&p);
}

static void test_partitions(void)
{
	struct message m = command("x", "{\"c\":\"c1\",\"d\":\"d1\"}");

	partition_is(&m, "{\"c\":\"c1\",\"d\":\"d1\"}", true, false);
	m.payload = SPAN_LIT("{\"c\":\"c1\"}");
	partition_is(&m, "{\"c\":\"c1\",\"d\":null}", false, false);
	m.tags = SPAN_LIT("[\"c:c0\",\"d:d1\"]");
	partition_is(&m, "{\"c\":\"c0\",\"d\":\"d1\"}", true, true);
	m.type = SPAN_LIT("unknown.type");
	m.payload = SPAN_LIT("{}");
	m.tags = SPAN_LIT("[\"d:\\\"\\\\\"]");
	partition_is(&m, "{\"c\":null,\"d\":\"\\\"\\\\\"}", false, false);
}

static void test_pairs(void)
{
	char c[] = "c", d[] = "d", x[] = "x", v1[] = "1", v2[] = "2";
	struct query_pair pairs[] = {{d, v2}, {c, v1}, {x, v1}};
	struct partition p, copy;
	struct buf text = {0};
	struct query q;

	need(partition_from_pairs(&handler, pairs, 2, &p, &err) == 0);
	need(partition_copy(&p, &copy, &err) == 0);
	partition_print(&copy, &text);
	check_str(text.p, "{\"c\":\"1\",\"d\":\"2\"}");
	buf_truncate(&text, 0);
	need(partition_query(&handler, &p, &q, &err) == 0);
	query_print(&text, &q);
	check_str(text.p, "{\"items\":[{\"types\":[\"c.closed\","
	    "\"d.started\"],\"partition\":{\"c\":\"1\",\"d\":\"2\"}}]}");
	query_free(&q);
	partition_free(&p);
	partition_free(&copy);
	buf_free(&text);
	check_int(partition_from_pairs(&handler, pairs, 1, &p, &err), -1);
	check_int(err.code, ES_USAGE);
	check(strstr(err.text, "c: its value is missing") != NULL);
	check_int(partition_from_pairs(&handler, pairs, 3, &p, &err), -1);
	check(strstr(err.text, "x: d is partitioned by c, d") != NULL);
}

static void test_append(void)
{
	struct message m = command("cmd-1", "{}"), got;
	struct made made[] = {
		{.type = SPAN_LIT("d.started"),
		    .payload = SPAN_LIT("{\"c\":\"c1\",\"d\":\"d1\"}")},
		{.type = SPAN_LIT("c.closed"), .id = SPAN_LIT("closing"),
		    .payload = SPAN_LIT("{\"c\":\"c1\"}"),
		    .metadata = SPAN_LIT("{\"by\":1}")},
	};
	struct buf lines = {0};
	int64_t first, last, before;

	need(store_begin(store, &err) == 0);
	before = store_before(store);
	need(decide_append(store, &m, made, 2, &first, &last, &lines,
	    &err) == 0);
	check_int(first, before + 1);
	check_int(last, before + 2);
	need(store_get(store, last, &got, &err) > 0);
	check(span_is(got.causation_id, "cmd-1"));
	check(span_is(got.correlation_id, "the-chain"));
	check(span_is(got.metadata, "{\"by\":1}"));
	check(lines.n && strstr(lines.p, "\"d.started\"") &&
	    lines.p[lines.n - 1] == '\n');
	/* The second is there already, and so does not count. */
	need(decide_append(store, &m, made + 1, 1, &first, &last, NULL,
	    &err) == 0);
	check_int(first, 0);
	check_int(last, 0);
	need(decide_append(store, &m, made, 0, &first, &last, NULL,
	    &err) == 0);
	check_int(first, 0);
	store_rollback(store);
	buf_free(&lines);
}

/* A fault in one of them leaves none of them. */
static void fault_is(struct made bad, const char *want)
{
	struct message m = command("cmd-2", "{}");
	struct made made[] = {
		{.type = SPAN_LIT("c.closed"),
		    .payload = SPAN_LIT("{\"c\":\"c1\"}")}, bad,
	};
	int64_t first, last, head;

	need(store_begin(store, &err) == 0);
	check_int(decide_append(store, &m, made, 2, &first, &last, NULL,
	    &err), -1);
	check_int(err.code, ES_FAILED);
	check_int(first, 0);
	if (!strstr(err.text, want))
		check_str(err.text, want);
	need(store_head(store, &head, &err) == 0);
	check_int(head, store_before(store));
	store_rollback(store);
}

static void test_faults(void)
{
	struct made m = {.command = true, .type = SPAN_LIT("d.start"),
	    .payload = SPAN_LIT("{\"c\":\"1\",\"d\":\"2\"}")};

	fault_is((struct made){.type = SPAN_LIT("d.started"),
	    .payload = SPAN_LIT("{\"c\":\"c1\",\"d\":7}")},
	    "output 2: d.started: d: must be");
	fault_is((struct made){.type = SPAN_LIT("d.start"),
	    .payload = SPAN_LIT("{\"c\":\"c1\",\"d\":\"1\"}")},
	    "output 2: d.start: kind: must be command");
	fault_is((struct made){.type = SPAN_LIT("es.own")}, "output 2: es.own: "
	    "only es itself");
	fault_is((struct made){.type = SPAN_LIT("no type")},
	    "output 2: no type: type: \"no type\" is not of the form");
	check_int(decide_only_events(&m, 1, &err), -1);
	check(strstr(err.text, "output 1: d.start: a command") != NULL);
	m.command = false;
	check_int(decide_only_events(&m, 1, &err), 0);
}

static void test_rejection(void)
{
	struct message m = command("cmd-3", "{\"c\":\"c1\",\"d\":\"d1\"}"),
	    got;
	int64_t at;

	m.tags = SPAN_LIT("[\"urgent\",\"who:me\"]");
	need(store_begin(store, &err) == 0);
	need(decide_append_rejection(store, &m, SPAN_LIT("it is \"full\""),
	    SPAN_LIT("{\"left\":0}"), &at, NULL, &err) == 0);
	need(store_get(store, at, &got, &err) > 0);
	check(span_is(got.type, "es.command_rejected"));
	check(span_is(got.payload, "{\"command_id\":\"cmd-3\",\"type\":"
	    "\"d.start\",\"reason\":\"it is \\\"full\\\"\",\"detail\":"
	    "{\"left\":0}}"));
	check(span_is(got.tags, "[\"c:c1\",\"d:d1\",\"urgent\",\"who:me\"]"));
	check(span_is(got.causation_id, "cmd-3"));
	check(span_is(got.correlation_id, "the-chain"));
	need(decide_append_rejection(store, &m, SPAN_LIT("no"), SPAN_NONE, &at,
	    NULL, &err) == 0);
	need(store_get(store, at, &got, &err) > 0);
	check(strstr(got.payload.p, "\"detail\":null") != NULL);
	store_rollback(store);
}

/* As many keys as a message can have, and still a rejection. */
static void test_many_keys(void)
{
	struct message m = command("cmd-4", "{}");
	struct buf tags = {0};
	int64_t at;
	int i;

	for (i = 0; i < KEYS_MAX; i++)
		buf_addf(&tags, "%s\"t%d\"", i ? "," : "[", i);
	buf_addc(&tags, ']');
	m.tags = buf_span(&tags);
	need(store_begin(store, &err) == 0);
	check_int(decide_append_rejection(store, &m, SPAN_LIT("no"), SPAN_NONE,
	    &at, NULL, &err), 0);
	store_rollback(store);
	buf_free(&tags);
}

static bool conflicts(int64_t read_at)
{
	struct message m = command("x", "{\"c\":\"c1\",\"d\":\"d1\"}");
	struct partition p;
	bool complete, many, conflict = false;

	need(partition_of(store, &handler, &m, &p, &complete, &many,
	    &err) == 0);
	need(decide_conflict(store, &handler, &p, read_at, &conflict,
	    &err) == 0);
	partition_free(&p);
	return conflict;
}

static void test_conflict(void)
{
	int64_t at;

	need(store_begin(store, &err) == 0);
	at = store_before(store);
	check(!conflicts(at));
	/* Another donation, another campaign, a type that is not evolved. */
	put("e1", "d.started", "{\"c\":\"c1\",\"d\":\"d2\"}");
	put("e2", "c.closed", "{\"c\":\"c2\"}");
	put("e3", "d.start", "{\"c\":\"c1\",\"d\":\"d1\"}");
	check(!conflicts(at));
	/* The campaign itself, in the same transaction. */
	at = put("e4", "c.closed", "{\"c\":\"c1\"}");
	check(conflicts(at - 1));
	check(!conflicts(at));
	need(store_commit(store, &err) == 0);
	check(conflicts(at - 1));
	check(!conflicts(at));
}

static void test_record(void)
{
	struct message m = command("x", "{\"c\":\"c1\",\"d\":\"d1\"}");
	struct partition p;
	enum outcome outcome;
	bool complete, many;
	int64_t id, at, first, last;

	need(partition_of(store, &handler, &m, &p, &complete, &many,
	    &err) == 0);
	need(store_begin(store, &err) == 0);
	at = put("cmd-5", "d.start", "{\"c\":\"c1\",\"d\":\"d1\"}");
	need(store_handler(store, "d", handler.hash, SPAN_LIT("{}"), &id,
	    &err) == 0);
	need(decide_record(store, &handler, at, id, &p, at - 1, 1,
	    OUTCOME_DECIDED, at, at, &err) == 0);
	need(store_outcome(store, at, &outcome, &first, &last, &err) == 0);
	check_int(outcome, OUTCOME_DECIDED);
	check_int(first, at);
	/* Only once. */
	check_int(decide_record(store, &handler, at, id, &p, at, 1,
	    OUTCOME_REJECTED, 0, 0, &err), -1);
	store_rollback(store);
	partition_free(&p);
}

/* A name is a key by the catalog at the append, whatever came after. */
static void test_older_catalog(void)
{
	static const char later[] = "{\"d.start\":{\"kind\":\"command\","
	    "\"keys\":[\"c\"],\"payload\":{\"c\":\"string\",\"d\":\"string\","
	    "\"n\":\"integer?\"}}}";
	struct message m, copy = command("x", "{\"c\":\"c1\",\"d\":\"d1\"}");
	struct catalog *c;
	bool changed;
	int64_t old, new;

	need(store_begin(store, &err) == 0);
	old = put("old", "d.start", "{\"c\":\"c1\",\"d\":\"d1\"}");
	need(catalog_parse("catalog", later, sizeof later - 1, &c,
	    &err) == 0);
	need(store_load_catalog(store, c, &changed, &err) == 0);
	catalog_free(c);
	new = put("new", "d.start", "{\"c\":\"c1\",\"d\":\"d1\"}");
	need(store_commit(store, &err) == 0);
	need(store_get(store, old, &m, &err) > 0);
	copy.position = old;
	partition_is(&copy, "{\"c\":\"c1\",\"d\":\"d1\"}", true, false);
	copy.position = new;
	partition_is(&copy, "{\"c\":\"c1\",\"d\":null}", false, false);
}

int main(void)
{
	make_files();
	test_partitions();
	test_pairs();
	test_append();
	test_faults();
	test_rejection();
	test_many_keys();
	test_conflict();
	test_record();
	test_older_catalog();
	remove_files();
	return unit_end();
}
