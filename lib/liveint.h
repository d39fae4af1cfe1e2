/*
 * liveint: what live.c and livestep.c share; not for others.
 *
 *   live.c      who looks at what, and what they are sent
 *   livestep.c  news from the log, renders, heartbeats
 */
#ifndef ES_LIVEINT_H
#define ES_LIVEINT_H

#include "live.h"

/* An event's bytes, shared by all who are sent them. */
struct frame {
	size_t references, n;
	char p[];
};

struct live_subscriber {
	struct live_subscriber *next;
	struct live *live;
	struct live_page *page;		/* NULL: only what `frame` still holds */
	void *connection;
	struct frame *frame;		/* on its way, up to `sent` */
	size_t sent;
	uint64_t seen;			/* the page's version that it was given */
	bool first;			/* is behind: gets the next render in
					   any case */
	bool beat;			/* a heartbeat is due */
};

/*
 * Due: `due` is the first message heard that no render covers, `want` the last
 * one.  A render of it may begin when the read models have passed `due`: the
 * last one may be out of their reach for ever where messages keep coming.
 */
struct live_page {
	struct live_page *next;
	struct page_request request;
	struct live_subscriber *subscribers;
	struct frame *frame;		/* the newest render, or NULL */
	struct buf html;
	uint64_t version;		/* changes with html */
	int64_t position;		/* of the frame */
	int64_t want, covered;		/* covered: up to here it is no news */
	int64_t due;			/* 0: nothing is */
	int64_t due_since;		/* monotonic ms */
	int64_t submitted;		/* the same, of the last render */
	bool now;			/* without waiting for read models */
	bool rendering, failed;
	struct buf fault;		/* the last one that was told */
};

/* Its address is the tag of a render under way. */
struct live_render {
	struct live_render *next;
	struct live_page *page;		/* NULL: nobody looks any more */
};

/* Where the read models of a page are, as of this step. */
struct live_views {
	const struct page *page;
	int64_t position;
};

struct live {
	struct store *store;
	struct pages *pages;
	void (*wake)(void *connection);
	void (*say)(void *ctx, const char *line);
	void *ctx;
	struct live_page *first;
	struct live_render *renders;
	struct live_views *views;
	size_t n_views, cap_views;
	int64_t position;		/* the log is read up to here */
	int64_t beat_at;		/* monotonic ms of the next heartbeat */
};

void frame_release(struct frame *);
/* Take over an event's bytes; NULL without memory. */
struct frame *frame_make(struct buf *bytes);

#endif
