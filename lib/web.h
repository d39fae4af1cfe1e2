/*
 * web: the HTTP side of es-serve, on libmicrohttpd; DESIGN 8.
 *
 * One thread, one loop: libmicrohttpd runs in external polling mode, and all
 * that it waits for (the log, renders, commits) happens in the same loop while
 * the connection is suspended.  Commands that have arrived when the loop comes
 * round are appended in one transaction (group commit), each answered after it.
 *
 *   web_open -> web_run -> web_close
 *
 * web.c        daemon, loop, connections and their deadlines
 * weblisten.c  the socket
 * webstore.c   the store: is it still that one, what is new in it
 * webreact.c   es-react beside it
 * webrequest.c a request's beginning and end, its body, its response
 * webcheck.c   Host, Origin, methods; what is refused before a body
 * webform.c    name=value&…
 * webcommand.c POST /commands/TYPE, with webbody.c, webcommit.c and
 *              weboutcome.c: webcommand.h
 * webstatic.c  GET /public/…
 * webpage.c    pages, their forms after a 422, /updates
 * webevents.c  GET /events
 * websession.c cookies, the token
 */
#ifndef ES_WEB_H
#define ES_WEB_H

#include <signal.h>
#include "app.h"
#include "page.h"

struct web_options {
	const char *address;	/* "127.0.0.1" */
	int port;		/* 0: any that is free */
	const char *const *hosts;	/* further names that Host may be; NULL-
					   ended, or NULL */
	bool react;		/* run es-react -f beside it */
	const char *react_path;	/* the program */
	bool strict;		/* ... which is given --strict */
	void (*say)(void *ctx, const char *line);	/* a line of the log */
	void *ctx;
	volatile sig_atomic_t *stop;
};

struct web;

/* app is borrowed.  When it returns 0 connections are accepted. */
int web_open(const char *store, struct app *app, const struct web_options *,
    struct web **out, struct es_err *err);
/* "http://127.0.0.1:8080/?token=…" */
const char *web_url(const struct web *);
int web_run(struct web *, struct es_err *err);
void web_close(struct web *);

#endif
