#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jqunit.h"
#include "sys.h"

static int count_fds(void)
{
	int i, n = 0;

	for (i = 0; i < 256; i++)
		n += fcntl(i, F_GETFD) >= 0;
	return n;
}

/* ---- compiling ---- */

static void test_compile_errors(void)
{
	static const struct { const char *text, *want; } cases[] = {
		{"def decide($c): on($c; \"a\"; nope);\n"
		    "def unused: nope2(1);\n\ndef other($x): $y;",
		    "h.jq:1: nope/0 is not defined\n"
		    "h.jq:2: nope2/1 is not defined\n"
		    "h.jq:4: $y is not defined"},
		{"def decide($c):\n  on($c; \"a\"; .x y);",
		    "h.jq:2: syntax error, unexpected IDENT, expecting ';' "
		    "or ')'"},
		{"def decide($c): on($c; \"a\"; event(\"x\"));",
		    "h.jq:1: event/1 is not defined"},
		{"def decide($c): on($c; \"a\";\n  . +);\n",
		    "h.jq:2: syntax error, unexpected ')'"},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct es_err err = {0};

		check(!open_with(cases[i].text, &limits, NULL, &err));
		check_str(err.text, cases[i].want);
		check_int(err.code, ES_FAILED);
	}
	check_int(waitpid(-1, NULL, WNOHANG), -1);
}

/* All of the scanner's corpus in one program: each case a definition. */
static void test_corpus(void)
{
	struct buf file = {0}, program = {0};
	struct es_err err = {0};
	struct jqrun *jq;
	const char *p, *end;
	int n = 0;

	need(sys_read_file("tests/data/scan/read.txt", 1 << 20, &file,
	    &err) == 0);
	for (p = file.p; *p; p = end + (*end != '\0')) {
		end = p + strcspn(p, "\n");
		if (strncmp(p, "%% ", 3) == 0)
			buf_addf(&program, "%sdef case%d: ", n ? "0;\n" : "",
			    n), n++;
		else if (strncmp(p, "= ", 2) != 0)
			buf_addf(&program, "%.*s\n", (int)(end - p), p);
	}
	buf_adds(&program, "0;\ndef decide($c): on($c; \"a\"; .);");
	check(n > 30);
	jq = open_text(program.p);
	jqrun_close(jq);
	buf_free(&file);
	buf_free(&program);
}

static void test_about(void)
{
	struct es_err err = {0};
	struct buf about = {0};
	struct jqrun *jq = open_with("def about: {name: \"x\", partition_by: "
	    "[\"a\"]};\ndef evolve($e): apply($e; \"a\"; .);", &limits, &about,
	    &err);

	need(jq);
	check_str(about.p, "{\"name\":\"x\",\"partition_by\":[\"a\"]}");
	jqrun_close(jq);
	buf_truncate(&about, 0);
	check(!open_with("def about: {}, 1;\ndef evolve($e): "
	    "apply($e; \"a\"; .);", &limits, &about, &err));
	check_str(err.text, "h.jq: about: gave 2 values, not one");
	check(!open_with("def about: def f: f; f;\ndef evolve($e): "
	    "apply($e; \"a\"; .);", &(struct jqrun_limits){SHORT, 0}, &about,
	    &err));
	check_str(err.text, "h.jq: about: no answer after 100 ms");
	buf_free(&about);
}

/* ---- what handlers are given ---- */

