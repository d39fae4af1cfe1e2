/* One request: what is refused at once, its body, its response. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
	buf_free(&r->body);
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

/* ---- what is refused before a body is read ---- */

struct header_count { int host, length, encoding, odd; };

static enum MHD_Result count_header(void *ctx, enum MHD_ValueKind kind,
    const char *name, const char *value)
{
	struct header_count *n = ctx;

	(void)kind;
	(void)value;
	/* "Transfer-Encoding : chunked" is one for some, and none for us. */
	n->odd += name[strcspn(name, " \t")] != '\0';
	n->host += strcasecmp(name, "Host") == 0;
	n->length += strcasecmp(name, "Content-Length") == 0;
	n->encoding += strcasecmp(name, "Transfer-Encoding") == 0;
	return MHD_YES;
}

/*
 * libmicrohttpd takes what proxies read in two ways: refuse it, and close, so
 * that what follows is not taken for a request.
 */
static bool smuggles(struct request *r)
{
	struct header_count n = {0};
	const char *encoding = web_header(r, "Transfer-Encoding");

	MHD_get_connection_values(r->connection, MHD_HEADER_KIND,
	    count_header, &n);
	return n.odd || n.host != 1 || n.length > 1 || n.encoding > 1 ||
	    (n.length && n.encoding) ||
	    (encoding && strcasecmp(encoding, "chunked") != 0);
}

/* "name" or "name:port", with the port this server has. */
static bool is_host(const struct web *w, const char *host, const char *name)
{
	size_t n = strlen(name);
	char port[16];

	if (strncasecmp(host, name, n) != 0)
		return false;
	if (!host[n])
		return true;
	snprintf(port, sizeof port, ":%d", w->port);
	return strcmp(host + n, port) == 0;
}

/* A name that a foreign page had resolved to us (DNS rebinding) is refused. */
static bool known_host(struct request *r)
{
	static const char *const names[] = {"localhost", "127.0.0.1",
	    "[::1]", NULL};
	const char *host = web_header(r, "Host");
	const char *const *more = r->web->options.hosts;

	for (size_t i = 0; host && names[i]; i++)
		if (is_host(r->web, host, names[i]))
			return true;
	for (; host && more && *more; more++)
		if (is_host(r->web, host, *more))
			return true;
	return false;
}

/*
 * A command comes from our own pages: Sec-Fetch-Site says so, else Origin
 * equals Host; where a browser sent neither, only without cookies.
 */
static bool own_origin(struct request *r)
{
	const char *site = web_header(r, "Sec-Fetch-Site");
	const char *origin = web_header(r, "Origin");
	const char *host = web_header(r, "Host");

	if (site)
		return strcmp(site, "same-origin") == 0;
	if (!origin)
		return web_header(r, "Cookie") == NULL;
	if (strncmp(origin, "http://", 7) == 0)
		origin += 7;
	else if (strncmp(origin, "https://", 8) == 0)
		origin += 8;
	else
		return false;
	return host && strcasecmp(origin, host) == 0;
}

/* Bodies that say that they are too long are not read. */
static bool announces_too_much(struct request *r)
{
	const char *text = web_header(r, "Content-Length");
	int64_t n;

	return text && (cli_int_parse(span_str(text), 0, INT64_MAX, &n) < 0 ||
	    n > WEB_BODY_MAX);
}

static void refuse(struct request *r, unsigned status, const char *text)
{
	web_respond_text(r, status, text);
	web_add_header(r, "Connection", "close");
}

static void check(struct request *r, const char *method)
{
	r->post = strcmp(method, "POST") == 0;
	r->head = strcmp(method, "HEAD") == 0;
	if (smuggles(r))
		refuse(r, 400, "bad request");
	else if (!known_host(r))
		refuse(r, 403, "this Host is not ours (see es-serve --host)");
	else if (!r->post && !r->head && strcmp(method, "GET") != 0) {
		refuse(r, 405, "only GET, HEAD and POST");
		web_add_header(r, "Allow", "GET, HEAD, POST");
	} else if (r->post && !own_origin(r))
		refuse(r, 403, "this Origin is not ours");
	else if (r->post && announces_too_much(r))
		refuse(r, 413, "larger than 1 MiB");
	else if (!r->post && web_header(r, "Transfer-Encoding"))
		refuse(r, 400, "a body where none belongs");
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
		refuse(r, 405, "commands go to /commands/TYPE");
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

static enum MHD_Result begin(struct web *w, struct request *r,
    struct MHD_Connection *connection, const char *method)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
	    connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	(void)w;
	r->begun = true;
	r->connection = connection;
	r->conn = info ? info->socket_context : NULL;
	if (r->conn) {
		r->conn->since = sys_monotonic();
		r->conn->limit = WEB_BODY_MS;
	}
	check(r, method);
	if (r->response)
		return MHD_queue_response(connection, r->status, r->response);
	return MHD_YES;
}

