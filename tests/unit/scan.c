#include "unit.h"
#include "scan.h"
#include "sys.h"

static const char place[] = "tests/data/scan";

/* The next line of *text, without its newline; *text moves behind it. */
static struct span take_line(struct span *text)
{
	const char *end = memchr(text->p, '\n', text->n);
	struct span line = {text->p, end ? (size_t)(end - text->p) : text->n};
	size_t n = line.n + (end != NULL);

	text->p += n;
	text->n -= n;
	return line;
}

static bool begins(struct span s, const char *with)
{
	return s.n >= strlen(with) && memcmp(s.p, with, strlen(with)) == 0;
}

/* Take a case from *text: its title, its "= " lines, its program. */
static bool take_case(struct span *text, struct span *title, struct buf *want,
    struct span *program)
{
	const char *next;

	if (!begins(*text, "%% "))
		return false;
	*title = take_line(text);
	buf_truncate(want, 0);
	while (begins(*text, "= ")) {
		buf_add_span(want, take_line(text));
		buf_addc(want, '\n');
	}
	*program = *text;
	next = begins(*text, "%% ") ? text->p :
	    text->n ? memmem(text->p, text->n, "\n%% ", 4) : NULL;
	if (next && next != text->p)
		next++;
	if (next)
		program->n = (size_t)(next - text->p);
	text->p += program->n;
	text->n -= program->n;
	return true;
}

static void add_types(struct buf *out, const char *what,
    const struct scan_types *t)
{
	size_t i;

	if (t->n == 0)
		return;
	buf_addf(out, "= %s", what);
	for (i = 0; i < t->n; i++)
		buf_addf(out, " %s", t->v[i]);
	buf_addc(out, '\n');
}

static void add_outputs(struct buf *out, const struct scan *s)
{
	size_t i, k;

	for (i = 0; i < s->n_uses; i++) {
		const struct scan_use *u = &s->uses[i];

		if (u->what != SCAN_USE_EVENT && u->what != SCAN_USE_COMMAND)
			continue;
		buf_addf(out, "= %s %u %s", u->what == SCAN_USE_EVENT ?
		    "event" : "command", u->line, u->type ? u->type : "?");
		for (k = 0; k < u->n_attributes; k++)
			buf_addf(out, "%s%s", k ? "," : " ",
			    u->attributes[k]);
		buf_adds(out, u->whole ? ".\n" : "\n");
	}
}

/* What the scanner says of a program, in the form of the corpus. */
static void answer(struct span program, struct buf *out)
{
	struct es_err err = {0};
	struct scan s;

	buf_truncate(out, 0);
	if (scan_jq("f", program.p, program.n, &s, &err) < 0) {
		buf_addf(out, "= error %s", err.text + 2);
		return;
	}
	add_types(out, "decides", &s.decides);
	add_types(out, "evolves", &s.evolves);
	add_types(out, "reacts", &s.reacts);
	add_outputs(out, &s);
	scan_free(&s);
}

static int run_corpus(const char *name, bool refused)
{
	struct buf file = {0}, want = {0}, got = {0};
	struct span text, title, program;
	struct es_err err;
	char path[200];
	int n = 0;

	snprintf(path, sizeof path, "%s/%s", place, name);
	need(sys_read_file(path, 1 << 20, &file, &err) == 0);
	text = buf_span(&file);
	for (; take_case(&text, &title, &want, &program); n++) {
		answer(program, &got);
		if (refused)
			buf_truncate(&want, want.n - 1);
		if (refused ? begins(buf_span(&got), want.p) :
		    span_eq(buf_span(&got), buf_span(&want)))
			continue;
		unit_failed++;
		printf("%s: %.*s:\n%s\nnot\n%s\n", path, (int)title.n,
		    title.p, got.p ? got.p : "", want.p);
	}
	check_int(text.n, 0);
	buf_free(&file);
	buf_free(&want);
	buf_free(&got);
	return n;
}

static int scan_text(const char *text, size_t n, struct scan *s,
    struct es_err *err)
{
	/* A copy of just that size, so that a sanitizer sees every overrun. */
	char *copy = malloc(n ? n : 1);
	int r;

