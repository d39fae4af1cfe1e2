#include <regex.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"

struct pattern {
	regex_t regex;
	char *source;
};

/*
 * The scan: how many atoms there are, and what repetition makes of them.  It
 * refuses what it can tell to be dangerous; whether the rest is well-formed is
 * for regcomp() to say.
 */
struct scan {
	const char *p, *end;
	size_t total;		/* atoms that counts made */
};

/* What stands at one place: an atom or a group. */
struct extent {
	size_t atoms;
	bool counted;		/* holds a counted repetition */
};

#define GROUPS_MAX 32

static int refuse(struct es_err *err, const char *why)
{
	return es_fail(err, ES_FAILED, "pattern: %s", why);
}

/* Step over [...], in which nothing but ] and [: [. [= counts. */
static int skip_bracket(struct scan *s, struct es_err *err)
{
	const char *p = s->p + 1;

	if (p < s->end && *p == '^')
		p++;
	if (p < s->end && *p == ']')
		p++;
	while (p < s->end && *p != ']') {
		if (p[0] == '[' && p + 1 < s->end &&
		    (p[1] == ':' || p[1] == '.' || p[1] == '=')) {
			char kind = p[1];

			for (p += 2; p + 1 < s->end &&
			    !(p[0] == kind && p[1] == ']'); )
				p++;
			p++;
		}
		if (p < s->end)
			p++;
	}
	if (p >= s->end)
		return refuse(err, "[ without ]");
	s->p = p + 1;
	return 0;
}

static int skip_escape(struct scan *s, struct es_err *err)
{
	char c = s->p + 1 < s->end ? s->p[1] : '\0';

	if (c >= '1' && c <= '9')
		return refuse(err, "back-references are not supported");
	if (c == '\0' || c == '0' || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
	    c == '<' || c == '>' || c == '`' || c == '\'')
		return refuse(err, "a backslash makes only punctuation "
		    "literal (write [0-9] for a digit)");
	s->p += 2;
	return 0;
}

/* "{n}", "{n,}", "{n,m}" at s->p: the larger number. */
static int read_count(struct scan *s, size_t *count, struct es_err *err)
{
	size_t v = 0;

	*count = 0;
	for (s->p++; s->p < s->end && *s->p != '}'; s->p++) {
		if (*s->p == ',') {
			v = 0;
			continue;
		}
		if (*s->p < '0' || *s->p > '9')
			return refuse(err, "bad count in { }");
		v = v * 10 + (size_t)(*s->p - '0');
		if (v > PATTERN_COUNT)
			return refuse(err, "the counts in { } are too large");
		if (v > *count)
			*count = v;
	}
	if (s->p >= s->end)
		return refuse(err, "{ without }");
	s->p++;
	return 0;
}

/* What may follow an atom: * + ? or a count, once. */
static int read_repetition(struct scan *s, struct extent *atom,
    struct es_err *err)
{
	size_t count;

	if (s->p >= s->end || !strchr("*+?{", *s->p))
		return 0;
	if (*s->p != '{') {
		s->p++;
	} else {
		if (atom->counted)
			return refuse(err,
			    "a counted repetition within a counted one");
		if (read_count(s, &count, err) < 0)
			return -1;
		atom->counted = true;
		s->total += atom->atoms * count;
		if (s->total > PATTERN_COUNT)
			return refuse(err, "the counts in { } are too large");
	}
	if (s->p < s->end && strchr("*+?{", *s->p))
		return refuse(err, "a repetition of a repetition");
	return 0;
}

static int scan_atom(struct scan *s, struct es_err *err)
{
	if (*s->p == '[')
		return skip_bracket(s, err);
	if (*s->p == '\\')
		return skip_escape(s, err);
	if (strchr("*+?{", *s->p))
		return refuse(err, "a repetition of nothing");
	s->p++;
	return 0;
}

static int scan(struct span source, struct es_err *err)
{
	struct scan s = {source.p, source.p + source.n, 0};
	struct extent open[GROUPS_MAX + 1] = {{0, false}}, atom;
	int depth = 0;

	while (s.p < s.end) {
		if (*s.p == '(') {
			if (depth == GROUPS_MAX)
				return refuse(err, "too many groups");
			open[++depth] = (struct extent){0, false};
			s.p++;
			continue;
		}
		if (*s.p == '|') {
			s.p++;
			continue;
		}
		atom = (struct extent){1, false};
		if (*s.p == ')') {
			if (depth == 0)
				return refuse(err, ") without (");
			atom = open[depth--];
			s.p++;
		} else if (scan_atom(&s, err) < 0) {
			return -1;
		}
		if (read_repetition(&s, &atom, err) < 0)
			return -1;
		open[depth].atoms += atom.atoms;
		open[depth].counted |= atom.counted;
	}
	return depth ? refuse(err, "( without )") : 0;
}

static int compile(struct pattern *p, struct es_err *err)
{
	struct buf whole = {0};
	char why[128];
	int r;

	buf_addf(&whole, "^(%s)$", p->source);
	if (buf_check(&whole, err) < 0)
		return -1;
	r = regcomp(&p->regex, whole.p, REG_EXTENDED | REG_NOSUB);
	buf_free(&whole);
	if (r == 0)
		return 0;
	regerror(r, &p->regex, why, sizeof why);
	return es_fail(err, ES_FAILED, "pattern: %s", why);
}

int pattern_compile(struct span source, struct pattern **out,
    struct es_err *err)
{
	struct pattern *p;

	*out = NULL;
	if (source.n == 0 || source.n > PATTERN_BYTES)
		return es_fail(err, ES_FAILED, "pattern: must have 1 to %d "
		    "bytes", PATTERN_BYTES);
	if (memchr(source.p, 0, source.n))
		return refuse(err, "NUL in it");
	if (scan(source, err) < 0)
		return -1;
	p = calloc(1, sizeof *p);
	if (!p || !(p->source = strndup(source.p, source.n))) {
		free(p);
		return es_fail_nomem(err);
	}
	if (compile(p, err) < 0) {
		free(p->source);
		free(p);
		return -1;
	}
	*out = p;
	return 0;
}

bool pattern_match(const struct pattern *p, struct span text)
{
	char copy[PATTERN_TEXT + 1];

	if (text.n > PATTERN_TEXT || memchr(text.p, 0, text.n))
		return false;
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return regexec(&p->regex, copy, 0, NULL, 0) == 0;
}

const char *pattern_source(const struct pattern *p)
{
	return p->source;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	regfree(&p->regex);
	free(p->source);
	free(p);
}
