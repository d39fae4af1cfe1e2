#include <stdlib.h>
#include <string.h>

#include "liveint.h"
#include "sse.h"
#include "sys.h"

/* ---- frames ---- */

struct frame *frame_make(struct buf *bytes)
{
	struct frame *f = bytes->failed ? NULL :
	    malloc(sizeof *f + bytes->n);

	if (f) {
		f->references = 1;
		f->n = bytes->n;
		memcpy(f->p, bytes->p, bytes->n);
	}
	buf_free(bytes);
	return f;
}

void frame_release(struct frame *f)
{
	if (f && --f->references == 0)
		free(f);
}

/* ---- pages that somebody looks at ---- */

static struct live_page *find_page(const struct live *l,
    const struct page_request *r)
{
	struct live_page *p;

	for (p = l->first; p; p = p->next)
		if (span_eq(buf_span(&p->request.key), buf_span(&r->key)))
			return p;
	return NULL;
}

static struct live_page *add_page(struct live *l,
    const struct page_request *r, struct es_err *err)
{
	struct live_page *p = calloc(1, sizeof *p);

	if (!p) {
		es_fail_nomem(err);
		return NULL;
	}
	if (page_request_copy(r, &p->request, err) < 0) {
		free(p);
		return NULL;
	}
	p->next = l->first;
	l->first = p;
	return p;
}

static void free_page(struct live *l, struct live_page *p)
{
	struct live_page **at = &l->first;
	struct live_render *r;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	/* Its result comes to nobody. */
	for (r = l->renders; r; r = r->next)
		if (r->page == p)
			r->page = NULL;
	page_request_free(&p->request);
	frame_release(p->frame);
	buf_free(&p->html);
	buf_free(&p->fault);
	free(p);
}

/* ---- opening and closing ---- */

int live_open(struct store *s, struct pages *pages,
    void (*wake)(void *connection), struct live **out, struct es_err *err)
{
	struct live *l = calloc(1, sizeof *l);

	*out = NULL;
	if (!l)
		return es_fail_nomem(err);
	l->store = s;
	l->pages = pages;
	l->wake = wake;
	if (store_head(s, &l->position, err) < 0) {
		free(l);
		return -1;
	}
	*out = l;
	return 0;
}

static void free_subscriber(struct live_subscriber *s)
{
	frame_release(s->frame);
	free(s);
}

void live_close(struct live *l)
{
	struct live_subscriber *s;
	struct live_render *r;
	struct live_page *p;

	if (!l)
		return;
	while ((p = l->first)) {
		while ((s = p->subscribers)) {
			p->subscribers = s->next;
			free_subscriber(s);
		}
		free_page(l, p);
	}
	while ((r = l->renders)) {
		l->renders = r->next;
		free(r);
	}
	free(l->views);
	free(l);
}

void live_say(struct live *l, void (*say)(void *ctx, const char *line),
    void *ctx)
{
	l->say = say;
	l->ctx = ctx;
}

/* ---- joining ---- */

/* What a browser has. */
enum since { SINCE_NOTHING, SINCE_POSITION, SINCE_OTHER_LOG };

static int parse_since(const struct live *l, struct span since, int64_t head,
    enum since *what, int64_t *position, struct es_err *err)
{
	const char *colon = since.n ? memchr(since.p, ':', since.n) : NULL;
	struct span epoch, number;

	*what = SINCE_NOTHING;
	*position = 0;
	if (since.n == 0)
		return 0;
	if (!colon)
		return es_fail(err, ES_USAGE, "since: must be EPOCH:POSITION");
	epoch = (struct span){since.p, (size_t)(colon - since.p)};
	number = (struct span){colon + 1, since.n - epoch.n - 1};
	if (cli_int_parse(number, 0, INT64_MAX, position) < 0)
		return es_fail(err, ES_USAGE, "since: must be EPOCH:POSITION");
	/* What has more than there is comes from a copy that was given up. */
	*what = !span_is(epoch, store_epoch(l->store)) || *position > head ?
	    SINCE_OTHER_LOG : SINCE_POSITION;
	return 0;
}

static int is_behind(struct live *l, const struct page_request *r,
    int64_t position, int64_t head, bool *behind, struct es_err *err)
{
	/* A page with a channel of its own is rather rendered for nothing. */
	if (find_any(l->store, &r->hears, position, head, behind, NULL,
	    err) < 0)
		return -1;
	return *behind ? 0 : find_erased(l->store, position, head, behind,
	    err);
}

