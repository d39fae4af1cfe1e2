#include <string.h>

#include "cliflags.h"

#define COLUMNS 79
#define LEFT_MAX 26	/* a longer flag has its help on the next line */

/* "  -n, --limit N" */
static void add_left(struct buf *out, const struct cli_flag *f)
{
	if (f->letter)
		buf_addf(out, "  -%c, ", f->letter);
	else
		buf_adds(out, "      ");
	buf_adds(out, f->name);
	if (f->arg)
		buf_addf(out, " %s", f->arg);
}

static size_t left_width(const struct cli_flag *f)
{
	return 6 + strlen(f->name) + (f->arg ? 1 + strlen(f->arg) : 0);
}

/* Text in lines that begin at column `indent`, of which the first stands. */
static void add_wrapped(struct buf *out, const char *text, size_t indent)
{
	size_t at = indent;
	const char *word = text;

	while (*word) {
		size_t n = strcspn(word, " ");

		if (word > text && at + 1 + n > COLUMNS) {
			buf_addf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (word > text) {
			buf_addc(out, ' ');
			at++;
		}
		buf_add(out, word, n);
		at += n;
		word += n + strspn(word + n, " ");
	}
	buf_addc(out, '\n');
}

static void add_options(const struct cli_program *p, struct buf *out)
{
	struct cli_flag f;
	size_t i, width = 0, w;

	for (i = 0; cli_flag_at(p, i, &f); i++) {
		w = left_width(&f);
		if (w > width && w <= LEFT_MAX)
			width = w;
	}
	for (i = 0; cli_flag_at(p, i, &f); i++) {
		add_left(out, &f);
		w = left_width(&f);
		if (w > width)
			buf_addf(out, "\n%*s", (int)width + 2, "");
		else
			buf_addf(out, "%*s", (int)(width + 2 - w), "");
		add_wrapped(out, f.help, width + 2);
	}
}

/* A line of the synopsis, broken before an option where it is too long. */
static void add_synopsis(struct buf *out, const char *text, size_t at)
{
	size_t indent = at + 1;

	while (*text) {
		const char *next = strstr(text, " [");
		size_t n = next ? (size_t)(next - text) : strlen(text);

		if (at > indent && at + 1 + n > COLUMNS) {
			buf_addf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else {
			buf_addc(out, ' ');
			at++;
		}
		buf_add(out, text, n);
		at += n;
		text += n + (next != NULL);
	}
	buf_addc(out, '\n');
}

/* What people come for stands first: how it is used. */
static void add_examples(const struct cli_program *p, struct buf *out)
{
	if (!p->examples)
		return;
	buf_addf(out, "Examples:\n%s", p->examples);
	if (out->n && out->p[out->n - 1] != '\n')
		buf_addc(out, '\n');
	buf_addc(out, '\n');
}

void cli_print_help(const struct cli_program *p, struct buf *out)
{
	const char *const *line;
	const char *before = "usage:";

	add_examples(p, out);
	for (line = p->synopsis; line && *line; line++) {
		buf_addf(out, "%-6s %s", before, p->name);
		add_synopsis(out, *line, 7 + strlen(p->name));
		before = "";
	}
	buf_addc(out, '\n');
	add_wrapped(out, p->summary, 0);
	buf_adds(out, "\nOptions:\n");
	add_options(p, out);
	if (p->see_also) {
		buf_adds(out, "\nSee also: ");
		add_wrapped(out, p->see_also, 10);
	}
}

void cli_print_version(const struct cli_program *p, struct buf *out)
{
	buf_addf(out, "%s (es) %s\n", p->name, ES_VERSION);
}

void cli_print_table(const struct cli_program *p, struct buf *out)
{
	struct cli_flag f;
	size_t i;

	for (i = 0; cli_flag_at(p, i, &f); i++) {
		if (f.letter)
			buf_addc(out, f.letter);
		buf_addf(out, "\t%s\t%s\t%s\n", f.name + 2,
		    f.arg ? f.arg : "", f.help);
	}
}
