/*
 * nth [-e EVERY] SCENARIO [FAULT...]: run a program again and again, and let
 * its first, second, third … call of a kind fail, until it gets through
 * without meeting the fault.  Each time: it ends well, or with one clear line;
 * it does not crash; what it acknowledged is stored, nothing is stored by
 * half; and the same again, without the fault, succeeds.
 *
 * -e tries only every so-manieth call, for a look; ES_FAULT_ROUNDS=20 tries
 * each and every one.  The scenarios stand in scenario.c, the kinds of faults
 * below.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run.h"
#include "scenario.h"
#include "sys.h"
#include "verify.h"

enum { ALL_ROUNDS = 20 };

static const struct kind {
	const char *name;
	unsigned classes;
	enum fault_mode mode;
	int error;
	bool succeeds;		/* it has to be done without notice */
	int step;		/* every so-manieth, 0: every one */
} kinds[] = {
	{"full", FAULT_WRITE, FAULT_FROM, ENOSPC, false, 0},
	{"full-once", FAULT_WRITE, FAULT_ONCE, ENOSPC, false, 0},
	{"write", FAULT_WRITE, FAULT_ONCE, EIO, false, 0},
	{"short-write", FAULT_WRITE, FAULT_SHORT, 0, true, 0},
	{"read", FAULT_READ, FAULT_ONCE, EIO, false, 0},
	{"short-read", FAULT_READ, FAULT_SHORT, 0, false, 0},
	{"interrupted", FAULT_READ | FAULT_WRITE, FAULT_ONCE, EINTR, true, 0},
	{"sync", FAULT_SYNC, FAULT_ONCE, EIO, false, 0},
	{"sync-from", FAULT_SYNC, FAULT_FROM, EIO, false, 0},
	{"truncate", FAULT_TRUNCATE, FAULT_ONCE, EIO, false, 0},
	{"open", FAULT_OPEN, FAULT_ONCE, EMFILE, false, 0},
	{"open-from", FAULT_OPEN, FAULT_FROM, EMFILE, false, 0},
	{"lock", FAULT_LOCK, FAULT_ONCE, ENOLCK, false, 0},
	/* SQLite takes it for a lock that is held, and waits. */
	{"lock-from", FAULT_LOCK, FAULT_FROM, EIO, false, 25},
	{"name", FAULT_NAME, FAULT_ONCE, EIO, false, 0},
	{"map", FAULT_MAP, FAULT_ONCE, ENOMEM, false, 0},
	{"map-from", FAULT_MAP, FAULT_FROM, ENOMEM, false, 0},
	{"memory", FAULT_MEMORY, FAULT_ONCE, ENOMEM, false, 0},
	{"memory-from", FAULT_MEMORY, FAULT_FROM, ENOMEM, false, 7},
	{"killed", FAULT_CHANGES, FAULT_KILL, 0, false, 0},
};

struct trial {
	const struct scenario *s;
	const struct kind *kind;
	long n;
	char *base, *dir, *store;	/* as it was; where it runs */
	struct log before, after;	/* without a fault */
	struct result good, r;
	int failures;
};

/* ---- what went wrong ---- */

static void complain(struct trial *t, const char *what, const char *detail)
{
	t->failures++;
	printf("%s: %s %ld: %s%s%s\n", t->s->name, t->kind->name, t->n, what,
	    detail ? ": " : "", detail ? detail : "");
	printf("    status %d, stdout: %.300s, stderr: %.500s\n", t->r.status,
	    t->r.out.p ? t->r.out.p : "",
	    t->r.err.p ? t->r.err.p : "");
	fflush(stdout);
	if (t->failures >= 10)
		run_die("%s: %s: enough of it", t->s->name, t->kind->name);
}

/* "PROG: PLACE: fault", or that there was no memory, and nothing else. */
static bool one_line(const struct trial *t, const struct buf *text)
{
	size_t name = strlen(t->s->argv[0]);
	const char *nl = text->n ? memchr(text->p, '\n', text->n) : NULL;
	const char *rest;

	if (!nl || strncmp(text->p, t->s->argv[0], name) != 0 ||
	    strncmp(text->p + name, ": ", 2) != 0)
		return false;
	rest = text->p + name + 2;
	if (!t->s->many_lines && nl + 1 != text->p + text->n)
		return false;
	return strstr(rest, ": ") != NULL ||
	    strncmp(rest, "out of memory", 13) == 0;
}

