/* fold.h: states that are kept equal states that are folded afresh. */
#include <poll.h>
#include <unistd.h>

#include "fold.h"
#include "sys.h"
#include "unit.h"

static char path[4096];
static struct handler handler;
static struct jqrun *jq;
static struct given *given;
static struct fold *fold;
static struct es_err err;

/* The state is the list of what was folded, so that order shows. */
static const char source[] =
    "def about: {partition_by: [\"p\"], deadline: \"1s\"};\n"
    "def initial: {p: .p, n: 0, sum: 0, last: null};\n"
    "def evolve($e): apply($e; \"t.add\"; .n += 1 | .sum += $e.payload.v\n"
    "    | .last = $e.payload.v)\n"
    "  | apply($e; \"t.bad\"; error(\"bad event\"));\n"
    "def decide($c):\n"
    "  on($c; \"t.ask\"; event(\"t.told\"; .)),\n"
    "  on($c; \"t.refuse\"; reject(\"no\"; .n)),\n"
    "  on($c; \"t.loop\"; last(range(infinite))),\n"
    "  on($c; \"t.die\"; (\"x\" * 50000 | explode) - "
    "(\"y\" * 50000 | explode) | event(\"t.told\"; {})),\n"
    "  on($c; \"t.fail\"; error(\"fails\"));\n"
    "def react($e): on($e; \"t.add\"; event(\"t.told\"; .));\n";

static void add(const char *type, const char *p, int v)
{
	char payload[80];
	struct message m = {.type = span_str(type), .kind = KIND_EVENT,
	    .version = 1, .metadata = SPAN_LIT("{}")};

	snprintf(payload, sizeof payload, "{\"p\":\"%s\",\"v\":%d}", p, v);
	m.payload = span_str(payload);
	need(given_add(given, &m, 1, &err) == 0);
}

static struct partition partition(const char *p)
{
	struct message m = {.type = SPAN_LIT("t.ask"),
	    .metadata = SPAN_LIT("{}")};
	struct partition out;
	char payload[80];
	bool complete, many;

	snprintf(payload, sizeof payload, "{\"p\":\"%s\"}", p);
	m.payload = span_str(payload);
	need(partition_of(NULL, &handler, &m, &out, &complete, &many,
	    &err) == 0 && complete);
	return out;
}

static void submit(const char *type, const char *p, int64_t up_to, void *tag)
{
	char line[200];
	struct partition part = partition(p);

	snprintf(line, sizeof line, "{\"type\":\"%s\",\"payload\":"
	    "{\"p\":\"%s\"}}", type, p);
	if (fold_submit(fold, JQ_DECIDE, &part, up_to, span_str(line), tag,
	    &err) < 0) {
		printf("%s\n", err.text);
		need(false);
	}
	partition_free(&part);
}

static struct fold_result next(void)
{
	struct fold_result r;
	struct pollfd fds[PROC_FDS];
	int got;

	while ((got = fold_next(fold, &r, &err)) == 0)
		poll(fds, (nfds_t)jqrun_poll(jq, fds), jqrun_timeout(jq));
	if (got < 0)
		printf("%s\n", err.text);
	need(got > 0);
	return r;
}

static char *state(const char *p, int64_t up_to)
{
	struct partition part = partition(p);
	struct fold_result r;
	char *text;

	if (fold_call(fold, JQ_STATE, &part, up_to, SPAN_NONE, &r, &err) < 0)
		printf("%s\n", err.text);
	check_int(r.reply.result, JQ_OK);
	check_int(r.read_at, up_to);
	text = strndup(r.reply.state.p ? r.reply.state.p : "",
	    r.reply.state.n);
	fold_result_free(&r);
	partition_free(&part);
	return text;
}

static void state_is(const char *p, int64_t up_to, const char *want)
{
	char *text = state(p, up_to);

	check_str(text, want);
	free(text);
}

static void open_fold(void)
{
	need(given_open(NULL, &given, &err) == 0);
	need(fold_open_given(given, &handler, jq, &fold, &err) == 0);
}

static void close_fold(void)
{
	check_int(fold_pending(fold), 0);
	fold_close(fold);
	given_close(given);
}

static void begin(void)
{
	const char *tmp = getenv("TMPDIR");
	struct jqrun_limits limits = JQRUN_LIMITS_DEFAULT;

	snprintf(path, sizeof path, "%s/fold-XXXXXX.jq", tmp ? tmp : "/tmp");
	need(close(mkstemps(path, 3)) == 0);
	need(sys_write_file(path, span_str(source), false, &err) == 0);
	if (handler_load(path, &handler, &err) < 0 ||
	    handler_start(&handler, &limits, &jq, &err) < 0) {
		printf("%s\n", err.text);
		need(false);
	}
	unlink(path);
}

static void test_states(void)
{
	open_fold();
	state_is("a", 0, "{\"p\":\"a\",\"n\":0,\"sum\":0,\"last\":null}");
	add("t.add", "a", 1);
	add("t.add", "b", 10);
	add("t.add", "a", 2);
	add("t.other", "a", 100);
	state_is("a", 4, "{\"p\":\"a\",\"n\":2,\"sum\":3,\"last\":2}");
	state_is("b", 4, "{\"p\":\"b\",\"n\":1,\"sum\":10,\"last\":10}");
	add("t.add", "a", 3);
	/* On from where it stood; not read twice; and back again. */
	state_is("a", 5, "{\"p\":\"a\",\"n\":3,\"sum\":6,\"last\":3}");
	state_is("a", 5, "{\"p\":\"a\",\"n\":3,\"sum\":6,\"last\":3}");
	state_is("a", 1, "{\"p\":\"a\",\"n\":1,\"sum\":1,\"last\":1}");
	state_is("a", 5, "{\"p\":\"a\",\"n\":3,\"sum\":6,\"last\":3}");
	close_fold();
}

