/*
 * app: a folder of handlers and what is refused of it.
 */
#include <errno.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit.h"
#include "app.h"
#include "sys.h"

#define EVOLVE "def evolve($e): apply($e; \"a.happened\"; 1);\n"
#define DECIDE "def decide($c): on($c; \"a.do\"; event(\"a.happened\"; {}));\n"
#define REACT "def react($e): on($e; \"a.happened\"; command(\"a.do\"; {}));\n"
#define SCRIPT "#!/bin/sh\n# es: on a.happened\n# es: partition_by a_id\n"

static char top[4096];

static void put(const char *name, mode_t mode, const char *text)
{
	struct es_err err;
	char path[8192];
	char *slash;

	snprintf(path, sizeof path, "%s/%s", top, name);
	for (slash = path + strlen(top) + 1; (slash = strchr(slash, '/'));
	    slash++) {
		*slash = '\0';
		if (mkdir(path, 0777) < 0)
			need(errno == EEXIST);
		*slash = '/';
	}
	need(sys_write_file(path, span_str(text), false, &err) == 0);
	need(chmod(path, mode) == 0);
}

/* "ok", or the error's text without the directory in front. */
static const char *load(struct app *a, const char *name)
{
	static struct es_err err;
	char path[8192];
	size_t n = strlen(top) + 1;

	snprintf(path, sizeof path, "%s/%s", top, name);
	if (app_load(a, path, &err) == 0)
		return "ok";
	if (strncmp(err.text, top, n - 1) == 0)
		memmove(err.text, err.text + n, strlen(err.text + n) + 1);
	return err.text;
}

static const char *load_only(const char *name)
{
	static char text[4096];
	struct app a = {0};

	snprintf(text, sizeof text, "%s", load(&a, name));
	app_free(&a);
	return text;
}

static void test_folder(void)
{
	struct app a = {0};
	char want[8192];

	put("good/messages.json", 0644, "{\"a.do\": {\"kind\": \"command\"}}");
	put("good/deciders/b.jq", 0644, EVOLVE DECIDE);
	put("good/deciders/.b.jq.swp", 0644, "junk");
	put("good/deciders/b.jq~", 0644, "junk");
	put("good/deciders/more/c.jq", 0644, "junk");
	put("good/reactors/next.jq", 0644, REACT);
	put("good/reactors/mail.sh", 0755, SCRIPT "exit 0\n");
	put("good/projectors/list.jq", 0644, EVOLVE);
	put("good/README", 0644, "junk");
	check_str(load(&a, "good"), "ok");
	need(a.n == 4);
	check(a.catalog != NULL);
	check_str(a.handlers[0].handler.name, "b");
	check_int(a.handlers[0].role, APP_DECIDER);
	check_str(a.handlers[1].handler.name, "mail");
	check_int(a.handlers[1].role, APP_REACTOR);
	check_int(a.handlers[1].handler.kind, HANDLER_EXEC);
	check_str(a.handlers[2].handler.name, "next");
	check_str(a.handlers[3].handler.name, "list");
	check_int(a.handlers[3].role, APP_PROJECTOR);

	/* Executables run in the app's directory and are found from there. */
	snprintf(want, sizeof want, "%s/good", top);
	check_str(a.handlers[1].handler.directory, want);
	snprintf(want, sizeof want, "%s/good/reactors/mail.sh", top);
	check_str(a.handlers[1].handler.argv[0], want);
	app_free(&a);
	app_free(&a);
}

/* The error begins with the second file and names the first. */
static bool names(const char *text, const char *first, const char *second,
    const char *between)
{
	return strncmp(text, second, strlen(second)) == 0 &&
	    strstr(text, between) && strstr(text, first);
}

static void test_file(void)
{
	struct app a = {0};

	put("one.jq", 0644, EVOLVE DECIDE REACT);
	put("two.jq", 0644, REACT);
	put("three.jq", 0644, EVOLVE);
	check_str(load(&a, "one.jq"), "ok");
	check_str(load(&a, "two.jq"), "ok");
	check_str(load(&a, "three.jq"), "ok");
	need(a.n == 3);
	check(a.catalog == NULL);
	check_int(a.handlers[0].role, APP_DECIDER);
	check_int(a.handlers[1].role, APP_REACTOR);
	check_int(a.handlers[2].role, APP_PROJECTOR);
	check(names(load(&a, "two.jq"), "two.jq", "two.jq",
	    "its name, two, is that of "));
	app_free(&a);
}

