#include <stdio.h>
#include <string.h>

#include "run.h"
#include "writer.h"

const struct shape writer_shapes[] = {
	{"each", {"es-append", "--each"}, MESSAGE, 300, 40, .millis = 30},
	{"each-large", {"es-append", "--each"}, MESSAGE, 60, 9000,
	    .millis = 40},
	{"batch", {"es-append"}, MESSAGE, 400, 40, .batch = true,
	    .millis = 30},
	{"batch-large", {"es-append"}, MESSAGE, 500, 9000, .batch = true,
	    .millis = 90},
	{"small", {"es-append"}, MESSAGE, 3, 40, .batch = true, .millis = 12},
	{"secret", {"es-append"}, SECRET, 20, .batch = true, .millis = 12},
	{"one", {"es-append", "-t", "a.c", "x=1"}, .millis = 12},
	{"decide", {"es-decide", "seats.jq"}, COMMAND, 12, .millis = 120},
	{"react", {"es-react", "-q", "copy.jq", "seats.jq", "sum.jq"},
	    .millis = 200, .after = ":"},
	/* Of two copies to one place, one is late. */
	{"copy", {"es-copy", "-q", "--force", "copy.db"}, .busy = true,
	    .millis = 60,
	    .after = "test ! -e copy.db || es-check -s copy.db"},
	{"check", {"es-check"}, .millis = 60, .after = ":"},
	/* Readers may hold the -wal. */
	{"erase", {"es-erase", "-"}, ID, WRITER_ERASES, .busy = true, .millis = 40},
};
static bool has(struct span line, const char *text)
{
	return memmem(line.p, line.n, text, strlen(text)) != NULL;
}

bool writer_is_erased(struct span line)
{
	return has(line, "\"erased_at\":");
}

bool writer_is_secret(struct span line)
{
	/* An es.message_erased has the type in its payload, behind its own. */
	return has(line, "\"kind\":\"event\",\"type\":\"a.secret\"");
}

static bool is_chosen(const struct writer *w, int64_t position)
{
	for (int i = 0; i < w->n_erases; i++)
		if (w->erases[i] == position)
			return true;
	return false;
}

/* Some that hold a secret still, and that no other writer erases. */
static void choose(struct writer *w, int number, const struct log *before)
{
	for (int i = 0; i < 20 * WRITER_ERASES && w->n_erases < w->lines;
	    i++) {
		int64_t position = 1 + (int64_t)run_random(
		    (uint64_t)before->n + 1);
		struct span line = log_line(before, position);
		const char *id;

		if (!line.p || !writer_is_secret(line) ||
		    writer_is_erased(line) || position % WRITERS != number ||
		    is_chosen(w, position))
			continue;
		w->erases[w->n_erases++] = position;
		id = strstr(line.p, "\"id\":\"") + 6;
		buf_addf(&w->input, "%.*s\n", (int)strcspn(id, "\""), id);
	}
}

static void add_line(struct writer *w, int i, int pad)
{
	switch (w->shape->input) {
	case MESSAGE:
		buf_addf(&w->input, "{\"type\":\"a.b\",\"payload\":"
		    "{\"batch\":%ld,\"i\":%d,\"pad\":\"%0*d\"}}\n",
		    w->batch, i, pad, 0);
		break;
	case COMMAND:
		buf_addf(&w->input, "{\"id\":\"t%ld-%d\",\"kind\":"
		    "\"command\",\"type\":\"a.take\",\"payload\":"
		    "{\"x\":\"p%d\",\"batch\":%ld}}\n", w->batch, i,
		    (int)run_random(40), w->batch);
		break;
	case SECRET:
		buf_addf(&w->input, "{\"id\":\"s%ld-%d\",\"type\":"
		    "\"a.secret\",\"payload\":{\"batch\":%ld,"
		    "\"is\":\"MARKs%ld-%dX\"}}\n", w->batch, i, w->batch,
		    w->batch, i);
		break;
	default:
		break;
	}
}

static void make_input(struct writer *w, int number, const struct log *before)
{
	const struct shape *s = w->shape;
	int pad = s->pad ? (int)run_random((uint64_t)s->pad * 2) : 0;

	buf_truncate(&w->input, 0);
	w->n_erases = 0;
	w->lines = s->lines ? 1 + (int)run_random((uint64_t)s->lines) : 0;
	for (int i = 0; i < w->lines; i++)
		add_line(w, i, pad);
	if (s->input == ID)
		choose(w, number, before);
}

void writer_start(struct writer *w, int number, long batch,
    const struct log *before, const char *dir)
{
	struct command c = {.dir = dir};
	char in[32];
	const char *const names[] = {in, w->out, w->err};

	w->shape = &writer_shapes[run_random(WRITER_SHAPES)];
	w->batch = batch;
	make_input(w, number, before);
	snprintf(in, sizeof in, "in%d", number);
	snprintf(w->out, sizeof w->out, "out%d", number);
	snprintf(w->err, sizeof w->err, "err%d", number);
	c.argv = w->shape->argv;
	c.input = buf_span(&w->input);
	w->pid = run_start(&c, names);
}
