/*
 * pageunit: a small app with pages in a directory of its own, its store, and
 * its read model, which is brought up to date when a test says so.
 */
#ifndef ES_PAGEUNIT_H
#define ES_PAGEUNIT_H

#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "page.h"
#include "runner.h"
#include "sys.h"
#include "unit.h"
#include "view.h"

static struct es_err err;
static char top[256], store_file[300];
static struct app app;
static struct pages *pages;
static struct store *store;
static struct jqrun *projector;
static struct view *view;

static const char *const files[][2] = {
{"messages.json",
    "{\"c.created\": {\"kind\": \"event\", \"keys\": [\"c\"],\n"
    "  \"channel\": \"c.{c}\", \"payload\": {\"c\": \"string\","
    " \"name\": \"string\"}},\n"
    "\"d.given\": {\"kind\": \"event\", \"keys\": [\"c\", \"d\"],\n"
    "  \"channel\": \"c.{c}.d.{d}\", \"private\": [\"email\"],\n"
    "  \"payload\": {\"c\": \"string\", \"d\": \"string\", \"amount\":"
    " \"integer\", \"email\": \"string?\"}},\n"
    "\"x.other\": {\"kind\": \"event\"}}\n"},
{"projectors/campaigns.jq",
    "def about: {partition_by: [\"c\"]};\n"
    "def initial: {name: null, total: 0};\n"
    "def evolve($e): apply($e; \"c.created\"; .name = $e.payload.name)\n"
    "  | apply($e; \"d.given\"; .total += $e.payload.amount);\n"},
{"pages/home.jq",
    "def about: {path: \"/\", title: \"Home & more\", views: [\"campaigns\"],"
    " query: {\n"
    "  list: \"select c, json_extract(state, '$.name') as name from "
    "campaigns where @q is null or c = @q order by c\"}};\n"
    "def render($page): [\"ul\", ($page.rows.list[] | [\"li\", {id: .c}, "
    ".name])];\n"},
{"pages/campaign.jq",
    "def about: {path: \"/:c\", partition_by: [\"c\"], views: "
    "[\"campaigns\"], query: {\n"
    "  total: \"select json_extract(state, '$.total') as total from "
    "campaigns where c = @c\"}};\n"
    "def initial: {gifts: 0, seen: []};\n"
    "def evolve($e): apply($e; \"d.given\"; .gifts += 1 | "
    "if $e.payload.email then .seen += [$e.payload.email] else . end);\n"
    "def render($page): if .gifts == 13 then error(\"unlucky\") else\n"
    "  [\"p\", $page.params.c, \": \", .gifts, \" of \",\n"
    "  ($page.rows.total[0].total // \"nothing\"), .seen] end;\n"},
{"pages/donation.jq",
    "def about: {path: \"/:c/:d\", partition_by: [\"c\", \"d\"], "
    "channel: \"c.{c}.d.{d}\"};\n"
    "def evolve($e): apply($e; \"d.given\", \"c.created\"; $e.payload);\n"
    "def layout: [\"div\", {class: \"own\"}, slot];\n"
    "def render($page): [\"p\", $page.path, \" \", ($page.query | tojson), "
    "\" \", tojson];\n"},
{"pages/about.jq",
    "def about: {path: \"/about\", on: [\"x.\"]};\n"
    "def render($page): [\"p\", \"<b>\"];\n"},
{"pages/limits.jq",
    "def about: {path: \"/limits/:n\", views: [\"campaigns\"], query: {\n"
    "  rows: \"with recursive n(i) as (select 1 union all select i + 1 "
    "from n where i < cast(@n as integer)) select i from n\",\n"
    "  count: \"with recursive n(i) as (select 1 union all select i + 1 "
    "from n where i < cast(@m as integer)) select count(*) as i from n\",\n"
    "  value: \"select case @v when 'blob' then x'00' when 'real' then 2.5 "
    "when 'text' then cast(x'ff' as text) when 'big' then "
    "9007199254740991 when 'long' then zeroblob(3000000) end as v\"}};\n"
    "def render($page): [$page.rows.rows[-1].i, \" \", "
    "$page.rows.count[0].i, \" \", ($page.rows.value[0].v | tojson)];\n"},
{"pages/layout.jq",
    "def layout: [[\"header\", \"top\"], slot, [\"footer\", \"end\"]];\n"},
{"public/b.css", "p {}\n"},
{"public/a b.css", "p {}\n"},
{"public/es.js", "\n"},
};

