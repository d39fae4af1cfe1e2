/*
 * view.h: updaters that come between each other's steps, generations that take
 * each other's place, and what readers see of it.
 */
#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "sys.h"
#include "unit.h"
#include "view.h"

static char dir[4096], path[4200];
static struct store *store;
static struct es_err err;

/* A projector and its worker. */
struct projector {
	struct handler handler;
	struct jqrun *jq;
};

static const char counts[] =
    "def about: {name: \"counts\", partition_by: [\"a\", \"b\"]};\n"
    "def initial: [];\n"
    "def evolve($e): apply($e; \"t.seen\"; . + [$e.position]);\n";

static void ok(int r)
{
	if (r < 0)
		printf("%s\n", err.text);
	need(r >= 0);
}

static void load(struct projector *p, const char *name, const char *text)
{
	char file[4300];

	snprintf(file, sizeof file, "%s/%s.jq", dir, name);
	ok(sys_write_file(file, span_str(text), false, &err));
	ok(handler_load(file, &p->handler, &err));
	ok(handler_start(&p->handler, NULL, &p->jq, &err));
}

static void unload(struct projector *p)
{
	jqrun_close(p->jq);
	handler_free(&p->handler);
}

/* n messages; a and b from 0, a number below 0 leaves it out. */
static void append(int n, int a, int b)
{
	ok(store_begin(store, &err));
	for (int i = 0; i < n; i++) {
		char payload[80] = "{";
		struct appended done;
		struct draft d = {.type = SPAN_LIT("t.seen")};
		size_t at = 1;

		if (a >= 0)
			at += (size_t)snprintf(payload + at, 30,
			    "\"a\":\"%d\"", a ? i % a : 0);
		if (b >= 0)
			at += (size_t)snprintf(payload + at, 30,
			    "%s\"b\":\"%d\"", at > 1 ? "," : "",
			    b ? i % b : 0);
		snprintf(payload + at, 2, "}");
		d.payload = span_str(payload);
		ok(store_append(store, &d, &done, &err));
	}
	ok(store_commit(store, &err));
}

static int64_t head(void)
{
	int64_t h;

	ok(store_head(store, &h, &err));
	return h;
}

static void catch_up(struct view *v)
{
	bool more = true;

	while (more)
		ok(view_step(v, &more, &err));
}

/* The whole model as text. */
static void dump(struct buf *out)
{
	struct view_reader *r;
	struct span key, state;
	int64_t position;
	int there;

	buf_truncate(out, 0);
	ok(view_read_open(path, "counts", NULL, 0, &r, &err));
	while ((there = view_read_next(r, &key, &state, &position, &err)) > 0) {
		buf_add_span(out, key);
		buf_add_span(out, state);
		buf_addf(out, "%lld\n", (long long)position);
	}
	ok(there);
	view_read_close(r);
}

static void check_rebuilt(struct projector *p)
{
	struct buf before = {0}, after = {0};
	struct view *v;

	dump(&before);
	ok(view_open(store, &p->handler, p->jq, true, &v, &err));
	check(view_rebuilding(v));
	catch_up(v);
	check(!view_rebuilding(v));
	view_close(v);
	dump(&after);
	check_str(before.p, after.p);
	buf_free(&before);
	buf_free(&after);
}

static void clean(const char *where)
{
	DIR *d = opendir(where);
	struct dirent *e;

	need(d);
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 &&
		    strcmp(e->d_name, "..") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(where);
}

/* How many generations there are. */
static int generations(void)
{
	char views[4300];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(views, sizeof views, "%s.views", path);
	need(d = opendir(views));
	while ((e = readdir(d))) {
		size_t len = strlen(e->d_name);

		n += len == strlen("counts.0123456789abcdef.db") &&
		    strcmp(e->d_name + len - 3, ".db") == 0;
	}
	closedir(d);
	return n;
}

static void test_nothing(void)
{
	struct view_reader *r;
	int64_t position = -1;
	char *file = view_path(path, "counts", &err);

	need(file);
	check_str(strrchr(file, '/'), "/counts.db");
	free(file);
	ok(view_read_position(path, "counts", &position, &err));
	check_int(position, 0);
	check(view_read_open(path, "counts", NULL, 0, &r, &err) < 0);
	check_int(err.code, ES_FAILED);
}

/* Each finds that the other has moved the offset, and neither counts twice. */
static void test_two_updaters(struct projector *p, struct projector *q)
{
	struct view *v, *w;
	bool more = true, more2 = true;
	int64_t position;

	append(1500, 7, 3);
	append(100, 7, -1);
	append(900, 5, 4);
	ok(view_open(store, &p->handler, p->jq, false, &v, &err));
	ok(view_open(store, &q->handler, q->jq, false, &w, &err));
	check(!view_rebuilt(v) && !view_rebuilt(w));
	while (more || more2) {
		ok(view_step(v, &more, &err));
		ok(view_step(w, &more2, &err));
	}
	check_int(view_position(v), head());
	check_int(view_position(w), head());
	ok(view_read_position(path, "counts", &position, &err));
	check_int(position, head());
	view_close(v);
	view_close(w);
	check_rebuilt(p);
	check_int(generations(), 1);
}

