/* live: news from the log, renders, heartbeats. */
#include <stdlib.h>
#include <string.h>

#include "liveint.h"
#include "sse.h"
#include "sys.h"

#define BATCH 1000		/* messages a step */
#define BEAT_MS 15000
#define VIEWS_MS 5000		/* as long a render waits for read models */
#define POLL_MS 20		/* for read models; later: */
#define POLL_LATE_MS 200
#define GAP_MS 30		/* between two renders of a page */

static void sooner(int *timeout, int64_t ms)
{
	if (ms < 0)
		ms = 0;
	if (*timeout < 0 || ms < *timeout)
		*timeout = (int)ms;
}

/* ---- news ---- */

static void hear(struct live *l, const struct message *m, int64_t now)
{
	bool erased = span_is(m->type, "es.message_erased");
	struct live_page *p;

	/* Whatever was erased, any page may show it. */
	for (p = l->first; p; p = p->next) {
		if (!erased && !page_hears(l->pages, &p->request, m))
			continue;
		if (p->want < m->position)
			p->want = m->position;
		if (p->due == 0) {
			p->due = m->position;
			p->due_since = now;
		}
	}
}

/* *more: a full batch was read. */
static int read_log(struct live *l, int64_t now, bool *more,
    struct es_err *err)
{
	struct query_bounds bounds = QUERY_BOUNDS_ALL;
	struct query everything = {.everything = true};
	struct message m;
	struct find *find;
	int64_t head;
	int n = 0, r;

	*more = false;
	if (store_head(l->store, &head, err) < 0)
		return -1;
	if (!l->first)
		l->position = head;
	if (l->position >= head)
		return 0;
	bounds.after = l->position;
	if (find_open(l->store, &everything, &bounds, head, &find, err) < 0)
		return -1;
	while (n < BATCH && (r = find_next(find, &m, err)) > 0) {
		hear(l, &m, now);
		l->position = m.position;
		n++;
	}
	*more = n == BATCH;
	find_close(find);
	return !*more && r < 0 ? -1 : 0;
}

/* ---- asking for renders ---- */

/* Looked up once a step for all who look at one page. */
static int64_t views_position(struct live *l, const struct page *page)
{
	struct live_views *v;
	int64_t position;
	size_t i;

	for (i = 0; i < l->n_views; i++)
		if (l->views[i].page == page)
			return l->views[i].position;
	/* One that cannot be read now is one that is not there. */
	if (page_views_position(l->pages, page, &position, NULL) < 0)
		position = 0;
	if (l->n_views == l->cap_views) {
		size_t cap = l->cap_views ? l->cap_views * 2 : 8;

		v = realloc(l->views, cap * sizeof *v);
		if (!v)
			return position;
		l->views = v;
		l->cap_views = cap;
	}
	l->views[l->n_views++] = (struct live_views){page, position};
	return position;
}

static bool is_ready(struct live *l, const struct live_page *p, int64_t now,
    int *timeout)
{
	int64_t waited = now - p->due_since, gap = now - p->submitted;

	if (p->now)
		return true;
	if (p->due == 0)
		return false;
	if (p->submitted && gap < GAP_MS) {
		sooner(timeout, GAP_MS - gap);
		return false;
	}
	if (waited >= VIEWS_MS ||
	    views_position(l, p->request.page) >= p->due)
		return true;
	sooner(timeout, waited < 1000 ? POLL_MS : POLL_LATE_MS);
	return false;
}

static int submit(struct live *l, struct live_page *p, int64_t now,
    struct es_err *err)
{
	struct live_render *r = calloc(1, sizeof *r);

	if (!r)
		return es_fail_nomem(err);
	r->page = p;
	if (page_submit(l->pages, &p->request, 0, NULL, r, err) < 0) {
		free(r);
		return -1;
	}
	r->next = l->renders;
	l->renders = r;
	p->rendering = true;
	p->now = false;
	p->due = 0;
	p->submitted = now;
	return 0;
}

static int ask(struct live *l, int64_t now, int *timeout, struct es_err *err)
{
	struct live_page *p;

	l->n_views = 0;
	for (p = l->first; p; p = p->next)
		if (!p->rendering && is_ready(l, p, now, timeout) &&
		    submit(l, p, now, err) < 0)
			return -1;
	return 0;
}

