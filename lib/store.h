/*
 * store: the log in its SQLite file; open, append, and what stands beside each
 * message (identity, outcome, provenance).  The format is es-store(5).
 *
 *   store_create            make the file, once
 *   store_open -> store_begin -> store_append* -> store_commit -> store_close
 *
 * Everything between store_begin() and store_commit() is one transaction, all
 * or nothing; positions are given out in it, gapless and in commit order.
 * Nothing may be acknowledged before store_commit() has returned 0.  After any
 * error between them call store_rollback().
 *
 * A struct store belongs to one thread and must not cross a fork.  Errors name
 * the store's file where the fault is the store's, not where it is the
 * message's.
 */
#ifndef ES_STORE_H
#define ES_STORE_H

#include "catalog.h"
#include "db.h"
#include "hash.h"

#define STORE_APPLICATION_ID 0x65736c67		/* "eslg" */
#define STORE_FORMAT 3				/* user_version */
#define STORE_FORMAT_RUNS 3		/* the first whose index has runs */

struct store;

/*
 * Make a store, or finish one that was begun; *created tells a new one from
 * one that was there.  An older format is left for upgrade.h, a newer one
 * refused.
 */
int store_create(const char *path, bool *created, struct es_err *err);

/*
 * A missing store is an error that names es-init, and so is one of an older
 * format if it is to be written; every older one can be read.
 */
int store_open(const char *path, bool write, struct store **out,
    struct es_err *err);
void store_close(struct store *);

const char *store_path(const struct store *);
int store_format(const struct store *);		/* 1 to STORE_FORMAT */
const char *store_id(const struct store *);	/* UUID */
const char *store_epoch(const struct store *);	/* UUID */
struct db *store_db(struct store *);

/*
 * Whether the file that was opened is still the one of that name, in the epoch
 * of its opening; an error that says so when it is another or gone.  For those
 * who stay: without a name a file still takes what nobody will find.
 */
int store_check_same(struct store *, struct es_err *err);
/* The file alone: for those to whom a new epoch is no other log. */
int store_check_file(const struct store *, struct es_err *err);
/* The file, its -wal and its -shm: for those who do not open it again. */
int store_check_files(const struct store *, struct es_err *err);

/* The position of the newest message, 0 when there is none. */
int store_head(struct store *, int64_t *head, struct es_err *err);

/*
 * The catalog in force, never NULL, as of the last store_begin() or
 * store_refresh(); borrowed until the next of either.
 */
const struct catalog *store_catalog(const struct store *);
/* The position of its es.catalog_loaded, 0 without one. */
int64_t store_catalog_at(const struct store *);
int store_refresh(struct store *, struct es_err *err);

int store_begin(struct store *, struct es_err *err);
int store_commit(struct store *, struct es_err *err);
void store_rollback(struct store *);
/* Whether a write of the open transaction failed: roll it back. */
bool store_broken(const struct store *);
/*
 * Whether what failed in the open transaction is the store's fault, or the
 * system's, whatever message it was given: another would not fare better.
 */
bool store_at_fault(const struct store *, const struct es_err *);
/*
 * 0 when a transaction is open, in which one may write, else -1: SQLite ends
 * it itself when a disk is full, and what came then would stand alone.
 */
int store_check_open(struct store *, struct es_err *err);
/*
 * Begin a new epoch in the open transaction: the log is from here on another
 * one than that of which it had the messages up to branched_at (0: none).
 * store_epoch() is the new one at once, and the old one again after a
 * rollback.
 */
int store_begin_epoch(struct store *, int64_t branched_at,
    struct es_err *err);
/* Head before the transaction's own messages. */
int64_t store_before(const struct store *);
/* The clock of the open transaction: stored_at of what it appends. */
int64_t store_now(const struct store *);
/*
 * Take micros as that clock, for what was decided with it; false (and no
 * change) when the log's newest message is later.
 */
bool store_set_now(struct store *, int64_t micros);

struct appended {
	int64_t position;
	bool repeated;		/* its id was there with the same content */
	struct span line;	/* as es-query prints it, with its newline;
				   until the next store call */
};

