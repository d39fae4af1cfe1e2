#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cliflags.h"

/*
 * A descriptor below 3 that is closed would be given to the next file that is
 * opened, and that file would get the output or the errors.  Standard input
 * and output are opened the wrong way round, so that using them still fails.
 */
static void fill_descriptors(void)
{
	static const int modes[] = {O_WRONLY, O_RDONLY, O_WRONLY};
	int fd;

	for (fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
			(void)!open("/dev/null", modes[fd]);
}

void cli_begin(struct cli *c, const struct cli_program *program, int argc,
    char **argv)
{
	const char *store = getenv("ES_STORE");

	*c = (struct cli){.program = program, .argc = argc, .argv = argv};
	c->at = 1;
	c->store = store && *store ? store : "es.db";
	fill_descriptors();
	signal(SIGPIPE, SIG_DFL);
}

/* ---- the words ---- */

static int unknown(const struct cli *c, struct es_err *err)
{
	char shown[64];

	es_fail(err, ES_USAGE, "unknown option %s",
	    es_escape(shown, sizeof shown, c->flag, strlen(c->flag)));
	return CLI_ERROR;
}

/* Remember how the option was written; what does not fit is cut. */
static void set_flag(struct cli *c, const char *dashes, const char *p,
    size_t n)
{
	snprintf(c->flag, sizeof c->flag, "%s%.*s", dashes,
	    (int)(n < sizeof c->flag ? n : sizeof c->flag), p);
}

/* The argument that an option needs: `joined`, or the next word. */
static int take_arg(struct cli *c, const struct cli_flag *f,
    const char *joined, struct es_err *err)
{
	if (joined) {
		c->arg = joined;
	} else if (c->at < c->argc) {
		c->arg = c->argv[c->at++];
	} else {
		es_fail(err, ES_USAGE, "option %s needs an argument, %s",
		    c->flag, f->arg);
		return CLI_ERROR;
	}
	return f->id;
}

static int take_long(struct cli *c, const char *word, struct es_err *err)
{
	const char *equals = strchr(word, '=');
	size_t n = equals ? (size_t)(equals - word) : strlen(word);
	const struct cli_flag *f = cli_flag_by_name(c->program, word, n);

	set_flag(c, "", word, n);
	if (!f)
		return unknown(c, err);
	if (f->arg)
		return take_arg(c, f, equals ? equals + 1 : NULL, err);
	if (equals) {
		es_fail(err, ES_USAGE, "option %s takes no argument", f->name);
		return CLI_ERROR;
	}
	return f->id;
}

/* A letter of the word at c->at; c->sub is its place, 0 when all are done. */
static int take_letter(struct cli *c, struct es_err *err)
{
	const char *letter = c->argv[c->at] + c->sub;
	const struct cli_flag *f = cli_flag_by_letter(c->program, *letter);
	bool last = letter[1] == '\0';

	set_flag(c, "-", letter, 1);
	if (!f) {
		/* All bytes of a character that is not ASCII. */
		if ((unsigned char)*letter >= 0x80)
			set_flag(c, "-", letter, strlen(letter));
		return unknown(c, err);
	}
	if (f->arg || last) {
		c->at++;
		c->sub = 0;
	} else {
		c->sub++;
	}
	if (f->arg)
		return take_arg(c, f, last ? NULL : letter + 1, err);
	return f->id;
}

static int take_word(struct cli *c, struct es_err *err)
{
	char *word;

	if (c->sub)
		return take_letter(c, err);
	if (c->at < c->argc && !c->ended && strcmp(c->argv[c->at], "--") == 0) {
		c->ended = true;
		c->rest = ++c->at;
	}
	if (c->at >= c->argc)
		return CLI_END;
	word = c->argv[c->at];
	if (c->ended || word[0] != '-' || word[1] == '\0') {
		c->at++;
		c->flag[0] = '\0';
		c->arg = word;
		return CLI_OPERAND;
	}
	if (word[1] == '-') {
		c->at++;
		return take_long(c, word, err);
	}
	c->sub = 1;
	return take_letter(c, err);
}

/* ---- what every program has ---- */

static int print(const struct cli_program *p,
    void (*text)(const struct cli_program *, struct buf *), struct es_err *err)
{
	struct buf out = {0};
	int r;

	text(p, &out);
	r = buf_check(&out, err);
	if (r == 0)
		r = cli_write(out.p, out.n, err);
	buf_free(&out);
	return r < 0 ? CLI_ERROR : CLI_DONE;
}

int cli_next(struct cli *c, struct es_err *err)
{
	if (c->sub == 0 && !c->ended && c->at < c->argc &&
	    strcmp(c->argv[c->at], "--completion-table") == 0)
		return print(c->program, cli_print_table, err);
	for (;;) {
		int id = take_word(c, err);

		switch (id) {
		case CLI_STORE:
			if (*c->arg == '\0') {
				es_fail(err, ES_USAGE, "%s: empty file name",
				    c->flag);
				return CLI_ERROR;
			}
			c->store = c->arg;
			c->store_given = true;
			break;
		case CLI_QUIET:
			c->quiet = true;
			break;
		case CLI_VERBOSE:
			c->verbose++;
			break;
		case CLI_HELP:
			return print(c->program, cli_print_help, err);
		case CLI_VERSION:
			return print(c->program, cli_print_version, err);
		default:
			return id;
		}
	}
}

char **cli_rest(struct cli *c, int *n)
{
	char **rest = c->argv + (c->ended ? c->rest : c->at);

	*n = (int)(c->argv + c->argc - rest);
	if (*n < 0)
		*n = 0;
	c->at = c->argc;
	c->sub = 0;
	return rest;
}

bool cli_ended(const struct cli *c)
{
	return c->ended;
}

/* ---- arguments ---- */

static int bad_int(const struct cli *c, int64_t min, int64_t max,
    struct es_err *err)
{
	char shown[64];

	es_escape(shown, sizeof shown, c->arg, strlen(c->arg));
	if (max == INT64_MAX)
		return es_fail(err, ES_USAGE, "%s: must be an integer from "
		    "%lld, not \"%s\"", c->flag, (long long)min, shown);
	return es_fail(err, ES_USAGE, "%s: must be an integer from %lld to "
	    "%lld, not \"%s\"", c->flag, (long long)min, (long long)max,
	    shown);
}

int cli_int(const struct cli *c, int64_t min, int64_t max, int64_t *out,
    struct es_err *err)
{
	int64_t v;

	if (cli_int_parse(span_str(c->arg), min, max, &v) < 0)
		return bad_int(c, min, max, err);
	*out = v;
	return 0;
}

int cli_int_parse(struct span s, int64_t min, int64_t max, int64_t *out)
{
	bool negative = s.n > 0 && s.p[0] == '-';
	int64_t v = 0;
	size_t i = negative;

	if (i == s.n)
		return -1;
	for (; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9' ||
		    __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_sub_overflow(v, s.p[i] - '0', &v))
			return -1;
	}
	if (!negative && __builtin_sub_overflow(0, v, &v))
		return -1;
	if (v < min || v > max)
		return -1;
	*out = v;
	return 0;
}

