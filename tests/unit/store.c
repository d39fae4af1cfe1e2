#include <fcntl.h>

#include "storeunit.h"
#include "sys.h"

/* ---- making and opening ---- */

static void write_file(const char *text)
{
	check_int(sys_write_file(place_store, span_str(text), false, &err), 0);
}

/* Another program's database, with what it is known by. */
static void foreign(const char *sql)
{
	sqlite3 *h;

	place_clean();
	need(sqlite3_open(place_store, &h) == SQLITE_OK);
	need(sqlite3_exec(h, sql, NULL, NULL, NULL) == SQLITE_OK);
	sqlite3_close(h);
}

static void refused(const char *why)
{
	struct store *s;
	bool created;

	check_int(store_create(place_store, &created, &err), -1);
	check_int(err.code, ES_FAILED);
	check(!created);
	if (!strstr(err.text, why))
		check_str(err.text, why);
	check_int(store_open(place_store, true, &s, &err), -1);
	if (!strstr(err.text, why))
		check_str(err.text, why);
	check(!s);
	/* Nothing was made beside it. */
	check_int(place_size("-wal"), -1);
}

static void test_create(void)
{
	struct store *s;
	char id[UUID_TEXT];
	bool created;
	int fds = place_fds();

	place_clean();
	check_int(store_open(place_store, true, &s, &err), -1);
	check(strstr(err.text, "es-init") != NULL);
	check_int(place_size(""), -1);
	s = unit_store();
	memcpy(id, store_id(s), sizeof id);
	check_int(strlen(id), 36);
	check_int(strlen(store_epoch(s)), 36);
	check(strcmp(id, store_epoch(s)) != 0);
	check_str(store_path(s), place_store);
	check_int(unit_head(s), 0);
	check_str(unit_get(s, 1), "none");
	store_close(s);
	check_int(store_create(place_store, &created, &err), 0);
	check(!created);
	s = unit_open(false);
	check_str(store_id(s), id);
	check_int(store_check_same(s, &err), 0);
	store_close(s);
	store_close(NULL);
	check_int(place_fds(), fds);
}

static void test_refused(void)
{
	char kept[sizeof place_store];
	struct store *s;
	bool created;
	int fds = place_fds();

	place_clean();
	write_file("this is no database, whatever it is called");
	refused("not a database");
	foreign("create table t(n)");
	refused("not a store of es");
	foreign("pragma application_id=7");
	refused("not a store of es");
	foreign("pragma user_version=1");
	refused("not a store of es");
	store_close(unit_store());
	foreign("pragma application_id=1702063207; create table t(n)");
	refused("not a store of es");
	foreign("pragma application_id=1702063207; pragma user_version=4;"
	    "create table t(n)");
	refused("its format is 4");
	foreign("pragma application_id=1702063207; pragma user_version=4");
	refused("its format is 4");
	memcpy(kept, place_store, sizeof kept);
	snprintf(place_store, sizeof place_store, "%s/no/es.db", place_dir);
	check_int(store_create(place_store, &created, &err), -1);
	check(strstr(err.text, "/no/es.db: No such file") != NULL);
	memcpy(place_store, kept, sizeof kept);
	check_int(store_create(place_dir, &created, &err), -1);
	check(strstr(err.text, "is a directory") != NULL);
	check_int(place_fds(), fds);
	/* Half made: empty, or a WAL file without tables. */
	place_clean();
	write_file("");
	check_int(store_open(place_store, true, &s, &err), -1);
	check(strstr(err.text, "an empty file") != NULL);
	check_int(store_create(place_store, &created, &err), 0);
	check(created);
	store_close(unit_open(true));
	foreign("pragma journal_mode=wal");
	check_int(store_create(place_store, &created, &err), 0);
	check(created);
	store_close(unit_open(true));
	check_int(place_fds(), fds);
}

static void test_same_file(void)
{
	struct store *s = unit_store();
	char other[400];

	check_int(store_check_same(s, &err), 0);
	snprintf(other, sizeof other, "%s.old", place_store);
	check_int(rename(place_store, other), 0);
	check_int(store_check_same(s, &err), -1);
	check(strstr(err.text, "gone") != NULL);
	write_file("");
	check_int(store_check_same(s, &err), -1);
	check(strstr(err.text, "another file") != NULL);
	check_int(rename(other, place_store), 0);
	check_int(store_check_same(s, &err), 0);
	check_int(db_begin(store_db(s), &err), 0);
	check_int(db_exec(store_db(s), "insert into epoch values (2, "
	    "'00000000-0000-7000-8000-000000000000', null, 0, 0)", &err), 0);
	check_int(db_commit(store_db(s), &err), 0);
	check_int(store_check_same(s, &err), -1);
	check(strstr(err.text, "epoch") != NULL);
	store_close(s);
}

