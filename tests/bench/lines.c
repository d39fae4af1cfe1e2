/*
 * lines: messages of a donation site (bench.h) as es-append reads them.
 *
 *   lines [-iu] TOTAL FROM N [PREFIX PARTS]
 *
 * Of TOTAL messages that will come, N behind the first FROM, on stdout, or in
 * PARTS files of the same size, PREFIX0, PREFIX1 and so on.  -i: with ids.  -u:
 * the uniform pattern.
 */
#include <stdio.h>
#include <unistd.h>

#include "bench.h"

static void finish(FILE *f, const char *name)
{
	if (fflush(f) != 0 || ferror(f))
		bench_die(name, NULL);
}

static void print(struct arrivals *a, long n, FILE *to)
{
	char line[BENCH_LINE] = "";

	for (long i = 0; i < n; i++)
		fwrite(line, 1, arrivals_next(a, line, NULL), to);
}

static void print_parts(struct arrivals *a, long n, const char *prefix,
    long parts)
{
	for (long i = 0; i < parts; i++) {
		char name[4096];
		FILE *f;

		snprintf(name, sizeof name, "%s%ld", prefix, i);
		f = fopen(name, "we");
		if (!f)
			bench_die(name, NULL);
		print(a, n / parts, f);
		finish(f, name);
		fclose(f);
	}
}

int main(int argc, char **argv)
{
	bool ids = false, uniform = false;
	struct arrivals a;
	char line[BENCH_LINE] = "";
	int c;

	while ((c = getopt(argc, argv, "iu")) != -1) {
		ids = ids || c == 'i';
		uniform = uniform || c == 'u';
	}
	argc -= optind;
	argv += optind;
	if (argc != 3 && argc != 5)
		bench_die("usage: lines [-iu] TOTAL FROM N [PREFIX PARTS]",
		    NULL);
	arrivals_init(&a, uniform, ids, bench_number(argv[0]));
	for (long skip = bench_number(argv[1]); skip > 0; skip--)
		arrivals_next(&a, line, NULL);
	if (argc == 3)
		print(&a, bench_number(argv[2]), stdout);
	else
		print_parts(&a, bench_number(argv[2]), argv[3],
		    bench_number(argv[4]));
	arrivals_free(&a);
	finish(stdout, "stdout");
	return 0;
}
