/*
 * spool: what goes in comes out, in memory and in a file.
 */
#include <unistd.h>

#include "unit.h"
#include "spool.h"

#define PIECE 100003

static struct es_err err;

/* n bytes that tell where they stand. */
static void add(struct spool *s, size_t n, uint64_t *seed)
{
	static unsigned char piece[PIECE];

	while (n > 0) {
		size_t part = n < PIECE ? n : PIECE;

		for (size_t i = 0; i < part; i++) {
			*seed = *seed * 6364136223846793005u + 1442695040888963407u;
			piece[i] = (unsigned char)(*seed >> 56);
		}
		need(spool_add(s, piece, part, &err) == 0);
		n -= part;
	}
}

static void check_content(struct spool *s, size_t n, uint64_t seed)
{
	struct span all;

	need(spool_end(s, &all, &err) == 0);
	check_int(all.n, n);
	for (size_t i = 0; i < all.n; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		if ((unsigned char)all.p[i] != (unsigned char)(seed >> 56)) {
			printf("byte %zu of %zu differs\n", i, n);
			unit_failed++;
			return;
		}
	}
}

static void test_sizes(void)
{
	static const size_t sizes[] = {0, 1, PIECE, SPOOL_MEMORY,
	    SPOOL_MEMORY + 1, SPOOL_MEMORY + 5 * 1024 * 1024};
	struct spool s = {0};

	/* One spool for all of them, reset in between. */
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		uint64_t seed = i;

		add(&s, sizes[i], &seed);
		check_content(&s, sizes[i], i);
		check_int(s.spilled, sizes[i] > SPOOL_MEMORY);
		spool_reset(&s);
	}
	spool_free(&s);
}

/* The memory is bounded once there is a file. */
static void test_memory(void)
{
	struct spool s = {0};
	uint64_t seed = 7;

	add(&s, SPOOL_MEMORY + 1, &seed);
	check(s.spilled);
	add(&s, 8 * 1024 * 1024, &seed);
	check(s.memory.cap < 4 * 1024 * 1024);
	check_content(&s, SPOOL_MEMORY + 1 + 8 * 1024 * 1024, 7);
	spool_free(&s);
	spool_free(&s);
}

static void test_no_directory(void)
{
	struct spool s = {0};
	uint64_t seed = 0;

	setenv("TMPDIR", "/no/such/directory", 1);
	add(&s, SPOOL_MEMORY, &seed);
	check_int(spool_add(&s, "x", 1, &err), -1);
	check_int(err.code, ES_FAILED);
	check(strstr(err.text, "/no/such/directory") != NULL);
	spool_free(&s);
}

int main(void)
{
	test_sizes();
	test_memory();
	test_no_directory();
	return unit_end();
}