static const char helpers[] =
    "def initial: {n: 0, id};\n"
    "def evolve($e): apply($e; \"add\", \"more.\"; .n += 1)\n"
    "  | apply($e; \"two\"; ., .) | apply($e; \"none\"; empty)\n"
    "  | apply($e; \"many\"; range(5000))\n"
    "  | apply($e; \"late\"; ., error(\"too late\"))\n"
    "  | apply($e; \"null\"; error(null))\n"
    "  | apply($e; \"bad\"; .n[0])\n"
    "  | apply($e; \"reject\"; reject(\"no\"))\n"
    "  | apply($e; \"made\"; event(\"a\"; {}));\n"
    "def decide($c):\n"
    "  on($c; \"pass\"; event(\"b\"; $c.payload)),\n"
    "  on($c; \"change\"; event(\"b\"; $c.payload | .x = 1)),\n"
    "  on($c; \"same\"; event(\"b\"; $c.payload | .a = .a)),\n"
    "  on($c; \"inner\"; event(\"b\"; $c.payload.a)),\n"
    "  on($c; \"many\"; event(\"b\"; {i: (1, 2)})),\n"
    "  on($c; \"meta\"; event(\"b\"; {}) | meta({a: 1}) | meta({b: 2})),\n"
    "  on($c; \"metapass\"; event(\"b\"; {}) | meta($c.metadata)),\n"
    "  on($c; \"command\"; command(\"b\"; {})),\n"
    "  on($c; \"forged\"; $c.payload),\n"
    "  on($c; \"extra\"; event(\"b\"; {}) | .id = 1),\n"
    "  on($c; \"kind\"; event(\"b\"; {}) | .kind = \"other\"),\n"
    "  on($c; \"array\"; event(\"b\"; [1])),\n"
    "  on($c; \"type\"; event(\"b c\"; {})),\n"
    "  on($c; \"notype\"; event(3; {})),\n"
    "  on($c; \"metabad\"; event(\"b\"; {}) | meta(3)),\n"
    "  on($c; \"metaless\"; {} | meta({})),\n"
    "  on($c; \"metaset\"; event(\"b\"; {}) | .metadata = 3),\n"
    "  on($c; \"state\"; .),\n"
    "  on($c; \"nested\"; event(\"b\"; {e: event(\"c\"; {})})),\n"
    "  on($c; \"hidden\"; event(\"b\"; {e: (event(\"c\"; {}) | tojson)})),\n"
    "  on($c; \"reject\"; event(\"b\"; {}), reject(\"no way\")),\n"
    "  on($c; \"detail\"; reject(\"no\"; {a: [1]})),\n"
    "  on($c; \"reason\"; reject(3)),\n"
    "  on($c; \"reasonless\"; reject(empty)),\n"
    "  on($c; \"caught\"; try reject(\"no\") catch error(.)),\n"
    "  on($c; \"caughtout\"; try reject(\"no\") catch .),\n"
    "  on($c; \"raised\"; event(\"b\"; {}) | error(.)),\n"
    "  on($c; \"yes\"; require(true; \"no\") | event(\"b\"; {n})),\n"
    "  on($c; \"no\"; require(.n == 1; \"n is \\(.n)\"; {n}) | event(\"b\"; {})),\n"
    "  on($c; \"cond0\"; require(empty; \"no\")),\n"
    "  on($c; \"cond2\"; require(true, true; \"no\")),\n"
    "  on($c; \"condnull\"; require(null; \"no\")),\n"
    "  on($c; \"condtext\"; require(\"true\"; \"no\")),\n"
    "  on($c; \"object\"; error({a: 1})),\n"
    "  on($c; \"string\"; error(\"a\\tb\\u0000c\")),\n"
    "  on($c; \"errnull\"; error(null)),\n"
    "  on($c; \"errnull0\"; null | error),\n"
    "  on($c; \"errcatch\"; try error(\"x\") catch event(\"b\"; {m: .})),\n"
    "  on($c; \"break\"; label $f | event(\"b\"; {}), break $f),\n"
    "  on($c; \"first\"; first(event(\"b\"; {i: range(infinite)}))),\n"
    "  on($c; \"tz\"; event(\"b\"; {a: (0 | localtime | mktime), b: (0 | strflocaltime(\"%H %Z\"))})),\n"
    "  on($c; \"env\"; event(\"b\"; {e: (\"x\" | ltrimstr(\"y\")), l: $__loc__.line})),\n"
    "  on($c; \"debug\"; debug | event(\"b\"; {})),\n"
    "  on($c; \"deep\"; event(\"b\"; {a: (reduce range(200) as $i (0; [.]))})),\n"
    "  on($c; \"big\"; event(\"b\"; {a: (\"x\" * 500000)})),\n"
    "  on($c; \"es.thing\"; event(\"b\"; {})),\n"
    "  on($c; \"p.\"; event(\"prefix\"; {}));\n"
    "def react($e): on($e; \"r\"; command(\"c\"; {a: 1}), event(\"d\"; $e.payload)),\n"
    "  on($e; \"reject\"; reject(\"no\"));\n";

struct answer {
	const char *message, *want;
};

static void check_answers(struct jqrun *jq,
    const char *(*ask)(struct jqrun *, const char *), const struct answer *v)
{
	for (; v->message; v++) {
		char message[300];

		/* Just a type, or the whole message. */
		if (*v->message == '{')
			snprintf(message, sizeof message, "%s", v->message);
		else
			snprintf(message, sizeof message,
			    "{\"type\":\"%s\",\"payload\":{}}", v->message);
		check_str(ask(jq, message), v->want);
	}
}