static void take_body(struct request *r, const char *upload, size_t n)
{
	if (r->body.n + n > WEB_BODY_MAX)
		r->too_large = true;
	else
		buf_add(&r->body, upload, n);
}

enum MHD_Result web_handle(void *web, struct MHD_Connection *connection,
    const char *url, const char *method, const char *version,
    const char *upload, size_t *upload_size, void **request)
{
	struct request *r = *request;

	(void)url;
	(void)version;
	/* While it stops nothing may be begun, nor wait: it would be freed. */
	if (!r || r->web->stopping)
		return MHD_NO;
	if (!r->begun)
		return begin(web, r, connection, method);
	if (*upload_size > 0) {
		take_body(r, upload, *upload_size);
		*upload_size = 0;
		return MHD_YES;
	}
	if (r->conn)
		r->conn->limit = 0;
	if (!r->routed) {
		if (r->too_large)
			refuse(r, 413, "larger than 1 MiB");
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

struct span web_own_path(struct span path)
{
	if (path.n == 0 || path.p[0] != '/' || memchr(path.p, '\\', path.n) ||
	    (path.n > 1 && path.p[1] == '/'))
		return SPAN_LIT("/");
	return path;
}

/* ---- name=value&… ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if ((c | 32) >= 'a' && (c | 32) <= 'f')
		return (c | 32) - 'a' + 10;
	return -1;
}

static int decode(struct span text, struct buf *out)
{
	size_t i;

	for (i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (c == '+') {
			c = ' ';
		} else if (c == '%') {
			int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) :
			    -1;
			int low = high >= 0 ? hex_digit(text.p[i + 2]) : -1;

			if (low < 0)
				return -1;
			c = (char)(high << 4 | low);
			i += 2;
		}
		buf_addc(out, c);
	}
	return 0;
}

int web_form(struct span text, int (*each)(void *ctx, struct span name,
    struct span value), void *ctx)
{
	struct buf name = {0}, value = {0};
	int r = 0;

	while (text.n > 0 && r == 0) {
		const char *amp = memchr(text.p, '&', text.n);
		size_t n = amp ? (size_t)(amp - text.p) : text.n;
		const char *equals = memchr(text.p, '=', n);
		size_t k = equals ? (size_t)(equals - text.p) : n;

		buf_truncate(&name, 0);
		buf_truncate(&value, 0);
		if (n > 0) {
			r = decode((struct span){text.p, k}, &name);
			if (r == 0 && k < n)
				r = decode((struct span){text.p + k + 1,
				    n - k - 1}, &value);
			if (r == 0 && (name.failed || value.failed ||
			    !json_utf8(name.n ? name.p : "", name.n) ||
			    !json_utf8(value.n ? value.p : "", value.n)))
				r = -1;
			if (r == 0)
				r = each(ctx, buf_span(&name),
				    buf_span(&value));
		}
		text.p += n + (amp != NULL);
		text.n -= n + (amp != NULL);
	}
	buf_free(&name);
	buf_free(&value);
	return r;
}

struct wanted { const char *name; struct buf *out; int found; };

static int look_for(void *ctx, struct span name, struct span value)
{
	struct wanted *w = ctx;

	if (w->found || !span_is(name, w->name))
		return 0;
	buf_add_span(w->out, value);
	w->found = 1;
	return 0;
}

int web_form_value(struct span text, const char *name, struct buf *out)
{
	struct wanted w = {name, out, 0};

	buf_truncate(out, 0);
	return web_form(text, look_for, &w) < 0 ? -1 : w.found;
}
