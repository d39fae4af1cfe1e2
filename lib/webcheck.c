/* What is refused before a body is read. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "webint.h"

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

void web_check(struct request *r, const char *method)
{
	r->post = strcmp(method, "POST") == 0;
	r->head = strcmp(method, "HEAD") == 0;
	if (smuggles(r))
		web_refuse(r, 400, "bad request");
	else if (!known_host(r))
		web_refuse(r, 403, "this Host is not ours (see es-serve --host)");
	else if (!r->post && !r->head && strcmp(method, "GET") != 0) {
		web_refuse(r, 405, "only GET, HEAD and POST");
		web_add_header(r, "Allow", "GET, HEAD, POST");
	} else if (r->post && !own_origin(r))
		web_refuse(r, 403, "this Origin is not ours");
	else if (announces_too_much(r))
		web_refuse(r, 413, "larger than 1 MiB");
	else if (!r->post && web_header(r, "Transfer-Encoding"))
		web_refuse(r, 400, "a body where none belongs");
}
