/*
 * flip STORE [-x MASK] [-e EVERY] [-f FIRST] [-l LAST] [-v]
 *
 * Flip each byte of a store in turn (xor MASK, default 1, given in hex), and
 * let es-check's own code look at it.  What it does not report has to be
 * harmless: everything that can be asked of the store has the same answer as
 * before, or what changed is in a column beside the messages that nothing else
 * tells (counted apart).  Salvage is run on each, too: it prints only lines
 * that are the original's, in order.
 *
 * The store is changed in place and put right again: give it a copy, with
 * nothing in its -wal.  Ranges of bytes run in processes of their own, so that
 * a crash or a loop is a finding and no end.
 *
 * The last line counts; exit 1 when a flip was neither found nor harmless.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ask.h"
#include "check.h"
#include "salvage.h"

#define RANGE 256		/* bytes a process */
#define SECONDS 600		/* for such a range, on a busy machine */

struct options {
	const char *store;
	unsigned mask;
	long long every, first, last;
	bool verbose;
};

/* What the processes tell, in shared memory. */
struct counts {
	long long at;		/* the byte that is flipped */
	long long flips, found, harmless, unprotected, bad;
	long long whole, lost;	/* salvage: nothing was lost, something was */
};

static struct options options = {.mask = 1, .every = 1, .last = INT64_MAX};
static struct counts *counts;
static struct ask_lines original;
static unsigned char answers_before[32];

static void fail(const char *what, const struct es_err *err)
{
	printf("flip: %s: %s\n", what, err ? err->text : strerror(errno));
	exit(2);
}

/* 1 when everything could be asked, 0 when not. */
static int answers(bool messages, struct ask_lines *keep,
    unsigned char out[32])
{
	struct es_err err = {0};
	int r = ask_store(options.store, messages, keep, out, &err);

	if (r < 0 && options.verbose)
		printf("%lld: %s\n", counts->at, err.text);
	return r == 0;
}

/* ---- check and salvage ---- */

static int on_finding(void *ctx, const struct check_finding *f,
    struct es_err *err)
{
	(void)ctx;
	(void)err;
	if (options.verbose)
		printf("%lld: %s %s: %s: expected %s, found %s\n", counts->at,
		    f->table, f->row, f->what, f->expected, f->found);
	return 0;
}

static bool is_reported(void)
{
	struct check_listener listener = {.finding = on_finding};
	struct check_summary sum;
	struct es_err err = {0};
	int r = check_store(options.store, &listener, &sum, &err);

	if (r < 0 && options.verbose)
		printf("%lld: %s\n", counts->at, err.text);
	return r < 0 || sum.findings > 0;
}

/* *ctx: the line of the original that was printed last, from 1. */
static int on_line(void *ctx, struct span line, struct es_err *err)
{
	size_t *last = ctx, i;

	for (i = *last; i < original.n; i++)
		if (span_eq(line, (struct span){original.text.p +
		    original.start[i], original.start[i + 1] -
		    original.start[i]})) {
			*last = i + 1;
			return 0;
		}
	return es_fail(err, ES_USAGE, "salvaged what was not there: %.*s",
	    (int)line.n, line.p);
}

static void on_lost(void *ctx, const char *text)
{
	(void)ctx;
	if (options.verbose)
		printf("%lld: salvage: %s\n", counts->at, text);
}

static bool salvages(void)
{
	size_t last = 0;
	struct salvage_listener listener = {on_line, on_lost, NULL, &last};
	struct salvage_summary sum;
	struct es_err err = {0};

	if (salvage_store(options.store, &listener, &sum, &err) < 0 &&
	    err.code == ES_USAGE) {
		printf("byte %lld: %s\n", counts->at, err.text);
		return false;
	}
	if ((size_t)sum.printed == original.n)
		counts->whole++;
	else
		counts->lost++;
	return true;
}

/* ---- flips ---- */

