/*
 * row: a message as it stands in the table `message`, read and compared.
 */
#ifndef ES_ROW_H
#define ES_ROW_H

#include "arena.h"
#include "message.h"
#include "names.h"

/* The columns that row_read() wants, in its order. */
#define ROW_COLUMNS "position, shape, kind, version, id, tags, payload, " \
	"metadata, causation, correlation, created_at, stored_at, " \
	"erased_at, type"

/*
 * The row that the statement stands on.  Text is copied to the arena, so the
 * message lives as long as that; *shape may be NULL.
 */
int row_read(const struct names *, sqlite3_stmt *, struct arena *,
    struct message *out, int *shape, struct es_err *err);

/*
 * The same in steps, for what is only looked at: the values of a statement's
 * row (or those that an SQL function was called with, in the same order); the
 * message, whose tags, payload and metadata stand in the values, until the next
 * step or reset; a copy of these.
 */
#define ROW_VALUES 14
void row_values(sqlite3_stmt *, sqlite3_value *v[ROW_VALUES]);
int row_borrow(const struct names *, sqlite3_value **v, struct arena *,
    struct message *out, int *shape, struct es_err *err);
int row_keep(struct arena *, struct message *, struct es_err *err);

/* The number of its type, see names.h. */
int row_type(sqlite3_stmt *);

/* Bind an id: 16 bytes for a UUID in canonical form (kept in uuid). */
void row_bind_id(sqlite3_stmt *, int parameter, struct span id,
    unsigned char uuid[16]);

/*
 * Whether a payload, parsed, has the attribute with that value; whether it was
 * indexed is the shape's to tell.  text is the caller's scratch.
 */
bool row_has_attribute(const struct json_doc *, struct span name,
    struct span value, struct buf *text);

#endif
