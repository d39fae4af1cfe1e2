/* What holds of handlers whatever jq they run on. */
#include <fcntl.h>
#include <unistd.h>

#include "jqunit.h"
#include "sys.h"

/* ---- numbers ---- */

static const char numbers[] =
    "def evolve($e): apply($e; \"put\"; $e.payload);\n"
    "def decide($c):\n"
    "  on($c; \"pass\"; event(\"b\"; $c.payload)),\n"
    "  on($c; \"change\"; event(\"b\"; $c.payload | .x = 1)),\n"
    "  on($c; \"meta\"; event(\"b\"; {}) | meta($c.payload)),\n"
    "  on($c; \"detail\"; reject(\"no\"; $c.payload)),\n"
    "  on($c; \"compare\"; event(\"b\"; {big: ($c.payload.a > 5)})),\n"
    "  on($c; \"product\"; event(\"b\"; {n: ($c.payload.a * $c.payload.a)})),\n"
    "  on($c; \"nan\"; event(\"b\"; {a: nan})),\n"
    "  on($c; \"infinite\"; event(\"b\"; {a: [{b: infinite}]}));\n"
    "def react($e): on($e; \"pass\"; command(\"c\"; $e.payload)),\n"
    "  on($e; \"change\"; command(\"c\"; {a: $e.payload.a}));\n";

#define BEYOND " is beyond what jq keeps exactly (2^53-1): make it a string"

static const char *ask(struct jqrun *jq, const char *type,
    const char *payload)
{
	char message[500];

	snprintf(message, sizeof message, "{\"type\":\"%s\",\"id\":\"m1\","
	    "\"payload\":%s}", type, payload);
	return decide(jq, message);
}

/* Passed on, a payload keeps its bytes; changed, it keeps its values. */
static void test_exact(struct jqrun *jq)
{
	static const char *const payloads[] = {
		"{\"a\":9007199254740993}", "{\"a\":-100000000000000000000}",
		"{ \"b\" : 1.0,\t\"a\":1e2, \"c\":\"\\u0041\\/\" }",
		"{\"a\":1e400}", "{\"a\":0.10000000000000000001}",
		"{\"a\":[{\"b\":12345678901234567890}]}",
	};
	char want[200];
	size_t i;

	for (i = 0; i < sizeof payloads / sizeof *payloads; i++) {
		snprintf(want, sizeof want, "ok event b %s", payloads[i]);
		check_str(ask(jq, "pass", payloads[i]), want);
	}
	check_str(ask(jq, "change", "{\"a\":9007199254740991}"),
	    "ok event b {\"a\":9007199254740991,\"x\":1}");
	check_str(ask(jq, "change", "{\"a\":-9007199254740991}"),
	    "ok event b {\"a\":-9007199254740991,\"x\":1}");
}

#define DIGITS " is more than jq keeps of a number (15 to 17 digits, up to " \
    "1e308): make it a string"

/* Part of a payload, in another: the same double, or a fault. */
static void test_copied(struct jqrun *jq)
{
	static const char *const kept[] = {
		"1.50", "1e2", "-2.5E-3", "0.10000000000000001", "0e400",
		"1e15", "2.2250738585072014e-308", "0.000000000000001",
		"0.12345678901234567", "9007199254740991.0",
	}, *const lost[] = {
		"0.123456789012345678", "1.00000000000000000001", "1e-400",
		"-3.141592653589793238", "123456789.123456789",
		"0.00000000000000000000123456789012345678901e20",
	};
	char payload[120], want[300], *end;
	const char *got;
	size_t i;

	/* How it is spelled differs. */
	for (i = 0; i < sizeof kept / sizeof *kept; i++) {
		snprintf(payload, sizeof payload, "{\"a\": %s}", kept[i]);
		got = ask(jq, "change", payload);
		need(strncmp(got, "ok event b {\"a\":", 16) == 0);
		check(strtod(got + 16, &end) == strtod(kept[i], NULL));
		check_str(end, ",\"x\":1}");
	}
	for (i = 0; i < sizeof lost / sizeof *lost; i++) {
		snprintf(payload, sizeof payload, "{\"a\":[%s]}", lost[i]);
		snprintf(want, sizeof want, "fault decide 0: output 1: the "
		    "payload: a[0]: %s" DIGITS, lost[i]);
		check_str(ask(jq, "change", payload), want);
		/* It is not in what is made. */
		check_str(ask(jq, "compare", payload),
		    "ok event b {\"big\":true}");
	}
	/* Another message's number is this one's as well as any. */
	check_str(ask(jq, "change", "{\"a\":1}"),
	    "ok event b {\"a\":1,\"x\":1}");
}

