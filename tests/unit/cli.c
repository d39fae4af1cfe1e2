#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"
#include "cli.h"

static const int flags[] = {CLI_TYPE, CLI_KEY, CLI_LIMIT, CLI_FOLLOW,
    CLI_REVERSE, CLI_DEADLINE, CLI_ID, 0};
static const char *const synopsis[] = {"[FLAGS]", "-t TYPE", NULL};
static const struct cli_help help[] = {
	{CLI_ID, "IDENT", "its \"own\" meaning"}, {CLI_LIMIT, NULL, "fewer"},
	{0, NULL, NULL},
};
static const struct cli_program program = {
	.name = "es-test", .synopsis = synopsis, .summary = "tests the flags.",
	.examples = "  es-test -n 5\n", .see_also = "es-query(1)",
	.flags = flags, .help = help,
};

#define ARGS_MAX 12

/* Begin with a list of words, NULL-ended. */
static void begin(struct cli *c, char **argv, ...)
{
	va_list ap;
	int n = 1;

	argv[0] = (char *)(uintptr_t)"es-test";
	va_start(ap, argv);
	while ((argv[n] = va_arg(ap, char *)))
		n++;
	va_end(ap);
	cli_begin(c, &program, n, argv);
}

static void test_forms(void)
{
	struct cli c;
	struct es_err err = {0};
	char *argv[ARGS_MAX];

	begin(&c, argv, "-fr", "-n5", "-n", "6", "--limit=7", "--limit", "8",
	    "-fn9", "op", "-", NULL);
	check_int(cli_next(&c, &err), CLI_FOLLOW);
	check_int(cli_next(&c, &err), CLI_REVERSE);
	for (int i = 5; i <= 9; i++) {
		int64_t v = 0;

		if (i == 9)
			check_int(cli_next(&c, &err), CLI_FOLLOW);
		check_int(cli_next(&c, &err), CLI_LIMIT);
		check_int(cli_int(&c, 0, 100, &v, &err), 0);
		check_int(v, i);
	}
	check_int(cli_next(&c, &err), CLI_OPERAND);
	check_str(c.arg, "op");
	check_int(cli_next(&c, &err), CLI_OPERAND);
	check_str(c.arg, "-");
	check_int(cli_next(&c, &err), CLI_END);
	check_int(cli_next(&c, &err), CLI_END);
	check(!cli_ended(&c));
}

static void test_shared(void)
{
	struct cli c;
	struct es_err err = {0};
	char *argv[ARGS_MAX];

	unsetenv("ES_STORE");
	begin(&c, argv, "-qvv", "a", "--store", "x.db", "-r", NULL);
	check_str(c.store, "es.db");
	check_int(cli_next(&c, &err), CLI_OPERAND);
	check(c.quiet);
	check_int(c.verbose, 2);
	check_int(cli_next(&c, &err), CLI_REVERSE);
	check_str(c.store, "x.db");

	setenv("ES_STORE", "env.db", 1);
	begin(&c, argv, "-s", "", NULL);
	check_str(c.store, "env.db");
	check_int(cli_next(&c, &err), CLI_ERROR);
	check_str(err.text, "-s: empty file name");
	setenv("ES_STORE", "", 1);
	begin(&c, argv, NULL);
	check_str(c.store, "es.db");
	check_int(cli_next(&c, &err), CLI_END);
	unsetenv("ES_STORE");
}

static void test_dashes(void)
{
	struct cli c;
	struct es_err err = {0};
	char *argv[ARGS_MAX], **rest;
	int n;

	begin(&c, argv, "-n", "--", "-f", "--", "cmd", "-x", "--", NULL);
	check_int(cli_next(&c, &err), CLI_LIMIT);
	check_str(c.arg, "--");
	check_int(cli_next(&c, &err), CLI_FOLLOW);
	check(!cli_ended(&c));
	check_int(cli_next(&c, &err), CLI_OPERAND);
	check_str(c.arg, "cmd");
	check(cli_ended(&c));
	check_int(cli_next(&c, &err), CLI_OPERAND);
	check_str(c.arg, "-x");
	check(cli_ended(&c));
	rest = cli_rest(&c, &n);
	check_int(n, 3);
	check_str(rest[0], "cmd");
	check_str(rest[2], "--");
	check(rest[3] == NULL);
	check_int(cli_next(&c, &err), CLI_END);

	begin(&c, argv, "a", "b", "-f", NULL);
	check_int(cli_next(&c, &err), CLI_OPERAND);
	rest = cli_rest(&c, &n);
	check_int(n, 2);
	check_str(rest[0], "b");
	check_int(cli_next(&c, &err), CLI_END);

	begin(&c, argv, "-f", "--", NULL);
	check_int(cli_next(&c, &err), CLI_FOLLOW);
	check_int(cli_next(&c, &err), CLI_END);
	check(cli_ended(&c));
	cli_rest(&c, &n);
	check_int(n, 0);
}