static void test_refused(void)
{
	check_str(load_only("none"), "none: No such file or directory");
	put("empty/README", 0644, "");
	check_str(load_only("empty"), "empty: not an app: neither "
	    "messages.json nor deciders, reactors, projectors, pages or public");

	put("bad/messages.json", 0644, "{\"a.do\": {\"kinds\": 1}}");
	check_str(load_only("bad"), "bad/messages.json: a.do: kinds: no such "
	    "field");

	put("role1/deciders/x.jq", 0644, EVOLVE);
	check_str(load_only("role1"), "role1/deciders/x.jq: a decider must "
	    "define decide");
	put("role2/reactors/x.jq", 0644, EVOLVE);
	check_str(load_only("role2"), "role2/reactors/x.jq: a reactor must "
	    "define react");
	put("role3/projectors/x.jq", 0644, EVOLVE REACT);
	check_str(load_only("role3"), "role3/projectors/x.jq: a projector "
	    "does not run react");
	put("role4/projectors/x", 0755, SCRIPT);
	check_str(load_only("role4"), "role4/projectors/x: a projector is a "
	    ".jq file");
	put("role5/deciders/x", 0755, SCRIPT);
	check_str(load_only("role5"), "role5/deciders/x: a decider that is "
	    "an executable needs \"# es: decide TYPE...\" in its first lines");
}

/* es-decide may run the rest of the file, a runner may not. */
static void test_later(void)
{
	put("later/reactors/x.jq", 0644, "def react($e):\n"
	    "  on($e; \"a.b\"; command(\"a.do\"; {}) | at(\"+5m\"));\n");
	check_str(load_only("later"), "later/reactors/x.jq:2: at: this version "
	    "has no schedules");
	put("later/reactors/x.jq", 0644, "def react($e):\n"
	    "  on($e; \"a.b\"; broadcast({}));\n");
	check_str(load_only("later"), "later/reactors/x.jq:2: broadcast: this "
	    "version has no live pages");
}

static void test_pairs(void)
{
	struct app a = {0};
	struct handler h;
	struct es_err err;
	char command[] = "true", *argv[] = {command, NULL};

	put("same/deciders/x.jq", 0644, EVOLVE DECIDE);
	put("same/projectors/x.jq", 0644, EVOLVE);
	check(names(load_only("same"), "same/deciders/x.jq",
	    "same/projectors/x.jq", "its name, x, is that of "));

	put("both/deciders/x.jq", 0644, EVOLVE DECIDE);
	put("both/deciders/y.jq", 0644, "def decide($c): "
	    "on($c; \"b.do\", \"a.\"; event(\"a.happened\"; {}));\n");
	check(names(load_only("both"), "both/deciders/x.jq",
	    "both/deciders/y.jq", "decides a., as "));

	put("apart/deciders/x.jq", 0644, EVOLVE DECIDE);
	put("apart/deciders/y.jq", 0644, "def decide($c): "
	    "on($c; \"ab.\", \"a.do2\"; event(\"a.happened\"; {}));\n");
	check_str(load(&a, "apart"), "ok");
	need(handler_command("x", argv, &h, &err) == 0);
	check(app_add(&a, APP_REACTOR, &h, &err) < 0);
	check_int(a.n, 2);
	free(h.name);
	h.name = strdup("z");
	check(app_add(&a, APP_REACTOR, &h, &err) == 0);
	check_int(a.n, 3);

	/* A name may come from `about`, later. */
	free(a.handlers[2].handler.name);
	a.handlers[2].handler.name = strdup("y");
	check(app_check(&a, &err) < 0);
	app_free(&a);
}

static void test_catalogs(void)
{
	struct app a = {0};

	put("c1/messages.json", 0644, "{\"a.do\": {\"kind\": \"command\"}}");
	put("c2/messages.json", 0644, "{ \"a.do\": {\"kind\":\"command\"} }");
	put("c3/messages.json", 0644, "{}");
	check_str(load(&a, "c1"), "ok");
	check_str(load(&a, "c2"), "ok");
	check(names(load(&a, "c3"), "c1", "c3/messages.json",
	    "not the catalog of "));
	app_free(&a);
}

static int take_away(const char *path, const struct stat *st, int flag,
    struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

int main(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[4096];

	snprintf(path, sizeof path, "%s/es-app.XXXXXX", tmp ? tmp : "/tmp");
	need(mkdtemp(path));
	need(realpath(path, top));
	test_folder();
	test_file();
	test_refused();
	test_later();
	test_pairs();
	test_catalogs();
	check_int(nftw(top, take_away, 8, FTW_DEPTH | FTW_PHYS), 0);
	return unit_end();
}
