/*
 * storefile: a store as files in a directory; who uses it, and how it goes.
 *
 * No function may be called while this process has the store open: closing a
 * second descriptor of its file would drop SQLite's locks.
 *
 * Whoever replaces or removes a store holds the writers' lock, and a writer
 * looks whether its file is still there when it has got the lock: so nothing
 * is acknowledged that goes into a file without a name.
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

/*
 * 1 when the file is a store, of whatever format, 0 when there is no such
 * file; -1 for everything else that may be there.
 */
int storefile_is_store(const char *path, struct es_err *err);

/*
 * Remove a store with all its files; a link to it stays.  Without `force`
 * ES_BUSY when it is in use.  The database goes last but for its lock, so what
 * was interrupted is still a store, and is removed by another call.
 */
int storefile_remove(const char *path, bool force, struct es_err *err);

/*
 * Give a whole database, which is on the disk already, the name of the store
 * that is there, whose other files are removed.  Who is interrupted leaves
 * either of the two.
 */
int storefile_replace(const char *path, const char *with, struct es_err *err);

/* Bring a change of names in the directory of a file to the disk. */
int storefile_sync_directory(const char *path, struct es_err *err);

#endif
