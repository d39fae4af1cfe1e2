/*
 * kill [ROUNDS]: kill -9 programs at random moments, thousands of times, and
 * find what was acknowledged.
 *
 * Each round some programs run on the same store: they append one message, a
 * batch, a stream line by line, by a decider; react and project; copy, check,
 * erase.  Each is killed after a random while, most of them in the midst of
 * it.  Then, as a reader who comes later: all of verify_store(); every
 * acknowledged line under its position with its bytes; a batch wholly there or
 * not at all; one outcome a command; what was there before stays as it was, or
 * is erased together with what was to be erased with it; a copy is sound, or
 * not there; now and then, es-check.
 *
 * Every so often the store begins anew, so that it goes through folds of the
 * index, checkpoints and closes at all sizes; before that es-react and es-erase
 * finish, and then all is as if nobody had been killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "run.h"
#include "sys.h"
#include "verify.h"
#include "writer.h"

enum { MESSAGES = 6000 };

struct test {
	char *dir, *store;
	struct log log, before;
	struct buf erased;		/* ids of all that was to be */
	long batches, killed, ended, acknowledged, erasures;
	long by_shape[WRITER_SHAPES];
	uint64_t window[WRITER_SHAPES];	/* killed within so many µs */
};

static const char handlers[] = "cat >seats.jq <<'E'\n"
    "def about: {partition_by: [\"x\"]};\n"
    "def initial: 0;\n"
    "def evolve($e): apply($e; \"a.taken\"; . + 1);\n"
    "def decide($c): on($c; \"a.take\"; require(. < 9; \"full\")\n"
    "  | event(\"a.taken\"; {x: $c.payload.x, number: (. + 1)}));\n"
    "E\n"
    "cat >copy.jq <<'E'\n"
    "def about: {partition_by: [\"batch\"]};\n"
    "def react($e): on($e; \"a.b\"; event(\"a.copied\";\n"
    "  {of: $e.payload.batch, i: $e.payload.i, end: 1}));\n"
    "E\n"
    "cat >sum.jq <<'E'\n"
    "def about: {partition_by: [\"of\"]};\n"
    "def initial: {n: 0, sum: 0};\n"
    "def evolve($e): apply($e; \"a.copied\";\n"
    "  .n += 1 | .sum += .n * $e.payload.i);\n"
    "E\n";

/* The reactors' groups are there from the first, so they react to all. */
static const char begin[] = "es-init; es-react -q copy.jq seats.jq sum.jq";

/*
 * Each message copied once and in its partition's order; each command with its
 * outcome; the read model equal to one that is made anew; none left behind.
 */
static const char finish[] =
    "es-react -q copy.jq seats.jq sum.jq\n"
    "pairs() { es-query -t \"$1\" | sed 's/.*\"payload\":{\"[a-z]*\":"
    "\\([0-9]*\\),\"i\":\\([0-9]*\\),.*/\\1 \\2/' | sort -s -n -k 1,1; }\n"
    "pairs a.b >want; pairs a.copied >got; cmp want got\n"
    "test \"$(es-query --count -t a.take)\" = \"$(sqlite3 -readonly es.db "
    "'select count(*) from outcome')\"\n"
    "es-project --print sum.jq >followed\n"
    "es-project --rebuild sum.jq\n"
    "es-project --print sum.jq | cmp - followed\n"
    "es-erase -q - <erased\n"
    "sed 's/.*/MARK&X/' erased >marks\n"
    "if test -s marks && grep -raqFf marks es.db*; then exit 1; fi\n"
    "if es-group list --json | grep -E '\"(lag|parked)\":[1-9]'; then exit 1; fi\n"
    "es-check\n";

/* ---- the killing ---- */

static void start(struct test *t, struct writer *w, int number)
{
	writer_start(w, number, ++t->batches, &t->before, t->dir);
	if (w->shape->input == ID)
		buf_add_span(&t->erased, buf_span(&w->input));
}

static void complain(const struct writer *w, int status)
{
	struct buf text = {0};

	run_read(w->err, &text);
	run_die("%s %s: status %d: %s", w->shape->argv[0], w->shape->name,
	    status, text.n ? text.p : "");
}

/*
 * After a random while, which is fitted to how long such a writer takes: so
 * that four of five are killed.
 */
static void kill_later(struct test *t, struct writer *w)
{
	uint64_t *window = &t->window[w->shape - writer_shapes];
	uint64_t us = run_random(*window);
	struct timespec pause = {(time_t)(us / 1000000),
	    (long)(us % 1000000) * 1000};
	int status;

	nanosleep(&pause, NULL);
	kill(w->pid, SIGKILL);
	if (waitpid(w->pid, &status, 0) != w->pid)
		run_die("waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status)) {
		t->killed++;
		t->by_shape[w->shape - writer_shapes]++;
		*window += *window / 50;
	} else {
		t->ended++;
		*window -= *window > 500 ? *window / 13 : 0;
	}
	/* 4: rejected */
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0 &&
	    WEXITSTATUS(status) != 4 && !(WEXITSTATUS(status) == 5 &&
	    w->shape->busy))
		complain(w, WEXITSTATUS(status));
}

/* ---- what is there ---- */

static long occurrences(struct span text, const char *needle)
{
	const char *p = text.p, *end = text.p + text.n;
	size_t n = strlen(needle);
	long found = 0;

	for (; p < end && (p = memmem(p, (size_t)(end - p), needle, n)); p++)
		found++;
	return found;
}