static int count(const struct query_pair *values, size_t n)
{
	struct view_reader *r;
	struct span key, state;
	int64_t position;
	int found = 0, there;

	ok(view_read_open(path, "counts", values, n, &r, &err));
	while ((there = view_read_next(r, &key, &state, &position, &err)) > 0)
		found++;
	ok(there);
	view_read_close(r);
	return found;
}

static void test_reading(void)
{
	struct query_pair both[2] = {{(char []){"b"}, (char []){"1"}},
	    {(char []){"a"}, (char []){"2"}}};
	struct query_pair other = {(char []){"c"}, (char []){"1"}};
	struct view_reader *r;

	check_int(count(NULL, 0), 26);
	check_int(count(both, 1), 7);
	check_int(count(both, 2), 1);
	both[1].value = (char []){"9"};
	check_int(count(both, 2), 0);
	check(view_read_open(path, "counts", &other, 1, &r, &err) < 0);
}

/* An updater of the old generation is never put back by the new one. */
static void test_rebuild_beside(struct projector *p, struct projector *q)
{
	struct view *v, *w;
	bool more;
	int64_t position;

	ok(view_open(store, &p->handler, p->jq, false, &v, &err));
	ok(view_open(store, &q->handler, q->jq, true, &w, &err));
	ok(view_step(w, &more, &err));
	check(more && view_rebuilding(w));
	append(600, 2, 9);
	catch_up(v);
	while (view_rebuilding(w))
		ok(view_step(w, &more, &err));
	ok(view_read_position(path, "counts", &position, &err));
	check_int(position, head());
	/* The old one's updater goes over. */
	append(10, 2, 9);
	catch_up(v);
	check_int(view_position(v), head());
	ok(view_read_position(path, "counts", &position, &err));
	check_int(position, head());
	check_int(generations(), 1);
	view_close(v);
	view_close(w);
	check_rebuilt(p);
}

/* What is given up half way leaves nothing. */
static void test_given_up(struct projector *p)
{
	struct view *v;
	bool more;

	ok(view_open(store, &p->handler, p->jq, true, &v, &err));
	ok(view_step(v, &more, &err));
	check(more);
	check_int(generations(), 2);
	view_close(v);
	check_int(generations(), 1);
}

static void test_other_text(struct projector *p)
{
	struct projector changed;
	struct view *v, *w;
	struct buf text = {0};
	bool more;

	buf_addf(&text, "%s# changed\n", counts);
	load(&changed, "changed", text.p);
	ok(view_open(store, &p->handler, p->jq, false, &v, &err));
	ok(view_open(store, &changed.handler, changed.jq, false, &w, &err));
	check(view_rebuilt(w) && strstr(view_rebuilt(w), "changed"));
	catch_up(w);
	check(view_step(v, &more, &err) < 0);
	check_int(err.code, ES_FAILED);
	check(strstr(err.text, "another text") != NULL);
	view_close(v);
	view_close(w);
	/* Who opens it anew has the last word. */
	ok(view_open(store, &p->handler, p->jq, false, &v, &err));
	check(view_rebuilding(v));
	catch_up(v);
	view_close(v);
	unload(&changed);
	buf_free(&text);
}

/* One message for more states than a step touches otherwise. */
static void test_wide(struct projector *p)
{
	struct query_pair a = {(char []){"a"}, (char []){"0"}};
	struct view *v;
	struct span key, state;
	struct view_reader *r;
	int64_t position;

	append(5000, 0, 5000);
	append(1, 0, -1);
	ok(view_open(store, &p->handler, p->jq, false, &v, &err));
	catch_up(v);
	view_close(v);
	ok(view_read_open(path, "counts", &a, 1, &r, &err));
	while (view_read_next(r, &key, &state, &position, &err) > 0)
		check_int(position, head());
	view_read_close(r);
	check_int(count(&a, 1), 5000);
}

int main(void)
{
	struct projector p = {0}, q = {0};
	bool created;

	snprintf(dir, sizeof dir, "%s/es-view.XXXXXX",
	    getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	need(mkdtemp(dir));
	snprintf(path, sizeof path, "%s/es.db", dir);
	ok(store_create(path, &created, &err));
	ok(store_open(path, true, &store, &err));
	load(&p, "p", counts);
	load(&q, "q", counts);
	test_nothing();
	test_two_updaters(&p, &q);
	test_reading();
	test_rebuild_beside(&p, &q);
	test_given_up(&p);
	test_other_text(&p);
	test_wide(&p);
	unload(&p);
	unload(&q);
	store_close(store);
	snprintf(path, sizeof path, "%s/es.db.views", dir);
	clean(path);
	clean(dir);
	return unit_end();
}
