#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"

#define STDOUT "<stdout>"

/* There is one stdout, so there is one buffer. */
static struct {
	char data[65536];
	size_t n;
	int error;	/* errno of the write that failed, 0: none */
	bool told;	/* cli_error() has told of it */
} out;

/* ---- stdout ---- */

/* All of p[0..n) to fd; 0, or an errno. */
static int write_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		struct pollfd ready = {.fd = fd, .events = POLLOUT};

		if (done >= 0) {
			p += done;
			n -= (size_t)done;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			if (poll(&ready, 1, -1) < 0 && errno != EINTR)
				return errno;
		} else if (errno != EINTR) {
			return errno;
		}
	}
	return 0;
}

static int output_failed(struct es_err *err)
{
	errno = out.error;
	return es_fail_errno(err, STDOUT);
}

int cli_flush(struct es_err *err)
{
	if (!out.error)
		out.error = write_all(STDOUT_FILENO, out.data, out.n);
	out.n = 0;
	return out.error ? output_failed(err) : 0;
}

int cli_write(const void *p, size_t n, struct es_err *err)
{
	if (n > sizeof out.data - out.n && cli_flush(err) < 0)
		return -1;
	if (out.error)
		return output_failed(err);
	if (n >= sizeof out.data) {
		out.error = write_all(STDOUT_FILENO, p, n);
		return out.error ? output_failed(err) : 0;
	}
	if (n > 0)
		memcpy(out.data + out.n, p, n);
	out.n += n;
	return 0;
}

int cli_close(const struct cli *c, int status)
{
	struct es_err err = {0};

	/* Close tells what a network file system or a quota kept for last. */
	if (cli_flush(&err) == 0 && close(STDOUT_FILENO) < 0 &&
	    errno != EINTR) {
		out.error = errno;
		output_failed(&err);
	}
	if (!out.error)
		return status;
	if (!out.told)
		cli_error(c, &err);
	return ES_FAILED;
}

/* ---- stderr ---- */

/*
 * A compiler says several things at once, one a line, each with FILE:LINE in
 * front.  Any other newline is part of what is told, and is escaped.
 */
static bool is_another(const char *line, const char *next)
{
	size_t file = strcspn(next, ":\n"), digits;

	if (next[file] != ':')
		return false;
	digits = strspn(next + file + 1, "0123456789");
	return digits && next[file + 1 + digits] == ':' &&
	    memmem(line, (size_t)(next - line), next, file + 1);
}

/* Where there is no memory for more. */
static void say_last(const struct cli *c, const char *shown, const char *end)
{
	char line[4 * sizeof((struct es_err *)0)->text + 64];
	int n = snprintf(line, sizeof line, "%s: %s%s\n", c->program->name,
	    shown, end);

	if (n > 0 && (size_t)n < sizeof line)
		write_all(STDERR_FILENO, line, (size_t)n);
}

/* One line in one write, so that lines of several programs do not mix. */
static void say(const struct cli *c, const char *text, const char *end)
{
	char shown[4 * sizeof((struct es_err *)0)->text];
	struct buf line = {0};
	const char *p = text;

	while ((p = strchr(p, '\n'))) {
		p++;
		if (!is_another(text, p))
			continue;
		buf_addf(&line, "%s: %s\n", c->program->name,
		    es_escape(shown, sizeof shown, text,
		    (size_t)(p - text) - 1));
		text = p;
	}
	buf_addf(&line, "%s: %s%s\n", c->program->name,
	    es_escape(shown, sizeof shown, text, strlen(text)), end);
	if (line.failed)
		say_last(c, shown, end);
	else
		write_all(STDERR_FILENO, line.p, line.n);
	buf_free(&line);
}

void cli_finding(const struct cli *c, const char *text)
{
	char shown[4 * sizeof((struct es_err *)0)->text];
	struct buf line = {0};
	const char *p = text;

	while ((p = strchr(p, '\n'))) {
		p++;
		if (!is_another(text, p))
			continue;
		buf_addf(&line, "%s\n", es_escape(shown, sizeof shown, text,
		    (size_t)(p - text) - 1));
		text = p;
	}
	buf_addf(&line, "%s\n", es_escape(shown, sizeof shown, text,
	    strlen(text)));
	if (line.failed)
		say_last(c, shown, "");
	else
		write_all(STDERR_FILENO, line.p, line.n);
	buf_free(&line);
}

void cli_warn(const struct cli *c, const char *fmt, ...)
{
	char text[sizeof((struct es_err *)0)->text];
	va_list ap;

	va_start(ap, fmt);
	es_text(text, sizeof text, fmt, ap);
	va_end(ap);
	say(c, text, "");
}

int cli_error(const struct cli *c, const struct es_err *err)
{
	static const char see[] = "(see -h)";
	size_t n = strlen(err->text);
	bool has = n >= sizeof see - 1 &&
	    strcmp(err->text + n - (sizeof see - 1), see) == 0;

	say(c, err->text, err->code == ES_USAGE && !has ? " (see -h)" : "");
	if (out.error && strstr(err->text, STDOUT ": "))
		out.told = true;
	return err->code == ES_OK ? ES_FAILED : err->code;
}

/* ---- terminals ---- */

bool cli_colour(FILE *f)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(fileno(f)) && !(no && *no) &&
	    !(term && strcmp(term, "dumb") == 0);
}

int cli_width(FILE *f)
{
	struct winsize w;

	if (!isatty(fileno(f)))
		return 0;
	if (ioctl(fileno(f), TIOCGWINSZ, &w) < 0 || w.ws_col == 0)
		return 80;
	return w.ws_col;
}
