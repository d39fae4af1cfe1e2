/* What is in the pages: cells of leaves, by the form of their records. */
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "salvagefile.h"

#define PAYLOAD_MAX (4 * MESSAGE_LINE_MAX)	/* of a row that could be one */
#define TYPES_MAX 1000000

/* ---- records ---- */

/* SQLite's varint: bytes that it has, 0 when it does not end in time. */
static size_t varint(const unsigned char *p, const unsigned char *end,
    int64_t *out)
{
	uint64_t v = 0;
	size_t i;

	for (i = 0; i < 9 && p + i < end; i++) {
		if (i == 8) {
			*out = (int64_t)(v << 8 | p[i]);
			return 9;
		}
		v = v << 7 | (p[i] & 0x7f);
		if (p[i] < 0x80) {
			*out = (int64_t)v;
			return i + 1;
		}
	}
	return 0;
}

static int64_t serial_bytes(int64_t serial)
{
	static const int64_t fixed[] = {0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0};

	return serial < 0 ? -1 : serial < 12 ? fixed[serial] :
	    (serial - 12) / 2;
}

/*
 * The serial types in a record's header, as many as max; how many there are,
 * or 0 when they do not make up n bytes.
 */
static int header(const unsigned char *p, const unsigned char *end, int64_t n,
    int64_t *serials, int max, int64_t *size)
{
	int64_t total, s;
	size_t used = varint(p, end, size), k;
	int count = 0;

	if (!used || *size < 2 || *size > 200 || *size > end - p)
		return 0;
	for (total = *size; (int64_t)used < *size; used += k) {
		k = varint(p + used, p + *size, &s);
		if (!k || count == max || serial_bytes(s) < 0)
			return 0;
		serials[count++] = s;
		total += serial_bytes(s);
		if (total > n)
			return 0;
	}
	return total == n ? count : 0;
}

bool rawvalue_is_int(const struct rawvalue *v)
{
	return (v->serial >= 1 && v->serial <= 6) || v->serial == 8 ||
	    v->serial == 9;
}

bool rawvalue_is_text(const struct rawvalue *v)
{
	return v->serial >= 13 && v->serial % 2 == 1;
}

bool rawvalue_is_blob(const struct rawvalue *v)
{
	return v->serial >= 12 && v->serial % 2 == 0;
}

int64_t rawvalue_int(const struct rawvalue *v)
{
	uint64_t n = v->n && v->p[0] & 0x80 ? UINT64_MAX : 0;
	size_t i;

	if (v->serial == 8 || v->serial == 9)
		return v->serial - 8;
	for (i = 0; i < v->n && i < 8; i++)
		n = n << 8 | v->p[i];
	return (int64_t)n;
}

/* ---- cells ---- */

/* How much of a payload of n bytes stands in the cell itself. */
static int64_t local_bytes(const struct rawfile *f, int64_t n)
{
	int64_t usable = f->page_size, most = usable - 35;
	int64_t least = (usable - 12) * 32 / 255 - 23, k;

	if (n <= most)
		return n;
	k = least + (n - least) % (usable - 4);
	return k <= most ? k : least;
}

/* Add what a chain of overflow pages has, until there are n bytes. */
static int overflow(struct rawfile *f, uint32_t page, size_t n,
    struct buf *out)
{
	while (out->n < n && rawfile_page(f, page, f->page)) {
		size_t k = n - out->n, most = f->page_size - 4;

		buf_add(out, f->page + 4, k < most ? k : most);
		page = rawfile_big(f->page, 4);
		if (out->failed)
			return 0;
	}
	return out->n == n;
}

/*
 * The serials of what could be a message's record; its columns are NULL for
 * the position, then numbers, and 16 and 32 bytes of salt and digest.
 */
static bool is_message(const int64_t *s, int n)
{
	return n == RAW_COLUMNS && s[0] == 0 && s[14] == 12 + 2 * 16 &&
	    s[15] == 12 + 2 * 32 && s[7] >= 13 && s[7] % 2 == 1;
}

struct cell {
	int64_t payload, rowid;
	size_t head;		/* bytes before the record */
};

static bool read_cell(const unsigned char *p, const unsigned char *end,
    struct cell *c)
{
	size_t a = varint(p, end, &c->payload), b;

	if (!a || c->payload < 5 || c->payload > PAYLOAD_MAX)
		return false;
	b = varint(p + a, end, &c->rowid);
	c->head = a + b;
	return b && c->rowid >= 0;
}

