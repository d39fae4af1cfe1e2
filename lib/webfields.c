#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "webfields.h"

#define STEPS_MAX 16

/* A value, or what others stand in: members or elements. */
enum field_kind { FIELD_NEW, FIELD_VALUE, FIELD_OBJECT, FIELD_ARRAY };

struct field {
	struct field *next;
	struct buf name;		/* in an object */
	enum field_kind kind;
	struct buf value;
	struct fields inner;
};

void fields_free(struct fields *fs)
{
	struct field *f;

	while ((f = fs->first)) {
		fs->first = f->next;
		fields_free(&f->inner);
		buf_free(&f->name);
		buf_free(&f->value);
		free(f);
	}
	fs->last = NULL;
}

/* ---- paths ---- */

struct step { struct span name; int64_t index; };	/* name.p NULL: an index */

/* The bytes before the next step. */
static size_t name_length(struct span s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] != '.' && s.p[n] != '[')
		n++;
	return n;
}

static bool take_name(struct span *rest, struct step *out)
{
	size_t n = name_length(*rest);

	*out = (struct step){.name = {rest->p, n}};
	rest->p += n;
	rest->n -= n;
	return n > 0;
}

static bool take_index(struct span *rest, struct step *out)
{
	size_t n = 0;

	*out = (struct step){.name = SPAN_NONE};
	while (n < rest->n && n < 4 && rest->p[n] >= '0' && rest->p[n] <= '9')
		out->index = out->index * 10 + (rest->p[n++] - '0');
	if (n == 0 || n == rest->n || rest->p[n] != ']' ||
	    (n > 1 && rest->p[0] == '0'))
		return false;
	rest->p += n + 1;
	rest->n -= n + 1;
	return true;
}

/* How many steps a path has, 0 when it is none. */
static size_t take_steps(struct span path, struct step *v)
{
	size_t n = 0;

	if (!take_name(&path, &v[n++]))
		return 0;
	while (path.n) {
		char c = *path.p++;

		path.n--;
		if (n == STEPS_MAX || !(c == '.' ? take_name : take_index)(
		    &path, &v[n++]))
			return 0;
	}
	return n;
}

/* ---- adding ---- */

static struct field *find(const struct fields *fs, const struct step *s,
    size_t *before)
{
	struct field *f;

	*before = 0;
	for (f = fs->first; f; f = f->next, ++*before)
		if (s->name.p ? span_eq(buf_span(&f->name), s->name) :
		    *before == (size_t)s->index)
			break;
	return f;
}

static struct field *add(struct fields *fs, const struct step *s)
{
	struct field *f = calloc(1, sizeof *f);

	if (!f)
		return NULL;
	buf_add_span(&f->name, s->name);
	*(fs->last ? &fs->last->next : &fs->first) = f;
	fs->last = f;
	return f;
}

/* The field at a step, perhaps a new one. */
static const char *go(struct fields *fs, const struct step *s,
    struct field **out)
{
	size_t before;

	*out = find(fs, s, &before);
	if (*out)
		return NULL;
	if (!s->name.p && before != (size_t)s->index)
		return "comes before those in front of it";
	*out = add(fs, s);
	return *out ? NULL : "is too much";
}

static const char *become(struct field *f, enum field_kind kind)
{
	if (f->kind == kind)
		return kind == FIELD_VALUE ? "is there twice" : NULL;
	if (f->kind != FIELD_NEW)
		return "contradicts another field";
	f->kind = kind;
	return NULL;
}

const char *fields_add(struct fields *fs, struct span name, bool path,
    struct span value)
{
	struct step steps[STEPS_MAX] = {0};
	size_t i, n = path ? take_steps(name, steps) : 0;
	const char *fault;
	struct field *f;

	/* "" is a name, too. */
	if (n == 0)
		steps[0].name = (struct span){name.n ? name.p : "", name.n};
	fault = go(fs, &steps[0], &f);
	for (i = 1; i < n && !fault; i++) {
		fault = become(f, steps[i].name.p ? FIELD_OBJECT :
		    FIELD_ARRAY);
		if (!fault)
			fault = go(&f->inner, &steps[i], &f);
	}
	if (!fault)
		fault = become(f, FIELD_VALUE);
	if (!fault)
		buf_add_span(&f->value, value);
	return fault;
}

/* ---- printing ---- */

static void print_all(const struct fields *fs, bool named, struct buf *out);

static void print_field(const struct field *f, struct buf *out)
{
	if (f->kind == FIELD_OBJECT || f->kind == FIELD_ARRAY)
		print_all(&f->inner, f->kind == FIELD_OBJECT, out);
	else
		json_quote_span(out, buf_span(&f->value));
	if (f->value.failed || f->name.failed)
		out->failed = true;
}

static void print_all(const struct fields *fs, bool named, struct buf *out)
{
	const struct field *f;

	buf_addc(out, named ? '{' : '[');
	for (f = fs->first; f; f = f->next) {
		if (f != fs->first)
			buf_addc(out, ',');
		if (named) {
			json_quote_span(out, buf_span(&f->name));
			buf_addc(out, ':');
		}
		print_field(f, out);
	}
	buf_addc(out, named ? '}' : ']');
}

void fields_print(const struct fields *fs, struct buf *out)
{
	print_all(fs, true, out);
}
