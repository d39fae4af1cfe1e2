/* page.h: paths, what is heard, queries, renders, documents; what is refused. */
#include "pageunit.h"

/* ---- paths ---- */

static const char *match(const char *path, const char *query)
{
	static char out[1000];
	struct page_request r;
	int found;

	es_err_clear(&err);
	found = pages_match(pages, span_str(path), span_str(query), &r, &err);
	if (found == 0)
		return "none";
	if (found < 0) {
		check_int(err.code, ES_USAGE);
		return err.text;
	}
	snprintf(out, sizeof out, "%s %s %s", r.url.p, r.params.p, r.query.p);
	page_request_free(&r);
	return out;
}

static void test_paths(void)
{
	check_str(match("/", ""), "/ {} {}");
	check_str(match("/about", ""), "/about {} {}");
	check_str(match("/c1", ""), "/c1 {\"c\":\"c1\"} {}");
	check_str(match("/c%31/%2f%C3%A9%22", "b=2&a=1+%2B&b=3&c"),
	    "/c1/%2F%C3%A9%22?a=1%20%2B&b=2&c= "
	    "{\"c\":\"c1\",\"d\":\"/\xc3\xa9\\\"\"} "
	    "{\"a\":\"1 +\",\"b\":\"2\",\"c\":\"\"}");
	check_str(match("/about%2f", ""), "/about%2F {\"c\":\"about/\"} {}");
	check_str(match("/a/b/c", ""), "none");
	check_str(match("/a/", ""), "none");
	check_str(match("//", ""), "none");
	check_str(match("//a", ""), "none");
	check_str(match("a", ""), "none");
	check_str(match("", ""), "none");
	check_str(match("/%", ""), "path: \"%\" without two hexadecimal "
	    "digits");
	check_str(match("/%0", ""), "path: \"%\" without two hexadecimal "
	    "digits");
	check_str(match("/%00", ""), "path: not UTF-8");
	check_str(match("/%ff", ""), "path: not UTF-8");
	check_str(match("/a", "%zz=1"), "\"%\" without two hexadecimal "
	    "digits");
	check_str(match("/a", "as_of=3"), "as_of: this version has no such "
	    "parameter");
}

static void test_limits(void)
{
	char path[600] = "/", query[600] = "";
	size_t i;

	memset(path + 1, 'x', 500);
	check(strstr(match(path, ""), "c") != NULL);
	check_int(err.code, ES_USAGE);
	for (i = 0; i < 2 * 65; i++)
		query[i] = i % 2 ? '&' : 'a';
	check_str(match("/a", query), "more than 64 parameters");
}

/* ---- renders ---- */

/* The main's content, or "FAILED: …" without the directory. */
static const char *take(struct page_result *r)
{
	static char out[4000];
	const char *text = r->failed ? r->text.p : r->html.p;
	const char *cut = strstr(text, "pages/");
	size_t n = strlen("<main id=\"page\">");

	if (r->failed) {
		snprintf(out, sizeof out, "FAILED: %s", cut ? cut : text);
	} else {
		check(strncmp(text, "<main id=\"page\">", n) == 0);
		snprintf(out, sizeof out, "%.*s",
		    (int)(strlen(text) - n - strlen("</main>")), text + n);
	}
	page_result_free(r);
	return out;
}

static int64_t position;

static const char *render(const char *path, const char *query)
{
	struct page_request q = request(path, query);
	struct page_result r;

	must(page_submit(pages, &q, 0, NULL, &q, &err));
	page_request_free(&q);
	r = next_result();
	check(r.tag == &q);
	position = r.position;
	return take(&r);
}

/* The log: 1 is the catalog. */
static void test_renders(void)
{
	check_str(render("/", ""), "<ul></ul>");
	check_int(position, 0);
	check_str(render("/c1", ""), "<p>c1: 0 of nothing</p>");
	check_str(render("/about", ""), "<p>&lt;b&gt;</p>");
	check_int(position, 1);
	check_int(event("c.created", "{'c':'c1','name':'<i>'}"), 2);
	check_int(event("d.given", "{'c':'c1','d':'d1','amount':5}"), 3);
	check_str(render("/c1", ""), "<p>c1: 1 of nothing</p>");
	check_int(position, 0);
	project();
	check_str(render("/c1", ""), "<p>c1: 1 of 5</p>");
	check_int(position, 3);
	check_str(render("/c2", ""), "<p>c2: 0 of nothing</p>");
	check_int(event("d.given", "{'c':'c1','d':'d2','amount':7}"), 4);
	check_str(render("/c1", ""), "<p>c1: 2 of 5</p>");
	check_int(position, 3);
	project();
	check_str(render("/", ""), "<ul><li id=\"c1\">&lt;i&gt;</li></ul>");
	check_int(position, 4);
	check_str(render("/", "q=c1"),
	    "<ul><li id=\"c1\">&lt;i&gt;</li></ul>");
	check_str(render("/", "q=c2"), "<ul></ul>");
	check_str(render("/c1/d2", "z=1"), "<p>/c1/d2 {&quot;z&quot;:"
	    "&quot;1&quot;} {&quot;c&quot;:&quot;c1&quot;,&quot;d&quot;:"
	    "&quot;d2&quot;,&quot;amount&quot;:7}</p>");
}

