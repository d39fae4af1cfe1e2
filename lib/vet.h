/*
 * vet: what is wrong with handlers, found without running them.
 *
 * Loads and compiles apps and handler files, as the programs that run them do,
 * but goes on behind a fault; then compares what they handle and make with the
 * catalog and with each other.  Of a handler's own code only `about` is run.
 *
 * Findings go to `tell`, one a line, "FILE:LINE: text" or "FILE: text" (a
 * compiler's several ones joined by newlines): errors, and warnings for what
 * may be meant.  Functions fail only for want of memory or processes.
 */
#ifndef ES_VET_H
#define ES_VET_H

#include "app.h"

typedef void vet_tell(void *ctx, bool error, const char *text);

/*
 * What is compared with: a catalog's file, or the catalog that a store has
 * loaded.  Both NULL: that of the app, also for a file that stands in one, as
 * APP/deciders/FILE does.
 */
struct vet_catalog { const char *file, *store; };

/*
 * paths: apps' folders and handlers' files.  needs: every handler must have one
 * of these definitions (enum scan_op); 0: any.
 */
int vet(const char *const *paths, size_t n, unsigned needs,
    const struct vet_catalog *, vet_tell *say, void *ctx, struct es_err *err);

#endif
