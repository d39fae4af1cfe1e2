/*
 * Compare layouts of the index (layouts.h) with each other and with the raw
 * floor, in one run, on the store's own row format:
 *
 *   layouts [-u4] [-n MESSAGES] [-r REPETITIONS] [-l NAME,NAME...]
 *       [-t SPAN] DIR
 *
 * Each layout is loaded with MESSAGES (default 1,000,000) in batches of
 * 10,000; then the other batch sizes are measured on top of them, in turn,
 * REPETITIONS times (default 9), and summed.  The table has, in messages a
 * second, what the floor reaches, and of the others the fraction of that; the
 * pages that a batch of 100 writes; the bytes a message, beyond those of
 * `none`; microseconds a read, with its messages (the best of seven passes);
 * and the worst commit at batch 1 and 100 (FULL), in milliseconds.
 *
 * -u: uniform arrivals, which pick any donation that ever was, instead of
 * 1,000 alive at a time.  -4: ids of donations and payments are random instead
 * of version 7.  -t: another span of es's tail.  DIR should be on a disk, and
 * is given files of 300 to 700 MB a layout.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "layouts.h"
#include "layouts_source.h"

enum { SPEED_BULK, SPEED_1F, SPEED_100F, SPEED_100N };
enum { READ_TAG, READ_GUARD_10K, READ_GUARD, READ_PARTITION };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void prepare(struct layout *l, const char *sql, sqlite3_stmt **st)
{
	if (sqlite3_prepare_v2(l->db, sql, -1, st, NULL))
		die(sql, l->db);
}

static void begin(struct layout *l, const struct layout_kind *kind,
    const char *dir, int64_t span)
{
	char path[4096];

	l->kind = kind;
	snprintf(path, sizeof path, "%s/%s.db", dir, kind->name);
	layout_open(l, path, span);
	if (!kind->messages) {
		prepare(l, "INSERT INTO raw(t) VALUES(?)", &l->raw);
		return;
	}
	if (sqlite3_exec(l->db, "CREATE TABLE message(position INTEGER PRIMARY"
	    " KEY, id BLOB, type INT, flags INT, version INT, tags TEXT,"
	    " payload TEXT, metadata TEXT, causation BLOB, correlation BLOB,"
	    " created_at INT, stored_at INT, salt BLOB, digest BLOB);"
	    " CREATE TABLE ids(id BLOB PRIMARY KEY, position INT)"
	    " WITHOUT ROWID", NULL, NULL, NULL))
		die("schema", l->db);
	prepare(l, "INSERT INTO message VALUES(?, ?, ?, 0, 1, NULL, ?, NULL,"
	    " NULL, NULL, NULL, ?, ?, ?)", &l->message);
	prepare(l, "INSERT INTO ids VALUES(?, ?)", &l->ids);
	prepare(l, "SELECT id, payload, stored_at FROM message"
	    " WHERE position = ?", &l->fetch);
}

static void run(sqlite3 *db, sqlite3_stmt *st)
{
	if (sqlite3_step(st) != SQLITE_DONE)
		die("insert", db);
	sqlite3_reset(st);
}

static void store(struct layout *l, const struct message *m)
{
	int64_t position = ++l->next;

	if (l->raw) {
		sqlite3_bind_text(l->raw, 1, m->line, -1, SQLITE_STATIC);
		run(l->db, l->raw);
		return;
	}
	sqlite3_bind_int64(l->message, 1, position);
	sqlite3_bind_blob(l->message, 2, m->uuid, 16, SQLITE_STATIC);
	sqlite3_bind_int(l->message, 3, m->shape);
	sqlite3_bind_text(l->message, 4, m->payload, -1, SQLITE_STATIC);
	sqlite3_bind_int64(l->message, 5, m->time);
	sqlite3_bind_blob(l->message, 6, m->digest, 16, SQLITE_STATIC);
	sqlite3_bind_blob(l->message, 7, m->digest, 32, SQLITE_STATIC);
	run(l->db, l->message);
	sqlite3_bind_blob(l->ids, 1, m->uuid, 16, SQLITE_STATIC);
	sqlite3_bind_int64(l->ids, 2, position);
	run(l->db, l->ids);
	layout_add(l, position, m->shape, m->keys, m->n_keys);
}

static void execute(struct layout *l, const char *sql)
{
	if (sqlite3_exec(l->db, sql, NULL, NULL, NULL))
		die(sql, l->db);
}

/* Append n made messages in batches; making them is not measured. */
static void append(struct layout *l, const struct message *m, int64_t n,
    int64_t batch, int mode)
{
	double start = now(), before;
	int64_t i, j;
	int pages, high;

	sqlite3_db_status(l->db, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &high,
	    1);

	for (i = 0; i < n; i += batch) {
		before = now();
		execute(l, "BEGIN IMMEDIATE");
		for (j = i; j < i + batch && j < n; j++)
			store(l, &m[j]);
		if (l->kind->messages)
			layout_flush(l);
		execute(l, "COMMIT");
		if (now() - before > l->worst[mode])
			l->worst[mode] = now() - before;
	}
	l->seconds[mode] += now() - start;
	sqlite3_db_status(l->db, SQLITE_DBSTATUS_CACHE_WRITE, &pages, &high,
	    0);
	l->pages[mode] += pages;
	l->messages[mode] += n;
}