static void test_epoch(void)
{
	struct store *s = unit_store(), *r = unit_open(false);
	char first[UUID_TEXT];

	unit_put(s, "{'type':'t'}");
	memcpy(first, store_epoch(s), sizeof first);
	check_int(store_begin_epoch(s, 0, &err), -1);
	need(store_begin(s, &err) == 0);
	check_int(store_begin_epoch(s, 1, &err), 0);
	check(strcmp(store_epoch(s), first) != 0);
	check_int(store_begin_epoch(s, 1, &err), 0);
	store_rollback(s);
	check_str(store_epoch(s), first);
	check_int(store_check_same(s, &err), 0);
	need(store_begin(s, &err) == 0);
	check_int(store_begin_epoch(s, 1, &err), 0);
	need(store_commit(s, &err) == 0);
	check_int(store_check_same(s, &err), 0);
	check_str(store_epoch(r), first);
	check_int(store_check_same(r, &err), -1);
	store_close(r);
	r = unit_open(false);
	check_str(store_epoch(r), store_epoch(s));
	store_close(r);
	store_close(s);
}

/* ---- identity ---- */

static void repeats(struct store *s, const char *line, int64_t position)
{
	struct appended a;
	int64_t head = unit_head(s);

	need(store_begin(s, &err) == 0);
	if (unit_append(s, line, &a) != position || !a.repeated)
		printf("%s: not taken for a repetition: %s\n", line, err.text),
		unit_failed++;
	else
		check(a.line.n > 0 && a.line.p[a.line.n - 1] == '\n');
	need(store_commit(s, &err) == 0);
	check_int(unit_head(s), head);
}

static void differs(struct store *s, const char *line, const char *in)
{
	char want[80];

	snprintf(want, sizeof want, "with another %s", in);
	check_int(unit_put(s, line), -1);
	check_int(err.code, ES_FAILED);
	if (!strstr(err.text, want))
		check_str(err.text, want);
}

static void test_identity(void)
{
	struct store *s = unit_store();

	check_int(unit_put(s, "{'type':'a.b','id':'one','tags':['x','y:1','x'],"
	    "'payload':{'n' : 1, 's':' a b '},'metadata':{'m':1}}"), 1);
	repeats(s, "{'type':'a.b','id':'one','tags':['y:1','x'],"
	    "'payload':{'n':1,'s':' a b '}}", 1);
	repeats(s, "{'type':'a.b','id':'one','tags':['y:1','\\u0078'],"
	    "'kind':'event','version':1,'metadata':{'other':true},"
	    "'payload': { 'n' : 1 , 's' :\t' a b ' } }", 1);
	differs(s, "{'type':'a.c','id':'one','tags':['x','y:1'],"
	    "'payload':{'n':1,'s':' a b '}}", "type");
	differs(s, "{'type':'a.b','id':'one','tags':['x','y:1'],"
	    "'kind':'command','payload':{'n':1,'s':' a b '}}", "kind");
	differs(s, "{'type':'a.b','id':'one','tags':['x','y:1'],"
	    "'version':2,'payload':{'n':1,'s':' a b '}}", "version");
	differs(s, "{'type':'a.b','id':'one','tags':['x','y:2'],"
	    "'payload':{'n':1,'s':' a b '}}", "tags");
	differs(s, "{'type':'a.b','id':'one','payload':{'n':1,'s':' a b '}}",
	    "tags");
	differs(s, "{'type':'a.b','id':'one','tags':['x','y:1'],"
	    "'payload':{'n':1,'s':'a b'}}", "payload");
	differs(s, "{'type':'a.b','id':'one','tags':['x','y:1']}", "payload");
	differs(s, "{'type':'a.b','id':'one','tags':['x','y:1'],"
	    "'payload':{'s':' a b ','n':1}}", "payload");
	/* ids are bytes, whether they look like UUIDs or numbers or not. */
	check_int(unit_put(s, "{'type':'a','id':"
	    "'01890a5d-ac96-774b-bcce-b302099a8057'}"), 2);
	check_int(unit_put(s, "{'type':'a','id':"
	    "'01890A5D-AC96-774B-BCCE-B302099A8057'}"), 3);
	check_int(unit_put(s, "{'type':'a','id':'1'}"), 4);
	check_int(unit_put(s, "{'type':'a','id':'01'}"), 5);
	check_int(unit_put(s, "{'type':'a','id':'1.0'}"), 6);
	repeats(s, "{'type':'a','id':'01890a5d-ac96-774b-bcce-b302099a8057'}",
	    2);
	repeats(s, "{'type':'a','id':'01','tags':[]}", 5);
	store_close(s);
}

/* Repeated within the transaction of the first. */
static void test_identity_inside(void)
{
	struct store *s = unit_store();
	struct appended a;

	need(store_begin(s, &err) == 0);
	check_int(unit_append(s, "{'type':'a','id':'1'}", &a), 1);
	check(!a.repeated);
	check_int(unit_append(s, "{'type':'a','id':'1'}", &a), 1);
	check(a.repeated);
	check_int(unit_append(s, "{'type':'b','id':'1'}", &a), -1);
	check(!store_broken(s));
	check_int(unit_append(s, "{'type':'b','id':'2'}", &a), 2);
	need(store_commit(s, &err) == 0);
	store_close(s);
}

