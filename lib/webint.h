/*
 * webint: what the files of the room web share; not for others.
 *
 * A request goes NEW -> BODY (POST) -> DONE, or waits with its connection
 * suspended (a render, a commit) and comes back with its response made.  The
 * handler of libmicrohttpd only moves it on: route() decides.
 */
#ifndef ES_WEBINT_H
#define ES_WEBINT_H

#include <microhttpd.h>

#include "bell.h"
#include "cli.h"
#include "find.h"
#include "hash.h"
#include "live.h"
#include "proc.h"
#include "web.h"

#define WEB_BODY_MAX (1024 * 1024)	/* bytes of a command's body */
#define WEB_BODIES_MAX (64 * WEB_BODY_MAX)	/* of all requests together */
#define WEB_FIELDS_MAX 1000	/* of a command: the checks are quadratic */
#define WEB_QUEUE_MAX 1024		/* commands that wait for a commit */
#define WEB_CONNECTIONS 20000
#define WEB_HEADER_MS 10000		/* until a header is complete */
#define WEB_BODY_MS 30000		/* until a body is complete */
#define WEB_IDLE_MS 75000		/* between two requests */
#define WEB_STALL_MS 60000		/* a stream that takes nothing; any
					   other response, and: */
#define WEB_SEND_PER_MS 64		/* bytes of it a ms, at least */

#define WEB_COMMIT_MS 10000		/* a command waits for other writers */

#define SESSION_TEXT 33			/* 128 bits in hex, and NUL */
#define TOKEN_TEXT 65

struct request;

/* A socket, for its deadlines. */
struct conn {
	struct web *web;
	int fd;
	int64_t since;		/* monotonic ms: of the state it is in */
	int64_t limit;		/* ms that this state may last; 0: for ever */
	struct conn *prev, *next;
};

enum request_wait { WAIT_NONE, WAIT_COMMIT, WAIT_RENDER, WAIT_NEWS };

struct request {
	struct web *web;
	struct MHD_Connection *connection;
	struct conn *conn;
	char *uri;			/* as it came */
	struct span path, query;	/* of uri; query without its '?' */
	bool post, head, begun, routed;
	struct buf body;
	bool too_large;
	enum request_wait wait;
	bool suspended;
	/* The response once it is made. */
	struct MHD_Response *response;
	unsigned status;
	int64_t bytes;			/* of its body; a stream's: 0 */
	/* who sent it */
	char session[SESSION_TEXT];
	bool new_session;
	/* a page, a stream of one */
	struct page_request page;
	bool has_page;
	struct live_subscriber *subscriber;
	/* a command */
	struct command *command;
	/* a page again, with what is wrong in its form */
	struct form_again *again;
	/* GET /events */
	struct events *events;
	struct request *next;		/* in the queue of commands */
	struct request *previous_open, *next_open;	/* all of them */
};

struct web {
	struct web_options options;
	struct app *app;
	char *store_path;
	struct store *store;
	int64_t checked_at;		/* whether it is still the same; 0: to
					   be done at once */
	struct pages *pages;
	struct live *live;
	struct bell *bell;
	struct MHD_Daemon *daemon;
	int listen_fd, epoll_fd;
	int public_fd, share_fd;	/* directories of static files, or -1 */
	int port;
	int react_wait;			/* ms before the next start; 0: at first */
	struct conn *conns;
	struct request *open;		/* all requests that are under way */
	size_t body_bytes;		/* that requests hold */
	int64_t head;			/* of the log, as of the last look */
	struct request *queue, *queue_last;	/* commands */
	int64_t queue_since;		/* monotonic ms, of the first of them */
	size_t n_queued;
	struct events *followers;
	char *url;
	char token[TOKEN_TEXT];
	bool stopping;			/* nothing may be suspended any more */
	bool blind;			/* the store cannot be read now */
	bool reacting;
	struct proc react;
	int64_t react_at;		/* when it was, or is to be, started */
	int64_t swept_at, beat_at;
	struct message_scratch scratch;
};

void web_say(struct web *, const char *fmt, ...) ES_PRINTF(2, 3);

