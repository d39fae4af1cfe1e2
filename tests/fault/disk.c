#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "run.h"
#include "sys.h"

enum { SECTOR = 512 };

static struct disk_entry *entry_of(struct disk *d, const char *name, size_t n)
{
	struct disk_entry *e;

	for (int i = 0; i < d->n_entries; i++)
		if (strlen(d->entry[i].name) == n &&
		    memcmp(d->entry[i].name, name, n) == 0)
			return &d->entry[i];
	if (d->n_entries == DISK_FILES || n >= sizeof e->name)
		run_die("too many names");
	e = &d->entry[d->n_entries++];
	memcpy(e->name, name, n);
	e->now = e->durable = -1;
	return e;
}

/* The newest file with that inode: numbers are used again. */
static struct disk_file *file_of(struct disk *d, uint64_t inode)
{
	for (int i = d->n_files - 1; i >= 0; i--)
		if (d->file[i].inode == inode)
			return &d->file[i];
	run_die("a file that nobody made");
	return NULL;
}

static int new_file(struct disk *d, uint64_t inode)
{
	if (d->n_files == DISK_FILES)
		run_die("too many files");
	d->file[d->n_files] = (struct disk_file){.inode = inode};
	return d->n_files++;
}

static void resize(struct buf *b, size_t n)
{
	static const char zero[4096];

	while (b->n < n)
		buf_add(b, zero, n - b->n < sizeof zero ? n - b->n :
		    sizeof zero);
	buf_truncate(b, n);
}

static void put(struct buf *b, uint64_t at, const char *p, size_t n)
{
	if (b->n < at + n)
		resize(b, at + n);
	if (b->failed)
		run_die("out of memory");
	memcpy(b->p + at, p, n);
}

/* Each sector of the write by itself. */
static void put_sectors(struct buf *b, const struct record *r)
{
	uint64_t at = r->at, end = r->at + r->n;

	while (at < end) {
		uint64_t next = (at / SECTOR + 1) * SECTOR;
		size_t n = (size_t)((next < end ? next : end) - at);

		if (run_random(2))
			put(b, at, record_bytes(r) + (at - r->at), n);
		at += n;
	}
}

static void apply(struct buf *b, const struct record *r, enum loss loss)
{
	if (loss == LOSE_SOME && run_random(2))
		return;
	if (r->type == RECORD_TRUNCATE) {
		if (loss != LOSE_SECTORS || run_random(2))
			resize(b, r->at);
	} else if (loss == LOSE_SECTORS) {
		put_sectors(b, r);
	} else {
		put(b, r->at, record_bytes(r), r->n);
	}
}

static void wait_for_sync(struct disk_file *f, const struct record *r)
{
	if (f->n_pending == f->cap_pending) {
		f->cap_pending = f->cap_pending ? f->cap_pending * 2 : 64;
		f->pending = realloc(f->pending,
		    f->cap_pending * sizeof(struct record *));
		if (!f->pending)
			run_die("out of memory");
	}
	f->pending[f->n_pending++] = r;
}

static void sync_file(struct disk_file *f)
{
	for (size_t i = 0; i < f->n_pending; i++)
		apply(&f->durable, f->pending[i], LOSE_NONE);
	f->n_pending = 0;
}

void disk_do(struct disk *d, const struct record *r)
{
	struct disk_entry *from;
	size_t n;

	switch (r->type) {
	case RECORD_CREATE:
		entry_of(d, record_bytes(r), r->n)->now = new_file(d, r->file);
		break;
	case RECORD_WRITE:
	case RECORD_TRUNCATE:
		wait_for_sync(file_of(d, r->file), r);
		break;
	case RECORD_SYNC:
		sync_file(file_of(d, r->file));
		break;
	case RECORD_UNLINK:
		entry_of(d, record_bytes(r), r->n)->now = -1;
		break;
	case RECORD_RENAME:
		n = strlen(record_bytes(r));
		from = entry_of(d, record_bytes(r), n);
		entry_of(d, record_bytes(r) + n + 1, r->n - n - 1)->now = from->now;
		from->now = -1;
		break;
	case RECORD_SYNC_DIRECTORY:
		for (int i = 0; i < d->n_entries; i++)
			d->entry[i].durable = d->entry[i].now;
		break;
	default:
		break;
	}
}

/* ---- after the failure ---- */

static bool is_map(const char *name)
{
	size_t n = strlen(name);

	return n > 4 && strcmp(name + n - 4, "-shm") == 0;
}

void disk_write(const struct disk *d, const char *dir, enum loss loss)
{
	struct es_err err;

	for (int i = 0; i < d->n_entries; i++) {
		const struct disk_entry *e = &d->entry[i];
		bool now = loss == LOSE_NONE ||
		    (loss != LOSE_ALL && run_random(2));
		int at = now ? e->now : e->durable;
		struct buf content = {0}, path = {0};

		if (at < 0 || is_map(e->name))
			continue;
		buf_add_span(&content, buf_span(&d->file[at].durable));
		for (size_t k = 0; k < d->file[at].n_pending &&
		    loss != LOSE_ALL; k++)
			apply(&content, d->file[at].pending[k], loss);
		buf_addf(&path, "%s/%s", dir, e->name);
		if (sys_write_file(path.p, content.n ? buf_span(&content) :
		    SPAN_LIT(""), false, &err) < 0)
			run_die("%s", err.text);
		buf_free(&content);
		buf_free(&path);
	}
}

void disk_free(struct disk *d)
{
	for (int i = 0; i < d->n_files; i++) {
		buf_free(&d->file[i].durable);
		free(d->file[i].pending);
	}
	*d = (struct disk){0};
}
