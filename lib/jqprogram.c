#include <string.h>

#include "jqrunint.h"

/*
 * What a handler does without.
 *
 * `input` is how the worker hands over a message: outside of the state, which
 * has to have a single owner, or each change of it copies it.  The names that
 * follow are hidden from the handler, as is all that would make it impure;
 * scan.c refuses them with their line, these are the second lock.
 *
 * On jq 1.6 error(null) looks like a normal end: it becomes a string here.
 */
static const char shadows[] =
    "def _es_in: input; def _es_error: error; def _es_debug: debug; "
    "def _es_none(what): \"a handler has no \" + what | _es_error; "
    "def input: _es_none(\"input\"); def inputs: _es_none(\"input\"); "
    "def input_filename: _es_none(\"input\"); "
    "def input_line_number: _es_none(\"input\"); "
    "def now: _es_none(\"clock\"); def env: _es_none(\"environment\"); "
    "def halt: _es_none(\"halt\"); def halt_error: _es_none(\"halt\"); "
    "def halt_error(code): _es_none(\"halt\"); "
    "def modulemeta: _es_none(\"modules\"); "
    "def get_search_list: _es_none(\"modules\"); "
    "def stderr: _es_debug; "
    "def debug(messages): (messages | _es_debug | empty), .; "
    "def error: if . == null then \"null\" | _es_error "
    "else _es_error end; "
    "def error(message): message | error; ";

/*
 * apply() stands in the way of every event that is folded: these are the
 * cheapest tests that were found on 1.6 (a fold costs 1.2 and 1.4 times what
 * it costs with == in its place; with first(), any() or index() over 1.6).
 */
static const char plain_switches[] =
    "def on(m; type; f): if m.type == type then f else empty end; "
    "def apply(m; type; f): if m.type == type then f else . end; ";

#define IS_TYPE "m.type as $type | if reduce types as $t (false; " \
    "if $t == $type then true elif $t | endswith(\".\") " \
    "then . or ($type | startswith($t)) else . end) then f else "

static const char switches[] =
    "def on(m; types; f): " IS_TYPE "empty end; "
    "def apply(m; types; f): " IS_TYPE ". end; ";

/*
 * KEY stands for a random key, so that no data can look like what event(),
 * command() and reject() make.
 */
static const char makers[] =
    "def event($type; $payload): {\"KEY\": true, kind: \"event\", "
    "type: $type, payload: $payload, metadata: {}}; "
    "def command($type; $payload): {\"KEY\": true, kind: \"command\", "
    "type: $type, payload: $payload, metadata: {}}; "
    "def meta($more): if ($more | type) != \"object\" then "
    "\"meta: takes an object, not \" + ($more | type) | _es_error "
    "elif type == \"object\" and has(\"KEY\") then .metadata += $more "
    "else \"meta: belongs behind event() or command()\" | _es_error end; "
    "def reject(reason; detail): [reason] as $r | [detail] as $d | "
    "if ($r | length) != 1 or ($r[0] | type) != \"string\" or $r[0] == \"\" "
    "then \"reject: the reason must be one string that is not empty\" "
    "| _es_error elif ($d | length) != 1 "
    "then \"reject: the detail must be one value\" | _es_error "
    "else {\"KEY\": true, kind: \"rejected\", reason: $r[0], detail: $d[0]} "
    "| _es_error end; "
    "def reject(reason): reject(reason; null); "
    "def require(condition; reason; detail): [condition] as $c | "
    "if $c == [true] then . elif $c == [false] then reject(reason; detail) "
    "else \"require: the condition must give true or false, once; it gave \" "
    "+ ($c | if length == 0 then \"nothing\" elif length == 1 "
    "then .[0] | tojson | .[:80] else \"\\(length) values\" end) "
    "| _es_error end; "
    "def require(condition; reason): require(condition; reason; null); "
    "def at($time): \"" SCAN_NO_AT "\" | _es_error; "
    "def broadcast($object): \"" SCAN_NO_BROADCAST "\" | _es_error; ";

/*
 * What pages make their trees with.  Their members are tree.c's to judge, with
 * their place in the tree; children are collected here, since several outputs
 * are several children.
 */
