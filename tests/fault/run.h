/*
 * run: programs run by a test, with a shim or without, to their end; and the
 * directories that they run in.
 */
#ifndef ES_RUN_H
#define ES_RUN_H

#include <sys/types.h>

#include "buf.h"
#include "fault.h"

/* How they are told in messages; ends the test. */
void run_die(const char *fmt, ...) ES_PRINTF(1, 2);

/* ---- places ---- */

/* Make a directory for the test below $TMPDIR; it goes at the end. */
const char *run_place(void);
/* "PLACE/name", malloced. */
char *run_path(const char *name);
void run_clear(const char *dir);		/* all that it holds */
void run_copy(const char *from, const char *to);	/* a directory */

/* ---- programs ---- */

struct command {
	const char *const *argv;	/* argv[0] is looked for in $PATH */
	const char *dir;
	struct span input;
	const char *preload;		/* a shim, or NULL */
};

struct result {
	int status;		/* as the shell has it: 128 + signal */
	struct buf out, err;
};

/*
 * Start it; the names, below run_place(), of its input, which is written there
 * first, of what it prints, and of its errors.
 */
pid_t run_start(const struct command *, const char *const names[3]);
void run_read(const char *name, struct buf *out);	/* such a file */

/* One that has not ended after two minutes is a fault of its own. */
void run_program(const struct command *, struct result *);
void run_shell(const char *dir, const char *script);	/* has to succeed */
void result_free(struct result *);

/* The page that the shims read, made once; what is in it may be changed. */
struct fault *run_fault(void);

/* The path of a shim, beside the running program. */
char *run_shim(const char *name);

/* ---- chance ---- */

/* $ES_FAULT_SEED, else of the clock; it is printed. */
void run_seed(void);
uint64_t run_random(uint64_t below);

/* n, times $ES_FAULT_ROUNDS (default 1, may be a fraction), at least 1. */
long run_rounds(long n);

#endif
