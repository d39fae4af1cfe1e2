/* answer: lines and words become commands of the window. */
#include "answerimpl.h"

/* Its defaults are the flags'. */
static int parse_line(struct answer_input *in, struct form *form,
    struct span line, bool unterminated, struct es_err *err)
{
	buf_add_span(&in->line, line);
	if (buf_check(&in->line, err) < 0)
		return -1;
	if (message_parse(&in->scratch, in->line.p, in->line.n,
	    MESSAGE_STORED, &in->draft, err) < 0)
		return !unterminated ? -1 : es_err_at(err, "cut off, or "
		    "without its newline");
	return form_defaults(form, &in->draft, &in->scratch, &in->text, err);
}

int answer_line(struct answers *a, struct form *form, const char *file,
    int64_t number, struct span line, bool unterminated, struct es_err *err)
{
	struct answer_input *in = answer_input(a, err);

	if (!in)
		return -1;
	snprintf(in->place, sizeof in->place, "%s:%lld", file,
	    (long long)number);
	if (parse_line(in, form, line, unterminated, err) < 0)
		return es_err_at(err, "%s", in->place);
	answer_add(a);
	return 0;
}

int answer_words(struct answers *a, struct form *form, const char *place,
    struct es_err *err)
{
	struct answer_input *in = answer_input(a, err);

	if (!in)
		return -1;
	snprintf(in->place, sizeof in->place, "%s", place);
	if (form_draft(form, &in->scratch, &in->draft, err) < 0)
		return -1;
	answer_add(a);
	return 0;
}