/* ---- reads ---- */

static size_t fetch(struct layout *l, const struct posting *p, size_t n)
{
	size_t i, bytes = 0;

	for (i = 0; i < n; i++) {
		sqlite3_bind_int64(l->fetch, 1, p[i].position);
		if (sqlite3_step(l->fetch) != SQLITE_ROW)
			die("fetch", l->db);
		bytes += (size_t)sqlite3_column_bytes(l->fetch, 1);
		sqlite3_reset(l->fetch);
	}
	return bytes;
}

/* What a key has, of some shapes, after a position; and its messages. */
static size_t look(struct layout *l, uint64_t key, const int *shapes,
    size_t nshapes, int64_t after)
{
	struct index_range r = {.key = key, .shapes = shapes,
	    .nshapes = nshapes, .after = after};
	struct posting out[100];
	size_t n;

	l->kind->read(l, &r, out, after ? 1 : 100, &n);
	fetch(l, out, n);
	return n;
}

static void measure_reads(struct layout *l, const uint64_t *donations,
    const uint64_t *campaigns, int n, int which)
{
	static const int own[] = {0, 1}, of_donation[] = {2, 3, 4, 5, 6, 7, 8,
	    9, 10, 11};
	size_t found = 0;
	double start;
	int i, pass;

	if (!l->kind->read)
		return;
	for (pass = 0; pass < 7; pass++) {
		found = 0;
		start = now();
		execute(l, "BEGIN");
		for (i = 0; i < n; i++) {
			if (which == READ_PARTITION)
				found += look(l, campaigns[0], own, 2, 0);
			found += look(l, donations[i], of_donation, 10,
			    which == READ_GUARD || which == READ_GUARD_10K ?
			    l->next - 50 : 0);
		}
		execute(l, "COMMIT");
		start = (now() - start) / n * 1e6;
		if (pass == 0 || start < l->us[which])
			l->us[which] = start;
	}
	l->found[which] = found;
}

/* ---- the run ---- */

#define BULK 10000
#define SAMPLE 200

static struct source src;
static struct layout layouts[N_LAYOUTS];
static size_t n_layouts;
static struct message *batch;
static uint64_t seen[SAMPLE], campaigns[1];

static void make_batch(int64_t n)
{
	int64_t i;

	for (i = 0; i < n; i++) {
		make(&src, &batch[i]);
		/* donations from all over the log, for the reads */
		if (batch[i].n_keys > 1 && src.n % (src.total / SAMPLE) == 99)
			seen[src.n / (src.total / SAMPLE) % SAMPLE] =
			    batch[i].keys[0];
		else if (batch[i].shape == 0 && src.n == 1)
			campaigns[0] = batch[i].keys[0];
	}
}

static void each(int64_t n, int64_t size, int mode, const char *pragma)
{
	size_t i;

	make_batch(n);
	for (i = 0; i < n_layouts; i++) {
		execute(&layouts[i], pragma);
		append(&layouts[i], batch, n, size, mode);
	}
}

static void read_each(int which, int n)
{
	size_t i, found = 0;
	int j, readers = 0;

	for (j = 0; j < n && seen[j]; j++)
		;
	for (i = 0; i < n_layouts; i++)
		measure_reads(&layouts[i], seen, campaigns, j, which);
	for (i = 0; i < n_layouts; i++)
		if (layouts[i].kind->read && readers++ &&
		    layouts[i].found[which] != found)
			die("layouts that read differently", NULL);
		else if (layouts[i].kind->read)
			found = layouts[i].found[which];
}