	need(copy);
	memcpy(copy, text, n);
	r = scan_jq("h.jq", copy, n, s, err);
	free(copy);
	return r;
}

static void test_definitions(void)
{
	static const char text[] = "def about: {}; def h: 1; def h($x; f): 2;\n"
	    "def h: def in: 3; in; def evolve($e): apply($e; \"a\"; .);";
	struct es_err err = {0};
	struct scan s;

	need(scan_text(text, sizeof text - 1, &s, &err) == 0);
	check_int(s.ops, SCAN_ABOUT | SCAN_EVOLVE | SCAN_PLAIN);
	check_int(s.n_defs, 4);
	check_str(s.defs[0], "about/0");
	check_str(s.defs[1], "h/0");
	check_str(s.defs[2], "h/2");
	check_str(s.defs[3], "evolve/1");
	check(s.defs[4] == NULL);
	scan_free(&s);
	scan_free(&s);
}

/* With about.handles; read.txt cannot have it, for there helpers are one. */
static void test_handles(void)
{
	static const char text[] = "def about: {handles: [\"a\"]};\n"
	    "def on($m; f): if $m.type == \"a\" then f else empty end;\n"
	    "def decide($c): on($c; event($c.type; {}));";
	static const char some[] = "def about: {\"handles\": {decide: 1}};\n"
	    "def decide($c): on($c; $c.x; .), on($c; \"b\"; .);";
	struct es_err err = {0};
	struct scan s;

	need(scan_text(text, sizeof text - 1, &s, &err) == 0);
	check_int(s.ops, SCAN_ABOUT | SCAN_DECIDE);
	check_int(s.about_line, 1);
	check_str(s.unread[0], "h.jq:3: decide names no type, so it would "
	    "never be called: write on($m; \"area.name\"; …)");
	check(!s.unread[1] && !s.unread[2]);
	check_int(s.n_uses, 1);
	check(s.uses[0].type == NULL);
	check_int(s.uses[0].what, SCAN_USE_EVENT);
	check_int(s.uses[0].ops, SCAN_DECIDE);
	scan_free(&s);
	scan_free(&s);
	need(scan_text(some, sizeof some - 1, &s, &err) == 0);
	check_str(s.unread[0], "h.jq:2: the types of on() and apply() are "
	    "read from the source: write them as literal strings, separated "
	    "by commas");
	check_int(s.decides.n, 1);
	check_str(s.decides.v[0], "b");
	scan_free(&s);
}

static void test_bytes(void)
{
	static const struct { const char *text; size_t n; const char *want; }
	cases[] = {
		{"def f: 1;\n\0", 11, "h.jq:2: a NUL byte"},
		{"\n\"\xff\"", 4, "h.jq:2: not UTF-8"},
		{"\xef\xbb\xbf" "def f: 1;", 12,
		    "h.jq:1: the file begins with a byte order mark"},
		{"# a\rdef f: 1;", 13, "h.jq:1: a carriage return in a comment:"
		    " end lines by a newline"},
		{"\"a\\", 3, "h.jq:1: a string without its end"},
		{"\"a\\\"", 4, "h.jq:1: a string without its end"},
		{"\xc3\xa9", 2, "h.jq:1: jq has no \xc3\xa9 here"},
		{"def f: \x01;", 9, "h.jq:1: jq has no \\x01 here"},
		{"def", 3, "h.jq:1: a definition reads def NAME: …; or def "
		    "NAME($PARAMETER; …): …;"},
		{"def f", 5, "h.jq:1: a definition reads def NAME: …; or def "
		    "NAME($PARAMETER; …): …;"},
		{"def f(", 6, "h.jq:1: ( without its end"},
		{"def f(a", 7, "h.jq:1: ( without its end"},
		{"def f($)", 8, "h.jq:1: a definition reads def NAME: …; or "
		    "def NAME($PARAMETER; …): …;"},
		{"def f:", 6, "h.jq:1: the definition that begins here lacks "
		    "the `;` at its end"},
		{")", 1, "h.jq:1: ) without its beginning"},
		{"import", 6, "h.jq:1: import: a handler is one file; put the "
		    "definitions into it"},
		{"", 0, "h.jq:1: neither def decide($c), def evolve($e) nor "
		    "def react($e) is here"},
	};
	size_t i;

	for (i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct es_err err = {0};
		struct scan s;

		check_int(scan_text(cases[i].text, cases[i].n, &s, &err), -1);
		check_str(err.text, cases[i].want);
		check_int(err.code, ES_FAILED);
	}
}

