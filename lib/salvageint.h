/*
 * salvageint: what salvage.c and salvageraw.c share; not for others.
 */
#ifndef ES_SALVAGEINT_H
#define ES_SALVAGEINT_H

#include "arena.h"
#include "db.h"
#include "message.h"
#include "names.h"
#include "salvage.h"
#include "salvagefile.h"

struct salvage {
	const char *path;
	const struct salvage_listener *listener;
	struct salvage_summary *sum;
	struct db *db;			/* NULL: SQLite cannot read it */
	struct names *names;
	int64_t next;			/* the position that comes next */
	int64_t head;			/* where SQLite has the log end */
	bool odd;			/* something was not as it should be */
	char why[200];			/* what is missing is missing */
	int64_t lost_from, lost_to;	/* not told of yet, 0: none */
	struct rawfile raw;
	bool scanned;
	struct arena arena;
	struct buf line, payload;
};

void salvage_lost(struct salvage *, const char *fmt, ...) ES_PRINTF(2, 3);

/* Whether the digest is that of the message, whose line is then in s->line. */
bool salvage_is_whole(struct salvage *, const struct message *,
    const void *salt, const void *digest, const void *identity);

/* Look through the pages, the first time. */
int salvage_raw_begin(struct salvage *, struct es_err *err);
/* 1 when the message of that position is in s->line, 0, -1. */
int salvage_raw_find(struct salvage *, int64_t position, struct es_err *err);
/* The last position of which there is a whole message, 0: none. */
int salvage_raw_last(struct salvage *, int64_t *last, struct es_err *err);

#endif
