/* vetint: what vet.c and vettypes.c share; private to the room. */
#ifndef ES_VETINT_H
#define ES_VETINT_H

#include <string.h>

#include "vet.h"

struct vet {
	vet_tell *tell;
	void *ctx;
	struct app app;
	struct catalog *beside;		/* of an app that a file stands in, */
	struct catalog *file;		/* or the one that was asked for, */
	struct store *store;		/* or this one's */
	char *catalog_path;		/* NULL: none */
	int folders;			/* that were added */
	struct scan_types shown;	/* what pages evolve */
	bool incomplete;		/* something could not be loaded */
	struct buf told;		/* a line each */
};

void vet_say(struct vet *, bool error, const char *fmt, ...) ES_PRINTF(3, 4);

/* Compare what the handlers handle and make with the catalog and each other. */
int vet_compare(struct vet *, struct es_err *err);

#endif