static inline void put(const char *folder, const char *name, const char *text)
{
	char path[1024];
	char *slash;

	snprintf(path, sizeof path, "%s/%s/%s", top, folder, name);
	for (slash = path + strlen(top) + 1; (slash = strchr(slash, '/'));
	    slash++) {
		*slash = '\0';
		need(mkdir(path, 0777) == 0 || errno == EEXIST);
		*slash = '/';
	}
	need(sys_write_file(path, span_str(text), false, &err) == 0);
}

static inline int remove_one(const char *path, const struct stat *st,
    int flag, struct FTW *at)
{
	(void)st;
	(void)flag;
	(void)at;
	return remove(path);
}

#define must(call) do { \
	if ((call) < 0) { \
		printf("%s:%d: %s\n", __FILE__, __LINE__, err.text); \
		exit(1); \
	} \
} while (0)

static inline void begin(const char *test)
{
	const char *tmp = getenv("TMPDIR");
	char folder[300];
	bool created, changed;
	size_t i;

	snprintf(top, sizeof top, "%s/es-%s.XXXXXX", tmp && *tmp ? tmp :
	    "/tmp", test);
	need(mkdtemp(top) != NULL);
	snprintf(store_file, sizeof store_file, "%s/es.db", top);
	snprintf(folder, sizeof folder, "%s/gifts", top);
	for (i = 0; i < sizeof files / sizeof *files; i++)
		put("gifts", files[i][0], files[i][1]);
	must(app_load(&app, folder, &err));
	must(runner_learn(&app, &err));
	must(pages_load(&app, &pages, &err));
	must(handler_start(&app.handlers[0].handler, NULL, &projector, &err));
	must(store_create(store_file, &created, &err));
	must(store_open(store_file, true, &store, &err));
	must(store_begin(store, &err));
	must(store_load_catalog(store, app.catalog, &changed, &err));
	must(store_commit(store, &err));
	must(pages_bind(pages, store, &err));
}

static inline void end(void)
{
	pages_free(pages);
	view_close(view);
	jqrun_close(projector);
	store_close(store);
	app_free(&app);
	nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Append an event; single quotes stand for double ones. */
static inline int64_t event(const char *type, const char *payload)
{
	struct draft d = {.type = span_str(type), .metadata = SPAN_NONE};
	struct appended a;
	char text[1000];
	size_t i;

	for (i = 0; payload[i]; i++)
		text[i] = payload[i] == '\'' ? '"' : payload[i];
	d.payload = (struct span){text, i};
	must(store_begin(store, &err));
	must(store_append(store, &d, &a, &err));
	must(store_commit(store, &err));
	return a.position;
}

/* Bring the read model up to date. */
static inline void project(void)
{
	bool more = true;

	if (!view)
		must(view_open(store, &app.handlers[0].handler, projector,
		    false, &view, &err));
	while (more)
		must(view_step(view, &more, &err));
}

static inline void wait_for_pages(int timeout)
{
	struct pollfd fds[64];
	int n = pages_poll(pages, fds, 64), t = pages_timeout(pages);

	if (t < 0 || (timeout >= 0 && timeout < t))
		t = timeout;
	poll(fds, (nfds_t)n, t);
}

static inline struct page_request request(const char *path, const char *query)
{
	struct page_request r;
	int found = pages_match(pages, span_str(path), span_str(query), &r,
	    &err);

	if (found <= 0) {
		printf("%s: %s\n", path, found ? err.text : "no page");
		exit(1);
	}
	return r;
}

static inline struct page_result next_result(void)
{
	struct page_result result = {0};
	int got;

	while ((got = pages_next(pages, &result, &err)) == 0)
		wait_for_pages(-1);
	must(got);
	return result;
}

#endif
