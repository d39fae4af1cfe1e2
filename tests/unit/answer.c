/* answer.h: what another process appends while commands are in the window. */
#include <unistd.h>

#include "answerimpl.h"
#include "sys.h"
#include "unit.h"

static char path[4096], file[4200];
static struct store *store, *other;
static struct handler handler;
static struct jqrun *jq;
static struct answers *answers;
static struct es_err err;

static const char source[] =
    "def about: {partition_by: [\"p\"]};\n"
    "def initial: 0;\n"
    "def evolve($e): apply($e; \"t.added\"; . + $e.payload.v)\n"
    "    | apply($e; \"t.told\"; . + 100);\n"
    "def decide($c): on($c; \"t.ask\"; event(\"t.told\";\n"
    "    {p: $c.payload.p, n: ., at: $c.stored_at})),\n"
    "  on($c; \"t.spend\"; require(. > 0; \"none\") | event(\"t.told\";\n"
    "    {p: $c.payload.p, n: .})),\n"
    "  on($c; \"t.think\"; [range(200000)] as $long | event(\"t.told\";\n"
    "    {p: $c.payload.p, n: .})),\n"
    "  on($c; \"t.err\"; event(\"t.told\";\n"
    "    [range(70) | {key: \"k\\(.)\", value: .}] | from_entries));\n";

static void begin(void)
{
	const char *tmp = getenv("TMPDIR");
	bool created;

	snprintf(path, sizeof path, "%s/answer-XXXXXX", tmp ? tmp : "/tmp");
	need(mkdtemp(path));
	snprintf(file, sizeof file, "%s/t.jq", path);
	need(sys_write_file(file, span_str(source), false, &err) == 0);
	need(handler_load(file, &handler, &err) == 0);
	need(handler_start(&handler, NULL, &jq, &err) == 0);
	unlink(file);
	snprintf(file, sizeof file, "%s/es.db", path);
	need(store_create(file, &created, &err) == 0);
	need(store_open(file, true, &store, &err) == 0);
	need(store_open(file, true, &other, &err) == 0);
	need(answers_open(store, &handler, jq, &answers, &err) == 0);
}

static void end(void)
{
	static const char *const ends[] = {"es.db", "es.db-wal", "es.db-shm",
	    "es.db-lock", "es.db-bell", "es.db-workers"};
	size_t i;

	answers_close(answers);
	jqrun_close(jq);
	handler_free(&handler);
	store_close(other);
	store_close(store);
	for (i = 0; i < sizeof ends / sizeof *ends; i++) {
		snprintf(file, sizeof file, "%s/%s", path, ends[i]);
		unlink(file);
	}
	rmdir(path);
}

/* Another process appends t.added. */
static void meanwhile(const char *p, int v)
{
	char payload[80];
	struct draft d = {.type = SPAN_LIT("t.added"),
	    .metadata = SPAN_LIT("{}")};
	struct appended a;

	snprintf(payload, sizeof payload, "{\"p\":\"%s\",\"v\":%d}", p, v);
	d.payload = span_str(payload);
	need(store_begin(other, &err) == 0);
	need(store_append(other, &d, &a, &err) == 0);
	need(store_commit(other, &err) == 0);
}

static void add(const char *type, const char *p, const char *id)
{
	struct answer_input *in = answer_input(answers, &err);

	need(in);
	buf_addf(&in->line, "{\"type\":\"%s\",\"payload\":{\"p\":\"%s\"}", type,
	    p);
	if (id)
		buf_addf(&in->line, ",\"id\":\"%s\"", id);
	buf_addc(&in->line, '}');
	snprintf(in->place, sizeof in->place, "%s", p);
	need(message_parse(&in->scratch, in->line.p, in->line.n, 0,
	    &in->draft, &err) == 0);
	answer_add(answers);
}

/* The next answer is that of p, with this state; NULL: it is rejected. */
static void told(const char *p, const char *n)
{
	const char *place = "nothing";
	const struct answer *a = answer_next(answers, &place);
	char want[40];

	check_str(place, p);
	if (!a)
		return;
	check_int(a->kind, n ? ANSWER_DECIDED : ANSWER_REJECTED);
	snprintf(want, sizeof want, "\"n\":%s", n ? n : "");
	if (n)
		check(a->lines.n && strstr(a->lines.p, want) != NULL);
	else
		check_int(a->stored, 0);
}

static void nothing_more(void)
{
	const char *place;

	check(answer_next(answers, &place) == NULL);
}

static int64_t head(void)
{
	int64_t position;

	need(store_head(store, &position, &err) == 0);
	return position;
}

