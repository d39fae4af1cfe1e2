/*
 * es-erase: take messages out of a store; es-erase(1).
 *
 * What is to be erased is read before the store is locked; all of it is one
 * transaction.  What that leaves in the -wal is removed after it, and again by
 * whoever runs es-erase with the same ids.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "erase.h"
#include "intake.h"
#include "sys.h"

#define CLEAN_MS 10000		/* how long readers may hold the -wal back */

static const char *const synopsis[] = {
	"[-q] ID...",
	"[-q] - <MESSAGES",
	NULL
};

static const int flags[] = {0};

static const struct cli_program program = {
	.name = "es-erase",
	.synopsis = synopsis,
	.summary = "Take payload, metadata and tags out of messages, for good; "
	    "\"-\": of those that stand on stdin, as es-query prints them.",
	.examples =
	    "  es-erase 018f2b5c-9a1e-7cc3-9d7f-3b1d2c5e8f10\n"
	    "  es-query -k donor_id=7 | es-erase -\n"
	    "  es-query -t es.message_erased    # what was erased, and when\n",
	.see_also = "es-query(1), es-message(5), es-store(5), es(7)",
	.flags = flags,
};

struct options {
	struct cli cli;
	char **ids;
	int n_ids;
	bool input;		/* one of them is "-" */
};

struct job {
	struct options *o;
	struct store *store;
	struct erasure *erasure;
	struct intake in;
	struct spool out;
	struct json_doc doc;
	struct buf text;
};

static int parse_options(struct options *o, int argc, char **argv,
    struct es_err *err)
{
	int id;

	cli_begin(&o->cli, &program, argc, argv);
	o->ids = calloc((size_t)argc + 1, sizeof *o->ids);
	if (!o->ids)
		return es_fail_nomem(err);
	while ((id = cli_next(&o->cli, err)) != CLI_END) {
		if (id == CLI_DONE)
			return 1;
		if (id == CLI_ERROR)
			return -1;
		o->ids[o->n_ids++] = argv[o->cli.at - 1];
		if (strcmp(o->cli.arg, "-") != 0 || cli_ended(&o->cli))
			continue;
		if (o->input)
			return es_fail(err, ES_USAGE, "-: only once");
		o->input = true;
	}
	return o->n_ids ? 0 : es_fail(err, ES_USAGE, "the id of a message is "
	    "needed, or - to read messages from stdin");
}

/* ---- what is to be erased ---- */

/* A line of es-query, or an id. */
static int add_text(struct job *j, struct span line, struct es_err *err)
{
	struct json_doc *d = &j->doc;
	uint32_t id, at;
	int64_t position = 0;

	if (*line.p != '{')
		return message_check_id(line, "id", err) < 0 ? -1 :
		    erasure_add(j->erasure, line, 0, err);
	if (json_parse(d, line.p, line.n, err) < 0)
		return -1;
	id = json_get(d, 0, "id");
	if (id == JSON_NONE || d->nodes[id].type != JSON_STRING)
		return es_fail(err, ES_FAILED, "id: is missing, or no string");
	/* What an earlier es-erase left behind holds nothing. */
	at = json_get(d, 0, "type");
	if (at != JSON_NONE && json_is(d, at, "es.message_erased"))
		return 0;
	at = json_get(d, 0, "position");
	if (at != JSON_NONE && json_int(d, at, 1, INT64_MAX, &position) < 0)
		return es_fail(err, ES_FAILED, "position: is no position");
	buf_truncate(&j->text, 0);
	return erasure_add(j->erasure, json_string(d, id, &j->text), position,
	    err);
}

/* A fault of the store names it; any other is one of the line. */
static int at_place(const struct job *j, const struct intake_line *l,
    struct es_err *err)
{
	const char *path = store_path(j->store);

	if (err->code != ES_FAILED ||
	    strncmp(err->text, path, strlen(path)) == 0)
		return -1;
	return l ? es_err_at(err, "%s:%lld", l->name, (long long)l->line) :
	    es_err_at(err, "%s", path);
}

