/*
 * viewfile: the files of one read model; its generations, the link to the one
 * that counts, and what a generation says of itself.  For the room of view.
 *
 *   STORE.views/NAME.db             a link to NAME.GENERATION.db
 *   STORE.views/NAME.GENERATION.db  a database; beside it -wal, -shm, -lock
 *                                   and -bell
 *   STORE.views/NAME.lock           held by who makes a generation and who
 *                                   removes old ones
 *
 * A GENERATION is 16 hexadecimal digits that are never used again, so whoever
 * has an old one open keeps his inodes when it is removed.
 */
#ifndef ES_VIEWFILE_H
#define ES_VIEWFILE_H

#include "db.h"
#include "handler.h"
#include "hash.h"
#include "message.h"

#define VIEW_APPLICATION_ID 0x65737677		/* "esvw" */
#define VIEW_FORMAT 1				/* user_version */
#define VIEW_NAMES_MAX 64	/* of partition_by: a message has no more */

struct viewfile {
	char *name;		/* the projector's */
	char *dir, *link;	/* STORE.views, STORE.views/NAME.db */
	char *generation;	/* file name of the one that is open */
	struct db *db;		/* it, or NULL */
	bool linked;		/* it is what readers see */
	int lock_fd;		/* NAME.lock while it is held, else -1 */
};

/* What a generation was made from and how far it has come. */
struct viewfile_mark {
	char store[UUID_TEXT], epoch[UUID_TEXT];
	int64_t position;
	char id[MESSAGE_ID_BYTES + 1];	/* of the message there; "" at 0 */
	char hash[65];			/* of the projector's text, hex */
};

/* Names only; refuses a projector that cannot be called so. */
int viewfile_init(struct viewfile *, const char *store, const char *name,
    struct es_err *err);
void viewfile_free(struct viewfile *);	/* closes as well */
/* Leave the generation; one that was written leaves no -wal behind if it can. */
void viewfile_close(struct viewfile *);

/* The file name that the link gives, appended to out: 1, 0 without one, -1. */
int viewfile_linked(const struct viewfile *, struct buf *out,
    struct es_err *err);
/* Whether the generation that is open is still the one that readers see. */
int viewfile_current(const struct viewfile *, bool *yes, struct es_err *err);

/* Open what is linked: 1, 0 when there is nothing (or no database), -1.
 * *damaged tells these two apart. */
int viewfile_open(struct viewfile *, enum db_mode, bool *damaged,
    struct es_err *err);

/* Read a mark: 1, 0 when the database has none that can be read, -1. */
int viewfile_mark(struct db *, struct viewfile_mark *out, struct es_err *err);

/* NAME.lock: ES_BUSY when another process holds it for 30 s. */
int viewfile_lock(struct viewfile *, struct es_err *err);
void viewfile_unlock(struct viewfile *);

/* Make an empty generation and open it; under the lock. */
int viewfile_create(struct viewfile *, const struct handler *,
    const struct viewfile_mark *, struct es_err *err);
/* The tables of an empty one (viewschema.c). */
int viewfile_schema(struct viewfile *, const struct handler *,
    const struct viewfile_mark *, struct es_err *err);
/* Let readers see it from now on; under the lock. */
int viewfile_publish(struct viewfile *, struct es_err *err);
/* Remove generations that are neither open here nor linked; under the lock. */
void viewfile_clean(const struct viewfile *);

#endif
