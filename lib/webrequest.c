/* One request: its beginning and end, its body, its response. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sys.h"
#include "webint.h"

/* ---- beginning and end ---- */

void *web_begin_request(void *web, const char *uri,
    struct MHD_Connection *connection)
{
	struct request *r = calloc(1, sizeof *r);
	const char *mark;

	(void)connection;
	if (!r || !(r->uri = strdup(uri))) {
		free(r);
		return NULL;
	}
	r->web = web;
	r->next_open = r->web->open;
	if (r->next_open)
		r->next_open->previous_open = r;
	r->web->open = r;
	mark = strchr(r->uri, '?');
	r->path = (struct span){r->uri, mark ? (size_t)(mark - r->uri) :
	    strlen(r->uri)};
	r->query = mark ? span_str(mark + 1) : (struct span){"", 0};
	return r;
}

static void forget_body(struct request *r)
{
	bool failed = r->body.failed;

	r->web->body_bytes -= r->body.n;
	buf_free(&r->body);
	r->body.failed = failed;
}

void web_end_request(void *web, struct MHD_Connection *connection,
    void **request, enum MHD_RequestTerminationCode why)
{
	struct request *r = *request;

	(void)web;
	(void)connection;
	(void)why;
	if (!r)
		return;
	*(r->previous_open ? &r->previous_open->next_open : &r->web->open) =
	    r->next_open;
	if (r->next_open)
		r->next_open->previous_open = r->previous_open;
	if (r->subscriber)
		live_leave(r->web->live, r->subscriber);
	if (r->conn) {
		r->conn->since = sys_monotonic();
		r->conn->limit = WEB_IDLE_MS;
	}
	if (r->response)
		MHD_destroy_response(r->response);
	events_free(r->events);
	command_free(r->command);
	form_again_free(r->again);
	page_request_free(&r->page);
	forget_body(r);
	free(r->uri);
	free(r);
	*request = NULL;
}

void web_suspend(struct request *r, enum request_wait wait)
{
	r->wait = wait;
	if (r->suspended || r->web->stopping)
		return;
	r->suspended = true;
	MHD_suspend_connection(r->connection);
}

void web_resume(struct request *r)
{
	r->wait = WAIT_NONE;
	if (!r->suspended)
		return;
	r->suspended = false;
	MHD_resume_connection(r->connection);
}

void web_resume_all(struct web *w)
{
	struct request *r;

	for (r = w->open; r; r = r->next_open)
		web_resume(r);
}

void web_news(void *request)
{
	struct request *r = request;

	if (r->wait == WAIT_NEWS)
		web_resume(r);
}

const char *web_header(struct request *r, const char *name)
{
	return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND,
	    name);
}

/* ---- responses ---- */

/*
 * Strict: pages have no inline script or style and load nothing from
 * elsewhere.
 */
