#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "handler.h"
#include "sys.h"

static char dir[200];

static const char *path_of(const char *name)
{
	static char path[300];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void write_file(const char *name, const char *text, mode_t mode)
{
	struct es_err err;

	need(sys_write_file(path_of(name), span_str(text), false, &err) == 0);
	need(chmod(path_of(name), mode) == 0);
}

/* Load a file of this text, and take it away again. */
static int load(const char *name, const char *text, mode_t mode,
    struct handler *h, struct es_err *err)
{
	int r;

	write_file(name, text, mode);
	r = handler_load(path_of(name), h, err);
	unlink(path_of(name));
	return r;
}

/* The error, without the directory. */
static const char *fault(const struct es_err *err)
{
	size_t n = strlen(dir);

	return strncmp(err->text, dir, n) == 0 ? err->text + n + 1 : err->text;
}

static const char *definition(const struct handler *h)
{
	static struct buf text;

	buf_truncate(&text, 0);
	handler_definition(h, &text);
	return text.p;
}

static const char loans[] =
    "def about: {name: \"lending\", partition_by: [\"b\", \"a\"], "
    "deadline: \"250ms\", retries: 7, backoff: \"2s\"};\n"
    "def evolve($e): apply($e; \"loans.lent\", \"loans.x.\"; . + 1);\n"
    "def decide($c): on($c; \"loans.lend\"; event(\"loans.lent\"; {n: .}));\n";

static void test_jq(void)
{
	struct es_err err = {0};
	struct handler h;
	struct jqrun *jq;

	need(load("loans.jq", loans, 0644, &h, &err) == 0);
	check_int(h.kind, HANDLER_JQ);
	check_str(h.name, "loans");
	check_int(h.ops, SCAN_ABOUT | SCAN_EVOLVE | SCAN_DECIDE);
	check_int(h.retries, -1);
	check_int(h.backoff_ms, -1);
	check_int(h.deadline_ms, -1);
	check_int(h.text.n, sizeof loans - 1);
	check_str(definition(&h), "{\"kind\":\"jq\",\"decides\":[\"loans.lend"
	    "\"],\"evolves\":[\"loans.lent\",\"loans.x.\"]}");

	need(handler_start(&h, NULL, &jq, &err) == 0);
	check_str(h.name, "lending");
	check_int(h.retries, 7);
	check_int(h.backoff_ms, 2000);
	check_int(h.deadline_ms, 250);
	check_int(h.n_partition_by, 2);
	check_str(h.partition_by[0], "b");
	check_str(h.partition_by[1], "a");
	check_str(definition(&h), "{\"kind\":\"jq\",\"decides\":[\"loans.lend"
	    "\"],\"evolves\":[\"loans.lent\",\"loans.x.\"],"
	    "\"partition_by\":[\"b\",\"a\"]}");
	jqrun_close(jq);
	handler_free(&h);
	handler_free(&h);
}

static void test_hash(void)
{
	struct es_err err = {0};
	struct handler a, b;
	char *argv[] = {(char *)"send", (char *)"x y", NULL};
	char *other[] = {(char *)"send", (char *)"x", (char *)"y", NULL};

	need(load("a.jq", loans, 0644, &a, &err) == 0);
	need(load("b.jq", loans, 0644, &b, &err) == 0);
	check(memcmp(a.hash, b.hash, 32) == 0);
	handler_free(&b);
	need(load("b.jq", "def evolve($e): apply($e; \"a\"; .);", 0644, &b,
	    &err) == 0);
	check(memcmp(a.hash, b.hash, 32) != 0);
	handler_free(&a);
	handler_free(&b);

	need(handler_command("mail", argv, &a, &err) == 0);
	need(handler_command("mail", other, &b, &err) == 0);
	check(memcmp(a.hash, b.hash, 32) != 0);
	check_int(a.kind, HANDLER_EXEC);
	check_str(a.name, "mail");
	check_str(a.argv[1], "x y");
	check(a.argv[2] == NULL);
	check_int(a.ops, SCAN_REACT);
	handler_free(&a);
	handler_free(&b);
	check_int(handler_command("a/b", argv, &a, &err), -1);
	check_int(handler_command("", argv, &a, &err), -1);
	check_int(handler_command(".x", argv, &a, &err), -1);
}

static void test_about_faults(void)
{
	static const struct { const char *about, *want; } cases[] = {
		{"[]", "must be an object"},
		{"{\"partition_by\": \"a\"}", "partition_by: must be an array "
		    "of names"},
		{"{\"partition_by\": [1]}", "partition_by: must be an array "
		    "of names"},
		{"{\"partition_by\": [\"a b\"]}", "partition_by: \"a b\" is "
		    "not a name ([A-Za-z_][A-Za-z0-9_]*)"},
		{"{\"partition_by\": [\"a\", \"a\"]}",
		    "partition_by: \"a\" stands twice"},
		{"{\"deadline\": 3}", "deadline: must be a duration as \"2s\""},
		{"{\"deadline\": \"0s\"}",
		    "deadline: must be a duration as \"2s\""},
		{"{\"backoff\": \"fast\"}",
		    "backoff: must be a duration as \"2s\""},
		{"{\"retries\": -1}",
		    "retries: must be an integer from 0 to 1000"},
		{"{\"retries\": 1.5}",
		    "retries: must be an integer from 0 to 1000"},
		{"{\"name\": \"a/b\"}", "\"a/b\" cannot be a group's name: it "
		    "must have 1 to 64 of A-Z a-z 0-9 _ . - and not begin "
		    "with . or -"},
		{"{\"handles\": []}", "handles: must be an object {decide: "
		    "[TYPE...], evolve: [...], react: [...]}"},
		{"{\"handles\": {\"react\": [\"a\"]}}",
		    "handles: react: the file has no such definition"},
		{"{\"handles\": {\"decides\": [\"a\"]}}", "handles: decides: "
		    "is not one of decide, evolve, react"},
		{"{\"handles\": {\"decide\": []}}", "handles: decide: must be "
		    "an array of types, one at least"},
		{"{\"handles\": {\"evolve\": [1]}}", "handles: evolve: must be "
		    "an array of types, one at least"},
		{"{\"partitionby\": []}", "partitionby: no such field (name, "
		    "partition_by, reads, handles, deadline, retries, backoff)"},
	};
	struct es_err err = {0};
	struct handler h;
	size_t i;

	need(load("x.jq", loans, 0644, &h, &err) == 0);
	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		char want[400];

		snprintf(want, sizeof want, "x.jq:1: about: %s", cases[i].want);
		check_int(handler_about(&h, span_str(cases[i].about), &err),
		    -1);
		check_str(fault(&err), want);
		check_int(err.code, ES_FAILED);
	}
	check_int(handler_about(&h, SPAN_LIT("{}"), &err), 0);
	check_int(h.n_partition_by, 0);
	check_str(h.name, "x");
	handler_free(&h);
}

