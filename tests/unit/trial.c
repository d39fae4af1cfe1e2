/* The conversation of es-bats(7), line for line. */
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "trial.h"
#include "unit.h"

static char dir[200];
static struct trial *trial;

static void write_file(const char *name, const char *text)
{
	char path[300];
	struct es_err err;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	need(sys_write_file(path, span_str(text), false, &err) == 0);
}

/* The answer, without its newline; until the next one. */
static const char *answer(const char *request)
{
	static struct buf out;

	buf_truncate(&out, 0);
	trial_answer(trial, span_str(request), &out);
	need(!out.failed && out.n > 0);
	check(out.p[out.n - 1] == '\n' && !memchr(out.p, '\n', out.n - 1));
	buf_truncate(&out, out.n - 1);
	return out.p;
}

#define YES "{\"ok\":true}"
#define yes(request) check_str(answer(request), YES)
/* message, and what may follow it, as they stand in the answer */
#define no(request, message) \
	check_str(answer(request), "{\"ok\":false,\"message\":\"" message "}")

static void begin(void)
{
	char request[300];

	snprintf(request, sizeof request, "[\"begin\",\"%s\"]", dir);
	yes(request);
}

static const char loan[] =
    "def about: {partition_by: [\"book\"]};\n"
    "def initial: {n: 0};\n"
    "def evolve($e): apply($e; \"lent\"; .n += 1 | .at = $e.stored_at);\n"
    "def decide($c): on($c; \"lend\"; require(.n < 2; \"enough\"; {n})\n"
    "  | event(\"lent\"; $c.payload)), on($c; \"lose\"; error(\"lost\")),\n"
    "  on($c; \"none\"; empty), on($c; \"bad\"; event(\"lent\"; {book: 1}));\n"
    "def react($e): on($e; \"lent\"; command(\"remind\"; $e.payload)),\n"
    "  on($e; \"gone\"; event(\"es.gone\"; {}));\n";

static const char catalog[] =
    "{\"lend\":{\"kind\":\"command\",\"payload\":{\"book\":\"string\","
    "\"days\":{\"type\":\"integer\",\"default\":14}}},"
    "\"lent\":{\"payload\":{\"book\":\"string\",\"days\":\"integer\"}}}";

static void test_requests(void)
{
	check(strstr(answer("x"), "{\"ok\":false,\"message\":\""));
	no("[1]", "a request is an array of strings\"");
	no("{}", "a request is an array of strings\"");
	no("[]", "\\\"\\\": no such word\"");
	no("[\"nosuch\",\"a\"]", "\\\"nosuch\\\": no such word\"");
	no("[\"begin\"]", "begin: one DIRECTORY, not 0\"");
	no("[\"handler\"]", "handler: one FILE, not 0\"");
	no("[\"when\",\"lend\"]", "when: there is no handler yet\"");
	no("[\"then_nothing\"]", "then_nothing: there was no when yet\"");
	no("[\"given\"]", "given: TYPE is missing\"");
	/* There is a history, whatever begin came to. */
	no("[\"begin\",\"/nosuch\"]",
	    "begin: /nosuch: No such file or directory\"");
	yes("[\"given\",\"lent\",\"book=b1\"]");
	no("[\"begin\",\"/nosuch\"]",
	    "begin: /nosuch: No such file or directory\"");
}

static void test_decide(void)
{
	begin();
	yes("[\"handler\",\"loan.jq\"]");
	yes("[\"given\",\"lent\",\"book=b1\"]");
	yes("[\"when\",\"lend\",\"book=b1\",\"days:=3\"]");
	yes("[\"then_events\",\"lent\",\"days:=3.0\",\"book=b1\"]");
	yes("[\"then_messages\",\"lent\",\"book=b1\",\"days:=3\"]");
	no("[\"then_commands\",\"lent\",\"book=b1\",\"days:=3\"]",
	    "then_commands: not these commands\",\"expected\":\"lent\\n"
	    "  book: \\\"b1\\\"\\n  days: 3\\n\",\"actual\":\"nothing\\n\"");
	no("[\"then_nothing\"]", "then_nothing: there is something\","
	    "\"expected\":\"nothing\\n\",\"actual\":\"lent\\n"
	    "  book: \\\"b1\\\"\\n  days: 3\\n\"");
	no("[\"then_rejected\",\"enough\"]", "then_rejected: it was not "
	    "rejected\",\"expected\":\"rejected: enough\\n\",\"actual\":"
	    "\"lent\\n  book: \\\"b1\\\"\\n  days: 3\\n\"");
	yes("[\"when\",\"lend\",\"book=b1\"]");
	yes("[\"then_rejected\",\"enough\"]");
	yes("[\"then_rejected\",\"enough\",\"{\\\"n\\\":2.0}\"]");
	yes("[\"when\",\"none\",\"book=b1\"]");
	yes("[\"then_nothing\"]");
	yes("[\"when\",\"lose\",\"--id\",\"c1\",\"book=b1\"]");
	yes("[\"then_fault\"]");
	yes("[\"then_fault\",\"loan.jq: decide: lose c1: lost\"]");
	no("[\"then_nothing\"]", "then_nothing: there is something\","
	    "\"expected\":\"nothing\\n\",\"actual\":\"fault: loan.jq: decide: "
	    "lose c1: lost\\n\"");
	/* A fault leaves the history as it was. */
	yes("[\"then_state\",\".n == 2\"]");
}

