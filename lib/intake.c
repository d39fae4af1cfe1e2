#include <string.h>

#include "intake.h"

#define GROUP_BYTES (4 * 1024 * 1024)

/* As it stands in the spool, in front of the line's text. */
struct record {
	const char *name;
	int64_t line;
	size_t n;
	bool unterminated, too_long, more;
};

void intake_init(struct intake *in, char *const *files, int n_files,
    size_t max, bool keep)
{
	*in = (struct intake){.files = files, .n_files = n_files, .max = max,
	    .keep = keep};
}

void intake_free(struct intake *in)
{
	if (in->open)
		cli_lines_close(&in->lines);
	spool_free(&in->spool);
	*in = (struct intake){0};
}

static int open_next(struct intake *in, struct es_err *err)
{
	const char *path = in->n_files ? in->files[in->file] : NULL;

	if (cli_lines_open(&in->lines, path, err) < 0)
		return -1;
	in->file++;
	in->open = true;
	return 0;
}

static int next_line(struct intake *in, struct span *line, bool *unterminated,
    struct es_err *err)
{
	int r = 0;

	while (in->open || in->file < (in->n_files ? in->n_files : 1)) {
		if (!in->open && open_next(in, err) < 0)
			return -1;
		r = cli_lines_next(&in->lines, in->max, line, unterminated,
		    err);
		if (r != 0)
			break;
		cli_lines_close(&in->lines);
		in->open = false;
	}
	return r;
}

static int add(struct intake *in, struct record *rec, struct span text,
    struct es_err *err)
{
	rec->name = in->lines.name;
	rec->line = in->lines.line;
	rec->n = text.n;
	return spool_add(&in->spool, rec, sizeof *rec, err) < 0 ||
	    spool_add(&in->spool, text.p, text.n, err) < 0 ? -1 : 0;
}

/* 1, or -1; the error of the line is forgotten. */
static int add_too_long(struct intake *in, struct es_err *err)
{
	struct record rec = {.too_long = true, .more = true};
	struct span piece;
	int r;

	do {
		r = cli_lines_rest(&in->lines, &piece, err);
		rec.more = r > 0;
		if (r < 0 || add(in, &rec, piece, err) < 0)
			return -1;
	} while (rec.more);
	return 1;
}

static int gather(struct intake *in, int64_t lines, struct es_err *err)
{
	struct record rec = {0};
	size_t bytes = 0;
	struct span line;
	int r;

	while ((r = next_line(in, &line, &rec.unterminated, err)) != 0) {
		if (r < 0 && in->keep && in->open &&
		    cli_lines_too_long(&in->lines))
			r = add_too_long(in, err);
		else if (r > 0)
			r = add(in, &rec, line, err) < 0 ? -1 : 1;
		if (r < 0)
			break;
		in->count++;
		bytes += rec.n;
		if (in->count == lines || (lines == INTAKE_READY &&
		    (bytes >= GROUP_BYTES || !cli_lines_ready(&in->lines))))
			break;
	}
	return r;
}

int intake_gather(struct intake *in, int64_t lines, struct es_err *err)
{
	struct es_err second;
	int r;

	spool_reset(&in->spool);
	in->at = 0;
	in->count = 0;
	r = gather(in, lines, err);
	if (spool_end(&in->spool, &in->group, r < 0 ? &second : err) == 0)
		return r;
	in->group = SPAN_NONE;
	in->count = 0;
	return -1;
}

bool intake_next(struct intake *in, struct intake_line *out)
{
	struct record rec;

	if (in->at >= in->group.n)
		return false;
	memcpy(&rec, in->group.p + in->at, sizeof rec);
	in->at += sizeof rec;
	*out = (struct intake_line){.text = {in->group.p + in->at, rec.n},
	    .name = rec.name, .line = rec.line,
	    .unterminated = rec.unterminated, .too_long = rec.too_long,
	    .more = rec.more};
	in->at += rec.n;
	return true;
}
