/* scenario: what the programs are doing while something fails. */
#ifndef ES_SCENARIO_H
#define ES_SCENARIO_H

#include <stdbool.h>

struct scenario {
	const char *name;
	const char *setup;		/* for sh, in an empty directory */
	const char *const *argv;
	const char *input;		/* or NULL */
	const char *const *check;	/* has to succeed at the end; NULL */
	bool prints;		/* its output is the same each time … */
	bool acknowledges;	/* … or is messages, once they are stored */
	bool atomic;		/* all that it appends, or nothing */
	bool reports;		/* faults are its output */
	bool rewrites;		/* what was there may change */
	bool removes;		/* afterwards there is no store */
	bool only_first;	/* faults are not for its children */
	bool sparse;		/* very many calls */
	bool many_lines;	/* of several processes: more than one fault */
};

const struct scenario *scenario_find(const char *name);

#endif