static void test_private(void)
{
	event("d.given", "{'c':'c3','email':'a@b.org','d':'d1','amount':1}");
	project();
	check_str(render("/c3", ""), "<p>c3: 1 of 1</p>");
	check(strstr(render("/c3/d1", ""), "b.org") == NULL);
}

static void test_faults(void)
{
	int i;

	for (i = 0; i < 13; i++)
		event("d.given", "{'c':'c13','d':'d1','amount':1}");
	check_str(render("/c13", ""),
	    "FAILED: pages/campaign.jq: /c13: render: unlucky");
	event("d.given", "{'c':'c13','d':'d1','amount':1}");
	project();
	check_str(render("/c13", ""), "<p>c13: 14 of 14</p>");
}

static void test_query_limits(void)
{
	static const char failed[] = "FAILED: pages/limits.jq: query: ";
	const char *r;

	check_str(render("/limits/4998", "m=9&v=real"), "4998 9 2.5");
	check_str(render("/limits/1", "v=big"), "1 1 9007199254740991");
	check_str(render("/limits/1", "v=0"), "1 1 null");
	r = render("/limits/5001", "");
	check(strncmp(r, failed, strlen(failed)) == 0);
	check_str(r + strlen(failed), "rows: more than 5000 rows");
	r = render("/limits/1", "m=1000000000000");
	check_str(r + strlen(failed), "count: not done after 500 ms");
	r = render("/limits/1", "v=blob");
	check_str(r + strlen(failed), "value: v: a blob cannot be shown");
	r = render("/limits/1", "v=text");
	check_str(r + strlen(failed), "value: v: not UTF-8");
	r = render("/limits/1", "v=long");
	check_str(r + strlen(failed), "value: string or blob too big");
}

/* Several at once, of one partition and of others; each comes back once. */
static void test_many(void)
{
	struct page_request q[3] = {request("/c1", ""), request("/c2", ""),
	    request("/", "")};
	int seen[60] = {0}, i;

	for (i = 0; i < 60; i++)
		must(page_submit(pages, &q[i % 3], 0, NULL, &seen[i], &err));
	for (i = 0; i < 60; i++) {
		struct page_result r = next_result();

		check(!r.failed);
		++*(int *)r.tag;
		page_result_free(&r);
	}
	for (i = 0; i < 60; i++)
		check_int(seen[i], 1);
	for (i = 0; i < 3; i++)
		page_request_free(&q[i]);
	check_int(pages_timeout(pages), -1);
}

/* What is under way when all ends is let go. */
static void test_left(void)
{
	struct page_request q = request("/c1", "");

	must(page_submit(pages, &q, 0, NULL, NULL, &err));
	must(page_submit(pages, &q, 0, NULL, NULL, &err));
	page_request_free(&q);
}

/* ---- what is heard ---- */

static void hears_one(const char *path, int64_t at, bool want, int line)
{
	struct page_request q = request(path, "");
	struct message m;

	need(store_get(store, at, &m, &err) > 0);
	if (page_hears(pages, &q, &m) != want) {
		unit_failed++;
		printf("line %d: %s %s %lld\n", line, path, want ?
		    "does not hear" : "hears", (long long)at);
	}
	page_request_free(&q);
}
#define hears(path, at, want) hears_one(path, at, want, __LINE__)

static void test_hears(void)
{
	int64_t created = event("c.created", "{'c':'h1','name':'n'}"),
	    given = event("d.given", "{'c':'h1','d':'d.1','amount':1}"),
	    other = event("x.other", "{'c':'h1'}");

	hears("/h1", created, true);
	hears("/h1", given, true);
	hears("/h1", other, false);
	hears("/h2", created, false);
	hears("/", created, true);
	hears("/", given, true);
	hears("/", 1, false);
	hears("/about", other, true);
	hears("/about", given, false);
	/* A channel of its own: not the campaign's messages. */
	hears("/h1/d.1", given, true);
	hears("/h1/d.1", created, false);
	hears("/h1/d", given, false);
	hears("/h1/1", given, false);
}

