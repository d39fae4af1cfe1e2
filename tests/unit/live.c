/* live.h: who is sent what, and when. */
#include "liveint.h"
#include "pageunit.h"
#include "sse.h"

static struct live *live;
static int woken[8];

static void wake(void *connection)
{
	++*(int *)connection;
}

static char said[500];

static void say(void *ctx, const char *line)
{
	(void)ctx;
	snprintf(said, sizeof said, "%s", line);
}

/* ---- a loop as es-serve has ---- */

/* Until nothing is left to do but to wait for news, or read models. */
static void settle(void)
{
	struct page_result result = {0};
	int got, timeout, idle = 0;

	while (idle < 3) {
		must(live_step(live, &timeout, &err));
		while ((got = pages_next(pages, &result, &err)) > 0) {
			check_int(live_take(live, &result, &err), 1);
			idle = 0;
		}
		must(got);
		if (pages_timeout(pages) >= 0)
			wait_for_pages(-1);
		/* Gaps between renders and looks at read models. */
		else if (timeout >= 0 && timeout <= 30)
			wait_for_pages(timeout + 1);
		idle++;
	}
	page_result_free(&result);
}

static struct live_subscriber *join(const char *path, const char *since,
    int *connection)
{
	struct page_request q = request(path, "");
	struct live_subscriber *s;
	char text[100];

	/* "@7": position 7 of this epoch. */
	snprintf(text, sizeof text, "%s%s%s", *since == '@' ?
	    store_epoch(store) : "", *since == '@' ? ":" : "",
	    *since == '@' ? since + 1 : since);
	must(live_join(live, &q, span_str(text), connection, &s, &err));
	page_request_free(&q);
	return s;
}

/*
 * All that there is to read, a few bytes at once: events as "POSITION HTML;",
 * heartbeats as "*", the end as "$".
 */
static const char *heard(struct live_subscriber *s)
{
	static char out[4000];
	static struct buf raw;
	char piece[7];
	const char *p;
	size_t n = 0;
	long got;

	buf_truncate(&raw, 0);
	while ((got = live_read(s, piece, sizeof piece)) > 0)
		buf_add(&raw, piece, (size_t)got);
	out[0] = '\0';
	for (p = raw.n ? raw.p : ""; *p; p = strstr(p, "\n\n") + 2) {
		const char *id = strstr(p, "id: "),
		    *main = strstr(p, "<main id=\"page\">");

		if (*p == ':') {
			n += (size_t)snprintf(out + n, sizeof out - n, "*");
			continue;
		}
		if (strncmp(p, "event: es-reload", 16) == 0) {
			n += (size_t)snprintf(out + n, sizeof out - n,
			    "reload;");
			continue;
		}
		if (!id || !main || strncmp(id + 4, store_epoch(store), 36)) {
			printf("what is this: %s\n", p);
			exit(1);
		}
		main += strlen("<main id=\"page\">");
		n += (size_t)snprintf(out + n, sizeof out - n, "%.*s %.*s;",
		    (int)strcspn(id + 41, "\n"), id + 41,
		    (int)(strstr(main, "</main>") - main), main);
	}
	if (got < 0)
		snprintf(out + n, sizeof out - n, "$");
	return out;
}

/* ---- tests; the log has 1, the catalog ---- */

static void test_first(void)
{
	struct live_subscriber *a, *b, *c;

	check_int(event("c.created", "{'c':'c1','name':'x'}"), 2);
	project();
	a = join("/c1", "", &woken[0]);
	check_str(heard(a), "*");
	settle();
	check(woken[0] > 0);
	check_str(heard(a), "2 <p>c1: 0 of 0</p>;");
	check_str(heard(a), "");

	/* There is a render: it is given at once. */
	b = join("/c1", "", &woken[1]);
	check_str(heard(b), "2 <p>c1: 0 of 0</p>;*");
	/* Nothing but news for who is up to date. */
	c = join("/c1", "@2", &woken[2]);
	check_str(heard(c), "*");
	check_int(event("d.given", "{'c':'c1','d':'d1','amount':5}"), 3);
	project();
	woken[0] = woken[1] = woken[2] = 0;
	settle();
	check(woken[0] && woken[1] && woken[2]);
	check_str(heard(a), "3 <p>c1: 1 of 5</p>;");
	check_str(heard(b), "3 <p>c1: 1 of 5</p>;");
	check_str(heard(c), "3 <p>c1: 1 of 5</p>;");
	live_leave(live, b);
	live_leave(live, c);
	live_leave(live, a);
}