static void test_state(void)
{
	begin();
	yes("[\"handler\",\"loan.jq\"]");
	no("[\"then_state\",\".n == 0\"]",
	    "then_state: of which partition: -p NAME=VALUE\"");
	yes("[\"then_state\",\"-p\",\"book=b9\",\".n == 0\"]");
	yes("[\"given\",\"--at\",\"2026-03-01T12:00:00Z\",\"lent\","
	    "\"book=b1\"]");
	yes("[\"given\",\"lent\",\"book=b2\"]");
	/* The newest message's, paths by themselves and by jq. */
	yes("[\"then_state\",\".n == 1\",\".n < 2\"]");
	yes("[\"then_state\",\"-p\",\"book=b1\",\".n == 1 and "
	    ".at == \\\"2026-03-01T12:00:00.000000Z\\\"\"]");
	yes("[\"then_state\",\"-p\",\"book=b1\",\".nosuch == null\"]");
	no("[\"then_state\",\"-p\",\"book=b9\",\".n == 1\"]",
	    "then_state: .n == 1: is false, not true, of this state\","
	    "\"actual\":\"  n: 0\\n\"");
	no("[\"then_state\",\"-p\",\"book=b9\",\".n + 1\"]",
	    "then_state: .n + 1: is 1, not true, of this state\","
	    "\"actual\":\"  n: 0\\n\"");
	no("[\"then_state\",\"-p\",\"shelf=1\",\".n\"]", "then_state: shelf: "
	    "loan is partitioned by book\"");
	yes("[\"given\",\"lent\",\"book=b1\"]");
	yes("[\"then_state\",\".n == 2\"]");
	/* The last when's, whatever was asked for or given since. */
	yes("[\"when\",\"none\",\"book=b2\"]");
	yes("[\"then_state\",\"-p\",\"book=b1\",\".n == 2\"]");
	yes("[\"given\",\"lent\",\"book=b1\"]");
	yes("[\"then_state\",\".n == 1\"]");
	yes("[\"then_read_model\",\"-p\",\"book=b2\",\"{\\\"key\\\":{"
	    "\\\"book\\\":\\\"b2\\\"}}\"]");
}

static void test_react(void)
{
	begin();
	yes("[\"handler\",\"loan.jq\"]");
	yes("[\"when\",\"--kind\",\"event\",\"lent\",\"book=b1\"]");
	yes("[\"then_commands\",\"remind\",\"book=b1\"]");
	yes("[\"when\",\"--id\",\"e1\",\"gone\"]");
	yes("[\"then_fault\",\"loan.jq: react: gone e1 at 3: output 1: "
	    "es.gone: only es itself makes \\\"es.\\\" types\"]");
	no("[\"when\",\"other\"]",
	    "when: other: loan.jq does not handle it\"");
}

/* The files of the app are looked at with each begin. */
static void test_catalog(void)
{
	write_file("messages.json", catalog);
	begin();
	yes("[\"handler\",\"loan.jq\"]");
	no("[\"given\",\"lentt\",\"book=b1\"]",
	    "given: lentt: messages.json has no such type\"");
	no("[\"given\",\"lent\",\"book=b1\",\"dayz=3\"]",
	    "given: lent: dayz: no such attribute\"");
	yes("[\"when\",\"lend\",\"book=7\"]");
	yes("[\"then_events\",\"lent\",\"book=7\",\"days=14\"]");
	yes("[\"when\",\"lend\",\"book=b1\",\"days=x\"]");
	yes("[\"then_fault\",\"days: must be an integer, not \\\"x\\\"\"]");
	yes("[\"when\",\"--id\",\"c1\",\"bad\",\"book=b1\"]");
	yes("[\"then_fault\",\"loan.jq: decide: bad c1: output 1: lent: book: "
	    "must be a string, not 1\"]");
	yes("[\"when\",\"--id\",\"c1\",\"--kind\",\"event\",\"lent\","
	    "\"book=b1\",\"days=2\"]");
	yes("[\"then_commands\",\"remind\",\"book=b1\",\"days:=2\"]");
	write_file("messages.json", "{");
	check(strstr(answer("[\"begin\",\".\"]"), "messages.json:"));
	unlink("messages.json");
}

static void test_compiled_again(void)
{
	begin();
	yes("[\"handler\",\"loan.jq\"]");
	write_file("loan.jq", "def decide($c): on($c; \"lend\"; event(\"x\"; {})"
	    ");\n");
	yes("[\"when\",\"lend\"]");
	/* It is read with "handler". */
	yes("[\"then_rejected\",\"does not carry book (loan is partitioned by "
	    "it)\"]");
	yes("[\"handler\",\"loan.jq\"]");
	yes("[\"when\",\"lend\"]");
	yes("[\"then_events\",\"x\"]");
	write_file("loan.jq", "def decide($c): nosuch;\n");
	check(strstr(answer("[\"handler\",\"loan.jq\"]"),
	    "handler: loan.jq:1: "));
	no("[\"when\",\"lend\"]", "when: there is no handler yet\"");
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	struct es_err err;
	char path[300];

	snprintf(dir, sizeof dir, "%s/es-trial.XXXXXX",
	    tmp && *tmp ? tmp : "/tmp");
	need(mkdtemp(dir));
	write_file("loan.jq", loan);
	need(trial_open(&trial, &err) == 0);
	test_requests();
	test_decide();
	test_state();
	test_react();
	test_catalog();
	test_compiled_again();
	trial_close(trial);
	snprintf(path, sizeof path, "%s/loan.jq", dir);
	unlink(path);
	need(chdir("/") == 0 && rmdir(dir) == 0);
	return unit_end();
}
