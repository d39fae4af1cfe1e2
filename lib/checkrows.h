/*
 * checkrows: the rows of the table message in ascending position, page by
 * page, and on behind what cannot be read.
 *
 *   rows_open -> rows_next* -> rows_close
 *
 * Between pages no statement is active, so the -wal can be emptied.  A row
 * stays until the next call.  Where SQLite meets damage, the next position
 * that can be read is looked for by halving: `lost` is then true for the row
 * that comes after (or the end), and why says what SQLite said.
 */
#ifndef ES_CHECKROWS_H
#define ES_CHECKROWS_H

#include "db.h"

struct rows {
	sqlite3_stmt *st;	/* the row; ROWS_COLUMNS */
	int64_t position;	/* of the row; of the last one at the end */
	bool lost;		/* what stood before it cannot be read */
	char why[200];
	/* private */
	struct db *db;
	sqlite3_stmt *probe;
	int64_t begun;		/* when the page was */
	int in_page;
	bool active, started;
};

/* After row.h's ROW_COLUMNS, which has the first fourteen. */
#define ROWS_MORE ", salt, digest, identity"
enum { ROWS_SALT = 14, ROWS_DIGEST, ROWS_IDENTITY };

int rows_open(struct rows *, struct db *, struct es_err *err);
/* 1, 0 at the end, -1 for what is no damage (busy, no memory). */
int rows_next(struct rows *, struct es_err *err);
/* Go on with the first row above a position. */
void rows_seek(struct rows *, int64_t position);
void rows_close(struct rows *);

/* Whether the last call of SQLite has not failed. */
bool rows_well(const struct db *);
/* Whether the last error of SQLite tells of damage in the file. */
bool rows_damage(const struct db *);

#endif
