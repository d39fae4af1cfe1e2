/*
 * pagereader: the connection that a render's queries run on; for pagequery.c
 * and pageviews.c.
 *
 * Each render has one of its own, whose main database is empty and in memory,
 * and to which the read models are attached, read-only, as they are then: a
 * rebuild puts another file there.  A read model that is not there yet, or is
 * one of another log, is an empty one.
 *
 *   pagereader_open -> pagereader_begin -> queries -> pagereader_close
 */
#ifndef ES_PAGEREADER_H
#define ES_PAGEREADER_H

#include <sqlite3.h>
#include "pageint.h"

struct pagereader {
	const struct page *page;
	sqlite3 *h;
	bool there[PAGE_VIEWS_MAX];	/* not an empty one instead */
	int64_t until;			/* sys_monotonic(): the deadline */
	size_t rows;
	struct json_doc params, query;
	struct buf text;
};

/* store NULL: only empty read models, to compile queries over. */
int pagereader_open(struct pagereader *, const struct page *, struct store *,
    struct es_err *err);
/*
 * Begin the one read transaction for all queries.  *position: up to where all
 * read models are in it (INT64_MAX without any).
 */
int pagereader_begin(struct pagereader *, int64_t *position,
    struct es_err *err);
void pagereader_close(struct pagereader *);

/* Fill err from SQLite's last error; returns -1. */
int pagereader_fail(struct pagereader *, struct es_err *err);

#endif
