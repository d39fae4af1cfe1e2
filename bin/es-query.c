/*
 * es-query: print the messages that match; es-query(1).
 *
 * The log only grows, so what is printed and the guard agree although no read
 * transaction is held: both are as of the head that was seen at the start.
 *
 * To load libjq takes longer than most queries.  So this program has none, and
 * for --upcast it becomes one of the same source that was compiled with
 * ES_UPCASTS.
 */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "condition.h"
#include "follow.h"
#include "sys.h"
#ifdef ES_UPCASTS
#include "upcast.h"
#endif

#define QUERY_BYTES (1024 * 1024)

static const char *const synopsis[] = {
	"[QUERY-FLAGS] [-n N] [-r | --tail N] [--count | --pretty] "
	    "[--guard FILE]",
	"-f [QUERY-FLAGS] [--tail N] [--pretty]",
	"[FLAGS] QUERY",
	NULL
};

static const int flags[] = {
	CLI_TYPE, CLI_KEY, CLI_TAG, CLI_PARTITION, CLI_KIND, CLI_OR, CLI_LAST,
	CLI_AFTER, CLI_BEFORE, CLI_LIMIT, CLI_TAIL, CLI_REVERSE, CLI_SINCE,
	CLI_UNTIL, CLI_ID, CLI_CORRELATION, CLI_FOLLOW, CLI_COUNT, CLI_PRETTY,
	CLI_UPCAST, CLI_GUARD, 0
};

static const struct cli_help help[] = {
	{CLI_GUARD, "FILE", "write what was read to FILE, for es-append "
	    "--guard"},
	{0, NULL, NULL}
};

static const struct cli_program program = {
	.name = "es-query",
	.synopsis = synopsis,
	.summary = "Print the messages that match, oldest first, as lines of "
	    "JSON. Without flags: all of them.",
	.examples =
	    "  es-query --pretty\n"
	    "  es-query -t loans. -k book_id=b1\n"
	    "  es-query -t loans.book_lent -n 10 -r\n"
	    "  es-query -f --tail 0 | while IFS= read -r m; do ...; done\n"
	    "  es-query --guard g -k book_id=b1 | ./decide | es-append "
	    "--guard g\n",
	.see_also = "es-append(1), es-message(5), es(7)",
	.flags = flags,
	.help = help,
};

struct options {
	struct cli cli;
	struct query query;
	struct query_bounds bounds;
	const char *file;		/* of a JSON query */
	bool follow, count, pretty, upcast;
	const char *guard;
};

/* How messages are printed. */
struct output {
	bool pretty, colour, each;	/* each: keep nothing back */
	int width;
	int64_t printed;
	struct buf line;
	struct store **store;	/* of the catalog */
	struct upcast *upcast;	/* NULL: as they are stored */
};

/* ---- options ---- */

static int refuse(bool wrong, const char *flag, const char *why,
    struct es_err *err)
{
	return wrong ? es_fail(err, ES_USAGE, "%s: %s", flag, why) : 0;
}

static bool has_last(const struct query *q)
{
	for (size_t i = 0; i < q->n; i++)
		if (q->items[i].last)
			return true;
	return false;
}

static int check_together(const struct options *o, struct es_err *err)
{
	static const char follow[] = "cannot be followed (-f)";
	static const char guard[] = "cannot be said in a guard (--guard)";
	static const char tail[] = "goes not with --tail";
	const struct query_bounds *b = &o->bounds;
	bool f = o->follow, g = o->guard != NULL, t = b->tail >= 0;

	return refuse(f && b->reverse, "-r", follow, err) < 0 ||
	    refuse(f && o->count, "--count", follow, err) < 0 ||
	    refuse(f && b->until, "--until", follow, err) < 0 ||
	    refuse(f && has_last(&o->query), "--last", follow, err) < 0 ||
	    refuse(g && f, "-f", guard, err) < 0 ||
	    refuse(g && b->reverse, "-r", guard, err) < 0 ||
	    refuse(g && b->since, "--since", guard, err) < 0 ||
	    refuse(g && b->until, "--until", guard, err) < 0 ||
	    refuse(g && t, "--tail", guard, err) < 0 ||
	    refuse(g && b->id.p, "--id", guard, err) < 0 ||
	    refuse(g && b->correlation.p, "--correlation", guard, err) < 0 ||
	    refuse(t && b->reverse, "-r", tail, err) < 0 ||
	    refuse(o->count && o->pretty, "--pretty",
	    "goes not with --count", err) < 0 ? -1 : 0;
}