static void test_exec(void)
{
	struct es_err err = {0};
	struct handler h;

	need(load("send", "#!/bin/sh\n\n# Sends mail.\n#es: on a.b, c.\n"
	    "# es: on a.c a.b\n#\tes:  partition_by id\n# es: retries 3\n"
	    "# es: backoff 1500ms\n# es: deadline 5m\ncat\n# es: nonsense\n",
	    0755, &h, &err) == 0);
	check_int(h.kind, HANDLER_EXEC);
	check_str(h.name, "send");
	check_str(definition(&h), "{\"kind\":\"executable\",\"reacts\":"
	    "[\"a.b\",\"a.c\",\"c.\"],\"partition_by\":[\"id\"]}");
	check_int(h.retries, 3);
	check_int(h.backoff_ms, 1500);
	check_int(h.deadline_ms, 300000);
	check(h.argv[0][0] == '/' && h.argv[1] == NULL);
	check(!h.stream && h.ops == SCAN_REACT);
	handler_free(&h);
	need(load("seats", "# es: decide b. a.x\n# es: stream\n", 0755, &h,
	    &err) == 0);
	check_str(definition(&h), "{\"kind\":\"executable\",\"decides\":"
	    "[\"a.x\",\"b.\"]}");
	check(h.stream && h.ops == SCAN_DECIDE);
	handler_free(&h);
}