int rawfile_cell(struct rawfile *f, const struct rawcell *at,
    struct buf *payload, struct rawvalue out[RAW_COLUMNS], struct es_err *err)
{
	int64_t serials[RAW_COLUMNS], size, local;
	const unsigned char *p, *end;
	uint32_t next = 0;
	struct cell c;
	int i, n;

	buf_truncate(payload, 0);
	if (!rawfile_page(f, at->page, f->page))
		return 0;
	end = f->page + f->page_size;
	if (!read_cell(f->page + at->offset, end, &c))
		return 0;
	p = f->page + at->offset + c.head;
	local = local_bytes(f, c.payload);
	if (local + (local < c.payload ? 4 : 0) > end - p)
		return 0;
	buf_add(payload, p, (size_t)local);
	if (local < c.payload)
		next = rawfile_big(p + local, 4);
	if (!overflow(f, next, (size_t)c.payload, payload))
		return buf_check(payload, err);
	if (buf_check(payload, err) < 0)
		return -1;
	p = (const unsigned char *)payload->p;
	n = header(p, p + payload->n, c.payload, serials, RAW_COLUMNS, &size);
	if (!is_message(serials, n))
		return 0;
	for (i = 0, p += size; i < RAW_COLUMNS; p += out[i++].n)
		out[i] = (struct rawvalue){serials[i], p,
		    (size_t)serial_bytes(serials[i])};
	return 1;
}

/* ---- the search ---- */

/* The array with room for one more, or NULL: out of memory, nothing changed. */
static void *grown(void *p, size_t *cap, size_t n, size_t size)
{
	size_t want = *cap ? *cap * 2 : 256;
	void *more;

	if (n < *cap)
		return p;
	more = realloc(p, want * size);
	if (more)
		*cap = want;
	return more;
}

static int add_type(struct rawfile *f, int64_t id, struct span name,
    struct es_err *err)
{
	struct es_err why = {0};
	struct rawtype *types;
	char *copy;

	if (id > TYPES_MAX || message_check_type(name, &why) < 0)
		return 0;
	types = grown(f->types, &f->cap_types, f->n_types, sizeof *types);
	if (!types)
		return es_fail_nomem(err);
	f->types = types;
	copy = strndup(name.p, name.n);
	if (!copy)
		return es_fail_nomem(err);
	f->types[f->n_types++] = (struct rawtype){id, copy};
	return 0;
}

static int look_at(struct rawfile *f, uint32_t page, uint32_t offset,
    struct es_err *err)
{
	const unsigned char *p = f->page + offset, *end = f->page +
	    f->page_size;
	int64_t serials[RAW_COLUMNS], size;
	struct rawcell *cells;
	struct cell c;
	int n;

	if (!read_cell(p, end, &c))
		return 0;
	p += c.head;
	/* 0 is the NULL that stands for the rowid. */
	if (end - p < 5 || p[1] != 0 || p[0] > 100)
		return 0;
	n = header(p, end, c.payload, serials, RAW_COLUMNS, &size);
	if (n == 2 && serials[1] >= 13 && serials[1] % 2 == 1 &&
	    c.payload <= end - p)
		return add_type(f, c.rowid, (struct span){(const char *)p +
		    size, (size_t)(c.payload - size)}, err);
	if (!is_message(serials, n))
		return 0;
	cells = grown(f->cells, &f->cap_cells, f->n_cells, sizeof *cells);
	if (!cells)
		return es_fail_nomem(err);
	f->cells = cells;
	f->cells[f->n_cells++] = (struct rawcell){c.rowid, page, offset};
	return 0;
}

static int by_position(const void *a, const void *b)
{
	const struct rawcell *x = a, *y = b;

	if (x->position != y->position)
		return x->position < y->position ? -1 : 1;
	return x->page < y->page ? -1 : x->page > y->page;
}

/*
 * Every byte could be where a cell begins: neither a page's kind nor its list
 * of cells is asked.
 */
int rawfile_scan(struct rawfile *f, void (*progress)(void *ctx, int64_t done,
    int64_t total), void *ctx, struct es_err *err)
{
	uint32_t page, i;

	for (page = 1; page <= f->pages; page++) {
		if (progress && page % 256 == 0)
			progress(ctx, page, f->pages);
		if (!rawfile_page(f, page, f->page))
			continue;
		for (i = 0; i + 8 < f->page_size; i++)
			if (look_at(f, page, i, err) < 0)
				return -1;
	}
	if (f->n_cells)
		qsort(f->cells, f->n_cells, sizeof *f->cells, by_position);
	return 0;
}