static int read_query(struct options *o, struct es_err *err)
{
	bool standard = span_is(span_str(o->file), "-");
	const char *name = standard ? "<stdin>" : o->file;
	struct buf text = {0};
	int r;

	if (o->query.n > 0)
		return es_fail(err, ES_USAGE, "%.200s: a query is told by a "
		    "file or by flags, not by both", o->file);
	r = standard ? sys_read_fd(STDIN_FILENO, name, QUERY_BYTES, &text,
	    err) : sys_read_file(name, QUERY_BYTES, &text, err);
	if (r == 0 && query_parse(buf_span(&text).p, text.n, &o->query,
	    err) < 0)
		r = es_err_at(err, "%s", name);
	buf_free(&text);
	return r;
}

static int take_option(struct options *o, int id, struct es_err *err)
{
	switch (id) {
	case CLI_FOLLOW:
		o->follow = true;
		return 0;
	case CLI_COUNT:
		o->count = true;
		return 0;
	case CLI_UPCAST:
		o->upcast = true;
		return 0;
	case CLI_PRETTY:
		o->pretty = true;
		return 0;
	case CLI_GUARD:
		o->guard = o->cli.arg;
		return 0;
	case CLI_OPERAND:
		if (o->file)
			return es_fail(err, ES_USAGE, "%.200s: more than one "
			    "QUERY", o->cli.arg);
		o->file = o->cli.arg;
		return 0;
	default:
		return query_flag(&o->query, &o->bounds, id, o->cli.arg, err);
	}
}

static int parse_options(struct options *o, int argc, char **argv,
    struct es_err *err)
{
	int id;

	cli_begin(&o->cli, &program, argc, argv);
	o->bounds = (struct query_bounds)QUERY_BOUNDS_ALL;
	while ((id = cli_next(&o->cli, err)) != CLI_END) {
		if (id == CLI_DONE)
			return 1;
		if (id == CLI_ERROR || take_option(o, id, err) < 0)
			return -1;
	}
	if (o->file ? read_query(o, err) < 0 :
	    query_flags_end(&o->query, err) < 0)
		return -1;
	return check_together(o, err);
}

/* ---- printing ---- */

static int hand_on(struct output *out, struct span text, int64_t messages,
    struct es_err *err)
{
	if (cli_write(text.p, text.n, err) < 0)
		return -1;
	out->printed += messages;
	return out->each ? cli_flush(err) : 0;
}

/* ---- upcasts ---- */

#ifdef ES_UPCASTS
static int begin_upcasts(char **argv, struct upcast **out,
    struct es_err *err)
{
	(void)argv;
	return upcast_open(out, err);
}

static int upcast(struct output *out, struct message *m, struct es_err *err)
{
	if (out->upcast && upcast_or_fail(out->upcast,
	    store_catalog(*out->store), m, err) < 0)
		return es_err_at(err, "%s", store_path(*out->store));
	return 0;
}

static void end_upcasts(struct upcast *u)
{
	upcast_close(u);
}
#else
/* Returns only when it fails. */
static int begin_upcasts(char **argv, struct upcast **out,
    struct es_err *err)
{
	char *path = sys_libexec("es-query", err);

	*out = NULL;
	if (!path)
		return -1;
	execv(path, argv);
	es_fail_errno(err, "--upcast: %s", path);
	free(path);
	return -1;
}

static int upcast(struct output *out, struct message *m, struct es_err *err)
{
	(void)out;
	(void)m;
	(void)err;
	return 0;
}

static void end_upcasts(struct upcast *u)
{
	(void)u;
}
#endif