static void test_views_position(void)
{
	struct page_request q = request("/", ""), a = request("/about", "");
	int64_t at, head;

	must(store_head(store, &head, &err));
	must(page_views_position(pages, q.page, &at, &err));
	check(at < head);
	project();
	must(page_views_position(pages, q.page, &at, &err));
	check_int(at, head);
	must(page_views_position(pages, a.page, &at, &err));
	check(at == INT64_MAX);
	page_request_free(&q);
	page_request_free(&a);
}

/* ---- documents ---- */

static void test_document(void)
{
	struct page_request q = request("/", ""), d = request("/c/d", "");
	struct buf out = {0}, want = {0};

	must(page_document(pages, q.page, SPAN_LIT("<main>x</main>"),
	    SPAN_LIT("/updates?page=%2F&x"), 7, &out, &err));
	buf_addf(&want, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
	    "<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\""
	    "width=device-width, initial-scale=1\">\n"
	    "<title>Home &amp; more</title>\n"
	    "<link rel=\"stylesheet\" href=\"/public/a%%20b.css\">\n"
	    "<link rel=\"stylesheet\" href=\"/public/b.css\">\n"
	    "<link rel=\"icon\" href=\"data:,\">\n"
	    "<script type=\"module\" src=\"/public/es.js\"></script>\n"
	    "</head>\n<body data-es-updates=\"/updates?page=%%2F&amp;x\" "
	    "data-es-since=\"%s:7\"><header>top</header><main>x</main>"
	    "<footer>end</footer></body>\n</html>\n", store_epoch(store));
	check_str(out.p, want.p);
	buf_truncate(&out, 0);
	must(page_document(pages, d.page, SPAN_LIT("<main>x</main>"),
	    SPAN_NONE, 0, &out, &err));
	check(strstr(out.p, "<title>gifts</title>") != NULL);
	check(strstr(out.p, "<body><div class=\"own\"><main>x</main></div>"
	    "</body>") != NULL);
	buf_free(&out);
	buf_free(&want);
	page_request_free(&q);
	page_request_free(&d);
}

/* ---- what is refused at load ---- */

/* The error of an app with this page beside the other one's projector. */
static const char *load_page(const char *text)
{
	struct app a = app;
	struct pages *ps = NULL;
	char folder[300];
	const char *cut;

	put("bad", "pages/p.jq", text);
	snprintf(folder, sizeof folder, "%s/bad", top);
	a.path = folder;
	if (pages_load(&a, &ps, &err) == 0) {
		pages_free(ps);
		return "ok";
	}
	cut = strstr(err.text, "pages/");
	return cut ? cut : err.text;
}

#define RENDER "def render($page): null;\n"

static const char *about(const char *fields)
{
	char text[2000];

	snprintf(text, sizeof text, "def about: {%s};\n" RENDER, fields);
	return load_page(text);
}

static const char *query(const char *sql)
{
	char text[2000];
	const char *at;
	size_t n = strlen("pages/p.jq: about: query: q: ");

	snprintf(text, sizeof text, "path: \"/\", views: [\"campaigns\"], "
	    "query: {q: \"%s\"}", sql);
	at = about(text);
	return strncmp(at, "pages/p.jq: about: query: q: ", n) == 0 ? at + n :
	    at;
}

/* Whatever SQLite's version says of it. */
static void check_refused(const char *sql)
{
	const char *got = query(sql);

	if (!strstr(got, "prohibited") && !strstr(got, "not authorized") &&
	    !strstr(got, "no such table"))
		check_str(got, "not authorized");
}

