/*
 * The harness over files, once each; with -n N, N times more over changed
 * copies of them (-s SEED, else of the clock, printed).  For corpora in the
 * tests, and where there is no libFuzzer.
 */
#include <unistd.h>

#include "fuzz.h"
#include "sys.h"

#define SIZE_LIMIT 65536

static uint64_t state;

static size_t chance(size_t below)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return below ? (size_t)(state >> 33) % below : 0;
}

static void load(const char *path, struct buf *out)
{
	struct es_err err;

	buf_truncate(out, 0);
	if (sys_read_file(path, SIZE_LIMIT, out, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(1);
	}
}

/* A byte, a piece that is gone, doubled, or of another file. */
static void change(struct buf *b, const struct buf *other)
{
	static const char liked[] = "\"\\{}[]:,.-+*0eE9un\n\x80\xff\xed$@%";
	struct buf out = {0};
	size_t at = chance(b->n + 1), len = chance(b->n - at + 1);

	if (chance(2))
		len = len > 8 ? 1 + chance(8) : len;
	buf_add(&out, b->p, at);
	switch (chance(5)) {
	case 0:
		buf_addc(&out, liked[chance(sizeof liked)]);
		break;
	case 1:
		buf_addc(&out, (char)chance(256));
		len = len > 0;
		break;
	case 2:
		buf_add(&out, b->p + at, len);
		len = 0;
		break;
	case 3:
		if (other->n) {
			size_t from = chance(other->n);

			buf_add(&out, other->p + from,
			    chance(other->n - from + 1));
		}
		break;
	default:
		break;
	}
	buf_add(&out, b->p + at + len, b->n - at - len);
	if (out.n > SIZE_LIMIT)
		buf_truncate(&out, SIZE_LIMIT);
	buf_swap(&out, b);
	buf_free(&out);
}

/* Memory of just that size, so that a sanitizer sees what reads beyond it. */
static void give(const struct buf *b)
{
	uint8_t *p = malloc(b->n ? b->n : 1);

	if (!p)
		exit(1);
	if (b->n)
		memcpy(p, b->p, b->n);
	LLVMFuzzerTestOneInput(p, b->n);
	free(p);
}

int main(int argc, char **argv)
{
	struct buf b = {0}, other = {0};
	long more = 0;
	int c, i, files;

	state = (uint64_t)sys_now();
	while ((c = getopt(argc, argv, "n:s:")) != -1) {
		if (c == 'n')
			more = strtol(optarg, NULL, 10);
		else if (c == 's')
			state = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	files = argc - optind;
	for (i = optind; i < argc; i++) {
		load(argv[i], &b);
		give(&b);
	}
	if (more > 0)
		printf("-s %llu\n", (unsigned long long)state);
	fflush(stdout);
	for (; more > 0 && files > 0; more--) {
		load(argv[optind + (int)chance((size_t)files)], &b);
		load(argv[optind + (int)chance((size_t)files)], &other);
		for (i = (int)chance(6); i >= 0; i--)
			change(&b, &other);
		give(&b);
	}
	buf_free(&b);
	buf_free(&other);
	return 0;
}