/* Rendered when the read model has passed the message, not before. */
static void test_waits_for_views(void)
{
	struct live_subscriber *a = join("/c1", "@3", &woken[0]);
	int timeout;

	settle();
	check_str(heard(a), "*");
	check_int(event("d.given", "{'c':'c1','d':'d1','amount':2}"), 4);
	settle();
	check_str(heard(a), "");
	must(live_step(live, &timeout, &err));
	check(timeout >= 0 && timeout <= 20);
	project();
	settle();
	check_str(heard(a), "4 <p>c1: 2 of 7</p>;");
	/* News of others is no news. */
	check_int(event("d.given", "{'c':'c2','d':'d1','amount':2}"), 5);
	woken[0] = 0;
	settle();
	check_int(woken[0], 0);
	check_str(heard(a), "");
	live_leave(live, a);
}

static void test_since(void)
{
	struct live_subscriber *a;
	struct page_request q = request("/c1", "");

	project();
	/* 4 is the page's last message; 5 is another's. */
	a = join("/c1", "@3", &woken[0]);
	settle();
	check_str(heard(a), "5 <p>c1: 2 of 7</p>;*");
	live_leave(live, a);
	a = join("/c1", "@4", &woken[0]);
	settle();
	check_str(heard(a), "*");
	live_leave(live, a);
	/* What is ahead of the log is of another one. */
	a = join("/c1", "@6", &woken[0]);
	check_str(heard(a), "reload;$");
	live_leave(live, a);
	a = join("/c1", "0b8f2b6e-0000-7000-8000-000000000000:1", &woken[0]);
	check_str(heard(a), "reload;$");
	live_leave(live, a);
	check_int(live_join(live, &q, SPAN_LIT("x"), NULL, &a, &err), -1);
	check_int(err.code, ES_USAGE);
	check_int(live_join(live, &q, SPAN_LIT("x:y"), NULL, &a, &err), -1);
	check_str(err.text, "since: must be EPOCH:POSITION");
	page_request_free(&q);
}

/* Who is slow skips to the newest, and never in the middle of an event. */
static void test_slow(void)
{
	struct live_subscriber *a = join("/c1", "", &woken[0]);
	char start[20], rest[4000];
	long n;

	settle();
	n = live_read(a, start, sizeof start);
	check_int(n, sizeof start);
	check_int(event("d.given", "{'c':'c1','d':'d1','amount':1}"), 6);
	project();
	settle();
	check_int(event("d.given", "{'c':'c1','d':'d1','amount':1}"), 7);
	project();
	settle();
	n = live_read(a, rest, sizeof rest - 1);
	check(n > 0);
	rest[n > 0 ? n : 0] = '\0';
	check(strstr(rest, "c1: 2 of 7</p></main>\n\n") != NULL);
	check_str(heard(a), "7 <p>c1: 4 of 9</p>;*");
	live_leave(live, a);
}

static void test_cached(void)
{
	struct live_subscriber *a;
	struct page_request q = request("/c1", "");
	struct buf html = {0};
	int64_t position;

	check_int(live_cached(live, &q, &html, &position), 0);
	a = join("/c1", "", &woken[0]);
	settle();
	check_int(live_cached(live, &q, &html, &position), 1);
	check_str(html.p, "<main id=\"page\"><p>c1: 4 of 9</p></main>");
	check_int(position, 7);
	check_int(event("c.created", "{'c':'c9','name':'x'}"), 8);
	check_int(live_cached(live, &q, &html, &position), 0);
	live_leave(live, a);
	buf_free(&html);
	page_request_free(&q);
}

/* A render that fails: they keep what they have, and it is told once. */
static void test_failing(void)
{
	struct live_subscriber *a = join("/c13", "", &woken[0]), *b;
	int i;

	project();
	settle();
	check_str(heard(a), "8 <p>c13: 0 of nothing</p>;*");
	for (i = 0; i < 13; i++)
		event("d.given", "{'c':'c13','d':'d1','amount':1}");
	project();
	settle();
	check_str(heard(a), "");
	check(strstr(said, "pages/campaign.jq: /c13: render: unlucky") !=
	    NULL);
	said[0] = '\0';
	b = join("/c13", "", &woken[1]);
	settle();
	check_str(heard(b), "*");
	check_str(said, "");
	event("d.given", "{'c':'c13','d':'d1','amount':1}");
	project();
	settle();
	check_str(heard(a), "22 <p>c13: 14 of 14</p>;");
	check_str(heard(b), "22 <p>c13: 14 of 14</p>;");
	live_leave(live, a);
	live_leave(live, b);
}

