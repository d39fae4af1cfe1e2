#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

#define CHUNK 65536

int cli_lines_open(struct cli_lines *l, const char *path, struct es_err *err)
{
	*l = (struct cli_lines){.name = "<stdin>", .fd = STDIN_FILENO};
	if (!path || strcmp(path, "-") == 0)
		return 0;
	l->name = path;
	l->fd = open(path, O_RDONLY | O_CLOEXEC);
	return l->fd < 0 ? es_fail_errno(err, "%s", path) : 0;
}

void cli_lines_close(struct cli_lines *l)
{
	if (l->fd > STDIN_FILENO)
		close(l->fd);
	l->fd = -1;
	l->eof = true;
	buf_free(&l->buf);
}

/* Whether the file can be read (or its end be seen) within wait_ms. */
static bool readable(int fd, int wait_ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int r;

	do
		r = poll(&p, 1, wait_ms);
	while (r < 0 && errno == EINTR);
	return r != 0;
}

/* Read a chunk behind what is there; it may wait.  Errors stay in l->error. */
static void fill(struct cli_lines *l)
{
	char *to;
	ssize_t n;

	if (l->from > 0) {
		memmove(l->buf.p, l->buf.p + l->from, l->buf.n - l->from);
		buf_truncate(&l->buf, l->buf.n - l->from);
		l->scanned -= l->from;
		l->from = 0;
	}
	to = buf_room(&l->buf, CHUNK);
	if (!to) {
		l->error = ENOMEM;
		return;
	}
	while ((n = read(l->fd, to, CHUNK)) < 0) {
		if (errno == EAGAIN || errno == EWOULDBLOCK) {
			readable(l->fd, -1);
		} else if (errno != EINTR) {
			l->error = errno;
			return;
		}
	}
	if (n == 0)
		l->eof = true;
	buf_truncate(&l->buf, l->buf.n + (size_t)n);
}

/* Bytes up to the next newline in what was read, or -1. */
static ptrdiff_t find_newline(struct cli_lines *l)
{
	const char *newline;

	if (l->scanned == l->buf.n)
		return -1;
	newline = memchr(l->buf.p + l->scanned, '\n', l->buf.n - l->scanned);
	if (newline)
		return newline - (l->buf.p + l->from);
	l->scanned = l->buf.n;
	return -1;
}

static void take(struct cli_lines *l, size_t n)
{
	l->from += n;
	l->scanned = l->from;
}

/* Read past what is left of a line that was too long; true at its end. */
static bool skip_truncated(struct cli_lines *l)
{
	ptrdiff_t n;

	if (!l->truncated)
		return true;
	n = find_newline(l);
	take(l, n < 0 ? l->buf.n - l->from : (size_t)n + 1);
	if (n >= 0 || l->eof)
		l->truncated = false;
	return !l->truncated;
}

static bool is_blank(const char *p, size_t n)
{
	while (n > 0 && (*p == ' ' || *p == '\t' || *p == '\r'))
		p++, n--;
	return n == 0;
}

static int too_long(struct cli_lines *l, size_t max, struct es_err *err)
{
	l->truncated = true;
	return es_fail(err, ES_FAILED, "%s:%lld: line is longer than %zu "
	    "bytes", l->name, (long long)l->line, max);
}

static int read_failed(struct cli_lines *l, struct es_err *err)
{
	errno = l->error;
	return es_fail_errno(err, "%s", l->name);
}

/*
 * Whether the buffer holds something to give: a line (its length without the
 * newline in *n), or more than max bytes of one.  Blank lines are skipped.
 */
static bool have_line(struct cli_lines *l, size_t max, size_t *n,
    bool *unterminated)
{
	ptrdiff_t found;

	*unterminated = false;
	while (skip_truncated(l) && (found = find_newline(l)) >= 0) {
		*n = (size_t)found;
		if (!is_blank(l->buf.p + l->from, *n))
			return true;
		take(l, *n + 1);
		l->blank++;
	}
	*n = l->buf.n - l->from;
	*unterminated = l->eof;
	if (l->truncated || *n == 0)
		return false;
	if (*n > max)
		return true;
	return l->eof && !is_blank(l->buf.p + l->from, *n);
}

bool cli_lines_too_long(const struct cli_lines *l)
{
	return l->truncated;
}

int cli_lines_rest(struct cli_lines *l, struct span *piece,
    struct es_err *err)
{
	ptrdiff_t n;

	if (l->from == l->buf.n && !l->eof)
		fill(l);
	if (l->error)
		return read_failed(l, err);
	n = find_newline(l);
	*piece = (struct span){l->buf.p + l->from,
	    n < 0 ? l->buf.n - l->from : (size_t)n};
	take(l, piece->n + (n >= 0));
	l->truncated = n < 0 && !l->eof;
	return l->truncated;
}

int cli_lines_next(struct cli_lines *l, size_t max, struct span *line,
    bool *unterminated, struct es_err *err)
{
	size_t n;

	l->max = max;
	while (!have_line(l, max, &n, unterminated)) {
		if (l->error)
			return read_failed(l, err);
		if (l->eof)
			return 0;
		fill(l);
	}
	l->line += l->blank + 1;
	l->blank = 0;
	if (n > max)
		return too_long(l, max, err);
	*line = (struct span){l->buf.p + l->from, n};
	take(l, n + !*unterminated);
	return 1;
}

bool cli_lines_ready(struct cli_lines *l)
{
	size_t n;
	bool unterminated;

	for (;;) {
		if (have_line(l, l->max ? l->max : SIZE_MAX, &n,
		    &unterminated) || l->error)
			return true;
		if (l->eof || !readable(l->fd, 0))
			return false;
		fill(l);
	}
}