/* A payload that the catalog rewrites is compared as it came in. */
static void test_identity_rewritten(void)
{
	static char text[] = "{\"n\":\"5\"}", other[] = "{\"n\":5}";
	struct store *s = unit_store();
	struct draft d = {.type = SPAN_LIT("t"), .id = SPAN_LIT("form"),
	    .payload = {text, sizeof text - 1}, .coerce = true};
	struct appended a;

	unit_catalog(s, "{'t':{'payload':{'n':'integer','d':"
	    "{'type':'string','default':'x'}}}}");
	check_int(unit_put(s, "{'type':'t','id':'one','payload':{'n': 1}}"), 2);
	check(strstr(unit_get(s, 2), "{\"n\": 1,\"d\":\"x\"}") != NULL);
	repeats(s, "{'type':'t','id':'one','payload':{'n':1}}", 2);
	differs(s, "{'type':'t','id':'one','payload':{'n':2}}", "payload");
	differs(s, "{'type':'t','id':'one','payload':{'n':1,'d':'x'}}",
	    "payload");
	need(store_begin(s, &err) == 0);
	check_int(store_append(s, &d, &a, &err), 0);
	check_int(a.position, 3);
	check_int(store_append(s, &d, &a, &err), 0);
	check(a.repeated);
	need(store_commit(s, &err) == 0);
	check(strstr(unit_get(s, 3), "{\"n\":5,\"d\":\"x\"}") != NULL);
	/* Coerced, but another text came in. */
	d.payload = (struct span){other, sizeof other - 1};
	need(store_begin(s, &err) == 0);
	check_int(store_append(s, &d, &a, &err), -1);
	check(strstr(err.text, "another payload") != NULL);
	store_rollback(s);
	/* With a later catalog the stored message is still the same. */
	unit_catalog(s, "{'t':{'payload':{'n':'integer','d':"
	    "{'type':'string','default':'y'}}}}");
	repeats(s, "{'type':'t','id':'one','payload':{'n':1}}", 2);
	unit_catalog(s, "{'t':{'kind':'command','version':3,'payload':{}}}");
	repeats(s, "{'type':'t','id':'one','payload':{'n':1}}", 2);
	store_close(s);
}

static void test_reserved(void)
{
	struct store *s = unit_store();
	int64_t position;

	check_int(unit_put(s, "{'type':'a'}"), 1);
	check_int(db_begin(store_db(s), &err), 0);
	check_int(db_exec(store_db(s), "insert into ids values ('later', -1)",
	    &err), 0);
	check_int(db_exec(store_db(s), "update message set erased_at = 5; "
	    "insert into ids values ('gone', 1)", &err), 0);
	check_int(db_commit(store_db(s), &err), 0);
	check_int(unit_put(s, "{'type':'a','id':'later'}"), -1);
	check(strstr(err.text, "reserved by the schedule at position 1"));
	check_int(store_find_id(s, SPAN_LIT("later"), &position, &err), 1);
	check_int(position, -1);
	check_int(unit_put(s, "{'type':'a','id':'gone'}"), -1);
	check(strstr(err.text, "was erased") != NULL);
	/* A cause that is only reserved is kept as it is. */
	check_int(unit_put(s, "{'type':'a','id':'i','causation_id':'later'}"),
	    2);
	check(strstr(unit_get(s, 2), "\"causation_id\":\"later\","
	    "\"correlation_id\":\"i\"") != NULL);
	store_close(s);
}

/* ---- what is stored ---- */

static void has(struct store *s, int64_t position, const char *what)
{
	char text[500];
	size_t i;

	need(strlen(what) < sizeof text);
	for (i = 0; what[i]; i++)
		text[i] = what[i] == '\'' ? '"' : what[i];
	text[i] = '\0';
	if (!strstr(unit_get(s, position), text))
		check_str(unit_get(s, position), text);
}

static void test_causes(void)
{
	struct store *s = unit_store();

	unit_put(s, "{'type':'a','id':'1'}");
	unit_put(s, "{'type':'a','id':'2','causation_id':'1'}");
	unit_put(s, "{'type':'a','id':'3','causation_id':'2'}");
	unit_put(s, "{'type':'a','id':'4','causation_id':'2',"
	    "'correlation_id':'own'}");
	unit_put(s, "{'type':'a','id':'5','causation_id':'unknown'}");
	unit_put(s, "{'type':'a','id':'6','causation_id':'4'}");
	unit_put(s, "{'type':'a','id':'7','causation_id':'7'}");
	unit_put(s, "{'type':'a','id':'8','correlation_id':'1'}");
	has(s, 1, "'causation_id':'1','correlation_id':'1'");
	has(s, 2, "'causation_id':'1','correlation_id':'1'");
	has(s, 3, "'causation_id':'2','correlation_id':'1'");
	has(s, 4, "'causation_id':'2','correlation_id':'own'");
	has(s, 5, "'causation_id':'unknown','correlation_id':'5'");
	has(s, 6, "'causation_id':'4','correlation_id':'own'");
	has(s, 7, "'causation_id':'7','correlation_id':'7'");
	has(s, 8, "'causation_id':'8','correlation_id':'1'");
	store_close(s);
}

