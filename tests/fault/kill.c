/*
 * kill [ROUNDS]: kill -9 programs at random moments, thousands of times, and
 * find what was acknowledged.
 *
 * Each round some programs run on the same store: they append one message, a
 * batch, a stream line by line, by a decider; react and project; copy, check.
 * Each is killed after a random while, most of them in the midst of it.  Then,
 * as a reader who comes later:
 * all of verify_store(); every acknowledged line under its position with its
 * bytes; a batch wholly there or not at all; one outcome a command; what was
 * there before stays as it was; a copy is sound, or not there; now and then,
 * es-check.  Every so often the store begins anew, so that it goes through
 * folds of the index, checkpoints and closes at all sizes; before that es-react
 * finishes, and then all is as if nobody had been killed.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "run.h"
#include "sys.h"
#include "verify.h"

extern char **environ;

enum { WRITERS = 3, MESSAGES = 6000 };

static const struct shape {
	const char *name;
	const char *const argv[6];
	bool batch;		/* all of its lines, or none */
	int lines;		/* at most; 0: no input */
	int pad;		/* bytes of a message, about */
	int millis;		/* killed within, to begin with */
	const char *after;	/* what has to succeed then, for sh */
} shapes[] = {
	{"each", {"es-append", "--each"}, false, 300, 40, 30, NULL},
	{"each-large", {"es-append", "--each"}, false, 60, 9000, 40, NULL},
	{"batch", {"es-append"}, true, 400, 40, 30, NULL},
	{"batch-large", {"es-append"}, true, 500, 9000, 90, NULL},
	{"small", {"es-append"}, true, 3, 40, 12, NULL},
	{"one", {"es-append", "-t", "a.c", "x=1"}, true, 0, 0, 12, NULL},
	{"decide", {"es-decide", "seats.jq"}, false, 12, 0, 120, NULL},
	{"react", {"es-react", "-q", "copy.jq", "seats.jq", "sum.jq"}, false,
	    0, 0, 200, ":"},
	{"copy", {"es-copy", "-q", "--force", "copy.db"}, false, 0, 0, 60,
	    "test ! -e copy.db || es-check -s copy.db"},
	{"check", {"es-check"}, false, 0, 0, 60, ":"},
};
enum { N_SHAPES = sizeof shapes / sizeof *shapes };

struct writer {
	const struct shape *shape;
	pid_t pid;
	long batch;		/* its number, in the messages */
	int lines;
	struct buf input;
	char out[32];
};

struct test {
	char *dir, *store;
	struct log log, before;
	long batches, killed, ended, acknowledged, by_shape[N_SHAPES];
	uint64_t window[N_SHAPES];	/* killed within so many µs */
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
    "if es-group list --json | grep -E '\"(lag|parked)\":[1-9]'; then exit 1; fi\n"
    "es-check\n";

/* ---- writers ---- */

static void make_input(struct writer *w)
{
	const struct shape *s = w->shape;
	int pad = s->pad ? (int)run_random((uint64_t)s->pad * 2) : 0;

	buf_truncate(&w->input, 0);
	w->lines = s->lines ? 1 + (int)run_random((uint64_t)s->lines) : 0;
	for (int i = 0; i < w->lines; i++) {
		if (s->pad)
			buf_addf(&w->input, "{\"type\":\"a.b\",\"payload\":"
			    "{\"batch\":%ld,\"i\":%d,\"pad\":\"%0*d\"}}\n",
			    w->batch, i, pad, 0);
		else
			buf_addf(&w->input, "{\"id\":\"t%ld-%d\",\"kind\":"
			    "\"command\",\"type\":\"a.take\",\"payload\":"
			    "{\"x\":\"p%d\",\"batch\":%ld}}\n", w->batch, i,
			    (int)run_random(40), w->batch);
	}
}

static int file(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		run_die("%s: %s", path, strerror(errno));
	return fd;
}

static void start(struct test *t, struct writer *w, int number)
{
	posix_spawn_file_actions_t files;
	struct es_err err;
	char in[32];
	char *in_path, *out_path;
	int r, fd[3];

	w->shape = &shapes[run_random(N_SHAPES)];
	w->batch = ++t->batches;
	make_input(w);
	snprintf(in, sizeof in, "in%d", number);
	snprintf(w->out, sizeof w->out, "out%d", number);
	in_path = run_path(in);
	out_path = run_path(w->out);
	if (sys_write_file(in_path, w->input.n ? buf_span(&w->input) :
	    SPAN_LIT(""), false, &err) < 0)
		run_die("%s", err.text);
	fd[0] = file(in_path, O_RDONLY);
	fd[1] = file(out_path, O_WRONLY | O_CREAT | O_TRUNC);
	fd[2] = file("/dev/null", O_WRONLY);
	posix_spawn_file_actions_init(&files);
	for (int i = 0; i < 3; i++)
		posix_spawn_file_actions_adddup2(&files, fd[i], i);
	posix_spawn_file_actions_addchdir_np(&files, t->dir);
	r = posix_spawnp(&w->pid, w->shape->argv[0], &files, NULL,
	    (char *const *)(uintptr_t)w->shape->argv, environ);
	if (r)
		run_die("%s: %s", w->shape->argv[0], strerror(r));
	posix_spawn_file_actions_destroy(&files);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	free(in_path);
	free(out_path);
}

/*
 * After a random while, which is fitted to how long such a writer takes: so
 * that four of five are killed.
 */
static void kill_later(struct test *t, struct writer *w)
{
	uint64_t *window = &t->window[w->shape - shapes];
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
		t->by_shape[w->shape - shapes]++;
		*window += *window / 50;
	} else {
		t->ended++;
		*window -= *window > 500 ? *window / 13 : 0;
	}
	/* Rejected; of two copies to one place, the later is told it is busy. */
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0 &&
	    WEXITSTATUS(status) != 4 && (WEXITSTATUS(status) != 5 ||
	    strcmp(w->shape->name, "copy") != 0))
		run_die("%s %s: status %d", w->shape->argv[0], w->shape->name,
		    WEXITSTATUS(status));
}