static void test_rounded(struct jqrun *jq)
{
	check_str(ask(jq, "change", "{\"a\":9007199254740993}"),
	    "fault decide 0: output 1: the payload: a: 9007199254740992" BEYOND);
	check_str(ask(jq, "change", "{\"a\":{\"b\":[1,{\"c\":"
	    "-9007199254740993}]}}"), "fault decide 0: output 1: the payload: "
	    "a.b[1].c: -9007199254740992" BEYOND);
	check_str(ask(jq, "meta", "{\"a\":100000000000000000000}"),
	    "fault decide 0: output 1: the metadata: a: 1e+20" BEYOND);
	check_str(ask(jq, "detail", "{\"a\":9007199254740992}"),
	    "fault decide 0: the detail: a: 9007199254740992" BEYOND);
	check_str(ask(jq, "product", "{\"a\":1000000000}"),
	    "fault decide 0: output 1: the payload: n: 1e+18" BEYOND);
	check_str(ask(jq, "change", "{\"a\":1e400}"), "fault decide 0: output 1: the "
	    "payload: a: is not a number, or infinite");
	check_str(ask(jq, "nan", "{}"), "fault decide 0: output 1: the payload: "
	    "a: is not a number, or infinite");
	check_str(ask(jq, "infinite", "{}"), "fault decide 0: output 1: the payload: "
	    "a[0].b: is not a number, or infinite");
	check_str(ask(jq, "compare", "{\"a\":9007199254740993}"),
	    "ok event b {\"big\":true}");
	check_str(react(jq, "{\"type\":\"change\",\"payload\":"
	    "{\"a\":9007199254740993}}"), "fault react 0: output 1: the payload: "
	    "a: 9007199254740992" BEYOND);
	check_str(state(jq, 1, true, EVENTS("{\"type\":\"put\",\"payload\":"
	    "{\"a\":9007199254740993}}")), "fault evolve 0: the state: a: "
	    "9007199254740992" BEYOND);
}

/* What is written to stderr meanwhile. */
static void with_stderr(void (*test)(struct jqrun *), const char *text,
    struct buf *said)
{
	int fd, old = fcntl(2, F_DUPFD_CLOEXEC, 3);
	struct es_err err = {0};
	struct jqrun *jq;
	char part[4096];
	ssize_t n;

	need(sys_tempfile(&fd, &err) == 0);
	dup2(fd, 2);
	jq = open_text(text);
	test(jq);
	jqrun_close(jq);
	dup2(old, 2);
	close(old);
	n = pread(fd, part, sizeof part, 0);
	close(fd);
	need(n >= 0);
	buf_add(said, part, (size_t)n);
}

static void say_small(struct jqrun *jq)
{
	ask(jq, "compare", "{\"a\":9007199254740991,"
	    "\"t\":\"12345678901234567890\\\"12345678901234567890\","
	    "\"d\":0.123456789012345,\"e\":1e20,"
	    "\"12345678901234567890\":-1}");
}

static void say_big(struct jqrun *jq)
{
	say_small(jq);
	ask(jq, "compare", "{\"a\":-9007199254740993}");
	ask(jq, "compare", "{\"a\":9007199254740995}");
	test_rounded(jq);
}

static void test_numbers(void)
{
	struct buf said = {0};

	with_stderr(test_exact, numbers, &said);
	with_stderr(test_copied, numbers, &said);
	buf_truncate(&said, 0);
	with_stderr(say_small, numbers, &said);
	check_int(said.n, 0);
	buf_add_span(&said, SPAN_LIT(""));
	with_stderr(say_big, numbers, &said);
	buf_addc(&said, '\0');
	check_str(said.p, "jqrules: h.jq: decide compare m1: "
	    "-9007199254740993" BEYOND "\n");
	buf_free(&said);
}

/* ---- purity ---- */