static void test_times(void)
{
	struct store *s = unit_store();
	struct appended a;
	int64_t now;

	unit_put(s, "{'type':'a','created_at':'2020-02-03T04:05:06.123456Z'}");
	unit_put(s, "{'type':'a','created_at':'2020-02-03T04:05:06Z'}");
	unit_put(s, "{'type':'a','created_at':'2020-02-03t04:05:06.5+01:30'}");
	unit_put(s, "{'type':'a','created_at':'2016-12-31T23:59:60.000000Z'}");
	unit_put(s, "{'type':'a','created_at':'1969-12-31T23:59:59.500000Z'}");
	unit_put(s, "{'type':'a','created_at':'0001-01-01T00:00:00.000000Z'}");
	unit_put(s, "{'type':'a','created_at':'9999-12-31T23:59:59.999999Z'}");
	unit_put(s, "{'type':'a',"
	    "'created_at':'2020-02-03T04:05:06.1234567891Z'}");
	has(s, 1, "'created_at':'2020-02-03T04:05:06.123456Z'");
	has(s, 2, "'created_at':'2020-02-03T04:05:06Z'");
	has(s, 3, "'created_at':'2020-02-03t04:05:06.5+01:30'");
	has(s, 4, "'created_at':'2016-12-31T23:59:60.000000Z'");
	has(s, 5, "'created_at':'1969-12-31T23:59:59.500000Z'");
	has(s, 6, "'created_at':'0001-01-01T00:00:00.000000Z'");
	has(s, 7, "'created_at':'9999-12-31T23:59:59.999999Z'");
	has(s, 8, "'created_at':'2020-02-03T04:05:06.1234567891Z'");
	/* The clock never goes back, whatever the system's does. */
	need(store_begin(s, &err) == 0);
	now = store_now(s);
	check(!store_set_now(s, 5));
	check_int(store_now(s), now);
	check(store_set_now(s, now + 3600000000));
	check_int(unit_append(s, "{'type':'b'}", &a), 9);
	/* Nor within one transaction. */
	check(!store_set_now(s, now + 1));
	check(store_set_now(s, now + 3600000000));
	need(store_commit(s, &err) == 0);
	check_int(unit_put(s, "{'type':'c'}"), 10);
	check_int(unit_sql(s, "select count(*) from message a join message b "
	    "on b.position = a.position + 1 where b.stored_at < a.stored_at"),
	    0);
	check_int(unit_sql(s, "select b.stored_at - a.stored_at from message a"
	    " join message b on a.position = 9 and b.position = 10"), 0);
	check_int(unit_sql(s, "select created_at is null from message where "
	    "position = 10"), 1);
	store_close(s);
}

/* What came in goes out, byte by byte. */
static void test_exact(void)
{
	struct store *s = unit_store();
	struct message m;

	check_int(unit_put(s, "{'type':'a','payload':{ 'n' : 1e400 ,\t'b':"
	    "12345678901234567890, 'u':'\\u00e9\\u0000\\ud83d\\ude00', "
	    "'e':{}, 'a' : [ 1 , -0.0]},'metadata':{ }, "
	    "'tags':[ 'x' , '\\u0079']}"), 1);
	has(s, 1, "'payload':{ 'n' : 1e400 ,\t'b':12345678901234567890, "
	    "'u':'\\u00e9\\u0000\\ud83d\\ude00', 'e':{}, "
	    "'a' : [ 1 , -0.0]}");
	has(s, 1, "'metadata':{ },");
	has(s, 1, "'tags':[ 'x' , '\\u0079'],");
	check_int(store_get(s, 1, &m, &err), 1);
	check(!m.erased_at);
	check_int(unit_put(s, "{'type':'a','payload':{},'metadata':{}}"), 2);
	has(s, 2, "'payload':{},'metadata':{},");
	check(!strstr(unit_get(s, 2), "tags"));
	check_int(store_get(s, 3, &m, &err), 0);
	check_int(store_get(s, -1, &m, &err), 0);
	store_close(s);
}