static void refused(const char *text, const char *a, const char *b)
{
	struct cli c;
	struct es_err err = {0};
	char *argv[ARGS_MAX];
	int id;

	begin(&c, argv, a, b, NULL);
	while ((id = cli_next(&c, &err)) > 0 || id == CLI_OPERAND)
		;
	check_int(id, CLI_ERROR);
	check_int(err.code, ES_USAGE);
	check_str(err.text, text);
}

static void test_refusals(void)
{
	refused("unknown option -x", "-x", NULL);
	refused("unknown option -x", "-fx", NULL);
	refused("unknown option --bogus", "--bogus=1", NULL);
	refused("unknown option --lim", "--lim=1", NULL);
	refused("unknown option --tail", "--tail", "5");
	refused("unknown option -\xc3\xa9", "-\xc3\xa9", NULL);
	refused("unknown option -\\x1b", "-\x1b[2J", NULL);
	refused("unknown option --012345678901234567890",
	    "--0123456789012345678901234567890123456789", NULL);
	refused("option -n needs an argument, N", "-n", NULL);
	refused("option --limit needs an argument, N", "-f", "--limit");
	refused("option --follow takes no argument", "--follow=1", NULL);
}

static int parse_int(const char *text, int64_t min, int64_t max, int64_t *v)
{
	return cli_int_parse(span_str(text), min, max, v);
}

static void test_int(void)
{
	struct cli c;
	struct es_err err = {0};
	char *argv[ARGS_MAX];
	int64_t v = 7;
	static const char *const bad[] = {"", "-", "+1", " 1", "1 ", "1x",
	    "0x10", "1e3", "9223372036854775808", "-9223372036854775809",
	    "99999999999999999999"};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		check_int(parse_int(bad[i], INT64_MIN, INT64_MAX, &v), -1);
	check_int(v, 7);
	check_int(parse_int("9223372036854775807", 0, INT64_MAX, &v), 0);
	check(v == INT64_MAX);
	check_int(parse_int("-9223372036854775808", INT64_MIN, 0, &v), 0);
	check(v == INT64_MIN);
	check_int(parse_int("007", 0, 9, &v), 0);
	check_int(v, 7);
	check_int(parse_int("-1", 0, 9, &v), -1);
	check_int(parse_int("10", 0, 9, &v), -1);

	begin(&c, argv, "-n", "te\nn", "--limit=-1", NULL);
	cli_next(&c, &err);
	check_int(cli_int(&c, 0, INT64_MAX, &v, &err), -1);
	check_int(err.code, ES_USAGE);
	check_str(err.text, "-n: must be an integer from 0, not \"te\\x0an\"");
	cli_next(&c, &err);
	check_int(cli_int(&c, 1, 64, &v, &err), -1);
	check_str(err.text,
	    "--limit: must be an integer from 1 to 64, not \"-1\"");
}

static void test_duration(void)
{
	static const struct { const char *text; int64_t millis; } good[] = {
		{"0s", 0}, {"1500ms", 1500}, {"2s", 2000}, {"5m", 300000},
		{"3h", 10800000}, {"2d", 172800000}, {"1w", 604800000},
	};
	static const char *const bad[] = {"", "5", "s", "-5s", "5 s", "1.5s",
	    "5S", "5y", "1h30m", "99999999999999999999s", "9999999999999w",
	    "600000w"};
	struct es_err err = {0};
	int64_t v = 0;

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		check_int(cli_duration_parse(span_str(good[i].text), &v,
		    &err), 0);
		check_int(v, good[i].millis);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		check_int(cli_duration_parse(span_str(bad[i]), &v, &err), -1);
		check_int(err.code, ES_USAGE);
	}
	check_int(cli_duration_parse(SPAN_NONE, &v, &err), -1);
}

static void test_pair(void)
{
	struct cli c;
	struct es_err err = {0};
	struct span name, value;
	char *argv[ARGS_MAX];

	begin(&c, argv, "-k", "a=b=c", "-k", "a=", "-k", "=b", "-k", "ab",
	    NULL);
	cli_next(&c, &err);
	check_int(cli_pair(&c, &name, &value, &err), 0);
	check(span_is(name, "a") && span_is(value, "b=c"));
	cli_next(&c, &err);
	check_int(cli_pair(&c, &name, &value, &err), 0);
	check(span_is(name, "a") && value.p && value.n == 0);
	cli_next(&c, &err);
	check_int(cli_pair(&c, &name, &value, &err), -1);
	cli_next(&c, &err);
	check_int(cli_pair(&c, &name, &value, &err), -1);
	check_str(err.text, "-k: must be NAME=VALUE, not \"ab\"");
	check_int(err.code, ES_USAGE);
}

