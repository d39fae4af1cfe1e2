#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "handlerhead.h"
#include "message.h"

static bool space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == ',';
}

static struct span next_word(struct span *rest)
{
	struct span word;

	while (rest->n && space(*rest->p)) {
		rest->p++;
		rest->n--;
	}
	word.p = rest->p;
	while (rest->n && !space(*rest->p)) {
		rest->p++;
		rest->n--;
	}
	word.n = (size_t)(rest->p - word.p);
	return word;
}

/* A type, or a prefix: "donations." or "donations.*". */
static int add_type(struct scan_types *types, struct span type,
    struct es_err *err)
{
	struct span plain;
	char **v;
	size_t i;

	if (type.n > 2 && memcmp(type.p + type.n - 2, ".*", 2) == 0)
		type.n--;
	plain = type;
	if (plain.n > 1 && plain.p[plain.n - 1] == '.')
		plain.n--;
	if (message_check_type(plain, err) < 0)
		return -1;
	for (i = 0; i < types->n && span_cmp(span_str(types->v[i]), type) < 0;
	    i++)
		;
	if (i < types->n && span_is(type, types->v[i]))
		return 0;
	v = realloc(types->v, (types->n + 1) * sizeof *v);
	if (!v)
		return es_fail_nomem(err);
	types->v = v;
	memmove(v + i + 1, v + i, (types->n - i) * sizeof *v);
	v[i] = strndup(type.p, type.n);
	if (!v[i]) {
		memmove(v + i, v + i + 1, (types->n - i) * sizeof *v);
		return es_fail_nomem(err);
	}
	types->n++;
	return 0;
}

static int one_duration(const char *what, struct span *rest, int64_t *out,
    struct es_err *err)
{
	struct span word = next_word(rest);

	if (cli_duration_parse(word, out, err) < 0 || *out <= 0)
		return es_fail(err, ES_FAILED, "%s: must be a duration as 2s",
		    what);
	return 0;
}

static int one_number(struct span *rest, int *out, struct es_err *err)
{
	struct span word = next_word(rest);
	size_t i;
	int v = 0;

	for (i = 0; i < word.n && i < 4; i++) {
		if (word.p[i] < '0' || word.p[i] > '9')
			break;
		v = v * 10 + (word.p[i] - '0');
	}
	if (word.n == 0 || i < word.n || v > 1000)
		return es_fail(err, ES_FAILED,
		    "retries: must be an integer from 0 to 1000");
	*out = v;
	return 0;
}

static int read_line(struct handler *h, struct span rest, struct es_err *err)
{
	struct span what = next_word(&rest), word;
	char shown[80];
	int r = 0;

	if (span_is(what, "partition_by")) {
		while (r == 0 && (word = next_word(&rest)).n)
			r = handler_add_partition(h, word, err);
		return r;
	}
	if (span_is(what, "on") || span_is(what, "decide")) {
		struct scan_types *types = span_is(what, "on") ?
		    &h->scan.reacts : &h->scan.decides;

		while (r == 0 && (word = next_word(&rest)).n)
			r = add_type(types, word, err);
		return r;
	}
	if (span_is(what, "stream")) {
		h->stream = true;
		return next_word(&rest).n ? es_fail(err, ES_FAILED,
		    "stream: takes no value") : 0;
	}
	if (span_is(what, "retries"))
		r = one_number(&rest, &h->retries, err);
	else if (span_is(what, "backoff"))
		r = one_duration("backoff", &rest, &h->backoff_ms, err);
	else if (span_is(what, "deadline"))
		r = one_duration("deadline", &rest, &h->deadline_ms, err);
	else
		return es_fail(err, ES_FAILED, "\"%s\" is not one of on, "
		    "decide, partition_by, retries, backoff, deadline, stream",
		    es_escape(shown, sizeof shown, what.p, what.n));
	if (r == 0 && next_word(&rest).n)
		r = es_fail(err, ES_FAILED, "%.*s: one value, no more",
		    (int)what.n, what.p);
	return r;
}

/* "# es: REST": true with rest set. */
static bool es_line(struct span line, struct span *rest)
{
	struct span word = next_word(&line);

	if (span_is(word, "#"))
		word = next_word(&line);
	else if (word.n && word.p[0] == '#') {
		word.p++;
		word.n--;
	} else
		return false;
	*rest = line;
	return span_is(word, "es:");
}

int handler_head(struct handler *h, struct es_err *err)
{
	struct span text = buf_span(&h->text), rest;
	int number = 0;

	/* The first lines: comments and blank ones. */
	while (text.n) {
		const char *end = memchr(text.p, '\n', text.n);
		struct span line = {text.p, end ? (size_t)(end - text.p) :
		    text.n}, look = line;
		struct span word = next_word(&look);

		number++;
		if (word.n && word.p[0] != '#')
			break;
		if (es_line(line, &rest) && read_line(h, rest, err) < 0)
			return es_err_at(err, "%s:%d", h->path, number);
		text.p += line.n + (end != NULL);
		text.n -= line.n + (end != NULL);
	}
	if (h->scan.reacts.n == 0 && h->scan.decides.n == 0)
		return es_fail(err, ES_FAILED, "%s: says nowhere what it is "
		    "given: its first lines need \"# es: on TYPE...\" or "
		    "\"# es: decide TYPE...\"", h->path);
	return 0;
}
