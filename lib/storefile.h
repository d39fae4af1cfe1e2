/*
 * storefile: a store as files in a directory; who uses it, and how it goes.
 *
 * None of these may be called while this process has the store open: closing
 * a second descriptor of its file would drop SQLite's locks.
 */
#ifndef ES_STOREFILE_H
#define ES_STOREFILE_H

#include "buf.h"

/*
 * Whether a program has the store open (has read from it and not closed it).
 * Waits up to wait_ms for it to be free.
 */
int storefile_in_use(const char *path, int wait_ms, bool *used,
    struct es_err *err);

#endif