static void size_each(const char *dir)
{
	char path[4096];
	struct stat st;
	size_t i;

	for (i = 0; i < n_layouts; i++) {
		snprintf(path, sizeof path, "%s/%s.db", dir,
		    layouts[i].kind->name);
		execute(&layouts[i], "PRAGMA wal_checkpoint(TRUNCATE)");
		if (stat(path, &st))
			die(path, NULL);
		layouts[i].bytes = st.st_size;
	}
}

/* The floor's own rates; of the others how much of it they reach. */
static void report_speeds(const struct layout *l)
{
	static const int order[] = {SPEED_1F, SPEED_100F, SPEED_100N,
	    SPEED_BULK};
	const struct layout *f = &layouts[0];
	int i;

	printf("| %-5s |", l->kind->name);
	for (i = 0; i < 4; i++) {
		double rate = (double)l->messages[order[i]] /
		    l->seconds[order[i]];

		if (l == f)
			printf(" %7.0f |", rate);
		else
			printf(" %7.2f |", rate * f->seconds[order[i]] /
			    (double)f->messages[order[i]]);
	}
}

static void report(void)
{
	const struct layout *f = &layouts[0], *l;
	double total = (double)src.total;
	int64_t none = 0;
	int i;

	printf("| layout | 1 FULL | 100 FULL | 100 NORMAL | 10,000 NORMAL |"
	    " pages | bytes | tag | condition at 10k | condition | partition |"
	    " worst ms |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n");
	for (l = layouts; l < layouts + n_layouts; l++) {
		if (!strcmp(l->kind->name, "none"))
			none = l->bytes;
		report_speeds(l);
		printf(" %3.0f |", (double)(l->pages[SPEED_100F] +
		    l->pages[SPEED_100N]) * 100 / (double)
		    (l->messages[SPEED_100F] + l->messages[SPEED_100N]));
		printf(" %4.0f |", (double)(l == f || !none ? l->bytes :
		    l->bytes - none) / total);
		for (i = 0; i < 4; i++)
			if (l->kind->read)
				printf(" %7.1f |", l->us[i]);
			else
				printf("       - |");
		printf(" %.0f, %.0f |\n", l->worst[SPEED_1F] * 1e3,
		    l->worst[SPEED_100F] * 1e3);
	}
}

static bool chosen(const char *names, const char *name)
{
	size_t n = strlen(name);
	const char *p;

	for (p = names; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
		if (!strncmp(p, name, n) && (p[n] == ',' || !p[n]))
			return true;
	return !names || !strcmp(name, "floor");
}

int main(int argc, char **argv)
{
	int64_t total = 1000000, span = 0, done;
	int repetitions = 9, opt, i;
	bool uniform = false, random = false;
	const char *names = NULL;

	while ((opt = getopt(argc, argv, "u4n:r:l:t:")) != -1) {
		if (opt == 'u')
			uniform = true;
		else if (opt == '4')
			random = true;
		else if (opt == 'n')
			total = strtoll(optarg, NULL, 10);
		else if (opt == 'r')
			repetitions = (int)strtol(optarg, NULL, 10);
		else if (opt == 'l')
			names = optarg;
		else if (opt == 't')
			span = strtoll(optarg, NULL, 10);
	}
	if (optind + 1 != argc || total < 2 * BULK)
		die("usage: layouts [-u4] [-n MESSAGES] [-r N] [-l NAMES]"
		    " [-t SPAN] DIR", NULL);
	batch = calloc(BULK, sizeof *batch);
	if (!batch)
		die("memory", NULL);
	for (i = 0; i < N_LAYOUTS; i++)
		if (chosen(names, layout_kinds[i].name))
			begin(&layouts[n_layouts++], &layout_kinds[i],
			    argv[optind], span);
	source_init(&src, uniform, random, total);
	for (done = 0; done < total; done += BULK) {
		each(BULK, BULK, SPEED_BULK, "PRAGMA synchronous=NORMAL");
		if (done == 0)
			read_each(READ_GUARD_10K, 1);
	}
	size_each(argv[optind]);
	for (i = 0; i < repetitions; i++) {
		each(300, 1, SPEED_1F, "PRAGMA synchronous=FULL");
		each(4000, 100, SPEED_100F, "PRAGMA synchronous=FULL");
		each(4000, 100, SPEED_100N, "PRAGMA synchronous=NORMAL");
	}
	/* half a tail, or so */
	each(2000, 100, SPEED_100N, "PRAGMA synchronous=NORMAL");
	read_each(READ_TAG, SAMPLE);
	read_each(READ_GUARD, SAMPLE);
	read_each(READ_PARTITION, 20);
	report();
	return 0;
}