/* Of those that came in this round. */
static long messages_of(const struct test *t, const struct writer *w)
{
	size_t from = t->before.n ? t->log.at[t->before.n] : 0;
	char needle[48];

	snprintf(needle, sizeof needle, "\"batch\":%ld,", w->batch);
	return occurrences((struct span){t->log.text.p + from,
	    t->log.text.n - from}, needle);
}

/* Whether a line is what es-erase makes of a secret. */
static bool is_erasure(struct span old, struct span now)
{
	static const char payload[] = ",\"payload\":";
	static const char gone[] = ",\"payload\":{},\"metadata\":{}";
	const char *p = memmem(old.p, old.n, payload, sizeof payload - 1);
	size_t n = p ? (size_t)(p - old.p) : 0;

	return p && writer_is_secret(old) && !writer_is_erased(old) &&
	    writer_is_erased(now) && now.n > n + sizeof gone &&
	    memcmp(now.p, old.p, n) == 0 &&
	    memcmp(now.p + n, gone, sizeof gone - 1) == 0;
}

static void judge_before(struct test *t)
{
	bool same = t->log.n >= t->before.n;

	for (int64_t p = 1; same && p <= t->before.n; p++) {
		struct span old = log_line(&t->before, p);
		struct span now = log_line(&t->log, p);

		same = span_eq(old, now) || is_erasure(old, now);
	}
	if (!same)
		run_die("after %ld kills: what was there is not", t->killed);
	if (t->log.n && occurrences(buf_span(&t->log.text),
	    "\"erased_at\":") != occurrences(buf_span(&t->log.text),
	    "\"type\":\"es.message_erased\""))
		run_die("after %ld kills: erased and not told, or told and "
		    "not erased", t->killed);
}

static void judge_erased(struct test *t, const struct writer *w)
{
	int n = 0;

	for (int i = 0; i < w->n_erases; i++)
		n += writer_is_erased(log_line(&t->log, w->erases[i]));
	if (n != 0 && n != w->n_erases)
		run_die("after %ld kills: %d of %d erased", t->killed, n,
		    w->n_erases);
	t->erasures += n;
}

static void judge_output(struct test *t, const struct writer *w)
{
	struct buf text = {0};
	struct es_err err;

	run_read(w->out, &text);
	if (verify_lines(&t->log, buf_span(&text), NULL, &err) < 0)
		run_die("after %ld kills: %s: %s", t->killed, w->shape->name,
		    err.text);
	for (size_t k = 0; k < text.n; k++)
		t->acknowledged += text.p[k] == '\n';
	buf_free(&text);
}

static void judge(struct test *t, const struct writer *w, int n)
{
	struct es_err err;

	if (verify_store(t->store, &t->log, &err) < 0)
		run_die("after %ld kills: %s", t->killed, err.text);
	judge_before(t);
	for (int i = 0; i < n; i++) {
		long there = messages_of(t, &w[i]);

		if (w[i].shape->batch && there != 0 && there != w[i].lines)
			run_die("after %ld kills: %ld of a batch of %d",
			    t->killed, there, w[i].lines);
		judge_erased(t, &w[i]);
		if (w[i].shape->after)
			run_shell(t->dir, w[i].shape->after);
		else
			judge_output(t, &w[i]);
	}
}

static void keep(struct test *t)
{
	struct log old = t->before;

	t->before = t->log;
	t->log = (struct log){0};
	log_free(&old);
}

static void end(struct test *t)
{
	char *path = run_path("dir/erased");
	struct es_err err;

	if (sys_write_file(path, t->erased.n ? buf_span(&t->erased) :
	    SPAN_LIT(""), false, &err) < 0)
		run_die("%s", err.text);
	run_shell(t->dir, finish);
	free(path);
}

static void begin_anew(struct test *t)
{
	run_clear(t->dir);
	run_shell(t->dir, handlers);
	run_shell(t->dir, begin);
	log_free(&t->before);
	buf_truncate(&t->erased, 0);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : run_rounds(2500);
	static struct writer w[WRITERS];
	struct test t = {0};

	run_seed();
	for (int i = 0; i < WRITER_SHAPES; i++)
		t.window[i] = (uint64_t)writer_shapes[i].millis * 1000;
	t.dir = run_path("dir");
	t.store = run_path("dir/es.db");
	run_shell(run_place(), "mkdir dir");
	begin_anew(&t);
	for (long i = 0; i < rounds; i++) {
		int n = run_random(3) ? 1 : 1 + (int)run_random(WRITERS);

		if (t.before.n > MESSAGES || t.before.text.n > 6 << 20) {
			end(&t);
			begin_anew(&t);
		}
		for (int k = 0; k < n; k++)
			start(&t, &w[k], k);
		for (int k = 0; k < n; k++)
			kill_later(&t, &w[k]);
		judge(&t, w, n);
		keep(&t);
		if (i % 20 == 0)
			run_shell(t.dir, "es-check");
	}
	end(&t);
	printf("%ld killed, %ld had ended; %ld acknowledged, all there; "
	    "%ld erased\n", t.killed, t.ended, t.acknowledged, t.erasures);
	for (int i = 0; i < WRITER_SHAPES; i++)
		printf("killed %s: %ld\n", writer_shapes[i].name, t.by_shape[i]);
	log_free(&t.before);
	log_free(&t.log);
	buf_free(&t.erased);
	for (int i = 0; i < WRITERS; i++)
		buf_free(&w[i].input);
	free(t.dir);
	free(t.store);
	return 0;
}