/* A draft with nothing but a type. */
static void test_defaults(void)
{
	struct store *s = unit_store();
	struct draft d = {.type = SPAN_LIT("t")};
	struct appended a;
	struct buf out = {0};

	need(store_begin(s, &err) == 0);
	check_int(store_append(s, &d, &a, &err), 0);
	need(store_commit(s, &err) == 0);
	has(s, 1, "'kind':'event','type':'t','version':1,'payload':{},"
	    "'metadata':{},");
	check_int(store_check(s, &d, &err), 0);
	d.id = SPAN_LIT("i");
	check_int(store_preview(s, &d, 1000000, &out, &err), 0);
	check_str(out.p, "{\"id\":\"i\",\"kind\":\"event\",\"type\":\"t\","
	    "\"version\":1,\"payload\":{},\"metadata\":{},"
	    "\"causation_id\":\"i\",\"correlation_id\":\"i\","
	    "\"created_at\":\"1970-01-01T00:00:01.000000Z\","
	    "\"stored_at\":\"1970-01-01T00:00:01.000000Z\"}\n");
	buf_free(&out);
	store_close(s);
}

static void test_limits(void)
{
	static char line[1200000];
	struct store *s = unit_store();
	int n;

	check_int(unit_put(s, "{'type':'es.own'}"), -1);
	check(strstr(err.text, "\"es.\"") != NULL);
	check_int(unit_put(s, "{'type':'es'}"), 1);
	check_int(unit_put(s, "{'type':'esx.y'}"), 2);
	/* Under a MiB as it comes in, above it as it would be printed. */
	n = snprintf(line, sizeof line, "{'type':'a','payload':{'x':'%*s'}}",
	    1024 * 1024 - 100, "");
	check(n < 1024 * 1024);
	check_int(unit_put(s, line), -1);
	check(strstr(err.text, "more than 1048576") != NULL);
	snprintf(line, sizeof line, "{'type':'a','payload':{'x':'%*s'}}",
	    1024 * 1024 - 400, "");
	check_int(unit_put(s, line), 3);
	check(strlen(unit_get(s, 3)) > 1024 * 1024 - 400);
	check(!store_broken(s));
	store_close(s);
}

static void test_preview(void)
{
	static char payload[] = "{\"n\": \"5\" }";
	static char tags[] = "[\"x\"]";
	struct store *s = unit_store();
	struct draft d = {.type = SPAN_LIT("t"), .id = SPAN_LIT("two"),
	    .payload = {payload, sizeof payload - 1}, .coerce = true,
	    .tags = {tags, sizeof tags - 1},
	    .causation_id = SPAN_LIT("one")};
	struct buf out = {0};
	struct appended a;
	int64_t now;

	unit_catalog(s, "{'t':{'kind':'command','version':4,'payload':"
	    "{'n':'integer','d':{'type':'string','default':'x'}}}}");
	unit_put(s, "{'type':'u','id':'one','correlation_id':'c'}");
	now = sys_now() + 1000000;
	check_int(store_preview(s, &d, now, &out, &err), 0);
	need(store_begin(s, &err) == 0);
	check(store_set_now(s, now));
	check_int(store_append(s, &d, &a, &err), 0);
	check_str(strchr(out.p, 'i'), strchr(strchr(unit_get(s, 3), ','),
	    'i'));
	need(store_commit(s, &err) == 0);
	/* Refused where the append is. */
	d.version = 2;
	d.id = SPAN_LIT("three");
	check_int(store_preview(s, &d, now, &out, &err), -1);
	check_int(store_check(s, &d, &err), -1);
	d.id = SPAN_LIT("two");
	check_int(store_check(s, &d, &err), -1);
	check(strstr(err.text, "another version") != NULL);
	d.version = 0;
	check_int(store_check(s, &d, &err), 0);
	buf_free(&out);
	store_close(s);
}

/* ---- transactions ---- */

static void test_rollback(void)
{
	struct store *s = unit_store(), *other = unit_open(true);
	static const char text[] = "{\"b\":{\"kind\":\"command\"}}";
	struct catalog *c;
	bool changed;

	unit_put(s, "{'type':'a','payload':{'x':1}}");
	need(store_begin(s, &err) == 0);
	check_int(unit_append(s, "{'type':'b','id':'b','payload':{'y':1}}",
	    NULL), 2);
	check_int(store_before(s), 1);
	check_int(unit_head(s), 2);
	need(catalog_parse("c", text, strlen(text), &c, &err) == 0);
	check_int(store_load_catalog(s, c, &changed, &err), 0);
	check(changed && catalog_find(store_catalog(s), SPAN_LIT("b")));
	store_rollback(s);
	check_int(unit_head(s), 1);
	/* As if it had never been, before anything is read anew. */
	check(!catalog_find(store_catalog(s), SPAN_LIT("b")));
	check_str(unit_get(s, 2), "none");
	check_int(unit_put(other, "{'type':'c','id':'c'}"), 2);
	check_int(unit_put(s, "{'type':'b','id':'b','payload':{'z':1}}"), 3);
	has(s, 2, "'type':'c'");
	has(s, 3, "'kind':'event','type':'b'");
	has(other, 3, "'type':'b'");
	check_int(unit_sql(s, "select count(*) from type"), 3);
	check_int(unit_sql(s, "select max(id) from type"), 2);
	check_int(unit_sql(s, "select count(*) from shape"), 3);
	/* Without anything to roll back: nothing. */
	store_rollback(s);
	check_int(unit_head(s), 3);
	check_int(unit_put(s, "{'type':'d'}"), 4);
	/* The second time it is loaded it counts. */
	need(store_begin(s, &err) == 0);
	check_int(store_load_catalog(s, c, &changed, &err), 0);
	check(changed);
	need(store_commit(s, &err) == 0);
	need(store_begin(s, &err) == 0);
	check_int(store_load_catalog(s, c, &changed, &err), 0);
	check(!changed);
	store_rollback(s);
	check(catalog_find(store_catalog(s), SPAN_LIT("b")) != NULL);
	catalog_free(c);
	store_close(s);
	store_close(other);
}