/* One by one: aligned, or as their newest version. */
static int print_each(struct find *f, struct output *out, struct es_err *err)
{
	struct message m;
	int r;

	while ((r = find_next(f, &m, err)) > 0) {
		if (upcast(out, &m, err) < 0)
			return -1;
		buf_truncate(&out->line, 0);
		if (out->pretty)
			message_print_pretty(&out->line, &m, out->colour,
			    out->width);
		else
			message_print(&out->line, &m);
		if (buf_check(&out->line, err) < 0 ||
		    hand_on(out, buf_span(&out->line), 1, err) < 0)
			return -1;
	}
	return r;
}

static int print_all(struct find *f, struct output *out, struct es_err *err)
{
	struct span lines;
	int64_t n;
	int r;

	if (out->pretty || out->upcast)
		return print_each(f, out, err);
	while ((r = find_lines(f, &lines, &n, err)) > 0)
		if (hand_on(out, lines, n, err) < 0)
			return -1;
	return r;
}

static int print_count(struct find *f, struct es_err *err)
{
	struct buf text = {0};
	int64_t n;
	int r = find_count(f, &n, err);

	buf_add_int(&text, n);
	buf_addc(&text, '\n');
	if (r == 0)
		r = buf_check(&text, err);
	if (r == 0)
		r = cli_write(text.p, text.n, err);
	buf_free(&text);
	return r;
}

/* ---- following ---- */

/* Nobody reads any more: end as a write would have ended it. */
static void end_with_reader(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO};

	if (poll(&out, 1, 0) > 0 && (out.revents & (POLLERR | POLLHUP)))
		raise(SIGPIPE);
}

/* Whether nothing that may be printed can come any more. */
static bool is_complete(const struct options *o, const struct find *f,
    const struct output *out)
{
	return (o->bounds.limit >= 0 && out->printed >= o->bounds.limit) ||
	    (o->bounds.id.p && out->printed > 0) ||
	    (o->bounds.before > 0 && find_head(f) >= o->bounds.before - 1);
}

static int follow(struct store **s, const struct options *o, struct find **f,
    struct output *out, struct es_err *err)
{
	struct follow *follow;
	int r;

	if (follow_begin(s, f, &o->query, &o->bounds, &follow, err) < 0)
		return -1;
	out->each = true;
	r = cli_flush(err);
	while (r == 0 && !is_complete(o, *f, out)) {
		r = follow_more(follow, err);
		if (r == 0)
			r = print_all(*f, out, err);
		if (r == 0 && !is_complete(o, *f, out))
			r = follow_wait(follow, err);
		end_with_reader();
	}
	follow_end(follow);
	return r;
}

static int run(const struct options *o, struct store **s,
    struct upcast *upcasts, struct es_err *err)
{
	struct output out = {.pretty = o->pretty,
	    .colour = cli_colour(stdout), .width = cli_width(stdout),
	    .store = s, .upcast = upcasts};
	struct find *f;
	int r;

	if (find_check_names(*s, &o->query, false, err) < 0 ||
	    find_open(*s, &o->query, &o->bounds, 0, &f, err) < 0)
		return -1;
	r = o->guard ? condition_write(o->guard, *s, &o->query, &o->bounds,
	    find_head(f), err) : 0;
	if (r == 0)
		r = o->count ? print_count(f, err) : print_all(f, &out, err);
	if (r == 0 && o->follow)
		r = follow(s, o, &f, &out, err);
	find_close(f);
	buf_free(&out.line);
	return r;
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct es_err err = {0};
	struct upcast *upcasts = NULL;
	struct store *s = NULL;
	int status = ES_OK;
	int r = parse_options(&o, argc, argv, &err);

	if (r == 0 && o.upcast)
		r = begin_upcasts(argv, &upcasts, &err);
	if (r == 0)
		r = store_open(o.cli.store, false, &s, &err);
	if (r == 0)
		r = run(&o, &s, upcasts, &err);
	if (r < 0)
		status = cli_error(&o.cli, &err);
	end_upcasts(upcasts);
	store_close(s);
	query_free(&o.query);
	return cli_close(&o.cli, status);
}