/* ---- what is there ---- */

static long messages_of(const struct test *t, const struct writer *w)
{
	char needle[48];
	const char *p = t->log.text.p, *end = p + t->log.text.n;
	long n = 0;
	int len = snprintf(needle, sizeof needle, "\"batch\":%ld,",
	    w->batch);

	/* Only behind what was there before. */
	p += t->before.text.n;
	while (p < end && (p = memmem(p, (size_t)(end - p), needle,
	    (size_t)len))) {
		p++;
		n++;
	}
	return n;
}

static void judge(struct test *t, struct writer *w, int n)
{
	struct es_err err;

	if (verify_store(t->store, &t->log, &err) < 0)
		run_die("after %ld kills: %s", t->killed, err.text);
	if (t->log.text.n < t->before.text.n || (t->before.text.n &&
	    memcmp(t->log.text.p, t->before.text.p, t->before.text.n) != 0))
		run_die("after %ld kills: what was there is not", t->killed);
	for (int i = 0; i < n; i++) {
		char *path = run_path(w[i].out);
		struct buf text = {0};
		int64_t lines;
		long there;

		if (w[i].shape->after) {
			run_shell(t->dir, w[i].shape->after);
			free(path);
			continue;
		}
		if (sys_read_file(path, SIZE_MAX, &text, &err) < 0 ||
		    (w[i].shape->pad + w[i].lines == 0 && text.n == 0 ? 0 :
		    verify_lines(&t->log, buf_span(&text), &lines, &err)) < 0)
			run_die("after %ld kills: %s: %s", t->killed,
			    w[i].shape->name, err.text);
		for (size_t k = 0; k < text.n; k++)
			t->acknowledged += text.p[k] == '\n';
		there = messages_of(t, &w[i]);
		if (w[i].shape->batch && there != 0 && there != w[i].lines)
			run_die("after %ld kills: %ld of a batch of %d",
			    t->killed, there, w[i].lines);
		buf_free(&text);
		free(path);
	}
}

static void keep(struct test *t)
{
	struct log old = t->before;

	t->before = t->log;
	t->log = (struct log){0};
	log_free(&old);
}

static void begin_anew(struct test *t)
{
	if (t->before.n)
		run_shell(t->dir, finish);
	run_clear(t->dir);
	run_shell(t->dir, handlers);
	run_shell(t->dir, begin);
	log_free(&t->before);
}

int main(int argc, char **argv)
{
	long rounds = argc > 1 ? strtol(argv[1], NULL, 10) : run_rounds(2500);
	static struct writer w[WRITERS];
	struct test t = {0};

	run_seed();
	for (int i = 0; i < N_SHAPES; i++)
		t.window[i] = (uint64_t)shapes[i].millis * 1000;
	t.dir = run_path("dir");
	t.store = run_path("dir/es.db");
	run_shell(run_place(), "mkdir dir");
	begin_anew(&t);
	for (long i = 0; i < rounds; i++) {
		int n = run_random(3) ? 1 : 1 + (int)run_random(WRITERS);

		if (t.before.n > MESSAGES || t.before.text.n > 6 << 20)
			begin_anew(&t);
		for (int k = 0; k < n; k++)
			start(&t, &w[k], k);
		for (int k = 0; k < n; k++)
			kill_later(&t, &w[k]);
		judge(&t, w, n);
		keep(&t);
		if (i % 20 == 0)
			run_shell(t.dir, "es-check");
	}
	run_shell(t.dir, finish);
	printf("%ld killed, %ld had ended; %ld acknowledged, all there\n",
	    t.killed, t.ended, t.acknowledged);
	for (int i = 0; i < N_SHAPES; i++)
		printf("killed %s: %ld\n", shapes[i].name, t.by_shape[i]);
	log_free(&t.before);
	log_free(&t.log);
	free(t.dir);
	free(t.store);
	return 0;
}