static const struct answer decisions[] = {
	{"{\"type\":\"pass\",\"payload\":{ \"a\":1.00,\"b\":\"\\u0041\" }}",
	    "ok event b { \"a\":1.00,\"b\":\"\\u0041\" }"},
	{"{\"type\":\"change\",\"payload\":{ \"a\":1 }}",
	    "ok event b {\"a\":1,\"x\":1}"},
	{"{\"type\":\"inner\",\"payload\":{\"a\":{ \"b\": 1}}}",
	    "ok event b {\"b\":1}"},
	{"many", "ok event b {\"i\":1} event b {\"i\":2}"},
	{"meta", "ok event b {} meta {\"a\":1,\"b\":2}"},
	{"{\"type\":\"metapass\",\"payload\":{},\"metadata\":{\"a\":1}}",
	    "ok event b {} meta {\"a\":1}"},
	{"command", "fault decide 0: output 1: a command: only react makes "
	    "commands"},
	{"{\"type\":\"forged\",\"payload\":{\"kind\":\"event\",\"type\":\"b\","
	    "\"payload\":{},\"metadata\":{}}}", "fault decide 0: output 1: "
	    "event() or command() did not make it: {\"kind\":\"event\","
	    "\"type\":\"b\",\"payload\":{},\"metadata\":{}}"},
	{"array", "fault decide 0: output 1: the payload is not an object but "
	    "array: [1]"},
	{"notype", "fault decide 0: output 1: its type is not a string: 3"},
	{"metabad", "fault decide 0: meta: takes an object, not number"},
	{"metaless", "fault decide 0: meta: belongs behind event() or "
	    "command()"},
	{"metaset", "fault decide 0: output 1: the metadata is not an object "
	    "but number: 3"},
	{"state", "fault decide 0: output 1: event() or command() did not "
	    "make it: {\"n\":0,\"id\":null}"},
	{"nested", "fault decide 0: output 1: the payload holds what event(), "
	    "command() or reject() made: those are outputs of their own"},
	{"hidden", "fault decide 0: output 1: the payload holds what event(), "
	    "command() or reject() made: those are outputs of their own"},
	{"reject", "rejected: no way"},
	{"detail", "rejected: no detail {\"a\":[1]}"},
	{"reason", "fault decide 0: reject: the reason must be one string "
	    "that is not empty"},
	{"reasonless", "fault decide 0: reject: the reason must be one "
	    "string that is not empty"},
	{"caught", "rejected: no"},
	{"raised", "fault decide 0: error() was given a message"},
	{"yes", "ok event b {\"n\":0}"},
	{"no", "rejected: n is 0 detail {\"n\":0}"},
	{"cond0", "fault decide 0: require: the condition must give true or "
	    "false, once; it gave nothing"},
	{"cond2", "fault decide 0: require: the condition must give true or "
	    "false, once; it gave 2 values"},
	{"condnull", "fault decide 0: require: the condition must give true "
	    "or false, once; it gave null"},
	{"condtext", "fault decide 0: require: the condition must give true "
	    "or false, once; it gave \"true\""},
	{"object", "fault decide 0: {\"a\":1}"},
	{"errnull", "fault decide 0: null"},
	{"errnull0", "fault decide 0: null"},
	{"errcatch", "ok event b {\"m\":\"x\"}"},
	{"break", "ok event b {}"},
	{"first", "ok event b {\"i\":0}"},
	{"tz", "ok event b {\"a\":0,\"b\":\"00 UTC\"}"},
	{"deep", "fault decide 0: output 1: the payload is nested more than 127 deep"},
	{"es.thing", "ok event b {}"},
	{"p.q.r", "ok event prefix {}"},
	{"p", "ok"},
	{"nothing.here", "ok"},
	{NULL, NULL}
};

static const struct answer reactions[] = {
	{"{\"type\":\"r\",\"payload\":{ }}",
	    "ok command c {\"a\":1} event d { }"},
	{"other", "ok"},
	{"reject", "fault react 0: reject() and require() are for decide: no"},
	{NULL, NULL}
};

