#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "runner.h"
#include "sys.h"
#include "webint.h"

#define SWEEP_MS 1000
#define BEAT_MS 15000

void web_say(struct web *w, const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	if (!w->options.say)
		return;
	va_start(ap, fmt);
	es_text(text, sizeof text, fmt, ap);
	va_end(ap);
	w->options.say(w->options.ctx, text);
}

/* ---- connections and their deadlines ---- */

static void notify_connection(void *web, struct MHD_Connection *connection,
    void **context, enum MHD_ConnectionNotificationCode code)
{
	const union MHD_ConnectionInfo *info;
	struct web *w = web;
	struct conn *c = *context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		int on = 1;

		info = MHD_get_connection_info(connection,
		    MHD_CONNECTION_INFO_CONNECTION_FD);
		c = info ? calloc(1, sizeof *c) : NULL;
		if (!c) {
			/* Without a deadline it could stay for ever. */
			if (info)
				shutdown(info->connect_fd, SHUT_RDWR);
			return;
		}
		/* Who vanishes without a word is found out by this. */
		setsockopt(info->connect_fd, SOL_SOCKET, SO_KEEPALIVE, &on,
		    sizeof on);
		*c = (struct conn){.web = w, .fd = info->connect_fd,
		    .since = sys_monotonic(), .limit = WEB_HEADER_MS,
		    .next = w->conns};
		if (c->next)
			c->next->prev = c;
		w->conns = c;
		*context = c;
		return;
	}
	if (!c)
		return;
	*(c->prev ? &c->prev->next : &w->conns) = c->next;
	if (c->next)
		c->next->prev = c->prev;
	free(c);
	*context = NULL;
}

/*
 * libmicrohttpd's own timeouts are for inactivity: a client that sends a byte
 * now and then would be kept for ever.
 */
static void sweep(struct web *w)
{
	int64_t now = sys_monotonic();
	struct conn *c;

	if (now - w->swept_at < SWEEP_MS)
		return;
	w->swept_at = now;
	for (c = w->conns; c; c = c->next)
		if (c->limit && now - c->since > c->limit) {
			shutdown(c->fd, SHUT_RDWR);
			c->limit = 0;
		}
	if (now - w->beat_at >= BEAT_MS) {
		w->beat_at = now;
		web_events_beat(w);
	}
}

/* ---- opening and closing ---- */

static int start_daemon(struct web *w, struct es_err *err)
{
	const union MHD_DaemonInfo *info;

	w->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME,
	    0, NULL, NULL, web_handle, w,
	    MHD_OPTION_LISTEN_SOCKET, w->listen_fd,
	    MHD_OPTION_CONNECTION_LIMIT, web_connection_limit(),
	    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)16384,
	    MHD_OPTION_NOTIFY_CONNECTION, notify_connection, w,
	    MHD_OPTION_NOTIFY_COMPLETED, web_end_request, w,
	    MHD_OPTION_URI_LOG_CALLBACK, web_begin_request, w,
	    MHD_OPTION_STRICT_FOR_CLIENT, 1,
	    MHD_OPTION_END);
	if (!w->daemon)
		return es_fail(err, ES_FAILED,
		    "libmicrohttpd cannot be started");
	info = MHD_get_daemon_info(w->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	w->epoll_fd = info ? info->epoll_fd : -1;
	return w->epoll_fd < 0 ? es_fail(err, ES_FAILED,
	    "libmicrohttpd has no epoll here") : 0;
}

static int make_url(struct web *w, struct es_err *err)
{
	bool six = strchr(w->options.address, ':') != NULL;
	struct buf url = {0};

	buf_addf(&url, "http://%s%s%s:%d/?token=%s", six ? "[" : "",
	    w->options.address, six ? "]" : "", w->port, w->token);
	w->url = buf_detach(&url);
	return w->url ? 0 : es_fail_nomem(err);
}

static void options_say(void *web, const char *line)
{
	web_say(web, "%s", line);
}

static int open_rest(struct web *w, const char *store, struct es_err *err)
{
	w->store_path = realpath(store, NULL);
	if (!w->store_path)
		w->store_path = strdup(store);
	if (!w->store_path)
		return es_fail_nomem(err);
	if (web_store_open(w, store, err) < 0 ||
	    app_check_catalog(w->app, w->store, err) < 0 ||
	    web_make_token(w, err) < 0 ||
	    pages_bind(w->pages, w->store, err) < 0 ||
	    bell_open(store, &w->bell, err) < 0 ||
	    web_static_open(w, err) < 0 || web_listen(w, err) < 0 ||
	    live_open(w->store, w->pages, web_news, &w->live, err) < 0 ||
	    start_daemon(w, err) < 0)
		return -1;
	live_say(w->live, options_say, w);
	return make_url(w, err);
}

