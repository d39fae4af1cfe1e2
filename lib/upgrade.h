/*
 * upgrade: from an older format of the store to STORE_FORMAT.
 *
 * There is one function a step, from a format to the next.  All steps that a
 * store needs run in one transaction, under the writers' lock, and what they
 * made is verified before it is committed: a store is of the old format or of
 * the new one, whole, and who was interrupted begins again.  A step may add
 * and compute anew; what cannot be computed from the messages stays as it is.
 */
#ifndef ES_UPGRADE_H
#define ES_UPGRADE_H

#include "store.h"

/*
 * Upgrade the store; *from is the format that it had, STORE_FORMAT when there
 * was nothing to do.  ES_BUSY while another program has an older one open: it
 * would go on writing as that format wants it.
 */
int upgrade_store(const char *path, int *from, struct es_err *err);

#endif
