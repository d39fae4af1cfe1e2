/*
 * power [WORKLOAD...]: the power fails at every sync, and wherever something
 * was just acknowledged.
 *
 * The programs run once, with a shim that writes down what they do to files.
 * From that, each moment's disk is made: of each file what was synced, and of
 * what came since nothing, or some writes and not others, or some of their
 * 512-byte sectors and not others, or all of it; of the directory's entries
 * those that were synced, or some of those since.  The store is opened from
 * that disk.  With ES_SYNC=full all that was acknowledged by then is there;
 * with normal too it is a whole log, as it was at some time before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "disk.h"
#include "run.h"
#include "store.h"
#include "sys.h"
#include "verify.h"

static const char *const loss_name[LOSSES] = {"nothing unsynced is left",
    "some writes are left", "some sectors are left", "all is left"};

struct test {
	const char *name, *sync;
	char *dir, *image, *store;
	struct disk disk;
	struct log final, log;
	struct buf said;
	bool made;		/* es-init has ended */
	long moments, images, stores;
	long lost;		/* with normal: acknowledged, and gone */
};

/* ---- after the failure ---- */

static void fail(const struct test *t, enum loss loss, const char *what)
{
	run_die("%s, ES_SYNC=%s: at moment %ld, when %s: %s", t->name, t->sync,
	    t->moments, loss_name[loss], what);
}

/* No store yet, or one that was begun: es-init finishes it. */
static void make_again(struct test *t, enum loss loss)
{
	struct es_err err;
	bool created;

	if (store_create(t->store, &created, &err) < 0 ||
	    verify_store(t->store, NULL, &err) < 0)
		fail(t, loss, err.text);
}

static void judge(struct test *t, enum loss loss)
{
	bool full = strcmp(t->sync, "full") == 0;
	struct es_err err;

	run_clear(t->image);
	disk_write(&t->disk, t->image, loss);
	t->images++;
	if (verify_store(t->store, &t->log, &err) < 0) {
		/* With normal even a new store may not have lasted. */
		if (t->made && (full || !strstr(err.text, "es-init")))
			fail(t, loss, err.text);
		t->lost += t->said.n > 0;
		make_again(t, loss);
		return;
	}
	t->stores++;
	if (t->log.text.n > t->final.text.n || memcmp(t->log.text.p ?
	    t->log.text.p : "", t->final.text.p, t->log.text.n) != 0)
		fail(t, loss, "the log was never like that");
	if (verify_lines(&t->log, buf_span(&t->said), NULL, &err) < 0) {
		if (full)
			fail(t, loss, err.text);
		t->lost++;
	}
}

static void moment(struct test *t)
{
	t->moments++;
	judge(t, LOSE_ALL);
	judge(t, LOSE_NONE);
	for (long i = run_rounds(5); i > 0; i--) {
		judge(t, LOSE_SOME);
		judge(t, LOSE_SECTORS);
	}
}

static void replay(struct test *t, const struct buf *records)
{
	const char *p = records->p, *end = p + records->n;

	while (p < end) {
		const struct record *r = (const void *)p;
		size_t n = (sizeof *r + r->n + 7) / 8 * 8;

		/* Before it, and once it is done. */
		if (r->type == RECORD_SYNC || r->type == RECORD_SYNC_DIRECTORY)
			moment(t);
		disk_do(&t->disk, r);
		if (r->type == RECORD_SAID)
			buf_add(&t->said, record_bytes(r), r->n);
		if (r->type == RECORD_ENDED)
			t->made = true;
		if (r->type == RECORD_SAID || r->type == RECORD_ENDED)
			moment(t);
		p += n;
	}
}

/* ---- what runs ---- */

#define LINES(from, to) "seq " #from " " #to " | sed 's/.*/{\"type\":\"a.b\"," \
	"\"payload\":{\"x\":\"v&\",\"n\":&}}/'"
/* So many lines of 5 kB. */
#define LARGE(n) "text=$(printf '%05000d' 0);" \
	"seq " #n " | sed \"s/.*/{\\\"type\\\":\\\"a.b\\\",\\\"payload\\\":" \
	"{\\\"x\\\":\\\"$text\\\"}}/\""