static void test_exec_faults(void)
{
	static const struct { const char *text, *want; } cases[] = {
		{"#!/bin/sh\ncat\n", "x: says nowhere what it is given: its "
		    "first lines need \"# es: on TYPE...\" or \"# es: decide "
		    "TYPE...\""},
		{"#!/bin/sh\n# es: onn a\n", "x:2: \"onn\" is not one of on, "
		    "decide, partition_by, retries, backoff, deadline, "
		    "stream"},
		{"# es: on a\n# es: retries many\n",
		    "x:2: retries: must be an integer from 0 to 1000"},
		{"# es: on a\n# es: retries 3 4\n",
		    "x:2: retries: one value, no more"},
		{"# es: on a\n# es: deadline 5\n",
		    "x:2: deadline: must be a duration as 2s"},
		{"# es: on a\n# es: stream on\n",
		    "x:2: stream: takes no value"},
		{"# es: stream\n", "x: says nowhere what it is given: its "
		    "first lines need \"# es: on TYPE...\" or \"# es: decide "
		    "TYPE...\""},
		{"# es: on a\n\n# es: partition_by a-b\n",
		    "x:3: partition_by: \"a-b\" is not a name "
		    "([A-Za-z_][A-Za-z0-9_]*)"},
	};
	struct es_err err = {0};
	struct handler h;
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		check_int(load("x", cases[i].text, 0755, &h, &err), -1);
		check_str(fault(&err), cases[i].want);
		check_int(err.code, ES_FAILED);
	}
	check_int(load("x", "# es: on a..b\n", 0755, &h, &err), -1);
	check(strncmp(fault(&err), "x:1: type: \"a..b\"", 17) == 0);
}

static void test_other_faults(void)
{
	struct es_err err = {0};
	struct handler h;
	struct jqrun *jq;

	check_int(load("plain", "# es: on a\n", 0644, &h, &err), -1);
	check_int(err.code, ES_NOEXEC);
	check_str(fault(&err), "plain: neither a .jq file nor executable "
	    "(chmod +x?)");
	check_int(handler_load(path_of("none.jq"), &h, &err), -1);
	check_int(err.code, ES_NOTFOUND);
	check_str(fault(&err), "none.jq: No such file or directory");
	check_int(load("view.sql", "select 1;", 0644, &h, &err), -1);
	check_int(err.code, ES_FAILED);
	check_str(fault(&err), "view.sql: this version has no SQL projectors: "
	    "write it as a .jq file");
	check_int(handler_load(dir, &h, &err), -1);
	check_int(load("bad.jq", "def decide($c):\n on($c; .x; .);", 0644, &h,
	    &err), -1);
	check(strncmp(fault(&err), "bad.jq:2: the types of", 22) == 0);
	check_int(load("a b.jq", strchr(loans, '\n') + 1, 0644, &h, &err),
	    -1);
	check(strncmp(fault(&err), "a b.jq: \"a b\" cannot be a group's name",
	    38) == 0);
	/* What is no name itself may be renamed, or not. */
	need(load("a b.jq", loans, 0644, &h, &err) == 0);
	check(!h.named);
	need(handler_start(&h, NULL, &jq, &err) == 0);
	check(h.named);
	check_str(h.name, "lending");
	jqrun_close(jq);
	handler_free(&h);
	need(load("a b.jq", "def about: {};\n"
	    "def evolve($e): apply($e; \"a\"; 1);", 0644, &h, &err) == 0);
	check_int(handler_start(&h, NULL, &jq, &err), -1);
	check(strncmp(fault(&err), "a b.jq: \"a b\" cannot be a group's name",
	    38) == 0);
	handler_free(&h);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(dir, sizeof dir, "%s/es-handler.XXXXXX", tmp ? tmp : "/tmp");
	need(mkdtemp(dir));
	test_jq();
	test_hash();
	test_about_faults();
	test_exec();
	test_exec_faults();
	test_other_faults();
	check_int(rmdir(dir), 0);
	return unit_end();
}