static const struct { const char *name, *value; } always[] = {
	{"Content-Security-Policy", "default-src 'none'; script-src 'self'; "
	    "style-src 'self'; img-src 'self' data:; font-src 'self'; "
	    "connect-src 'self'; form-action 'self'; base-uri 'none'; "
	    "frame-ancestors 'none'"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "same-origin"},
	{"Cross-Origin-Opener-Policy", "same-origin"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
};

void web_respond_with(struct request *r, unsigned status, const char *type,
    struct MHD_Response *response)
{
	size_t i;

	r->status = status;
	r->response = response;
	if (!response) {
		web_resume(r);
		return;
	}
	if (type)
		web_add_header(r, "Content-Type", type);
	for (i = 0; i < sizeof always / sizeof *always; i++)
		web_add_header(r, always[i].name, always[i].value);
	if (r->new_session) {
		char cookie[160];

		snprintf(cookie, sizeof cookie, "es_session=%s; Path=/; "
		    "HttpOnly; SameSite=Lax", r->session);
		web_add_header(r, "Set-Cookie", cookie);
	}
	web_resume(r);
}

void web_respond(struct request *r, unsigned status, const char *type,
    struct span body)
{
	if (r->response)
		return;
	web_respond_with(r, status, type, MHD_create_response_from_buffer(body.n,
	    (void *)(uintptr_t)body.p, MHD_RESPMEM_MUST_COPY));
	r->bytes = (int64_t)body.n;
	if (type)
		web_add_header(r, "Cache-Control", "no-store");
}

void web_respond_text(struct request *r, unsigned status, const char *text)
{
	struct buf body = {0};

	buf_addf(&body, "%s\n", text);
	web_respond(r, status, "text/plain; charset=utf-8", buf_span(&body));
	buf_free(&body);
}

void web_refuse(struct request *r, unsigned status, const char *text)
{
	web_respond_text(r, status, text);
	web_add_header(r, "Connection", "close");
}

void web_respond_stream(struct request *r, const char *type,
    MHD_ContentReaderCallback read)
{
	web_respond_with(r, 200, type, MHD_create_response_from_callback(
	    MHD_SIZE_UNKNOWN, 16384, read, r, NULL));
	if (r->response)
		web_add_header(r, "Cache-Control", "no-store");
}

void web_add_header(struct request *r, const char *name, const char *value)
{
	if (r->response)
		MHD_add_response_header(r->response, name, value);
}

/* ---- the route ---- */

static bool begins(struct span path, const char *with)
{
	size_t n = strlen(with);

	return path.n >= n && memcmp(path.p, with, n) == 0;
}

static void route(struct request *r)
{
	r->routed = true;
	if (r->post && begins(r->path, "/commands/"))
		web_command_post(r);
	else if (r->post)
		web_refuse(r, 405, "commands go to /commands/TYPE");
	else if (begins(r->path, "/commands/"))
		web_command_get(r);
	else if (begins(r->path, "/public/"))
		web_static(r);
	else if (span_is(r->path, "/updates"))
		web_updates(r);
	else if (span_is(r->path, "/events"))
		web_events(r);
	else
		web_page_get(r);
}

static enum MHD_Result begin(struct request *r,
    struct MHD_Connection *connection, const char *method)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	r->begun = true;
	r->connection = connection;
	r->conn = info ? info->socket_context : NULL;
	if (r->conn) {
		r->conn->since = sys_monotonic();
		r->conn->limit = WEB_BODY_MS;
	}
	web_check(r, method);
	if (r->response)
		return MHD_queue_response(connection, r->status, r->response);
	return MHD_YES;
}

/* What does not fit is read to its end, and forgotten. */
static void take_body(struct request *r, const char *upload, size_t n)
{
	struct web *w = r->web;

	if (r->too_large || r->body.failed)
		return;
	if (r->body.n + n > WEB_BODY_MAX)
		r->too_large = true;
	else if (w->body_bytes + n > WEB_BODIES_MAX)
		r->body.failed = true;
	else
		buf_add(&r->body, upload, n);
	if (r->too_large || r->body.failed)
		forget_body(r);
	else
		w->body_bytes += n;
}

enum MHD_Result web_handle(void *web, struct MHD_Connection *connection,
    const char *url, const char *method, const char *version,
    const char *upload, size_t *upload_size, void **request)
{
	struct request *r = *request;

	(void)web;
	(void)url;
	(void)version;
	/* While it stops nothing may be begun, nor wait: it would be freed. */
	if (!r || r->web->stopping)
		return MHD_NO;
	if (!r->begun)
		return begin(r, connection, method);
	if (*upload_size > 0) {
		take_body(r, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (r->conn)
		r->conn->limit = 0;
	if (!r->routed) {
		if (r->too_large)
			web_refuse(r, 413, "larger than 1 MiB");
		else
			route(r);
	}
	if (r->suspended)
		return MHD_YES;
	if (!r->response)
		return MHD_NO;
	if (r->conn) {
		r->conn->since = sys_monotonic();
		r->conn->limit = WEB_STALL_MS + r->bytes / WEB_SEND_PER_MS;
	}
	return MHD_queue_response(connection, r->status, r->response);
}