/*
 * Append one message: identity (DESIGN "Identity"), catalog, defaults, causes,
 * keys.  Faults of the message are ES_FAILED without a place, for the caller
 * to put the line in front; they leave the transaction as it was, so what came
 * before may still be committed.  After a failed write store_commit() refuses.
 */
int store_append(struct store *, const struct draft *, struct appended *out,
    struct es_err *err);

/*
 * The message that the draft (with an id) would become if it were stored at
 * `now`, as a line without position, appended to out: what a decider is given
 * of a command that is not in the log yet.  Needs no transaction.
 */
int store_preview(struct store *, const struct draft *, int64_t now,
    struct buf *out, struct es_err *err);

/*
 * Whether store_append() would take the draft now; nothing is written.
 */
int store_check(struct store *, const struct draft *, struct es_err *err);

/* One of the toolkit's own types ("es.…"), which store_append() refuses. */
int store_append_own(struct store *, const struct draft *,
    struct appended *out, struct es_err *err);

/* From now on a type that the catalog lacks is refused. */
void store_set_strict(struct store *, bool strict);

/*
 * Load a catalog: appends es.catalog_loaded unless it is in force already.  A
 * change that needs a new version and has none is refused.
 */
int store_load_catalog(struct store *, const struct catalog *, bool *changed,
    struct es_err *err);

/*
 * One message by position or id: 1, 0 when there is none, -1.  Spans of *out
 * are valid until the next call on the store.
 */
int store_get(struct store *, int64_t position, struct message *out,
    struct es_err *err);
int store_find_id(struct store *, struct span id, int64_t *position,
    struct es_err *err);
/*
 * What a message is found by: one that is stored by the catalog that was in
 * force at its append, one without a position by the catalog now.
 */
int store_keys(struct store *, const struct message *, struct keys *out,
    struct es_err *err);

/* ---- erasing; storeerase.c ---- */

/*
 * Take payload, metadata and tags out of a message, in a transaction that
 * store_erase_begin() has begun: out of its row and out of the index.  Its
 * digest is made anew, its identity goes, and a command without an outcome is
 * skipped.  The caller sees to what may be erased, and appends the
 * es.message_erased.  After -1 roll back.
 */
int store_erase_begin(struct store *, struct es_err *err);
int store_erase(struct store *, int64_t position, struct es_err *err);
/*
 * Before the commit: what else the store holds of the erased messages
 * (provenance, `failing` as it was before the transaction, free pages).
 */
int store_erase_end(struct store *, struct es_err *err);
/*
 * After the commit: empty the -wal, in which they stand as they were.  *held:
 * a reader kept it from that for wait_ms.
 */
int store_erase_clean(struct store *, int wait_ms, bool *held,
    struct es_err *err);

/* ---- provenance and outcomes ---- */

struct provenance {
	int64_t handled;	/* position of the message handled */
	int64_t handler;	/* from store_handler() */
	int64_t read_at;	/* position up to which it had read */
	struct span partition;	/* JSON object text: what it read */
	int attempt;		/* from 1 */
	int64_t first, last;	/* what it made; 0, 0: nothing */
};

/* The number of a handler version, interned; within a transaction. */
int store_handler(struct store *, const char *name,
    const unsigned char hash[32], struct span definition, int64_t *out,
    struct es_err *err);
int store_add_provenance(struct store *, const struct provenance *,
    int64_t *id, struct es_err *err);

/* Whether a handler of this name made the message. */
int store_made_by(struct store *, int64_t position, const char *name,
    bool *made, struct es_err *err);

enum outcome { OUTCOME_NONE, OUTCOME_DECIDED, OUTCOME_REJECTED,
    OUTCOME_SKIPPED };

/* A command's outcome, once: a second one is an error. */
int store_set_outcome(struct store *, int64_t command, enum outcome,
    int64_t provenance /* 0: none */, struct es_err *err);
/* *first and *last: the messages made with it (0: none); may be NULL. */
int store_outcome(struct store *, int64_t command, enum outcome *,
    int64_t *first, int64_t *last, struct es_err *err);
/*
 * Up to where had been read for the decision: 1, 0 when it is not recorded (and
 * *read_at is untouched), -1.
 */
int store_read_at(struct store *, int64_t command, int64_t *read_at,
    struct es_err *err);

#endif