/* A file with single types only gets another on() and apply(). */
static void test_plain(void)
{
	struct jqrun *jq = open_text("def evolve($e): apply($e; \"add\"; "
	    ". + 1) | apply($e; \"sub\"; . - 1);\n"
	    "def decide($c): on($c; \"a\"; event(\"b\"; {n: .})), "
	    "on($c; \"c\"; event(\"d\"; {}));");

	check_str(state(jq, 0, true, EVENTS("{\"type\":\"add\"}",
	    "{\"type\":\"add\"}", "{\"type\":\"sub\"}",
	    "{\"type\":\"add.x\"}", "{\"type\":\"ad\"}")), "ok 1");
	check_str(decide(jq, "{\"type\":\"a\"}"), "ok event b {\"n\":null}");
	check_str(decide(jq, "{\"type\":\"c\"}"), "ok event d {}");
	check_str(decide(jq, "{\"type\":\"a.c\"}"), "ok");
	jqrun_close(jq);
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* Where a value of ours stands in the text. */
static void test_private_key(struct jqrun *jq)
{
	const char *text = decide(jq, "{\"type\":\"extra\",\"payload\":{}}");

	check(has(text, "did not make it: {\"_es_"));
	text = decide(jq, "{\"type\":\"kind\",\"payload\":{}}");
	check(has(text, "fault decide 0: output 1: "));
	text = decide(jq, "{\"type\":\"caughtout\",\"payload\":{}}");
	check(has(text, "fault decide 0: output 1: "));
	text = decide(jq, "{\"type\":\"type\",\"payload\":{}}");
	check(has(text, "fault decide 0: output 1: type: \"b c\" is not"));
	text = decide(jq, "{\"type\":\"env\",\"payload\":{}}");
	check(has(text, "\"l\":5")); /* the user's own lines, from 1 */
}

static void test_big(struct jqrun *jq)
{
	decide(jq, "{\"type\":\"big\",\"payload\":{}}");
	check_int(reply.result, JQ_OK);
	check_int(reply.n_outputs, 1);
	check_int(reply.outputs[0].payload.n, 500000 + 8);
	decide(jq, "{\"type\":\"string\",\"payload\":{}}");
	check_int(reply.result, JQ_FAULT);
	check_int(reply.reason.n, 5);
}

static void test_states(struct jqrun *jq)
{
	struct jqrun_request r = {.op = JQ_STATE, .slot = 9, .fresh = true,
	    .partition = SPAN_LIT("{\"id\":\"x\"}")};

	check_str(call(jq, &r), "ok {\"n\":0,\"id\":\"x\"}");
	r.state = SPAN_LIT("{\"n\":7}");
	check_str(call(jq, &r), "ok {\"n\":7}");
	check_str(state(jq, 9, false, EVENTS("{\"type\":\"add\"}",
	    "{\"type\":\"more.x\"}", "{\"type\":\"other\"}")),
	    "ok {\"n\":9}");
	check_str(state(jq, 9, false, NULL), "ok {\"n\":9}");
	/* Another slot knows nothing of it; an empty one is lost. */
	check_str(state(jq, 8, true, EVENTS("{\"type\":\"add\"}")),
	    "ok {\"n\":1,\"id\":null}");
	check_str(state(jq, 9, false, NULL), "ok {\"n\":9}");
	check_str(state(jq, 7, false, EVENTS("{\"type\":\"add\"}")),
	    "lost  0");
	/* What a decision does to the state stays its own. */
	r = (struct jqrun_request){.op = JQ_DECIDE, .slot = 9,
	    .message = SPAN_LIT("{\"type\":\"yes\"}")};
	check_str(call(jq, &r), "ok event b {\"n\":9}");
	r.message = SPAN_LIT("{\"type\":\"object\"}");
	check_str(call(jq, &r), "fault decide 0: {\"a\":1}");
	check_str(state(jq, 9, false, NULL), "ok {\"n\":9}");
}

static void test_evolve_faults(struct jqrun *jq)
{
	static const struct { const char *type, *want; } cases[] = {
		{"two", "fault evolve 1: gave 2 states, not one"},
		{"none", "fault evolve 1: gave no state"},
		{"many", "fault evolve 1: gave more than 1000 states, not one"},
		{"late", "fault evolve 1: too late"},
		{"null", "fault evolve 1: null"},
		{"bad", "fault evolve 1: Cannot index number with number"},
		{"reject", "fault evolve 1: reject() and require() are for "
		    "decide: no"},
	};
	char event[100];
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		snprintf(event, sizeof event, "{\"type\":\"%s\"}",
		    cases[i].type);
		/* Later versions say more of the values. */
		if (strncmp(state(jq, 3, true, EVENTS("{\"type\":\"add\"}",
		    event)), cases[i].want, strlen(cases[i].want)) != 0)
			check_str(show(&reply), cases[i].want);
		/* The state went with it. */
		check_str(state(jq, 3, false, NULL), "lost  0");
	}
	check(has(state(jq, 3, true, EVENTS("{\"type\":\"made\"}")),
	    "fault evolve 0: the state holds what event()"));
	check_str(state(jq, 3, true, EVENTS("{\"type\":")),
	    "fault evolve 0: it was given what is not JSON");
}

static void say_debug(struct jqrun *jq)
{
	check_str(decide(jq, "{\"type\":\"debug\",\"payload\":{}}"),
	    "ok event b {}");
}

static void test_helpers(void)
{
	struct jqrun *jq = open_text(helpers);

	check_answers(jq, decide, decisions);
	check_answers(jq, react, reactions);
	test_private_key(jq);
	test_big(jq);
	test_states(jq);
	test_evolve_faults(jq);
	check_int(jqrun_generation(jq), 0);
	jqrun_close(jq);
}

/* debug writes to stderr, for whoever writes a handler. */
static void test_debug(void)
{
	int fd, old = fcntl(2, F_DUPFD_CLOEXEC, 3);
	struct es_err err = {0};
	struct jqrun *jq;
	char text[200] = "";
	ssize_t n;

	need(sys_tempfile(&fd, &err) == 0);
	dup2(fd, 2);
	jq = open_text(helpers);
	say_debug(jq);
	jqrun_close(jq);
	dup2(old, 2);
	close(old);
	n = pread(fd, text, sizeof text - 1, 0);
	close(fd);
	check(n > 0);
	check_str(text, "[\"DEBUG:\",{\"n\":0,\"id\":null}]\n");
}

/* ---- an impure world ---- */

static void test_environment(void)
{
	struct es_err err = {0};
	char home[] = "/tmp/es-jqrun.XXXXXX", path[100];
	struct jqrun *jq;

	need(mkdtemp(home));
	snprintf(path, sizeof path, "%s/.jq", home);
	need(sys_write_file(path, SPAN_LIT("def from_home: 1;"), false,
	    &err) == 0);
	setenv("HOME", home, 1);
	setenv("TZ", "Asia/Tokyo", 1);
	/* ~/.jq is not read. */
	check(!open_with("def decide($c): on($c; \"a\"; from_home);", &limits,
	    NULL, &err));
	check_str(err.text, "h.jq:1: from_home/0 is not defined");
	jq = open_text("def decide($c): on($c; \"a\"; event(\"b\"; "
	    "{t: (0 | strflocaltime(\"%H\"))}));");
	check_str(decide(jq, "{\"type\":\"a\"}"), "ok event b {\"t\":\"00\"}");
	jqrun_close(jq);
	unlink(path);
	rmdir(home);
}

/* ---- what does not end well ---- */