/* ---- results ---- */

/* The render that a tag belongs to, out of the list. */
static struct live_render *take_render(struct live *l, const void *tag)
{
	struct live_render **at, *r;

	for (at = &l->renders; (r = *at); at = &r->next)
		if (r == tag) {
			*at = r->next;
			return r;
		}
	return NULL;
}

/* They keep the page that they have; a fault is told once. */
static void take_fault(struct live *l, struct live_page *p,
    const struct page_result *result)
{
	p->failed = true;
	/* Until there is news: it would fail again. */
	p->covered = p->want;
	if (span_eq(buf_span(&p->fault), buf_span(&result->text)))
		return;
	buf_truncate(&p->fault, 0);
	buf_add_span(&p->fault, buf_span(&result->text));
	if (l->say && !p->fault.failed && p->fault.n)
		l->say(l->ctx, p->fault.p);
}

static int make_frame(struct live *l, struct live_page *p,
    const struct page_result *result, struct es_err *err)
{
	struct buf bytes = {0}, id = {0};
	struct frame *frame;

	buf_addf(&id, "%s:%lld", store_epoch(l->store),
	    (long long)result->position);
	sse_patch(&bytes, buf_span(&id), buf_span(&result->html));
	buf_free(&id);
	frame = frame_make(&bytes);
	if (!frame)
		return es_fail_nomem(err);
	frame_release(p->frame);
	p->frame = frame;
	p->position = result->position;
	return 0;
}

/*
 * What is the same as before goes only to those who have nothing yet; and who
 * joined while it was made waits for the next one, which is not older than
 * what he has.
 */
static void give(struct live *l, struct live_page *p, bool same)
{
	struct live_subscriber *s;

	if (!same)
		p->version++;
	for (s = p->subscribers; s; s = s->next) {
		if (s->first && p->now) {
			s->seen = p->version;
			continue;
		}
		if (same && !s->first)
			continue;
		if (s->first)
			s->seen = 0;
		s->first = false;
		l->wake(s->connection);
	}
}

static int take_html(struct live *l, struct live_page *p,
    struct page_result *result, struct es_err *err)
{
	bool same = p->version > 0 &&
	    span_eq(buf_span(&p->html), buf_span(&result->html));

	if (make_frame(l, p, result, err) < 0)
		return -1;
	buf_swap(&p->html, &result->html);
	buf_truncate(&p->fault, 0);
	p->failed = false;
	p->covered = result->position;
	give(l, p, same);
	return 0;
}

int live_take(struct live *l, struct page_result *result, struct es_err *err)
{
	struct live_render *r = take_render(l, result->tag);
	struct live_page *p;
	int taken = 1;

	if (!r)
		return 0;
	p = r->page;
	free(r);
	if (!p)
		return 1;
	p->rendering = false;
	if (result->failed)
		take_fault(l, p, result);
	else if (take_html(l, p, result, err) < 0)
		taken = -1;
	/* The read models were behind: again when they are not. */
	if (p->covered < p->want && p->due == 0) {
		p->due = p->want;
		p->due_since = sys_monotonic();
	}
	return taken;
}

/* ---- a step ---- */

static void beat(struct live *l, int64_t now, int *timeout)
{
	struct live_subscriber *s;
	struct live_page *p;

	if (!l->first) {
		l->beat_at = 0;
		return;
	}
	if (l->beat_at && now >= l->beat_at) {
		for (p = l->first; p; p = p->next)
			for (s = p->subscribers; s; s = s->next) {
				s->beat = true;
				l->wake(s->connection);
			}
		l->beat_at = 0;
	}
	if (!l->beat_at)
		l->beat_at = now + BEAT_MS;
	sooner(timeout, l->beat_at - now);
}

int live_step(struct live *l, int *timeout, struct es_err *err)
{
	int64_t now = sys_monotonic();
	bool more;

	*timeout = -1;
	if (read_log(l, now, &more, err) < 0 ||
	    ask(l, now, timeout, err) < 0)
		return -1;
	if (more)
		*timeout = 0;
	beat(l, now, timeout);
	return 0;
}