/* ---- weblisten.c ---- */
int web_listen(struct web *, struct es_err *err);
unsigned web_connection_limit(void);

/* ---- webstore.c ---- */
int web_store_open(struct web *, const char *path, struct es_err *err);
/*
 * Fails when the file of the store's name, its -wal or its -shm is not the one
 * that is open: what is written into those is lost to everybody else.
 */
int web_store_check(struct web *, struct es_err *err);
/*
 * Tell pages and followers what is new.  A store that cannot be read now may
 * be later: it is said once.
 */
void web_store_look(struct web *, int *timeout);

/* ---- webreact.c ---- */
void web_start_react(struct web *);
/* It ends only when it cannot go on: it is started again, ever more slowly. */
void web_watch_react(struct web *);
/* Ask it to end, and give it the time that it needs for what it is doing. */
void web_stop_react(struct web *);

/* ---- webcheck.c ---- */
/* Refuse at once, from its header alone, what must not be read further. */
void web_check(struct request *, const char *method);

/* ---- webrequest.c ---- */

enum MHD_Result web_handle(void *web, struct MHD_Connection *,
    const char *url, const char *method, const char *version,
    const char *upload, size_t *upload_size, void **request);
void *web_begin_request(void *web, const char *uri,
    struct MHD_Connection *);
void web_end_request(void *web, struct MHD_Connection *, void **request,
    enum MHD_RequestTerminationCode);

/*
 * Make the response; what is suspended is resumed.  type NULL: no body.  The
 * bytes are copied.  Always succeeds: without memory the connection closes.
 */
void web_respond(struct request *, unsigned status, const char *type,
    struct span body);
void web_respond_text(struct request *, unsigned status, const char *text);
/* As web_respond_text(), and the connection is closed behind it. */
void web_refuse(struct request *, unsigned status, const char *text);
/* The same for a response of another kind, which it takes. */
void web_respond_with(struct request *, unsigned status, const char *type,
    struct MHD_Response *);
void web_respond_stream(struct request *, const char *type,
    MHD_ContentReaderCallback read);
void web_add_header(struct request *, const char *name, const char *value);
void web_suspend(struct request *, enum request_wait);
void web_resume(struct request *);
void web_resume_all(struct web *);
/* live's `wake`: there is something for a subscriber. */
void web_news(void *request);
const char *web_header(struct request *, const char *name);

/* ---- webform.c ---- */

/*
 * path, or "/" where a browser would read it as the name of another server:
 * "//host" and "/\\host" are no paths to it, nor what becomes one of them
 * without its control characters.
 */
struct span web_own_path(struct span path);

/* name=value&… decoded: calls each; -1 for a bad encoding. */
int web_form(struct span text, int (*each)(void *ctx, struct span name,
    struct span value), void *ctx);
/* One value of it, decoded into out: 1, 0 when it is not there, -1. */
int web_form_value(struct span text, const char *name, struct buf *out);

/* ---- websession.c ---- */
int web_make_token(struct web *, struct es_err *err);
void web_session(struct request *);	/* reads or makes it */
void web_session_hash(const char *session, char out[65]);
bool web_is_token(const struct web *, struct span given);
bool web_has_token(struct request *);

/* ---- the routes ---- */
void web_command_post(struct request *);
void web_command_get(struct request *);
/* Append what is queued in one transaction, and answer. */
void web_commit(struct web *);
void command_free(struct command *);

void web_page_get(struct request *);
/* What is no page, looking like one.  title and text are HTML. */
void web_plain_page(struct request *, unsigned status, const char *title,
    const char *text);
/* Show a page again with the errors of a form that was refused. */
void web_page_again(struct request *, struct span path, struct span type,
    struct buf *values, struct buf *errors);
void form_again_free(struct form_again *);
void web_updates(struct request *);
int web_take_renders(struct web *, struct es_err *err);

void web_static(struct request *);
int web_static_open(struct web *, struct es_err *err);

void web_events(struct request *);
void events_free(struct events *);
/* There is news in the log. */
void web_events_wake(struct web *);
/* Now and then: libmicrohttpd does not see who leaves while suspended. */
void web_events_beat(struct web *);

#endif