/* More than the batches that are sent ahead, and the last one not full. */
static void test_long_history(void)
{
	char want[120];
	int i;

	open_fold();
	for (i = 1; i <= 5200; i++) {
		add("t.add", "a", i);
		add("t.add", "b", 1);
	}
	snprintf(want, sizeof want, "{\"p\":\"a\",\"n\":5200,\"sum\":%d,"
	    "\"last\":5200}", 5200 * 5201 / 2);
	state_is("a", 10400, want);
	state_is("b", 1024 * 2, "{\"p\":\"b\",\"n\":1024,\"sum\":1024,"
	    "\"last\":1}");
	close_fold();
}

/* More partitions than slots, several rounds: each state is its own. */
static void test_many_partitions(void)
{
	enum { PARTITIONS = JQRUN_SLOTS + 40, AT_ONCE = 60 };
	char name[20], want[120];
	int round, i, k;

	open_fold();
	for (round = 1; round <= 2; round++) {
		for (i = 0; i < PARTITIONS; i++) {
			snprintf(name, sizeof name, "p%d", i);
			add("t.add", name, i);
		}
		for (i = 0; i < PARTITIONS; i += AT_ONCE) {
			int n = PARTITIONS - i < AT_ONCE ? PARTITIONS - i :
			    AT_ONCE;

			for (k = 0; k < n; k++) {
				snprintf(name, sizeof name, "p%d", i + k);
				submit("t.ask", name, given_head(given), NULL);
			}
			check_int(fold_pending(fold), n);
			for (k = 0; k < n; k++) {
				struct fold_result r = next();

				snprintf(want, sizeof want, "{\"p\":\"p%d\","
				    "\"n\":%d,\"sum\":%d,\"last\":%d}", i + k,
				    round, round * (i + k), i + k);
				check_int(r.reply.n_outputs, 1);
				if (r.reply.n_outputs == 1)
					check(span_is(
					    r.reply.outputs[0].payload, want));
				fold_result_free(&r);
			}
		}
	}
	close_fold();
}

static void result_is(const char *tag, enum jqrun_result want)
{
	struct fold_result r = next();

	check_str(r.tag, tag);
	if (r.reply.result != want)
		printf("%s: %.*s\n", tag, (int)r.reply.reason.n,
		    r.reply.reason.p ? r.reply.reason.p : "");
	check_int(r.reply.result, want);
	fold_result_free(&r);
}

/* Deaths and faults are one operation's; those behind it come through. */
static void test_deaths(void)
{
	char a[] = "a", b[] = "b", c[] = "c", d[] = "d", e[] = "e", f[] = "f";
	int i;

	open_fold();
	for (i = 0; i < 1500; i++) {
		add("t.add", "a", 1);
		add("t.add", "c", 2);
		add("t.add", "e", 3);
	}
	state_is("c", 4500, "{\"p\":\"c\",\"n\":1500,\"sum\":3000,"
	    "\"last\":2}");
	submit("t.ask", a, 4500, a);
	submit("t.die", b, 4500, b);
	submit("t.ask", c, 4500, c);
	submit("t.loop", d, 4500, d);
	submit("t.refuse", e, 4500, e);
	submit("t.die", f, 4500, f);
	result_is(a, JQ_OK);
	result_is(b, JQ_DEADLINE);
	result_is(c, JQ_OK);
	result_is(d, JQ_DEADLINE);
	result_is(e, JQ_REJECTED);
	result_is(f, JQ_DEADLINE);
	state_is("a", 4500, "{\"p\":\"a\",\"n\":1500,\"sum\":1500,"
	    "\"last\":1}");
	state_is("c", 4500, "{\"p\":\"c\",\"n\":1500,\"sum\":3000,"
	    "\"last\":2}");
	close_fold();
}

/* A fault leaves no state behind that is wrong. */
static void test_faults(void)
{
	struct fold_result r;
	struct partition part = partition("a");
	char tag[] = "a";
	int i;

	open_fold();
	add("t.add", "a", 1);
	submit("t.fail", "a", 1, tag);
	result_is(tag, JQ_FAULT);
	state_is("a", 1, "{\"p\":\"a\",\"n\":1,\"sum\":1,\"last\":1}");
	for (i = 0; i < 700; i++)
		add("t.add", "a", 1);
	add("t.bad", "a", 1);
	for (i = 0; i < 4000; i++)
		add("t.add", "a", 1);
	need(fold_call(fold, JQ_STATE, &part, given_head(given), SPAN_NONE,
	    &r, &err) == 0);
	check_int(r.reply.result, JQ_FAULT);
	check_str(r.reply.operation, "evolve");
	check_str(r.place.p, "t.bad given-702 at 702");
	fold_result_free(&r);
	state_is("a", 701, "{\"p\":\"a\",\"n\":701,\"sum\":701,\"last\":1}");
	partition_free(&part);
	close_fold();
}

static void test_misuse(void)
{
	struct partition part = partition("a");
	char tag[] = "a";

	open_fold();
	submit("t.ask", "a", 0, tag);
	check_int(fold_submit(fold, JQ_STATE, &part, 0, SPAN_NONE, NULL,
	    &err), -1);
	check_int(fold_pending(fold), 1);
	result_is(tag, JQ_OK);
	partition_free(&part);
	close_fold();
}

int main(void)
{
	begin();
	test_states();
	test_long_history();
	test_many_partitions();
	test_deaths();
	test_faults();
	test_misuse();
	jqrun_close(jq);
	handler_free(&handler);
	return unit_end();
}
