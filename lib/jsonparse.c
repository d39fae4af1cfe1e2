#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "jsonint.h"
#include "utf8.h"

struct parser {
	struct json_doc *doc;
	const char *text;
	size_t at, n;
	const char *fault;	/* what is wrong at `at` */
	bool nomem;
};

static bool bad(struct parser *ps, const char *fault)
{
	ps->fault = fault;
	return false;
}

static struct json_node *new_node(struct parser *ps, enum json_type type)
{
	struct json_doc *d = ps->doc;
	struct json_node *node;

	if (d->n == d->cap) {
		uint32_t cap = d->cap ? d->cap * 2 : 64;
		struct json_node *v = cap > d->cap ?
		    realloc(d->nodes, cap * sizeof *v) : NULL;

		if (!v) {
			ps->nomem = true;
			return NULL;
		}
		d->nodes = v;
		d->cap = cap;
	}
	node = &d->nodes[d->n++];
	*node = (struct json_node){.type = (unsigned char)type,
	    .start = (uint32_t)ps->at, .end = d->n};
	return node;
}

static void skip_space(struct parser *ps)
{
	while (ps->at < ps->n) {
		char c = ps->text[ps->at];

		if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
			break;
		ps->at++;
	}
}

/* ---- strings ---- */

static bool hex4(const char *p, size_t n, uint32_t *out)
{
	uint32_t v = 0;
	size_t i;

	if (n < 4)
		return false;
	for (i = 0; i < 4; i++) {
		unsigned char c = (unsigned char)p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint32_t)(c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v << 4 | (uint32_t)((c | 32) - 'a' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

/* One escape at p (behind the backslash): its length and its character. */
static size_t escape(const char *p, size_t n, uint32_t *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *f;
	uint32_t low;

	if (n == 0)
		return 0;
	if (*p != 'u') {
		f = memchr(from, *p, sizeof from - 1);
		if (!f)
			return 0;
		*out = (unsigned char)to[f - from];
		return 1;
	}
	if (!hex4(p + 1, n - 1, out))
		return 0;
	if (*out < 0xd800 || *out > 0xdfff)
		return 5;
	if (*out > 0xdbff || n < 11 || p[5] != '\\' || p[6] != 'u' ||
	    !hex4(p + 7, n - 7, &low) || low < 0xdc00 || low > 0xdfff)
		return 0;
	*out = 0x10000 + ((*out - 0xd800) << 10) + (low - 0xdc00);
	return 11;
}

static bool parse_string(struct parser *ps)
{
	struct json_node *node = new_node(ps, JSON_STRING);
	const unsigned char *u = (const unsigned char *)ps->text;
	size_t i, len;
	uint32_t c;

	if (!node)
		return false;
	for (i = ps->at + 1;;) {
		i += bytes_plain(ps->text + i, ps->n - i);
		if (i >= ps->n)
			break;
		if (u[i] == '"') {
			i++;
			node->len = (uint32_t)(i - node->start);
			ps->at = i;
			return true;
		}
		ps->at = i;
		if (u[i] == '\\') {
			len = escape(ps->text + i + 1, ps->n - i - 1, &c);
			if (!len)
				return bad(ps, "bad escape in a string");
			node->escaped = true;
			i += 1 + len;
		} else if (u[i] < 0x20) {
			return bad(ps, "control byte in a string");
		} else if (u[i] == 0x7f) {
			i++;
		} else {
			len = utf8_length(u + i, ps->n - i);
			if (!len)
				return bad(ps, "not UTF-8");
			i += len;
		}
	}
	ps->at = ps->n;
	return bad(ps, "unterminated string");
}

void json_decode(const struct json_doc *d, uint32_t string, struct buf *out)
{
	struct span s = json_raw(d, string);
	const char *p = s.p, *end = s.p + s.n, *slash;
	char utf8[4];
	uint32_t c = 0;

	while (d->nodes[string].escaped &&
	    (slash = memchr(p, '\\', (size_t)(end - p)))) {
		buf_add(out, p, (size_t)(slash - p));
		p = slash + 1;
		p += escape(p, (size_t)(end - p), &c);
		buf_add(out, utf8, utf8_put(utf8, c));
	}
	buf_add(out, p, (size_t)(end - p));
}

/* ---- numbers and words ---- */

static bool digits(struct parser *ps)
{
	size_t from = ps->at;

	while (ps->at < ps->n && ps->text[ps->at] >= '0' &&
	    ps->text[ps->at] <= '9')
		ps->at++;
	return ps->at > from;
}

static bool parse_number(struct parser *ps)
{
	struct json_node *node = new_node(ps, JSON_NUMBER);

	if (!node)
		return false;
	node->integer = true;
	if (ps->text[ps->at] == '-')
		ps->at++;
	if (ps->at < ps->n && ps->text[ps->at] == '0')
		ps->at++;
	else if (!digits(ps))
		return bad(ps, "bad number");
	if (ps->at < ps->n && ps->text[ps->at] == '.') {
		node->integer = false;
		ps->at++;
		if (!digits(ps))
			return bad(ps, "bad number");
	}
	if (ps->at < ps->n && (ps->text[ps->at] | 32) == 'e') {
		node->integer = false;
		ps->at++;
		if (ps->at < ps->n && (ps->text[ps->at] == '+' ||
		    ps->text[ps->at] == '-'))
			ps->at++;
		if (!digits(ps))
			return bad(ps, "bad number");
	}
	node->len = (uint32_t)ps->at - node->start;
	return true;
}

static bool parse_word(struct parser *ps, const char *word, enum json_type type)
{
	size_t len = strlen(word);
	struct json_node *node;

	if (ps->n - ps->at < len || memcmp(ps->text + ps->at, word, len))
		return bad(ps, "not JSON");
	node = new_node(ps, type);
	if (!node)
		return false;
	node->len = (uint32_t)len;
	ps->at += len;
	return true;
}

static bool parse_scalar(struct parser *ps)
{
	char c = ps->text[ps->at];

	if (c == '"')
		return parse_string(ps);
	if (c == '-' || (c >= '0' && c <= '9'))
		return parse_number(ps);
	if (c == 't')
		return parse_word(ps, "true", JSON_TRUE);
	if (c == 'f')
		return parse_word(ps, "false", JSON_FALSE);
	if (c == 'n')
		return parse_word(ps, "null", JSON_NULL);
	return bad(ps, "not JSON");
}

/* ---- the parse ---- */

static bool parse_key(struct parser *ps)
{
	skip_space(ps);
	if (ps->at >= ps->n || ps->text[ps->at] != '"')
		return bad(ps, "expected a key");
	if (!parse_string(ps))
		return false;
	skip_space(ps);
	if (ps->at >= ps->n || ps->text[ps->at] != ':')
		return bad(ps, "expected ':'");
	ps->at++;
	return true;
}

static bool keys_differ(struct parser *ps, uint32_t object)
{
	int r = json_keys_differ(ps->doc, object);

	ps->nomem |= r < 0;
	return r > 0 || (r == 0 && bad(ps, "duplicate key"));
}

static bool close_container(struct parser *ps, uint32_t container)
{
	struct json_node *node = &ps->doc->nodes[container];

	ps->at++;
	node->len = (uint32_t)ps->at - node->start;
	node->end = ps->doc->n;
	return node->type != JSON_OBJECT || node->count < 2 ||
	    keys_differ(ps, container);
}

/*
 * Behind a value: close what ends here.  *depth falls with each; true with
 * *depth > 0 means that another element follows.
 */
static bool after_value(struct parser *ps, const uint32_t *open, int *depth)
{
	while (*depth > 0) {
		const struct json_node *top =
		    &ps->doc->nodes[open[*depth - 1]];
		bool object = top->type == JSON_OBJECT;

		skip_space(ps);
		if (ps->at >= ps->n)
			return bad(ps, "unexpected end");
		if (ps->text[ps->at] == ',') {
			ps->at++;
			return true;
		}
		if (ps->text[ps->at] != (object ? '}' : ']'))
			return bad(ps, object ? "expected ',' or '}'" :
			    "expected ',' or ']'");
		if (!close_container(ps, open[*depth - 1]))
			return false;
		--*depth;
	}
	return true;
}

static bool open_container(struct parser *ps, uint32_t *open, int *depth)
{
	bool object = ps->text[ps->at] == '{';

	if (*depth == JSON_DEPTH)
		return bad(ps, "nested too deep");
	if (!new_node(ps, object ? JSON_OBJECT : JSON_ARRAY))
		return false;
	open[(*depth)++] = ps->doc->n - 1;
	ps->at++;
	skip_space(ps);
	return true;
}

static bool parse_document(struct parser *ps)
{
	uint32_t open[JSON_DEPTH];
	int depth = 0;
	char c;

	do {
		if (depth > 0) {
			struct json_node *top =
			    &ps->doc->nodes[open[depth - 1]];

			top->count++;
			if (top->type == JSON_OBJECT && !parse_key(ps))
				return false;
		}
		skip_space(ps);
		if (ps->at >= ps->n)
			return bad(ps, "unexpected end");
		c = ps->text[ps->at];
		if (c == '{' || c == '[') {
			if (!open_container(ps, open, &depth))
				return false;
			if (ps->at < ps->n &&
			    ps->text[ps->at] == (c == '{' ? '}' : ']')) {
				if (!close_container(ps, open[depth - 1]))
					return false;
				depth--;
			} else {
				continue;
			}
		} else if (!parse_scalar(ps)) {
			return false;
		}
		if (!after_value(ps, open, &depth))
			return false;
	} while (depth > 0);
	skip_space(ps);
	return ps->at == ps->n || bad(ps, "text behind the value");
}

int json_parse(struct json_doc *d, const char *p, size_t n, struct es_err *err)
{
	struct parser ps = {.doc = d, .text = p, .n = n};

	d->text = p;
	d->n = 0;
	if (n >= UINT32_MAX)
		return es_fail(err, ES_FAILED, "JSON text is too long");
	if (parse_document(&ps))
		return 0;
	d->fault = ps.at;
	if (ps.nomem)
		return es_fail_nomem(err);
	return es_fail(err, ES_FAILED, "%s (byte %zu)", ps.fault, ps.at + 1);
}

void json_free(struct json_doc *d)
{
	free(d->nodes);
	*d = (struct json_doc){0};
}
