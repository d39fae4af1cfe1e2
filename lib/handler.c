#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "handler.h"
#include "handlerhead.h"
#include "handlerreads.h"
#include "hash.h"
#include "sys.h"

#define HANDLER_MAX (1024 * 1024)	/* bytes of a handler's file */

/* ---- names ---- */

/* "deciders/donation.jq" -> "donation" */
static char *name_of(const char *path)
{
	const char *base = strrchr(path, '/'), *dot;

	base = base ? base + 1 : path;
	dot = strrchr(base, '.');
	return strndup(base, dot && dot > base ? (size_t)(dot - base) :
	    strlen(base));
}

static bool ends_in(const char *path, const char *suffix)
{
	size_t n = strlen(path), m = strlen(suffix);

	return n > m && strcmp(path + n - m, suffix) == 0;
}

int handler_check_name(const char *name, struct es_err *err)
{
	size_t n = strlen(name);
	char shown[80];

	if (n > 0 && n <= 64 && name[0] != '.' && name[0] != '-' &&
	    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	    "0123456789_.-") == n)
		return 0;
	return es_fail(err, ES_FAILED, "\"%s\" cannot be a group's name: it "
	    "must have 1 to 64 of A-Z a-z 0-9 _ . - and not begin with . or -",
	    es_escape(shown, sizeof shown, name, n));
}

static int take_name(struct handler *h, struct es_err *err)
{
	if (handler_check_name(h->name, err) < 0)
		return es_err_at(err, "%s", h->path);
	h->named = true;
	return 0;
}

/* ---- loading ---- */

static void digest(struct handler *h)
{
	struct hash_sha256 sum;

	hash_sha256_init(&sum);
	if (h->text.n)
		hash_sha256_add(&sum, h->text.p, h->text.n);
	else
		for (char **arg = h->argv; arg && *arg; arg++)
			hash_sha256_add(&sum, *arg, strlen(*arg) + 1);
	hash_sha256_end(&sum, h->hash);
}

static int load_jq(struct handler *h, struct es_err *err)
{
	if (scan_jq(h->path, h->text.p, h->text.n, &h->scan, err) < 0)
		return -1;
	h->ops = h->scan.ops;
	return 0;
}

/* An executable runs where its app is: two levels up from APP/reactors/X. */
static int load_exec(struct handler *h, struct es_err *err)
{
	if (access(h->path, X_OK) < 0)
		return es_fail(err, ES_NOEXEC, "%s: neither a .jq file nor "
		    "executable (chmod +x?)", h->path);
	h->argv = calloc(2, sizeof *h->argv);
	if (!h->argv)
		return es_fail_nomem(err);
	h->argv[0] = realpath(h->path, NULL);
	if (!h->argv[0])
		return es_fail_errno(err, "%s", h->path);
	if (handler_head(h, err) < 0)
		return -1;
	h->ops = (h->scan.decides.n ? SCAN_DECIDE : 0) |
	    (h->scan.reacts.n ? SCAN_REACT : 0);
	return 0;
}