static void test_broken(void)
{
	struct store *s = unit_store();
	struct draft d = {.type = SPAN_LIT("a")};
	struct appended a;
	enum outcome o;

	unit_put(s, "{'type':'a'}");
	/* Outside of a transaction nothing is written. */
	check_int(store_append(s, &d, &a, &err), -1);
	check_int(store_set_outcome(s, 1, OUTCOME_DECIDED, 0, &err), -1);
	check_int(unit_head(s), 1);
	/* What SQLite itself has rolled back does not go on. */
	need(store_begin(s, &err) == 0);
	check_int(store_append(s, &d, &a, &err), 0);
	check_int(db_exec(store_db(s), "rollback", &err), 0);
	check_int(store_append(s, &d, &a, &err), -1);
	check(store_broken(s));
	check_int(store_commit(s, &err), -1);
	check_int(unit_head(s), 1);
	/* A write that fails: only a rollback is left. */
	need(store_begin(s, &err) == 0);
	check_int(store_append(s, &d, &a, &err), 0);
	check_int(store_set_outcome(s, 1, OUTCOME_DECIDED, 0, &err), 0);
	check_int(store_set_outcome(s, 1, OUTCOME_REJECTED, 0, &err), -1);
	check(store_broken(s));
	check_int(store_commit(s, &err), -1);
	check(strstr(err.text, "rolled back") != NULL);
	check_int(unit_head(s), 1);
	check_int(store_outcome(s, 1, &o, NULL, NULL, &err), 0);
	check_int(o, OUTCOME_NONE);
	check_int(unit_put(s, "{'type':'b'}"), 2);
	check(!store_broken(s));
	/* One at a time. */
	need(store_begin(s, &err) == 0);
	check_int(store_begin(s, &err), -1);
	check_int(unit_append(s, "{'type':'b'}", NULL), 3);
	check_int(store_commit(s, &err), 0);
	check_int(unit_head(s), 3);
	store_close(s);
}

static void test_read_only(void)
{
	struct store *s = unit_store();
	struct draft d = {.type = SPAN_LIT("a")};
	struct appended a;

	unit_put(s, "{'type':'a'}");
	store_close(s);
	s = unit_open(false);
	check_int(store_begin(s, &err), -1);
	check_int(store_append(s, &d, &a, &err), -1);
	check_int(unit_head(s), 1);
	store_close(s);
}

/* ---- the catalog, and other handles ---- */

static void test_catalog(void)
{
	struct store *a = unit_store(), *b = unit_open(true), *r;

	r = unit_open(false);
	check(!catalog_at(store_catalog(a), 0));
	unit_catalog(a, "{'t':{'kind':'command'}}");
	check(catalog_find(store_catalog(a), SPAN_LIT("t")) != NULL);
	check(!catalog_find(store_catalog(b), SPAN_LIT("t")));
	check_int(store_refresh(r, &err), 0);
	check(catalog_find(store_catalog(r), SPAN_LIT("t")) != NULL);
	check_int(unit_put(b, "{'type':'t','id':'1'}"), 2);
	has(b, 2, "'kind':'command'");
	check_int(unit_put(b, "{'type':'t','kind':'event'}"), -1);
	unit_catalog(b, "{'t':{'kind':'event','version':2,"
	    "'payload':{'n':'integer'}}}");
	has(a, 3, "'type':'es.catalog_loaded'");
	has(a, 3, "'payload':{'catalog':{'t':{'kind':'event'");
	check_int(unit_put(a, "{'type':'t'}"), -1);
	check_int(unit_put(a, "{'type':'t','payload':{'n':1}}"), 4);
	has(a, 4, "'kind':'event'");
	store_close(a);
	store_close(b);
	store_close(r);
	a = unit_open(false);
	check(catalog_find(store_catalog(a), SPAN_LIT("t")) != NULL);
	store_close(a);
}