/* Give a subscriber that is behind what there is, or see to it. */
static void catch_up(struct live_page *p, struct live_subscriber *s,
    int64_t head)
{
	s->seen = 0;
	if (p->frame && !p->failed && !p->rendering && p->covered >= p->want)
		return;
	s->first = true;
	s->seen = p->version;
	p->now = true;
	if (p->want < head)
		p->want = head;
}

static struct live_subscriber *new_subscriber(struct live *l,
    void *connection, struct es_err *err)
{
	struct live_subscriber *s = calloc(1, sizeof *s);

	if (!s) {
		es_fail_nomem(err);
		return NULL;
	}
	s->live = l;
	s->connection = connection;
	/* At once, so that the headers are on their way. */
	s->beat = true;
	return s;
}

static int join(struct live *l, const struct page_request *r, bool behind,
    int64_t head, struct live_subscriber *s, struct es_err *err)
{
	struct live_page *p = find_page(l, r);

	if (!p && !(p = add_page(l, r, err)))
		return -1;
	s->page = p;
	s->next = p->subscribers;
	p->subscribers = s;
	if (behind)
		catch_up(p, s, head);
	else
		s->seen = p->version;
	return 0;
}

static int reload(struct live_subscriber *s, struct es_err *err)
{
	struct buf bytes = {0};

	sse_reload(&bytes);
	s->frame = frame_make(&bytes);
	return s->frame ? 0 : es_fail_nomem(err);
}

int live_join(struct live *l, const struct page_request *r, struct span since,
    void *connection, struct live_subscriber **out, struct es_err *err)
{
	struct live_subscriber *s;
	int64_t head, position;
	bool behind = true;
	enum since what;
	int result;

	*out = NULL;
	if (store_head(l->store, &head, err) < 0 ||
	    parse_since(l, since, head, &what, &position, err) < 0 ||
	    (what == SINCE_POSITION && is_behind(l, r, position, head,
	    &behind, err) < 0))
		return -1;
	s = new_subscriber(l, connection, err);
	if (!s)
		return -1;
	result = what == SINCE_OTHER_LOG ? reload(s, err) :
	    join(l, r, behind, head, s, err);
	if (result < 0) {
		free(s);
		return -1;
	}
	*out = s;
	return 0;
}

void live_leave(struct live *l, struct live_subscriber *s)
{
	struct live_subscriber **at;

	if (!s)
		return;
	if (s->page) {
		at = &s->page->subscribers;
		while (*at != s)
			at = &(*at)->next;
		*at = s->next;
		if (!s->page->subscribers)
			free_page(l, s->page);
	}
	free_subscriber(s);
}

/* ---- what they are sent ---- */

static long take_frame(struct live_subscriber *s, char *out, size_t max)
{
	size_t n = s->frame->n - s->sent;

	if (n > max)
		n = max;
	memcpy(out, s->frame->p + s->sent, n);
	s->sent += n;
	if (s->sent == s->frame->n) {
		frame_release(s->frame);
		s->frame = NULL;
	}
	return (long)n;
}

long live_read(struct live_subscriber *s, char *out, size_t max)
{
	struct live_page *p = s->page;

	if (!s->frame && !p)
		return -1;
	if (!s->frame && p->frame && s->seen != p->version) {
		s->seen = p->version;
		s->frame = p->frame;
		s->frame->references++;
		s->sent = 0;
	}
	if (s->frame)
		return take_frame(s, out, max);
	if (s->beat && max >= strlen(SSE_HEARTBEAT)) {
		s->beat = false;
		memcpy(out, SSE_HEARTBEAT, strlen(SSE_HEARTBEAT));
		return (long)strlen(SSE_HEARTBEAT);
	}
	return 0;
}

int live_cached(struct live *l, const struct page_request *r,
    struct buf *html, int64_t *position)
{
	const struct live_page *p = find_page(l, r);
	int64_t head;

	/* Nothing at all has happened since. */
	if (!p || !p->frame || p->failed ||
	    store_head(l->store, &head, NULL) < 0 || p->position != head)
		return 0;
	buf_add_span(html, buf_span(&p->html));
	*position = p->position;
	return html->failed ? 0 : 1;
}