static void test_conflict(void)
{
	add("t.ask", "a", NULL);
	add("t.ask", "b", NULL);
	add("t.ask", "c", NULL);
	add("t.ask", "b", NULL);
	meanwhile("b", 7);
	check_int(answers_run(answers, true, &err), 0);
	told("a", "0");
	told("b", "7");
	told("c", "0");
	told("b", "107");
	nothing_more();
	check_int(head(), 9);
}

static void test_rejection(void)
{
	/* Nothing of ours came between: it was so as it was read. */
	add("t.spend", "r", NULL);
	/* But this one comes behind one of ours. */
	add("t.ask", "s", NULL);
	add("t.spend", "t", NULL);
	meanwhile("t", 1);
	check_int(answers_run(answers, true, &err), 0);
	told("r", NULL);
	told("s", "0");
	told("t", "1");
	nothing_more();
}

static void test_same_id(void)
{
	struct message m;
	int64_t position;

	add("t.ask", "i", "same");
	add("t.ask", "i", "same");
	add("t.ask", "j", NULL);
	add("t.ask", "i", "same");
	check_int(answers_run(answers, true, &err), 0);
	told("i", "0");
	told("i", "0");
	told("j", "0");
	told("i", "0");
	need(store_find_id(store, SPAN_LIT("same"), &position, &err) == 1);
	need(store_get(store, position + 2, &m, &err) == 1);
	check(span_is(m.type, "t.ask"));
}

/* ---- one that is waited for is put ahead of its answer ---- */

static void test_ahead(void)
{
	int64_t before = head();

	answers->caution = 0;
	add("t.ask", "h", "ahead");
	check_int(answers_run(answers, true, &err), 0);
	told("h", "0");
	check_int(answers->caution, 0);
	check_int(head(), before + 2);
	/* Once, however often it is sent. */
	add("t.ask", "h", "ahead");
	check_int(answers_run(answers, true, &err), 0);
	told("h", "0");
	check_int(head(), before + 2);
	add("t.ask", "h", NULL);
	check_int(answers_run(answers, true, &err), 0);
	told("h", "100");
	check_int(head(), before + 4);
}

static void test_ahead_in_vain(void)
{
	int64_t before = head();

	/* Somebody was quicker: it is decided as of then. */
	add("t.ask", "k", NULL);
	meanwhile("k", 5);
	check_int(answers_run(answers, true, &err), 0);
	told("k", "5");
	check(answers->caution > 0);
	check_int(head(), before + 3);
	/* The answer is no, and the command was never there. */
	answers->caution = 0;
	add("t.spend", "l", "no");
	check_int(answers_run(answers, true, &err), 0);
	told("l", NULL);
	check(answers->caution > 0);
	check_int(head(), before + 3);
	/* The answer comes too late for it. */
	answers->caution = 0;
	add("t.think", "l", NULL);
	check_int(answers_run(answers, true, &err), 0);
	told("l", "0");
	check(answers->caution > 0);
	check_int(head(), before + 5);
}

/* What stores nothing needs nobody's lock. */
static void test_ahead_of_others(void)
{
	int64_t before = head();

	answers->caution = 0;
	need(store_begin(other, &err) == 0);
	add("t.spend", "o", NULL);
	check_int(answers_run(answers, true, &err), 0);
	told("o", NULL);
	check(answers->caution > 0);
	store_rollback(other);
	check_int(head(), before);
}

/* What the handler made cannot be stored: nor is the command. */
static void test_ahead_of_fault(void)
{
	int64_t before = head();

	answers->caution = 0;
	add("t.err", "n", NULL);
	check_int(answers_run(answers, true, &err), -1);
	check(strstr(err.text, "70 tags, more than 64") != NULL);
	nothing_more();
	check_int(head(), before);
}

static void test_no_retries(void)
{
	int64_t before = head();

	answers_retry(answers, 0);
	add("t.ask", "u", NULL);
	add("t.ask", "u", NULL);
	add("t.ask", "v", NULL);
	add("t.ask", "w", NULL);
	meanwhile("v", 1);
	check_int(answers_run(answers, true, &err), -1);
	check_int(err.code, ES_CONFLICT);
	check_str(answers_bad_command(answers), "v");
	told("u", "0");
	told("u", "100");
	nothing_more();
	check_int(head() - before, 5);
}

int main(void)
{
	begin();
	test_conflict();
	test_rejection();
	test_same_id();
	test_ahead();
	test_ahead_in_vain();
	test_ahead_of_others();
	test_no_retries();
	end();
	begin();
	test_ahead_of_fault();
	end();
	return unit_end();
}
