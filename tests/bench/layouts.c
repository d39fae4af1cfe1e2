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
#include "tagkey.h"

#define ALIVE 1000
#define CAMPAIGNS 20
#define OWN_SHAPES 2		/* a campaign's own: created, renamed */
#define SHAPES (OWN_SHAPES + 10)

static const unsigned char secret[16] = "layouts secret";

struct donation {
	char id[40], payment[40], name[40], email[48], token[40];
	int campaign, step;
};

struct message {
	int shape;
	size_t n_keys;
	uint64_t keys[8];
	char id[40], line[1024], payload[512];
	unsigned char uuid[16], digest[32];
	int64_t time;
};

/* One source a layout, so that each gets the same messages. */
struct source {
	uint64_t state;
	bool uniform, random;
	int64_t n, total;
	struct donation *alive;		/* uniform: all there will be */
	size_t n_alive;
};

enum { SPEED_BULK, SPEED_1F, SPEED_100F, SPEED_100N };
enum { READ_TAG, READ_GUARD_10K, READ_GUARD, READ_PARTITION };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t rnd(struct source *s)
{
	uint64_t x = s->state += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

static void uuid7(struct source *s, char *text, unsigned char *bytes)
{
	/* two messages a millisecond */
	uint64_t a = ((UINT64_C(1750000000000) + (uint64_t)s->n / 2) << 16) |
	    0x7000 | (rnd(s) & 0xfff);
	uint64_t b = UINT64_C(1) << 63 | rnd(s) >> 2;
	int i;

	snprintf(text, 40, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(a >> 32),
	    (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xffff),
	    (unsigned)(b >> 48), (unsigned long long)(b & 0xffffffffffff));
	for (i = 0; bytes && i < 16; i++)
		bytes[i] = (unsigned char)((i < 8 ? a : b) >>
		    (56 - 8 * (i & 7)));
}

static void new_donation(struct source *s, struct donation *d)
{
	static const char hex[] = "0123456789abcdef";
	uint64_t r = rnd(s);

	uuid7(s, d->id, NULL);
	uuid7(s, d->payment, NULL);
	if (s->random) {
		memcpy(d->id, (char[]){hex[r & 15], hex[r >> 4 & 15],
		    hex[r >> 8 & 15], hex[r >> 12 & 15]}, 4);
		d->id[14] = d->payment[14] = '4';
	}
	snprintf(d->name, sizeof d->name, "Ada %llx", (unsigned long long)r >>
	    40);
	snprintf(d->email, sizeof d->email, "ada.%llx@example.org",
	    (unsigned long long)r >> 36);
	snprintf(d->token, sizeof d->token, "%016llx%016llx",
	    (unsigned long long)rnd(s), (unsigned long long)rnd(s));
	/* the first campaign has a tenth of all */
	d->campaign = r % 10 == 0 ? 0 : 1 + (int)(r / 10 % (CAMPAIGNS - 1));
	d->step = 0;
}

static void source_init(struct source *s, bool uniform, bool random,
    int64_t total)
{
	size_t i;

	*s = (struct source){.state = 1, .uniform = uniform, .random = random,
	    .total = total};
	s->n_alive = uniform ? (size_t)total / 10 : ALIVE;
	s->alive = calloc(s->n_alive, sizeof *s->alive);
	if (!s->alive)
		die("memory", NULL);
	for (i = 0; i < s->n_alive; i++)
		new_donation(s, &s->alive[i]);
	for (i = 0; !uniform && i < s->n_alive; i++)
		s->alive[i].step = (int)(rnd(s) % 10);
}

static void add_key(struct message *m, const char *name, const char *value)
{
	size_t at = strlen(m->payload);
	char tag[300];
	int n = snprintf(tag, sizeof tag, "%s:%s", name, value);

	m->keys[m->n_keys++] = tagkey(secret, tag, (size_t)n);
	snprintf(m->payload + at, sizeof m->payload - at, "%c\"%s\":\"%s\"",
	    at ? ',' : '{', name, value);
}

static void tell_campaign(struct message *m, int campaign)
{
	char id[40];

	snprintf(id, sizeof id, "01900000-0000-7000-8000-%012d", campaign);
	add_key(m, "campaign_id", id);
}

static void tell_donation(struct source *s, struct message *m)
{
	static const char *const amounts[] = {"5", "10", "30", "50"};
	struct donation *d = &s->alive[rnd(s) % s->n_alive];
	int step = s->uniform ? (int)(rnd(s) % 10) : d->step;

	m->shape = OWN_SHAPES + step;
	add_key(m, "donation_id", d->id);
	tell_campaign(m, d->campaign);
	if (step == 1 || step == 5 || step == 7)
		add_key(m, "amount", amounts[d->token[0] & 3]);
	if (step == 2)
		add_key(m, "name", d->name);
	if (step == 2 || step == 8)
		add_key(m, "email", d->email);
	if (step == 3 || step == 4)
		add_key(m, "token", d->token);
	if (step == 6 || step == 7)
		add_key(m, "payment_id", d->payment);
	if (++d->step == 10 && !s->uniform)
		new_donation(s, d);
}

static void make(struct source *s, struct message *m)
{
	size_t at;
	int i;

	m->n_keys = 0;
	m->payload[0] = '\0';
	s->n++;
	uuid7(s, m->id, m->uuid);
	if (s->n <= CAMPAIGNS || (s->n >= s->total / 2 &&
	    s->n < s->total / 2 + CAMPAIGNS)) {
		m->shape = s->n <= CAMPAIGNS ? 0 : 1;
		tell_campaign(m, (int)((s->n <= CAMPAIGNS ? s->n - 1 :
		    s->n - s->total / 2)));
	} else
		tell_donation(s, m);
	at = strlen(m->payload);
	snprintf(m->payload + at, sizeof m->payload - at, "}");
	m->time = 1750000000000000 + s->n * 500;
	for (i = 0; i < 32; i += 8)
		memcpy(m->digest + i, &(uint64_t){rnd(s)}, 8);
	snprintf(m->line, sizeof m->line, "{\"position\":%lld,\"id\":\"%s\","
	    "\"kind\":\"event\",\"type\":\"donations.step_%d\",\"version\":1,"
	    "\"payload\":%s,\"metadata\":{},\"causation_id\":\"%s\","
	    "\"correlation_id\":\"%s\",\"created_at\":\"%lld\","
	    "\"stored_at\":\"2026-07-01T12:00:00.000000Z\"}",
	    (long long)s->n, m->id, m->shape, m->payload, m->id, m->id,
	    (long long)m->time);
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
