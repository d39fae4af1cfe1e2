/*
 * live: pages that somebody looks at, kept up to date over server-sent events.
 *
 * A *view of a page* (struct live_page inside) is one path and query with its
 * subscribers.  When a message that the page hears is stored it becomes due;
 * once every read model that it queries has passed that message it is rendered
 * again, once for all, and each subscriber gets the newest main as one
 * datastar-patch-elements event, whose id is EPOCH:POSITION.  A subscriber
 * that is slow skips what is no longer the newest; it is never sent half an
 * event.
 *
 * A subscriber's bytes are taken by live_read(); `wake` tells that there are
 * some again.  Single-threaded.
 */
#ifndef ES_LIVE_H
#define ES_LIVE_H

#include "page.h"

struct live;
struct live_subscriber;

int live_open(struct store *, struct pages *,
    void (*wake)(void *connection), struct live **out, struct es_err *err);
void live_close(struct live *);

/* Lines for a person: renders that failed.  (Their subscribers keep what they
 * have.) */
void live_say(struct live *, void (*say)(void *ctx, const char *line),
    void *ctx);

/*
 * since: what the browser has ("EPOCH:POSITION" or empty): a page that is
 * behind gets the newest render first; another epoch gets an event es-reload.
 */
int live_join(struct live *, const struct page_request *, struct span since,
    void *connection, struct live_subscriber **out, struct es_err *err);
void live_leave(struct live *, struct live_subscriber *);

/* Up to max bytes; 0: none now; -1: the stream has ended. */
long live_read(struct live_subscriber *, char *out, size_t max);

/*
 * Look at the log, ask for renders, take results for `live` (renders of others
 * are passed on), send heartbeats.  *timeout: milliseconds until it wants to
 * be called again (-1: only for news).
 */
int live_step(struct live *, int *timeout, struct es_err *err);
/* A result of pages_next() whose tag is live's own: 1 taken, 0 not mine. */
int live_take(struct live *, struct page_result *, struct es_err *err);

/*
 * Rendered main as of now, perhaps from the cache of a live page: 1 with a
 * copy, 0 when there is none (then page_submit()).
 */
int live_cached(struct live *, const struct page_request *, struct buf *html,
    int64_t *position);

#endif
