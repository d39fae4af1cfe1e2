/*
 * given: a history in memory, read as a store is; for what has no store.
 *
 * Messages get positions 1, 2, 3 … in the order in which they are added,
 * whatever positions they had.  With no catalog every attribute is indexed.
 *
 *   given_open -> given_add*, given_read* -> given_at, given_line, given_match
 *   -> given_close
 *
 * What is given out is borrowed until the next given_add().
 */
#ifndef ES_GIVEN_H
#define ES_GIVEN_H

#include "query.h"

struct given;

int given_open(struct given **out, struct es_err *err);
void given_close(struct given *);

/*
 * A copy of the message goes in.  What a message of es-append's form lacks is
 * filled in: an id made of its position, causes, and times (stored_at by
 * created_at, else by `now`, and the other way round).
 */
int given_add(struct given *, const struct message *, int64_t now,
    struct es_err *err);

/*
 * Add the lines of a file ("-": stdin), as es-query prints messages or as
 * es-append takes them.  Errors begin with FILE:LINE.
 */
int given_read(struct given *, const char *path, struct es_err *err);

int64_t given_head(const struct given *);	/* the last position */
const struct message *given_at(const struct given *, int64_t position);
/* As es-query prints it, without newline. */
struct span given_line(const struct given *, int64_t position);
bool given_match(const struct given *, int64_t position,
    const struct query *);

#endif
