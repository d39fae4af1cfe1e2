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
 * paths: apps' folders and handlers' files.  A file that stands in an app, as
 * APP/deciders/FILE does, is compared with that app's catalog.  needs: every
 * handler must have one of these definitions (enum scan_op); 0: any.
 */
int vet(const char *const *paths, size_t n, unsigned needs, vet_tell *say,
    void *ctx, struct es_err *err);

#endif