int cli_duration_parse(struct span s, int64_t *millis, struct es_err *err)
{
	static const struct { const char *name; int64_t millis; } units[] = {
		{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000},
		{"d", 86400000}, {"w", 604800000},
	};
	const int64_t most = INT64_C(10000) * 366 * 86400000;
	struct span digits, unit;
	char shown[64];
	int64_t v;
	size_t i;

	if (!s.p)
		s = SPAN_LIT("");
	digits = s;
	for (digits.n = 0; digits.n < s.n && s.p[digits.n] >= '0' &&
	    s.p[digits.n] <= '9'; )
		digits.n++;
	unit = (struct span){s.p + digits.n, s.n - digits.n};
	for (i = 0; i < sizeof units / sizeof *units; i++)
		if (span_is(unit, units[i].name) && cli_int_parse(digits, 0,
		    most / units[i].millis, &v) == 0) {
			*millis = v * units[i].millis;
			return 0;
		}
	return es_fail(err, ES_USAGE, "must be a duration such as 500ms, 30s, "
	    "5m, 2h, 7d or 1w, not \"%s\"",
	    es_escape(shown, sizeof shown, s.p, s.n));
}

int cli_duration(const struct cli *c, int64_t *millis, struct es_err *err)
{
	if (cli_duration_parse(span_str(c->arg), millis, err) < 0)
		return es_err_at(err, "%s", c->flag);
	return 0;
}

int cli_pair(const struct cli *c, struct span *name, struct span *value,
    struct es_err *err)
{
	const char *equals = strchr(c->arg, '=');
	char shown[64];

	if (!equals || equals == c->arg)
		return es_fail(err, ES_USAGE, "%s%smust be NAME=VALUE, not "
		    "\"%s\"", c->flag, *c->flag ? ": " : "",
		    es_escape(shown, sizeof shown, c->arg, strlen(c->arg)));
	*name = (struct span){c->arg, (size_t)(equals - c->arg)};
	*value = span_str(equals + 1);
	return 0;
}
