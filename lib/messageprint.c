/* Messages as text: the line that a program reads, and the one for people. */
#include <string.h>

#include "bytes.h"
#include "message.h"

/* ---- the line ---- */

#define ESCAPED 6		/* "\u0000": the most that a byte becomes */
#define FIXED 512		/* more than names, numbers and times need */

static char *put(char *to, const char *p, size_t n)
{
	if (n)
		memcpy(to, p, n);
	return to + n;
}

#define PUT(to, literal) put(to, literal, sizeof(literal) - 1)

static char *put_int(char *to, int64_t v)
{
	char digits[20], *end = digits + sizeof digits, *p = end;
	uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	do
		*--p = (char)('0' + u % 10);
	while (u /= 10);
	if (v < 0)
		*to++ = '-';
	return put(to, p, (size_t)(end - p));
}

/* out has room for all of it, escaped, and so does not move. */
static char *put_string(struct buf *out, char *to, struct span s)
{
	if (bytes_plain(s.p, s.n) != s.n) {
		out->n = (size_t)(to - out->p);
		json_quote_span(out, s);
		return out->p + out->n;
	}
	*to++ = '"';
	to = put(to, s.p, s.n);
	*to++ = '"';
	return to;
}

/* Most messages are their own cause: then the id, as it was printed. */
static char *put_cause(struct buf *out, char *to, struct span cause,
    struct span id, struct span printed)
{
	return cause.p == id.p && cause.n == id.n ?
	    put(to, printed.p, printed.n) : put_string(out, to, cause);
}

static char *put_time(char *to, int64_t micros)
{
	*to++ = '"';
	to = rfc3339_put(to, micros);
	*to++ = '"';
	return to;
}

static size_t most_bytes(const struct message *m)
{
	return FIXED + m->tags.n + m->payload.n + m->metadata.n +
	    ESCAPED * (m->id.n + m->type.n + m->causation_id.n +
	    m->correlation_id.n + m->created_at.n);
}

static char *put_message(struct buf *out, char *to, const struct message *m)
{
	struct span id;

	to = PUT(to, "{\"position\":");
	to = put_int(to, m->position);
	to = PUT(to, ",\"id\":");
	id.p = to;
	to = put_string(out, to, m->id);
	id.n = (size_t)(to - id.p);
	to = m->kind == KIND_COMMAND ? PUT(to, ",\"kind\":\"command\"") :
	    PUT(to, ",\"kind\":\"event\"");
	to = PUT(to, ",\"type\":");
	to = put_string(out, to, m->type);
	to = PUT(to, ",\"version\":");
	to = put_int(to, m->version);
	if (m->tags.p) {
		to = PUT(to, ",\"tags\":");
		to = put(to, m->tags.p, m->tags.n);
	}
	to = PUT(to, ",\"payload\":");
	to = put(to, m->payload.p, m->payload.n);
	to = PUT(to, ",\"metadata\":");
	to = put(to, m->metadata.p, m->metadata.n);
	to = PUT(to, ",\"causation_id\":");
	to = put_cause(out, to, m->causation_id, m->id, id);
	to = PUT(to, ",\"correlation_id\":");
	to = put_cause(out, to, m->correlation_id, m->id, id);
	to = PUT(to, ",\"created_at\":");
	to = put_string(out, to, m->created_at);
	to = PUT(to, ",\"stored_at\":");
	to = put_time(to, m->stored_at);
	if (m->erased_at) {
		to = PUT(to, ",\"erased_at\":");
		to = put_time(to, m->erased_at);
	}
	return PUT(to, "}\n");
}

void message_print(struct buf *out, const struct message *m)
{
	char *to = buf_room(out, most_bytes(m));

	if (!to)
		return;
	out->n = (size_t)(put_message(out, to, m) - out->p);
	out->p[out->n] = '\0';
}

/* ---- for people ---- */

/*
 * JSON text for a terminal: control characters that JSON lets through raw
 * (DEL and C1) are escaped; at most `columns` characters, 0 = all.
 */
static void add_shown(struct buf *out, struct span s, int columns)
{
	int used = 0;
	size_t i;

	for (i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool c1 = c == 0xc2 && i + 1 < s.n &&
		    (unsigned char)s.p[i + 1] < 0xa0;

		if ((c & 0xc0) != 0x80 && columns && ++used > columns - 1 &&
		    i + 1 < s.n) {
			buf_adds(out, "\xe2\x80\xa6");
			return;
		}
		if (c == 0x7f || c < 0x20)
			buf_addf(out, "\\u%04x", c);
		else if (c1)
			buf_addf(out, "\\u%04x", (unsigned char)s.p[++i]);
		else
			buf_addc(out, (char)c);
	}
}

void message_print_pretty(struct buf *out, const struct message *m,
    bool colour, int width)
{
	bool command = m->kind == KIND_COMMAND;
	int type_width = m->type.n < 34 ? 34 : (int)m->type.n;
	int left = width - (8 + 2 + 19 + 2 + 2 + type_width + 1);
	struct buf time = {0};

	rfc3339_print(&time, m->stored_at);
	if (time.failed) {
		out->failed = true;
		return;
	}
	time.p[10] = ' ';
	buf_addf(out, "%8lld  %s%.19s%s  %s %s%-34.*s%s ",
	    (long long)m->position, colour ? "\033[2m" : "", time.p,
	    colour ? "\033[0m" : "", command ? ">" : " ",
	    colour ? command ? "\033[1;34m" : "\033[1;32m" : "",
	    (int)m->type.n, m->type.p, colour ? "\033[0m" : "");
	if (m->erased_at)
		buf_adds(out, "(erased)");
	else
		add_shown(out, m->payload, width <= 0 ? 0 :
		    left < 20 ? 20 : left);
	buf_addc(out, '\n');
	buf_free(&time);
}