/* ---- output, in children, because there is one stdout a process ---- */

struct child {
	char out[8192], err[1024];
	int status;
};

static void drain(int fd, char *to, size_t size)
{
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, to + n, size - 1 - n)) > 0)
		n += (size_t)r;
	to[n] = '\0';
	close(fd);
}

/* Run body in a child with stdout at `target` (NULL: a pipe, "": closed). */
static void run(struct child *child, const char *target, int (*body)(void))
{
	int o[2], e[2], status;
	pid_t pid;

	need(pipe(o) == 0 && pipe(e) == 0);
	fflush(stdout);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		dup2(e[1], 2);
		if (!target)
			dup2(o[1], 1);
		else if (*target)
			dup2(open(target, O_WRONLY), 1);
		else
			close(1);
		close(o[0]);
		close(o[1]);
		close(e[0]);
		close(e[1]);
		_exit(body());
	}
	close(o[1]);
	close(e[1]);
	drain(o[0], child->out, sizeof child->out);
	drain(e[0], child->err, sizeof child->err);
	need(waitpid(pid, &status, 0) == pid);
	child->status = WIFEXITED(status) ? WEXITSTATUS(status) :
	    128 + WTERMSIG(status);
}

static int only(const char *word, const char *text, size_t n)
{
	struct cli c;
	struct es_err err = {0};
	char *argv[ARGS_MAX];

	begin(&c, argv, word, NULL);
	if (cli_next(&c, &err) == CLI_ERROR)
		return cli_close(&c, cli_error(&c, &err));
	if (n && cli_write(text, n, &err) < 0)
		return cli_close(&c, cli_error(&c, &err));
	return cli_close(&c, 0);
}

static int body_help(void)
{
	return only("-h", NULL, 0);
}

static int body_version(void)
{
	return only("-V", NULL, 0);
}

static int body_table(void)
{
	return only("--completion-table", NULL, 0);
}

static int body_unknown(void)
{
	return only("--\x1b[31m\n", NULL, 0);
}

static int body_silent(void)
{
	return only("-f", NULL, 0);
}

static int body_small(void)
{
	return only("-f", "x\n", 2);
}

static int body_large(void)
{
	size_t n = 1 << 20;
	char *text = calloc(1, n);

	need(text);
	return only("-f", text, n);
}

static void test_help(void)
{
	struct child ch;
	const char *usage, *see;

	run(&ch, NULL, body_help);
	check_int(ch.status, 0);
	check_str(ch.err, "");
	usage = "Examples:\n  es-test -n 5\n\nusage: es-test [FLAGS]\n"
	    "       es-test -t TYPE\n\ntests the flags.\n\nOptions:\n";
	check(strncmp(ch.out, usage, strlen(usage)) == 0);
	see = strstr(ch.out, "\nSee also: es-query(1)\n");
	check(see && strlen(see) == 23);
	check(strstr(ch.out, "  -n, --limit N"));
	check(strstr(ch.out, "IDENT"));
	check(strstr(ch.out, "its \"own\" meaning\n"));
	check(strstr(ch.out, "fewer\n"));
	check(strstr(ch.out, "  -h, --help"));
	check(!strstr(ch.out, "completion-table"));
	for (const char *p = ch.out; *p; p += strcspn(p, "\n") + 1)
		check(strcspn(p, "\n") < 80);

	run(&ch, NULL, body_version);
	check_str(ch.out, "es-test (es) " ES_VERSION "\n");
	run(&ch, NULL, body_table);
	check(strstr(ch.out, "n\tlimit\tN\tfewer\n"));
	check(strstr(ch.out, "\n\tid\tIDENT\tits \"own\" meaning\n"));
	check(strstr(ch.out, "f\tfollow\t\tstay"));
}