static void test_about(void)
{
	check_str(about("path: \"/:a/b\", partition_by: [\"a\"], title: "
	    "\"t\", on: [\"a.\", \"b.c\"], channel: \"x.{a}.>\", "
	    "deadline: \"2s\""), "ok");
	check_str(about(""), "pages/p.jq: about: path: is missing "
	    "(\"/:campaign_id\")");
	check_str(about("path: \"x\""),
	    "pages/p.jq: about: path: must begin with \"/\"");
	check_str(about("path: \"/x/\""),
	    "pages/p.jq: about: path: must not end in \"/\"");
	check_str(about("path: \"/x/../y\""), "pages/p.jq: about: path: "
	    "\"..\" is not a segment of a path");
	check_str(about("path: \"/x//y\""), "pages/p.jq: about: path: "
	    "\"\" is not a segment of a path");
	check_str(about("path: \"/x?y\""), "pages/p.jq: about: path: "
	    "\"x?y\" holds what no path may hold");
	check_str(about("path: \"/:a/:a\""),
	    "pages/p.jq: about: path: \":a\" stands twice");
	check_str(about("path: \"/:\""), "pages/p.jq: about: path: \":\" is "
	    "not a parameter (\":\" and a name, [A-Za-z_][A-Za-z0-9_]*)");
	check_str(about("path: \"/commands/x\""),
	    "pages/p.jq: about: path: /commands is es-serve's own");
	check_str(about("path: \"/\", partition_by: [\"a\"]"),
	    "pages/p.jq: about: partition_by: a is not a parameter of the "
	    "path (\"/:a\")");
	check_str(about("path: \"/\", wrong: 1"), "pages/p.jq: about: wrong: "
	    "a page has no such field (path, title, partition_by, query, "
	    "views, on, channel, deadline)");
	check_str(about("path: \"/\", views: [\"nobody\"]"), "pages/p.jq: "
	    "about: views: the app has no projector \"nobody\"");
	check_str(about("path: \"/\", query: {a: \"select 1\"}"),
	    "pages/p.jq: about: query: views does not say which read models "
	    "it is over");
	check_str(about("path: \"/\", on: \"a.b\""),
	    "pages/p.jq: about: on: must be an array of strings");
	check_str(about("path: \"/:a\", channel: \"x.{b}\""), "pages/p.jq: "
	    "about: channel: {b} is not a parameter of the path");
	check(strstr(about("path: \"/:a\", channel: \"x..{a}\""),
	    "about: channel: ") != NULL);
	check_str(load_page("def about: {path: \"/\"};\n"
	    "def layout: slot;\n"), "pages/p.jq: a page must define "
	    "def render($page): …;");
	check_str(load_page("def about: {path: \"/\"};\n" RENDER
	    "def layout: [slot, slot];\n"), "pages/p.jq: layout: places slot "
	    "2 times, not once");
	check_str(load_page("def about: {path: \"/\"};\n" RENDER
	    "def f: x;\n"), "pages/p.jq:3: x/0 is not defined");
}

static void test_two_paths(void)
{
	put("bad", "pages/a.jq", "def about: {path: \"/:x/y\"};\n" RENDER);
	check(strstr(about("path: \"/:z/y\""), "p.jq: about: path: /:z/y is "
	    "that of ") != NULL);
	check_str(about("path: \"/x/:y\""), "ok");
	put("bad", "pages/a.txt", "");
	check_str(about("path: \"/\""), "pages/a.txt: a page is a .jq file");
}

static void test_queries(void)
{
	check_str(query("select c, state from campaigns where c = @c"), "ok");
	check_str(query("with recursive n(i) as (select 1 union all select "
	    "i + 1 from n limit 3) select i from n;"), "ok");
	check_str(query("select x from campaigns"), "no such column: x");
	check_str(query("select c as a, c as a from campaigns"),
	    "two columns are called a: say AS");
	check_str(query("select c from campaigns where c = ?"),
	    "?: a parameter is written @NAME");
	check_str(query("select c from campaigns where c = :c"),
	    ":c: a parameter is written @NAME");
	check_str(query("select 1; select 2"), "more than one statement");
	check_str(query(" "), "no statement");
	check_str(query("delete from campaigns.states"),
	    "a page's query only reads: not authorized");
	check_str(query("insert into campaigns.states values (1, 2, 3)"),
	    "a page's query only reads: not authorized");
	check_str(query("attach 'x' as x"),
	    "a page's query only reads: not authorized");
	check_str(query("detach campaigns"),
	    "a page's query only reads: not authorized");
	check_str(query("pragma user_version"),
	    "a page's query only reads: not authorized");
	check_refused("select * from pragma_user_version");
	check_refused("select count(*) from PRAGMA_table_list");
	check_refused("select c from campaigns where exists "
	    "(select 1 from pragma_table_info('states'))");
	check_refused("select data from sqlite_dbpage('campaigns')");
	check_str(query("select load_extension('x')"),
	    "not authorized to use function: load_extension");
	check_str(query("begin"),
	    "a page's query only reads: not authorized");
	check_str(query("explain select 1"), "ok");
}

int main(void)
{
	begin("page");
	test_paths();
	test_limits();
	test_renders();
	test_private();
	test_faults();
	test_query_limits();
	test_many();
	test_hears();
	test_views_position();
	test_document();
	test_about();
	test_queries();
	test_two_paths();
	test_left();
	end();
	return unit_end();
}
