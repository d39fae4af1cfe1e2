/*
 * view: read models; what a projector makes of the log, in a file of its own.
 *
 * STORE.views/NAME.db is a symbolic link to NAME.GENERATION.db.  A rebuild
 * writes a new generation and renames a new link over the old one; a database
 * is never renamed or copied over another.  Each generation holds its offset
 * (store id, epoch, position, id of the message there) and the hash of the
 * projector's text, and every commit fails if the offset is not where it
 * began: so overlapping updaters are harmless.
 *
 * A jq projector's file has states(key TEXT PRIMARY KEY, state TEXT, position
 * INTEGER), key = {"NAME":VALUE…} in partition_by order, and a view with the
 * projector's name: a text column a name, then state and position.  Beside
 * them stand es_model (one row: the offset and what it was made from) and
 * es_model_key (the values of each key in columns).
 *
 *   view_open -> view_step* -> view_close
 */
#ifndef ES_VIEW_H
#define ES_VIEW_H

#include "fold.h"

struct view;

/*
 * Open (or make) the read model of a jq projector.  A model of another store
 * or epoch, of a log that does not hold the message at its offset, or of
 * another projector text, one that took in a message that was erased since, and
 * one that is damaged, is rebuilt from the start in a new generation; so is one
 * with `rebuild`.  Readers see the old one until
 * the new one has caught up; a first one they see grow.
 *
 * ES_BUSY when another process is rebuilding it for longer than 30 s.  The view
 * borrows store, handler and jqrun; nobody else may use the jqrun.
 */
int view_open(struct store *, const struct handler *, struct jqrun *,
    bool rebuild, struct view **out, struct es_err *err);
void view_close(struct view *);

/*
 * Take in a bounded number of messages and commit.  *more: the head as of the
 * call is not reached yet, or readers still see an old generation.  ES_FAILED
 * for a fault of the projector: operation, type, id and position are named, and
 * what came before that message is committed.
 * When another process moved the offset meanwhile its work counts, and the
 * step starts again from there; when it has put another generation in place,
 * the step goes on with that.  ES_FAILED when that one is of another text or
 * store: two that rebuild against each other would never end.
 */
int view_step(struct view *, bool *more, struct es_err *err);

int64_t view_position(const struct view *);	/* up to where it is */

/*
 * Why the model that was there is made anew, for a person ("campaigns.jq
 * changed"); NULL when it is gone on with, is the first, or was asked for.
 */
const char *view_rebuilt(const struct view *);
/* Whether readers still see the old one. */
bool view_rebuilding(const struct view *);

/* STORE.views/NAME.db; malloced. */
char *view_path(const char *store, const char *name, struct es_err *err);

/*
 * Read a model without its projector: one state after another in the order of
 * their keys, or those whose key has the given values.
 */
struct view_reader;
int view_read_open(const char *store, const char *name,
    const struct query_pair *values, size_t n, struct view_reader **out,
    struct es_err *err);
/* 1, 0 at the end, -1; spans until the next call. */
int view_read_next(struct view_reader *, struct span *key, struct span *state,
    int64_t *position, struct es_err *err);
void view_read_close(struct view_reader *);
/* {"key":KEY,"state":STATE,"position":POSITION} and a newline. */
void view_print_state(struct buf *out, struct span key, struct span state,
    int64_t position);
/*
 * ES_USAGE when the handler does not partition by a value's name.  One that
 * contradicts another simply finds nothing.
 */
int view_check_values(const struct handler *, const struct query_pair *values,
    size_t n, struct es_err *err);

/*
 * What a history makes of a projector's states, without store and file: each
 * in the order of their keys, or those whose key has the given values.  Errors
 * are those of view_step().
 */
int view_given(const struct given *, const struct handler *, struct jqrun *,
    const struct query_pair *values, size_t n, int (*each)(void *ctx,
    struct span key, struct span state, int64_t position, struct es_err *),
    void *ctx, struct es_err *err);

/* The offset of a model: 0 when there is none. */
int view_read_position(const char *store, const char *name, int64_t *out,
    struct es_err *err);

#endif