int web_open(const char *store, struct app *app,
    const struct web_options *options, struct web **out, struct es_err *err)
{
	struct web *w = calloc(1, sizeof *w);

	*out = NULL;
	if (!w)
		return es_fail_nomem(err);
	w->options = *options;
	w->app = app;
	w->listen_fd = w->public_fd = w->share_fd = -1;
	/* The pages' workers are forked before the store is opened. */
	if (runner_learn(app, err) < 0 ||
	    pages_load(app, &w->pages, err) < 0 ||
	    open_rest(w, store, err) < 0) {
		web_close(w);
		return -1;
	}
	*out = w;
	return 0;
}

const char *web_url(const struct web *w)
{
	return w->url;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/*
 * Streams are cut, not ended: a browser opens them again then.  A daemon can
 * only be stopped when nothing is suspended.
 */
static void stop_daemon(struct web *w)
{
	struct conn *c;
	int i;

	if (!w->daemon)
		return;
	w->stopping = true;
	/* Not yet appended, and never answered: they may be sent again. */
	w->queue = w->queue_last = NULL;
	w->n_queued = 0;
	for (c = w->conns; c; c = c->next)
		shutdown(c->fd, SHUT_RDWR);
	web_resume_all(w);
	for (i = 0; i < 3; i++)
		MHD_run(w->daemon);
	MHD_stop_daemon(w->daemon);
	w->listen_fd = -1;	/* it closed that too */
}

void web_close(struct web *w)
{
	if (!w)
		return;
	stop_daemon(w);
	web_stop_react(w);
	live_close(w->live);
	pages_free(w->pages);
	bell_close(w->bell);
	store_close(w->store);
	close_fd(w->listen_fd);
	close_fd(w->public_fd);
	close_fd(w->share_fd);
	message_scratch_free(&w->scratch);
	free(w->store_path);
	free(w->url);
	free(w);
}

/* ---- the loop ---- */

#define FDS 512			/* for the workers of 170 pages */

static int sooner(int a, int b)
{
	if (a < 0)
		return b;
	return b >= 0 && b < a ? b : a;
}

static void wait_for_something(struct web *w, int timeout)
{
	struct pollfd fds[FDS];
	MHD_UNSIGNED_LONG_LONG ms;
	int n = 0;

	fds[n++] = (struct pollfd){.fd = w->epoll_fd, .events = POLLIN};
	if (bell_fd(w->bell) >= 0)
		fds[n++] = (struct pollfd){.fd = bell_fd(w->bell),
		    .events = POLLIN};
	else
		timeout = sooner(timeout, 20);
	if (w->reacting)
		n += proc_poll(&w->react, fds + n);
	else if (w->options.react)
		timeout = sooner(timeout, 200);
	n += pages_poll(w->pages, fds + n, FDS - n);
	timeout = sooner(timeout, pages_timeout(w->pages));
	if (MHD_get_timeout(w->daemon, &ms) == MHD_YES)
		timeout = sooner(timeout, ms > 1000 ? 1000 : (int)ms);
	timeout = sooner(timeout, SWEEP_MS);
	poll(fds, (nfds_t)n, timeout);
}

/* Another store gets the name, and whoever came later would look there. */
static int check_store(struct web *w, struct es_err *err)
{
	int64_t now = sys_monotonic();

	if (w->checked_at && now - w->checked_at < SWEEP_MS)
		return 0;
	w->checked_at = now;
	return web_store_check(w, err);
}

static int step(struct web *w, int *timeout, struct es_err *err)
{
	if (check_store(w, err) < 0)
		return -1;
	bell_clear(w->bell);
	if (MHD_run(w->daemon) != MHD_YES)
		return es_fail(err, ES_FAILED, "libmicrohttpd gave up");
	web_commit(w);
	/* What was taken may make live want to be called again. */
	if (web_take_renders(w, err) < 0)
		return -1;
	web_store_look(w, timeout);
	web_watch_react(w);
	sweep(w);
	/* What was resumed goes out at once. */
	return MHD_run(w->daemon) == MHD_YES ? 0 :
	    es_fail(err, ES_FAILED, "libmicrohttpd gave up");
}

int web_run(struct web *w, struct es_err *err)
{
	if (w->options.react)
		web_start_react(w);
	while (!w->options.stop || !*w->options.stop) {
		int timeout = -1;

		if (step(w, &timeout, err) < 0)
			return -1;
		if (w->queue)
			continue;
		wait_for_something(w, timeout);
	}
	return 0;
}
