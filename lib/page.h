/*
 * page: the pages of an app; es-app(5).  APP/pages/NAME.jq
 *
 *   pages_load      read and check pages/, start their jq workers (before any
 *                   store is opened)
 *   pages_bind      with the store, before the first render
 *   pages_match     a path to a page and its parameters
 *   page_submit     ask for a render; any number may be under way
 *   pages_next      take one that is complete
 *
 * A page's about has path, title, partition_by, query, views, on, channel.  A
 * render reads the page's partition up to a position, folds it, runs the
 * queries over the read models (read-only, attached under their names, within
 * a deadline), calls render($page), and makes HTML of the tree.  Nothing of it
 * is personal, so one render serves all who look at the same path and query.
 *
 * pages/layout.jq, a file with only `def layout:`, is the layout of all pages
 * that have none of their own; without one the page's main stands alone.  It
 * is rendered once, at the start.
 *
 * Single-threaded.
 */
#ifndef ES_PAGE_H
#define ES_PAGE_H

#include "app.h"
#include "fold.h"
#include "tree.h"

struct pollfd;
struct pages;
struct page;

/*
 * The app has learnt (runner_learn()): names and keys of its projectors count.
 * Errors name FILE:LINE or FILE: about: field.
 */
int pages_load(const struct app *, struct pages **out, struct es_err *err);
int pages_bind(struct pages *, struct store *, struct es_err *err);
void pages_free(struct pages *);

/* A request's page: decoded path parameters and the URL's query. */
struct page_request {
	const struct page *page;
	struct buf params;	/* JSON object: of the path */
	struct buf query;	/* JSON object: of the URL's query */
	struct buf key;		/* the same for equal requests */
	struct buf url;		/* path and query, encoded, as page= of
				   /updates wants to be encoded once more */
	/* private */
	struct query hears;
	struct buf channel;
};
int page_request_copy(const struct page_request *, struct page_request *out,
    struct es_err *err);
void page_request_free(struct page_request *);

/*
 * path: as it came, percent-encoded, without "?" and query.  1, 0 when no page
 * has that path, -1 with ES_USAGE for a bad encoding, for as_of (a later
 * version's), and for too many parameters.  Of two pages whose path fits the
 * one that is literal first wins.
 */
int pages_match(struct pages *, struct span path, struct span query,
    struct page_request *out, struct es_err *err);

/* What a message has to do with a page that somebody looks at. */
bool page_hears(struct pages *, const struct page_request *,
    const struct message *);
/* The lowest position of the read models that it queries (INT64_MAX: none). */
int page_views_position(struct pages *, const struct page *, int64_t *out,
    struct es_err *err);

/*
 * Render as of position up_to (0: the head).  form (NULL: none) is borrowed
 * until the result.  tag comes back with it.
 */
int page_submit(struct pages *, const struct page_request *, int64_t up_to,
    const struct tree_form *form, void *tag, struct es_err *err);

struct page_result {
	void *tag;
	int64_t position;	/* up to which it has everything: the read
				   models, too */
	bool failed;		/* then text says why: for the log, not for
				   the browser */
	struct buf html;	/* <main id="page">…</main> */
	struct buf text;
};
void page_result_free(struct page_result *);
/* 1, 0 when none is complete (poll), -1. */
int pages_next(struct pages *, struct page_result *, struct es_err *err);

int pages_poll(const struct pages *, struct pollfd *fds, int max);
int pages_timeout(const struct pages *);

/*
 * The whole document around a main: doctype, head (title, style sheets and
 * icon.svg of APP/public in the order of their names, or /public/es.css where
 * there is no style sheet, /public/es.js), layout.  page NULL: the app's title
 * and layout.
 * The body says where its stream is and what it shows:
 *
 *   <body data-es-updates="/updates?page=…" data-es-since="EPOCH:POSITION">
 *
 * updates: that URL; SPAN_NONE: a page that is not live.  position: the main's.
 */
int page_document(struct pages *, const struct page *, struct span main,
    struct span updates, int64_t position, struct buf *out,
    struct es_err *err);

#endif