static const char deadly[] =
    "def evolve($e): apply($e; \"add\"; .n += 1)\n"
    "  | apply($e; \"loop\"; def f: f; f)\n"
    "  | apply($e; \"state\"; reduce range(300000) as $i (0; [.]) | tojson);\n"
    "def decide($c): on($c; \"n\"; event(\"n\"; {n: .n})),\n"
    "  on($c; \"loop\"; def f: f; f),\n"
    "  on($c; \"range\"; range(infinite) | empty),\n"
    "  on($c; \"outputs\"; event(\"x\"; {i: range(infinite)})),\n"
    "  on($c; \"eat\"; [range(infinite)]),\n"
    "  on($c; \"index\"; [] | .[500000000] = 1),\n"
    "  on($c; \"deep\"; reduce range(300000) as $i (0; [.]) | tojson),\n"
    "  on($c; \"builtin\"; (\"x\" * 50000 | explode) - "
    "(\"y\" * 50000 | explode)),\n"
    "  on($c; \"repeat\"; \"x\" * $c.payload.n | event(\"n\"; {n: length}));\n"
    "def react($e): on($e; \"a\"; .);\n";

static void test_soft_deadline(struct jqrun *jq)
{
	struct jqrun_request r = {.op = JQ_DECIDE, .slot = 1, .fresh = true,
	    .message = SPAN_LIT("{\"type\":\"loop\"}")};
	int64_t began = sys_monotonic();

	jqrun_set_deadline(jq, SHORT);
	check_str(call(jq, &r), "deadline decide 0: no answer after 100 ms");
	check(sys_monotonic() - began >= SHORT);
	check_str(decide(jq, "{\"type\":\"range\"}"),
	    "deadline decide 0: no answer after 100 ms");
	jqrun_set_deadline(jq, LONG);
	/* The worker lives on, with its slots. */
	check_int(jqrun_generation(jq), 0);
	r = (struct jqrun_request){.op = JQ_DECIDE, .slot = 1,
	    .message = SPAN_LIT("{\"type\":\"n\"}")};
	check_str(call(jq, &r), "ok event n {\"n\":null}");
	jqrun_set_deadline(jq, SHORT);
	check_str(state(jq, 1, false, EVENTS("{\"type\":\"add\"}",
	    "{\"type\":\"loop\"}", "{\"type\":\"add\"}")),
	    "deadline evolve 1: no answer after 100 ms");
	jqrun_set_deadline(jq, LONG);
	check_str(state(jq, 1, false, NULL), "lost  0");
	check_int(jqrun_generation(jq), 0);
}

/* A request that dies, and the ones around it. */
static void test_death(struct jqrun *jq, int deadline, const char *message,
    const char *want)
{
	unsigned generation = jqrun_generation(jq);
	struct jqrun_request r = {.op = JQ_STATE, .slot = 2, .fresh = true,
	    .state = SPAN_LIT("{\"n\":1}")};
	struct es_err err = {0};

	need(jqrun_submit(jq, &r, &err) == 0);
	r = (struct jqrun_request){.op = JQ_DECIDE, .slot = 2,
	    .message = span_str(message)};
	jqrun_set_deadline(jq, deadline);
	need(jqrun_submit(jq, &r, &err) == 0);
	jqrun_set_deadline(jq, LONG);
	r.message = SPAN_LIT("{\"type\":\"n\"}");
	need(jqrun_submit(jq, &r, &err) == 0);
	check_int(jqrun_pending(jq), 3);
	while (jqrun_pending(jq) > 0) {
		struct pollfd fds[PROC_FDS];

		if (jqrun_next(jq, &reply, &err) == 0) {
			poll(fds, (nfds_t)jqrun_poll(jq, fds),
			    jqrun_timeout(jq));
			continue;
		}
		if (jqrun_pending(jq) == 2)
			check_str(show(&reply), "ok {\"n\":1}");
		else if (jqrun_pending(jq) == 1)
			check_str(show(&reply), want);
		else		/* unless it was dead when that one came */
			check_int(reply.result, JQ_LOST);
	}
	check(jqrun_generation(jq) != generation);
	check_str(state(jq, 2, false, NULL), "lost  0");
	check_str(decide(jq, "{\"type\":\"n\"}"), "ok event n {\"n\":null}");
}

static void test_deaths(struct jqrun *jq)
{
	decide(jq, "{\"type\":\"repeat\",\"payload\":{\"n\":1e9}}");
	check(reply.result == JQ_DEADLINE || reply.result == JQ_MEMORY);
	test_death(jq, SHORT, "{\"type\":\"builtin\"}",
	    "deadline decide 0: no answer after 200 ms (killed)");
	if (proc_sanitized())
		return;		/* it has no memory limit, and no less stack */
	test_death(jq, LONG, "{\"type\":\"index\"}",
	    "memory decide 0: it reached the memory limit");
	test_death(jq, LONG, "{\"type\":\"eat\"}",
	    "memory decide 0: it reached the memory limit");
	decide(jq, "{\"type\":\"deep\"}");
	if (reply.result == JQ_FAULT)
		return;		/* jq 1.8 knows of values that are too deep */
	test_death(jq, LONG, "{\"type\":\"deep\"}", "crash decide 0: jq "
	    "crashed: stack overflow (a value that is nested too deeply?)");
	check_str(state(jq, 2, true, EVENTS("{\"type\":\"add\"}",
	    "{\"type\":\"add\"}", "{\"type\":\"state\"}")),
	    "crash evolve 2: jq crashed: stack overflow (a value that is "
	    "nested too deeply?)");
}