static void judge_end(struct trial *t)
{
	const struct result *r = &t->r;

	if (t->kind->mode == FAULT_KILL) {
		if (r->status != 128 + 9 && r->status != 0 && !t->s->many_lines)
			complain(t, "was not killed", NULL);
		return;
	}
	if (r->status > 127)
		complain(t, "a crash", NULL);
	else if (r->status == 0 && t->s->prints &&
	    (r->out.n != t->good.out.n ||
	    memcmp(r->out.p, t->good.out.p, r->out.n) != 0))
		complain(t, "other output, and status 0", r->out.p);
	else if (r->status != 0 && r->status != 1 && r->status != 5)
		complain(t, "the status", NULL);
	else if (r->status != 0 && t->kind->succeeds)
		complain(t, "could have been done", NULL);
	else if (r->status != 0 && !one_line(t, &r->err) &&
	    /* What cannot be read is a finding; memory is none of the store. */
	    !(t->s->reports && r->out.n && !r->err.n &&
	    t->kind->classes != FAULT_MEMORY))
		complain(t, "not one clear line", NULL);
}

/* ---- what is stored ---- */

static bool begins_with(const struct log *l, const struct log *prefix)
{
	return l->n >= prefix->n &&
	    memcmp(l->text.p, prefix->text.p ? prefix->text.p : "",
	    prefix->text.n) == 0;
}

/* Whether there is a file of the store's. */
static bool is_left(const struct trial *t)
{
	DIR *d = opendir(t->dir);
	struct dirent *e;
	bool left = false;

	if (!d)
		run_die("%s: %s", t->dir, strerror(errno));
	while ((e = readdir(d)))
		left |= strncmp(e->d_name, "es.db", 5) == 0;
	closedir(d);
	return left;
}

/* It is as it was, or has gone but for what the next one takes away. */
static void judge_removal(struct trial *t)
{
	struct log now = {0};
	struct es_err err;

	if (t->r.status == 0) {
		if (is_left(t))
			complain(t, "not all is removed, and status 0", NULL);
	} else if (access(t->store, F_OK) == 0) {
		if (verify_store(t->store, &now, &err) < 0)
			complain(t, "the store", err.text);
		else if (now.n != t->before.n || !begins_with(&now,
		    &t->before))
			complain(t, "what was there before is not", NULL);
	}
	log_free(&now);
}

static void judge_store(struct trial *t)
{
	struct log now = {0};
	struct es_err err;

	if (t->s->removes) {
		judge_removal(t);
		return;
	}
	if (t->before.n < 0) {		/* there need not be a store yet */
		if (t->r.status == 0 && verify_store(t->store, NULL,
		    &err) < 0)
			complain(t, "no store, and status 0", err.text);
		return;
	}
	if (verify_store(t->store, &now, &err) < 0)
		complain(t, "the store", err.text);
	else if (!t->s->rewrites && !begins_with(&now, &t->before))
		complain(t, "what was there before is not", NULL);
	else if (t->r.status == 0 && now.n != t->after.n)
		complain(t, "not all is stored, and status 0", NULL);
	else if (t->s->atomic && now.n != t->before.n && now.n != t->after.n)
		complain(t, "stored by half", NULL);
	else if (t->s->acknowledges &&
	    verify_lines(&now, buf_span(&t->r.out), NULL, &err) < 0)
		complain(t, "lost", err.text);
	log_free(&now);
}

static void run(struct trial *t)
{
	struct command c = {.argv = t->s->argv, .dir = t->dir};
	char *shim = run_shim("shim_fault");

	c.preload = shim;
	c.input = span_str(t->s->input);
	run_program(&c, &t->r);
	free(shim);
}

static void judge_check(struct trial *t, const char *const *argv)
{
	struct command c = {.argv = argv, .dir = t->dir};

	run_program(&c, &t->r);
	if (t->r.status != 0)
		complain(t, "does not pass its check", t->r.out.p);
}

/* After a failure of memory, of which there are thousands, not each time. */
static void judge_sound(struct trial *t)
{
	static const char *const check[] = {"es-check", NULL};

	if (!(t->kind->classes & FAULT_MEMORY) || t->n % 10 == 1)
		judge_check(t, check);
	if (t->s->check)
		judge_check(t, t->s->check);
}

