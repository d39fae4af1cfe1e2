/*
 * GET /public/…: files of APP/public, and es.js and es.css of share/es/www.  A
 * path is decoded once; each segment is opened below the one before, and no
 * link is followed, so nothing outside of the directory is reached.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "url.h"
#include "webint.h"

#define STATIC_MAX (64 * 1024 * 1024)	/* bytes of one file */

static int open_directory(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int web_static_open(struct web *w, struct es_err *err)
{
	struct buf path = {0};
	char *share;

	w->public_fd = w->share_fd = -1;
	if (w->app->path) {
		buf_addf(&path, "%s/public", w->app->path);
		if (buf_check(&path, err) < 0)
			return -1;
		w->public_fd = open_directory(path.p);
		buf_free(&path);
	}
	share = sys_share("www", err);
	if (!share)
		return -1;
	w->share_fd = open_directory(share);
	free(share);
	return w->share_fd < 0 ? es_fail(err, ES_FAILED,
	    "share/es/www is missing: is es installed whole?") : 0;
}

static const char *type_of(const char *name)
{
	static const struct { const char *suffix, *type; } types[] = {
		{".css", "text/css; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"},
		{".html", "text/html; charset=utf-8"},
		{".txt", "text/plain; charset=utf-8"},
		{".json", "application/json"},
		{".svg", "image/svg+xml"},
		{".png", "image/png"},
		{".jpg", "image/jpeg"},
		{".jpeg", "image/jpeg"},
		{".gif", "image/gif"},
		{".webp", "image/webp"},
		{".ico", "image/x-icon"},
		{".woff2", "font/woff2"},
	};
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
		if (strcmp(dot, types[i].suffix) == 0)
			return types[i].type;
	return "application/octet-stream";
}

/* NUL and backslash are refused; see open_below() for segments. */
static int decode_path(struct span encoded, struct buf *out)
{
	return url_decode(encoded, false, out, NULL) < 0 || out->n == 0 ||
	    memchr(out->p, 0, out->n) || memchr(out->p, '\\', out->n) ?
	    -1 : 0;
}

/* Segment by segment below a directory; empty and dot ones are refused. */
static int open_below(int dir, const char *path)
{
	int at = fcntl(dir, F_DUPFD_CLOEXEC, 0), next;
	char name[256];

	while (at >= 0) {
		size_t n = strcspn(path, "/");
		bool last = path[n] == '\0';

		if (n == 0 || n >= sizeof name || path[0] == '.')
			break;
		memcpy(name, path, n);
		name[n] = '\0';
		next = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
		    O_NONBLOCK | (last ? 0 : O_DIRECTORY));
		close(at);
		at = next;
		if (last)
			return at;
		path += n + 1;
	}
	if (at >= 0)
		close(at);
	return -1;
}

static void send_file(struct request *r, int fd, const char *name)
{
	struct stat st;
	struct MHD_Response *response;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) ||
	    st.st_size > STATIC_MAX) {
		close(fd);
		web_respond_text(r, 404, "there is no such file");
		return;
	}
	response = MHD_create_response_from_fd((size_t)st.st_size, fd);
	if (!response) {
		close(fd);
		web_respond_text(r, 503, "busy: try again");
		return;
	}
	r->bytes = st.st_size;
	web_respond_with(r, 200, type_of(name), response);
	web_add_header(r, "Cache-Control", "no-cache");
}

void web_static(struct request *r)
{
	struct span encoded = {r->path.p + 8, r->path.n - 8};
	struct buf path = {0};
	int fd = -1;

	if (decode_path(encoded, &path) == 0) {
		if (r->web->public_fd >= 0)
			fd = open_below(r->web->public_fd, path.p);
		if (fd < 0 && (strcmp(path.p, "es.js") == 0 ||
		    strcmp(path.p, "es.css") == 0))
			fd = open_below(r->web->share_fd, path.p);
	}
	if (fd < 0)
		web_respond_text(r, 404, "there is no such file");
	else
		send_file(r, fd, path.p);
	buf_free(&path);
}