/* A handle that has not refreshed reads what another has added. */
static void test_unrefreshed(void)
{
	struct store *a = unit_store(), *r = unit_open(false);
	int64_t position;

	unit_put(a, "{'type':'new.type','id':'x'}");
	check_int(store_find_id(r, SPAN_LIT("x"), &position, &err), 1);
	has(r, position, "'type':'new.type'");
	store_close(a);
	store_close(r);
}

/* Two processes append: no position is lost or given twice. */
static void test_concurrent(void)
{
	enum { EACH = 150 };
	struct child c;
	struct store *s;
	char line[100];

	setenv("ES_SYNC", "normal", 1);
	store_close(unit_store());
	c = child_fork();
	s = unit_open(true);
	for (int i = 0; i < EACH; i++) {
		/* Types and shapes of either, and some that both make. */
		snprintf(line, sizeof line, "{'type':'%s.t%d','payload':"
		    "{'n%d':%d}}", c.pid ? "parent" : "child", i % 7, i % 5,
		    i);
		check(unit_put(s, line) > 0);
		snprintf(line, sizeof line, "{'type':'both.t%d','id':'%d'}",
		    i % 9, i);
		check(unit_put(s, line) > 0);
	}
	if (c.pid == 0) {
		store_close(s);
		child_exit();
	}
	child_end(&c, 0);
	check_int(unit_head(s), 3 * EACH);
	check_int(unit_sql(s, "select count(*) from message"), 3 * EACH);
	check_int(unit_sql(s, "select count(*) from message m join type t on "
	    "t.id = m.type join shape s on s.id = m.shape and "
	    "s.type = t.id"), 3 * EACH);
	check_int(unit_sql(s, "select count(*) from type"), 7 + 7 + 9);
	check_int(unit_sql(s, "select count(distinct name) from type"),
	    7 + 7 + 9);
	check_int(unit_sql(s, "select count(*) from (select distinct type, "
	    "names from shape)"), unit_sql(s, "select count(*) from shape"));
	store_close(s);
	unsetenv("ES_SYNC");
}

/* ---- the view ---- */

static void compare_view(struct store *s)
{
	static const char sql[] = "select position, id, kind, type, version, "
	    "tags, payload, metadata, causation_id, correlation_id, "
	    "created_at, stored_at, erased_at from messages order by position";
	static const char *const names[] = {"position", "id", "kind", "type",
	    "version", "tags", "payload", "metadata", "causation_id",
	    "correlation_id", "created_at", "stored_at", "erased_at"};
	static const bool bare[] = {true, false, false, false, true, true,
	    true, true, false, false, false, false, false};
	struct buf line = {0};
	sqlite3_stmt *st;
	int64_t n = 0;

	need(db_prepare(store_db(s), sql, &st, &err) == 0);
	while (db_row(store_db(s), st, &err) > 0) {
		buf_truncate(&line, 0);
		for (int i = 0; i < 13; i++) {
			struct span v = db_text(st, i);

			if (!v.p)
				continue;
			buf_addf(&line, "%s\"%s\":", i ? "," : "{", names[i]);
			if (bare[i])
				buf_add_span(&line, v);
			else
				json_quote_span(&line, v);
		}
		buf_adds(&line, "}\n");
		check_str(unit_get(s, ++n), line.p);
	}
	check_int(n, unit_head(s));
	sqlite3_finalize(st);
	buf_free(&line);
}

static void test_view(void)
{
	struct store *s = unit_store();

	unit_put(s, "{'type':'a','id':'01890a5d-ac96-774b-bcce-b302099a8057',"
	    "'payload':{'x': 'é'},'tags':['a','b:c']}");
	unit_put(s, "{'type':'b','kind':'command','version':7,'id':'plain',"
	    "'metadata':{'u':1},"
	    "'causation_id':'01890a5d-ac96-774b-bcce-b302099a8057'}");
	unit_put(s, "{'type':'b','causation_id':'plain',"
	    "'created_at':'2020-01-01T00:00:00.000001Z'}");
	unit_put(s, "{'type':'b','correlation_id':'elsewhere',"
	    "'created_at':'2020-01-01T00:00:00+02:00'}");
	unit_put(s, "{'type':'b','created_at':'1969-12-31T23:59:59.500000Z'}");
	unit_put(s, "{'type':'b','created_at':'0001-01-01T00:00:00.000000Z'}");
	unit_put(s, "{'type':'b','created_at':'1970-01-01T00:00:00.000000Z'}");
	unit_put(s, "{'type':'b','created_at':'9999-12-31T23:59:59.999999Z'}");
	unit_catalog(s, "{'t':{}}");
	need(store_begin(s, &err) == 0);
	check_int(db_exec(store_db(s), "update message set payload = '{}', "
	    "metadata = null, tags = null, erased_at = stored_at + 1 where "
	    "position = 1", &err), 0);
	need(store_commit(s, &err) == 0);
	compare_view(s);
	store_close(s);
}

/* ---- provenance ---- */

