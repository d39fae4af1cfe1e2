/*
 * fuzz: what the harnesses share.  Each is one function over any bytes, for
 * libFuzzer (make fuzz), or for main.c, which runs files.
 */
#ifndef ES_FUZZ_H
#define ES_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* What does not hold ends the run: the input that did it is kept. */
#define must(what) do { \
	if (!(what)) { \
		printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #what); \
		fflush(stdout); \
		abort(); \
	} \
} while (0)

#endif
