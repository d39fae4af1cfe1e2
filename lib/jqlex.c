#include <stdlib.h>
#include <string.h>

#include "jqlex.h"
#include "utf8.h"

struct lexer {
	const char *place, *p;
	size_t n, at;
	uint32_t line;
	struct jqlex *out;
	uint32_t *open;		/* brackets that are open: token indices */
	size_t n_open, cap_open;
	struct es_err *err;
};

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
	return is_name_start(c) || is_digit(c);
}

static char peek(const struct lexer *l, size_t ahead)
{
	return l->at + ahead < l->n ? l->p[l->at + ahead] : '\0';
}

static int fail(struct lexer *l, uint32_t line, const char *what)
{
	return es_fail(l->err, ES_FAILED, "%s:%u: %s", l->place,
	    (unsigned)line, what);
}

/* A token that ends where the lexer stands. */
static int add(struct lexer *l, enum jqlex_type type, char op, size_t start,
    uint32_t line)
{
	struct jqlex *out = l->out;

	if (out->n == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 256;
		struct jqtoken *v = realloc(out->v, cap * sizeof *v);

		if (!v)
			return es_fail_nomem(l->err);
		out->v = v;
		out->cap = cap;
	}
	out->v[out->n++] = (struct jqtoken){.type = type, .op = op,
	    .start = (uint32_t)start, .len = (uint32_t)(l->at - start),
	    .line = line};
	return 0;
}

static int push(struct lexer *l, char op, size_t start, bool interpolation)
{
	if (add(l, LEX_OPEN, op, start, l->line) < 0)
		return -1;
	l->out->v[l->out->n - 1].interpolation = interpolation;
	if (l->n_open == l->cap_open) {
		size_t cap = l->cap_open ? l->cap_open * 2 : 64;
		uint32_t *open = realloc(l->open, cap * sizeof *open);

		if (!open)
			return es_fail_nomem(l->err);
		l->open = open;
		l->cap_open = cap;
	}
	l->open[l->n_open++] = (uint32_t)(l->out->n - 1);
	return 0;
}

static int unmatched(struct lexer *l, char c, const struct jqtoken *open)
{
	if (!open)
		return es_fail(l->err, ES_FAILED, "%s:%u: %c without its "
		    "beginning", l->place, (unsigned)l->line, c);
	return es_fail(l->err, ES_FAILED, "%s:%u: %c does not end the %c of "
	    "line %u", l->place, (unsigned)l->line, c, open->op,
	    (unsigned)open->line);
}

/* Take a closing bracket; *was_string: the text of a string goes on. */
static int pop(struct lexer *l, char c, bool *was_string)
{
	struct jqtoken *open = l->n_open ?
	    &l->out->v[l->open[l->n_open - 1]] : NULL;
	char want = c == ')' ? '(' : c == ']' ? '[' : '{';
	uint32_t at;

	if (!open || open->op != want)
		return unmatched(l, c, open);
	*was_string = open->interpolation;
	at = l->open[--l->n_open];
	l->at++;
	if (add(l, LEX_CLOSE, c, l->at - 1, l->line) < 0)
		return -1;
	l->out->v[at].match = (uint32_t)(l->out->n - 1);
	l->out->v[l->out->n - 1].match = at;
	l->out->v[l->out->n - 1].interpolation = *was_string;
	return 0;
}

/* To the end of a string's text or to its next `\(`: 0, 1, or -1. */
static int skip_text(struct lexer *l)
{
	while (l->at < l->n) {
		char c = l->p[l->at++];

		if (c == '\n')
			l->line++;
		if (c == '"')
			return 0;
		if (c != '\\')
			continue;
		c = peek(l, 0);
		l->at++;
		if (c == '(')
			return 1;
		if (c == '\n')
			l->line++;
	}
	return -1;
}

static int no_end(struct lexer *l, uint32_t line)
{
	return fail(l, line, "a string without its end");
}