static void test_output(void)
{
	static const char full[] =
	    "es-test: <stdout>: No space left on device\n";
	struct child ch;

	run(&ch, NULL, body_unknown);
	check_int(ch.status, 2);
	check_str(ch.out, "");
	check_str(ch.err,
	    "es-test: unknown option --\\x1b[31m\\x0a (see -h)\n");
	run(&ch, NULL, body_small);
	check_int(ch.status, 0);
	check_str(ch.out, "x\n");
	check_str(ch.err, "");
	/* The fault is told once, at the write or at the end. */
	if (access("/dev/full", W_OK) == 0) {
		run(&ch, "/dev/full", body_small);
		check_int(ch.status, 1);
		check_str(ch.err, full);
		run(&ch, "/dev/full", body_large);
		check_int(ch.status, 1);
		check_str(ch.err, full);
		run(&ch, "/dev/full", body_help);
		check_int(ch.status, 1);
		check_str(ch.err, full);
	}
	run(&ch, "", body_silent);
	check_int(ch.status, 0);
	check_str(ch.err, "");
	run(&ch, "", body_small);
	check_int(ch.status, 1);
	check_str(ch.err, "es-test: <stdout>: Bad file descriptor\n");
}

/* A closed reader ends the program quietly, even if SIGPIPE was ignored. */
static int body_pipe(void)
{
	int p[2];

	need(pipe(p) == 0 && dup2(p[1], 1) == 1);
	close(p[0]);
	close(p[1]);
	signal(SIGPIPE, SIG_IGN);
	return body_small();
}

/* A full pipe that does not block is waited for. */
static int body_nonblocking(void)
{
	fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK);
	return body_large();
}

static void test_pipe(void)
{
	struct child ch;
	int p[2], status;
	pid_t pid;
	size_t total = 0;
	ssize_t r;
	char chunk[4096];

	run(&ch, NULL, body_pipe);
	check_int(ch.status, 128 + SIGPIPE);
	check_str(ch.err, "");

	need(pipe(p) == 0);
	fflush(stdout);
	pid = fork();
	need(pid >= 0);
	if (pid == 0) {
		dup2(p[1], 1);
		close(p[0]);
		close(p[1]);
		_exit(body_nonblocking());
	}
	close(p[1]);
	while ((r = read(p[0], chunk, sizeof chunk)) > 0)
		total += (size_t)r;
	close(p[0]);
	need(waitpid(pid, &status, 0) == pid);
	check_int(status, 0);
	check_int(total, 1 << 20);
}

static int body_descriptors(void)
{
	struct cli c;
	char *argv[ARGS_MAX], byte;

	close(0);
	begin(&c, argv, NULL);
	/* The next file must not take a standard place. */
	if (open("/dev/null", O_RDONLY | O_CLOEXEC) < 3)
		return 10;
	if (read(0, &byte, 1) != -1 || errno != EBADF)
		return 11;
	return cli_close(&c, 0);
}

static void test_descriptors(void)
{
	struct child ch;

	run(&ch, "", body_descriptors);
	check_int(ch.status, 0);
	check_str(ch.err, "");
}

/* ---- input ---- */

/* Lines from a file that holds text. */
static void open_text(struct cli_lines *l, const char *text, size_t n)
{
	static char path[4096];
	const char *dir = getenv("TMPDIR");
	struct es_err err = {0};
	int fd;

	snprintf(path, sizeof path, "%s/unit-cli.XXXXXX", dir ? dir : "/tmp");
	fd = mkstemp(path);
	need(fd >= 0);
	need(write(fd, text, n) == (ssize_t)n);
	close(fd);
	need(cli_lines_open(l, path, &err) == 0);
	unlink(path);
}

static const char *next_line(struct cli_lines *l, size_t max,
    bool *unterminated)
{
	static char copy[sizeof((struct es_err *)0)->text];
	struct es_err err = {0};
	struct span line;
	int r = cli_lines_next(l, max, &line, unterminated, &err);

	if (r == 0)
		return "END";
	if (r < 0)
		snprintf(copy, sizeof copy, "%s", strchr(err.text, ':') + 1);
	else
		snprintf(copy, sizeof copy, "%.*s", (int)line.n, line.p);
	return copy;
}

static void test_lines(void)
{
	static const char text[] = "one\n\n \t\r\ntwo\r\n\n0123456789\n"
	    "01234567890\nafter\n\nlast";
	struct cli_lines l;
	bool un;

	open_text(&l, text, sizeof text - 1);
	check(cli_lines_ready(&l));
	check_str(next_line(&l, 10, &un), "one");
	check_int(l.line, 1);
	check(!un && cli_lines_ready(&l));
	check_int(l.line, 1);
	check_str(next_line(&l, 10, &un), "two\r");
	check_int(l.line, 4);
	check_str(next_line(&l, 10, &un), "0123456789");
	check_int(l.line, 6);
	check_str(next_line(&l, 10, &un), "7: line is longer than 10 bytes");
	check_int(l.line, 7);
	check_str(next_line(&l, 10, &un), "after");
	check_int(l.line, 8);
	check(!un && cli_lines_ready(&l));
	check_str(next_line(&l, 10, &un), "last");
	check_int(l.line, 10);
	check(un && !cli_lines_ready(&l));
	check_str(next_line(&l, 10, &un), "END");
	check_str(next_line(&l, 10, &un), "END");
	cli_lines_close(&l);
}