/* Nothing comes of a render whose last viewer has gone. */
static void test_gone(void)
{
	struct live_subscriber *a = join("/c1", "", &woken[0]);
	int timeout;

	must(live_step(live, &timeout, &err));
	live_leave(live, a);
	woken[0] = 0;
	settle();
	check_int(woken[0], 0);
}

/* A page without read models and with a channel of its own. */
static void test_channel(void)
{
	struct live_subscriber *a = join("/c1/d7", "", &woken[0]);

	settle();
	heard(a);
	event("d.given", "{'c':'c1','d':'d8','amount':1}");
	settle();
	check_str(heard(a), "");
	check_int(event("d.given", "{'c':'c1','d':'d7','amount':1}"), 24);
	settle();
	check_str(heard(a), "24 <p>/c1/d7 {} {&quot;c&quot;:&quot;c1&quot;,"
	    "&quot;d&quot;:&quot;d7&quot;,&quot;amount&quot;:1}</p>;");
	live_leave(live, a);
}

/* Read models that never come: rendered all the same, and once they come. */
static void test_late(void)
{
	struct live_subscriber *a = join("/c5", "", &woken[0]);

	project();
	settle();
	check_str(heard(a), "24 <p>c5: 0 of nothing</p>;*");
	check_int(event("d.given", "{'c':'c5','d':'d1','amount':3}"), 25);
	settle();
	check_str(heard(a), "");
	need(live->first && live->first->due == 25);
	live->first->due_since -= 5000;
	settle();
	check_str(heard(a), "24 <p>c5: 1 of nothing</p>;");
	settle();
	check_str(heard(a), "");
	project();
	settle();
	check_str(heard(a), "25 <p>c5: 1 of 3</p>;");
	live_leave(live, a);
}

/*
 * The render under way began before he came: what he has may be newer, so he
 * waits for the next one.
 */
static void test_joined_meanwhile(void)
{
	struct live_subscriber *a = join("/c6", "", &woken[0]), *b;
	int timeout;

	must(live_step(live, &timeout, &err));
	need(live->first->rendering);
	event("d.given", "{'c':'c6','d':'d1','amount':3}");
	project();
	b = join("/c6", "", &woken[1]);
	settle();
	check_str(heard(a), "26 <p>c6: 1 of 3</p>;*");
	check_str(heard(b), "26 <p>c6: 1 of 3</p>;*");
	live_leave(live, a);
	live_leave(live, b);
}

static void test_heartbeat(void)
{
	struct live_subscriber *a = join("/about", "", &woken[0]);
	int timeout;

	settle();
	check_str(heard(a), "26 <p>&lt;b&gt;</p>;*");
	must(live_step(live, &timeout, &err));
	check(timeout > 10000 && timeout <= 15000);
	woken[0] = 0;
	live->beat_at = 1;
	must(live_step(live, &timeout, &err));
	check_int(woken[0], 1);
	check_str(heard(a), "*");
	check_str(heard(a), "");
	check(timeout > 10000 && timeout <= 15000);
	live_leave(live, a);
}

/* Others' renders are left to them. */
static void test_others(void)
{
	struct page_request q = request("/c1", "");
	struct page_result r;

	must(page_submit(pages, &q, 0, NULL, &q, &err));
	r = next_result();
	check_int(live_take(live, &r, &err), 0);
	check(r.tag == &q && r.html.n > 0);
	page_result_free(&r);
	page_request_free(&q);
}

/* What is still there at the end is let go. */
static void test_left(void)
{
	int timeout;

	join("/c1", "", &woken[0]);
	join("/c1", "", &woken[1]);
	join("/", "", &woken[2]);
	must(live_step(live, &timeout, &err));
}

int main(void)
{
	begin("live");
	must(live_open(store, pages, wake, &live, &err));
	live_say(live, say, NULL);
	test_first();
	test_waits_for_views();
	test_since();
	test_slow();
	test_cached();
	test_failing();
	test_gone();
	test_channel();
	test_late();
	test_joined_meanwhile();
	test_heartbeat();
	test_others();
	test_left();
	live_close(live);
	end();
	return unit_end();
}