/* The text that follows a `)` of an interpolation. */
static int string_goes_on(struct lexer *l)
{
	size_t start = l->at;
	uint32_t line = l->line;

	switch (skip_text(l)) {
	case 0:
		return add(l, LEX_UNQUOTE, 0, start, line);
	case 1:
		return push(l, '(', l->at - 2, true);
	default:
		return no_end(l, line);
	}
}

static int string(struct lexer *l)
{
	size_t start = l->at++;
	uint32_t line = l->line;

	switch (skip_text(l)) {
	case 0:
		return add(l, LEX_STRING, 0, start, line);
	case 1:
		if (add(l, LEX_QUOTE, 0, start, line) < 0)
			return -1;
		return push(l, '(', l->at - 2, true);
	default:
		return no_end(l, line);
	}
}

/*
 * From 1.7.1 on a backslash continues a comment on the next line, and a
 * carriage return may end one: what follows would be code to one jq and
 * comment to another.
 */
static int comment(struct lexer *l)
{
	size_t start = l->at, end;

	while (l->at < l->n && l->p[l->at] != '\n')
		l->at++;
	end = l->at;
	if (end > start && l->p[end - 1] == '\r')
		end--;
	if (memchr(l->p + start, '\r', end - start))
		return fail(l, l->line, "a carriage return in a comment: end "
		    "lines by a newline");
	if (end > start && l->p[end - 1] == '\\')
		return fail(l, l->line, "a comment ends in a backslash: to "
		    "some versions of jq it goes on in the next line");
	return 0;
}

static void skip_name(struct lexer *l)
{
	while (is_name_char(peek(l, 0)))
		l->at++;
	while (peek(l, 0) == ':' && peek(l, 1) == ':' &&
	    is_name_start(peek(l, 2))) {
		l->at += 2;
		while (is_name_char(peek(l, 0)))
			l->at++;
	}
}

static bool is_keyword(struct span s)
{
	static const char *const words[] = {"as", "import", "include",
	    "module", "def", "if", "then", "else", "elif", "and", "or", "end",
	    "reduce", "foreach", "try", "catch", "label", "break", "__loc__"};
	size_t i;

	for (i = 0; i < sizeof words / sizeof *words; i++)
		if (span_is(s, words[i]))
			return true;
	return false;
}

static int name(struct lexer *l)
{
	const struct jqtoken *before = l->out->n ?
	    &l->out->v[l->out->n - 1] : NULL;
	size_t start = l->at;
	enum jqlex_type type;

	skip_name(l);
	if (before && before->op == '$')
		type = LEX_BINDING;
	else if (is_keyword((struct span){l->p + start, l->at - start}))
		type = LEX_KEYWORD;
	else
		type = LEX_NAME;
	return add(l, type, 0, start, l->line);
}

static int number(struct lexer *l)
{
	size_t start = l->at;

	while (is_digit(peek(l, 0)))
		l->at++;
	if (peek(l, 0) == '.')
		l->at++;
	while (is_digit(peek(l, 0)))
		l->at++;
	if (peek(l, 0) == 'e' || peek(l, 0) == 'E') {
		size_t sign = peek(l, 1) == '+' || peek(l, 1) == '-';

		if (is_digit(peek(l, 1 + sign)))
			l->at += 1 + sign;
		while (is_digit(peek(l, 0)))
			l->at++;
	}
	return add(l, LEX_NUMBER, 0, start, l->line);
}