static unsigned ops_of(const char *text)
{
	struct es_err err = {0};
	struct scan s;
	unsigned ops;

	need(scan_text(text, strlen(text), &s, &err) == 0);
	ops = s.ops;
	scan_free(&s);
	return ops;
}

static void test_plain(void)
{
	check(ops_of("def evolve($e): apply($e; \"a\"; .) | "
	    "apply($e; \"b\"; .);") & SCAN_PLAIN);
	check(!(ops_of("def evolve($e): apply($e; \"a\", \"b\"; .);") &
	    SCAN_PLAIN));
	check(!(ops_of("def evolve($e): apply($e; \"a.\"; .);") &
	    SCAN_PLAIN));
	check(!(ops_of("def h($e): on($e; \"a.\"; .); def evolve($e): "
	    "apply($e; \"a\"; .);") & SCAN_PLAIN));
}

/* No prefix of a program, and no program with a byte taken out, does harm. */
static void test_pieces(void)
{
	struct es_err err = {0};
	struct buf file = {0}, piece = {0};
	struct scan s;
	size_t i;

	need(sys_read_file("tests/data/scan/read.txt", 1 << 20, &file,
	    &err) == 0);
	for (i = 0; i < file.n; i += 3) {
		size_t from = i > 600 ? i - 600 : 0;

		if (scan_text(file.p + from, i - from, &s, &err) == 0)
			scan_free(&s);
		buf_truncate(&piece, 0);
		buf_adds(&piece, "def decide($c): ");
		buf_add(&piece, file.p + from, i - from);
		buf_add(&piece, file.p + i + 1,
		    file.n - i - 1 < 300 ? file.n - i - 1 : 300);
		buf_adds(&piece, ";");
		if (scan_text(piece.p, piece.n, &s, &err) == 0)
			scan_free(&s);
	}
	buf_free(&file);
	buf_free(&piece);
}

static void test_depth(void)
{
	struct es_err err = {0};
	struct buf text = {0};
	struct scan s;
	int i;

	for (i = 0; i < 100000; i++)
		buf_adds(&text, "def f: (");
	check_int(scan_text(text.p, text.n, &s, &err), -1);
	buf_truncate(&text, 0);
	buf_adds(&text, "def decide($c): ");
	for (i = 0; i < 100000; i++)
		buf_adds(&text, "[\"\\(");
	for (i = 0; i < 100000; i++)
		buf_adds(&text, ")\"]");
	buf_adds(&text, "| on($c; \"a\"; .);");
	check_int(scan_text(text.p, text.n, &s, &err), 0);
	scan_free(&s);
	buf_free(&text);
}

static void test_types(void)
{
	struct scan s = {0};
	struct es_err err = {0};

	check_int(scan_types_add(&s.decides, SPAN_LIT("b.c"), &err), 0);
	check_int(scan_types_add(&s.decides, SPAN_LIT("a."), &err), 0);
	check_int(scan_types_add(&s.decides, SPAN_LIT("b.c"), &err), 0);
	check_int(scan_types_add(&s.decides, SPAN_LIT("a"), &err), 0);
	check_int(s.decides.n, 3);
	check_str(s.decides.v[0], "a");
	check_str(s.decides.v[1], "a.");
	check_str(s.decides.v[2], "b.c");
	check_int(scan_types_add(&s.decides, SPAN_LIT("."), &err), -1);
	check_int(scan_types_add(&s.decides, SPAN_LIT(""), &err), -1);
	check_int(scan_types_add(&s.decides, SPAN_LIT("a.."), &err), -1);
	check_int(scan_types_add(&s.decides, SPAN_LIT("a.*"), &err), -1);
	check_str(err.text, "a.*: a prefix ends in a dot here: a.");
	scan_free(&s);
}

