/* The socket, and how many connections it may have. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "webint.h"

#define FILES_OWN 256		/* descriptors that are no connection */

static int address_of(const char *text, int port,
    struct sockaddr_storage *out, socklen_t *n)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (inet_pton(AF_INET, text, &four->sin_addr) == 1) {
		four->sin_family = AF_INET;
		four->sin_port = htons((uint16_t)port);
		*n = sizeof *four;
		return 0;
	}
	if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons((uint16_t)port);
		*n = sizeof *six;
		return 0;
	}
	return -1;
}

static int read_port(struct web *w, struct es_err *err)
{
	union {
		struct sockaddr any;
		struct sockaddr_in four;
		struct sockaddr_in6 six;
	} at = {0};
	socklen_t n = sizeof at;

	if (getsockname(w->listen_fd, &at.any, &n) < 0)
		return es_fail_errno(err, "getsockname");
	w->port = ntohs(at.any.sa_family == AF_INET6 ? at.six.sin6_port :
	    at.four.sin_port);
	return 0;
}

int web_listen(struct web *w, struct es_err *err)
{
	struct sockaddr_storage at;
	socklen_t n;
	int on = 1;

	if (address_of(w->options.address, w->options.port, &at, &n) < 0)
		return es_fail(err, ES_USAGE, "%s: not an address",
		    w->options.address);
	w->listen_fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, 0);
	if (w->listen_fd < 0)
		return es_fail_errno(err, "socket");
	setsockopt(w->listen_fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(w->listen_fd, (struct sockaddr *)&at, n) < 0 ||
	    listen(w->listen_fd, 511) < 0)
		return es_fail_errno(err, "%s:%d", w->options.address,
		    w->options.port);
	return read_port(w, err);
}

/*
 * As many connections as descriptors are left for, behind what the store, the
 * workers and files need: without one left nothing could be answered.
 */
unsigned web_connection_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return WEB_CONNECTIONS / 100;
	if (files.rlim_cur < WEB_CONNECTIONS + FILES_OWN) {
		rlim_t had = files.rlim_cur;

		files.rlim_cur = files.rlim_max < WEB_CONNECTIONS + FILES_OWN ?
		    files.rlim_max : WEB_CONNECTIONS + FILES_OWN;
		if (setrlimit(RLIMIT_NOFILE, &files) < 0)
			files.rlim_cur = had;
	}
	if (files.rlim_cur >= WEB_CONNECTIONS + FILES_OWN)
		return WEB_CONNECTIONS;
	return files.rlim_cur > 2 * FILES_OWN ?
	    (unsigned)(files.rlim_cur - FILES_OWN) :
	    (unsigned)(files.rlim_cur / 2);
}
