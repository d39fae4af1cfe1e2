/*
 * given: a history in memory, read as a store is; for what has no store.
 *
 * Messages get positions 1, 2, 3 … in the order in which they are added,
 * whatever positions they had.  They are found by all attributes, also where a
 * catalog indexes some only.
 *
 *   given_open -> given_add*, given_read* -> given_at, given_line, given_match
 *   -> given_close
 *
 * With a catalog new messages have to satisfy it, and older ones are shown as
 * their newest version, as in a store.  What is given out is borrowed until the
 * next given_add().
 */
#ifndef ES_GIVEN_H
#define ES_GIVEN_H

#include "catalog.h"
#include "query.h"

struct given;

/* The catalog is borrowed; NULL: anything may be said. */
int given_open(const struct catalog *, struct given **out,
    struct es_err *err);
/* With the catalog of the app in which a handler's file stands, if any. */
int given_open_beside(const char *handler, struct given **out,
    struct es_err *err);
void given_close(struct given *);

/* From now on a type that the catalog lacks is refused; ES_USAGE: there is no
 * catalog. */
int given_set_strict(struct given *, struct es_err *err);

/*
 * A new message, checked against the catalog: payload, kind and version become
 * what they are in a store, the payload borrowed until the next call but one.
 * What says that it is of an older version stays as it is.
 */
int given_check(struct given *, struct draft *, struct es_err *err);

/* As a handler sees it; the payload is borrowed until the next call. */
int given_upcast(struct given *, struct message *, struct es_err *err);

/*
 * A copy of the message goes in.  What a message of es-append's form lacks is
 * filled in: an id made of its position, causes, and times (stored_at by
 * created_at, else by `now`, and the other way round).
 */
int given_add(struct given *, const struct message *, int64_t now,
    struct es_err *err);

/*
 * Add the lines of a file ("-": stdin), as es-query prints messages or as
 * es-append takes them: those without a position are new.  Errors begin with
 * FILE:LINE.
 */
int given_read(struct given *, const char *path, struct es_err *err);

int64_t given_head(const struct given *);	/* the last position */
const struct message *given_at(const struct given *, int64_t position);
/* The same as a handler sees it. */
const struct message *given_shown(const struct given *, int64_t position);
/* That as es-query prints it, without newline. */
struct span given_line(const struct given *, int64_t position);
bool given_match(const struct given *, int64_t position,
    const struct query *);

#endif