static int operator(struct lexer *l)
{
	static const char *const ops[] = {"?//", "//=", "!=", "==",
	    "//", "|=", "+=", "-=", "*=", "/=", "%=", "<=", ">=", ".."};
	size_t i, start = l->at;
	char c = l->p[l->at];

	for (i = 0; i < sizeof ops / sizeof *ops; i++) {
		size_t n = strlen(ops[i]);

		if (l->n - l->at >= n && memcmp(l->p + l->at, ops[i], n) == 0) {
			l->at += n;
			return add(l, LEX_OP, 0, start, l->line);
		}
	}
	if (!strchr(".?=;,:|+-*/%$<>", c)) {
		char text[16], message[64];

		es_escape(text, sizeof text, l->p + l->at,
		    utf8_length((const unsigned char *)l->p + l->at,
		    l->n - l->at));
		snprintf(message, sizeof message, "jq has no %s here", text);
		return fail(l, l->line, message);
	}
	l->at++;
	return add(l, LEX_OP, c, start, l->line);
}

static int prefixed(struct lexer *l, enum jqlex_type type)
{
	size_t start = l->at++;

	while (is_name_char(peek(l, 0)))
		l->at++;
	return add(l, type, 0, start, l->line);
}

static int next(struct lexer *l)
{
	char c = l->p[l->at];
	bool in_string = false;

	if (c == '\n')
		l->line++;
	if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
		l->at++;
		return 0;
	}
	if (c == '#')
		return comment(l);
	if (c == '"')
		return string(l);
	if (is_name_start(c))
		return name(l);
	if (is_digit(c) || (c == '.' && is_digit(peek(l, 1))))
		return number(l);
	if (c == '.' && is_name_start(peek(l, 1)))
		return prefixed(l, LEX_FIELD);
	if (c == '@' && is_name_char(peek(l, 1)))
		return prefixed(l, LEX_FORMAT);
	if (c == '(' || c == '[' || c == '{') {
		l->at++;
		return push(l, c, l->at - 1, false);
	}
	if (c != ')' && c != ']' && c != '}')
		return operator(l);
	if (pop(l, c, &in_string) < 0)
		return -1;
	return in_string ? string_goes_on(l) : 0;
}

/* Bytes that no jq reads as a program. */
static int check_bytes(struct lexer *l)
{
	size_t i = 0;
	uint32_t line = 1;

	if (l->n > UINT32_MAX / 2)
		return fail(l, 1, "the file is too large");
	if (l->n >= 3 && memcmp(l->p, "\xef\xbb\xbf", 3) == 0)
		return fail(l, 1, "the file begins with a byte order mark");
	while (i < l->n) {
		size_t len = utf8_length((const unsigned char *)l->p + i,
		    l->n - i);

		if (l->p[i] == '\0' || len == 0)
			return fail(l, line, l->p[i] ? "not UTF-8" :
			    "a NUL byte");
		line += l->p[i] == '\n';
		i += len;
	}
	return 0;
}

static int unclosed(struct lexer *l)
{
	const struct jqtoken *t = &l->out->v[l->open[l->n_open - 1]];

	return es_fail(l->err, ES_FAILED, "%s:%u: %s%c without its end",
	    l->place, (unsigned)t->line, t->interpolation ? "\\" : "", t->op);
}

int jqlex(const char *place, const char *p, size_t n, struct jqlex *out,
    struct es_err *err)
{
	struct lexer l = {.place = place, .p = p, .n = n, .line = 1,
	    .out = out, .err = err};
	int r;

	*out = (struct jqlex){.text = p};
	r = check_bytes(&l);
	while (r == 0 && l.at < n)
		r = next(&l);
	if (r == 0 && l.n_open > 0)
		r = unclosed(&l);
	if (r == 0)
		r = add(&l, LEX_END, 0, l.at, l.line);
	free(l.open);
	if (r < 0)
		jqlex_free(out);
	return r;
}

void jqlex_free(struct jqlex *l)
{
	free(l->v);
	*l = (struct jqlex){0};
}

struct span jqlex_text(const struct jqlex *l, size_t token)
{
	return (struct span){l->text + l->v[token].start, l->v[token].len};
}

bool jqlex_is(const struct jqlex *l, size_t token, enum jqlex_type type,
    const char *text)
{
	return token < l->n && l->v[token].type == type &&
	    span_is(jqlex_text(l, token), text);
}