/* The pid of the worker, by what it prints of itself: its children's list. */
static pid_t find_worker(void)
{
	char path[100], *p, *end;
	struct buf children = {0};
	struct es_err err;
	pid_t nursery, pid = 0;

	snprintf(path, sizeof path, "/proc/self/task/%d/children",
	    (int)getpid());
	if (sys_read_file(path, 4096, &children, &err) < 0)
		return 0;
	nursery = (pid_t)strtol(children.p, NULL, 10);
	buf_truncate(&children, 0);
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)nursery,
	    (int)nursery);
	if (sys_read_file(path, 4096, &children, &err) < 0)
		return 0;
	/* The newest: those before it may be dead and not yet waited for. */
	for (p = children.p; strtol(p, &end, 10) > 0; p = end)
		pid = (pid_t)strtol(p, NULL, 10);
	buf_free(&children);
	return pid;
}

/* Killed from outside: while idle, while at work, stopped. */
static void test_murder(struct jqrun *jq)
{
	struct jqrun_request r = {.op = JQ_DECIDE, .fresh = true,
	    .message = SPAN_LIT("{\"type\":\"loop\"}")};
	struct es_err err = {0};
	struct pollfd fds[PROC_FDS];
	pid_t pid = find_worker();
	unsigned generation;

	if (pid == 0)
		return;			/* no such /proc */
	state(jq, 5, true, EVENTS("{\"type\":\"add\"}"));
	pid = find_worker();
	generation = jqrun_generation(jq);
	kill(pid, SIGKILL);
	check(poll(fds, (nfds_t)jqrun_poll(jq, fds), 5000) == 1);
	check_str(state(jq, 5, false, NULL), "lost  0");
	check(jqrun_generation(jq) != generation);

	/* Once it has begun the time runs: twice the deadline and a bit. */
	need(jqrun_submit(jq, &r, &err) == 0);
	pid = find_worker();
	while (jqrun_next(jq, &reply, &err) == 0 &&
	    jqrun_timeout(jq) > 2 * LONG + 200)
		poll(NULL, 0, 1);
	kill(pid, SIGKILL);
	check(poll(fds, (nfds_t)jqrun_poll(jq, fds), 5000) == 1);
	while (jqrun_next(jq, &reply, &err) == 0)
		poll(NULL, 0, 1);
	check_str(show(&reply), "crash decide 0: the jq process was killed");

	decide(jq, "{\"type\":\"n\"}");
	jqrun_set_deadline(jq, 500);
	need(jqrun_submit(jq, &r, &err) == 0);
	pid = find_worker();
	while (jqrun_next(jq, &reply, &err) == 0 &&
	    jqrun_timeout(jq) > 1200)
		poll(NULL, 0, 1);
	kill(pid, SIGSTOP);
	while (jqrun_next(jq, &reply, &err) == 0)
		poll(fds, (nfds_t)jqrun_poll(jq, fds), jqrun_timeout(jq));
	/* Unless the soft deadline was faster than we. */
	check_int(reply.result, JQ_DEADLINE);
	jqrun_set_deadline(jq, LONG);
	check_str(decide(jq, "{\"type\":\"n\"}"), "ok event n {\"n\":null}");
}

static void test_clone(struct jqrun *jq)
{
	struct es_err err = {0};
	struct jqrun *other;

	need(jqrun_clone(jq, &other, &err) == 0);
	state(jq, 1, true, EVENTS("{\"type\":\"add\"}"));
	check_str(state(other, 1, false, NULL), "lost  0");
	check_str(state(other, 1, true, NULL), "ok null");
	check_str(state(jq, 1, false, NULL), "ok {\"n\":1}");
	jqrun_set_deadline(other, SHORT);
	check_str(decide(other, "{\"type\":\"loop\"}"),
	    "deadline decide 0: no answer after 100 ms");
	check_str(state(jq, 1, false, NULL), "ok {\"n\":1}");
	jqrun_close(other);
	check_str(state(jq, 1, false, NULL), "ok {\"n\":1}");

	/* The first may go before the second. */
	need(jqrun_clone(jq, &other, &err) == 0);
	jqrun_close(jq);
	check_str(state(other, 1, true, EVENTS("{\"type\":\"add\"}")),
	    "ok {\"n\":1}");
	jqrun_close(other);
}

static void test_deadly(void)
{
	struct jqrun *jq = open_text(deadly);

	test_soft_deadline(jq);
	test_deaths(jq);
	test_murder(jq);
	test_clone(jq);
	check_int(waitpid(-1, NULL, WNOHANG), -1);
}

/* ---- many under way ---- */