int handler_load(const char *path, struct handler *out, struct es_err *err)
{
	struct handler *h = out;
	struct stat st;
	int r;

	*h = (struct handler){.retries = -1, .backoff_ms = -1,
	    .deadline_ms = -1};
	if (stat(path, &st) < 0)
		return es_fail(err, errno == ENOENT || errno == ENOTDIR ?
		    ES_NOTFOUND : ES_FAILED, "%s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return es_fail(err, ES_FAILED, "%s: not a file", path);
	h->path = strdup(path);
	h->name = name_of(path);
	if (!h->path || !h->name) {
		handler_free(h);
		return es_fail_nomem(err);
	}
	h->kind = ends_in(path, ".jq") ? HANDLER_JQ :
	    ends_in(path, ".sql") ? HANDLER_SQL : HANDLER_EXEC;
	if (h->kind == HANDLER_SQL)
		r = es_fail(err, ES_FAILED, "%s: this version has no SQL "
		    "projectors: write it as a .jq file", path);
	else if (sys_read_file(path, HANDLER_MAX, &h->text, err) < 0)
		r = -1;
	else
		r = h->kind == HANDLER_JQ ? load_jq(h, err) :
		    load_exec(h, err);
	/* A jq file may say another one. */
	if (r == 0 && !(h->ops & SCAN_ABOUT))
		r = take_name(h, err);
	if (r < 0) {
		handler_free(h);
		return -1;
	}
	digest(h);
	return 0;
}

int handler_command(const char *name, char *const argv[],
    struct handler *out, struct es_err *err)
{
	struct handler *h = out;
	size_t n = 0, i;

	*h = (struct handler){.kind = HANDLER_EXEC, .ops = SCAN_REACT,
	    .named = true, .retries = -1, .backoff_ms = -1, .deadline_ms = -1};
	if (handler_check_name(name, err) < 0)
		return -1;
	while (argv[n])
		n++;
	h->path = strdup(argv[0]);
	h->name = strdup(name);
	h->argv = calloc(n + 1, sizeof *h->argv);
	for (i = 0; h->argv && i < n; i++)
		if (!(h->argv[i] = strdup(argv[i])))
			break;
	if (!h->path || !h->name || !h->argv || i < n) {
		handler_free(h);
		return es_fail_nomem(err);
	}
	digest(h);
	return 0;
}

static void free_list(char **v, size_t n)
{
	while (v && n > 0)
		free(v[--n]);
	free(v);
}

void handler_free(struct handler *h)
{
	size_t n = 0;

	while (h->argv && h->argv[n])
		n++;
	free_list(h->argv, n);
	free_list(h->partition_by, h->n_partition_by);
	handler_free_reads(h);
	free(h->path);
	free(h->name);
	free(h->directory);
	buf_free(&h->text);
	scan_free(&h->scan);
	*h = (struct handler){0};
}

/* ---- starting ---- */

/* What `about` said, if it was heard; ends either. */
static int take_about(struct handler *h, int r, struct buf *about,
    struct jqrun **out, struct es_err *err)
{
	if (r == 0 && handler_about(h, buf_span(about), err) == 0)
		r = take_name(h, err);
	else
		r = -1;
	if (r == 0 && h->deadline_ms > 0)
		jqrun_set_deadline(*out, (int)h->deadline_ms);
	if (r < 0) {
		jqrun_close(*out);
		*out = NULL;
	}
	buf_free(about);
	return r;
}

int handler_start_one(struct handler *h, struct jqnursery *n, size_t i,
    struct jqrun **out, struct es_err *err)
{
	struct jqrun_limits use = JQRUN_LIMITS_DEFAULT;
	struct buf about = {0};
	int r = jqrun_open_one(n, i, use.deadline_ms, out, &about, err);

	return take_about(h, r, &about, out, err);
}

int handler_start(struct handler *h, const struct jqrun_limits *limits,
    struct jqrun **out, struct es_err *err)
{
	struct jqrun_limits use = JQRUN_LIMITS_DEFAULT;
	struct buf about = {0};
	int r;

	*out = NULL;
	if (h->kind != HANDLER_JQ)
		return 0;
	if (limits)
		use = *limits;
	r = jqrun_open(h->path, buf_span(&h->text), h->scan.defs, h->ops,
	    &use, out, &about, err);
	return take_about(h, r, &about, out, err);
}

/* ---- the definition ---- */

static void print_types(struct buf *out, const char *name,
    const struct scan_types *types)
{
	size_t i;

	if (types->n == 0)
		return;
	buf_addf(out, ",\"%s\":[", name);
	for (i = 0; i < types->n; i++) {
		if (i)
			buf_addc(out, ',');
		json_quote_span(out, span_str(types->v[i]));
	}
	buf_addc(out, ']');
}

void handler_definition(const struct handler *h, struct buf *out)
{
	const char *kind = h->kind == HANDLER_JQ ? "jq" : "executable";
	size_t i;

	buf_addf(out, "{\"kind\":\"%s\"", kind);
	print_types(out, "decides", &h->scan.decides);
	print_types(out, "evolves", &h->scan.evolves);
	print_types(out, "reacts", &h->scan.reacts);
	if (h->n_partition_by) {
		buf_adds(out, ",\"partition_by\":[");
		for (i = 0; i < h->n_partition_by; i++) {
			if (i)
				buf_addc(out, ',');
			json_quote_span(out, span_str(h->partition_by[i]));
		}
		buf_addc(out, ']');
	}
	buf_addc(out, '}');
}