static void judge(unsigned char messages_before[32])
{
	unsigned char now[32];

	/* A store that is not there would count as damaged. */
	if (access(options.store, R_OK) < 0)
		fail(options.store, NULL);
	counts->flips++;
	if (is_reported())
		counts->found++;
	else if (answers(false, NULL, now) &&
	    memcmp(now, answers_before, sizeof now) == 0)
		counts->harmless++;
	else if (answers(true, NULL, now) &&
	    memcmp(now, messages_before, sizeof now) == 0) {
		/* What nothing else in the store speaks of. */
		counts->unprotected++;
		if (options.verbose)
			printf("%lld: unprotected\n", counts->at);
	} else {
		counts->bad++;
		printf("byte %lld: neither found nor harmless\n", counts->at);
	}
	if (!salvages())
		counts->bad++;
}

static void put(int fd, long long at, unsigned char c)
{
	if (pwrite(fd, &c, 1, (off_t)at) != 1)
		fail(options.store, NULL);
}

static void range(int fd, long long from, long long to,
    unsigned char messages_before[32])
{
	long long at;
	unsigned char c;

	alarm(SECONDS);
	for (at = from; at < to; at += options.every) {
		if (pread(fd, &c, 1, (off_t)at) != 1)
			fail(options.store, NULL);
		counts->at = at;
		put(fd, at, (unsigned char)(c ^ options.mask));
		judge(messages_before);
		put(fd, at, c);
	}
}

/* In a child; what kills it is a finding, and the byte is put right. */
static void range_apart(int fd, const unsigned char *bytes, long long from,
    long long to, unsigned char messages_before[32])
{
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		fail("fork", NULL);
	if (pid == 0) {
		range(fd, from, to, messages_before);
		fflush(stdout);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status == 0)
		return;
	printf("byte %lld: the process ended with status %x\n", counts->at,
	    (unsigned)status);
	counts->bad++;
	put(fd, counts->at, bytes[counts->at]);
	if (counts->at + options.every < to)
		range_apart(fd, bytes, counts->at + options.every, to,
		    messages_before);
}

static void parse(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "x:e:f:l:v")) != -1)
		switch (c) {
		case 'x':
			options.mask = (unsigned)strtoul(optarg, NULL, 16);
			break;
		case 'e':
			options.every = strtoll(optarg, NULL, 10);
			break;
		case 'f':
			options.first = strtoll(optarg, NULL, 10);
			break;
		case 'l':
			options.last = strtoll(optarg, NULL, 10);
			break;
		case 'v':
			options.verbose = true;
			break;
		default:
			exit(2);
		}
	if (optind + 1 != argc || options.every < 1) {
		fprintf(stderr, "flip STORE [-x MASK] [-e EVERY] [-f FIRST] "
		    "[-l LAST] [-v]\n");
		exit(2);
	}
	options.store = argv[optind];
}

/* All bytes of the file, for good. */
static unsigned char *contents(int fd, long long size)
{
	unsigned char *p = malloc((size_t)size);

	if (!p || pread(fd, p, (size_t)size, 0) != size)
		fail(options.store, NULL);
	return p;
}

int main(int argc, char **argv)
{
	unsigned char messages_before[32], *bytes;
	struct es_err err = {0};
	struct stat st;
	long long at, end;
	int fd;

	parse(argc, argv);
	counts = mmap(NULL, sizeof *counts, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fd = open(options.store, O_RDWR | O_CLOEXEC);
	if (counts == MAP_FAILED || fd < 0 || fstat(fd, &st) < 0)
		fail(options.store, NULL);
	*counts = (struct counts){.at = -1};
	bytes = contents(fd, (long long)st.st_size);
	if (ask_remember(options.store, &err) < 0)
		fail(options.store, &err);
	if (!answers(true, &original, messages_before) ||
	    !answers(false, NULL, answers_before) || is_reported()) {
		printf("flip: %s is damaged before anything is flipped\n",
		    options.store);
		return 2;
	}
	end = (long long)st.st_size <= options.last ? (long long)st.st_size :
	    options.last + 1;
	for (at = options.first; at < end; at += RANGE * options.every)
		range_apart(fd, bytes, at, at + RANGE * options.every < end ?
		    at + RANGE * options.every : end, messages_before);
	printf("%lld flips: %lld found, %lld harmless, %lld beside the "
	    "messages, %lld bad; salvage: %lld whole, %lld in part\n",
	    counts->flips, counts->found, counts->harmless,
	    counts->unprotected, counts->bad, counts->whole, counts->lost);
	free(bytes);
	return counts->bad ? 1 : 0;
}