static int add_lines(struct job *j, struct es_err *err)
{
	struct intake_line line;

	while (intake_next(&j->in, &line)) {
		if (add_text(j, line.text, err) == 0)
			continue;
		if (line.unterminated)
			es_err_at(err, "cut off, or without its newline");
		return at_place(j, &line, err);
	}
	return 0;
}

static int add_all(struct job *j, struct es_err *err)
{
	struct options *o = j->o;
	int i;

	for (i = 0; i < o->n_ids; i++) {
		struct span id = span_str(o->ids[i]);

		if (o->input && span_is(id, "-")) {
			if (add_lines(j, err) < 0)
				return -1;
		} else if (message_check_id(id, "id", err) < 0 ||
		    erasure_add(j->erasure, id, 0, err) < 0) {
			return at_place(j, NULL, err);
		}
	}
	return 0;
}

/* ---- erasing ---- */

/* One transaction; without anything to erase there is none. */
static int erase(struct job *j, struct es_err *err)
{
	if (erasure_open(j->store, &j->erasure, err) < 0)
		return -1;
	if (store_check_same(j->store, err) < 0 || add_all(j, err) < 0 ||
	    erasure_end(j->erasure, &j->out, err) < 0) {
		store_rollback(j->store);
		return -1;
	}
	if (erasure_count(j->erasure))
		return store_commit(j->store, err);
	store_rollback(j->store);
	return 0;
}

/* After the commit, and so after everything that could undo it. */
static int acknowledge(struct job *j, struct es_err *err)
{
	struct es_err why;
	struct span all;

	if (j->o->cli.verbose)
		cli_warn(&j->o->cli, "%s: %zu erased", store_path(j->store),
		    erasure_count(j->erasure));
	if (j->o->cli.quiet || erasure_count(j->erasure) == 0)
		return 0;
	if (spool_end(&j->out, &all, &why) == 0 &&
	    cli_write(all.p, all.n, &why) == 0 && cli_flush(&why) == 0)
		return 0;
	return es_fail(err, ES_FAILED, "%s (%zu erased)", why.text,
	    erasure_count(j->erasure));
}

static int clean(struct job *j, struct es_err *err)
{
	const char *path = store_path(j->store);
	bool held;

	if (store_erase_clean(j->store, CLEAN_MS, &held, err) < 0)
		return -1;
	return !held ? 0 : es_fail(err, ES_BUSY, "%s-wal: it is erased, but a "
	    "program that reads %s holds this file back, in which it can "
	    "still be read: end that program, then run es-erase once more "
	    "with the same ids", path, path);
}

static int run(struct job *j, struct es_err *err)
{
	struct es_err other;
	int r;

	intake_init(&j->in, NULL, 0, MESSAGE_LINE_MAX, false);
	if (j->o->input && intake_gather(&j->in, INTAKE_ALL, err) < 0)
		return -1;
	if (store_open(j->o->cli.store, true, &j->store, err) < 0 ||
	    erase(j, err) < 0)
		return -1;
	/* The bytes have to go whether or not somebody is told. */
	r = acknowledge(j, err);
	if (clean(j, r < 0 ? &other : err) < 0)
		r = -1;
	return r;
}

static void release(struct job *j)
{
	erasure_close(j->erasure);
	store_close(j->store);
	intake_free(&j->in);
	spool_free(&j->out);
	json_free(&j->doc);
	buf_free(&j->text);
	free(j->o->ids);
}

int main(int argc, char **argv)
{
	struct options o = {0};
	struct job j = {.o = &o};
	struct es_err err = {0};
	int status = ES_OK;
	int r = parse_options(&o, argc, argv, &err);

	/* The reader may be gone: then there is still something to do. */
	signal(SIGPIPE, SIG_IGN);
	if (r == 0)
		r = run(&j, &err);
	if (r < 0)
		status = cli_error(&o.cli, &err);
	release(&j);
	return cli_close(&o.cli, status);
}
