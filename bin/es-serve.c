/* es-serve: an app's pages, commands and live updates over HTTP. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "sys.h"
#include "web.h"

#define HOSTS_MAX 16

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	(void)sig;
	stop = 1;
}

struct options {
	struct web_options web;
	struct app app;
	char *address;
	const char *hosts[HOSTS_MAX + 1];
	size_t n_hosts;
};

static const char *const synopsis[] = {
	"[-l ADDRESS:PORT] [--host NAME]... [--no-react] APP", NULL
};

static const int flags[] = {CLI_LISTEN, CLI_HOST, CLI_NO_REACT, CLI_STRICT, 0};

static const struct cli_program program = {
	.name = "es-serve",
	.synopsis = synopsis,
	.summary = "Serve an app's pages and commands, live, with es-react "
	    "beside it.",
	.examples =
	    "  es-serve .                       # http://127.0.0.1:8080/\n"
	    "  es-serve -l 127.0.0.1:0 donations   # any port that is free\n"
	    "  es-serve -l 0.0.0.0:80 --host donate.example.org donations\n",
	.see_also = "es-react(1), es-app(5), es(7)",
	.flags = flags,
};

static void say(void *ctx, const char *line)
{
	const struct cli *cli = ctx;

	if (!cli->quiet)
		cli_warn(cli, "%s", line);
}

/* "127.0.0.1:8080", "[::1]:8080", ":8080", "8080". */
static int parse_listen(struct options *o, const char *text,
    struct es_err *err)
{
	const char *colon = strrchr(text, ':');
	const char *port = colon ? colon + 1 : text;
	size_t n = colon ? (size_t)(colon - text) : 0;
	int64_t number;

	if (cli_int_parse(span_str(port), 0, 65535, &number) < 0)
		return es_fail(err, ES_USAGE, "-l must be ADDRESS:PORT");
	o->web.port = (int)number;
	if (n == 0)
		return 0;
	if (n > 2 && text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	free(o->address);
	o->address = strndup(text, n);
	if (!o->address)
		return es_fail_nomem(err);
	o->web.address = o->address;
	return 0;
}

static int operand(struct cli *cli, struct options *o, struct es_err *err)
{
	if (o->app.path)
		return es_fail(err, ES_USAGE, "\"%s\" is too much: one APP",
		    cli->arg);
	if (app_load(&o->app, cli->arg, err) < 0)
		return -1;
	return o->app.path ? 0 : es_fail(err, ES_USAGE,
	    "%s: not an app but a handler", cli->arg);
}

static int parse(struct cli *cli, struct options *o, struct es_err *err)
{
	int id, r = 0;

	while (r == 0 && (id = cli_next(cli, err)) != CLI_END) {
		if (id == CLI_DONE || id == CLI_ERROR)
			return id == CLI_DONE ? 1 : -1;
		if (id == CLI_OPERAND)
			r = operand(cli, o, err);
		else if (id == CLI_LISTEN)
			r = parse_listen(o, cli->arg, err);
		else if (id == CLI_STRICT)
			o->web.strict = true;
		else if (id == CLI_NO_REACT)
			o->web.react = false;
		else if (o->n_hosts == HOSTS_MAX)
			r = es_fail(err, ES_USAGE, "--host: %d at most",
			    HOSTS_MAX);
		else
			o->hosts[o->n_hosts++] = cli->arg;
	}
	if (r == 0 && !o->app.path)
		r = es_fail(err, ES_USAGE, "an APP is missing");
	return r;
}

static int serve(const struct cli *cli, struct options *o, struct es_err *err)
{
	struct web *w;
	int r;

	if (web_open(cli->store, &o->app, &o->web, &w, err) < 0)
		return -1;
	r = cli_write(web_url(w), strlen(web_url(w)), err);
	if (r == 0)
		r = cli_write("\n", 1, err);
	if (r == 0)
		r = cli_flush(err);
	if (r == 0)
		r = web_run(w, err);
	web_close(w);
	return r;
}

static int run(const struct cli *cli, struct options *o, struct es_err *err)
{
	struct sigaction act = {.sa_handler = on_signal};
	char *react = sys_program("es-react", err);
	int r;

	if (!react)
		return -1;
	o->web.react_path = react;
	sigemptyset(&act.sa_mask);
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	sigaction(SIGHUP, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	r = serve(cli, o, err);
	free(react);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {.web = {.address = "127.0.0.1", .port = 8080,
	    .react = true, .say = say, .stop = &stop}};
	struct es_err err = {0};
	struct cli cli;
	int r, status = ES_OK;

	cli_begin(&cli, &program, argc, argv);
	o.web.ctx = &cli;
	o.web.hosts = o.hosts;
	r = parse(&cli, &o, &err);
	if (r == 0)
		r = run(&cli, &o, &err);
	if (r < 0)
		status = cli_error(&cli, &err);
	app_free(&o.app);
	free(o.address);
	return cli_close(&cli, status);
}