static const char page_makers[] =
    "def form($type; $hidden; children): {\"KEY\": \"form\", type: $type, "
    "hidden: $hidden, children: [children]}; "
    "def form(type; children): form(type; {}; children); "
    "def field($name; $options): {\"KEY\": \"field\", name: $name, "
    "options: $options}; "
    "def field(name): field(name; {}); "
    "def submit($text): {\"KEY\": \"submit\", text: $text}; "
    "def link_command($type; $payload; children): "
    "{\"KEY\": \"link_command\", type: $type, hidden: $payload, "
    "children: [children]}; "
    "def raw($html): {\"KEY\": \"raw\", html: $html}; "
    "def slot: {\"KEY\": \"slot\"}; ";

static void add_makers(struct buf *out, const char *p, const char *key)
{
	const char *next;

	while ((next = strstr(p, "KEY"))) {
		buf_add(out, p, (size_t)(next - p));
		buf_adds(out, key);
		p = next + 3;
	}
	buf_adds(out, p);
}

/* A call of each definition, so that libjq does not drop it unchecked. */
static void add_reference(struct buf *out, const char *def)
{
	const char *slash = strrchr(def, '/');
	size_t n = slash ? (size_t)(slash - def) : strlen(def);
	long arity = slash ? strtol(slash + 1, NULL, 10) : 0, i;

	buf_adds(out, ", ");
	buf_add(out, def, n);
	for (i = 0; i < arity; i++)
		buf_adds(out, i == 0 ? "(." : "; .");
	if (arity > 0)
		buf_addc(out, ')');
}

static void add_call(struct buf *out, unsigned ops, enum scan_op op,
    const char *call)
{
	buf_adds(out, ops & op ? call : "empty");
}

static void add_handler(struct buf *out, const char *key,
    const struct jqrun_source *s)
{
	unsigned ops = s->ops;
	char *const *defs = s->defs;

	buf_adds(out, ops & SCAN_PLAIN ? plain_switches : switches);
	add_makers(out, makers, key);
	if (ops & (SCAN_RENDER | SCAN_LAYOUT))
		add_makers(out, page_makers, key);
	buf_add_span(out, s->text);
	/* The cheapest test for what is called most: true, then the event. */
	buf_adds(out, "\nif _es_in then (_es_in as $m | ");
	add_call(out, ops, SCAN_EVOLVE, "evolve($m)");
	buf_adds(out, ") elif _es_in then (_es_in as $m | ");
	add_call(out, ops, SCAN_DECIDE, "decide($m)");
	buf_adds(out, ") elif _es_in then (_es_in as $m | ");
	add_call(out, ops, SCAN_REACT, "react($m)");
	buf_adds(out, ") elif _es_in then ");
	add_call(out, ops, SCAN_INITIAL, "initial");
	buf_adds(out, " elif _es_in then ");
	add_call(out, ops, SCAN_ABOUT, "about");
	buf_adds(out, " elif _es_in then (_es_in as $m | ");
	add_call(out, ops, SCAN_RENDER, "render($m)");
	buf_adds(out, ") elif _es_in then ");
	add_call(out, ops, SCAN_LAYOUT, "layout");
	buf_adds(out, " else (empty");
	while (defs && *defs)
		add_reference(out, *defs++);
	buf_adds(out, ") end");
}

bool jqprogram_choice(size_t index, size_t *lo, size_t *hi)
{
	size_t middle = *lo + (*hi - *lo) / 2;

	if (index >= middle) {
		*lo = middle;
		return true;
	}
	*hi = middle;
	return false;
}

/* As jqprogram_choice() goes. */
static void add_choice(struct buf *out, size_t lo, size_t hi)
{
	size_t middle = lo + (hi - lo) / 2;

	if (hi - lo == 1) {
		buf_addf(out, "_es_h%zu", lo);
		return;
	}
	buf_adds(out, "if _es_in then ");
	add_choice(out, middle, hi);
	buf_adds(out, " else ");
	add_choice(out, lo, middle);
	buf_adds(out, " end");
}

void jqprogram(struct buf *out, const char *key,
    const struct jqrun_source *v, size_t n)
{
	size_t i;

	buf_adds(out, shadows);
	if (n == 1) {
		add_handler(out, key, v);
		return;
	}
	for (i = 0; i < n; i++) {
		buf_addf(out, "def _es_h%zu: ", i);
		add_handler(out, key, &v[i]);
		buf_adds(out, ";\n");
	}
	add_choice(out, 0, n);
}
