/*
 * salvagefile: the pages of a database file without SQLite, newest first from
 * the -wal, where that is of this file; and what is in them, whatever the
 * b-trees say: cells of leaves of tables, found by the form of their records.
 *
 * Formats: SQLite's "Database File Format".  Nothing in the file is trusted:
 * whoever takes a cell proves it by a digest.
 *
 *   rawfile_open -> rawfile_scan -> rawfile_cell* -> rawfile_close
 */
#ifndef ES_SALVAGEFILE_H
#define ES_SALVAGEFILE_H

#include "buf.h"

#define RAW_COLUMNS 17		/* those of the table message */

struct rawfile {
	int fd, wal_fd;
	uint32_t page_size, pages;
	/* where in the -wal a page stands, 0: it does not */
	int64_t *in_wal;
	unsigned char *page;
	struct rawcell *cells;	/* by position, once scanned */
	size_t n_cells, cap_cells;
	struct rawtype *types;	/* names of types, as found */
	size_t n_types, cap_types;
};

struct rawcell { int64_t position; uint32_t page, offset; };
struct rawtype { int64_t id; char *name; };

/* A value of a record: SQLite's serial type, and its bytes. */
struct rawvalue {
	int64_t serial;
	const unsigned char *p;
	size_t n;
};

int rawfile_open(struct rawfile *, const char *path, struct es_err *err);
void rawfile_close(struct rawfile *);

/* A number of n bytes, as the formats have them. */
uint32_t rawfile_big(const unsigned char *, int n);
/* 1 when the page, from 1, could be read: page_size bytes. */
int rawfile_page(const struct rawfile *, uint32_t page, void *to);

/* ---- salvagecell.c ---- */

/* Find all that looks like a message, or like the name of a type. */
int rawfile_scan(struct rawfile *, void (*progress)(void *ctx, int64_t done,
    int64_t total), void *ctx, struct es_err *err);

/*
 * Read the values of a message's cell; they point into `payload`.  1, 0 when
 * it is none after all, -1.
 */
int rawfile_cell(struct rawfile *, const struct rawcell *,
    struct buf *payload, struct rawvalue out[RAW_COLUMNS],
    struct es_err *err);

int64_t rawvalue_int(const struct rawvalue *);
bool rawvalue_is_int(const struct rawvalue *);
bool rawvalue_is_text(const struct rawvalue *);
bool rawvalue_is_blob(const struct rawvalue *);

#endif
