/*
 * unit: checks for the C tests.
 *
 * A test is one file, tests/unit/MODULE.c, with a main() that calls its test
 * functions and returns unit_end().  It says nothing when all is well; what
 * fails is one line on stdout, FILE:LINE: what was and what was wanted, and
 * the test goes on.  It may write only below $TMPDIR.
 */
#ifndef ES_UNIT_H
#define ES_UNIT_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int unit_failed;

#define check(what) do { \
	if (!(what)) { \
		unit_failed++; \
		printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
	} \
} while (0)

#define check_int(is, want) \
	unit_int(__FILE__, __LINE__, #is, (long long)(is), (long long)(want))
#define check_str(is, want) unit_str(__FILE__, __LINE__, #is, (is), (want))

/* Leave: for what the rest of the test cannot do without. */
#define need(what) do { \
	if (!(what)) { \
		printf("%s:%d: needed: %s\n", __FILE__, __LINE__, #what); \
		exit(1); \
	} \
} while (0)

static inline void unit_int(const char *file, int line, const char *text,
    long long is, long long want)
{
	if (is == want)
		return;
	unit_failed++;
	printf("%s:%d: %s is %lld, not %lld\n", file, line, text, is, want);
}

static inline void unit_str(const char *file, int line, const char *text,
    const char *is, const char *want)
{
	if (is == want || (is && want && strcmp(is, want) == 0))
		return;
	unit_failed++;
	printf("%s:%d: %s is \"%s\", not \"%s\"\n", file, line, text,
	    is ? is : "(null)", want ? want : "(null)");
}

static inline int unit_end(void)
{
	if (unit_failed)
		printf("%d checks failed\n", unit_failed);
	return unit_failed != 0;
}

#endif