static void check_unknown(const char *expression, const char *want)
{
	struct es_err err = {0};
	char text[300];

	snprintf(text, sizeof text, "def decide($c):\n  on($c; \"a\"; "
	    "event(\"b\"; {e: (%s)}));\n", expression);
	check(!open_with(text, &limits, NULL, &err));
	if (!strstr(err.text, want))
		check_str(err.text, want);
	check(strncmp(err.text, "h.jq:2: ", 8) == 0);
}

/* What would tell a handler of the world is refused, with its line. */
static void test_world(void)
{
	static const char *const refused[] = {"env", "env.HOME", "$ENV",
	    "$ENV.HOME", "now", "now | todate", "input", "[inputs]",
	    "input_filename", "input_line_number", "halt", "halt_error",
	    "halt_error(1)", "get_search_list", "\"x\" | modulemeta",
	    "\"\\(env)\"", "\"\\(now)\""};
	size_t i;

	for (i = 0; i < sizeof refused / sizeof *refused; i++)
		check_unknown(refused[i], "");
	check_unknown("$__prog_args", "$__prog_args");
	check_unknown("$ARGS", "$ARGS");
	check_unknown("_es_in", "_es_");
}

static const char pure[] =
    "def decide($c):\n"
    "  on($c; \"time\"; event(\"b\"; {a: (0 | localtime | mktime),\n"
    "    b: (86400 | strflocaltime(\"%d %H %Z\")),\n"
    "    c: (\"2026-07-01T12:00:00Z\" | fromdate | todate)})),\n"
    "  on($c; \"loc\"; event(\"b\"; {l: $__loc__.line})),\n"
    "  on($c; \"debug\"; debug(\"one\", .) | event(\"b\"; {})),\n"
    "  on($c; \"sh\"; event(\"b\"; {s: ([\"a b\", 1] | @sh)})),\n"
    "  on($c; \"bomb\"; event(\"b\"; {m: ((\"a\" * 40) + \"!\" |\n"
    "    test(\"^(a|a)*$|^(a+)+$|(a|aa|aaa)+$\"))})),\n"
    "  on($c; \"limit\"; event(\"b\"; {l: [limit(2; range(infinite))]})),\n"
    "  on($c; \"path\"; event(\"b\"; {p: ([[1]] | getpath([0, 0]))})),\n"
    "  on($c; \"empty\"; empty),\n"
    "  on($c; \"fine\"; event(\"b\"; {}));\n";

static void say_pure(struct jqrun *jq)
{
	check_str(ask(jq, "time", "{}"), "ok event b {\"a\":0,"
	    "\"b\":\"02 00 UTC\",\"c\":\"2026-07-01T12:00:00Z\"}");
	check_str(ask(jq, "loc", "{}"), "ok event b {\"l\":5}");
	check_str(ask(jq, "debug", "{}"), "ok event b {}");
	check_str(ask(jq, "sh", "{}"), "ok event b {\"s\":\"'a b' 1\"}");
	check_str(ask(jq, "limit", "{}"), "ok event b {\"l\":[0,1]}");
	check_str(ask(jq, "path", "{}"), "ok event b {\"p\":1}");
	check_str(ask(jq, "empty", "{}"), "ok");
	/* Whatever becomes of it, it ends, and is one message's. */
	jqrun_set_deadline(jq, SHORT);
	ask(jq, "bomb", "{}");
	check(reply.result == JQ_OK || reply.result == JQ_FAULT ||
	    reply.result == JQ_DEADLINE);
	jqrun_set_deadline(jq, LONG);
	check_str(ask(jq, "fine", "{}"), "ok event b {}");
}

static void test_pure(void)
{
	struct buf said = {0};

	setenv("TZ", "Asia/Tokyo", 1);
	setenv("LC_ALL", "de_DE.UTF-8", 1);
	with_stderr(say_pure, pure, &said);
	buf_addc(&said, '\0');
	check_str(said.p, "[\"DEBUG:\",\"one\"]\n[\"DEBUG:\",null]\n");
	buf_free(&said);
}

/* ---- the compiler ---- */

/* Newer ones compute what is constant, and then not for ever. */
static void test_constants(void)
{
	struct es_err err = {0};
	struct jqrun *jq = open_with("def decide($c): on($c; \"a\"; event("
	    "\"b\"; {n: (\"x\" * 1000000000 | length)}));", &limits, NULL,
	    &err);

	if (!jq) {
		check_str(err.text, "h.jq: jq's compiler reached the memory "
		    "limit");
		return;
	}
	jqrun_set_deadline(jq, SHORT);
	decide(jq, "{\"type\":\"a\"}");
	check(reply.result == JQ_MEMORY || reply.result == JQ_DEADLINE);
	jqrun_close(jq);
}

