/*
 * cliflags: the table of all flags; private to cli.
 */
#ifndef ES_CLIFLAGS_H
#define ES_CLIFLAGS_H

#include "cli.h"

struct cli_flag {
	int id;
	char letter;		/* 0: none */
	const char *name;	/* with its dashes */
	const char *arg;	/* NULL: takes no argument */
	const char *help;
};

const struct cli_flag *cli_flag_find(int id);	/* NULL: no such id */
const struct cli_flag *cli_flag_by_letter(const struct cli_program *, char);
const struct cli_flag *cli_flag_by_name(const struct cli_program *,
    const char *name, size_t n);

/* The i-th flag of a program in the order of its usage text, with the program's
 * own words where it has any; false past the last. */
bool cli_flag_at(const struct cli_program *, size_t i, struct cli_flag *out);

/* Usage text, version and completion table, into out. */
void cli_print_help(const struct cli_program *, struct buf *out);
void cli_print_version(const struct cli_program *, struct buf *out);
void cli_print_table(const struct cli_program *, struct buf *out);

#endif