/* Far more than the socket holds, both ways, before the first is taken. */
static void test_pipeline(void)
{
	struct jqrun *jq = open_text(
	    "def evolve($e): apply($e; \"add\"; . + 1);\n"
	    "def decide($c): on($c; \"big\"; event(\"n\"; {n: ., pad: "
	    "(\"x\" * 100000)}));");
	struct buf big = {0};
	struct span event = SPAN_LIT("{\"type\":\"add\"}");
	struct es_err err = {0};
	struct pollfd fds[PROC_FDS];
	int i, n = 60;

	buf_adds(&big, "{\"type\":\"big\",\"payload\":{\"a\":\"");
	for (i = 0; i < 100000; i++)
		buf_addc(&big, 'y');
	buf_adds(&big, "\"}}");
	for (i = 0; i < n; i++) {
		struct jqrun_request r = {.op = JQ_DECIDE, .fresh = i == 0,
		    .events = &event, .n_events = 1,
		    .message = buf_span(&big)};

		need(jqrun_submit(jq, &r, &err) == 0);
	}
	check_int(jqrun_pending(jq), n);
	for (i = 0; i < n;) {
		char want[32];
		int r = jqrun_next(jq, &reply, &err);

		need(r >= 0);
		if (r == 0) {
			poll(fds, (nfds_t)jqrun_poll(jq, fds),
			    jqrun_timeout(jq));
			continue;
		}
		snprintf(want, sizeof want, "{\"n\":%d,\"pad\"", ++i);
		need(reply.result == JQ_OK && reply.n_outputs == 1);
		check(strncmp(reply.outputs[0].payload.p, want,
		    strlen(want)) == 0);
	}
	check_int(jqrun_pending(jq), 0);
	check_int(jqrun_next(jq, &reply, &err), 0);
	check_int(jqrun_timeout(jq), -1);
	jqrun_close(jq);
	buf_free(&big);
}

/* The time to fold n events, in milliseconds, in requests of 1000. */
static int64_t fold_time(struct jqrun *jq, int n)
{
	static struct span v[1000];
	struct buf text = {0};
	struct jqrun_request r = {.op = JQ_FOLD, .fresh = true, .events = v,
	    .n_events = 1000};
	size_t ends[1000];
	int64_t began;
	int i, j;

	began = sys_monotonic();
	for (i = 0; i < n; i += 1000) {
		buf_truncate(&text, 0);
		for (j = 0; j < 1000; j++) {
			buf_addf(&text, "{\"position\":%d,\"id\":\"m%d\",\"type"
			    "\":\"d.made\",\"payload\":{\"donation_id\":"
			    "\"d%d\",\"amount\":%d}}", i + j, i + j, i + j, j);
			ends[j] = text.n;
		}
		for (j = 0; j < 1000; j++) {
			size_t from = j ? ends[j - 1] : 0;

			v[j] = (struct span){text.p + from, ends[j] - from};
		}
		check_str(call(jq, &r), "ok");
		r.fresh = false;
	}
	buf_free(&text);
	return sys_monotonic() - began;
}

/*
 * A state that grows: four times the events may not take much more than four
 * times as long.  Quadratic would be sixteen times (and a second owner of the
 * state makes it so).
 */
static void test_linear(void)
{
	struct jqrun *jq = open_text("def evolve($e): apply($e; \"x\", \"d."
	    "made\"; .[$e.payload.donation_id] = $e.payload.amount);");
	int64_t few = fold_time(jq, 5000), many = fold_time(jq, 20000);

	check(many < few * 9 + 50);
	if (getenv("ES_BENCH"))
		printf("fold of a growing object: %.1f us/event for 5000, "
		    "%.1f for 20000\n", (double)few / 5,
		    (double)many / 20);
	jqrun_close(jq);
}

/* ---- pages ---- */

static struct jqrun *open_page(const char *text)
{
	struct es_err err = {0};
	struct jqrun *jq = open_as(scan_page_jq, text, &limits, NULL, &err);

	if (!jq)
		printf("%s\n", err.text);
	need(jq);
	return jq;
}

static const char *render(struct jqrun *jq, bool fresh, const char *event,
    const char *page)
{
	struct span events[] = {span_str(event)};
	struct jqrun_request r = {.op = JQ_RENDER, .slot = 3, .fresh = fresh,
	    .events = events, .n_events = event != NULL,
	    .partition = SPAN_LIT("{\"id\":\"x\"}"),
	    .message = span_str(page)};

	return call(jq, &r);
}

static const char *layout(struct jqrun *jq)
{
	return call(jq, &(struct jqrun_request){.op = JQ_LAYOUT});
}

/* The reply's text with KEY for the key; there must be one. */
static const char *hide_key(const struct jqrun *jq, const char *text)
{
	static struct buf out;
	const char *key = jqrun_key(jq), *p;

	buf_truncate(&out, 0);
	check_int(strlen(key), 4 + 32);
	check(strstr(text, key) != NULL);
	for (; (p = strstr(text, key)); text = p + strlen(key)) {
		buf_add(&out, text, (size_t)(p - text));
		buf_adds(&out, "KEY");
	}
	buf_adds(&out, text);
	return out.p;
}