/* What is refused in a page, or the bits of what it defines. */
static void page_case(const char *text, unsigned ops, const char *want)
{
	struct es_err err = {0};
	struct scan s;

	if (scan_page_jq("p.jq", text, strlen(text), &s, &err) < 0)
		check_str(err.text, want ? want : "");
	else {
		check_int(s.ops & ~(unsigned)SCAN_PLAIN, ops);
		check_str(NULL, want);
		scan_free(&s);
	}
}

static void test_pages(void)
{
	static const char only[] = "a page only shows; what it starts is a "
	    "form's command";
	char want[200];

	page_case("def render($page): .;", SCAN_RENDER, NULL);
	page_case("def layout: slot;", SCAN_LAYOUT, NULL);
	page_case("def about: {path: \"/\"}; def initial: {};\n"
	    "def evolve($e): apply($e; \"a.b\"; .n += 1);\n"
	    "def render($page): form(\"a.c\"; field(\"n\"), submit(\"x\"));",
	    SCAN_ABOUT | SCAN_INITIAL | SCAN_EVOLVE | SCAN_RENDER, NULL);
	page_case("def evolve($e): apply($e; \"a\"; .);", 0,
	    "p.jq:1: neither def render($page) nor def layout is here");
	page_case("def render: .;", 0, "p.jq:1: render is defined with these "
	    "parameters: def render($page): …;");
	page_case("def render(page): .;", 0, "p.jq:1: render is defined with "
	    "these parameters: def render($page): …;");
	page_case("def layout($x): .;", 0, "p.jq:1: layout is defined with "
	    "these parameters: def layout: …;");
	page_case("def layout: 1;\ndef layout: 2;", 0,
	    "p.jq:2: layout is defined twice");
	page_case("def render($p): .;\ndef decide($c): .;", 0,
	    "p.jq:2: a page does not decide: that is for a decider");
	page_case("def react: .;\ndef render($p): .;", 0,
	    "p.jq:1: a page does not react: that is for a reactor");
	page_case("def render($p): def react: 1; react;", SCAN_RENDER, NULL);
	page_case("def field($x): .;\ndef render($p): .;", 0, "p.jq:1: field is "
	    "a helper that es gives: call your own definition by another name");
	page_case("def evolve($e): .;\ndef render($p): .;", 0, "p.jq:1: evolve "
	    "names no type, so it would never be called: write apply($e; "
	    "\"area.name\"; …)");
	snprintf(want, sizeof want, "p.jq:1: event: %s", only);
	page_case("def render($p): event(\"a\"; {});", 0, want);
	snprintf(want, sizeof want, "p.jq:1: require: %s", only);
	page_case("def render($p): require(true; \"no\");", 0, want);
	page_case("def render($p): now;", 0,
	    "p.jq:1: now: a handler has no clock; use a message's stored_at");
}

/* What is reserved in pages is free in handlers. */
static void test_no_page(void)
{
	static const char text[] = "def render: 1; def layout($x): $x;\n"
	    "def form(f): f; def slot: 2; def field($a; $b): 3;\n"
	    "def decide($c): on($c; \"a\"; render, form(slot));";
	struct es_err err = {0};
	struct scan s;

	need(scan_text(text, sizeof text - 1, &s, &err) == 0);
	check_int(s.ops, SCAN_DECIDE | SCAN_PLAIN);
	scan_free(&s);
	check_int(scan_text(text, 35, &s, &err), -1);
}

int main(void)
{
	check(run_corpus("read.txt", false) > 30);
	check(run_corpus("refused.txt", true) > 70);
	test_definitions();
	test_plain();
	test_handles();
	test_bytes();
	test_pieces();
	test_depth();
	test_types();
	test_pages();
	test_no_page();
	return unit_end();
}