/* The same again, when nothing fails. */
static void judge_repeat(struct trial *t)
{
	bool there = is_left(t);
	struct log now = {0};
	struct es_err err;

	run_fault()->mode = FAULT_NOTHING;
	run(t);
	if (t->s->removes) {
		if (is_left(t) || (there && t->r.status != 0))
			complain(t, "is not removed afterwards", NULL);
	} else if (t->r.status != 0)
		complain(t, "does not succeed afterwards", NULL);
	else if (verify_store(t->store, &now, &err) < 0)
		complain(t, "the store afterwards", err.text);
	else if (now.n != t->after.n)
		complain(t, "another log afterwards", NULL);
	else
		judge_sound(t);
	log_free(&now);
}

/* ---- one fault after the other ---- */

static void put_back(struct trial *t)
{
	run_clear(t->dir);
	run_copy(t->base, t->dir);
}

/* Whether the nth call was reached. */
static bool attempt(struct trial *t)
{
	struct fault *f = run_fault();

	put_back(t);
	*f = (struct fault){.classes = t->kind->classes,
	    .mode = t->kind->mode, .error = t->kind->error, .n = t->n,
	    /* To a worker it is its limit: its message's fault. */
	    .only_first = t->s->only_first ||
	    t->kind->classes == FAULT_MEMORY};
	run(t);
	if (f->hits == 0)
		return false;
	judge_end(t);
	judge_store(t);
	judge_repeat(t);
	return true;
}

/*
 * Memory, and whatever a program does that does very much: behind the first
 * hundred some of them, others each time, the more of them the more rounds.
 */
static long step(const struct trial *t, long every)
{
	long n = t->kind->step ? t->kind->step * every : every;

	if (t->n > 100 && run_rounds(1) < ALL_ROUNDS &&
	    (t->s->sparse || t->kind->classes == FAULT_MEMORY))
		n += (long)run_random((uint64_t)(2 * t->n /
		    run_rounds(t->s->sparse ? 25 : 50)) + 1);
	return n;
}

static void try_kind(struct trial *t, const struct kind *kind, long every)
{
	long tried = 0;

	t->kind = kind;
	t->failures = 0;
	for (t->n = 1; attempt(t); t->n += step(t, every))
		tried++;
	if (t->r.status != 0)
		complain(t, "fails without a fault", NULL);
	printf("%s: %s: %ld of %ld calls\n", t->s->name, kind->name, tried,
	    (long)run_fault()->calls);
	fflush(stdout);
}

static void prepare(struct trial *t)
{
	struct es_err err;

	t->base = run_path("base");
	t->dir = run_path("dir");
	run_shell(run_place(), "mkdir base dir");
	run_shell(t->base, t->s->setup);
	t->store = run_path("dir/es.db");
	put_back(t);
	if (verify_store(t->store, &t->before, &err) < 0)
		t->before.n = -1;
	*run_fault() = (struct fault){0};
	run(t);
	if (t->r.status != 0)
		run_die("%s: status %d: %s", t->s->name, t->r.status,
		    t->r.err.p);
	buf_swap(&t->good.out, &t->r.out);
	if (!t->s->removes && verify_store(t->store, &t->after, &err) < 0)
		run_die("%s: %s", t->s->name, err.text);
}

static bool wanted(char **names, int n, const char *name)
{
	bool found = n == 0;

	for (int i = 0; i < n; i++)
		found = found || strcmp(names[i], name) == 0;
	return found;
}

int main(int argc, char **argv)
{
	struct trial t = {0};
	int c, failures = 0;
	long every = 1;

	while ((c = getopt(argc, argv, "e:")) != -1)
		every = c == 'e' ? strtol(optarg, NULL, 10) : 0;
	if (every < 1 || optind >= argc ||
	    !(t.s = scenario_find(argv[optind]))) {
		fputs("usage: nth [-e EVERY] SCENARIO [FAULT...]\n", stderr);
		return 2;
	}
	run_seed();
	prepare(&t);
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!wanted(argv + optind + 1, argc - optind - 1,
		    kinds[i].name))
			continue;
		try_kind(&t, &kinds[i], every);
		failures += t.failures;
	}
	return failures != 0;
}
