/*
 * storeimpl: what the files of the store and find share; not for others.
 */
#ifndef ES_STOREIMPL_H
#define ES_STOREIMPL_H

#include <sys/types.h>

#include "ids.h"
#include "index.h"
#include "row.h"
#include "store.h"

struct find;

struct store {
	struct db *db;
	int format;
	char id[UUID_TEXT], epoch[UUID_TEXT];
	unsigned char secret[16];
	dev_t device;		/* of the file, to know it again */
	ino_t inode;
	struct names *names;
	struct index *index;
	struct ids *ids;
	struct catalog *catalog, *old_catalog;
	bool strict;		/* only types of the catalog */
	int64_t catalog_at;	/* position of its es.catalog_loaded */
	int64_t head;		/* as of the last refresh or append */
	int64_t named_at;	/* head, when names were last refreshed */
	int64_t last_stored_at;
	/* the open transaction */
	bool open;
	int64_t before, now;
	bool broken;		/* a write failed: only a rollback is left */
	bool epoch_begun;
	char epoch_before[UUID_TEXT];
	/* statements */
	sqlite3_stmt *state, *epoch_now, *by_position, *digests, *get_outcome;
	sqlite3_stmt *insert, *set_catalog;
	unsigned not_null;	/* columns of insert that are bound */
	sqlite3_stmt *handler_find, *handler_add, *provenance_add,
	    *outcome_add, *made_by, *read_at;
	/* memory used again for each message */
	struct message_scratch scratch;
	struct json_doc doc;
	struct keys keys;
	struct arena arena;
	struct buf line, payload, came_in;
	uint64_t messages_read;	/* by finds */
	bool takes;		/* the function of findpage.c is there */
	struct find *taking;	/* and works for this one */
};

/* The format of a store, 0: an empty file, -1: something else. */
int store_recognise(struct db *, struct es_err *err);

/* store_open() that writes an older format, too, for who knows how. */
int store_open_any(const char *path, bool write, struct store **out,
    struct es_err *err);

/*
 * Digest of the store's id, its secret and its epochs, kept in meta as the
 * seal: nothing else in a store tells them.  In the transaction that changes
 * one of them.
 */
int store_seal(struct db *, struct es_err *err);
int store_seal_sum(struct db *, unsigned char sum[32], struct es_err *err);

/*
 * db_done() of a statement that writes in the open transaction, of which only
 * a rollback is left when it fails.
 */
int store_done(struct store *, sqlite3_stmt *, struct es_err *err);

/* store_get() of one that has to be there: 0, or -1. */
int store_get_known(struct store *, int64_t position, struct message *out,
    struct es_err *err);

/*
 * Take the catalog of the es.catalog_loaded at a position as the one in force;
 * write its position as that of the catalog in force.
 */
int store_read_catalog_at(struct store *, int64_t at, struct es_err *err);
int store_write_catalog_at(struct store *, int64_t at, struct es_err *err);

/*
 * Write a message that is complete, as the newest one; its keys are in s->keys.
 * Its line is in s->line then.
 */
int store_write(struct store *, const struct message *, struct es_err *err);

/* ---- identity.c ---- */

/* The payload that came in; JSON text without insignificant white space. */
struct span identity_payload(const struct draft *);
int identity_compact(struct json_doc *, struct span text, struct buf *out,
    struct es_err *err);

/* A draft whose id has a position: *out is what is stored, or an error. */
int identity_repeated(struct store *, const struct draft *, int64_t position,
    struct appended *out, struct es_err *err);

/* ---- appendrow.c ---- */

/*
 * Write a message as the newest one: its line is in s->line, its keys in
 * s->keys; rewritten: what came in as its payload is in s->came_in.
 */
int append_row(struct store *, const struct message *, bool rewritten,
    struct es_err *err);

/* The keys of a stored message by its shape; see store_keys(). */
int store_keys_of(struct store *, const struct message *, int shape,
    struct keys *out, struct es_err *err);

#endif
