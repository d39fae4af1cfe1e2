/*
 * checkint: what the files of check share; not for others.
 *
 * A pass is a function that looks at one thing: 0 when it has, with what was
 * wrong told by check_found(), or -1 with err for what ends the whole check.
 */
#ifndef ES_CHECKINT_H
#define ES_CHECKINT_H

#include "arena.h"
#include "catalog.h"
#include "check.h"
#include "db.h"
#include "index.h"
#include "names.h"
#include "checkrows.h"

/*
 * Sums over a range of positions each, of what the messages should have and of
 * what is there: where the two are equal, so are the sets.
 */
struct check_sums {
	uint64_t *wanted, *there;
	size_t n;
	int shift;		/* a range is 1 << shift positions */
};

struct check {
	struct db *db;
	const struct check_listener *listener;
	struct check_summary *sum;
	struct names *names;
	struct index *index;
	unsigned char secret[16];
	int64_t head;		/* as it was at the beginning */
	int64_t catalog_at;	/* what meta said then */
	struct check_sums postings, ids;
	/* the catalogs by the positions at which they were loaded */
	int64_t *loaded;
	size_t n_loaded, cap_loaded;
	struct catalog *catalog;	/* that of in_force, NULL: unreadable */
	int64_t in_force;		/* 0: none, an empty one */
	/* memory used again for each message */
	struct arena arena;
	struct buf line, text;
	struct json_doc doc;
	struct keys keys;
	char texts[8][200];
	unsigned next_text;
	int64_t keep;		/* of one row for the next, see check_each() */
};

/* ---- check.c ---- */

/* Text for a finding, escaped; a few of them live side by side. */
const char *check_text(struct check *, const char *fmt, ...) ES_PRINTF(2, 3);
const char *check_bytes(struct check *, const void *p, size_t n);	/* hex */
const char *check_span(struct check *, struct span);
const char *check_number(struct check *, int64_t);

/* 0, or -1 when the listener wants no more. */
int check_found(struct check *, const char *table, const char *row,
    const char *what, const char *expected, const char *found,
    struct es_err *err);
/* The same about a message, or about those from first to last. */
int check_found_at(struct check *, int64_t first, int64_t last,
    const char *what, const char *expected, const char *found,
    struct es_err *err);
/* A table could not be read: a finding, or -1 when err ends the check. */
int check_unreadable(struct check *, const char *table, struct es_err *err);
void check_progress(struct check *, const char *phase, int64_t done,
    int64_t total);

int check_sums_open(struct check_sums *, int64_t head, struct es_err *err);
void check_sums_free(struct check_sums *);
/* The bucket of a position from 1 to head. */
static inline size_t check_bucket(const struct check_sums *s, int64_t position)
{
	return (size_t)(position - 1) >> s->shift;
}
uint64_t check_mix(uint64_t a, uint64_t b, uint64_t c);
/* The first bucket from i up whose sums differ; s->n when there is none. */
size_t check_sums_differ(const struct check_sums *, size_t i);

/* ---- checktables.c ---- */

/*
 * Give each row of a query on a table to `row`, which is told their number,
 * from 1, and may keep something in c->keep, 0 at first.
 */
int check_each(struct check *, const char *table, const char *sql,
    int (*row)(struct check *, sqlite3_stmt *, int64_t n,
    struct es_err *err), struct es_err *err);

/* ---- the passes ---- */

int check_sqlite(struct check *, struct es_err *err);	/* checkfile.c */
int check_schema(struct check *, struct es_err *err);
int check_meta(struct check *, struct es_err *err);	/* checktables.c */
int check_names(struct check *, struct es_err *err);
int check_messages(struct check *, struct es_err *err);	/* checkmessage.c */
int check_ids(struct check *, struct es_err *err);	/* checkids.c */
int check_index(struct check *, struct es_err *err);	/* checkindex.c */
int check_outcomes(struct check *, struct es_err *err);	/* checkmade.c */
int check_provenance(struct check *, struct es_err *err);
int check_groups(struct check *, struct es_err *err);	/* checkgroups.c */

/* ---- checkkeys.c ---- */

/* The message at a position, above all before it, has loaded a catalog. */
int check_loaded(struct check *, int64_t position, struct es_err *err);
/* That the last of them is the one that meta names. */
int check_catalog_at(struct check *, struct es_err *err);

bool check_is_json(struct check *, struct span text, enum json_type);
/* What message_keys() takes for granted. */
bool check_has_tags(struct check *, const struct message *);
bool check_has_payload(const struct message *);

/*
 * What a message is found by, into c->keys, as the catalog was when it came;
 * 1, 0 when its payload or tags are such that nothing can be said, -1.
 * *shape: what it should be, -1 when there is no such shape.
 */
int check_keys_of(struct check *, const struct message *, int type,
    int stored_shape, int *shape, struct es_err *err);

/* ---- checkmessage.c ---- */

/* The id as it stands in a row, as a number. */
uint64_t check_id_hash(const struct check *, sqlite3_stmt *, int column);

#endif
