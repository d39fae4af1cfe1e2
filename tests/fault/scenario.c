#include <string.h>

#include "scenario.h"

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Messages with ids of their own, so that they can be appended again. */
#define SOME(n, from) "seq " #from " " #n " | sed 's/.*/{\"id\":\"i&\"," \
	"\"type\":\"a.b\",\"payload\":{\"x\":\"v&\",\"n\":&}}/'"

#define HANDLERS \
	"cat >seats.jq <<'E'\n" \
	"def about: {partition_by: [\"x\"]};\n" \
	"def initial: 0;\n" \
	"def evolve($e): apply($e; \"a.taken\"; . + 1);\n" \
	"def decide($c): on($c; \"a.take\"; require(. < 9; \"full\")\n" \
	"  | event(\"a.taken\"; {x: $c.payload.x, number: (. + 1)}));\n" \
	"E\n" \
	"cat >sum.jq <<'E'\n" \
	"def about: {partition_by: [\"x\"]};\n" \
	"def initial: {n: 0};\n" \
	"def evolve($e): apply($e; \"a.b\"; .n += $e.payload.n);\n" \
	"E\n" \
	"cat >copy.jq <<'E'\n" \
	"def about: {partition_by: [\"x\"]};\n" \
	"def react($e): on($e; \"a.b\"; event(\"a.copied\"; $e.payload));\n" \
	"E\n"

#define TAKE "{\"id\":\"t1\",\"type\":\"a.take\",\"kind\":\"command\"," \
	"\"payload\":{\"x\":\"s\"}}\n"

static const struct scenario scenarios[] = {
	{.name = "init", .setup = ":", .argv = WORDS("es-init"),
	    .check = WORDS("es-append", "-qt", "a.b")},
	{.name = "init-catalog",
	    .setup = "echo '{\"a.b\":{\"payload\":{\"x\":\"string\"}}}' >c",
	    .argv = WORDS("es-init", "-m", "c"),
	    .check = WORDS("es-append", "-qt", "a.b", "x=1")},
	{.name = "delete", .setup = HANDLERS "es-init;"
	    SOME(5, 1) " | es-append -q; es-project -q sum.jq; touch es.db-token",
	    .argv = WORDS("es-init", "--delete"), .removes = true},
	{.name = "one", .setup = "es-init; es-append -qt a.b x=1",
	    .argv = WORDS("es-append", "--id", "one", "-t", "a.b", "x=2"),
	    .acknowledges = true, .atomic = true},
	{.name = "batch", .setup = "es-init; es-append -qt a.b x=1;"
	    SOME(30, 1) " >batch",
	    .argv = WORDS("es-append", "batch"),
	    .acknowledges = true, .atomic = true},
	{.name = "each", .setup = "es-init; es-append -qt a.b x=1;"
	    SOME(30, 1) " >batch",
	    .argv = WORDS("es-append", "--each", "batch"),
	    .acknowledges = true},
	{.name = "guarded", .setup = "es-init; es-append -qt a.b x=1;"
	    "es-query -k x=1 --guard g >/dev/null; es-append -qt a.c y=1",
	    .argv = WORDS("es-append", "--guard", "g", "--id", "one", "-t",
	    "a.b", "x=1"),
	    .acknowledges = true, .atomic = true},
	/* The tail of the index is folded into its tables. */
	{.name = "fold", .setup = "es-init; " SOME(1990, 1) " |"
	    "es-append -q; " SOME(2010, 1991) " >batch",
	    .argv = WORDS("es-append", "batch"),
	    .acknowledges = true, .atomic = true, .sparse = true},
	/* The commit checkpoints, and so does the close. */
	{.name = "checkpoint", .setup = "es-init;"
	    "text=$(printf '%05000d' 0);"
	    "seq 700 | sed \"s/.*/{\\\"id\\\":\\\"i&\\\",\\\"type\\\":"
	    "\\\"a.b\\\",\\\"payload\\\":{\\\"x\\\":\\\"$text\\\"}}/\" >batch",
	    .argv = WORDS("es-append", "batch"),
	    .acknowledges = true, .atomic = true, .sparse = true},
	/* Only the close checkpoints. */
	{.name = "close", .setup = "es-init;"
	    "text=$(printf '%05000d' 0);"
	    "seq 40 | sed \"s/.*/{\\\"id\\\":\\\"i&\\\",\\\"type\\\":"
	    "\\\"a.b\\\",\\\"payload\\\":{\\\"x\\\":\\\"$text\\\"}}/\" >batch",
	    .argv = WORDS("es-append", "-q", "batch"), .atomic = true},
	{.name = "query", .setup = "es-init;" SOME(300, 1) " | es-append -q",
	    .argv = WORDS("es-query", "-k", "x=v17", "-o", "-t", "a.",
	    "--guard", "g"), .prints = true, .acknowledges = true},
	{.name = "count", .setup = "es-init;" SOME(300, 1) " | es-append -q",
	    .argv = WORDS("es-query", "--count", "-p", "x=v17"),
	    .prints = true},
	{.name = "check", .setup = "es-init;" SOME(30, 1) " | es-append -q",
	    .argv = WORDS("es-check"), .prints = true, .reports = true},
	{.name = "salvage", .setup = "es-init;" SOME(30, 1) " | es-append -q",
	    .argv = WORDS("es-check", "--salvage"), .prints = true},
	{.name = "erase", .setup = "es-init;" SOME(30, 1) " | es-append -q",
	    .argv = WORDS("es-erase", "-q", "i7", "i9"), .atomic = true,
	    .rewrites = true},
	{.name = "copy", .setup = "es-init;" SOME(300, 1) " | es-append -q",
	    .argv = WORDS("es-copy", "--force", "copy.db"),
	    .check = WORDS("es-check", "-s", "copy.db"), .sparse = true},
	/* A copy that is replaced: it is the old one, or the new. */
	{.name = "copy-over", .setup = "es-init; es-append -qt a.b x=1;"
	    "es-copy -q copy.db;" SOME(30, 1) " | es-append -q",
	    .argv = WORDS("es-copy", "--force", "copy.db"),
	    .check = WORDS("es-check", "-s", "copy.db"), .sparse = true},
	{.name = "given", .setup = HANDLERS "es-init",
	    .argv = WORDS("es-decide", "--given", "/dev/null", "seats.jq"),
	    .input = TAKE, .prints = true, .only_first = true, .sparse = true},
	{.name = "decide", .setup = HANDLERS "es-init;"
	    SOME(5, 1) " | es-append -q",
	    .argv = WORDS("es-decide", "seats.jq"), .input = TAKE,
	    .acknowledges = true, .atomic = true, .only_first = true,
	    .sparse = true},
	{.name = "project", .setup = HANDLERS "es-init;"
	    SOME(50, 1) " | es-append -q",
	    .argv = WORDS("es-project", "--print", "sum.jq"),
	    .prints = true, .only_first = true, .sparse = true},
	{.name = "react", .setup = HANDLERS "es-init; echo '" TAKE "' >take;"
	    "es-react -q copy.jq seats.jq;" SOME(5, 1) " | es-append -q - take",
	    .argv = WORDS("es-react", "-q", "copy.jq", "seats.jq"),
	    .check = WORDS("sh", "-c", "test \"$(es-query --count -t "
	    "a.copied)$(es-query --count -t a.taken)\" = 51"),
	    .sparse = true, .many_lines = true},
};

const struct scenario *scenario_find(const char *name)
{
	for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
		if (strcmp(scenarios[i].name, name) == 0)
			return &scenarios[i];
	return NULL;
}