static void test_provenance(void)
{
	static const unsigned char one[32] = {1}, two[32] = {2};
	struct store *s = unit_store();
	struct provenance p = {.handled = 1, .read_at = 1, .attempt = 1,
	    .partition = SPAN_LIT("{\"a\":\"1\"}"), .first = 2, .last = 3};
	int64_t h, again, other, id, first, last;
	enum outcome o;
	bool made;

	for (int i = 0; i < 5; i++)
		unit_put(s, "{'type':'a','kind':'command'}");
	need(store_begin(s, &err) == 0);
	check_int(store_handler(s, "h", one, SPAN_LIT("{}"), &h, &err), 0);
	check_int(store_handler(s, "h", one, SPAN_LIT("{}"), &again, &err), 0);
	check_int(again, h);
	check_int(store_handler(s, "h", two, SPAN_LIT("{}"), &other, &err), 0);
	check(other != h);
	check_int(store_handler(s, "h", one, SPAN_LIT("[]"), &other, &err), 0);
	check(other != h);
	check_int(store_handler(s, "g", one, SPAN_LIT("{}"), &other, &err), 0);
	check(other != h);
	p.handler = h;
	check_int(store_add_provenance(s, &p, &id, &err), 0);
	check_int(store_set_outcome(s, 1, OUTCOME_DECIDED, id, &err), 0);
	check_int(store_set_outcome(s, 4, OUTCOME_REJECTED, 0, &err), 0);
	need(store_commit(s, &err) == 0);
	check_int(store_outcome(s, 1, &o, &first, &last, &err), 0);
	check_int(o, OUTCOME_DECIDED);
	check(first == 2 && last == 3);
	check_int(store_outcome(s, 4, &o, &first, &last, &err), 0);
	check_int(o, OUTCOME_REJECTED);
	check(first == 0 && last == 0);
	check_int(store_outcome(s, 5, &o, &first, &last, &err), 0);
	check_int(o, OUTCOME_NONE);
	for (int i = 1; i <= 5; i++) {
		check_int(store_made_by(s, i, "h", &made, &err), 0);
		check_int(made, i == 2 || i == 3);
		check_int(store_made_by(s, i, "g", &made, &err), 0);
		check(!made);
	}
	/* Once, also from another handle. */
	need(store_begin(s, &err) == 0);
	check_int(store_set_outcome(s, 4, OUTCOME_DECIDED, 0, &err), -1);
	store_rollback(s);
	store_close(s);
	s = unit_open(true);
	need(store_begin(s, &err) == 0);
	check_int(store_set_outcome(s, 1, OUTCOME_SKIPPED, 0, &err), -1);
	store_rollback(s);
	store_close(s);
}

/* The catalog that was in force at the append decides. */
static void test_keys(void)
{
	struct store *s = unit_store(), *r;
	struct keys keys = {0};
	struct message m;

	unit_put(s, "{'type':'t','payload':{'x':1,'y':2}}");
	unit_catalog(s, "{'t':{'keys':['x']}}");
	unit_put(s, "{'type':'t','payload':{'x':1,'y':2}}");
	unit_catalog(s, "{'t':{'keys':['y']}}");
	unit_put(s, "{'type':'t','payload':{'x':1,'y':2}}");
	unit_put(s, "{'type':'t','payload':{'x':1,'y':2},'tags':['x:3']}");
	unit_catalog(s, "{'t':{}}");
	r = unit_open(false);
	check(store_get(r, 1, &m, &err) == 1);
	check_int(store_keys(r, &m, &keys, &err), 0);
	check_int(keys.n, 2);
	check(store_get(r, 3, &m, &err) == 1);
	check_int(store_keys(r, &m, &keys, &err), 0);
	check_int(keys.n, 1);
	check(span_is(keys.v[0].text, "x:1"));
	check(store_get(r, 5, &m, &err) == 1);
	check_int(store_keys(r, &m, &keys, &err), 0);
	check_int(keys.n, 1);
	check(span_is(keys.v[0].text, "y:2"));
	/* It carries x by its tag; its attribute x was not indexed. */
	check(store_get(r, 6, &m, &err) == 1);
	check_int(store_keys(r, &m, &keys, &err), 0);
	check_int(keys.n, 2);
	check(span_is(keys.v[0].text, "x:3"));
	check(span_is(keys.v[1].text, "y:2"));
	keys_free(&keys);
	store_close(r);
	store_close(s);
}

int main(void)
{
	int fds;

	place_make("store");
	fds = place_fds();
	test_create();
	test_refused();
	test_same_file();
	test_epoch();
	test_identity();
	test_identity_inside();
	test_identity_rewritten();
	test_reserved();
	test_causes();
	test_times();
	test_exact();
	test_defaults();
	test_limits();
	test_preview();
	test_rollback();
	test_broken();
	test_read_only();
	test_catalog();
	test_unrefreshed();
	test_concurrent();
	test_view();
	test_provenance();
	test_keys();
	check_int(place_fds(), fds);
	place_remove();
	return unit_end();
}