/* ---- several as one program ---- */

static int compile(const char *const *texts, struct jqnursery **out)
{
	struct jqrun_source v[8] = {0};
	struct scan scans[8];
	struct es_err err = {0};
	char file[8][8];
	size_t i, n;
	int r;

	for (n = 0; texts[n]; n++) {
		snprintf(file[n], sizeof file[n], "%zu.jq", n);
		need(scan_jq(file[n], texts[n], strlen(texts[n]), &scans[n],
		    &err) == 0);
		v[n] = (struct jqrun_source){file[n], span_str(texts[n]),
		    scans[n].defs, scans[n].ops};
	}
	r = jqrun_compile(v, n, limits.memory, out, &err);
	check((r == 0) == (*out != NULL));
	for (i = 0; i < n; i++)
		scan_free(&scans[i]);
	return r;
}

/* Names are each file's own, and so are deaths. */
static void test_together(void)
{
	static const char *const texts[] = {
	    "def about: {name: \"a\"};\ndef f: 1;\n"
	    "def decide($c): on($c; \"a\"; event(\"e\"; {n: f})),\n"
	    "  on($c; \"eat\"; [range(infinite)]);",
	    "def f($x): $x + 1;\ndef initial: 5;\n"
	    "def evolve($e): apply($e; \"a.\"; f(.)); # the end",
	    "def decide($c): on($c; \"a\", \"b\"; event(\"e\"; {n: 3}));",
	    "def react($e): on($e; \"a\"; command(\"c\"; {n: 4}));",
	    "def f: 9;\ndef decide($c): on($c; \"a\"; event(\"e\"; {n: f}));",
	    NULL};
	struct jqnursery *n;
	struct jqrun *jq[5];
	struct buf about = {0};
	struct es_err err = {0};
	size_t i;

	need(compile(texts, &n) == 0);
	for (i = 0; i < 5; i++)
		need(jqrun_open_one(n, i, LONG, &jq[i], &about, &err) == 0);
	jqrun_drop(n);
	check_str(about.p, "{\"name\":\"a\"}{}{}{}{}");
	check_str(ask(jq[0], "a", "{}"), "ok event e {\"n\":1}");
	check_str(state(jq[1], 0, true, EVENTS("{\"type\":\"a.b\"}")), "ok 6");
	check_str(ask(jq[2], "b", "{}"), "ok event e {\"n\":3}");
	check_str(react(jq[3], "{\"type\":\"a\"}"), "ok command c {\"n\":4}");
	check_str(ask(jq[4], "a", "{}"), "ok event e {\"n\":9}");
	check_str(ask(jq[1], "a", "{}"),
	    "fault decide 0: the handler does not define it");
	if (!proc_sanitized()) {
		check_str(ask(jq[0], "eat", "{}"),
		    "memory decide 0: it reached the memory limit");
		check_str(ask(jq[0], "a", "{}"), "ok event e {\"n\":1}");
		check_int(jqrun_generation(jq[2]), 0);
	}
	check_str(ask(jq[2], "a", "{}"), "ok event e {\"n\":3}");
	for (i = 0; i < 5; i++)
		jqrun_close(jq[i]);
	buf_free(&about);
}

/* One does not compile; one whose lines would not be its own. */
static void test_not_together(void)
{
	static const char *const wrong[] = {
	    "def decide($c): on($c; \"a\"; f);",
	    "def f: 1; def decide($c): on($c; \"b\"; f);", NULL};
	static const char *const lines[] = {
	    "def decide($c): on($c; \"a\"; event(\"e\"; $__loc__));",
	    "def decide($c): on($c; \"b\"; event(\"e\"; {}));", NULL};
	struct jqnursery *n;

	check_int(compile(wrong, &n), -1);
	check_int(compile(lines, &n), -1);
}

int main(void)
{
	test_together();
	test_not_together();
	test_numbers();
	test_world();
	test_pure();
	if (!proc_sanitized())
		test_constants();
	jqrun_reply_free(&reply);
	return unit_end();
}