static const struct {
	const char *name, *script;
} workloads[] = {
	{"one-by-one", "for i in 1 2 3 4 5 6 7 8 9 10; do "
	    "es-append -t a.b x=$i; done;"
	    LINES(1, 40) " | es-append; " LINES(41, 60) " | es-append --each;"
	    "es-query --count >/dev/null; es-append -t a.c x=1"},
	/* A new WAL after a close that checkpointed, again and again. */
	{"close", LARGE(30) ">large; for i in 1 2 3; do es-append large;"
	    "es-append -t a.b x=$i; done"},
	{"checkpoint", LARGE(400) ">large; es-append large; es-append -t a.b "
	    "x=1; es-append large; es-append -t a.b x=2"},
	{"fold", LINES(1, 1950) " | es-append; " LINES(1951, 2100)
	    " | es-append; es-append -t a.b x=1; " LINES(1, 2100)
	    " | es-append; es-append -t a.b x=2"},
	{"decide", "cat >h.jq <<'E'\n"
	    "def about: {partition_by: [\"x\"]};\n"
	    "def initial: 0;\n"
	    "def evolve($e): apply($e; \"a.taken\"; . + 1);\n"
	    "def decide($c): on($c; \"a.take\"; require(. < 2; \"full\")\n"
	    "  | event(\"a.taken\"; {x: $c.payload.x}));\n"
	    "E\n"
	    "for i in 1 2 3 4 5; do es-append --id t$i --kind command "
	    "-t a.take x=1; es-query --id t$i >t; es-decide h.jq t || "
	    "test $? -eq 4; done"},
};

static void run(struct test *t, const char *script, const char *shim)
{
	const char *const argv[] = {"sh", "-ec", script, NULL};
	struct command c = {.argv = argv, .dir = t->dir, .preload = shim};
	struct result r = {0};

	run_program(&c, &r);
	if (r.status)
		run_die("%s: status %d: %s", t->name, r.status, r.err.p);
	result_free(&r);
}

static void ended(const char *path)
{
	struct record r = {.type = RECORD_ENDED};
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

	if (fd < 0 || write(fd, &r, sizeof r) != sizeof r)
		run_die("%s: %s", path, strerror(errno));
	close(fd);
}

static void work(struct test *t, const char *script)
{
	char *shim = run_shim("shim_record"), *path = run_path("record");
	char *store = run_path("dir/es.db");
	struct buf records = {0};
	struct es_err err;

	run_clear(t->dir);
	if (sys_write_file(path, SPAN_LIT(""), false, &err) < 0)
		run_die("%s", err.text);
	setenv("ES_RECORD", path, 1);
	setenv("ES_SYNC", t->sync, 1);
	run(t, "es-init", shim);
	ended(path);
	run(t, script, shim);
	if (sys_read_file(path, SIZE_MAX, &records, &err) < 0 ||
	    verify_store(store, &t->final, &err) < 0)
		run_die("%s", err.text);
	replay(t, &records);
	if (!t->stores)
		run_die("%s: no moment had a store", t->name);
	/* That it can be seen at all. */
	if (strcmp(t->sync, "normal") == 0 && !t->lost)
		run_die("%s: ES_SYNC=normal has lost nothing", t->name);
	printf("%s, ES_SYNC=%s: %ld moments, %ld disks, %ld with a store, "
	    "%ld that lack what was acknowledged\n", t->name, t->sync,
	    t->moments, t->images, t->stores, t->lost);
	fflush(stdout);
	disk_free(&t->disk);
	log_free(&t->final);
	log_free(&t->log);
	buf_free(&t->said);
	buf_free(&records);
	free(shim);
	free(path);
	free(store);
}

int main(int argc, char **argv)
{
	static const char *const syncs[] = {"full", "normal"};
	char *dir = run_path("dir"), *image = run_path("image");
	char *store = run_path("image/es.db");

	run_seed();
	run_shell(run_place(), "mkdir dir image");
	for (size_t i = 0; i < sizeof workloads / sizeof *workloads; i++)
		for (size_t k = 0; k < 2; k++) {
			static struct test t;
			bool meant = argc == 1;

			for (int a = 1; a < argc; a++)
				meant |= !strcmp(argv[a], workloads[i].name);
			t = (struct test){.name = workloads[i].name,
			    .sync = syncs[k], .dir = dir, .image = image,
			    .store = store};
			if (meant)
				work(&t, workloads[i].script);
		}
	free(dir);
	free(image);
	free(store);
	return 0;
}