static void test_render(void)
{
	struct jqrun *jq = open_page("def initial: {id: .id, n: 0};\n"
	    "def evolve($e): apply($e; \"a\"; .n += $e.payload.n);\n"
	    "def render($page): if $page.bad then error(\"bad\")\n"
	    "  elif $page.none then empty elif $page.two then 1, 2\n"
	    "  elif $page.deep then reduce range(200) as $i (1; [.])\n"
	    "  else [\"p\", {id}, .n, $page.path] end;");

	check_str(render(jq, true, "{\"type\":\"a\",\"payload\":{\"n\":2}}",
	    "{\"path\":\"/\"}"), "ok [\"p\",{\"id\":\"x\"},2,\"/\"]");
	check_str(render(jq, false, "{\"type\":\"a\",\"payload\":{\"n\":3}}",
	    "{\"path\":\"/y\"}"), "ok [\"p\",{\"id\":\"x\"},5,\"/y\"]");
	check_str(render(jq, false, NULL, "{\"none\":true}"),
	    "fault render 0: gave no tree");
	check_str(render(jq, false, NULL, "{\"two\":true}"),
	    "fault render 0: gave 2 trees, not one");
	check_str(render(jq, false, NULL, "{\"bad\":true}"),
	    "fault render 0: bad");
	check_str(render(jq, false, NULL, "{\"deep\":true}"),
	    "fault render 0: the tree is nested more than 127 deep");
	check_str(render(jq, false, "{\"type\":\"a\",\"payload\":{\"n\":\"x\"}}",
	    "{}"), "fault evolve 0: number (5) and string (\"x\") cannot be "
	    "added");
	check_str(layout(jq), "fault layout 0: the page does not define it");
	/* A fault in render leaves the state, one in evolve does not. */
	check_str(render(jq, false, NULL, "{}"), "lost  0");
	jqrun_close(jq);
}

static void test_layout(void)
{
	struct jqrun *jq = open_page(
	    "def layout: [\"body\", ., slot, raw(\"<hr>\")];");

	check_str(hide_key(jq, layout(jq)), "ok [\"body\",null,"
	    "{\"KEY\":\"slot\"},{\"KEY\":\"raw\",\"html\":\"<hr>\"}]");
	check_str(render(jq, true, NULL, "{}"),
	    "fault render 0: the page does not define it");
	jqrun_close(jq);
}

static void test_page_makers(void)
{
	struct jqrun *jq = open_page("def render($page):\n"
	    "  form(\"a.b\"; {id: 1}; field(\"x\"; {label: \"L\"}), \"t\",\n"
	    "    submit(\"Go\")),\n"
	    "  form(\"c\"; field(\"y\")),\n"
	    "  link_command(\"d\"; {z: 2}; [\"b\", \"Do\"]) | [.] | tojson;");
	struct jqrun *one = open_page("def render($page): [\n"
	    "  form(\"a.b\"; {id: 1}; field(\"x\"; {label: \"L\"}), \"t\",\n"
	    "    submit(\"Go\")),\n"
	    "  form(\"c\"; field(\"y\")),\n"
	    "  link_command(\"d\"; {z: 2}; [\"b\", \"Do\"])];");

	check_str(render(jq, true, NULL, "{}"),
	    "fault render 0: gave 3 trees, not one");
	check_str(hide_key(one, render(one, true, NULL, "{}")), "ok ["
	    "{\"KEY\":\"form\",\"type\":\"a.b\",\"hidden\":{\"id\":1},"
	    "\"children\":[{\"KEY\":\"field\",\"name\":\"x\","
	    "\"options\":{\"label\":\"L\"}},\"t\","
	    "{\"KEY\":\"submit\",\"text\":\"Go\"}]},"
	    "{\"KEY\":\"form\",\"type\":\"c\",\"hidden\":{},"
	    "\"children\":[{\"KEY\":\"field\",\"name\":\"y\",\"options\":{}}]},"
	    "{\"KEY\":\"link_command\",\"type\":\"d\",\"hidden\":{\"z\":2},"
	    "\"children\":[[\"b\",\"Do\"]]}]");
	check(strcmp(jqrun_key(jq), jqrun_key(one)) != 0);
	jqrun_close(jq);
	jqrun_close(one);
}

/* In a handler the names of pages are the handler's own, or nobody's. */
static void test_pages_only(void)
{
	struct es_err err = {0};
	struct jqrun *jq = open_text("def render: \"mine\"; def raw($x): $x;\n"
	    "def decide($c): on($c; \"a\"; event(\"e\"; {r: raw(render)}));");

	check_str(decide(jq, "{\"type\":\"a\",\"payload\":{}}"),
	    "ok event e {\"r\":\"mine\"}");
	check_str(render(jq, true, NULL, "{}"),
	    "fault render 0: the page does not define it");
	check_str(layout(jq), "fault layout 0: the page does not define it");
	jqrun_close(jq);
	check(!open_with("def decide($c): on($c; \"a\"; slot);", &limits, NULL,
	    &err));
	check_str(err.text, "h.jq:1: slot/0 is not defined");
}

int main(void)
{
	int before = count_fds();

	signal(SIGPIPE, SIG_DFL);
	test_compile_errors();
	test_corpus();
	test_about();
	test_plain();
	test_helpers();
	test_debug();
	test_environment();
	test_deadly();
	test_pipeline();
	test_linear();
	check_int(waitpid(-1, NULL, WNOHANG), -1);
	check_int(count_fds(), before);
	jqrun_reply_free(&reply);
	test_render();
	test_layout();
	test_page_makers();
	test_pages_only();
	return unit_end();
}