static void test_lines_ends(void)
{
	struct cli_lines l;
	bool un;

	open_text(&l, "", 0);
	check(!cli_lines_ready(&l));
	check_str(next_line(&l, 10, &un), "END");
	cli_lines_close(&l);
	open_text(&l, "\n\n  ", 4);
	check(!cli_lines_ready(&l));
	check_str(next_line(&l, 10, &un), "END");
	cli_lines_close(&l);
	open_text(&l, "x\n01234567890", 13);
	check_str(next_line(&l, 10, &un), "x");
	check(cli_lines_ready(&l));
	check_str(next_line(&l, 10, &un), "2: line is longer than 10 bytes");
	check_str(next_line(&l, 10, &un), "END");
	cli_lines_close(&l);
}

/* Long lines come through whole; longer ones are not kept in memory. */
static void test_lines_long(void)
{
	size_t max = 1 << 20, n = 9u << 20, i;
	char *text = malloc(n);
	struct cli_lines l;
	struct es_err err = {0};
	struct span line;
	bool un;

	need(text);
	memset(text, 'a', n);
	text[max] = '\n';
	text[n - 3] = '\n';
	text[n - 2] = 'z';
	text[n - 1] = '\n';
	open_text(&l, text, n);
	check_int(cli_lines_next(&l, max, &line, &un, &err), 1);
	check_int(line.n, max);
	for (i = 0; i < line.n && line.p[i] == 'a'; i++)
		;
	check_int(i, max);
	check_int(cli_lines_next(&l, max, &line, &un, &err), -1);
	check_int(err.code, ES_FAILED);
	check(strstr(err.text, ":2: line is longer than 1048576 bytes"));
	check_str(next_line(&l, max, &un), "z");
	check_int(l.line, 3);
	check(l.buf.cap <= 4 * max);
	check_str(next_line(&l, max, &un), "END");
	cli_lines_close(&l);
	free(text);
}

static void test_lines_pipe(void)
{
	struct cli_lines l = {.name = "<pipe>"};
	int p[2];
	bool un;

	need(pipe(p) == 0);
	l.fd = p[0];
	check(!cli_lines_ready(&l));
	need(write(p[1], "\n\nha", 4) == 4);
	check(!cli_lines_ready(&l));
	need(write(p[1], "lf\nnext\nre", 10) == 10);
	check(cli_lines_ready(&l));
	check_str(next_line(&l, 100, &un), "half");
	check_int(l.line, 3);
	check(cli_lines_ready(&l));
	check_str(next_line(&l, 100, &un), "next");
	check(!cli_lines_ready(&l));
	need(write(p[1], "st", 2) == 2);
	check(!cli_lines_ready(&l));
	close(p[1]);
	check(cli_lines_ready(&l));
	check_str(next_line(&l, 100, &un), "rest");
	check(un && !cli_lines_ready(&l));
	cli_lines_close(&l);
}

static void test_lines_errors(void)
{
	struct cli_lines l;
	struct es_err err = {0};
	struct span line;
	bool un;

	check_int(cli_lines_open(&l, "/nonexistent/x", &err), -1);
	check_str(err.text, "/nonexistent/x: No such file or directory");
	check_int(cli_lines_open(&l, "/", &err), 0);
	check(cli_lines_ready(&l));
	check_int(cli_lines_next(&l, 10, &line, &un, &err), -1);
	check_str(err.text, "/: Is a directory");
	check_int(cli_lines_next(&l, 10, &line, &un, &err), -1);
	cli_lines_close(&l);
	check_int(cli_lines_open(&l, "-", &err), 0);
	check_str(l.name, "<stdin>");
	check_int(cli_lines_open(&l, NULL, &err), 0);
	check_int(l.fd, 0);
}

static void test_terminal(void)
{
	FILE *f = fopen("/dev/null", "w");

	need(f);
	check(!cli_colour(f));
	check_int(cli_width(f), 0);
	fclose(f);
	check_str(cli_flag_name(CLI_AFTER), "--after");
}

int main(void)
{
	test_forms();
	test_shared();
	test_dashes();
	test_refusals();
	test_int();
	test_duration();
	test_pair();
	test_help();
	test_output();
	test_pipe();
	test_descriptors();
	test_lines();
	test_lines_ends();
	test_lines_long();
	test_lines_pipe();
	test_lines_errors();
	test_terminal();
	return unit_end();
}
