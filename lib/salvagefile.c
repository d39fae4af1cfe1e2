#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "salvagefile.h"
#include "sys.h"

#define DEFAULT_PAGE 4096

uint32_t rawfile_big(const unsigned char *p, int n)
{
	uint32_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

static bool is_page_size(uint32_t n)
{
	return n >= 512 && n <= 65536 && (n & (n - 1)) == 0;
}

/* 1 when all n bytes were there. */
static int read_at(int fd, void *p, size_t n, int64_t at)
{
	size_t have = 0;

	while (have < n) {
		ssize_t got = pread(fd, (char *)p + have, n - have,
		    at + (int64_t)have);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		have += (size_t)got;
	}
	return 1;
}

/* What transactions that are whole have written. */
static int read_wal(struct rawfile *f, struct es_err *err)
{
	unsigned char head[32], frame[24];
	int64_t at = 32, size = 24 + (int64_t)f->page_size, committed = 0;
	uint32_t page, most = f->pages;

	if (f->wal_fd < 0 || !read_at(f->wal_fd, head, sizeof head, 0) ||
	    rawfile_big(head, 4) >> 1 != 0x377f0682 >> 1 ||
	    rawfile_big(head + 8, 4) != f->page_size)
		return 0;
	for (; read_at(f->wal_fd, frame, sizeof frame, at) &&
	    memcmp(frame + 8, head + 16, 8) == 0; at += size)
		if (rawfile_big(frame + 4, 4)) {
			committed = at + size;
			if (rawfile_big(frame + 4, 4) > most)
				most = rawfile_big(frame + 4, 4);
		}
	if (!committed || most > f->pages + (uint32_t)(committed / size))
		return 0;
	f->in_wal = calloc((size_t)most + 1, sizeof *f->in_wal);
	if (!f->in_wal)
		return es_fail_nomem(err);
	f->pages = most;
	for (at = 32; at < committed; at += size)
		if (read_at(f->wal_fd, frame, sizeof frame, at) &&
		    (page = rawfile_big(frame, 4)) <= most)
			f->in_wal[page] = at + 24;
	return 0;
}

int rawfile_open(struct rawfile *f, const char *path, struct es_err *err)
{
	unsigned char head[100] = {0};
	struct stat st;
	char *wal;

	*f = (struct rawfile){.fd = -1, .wal_fd = -1};
	f->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return es_fail_errno(err, "%s", path);
	if (!(wal = sys_beside(path, "-wal", err)))
		return -1;
	f->wal_fd = open(wal, O_RDONLY | O_CLOEXEC);
	free(wal);
	read_at(f->fd, head, sizeof head, 0);
	f->page_size = rawfile_big(head + 16, 2);
	if (f->page_size == 1)
		f->page_size = 65536;
	if (!is_page_size(f->page_size))
		f->page_size = DEFAULT_PAGE;
	f->pages = (uint32_t)(st.st_size / f->page_size);
	f->page = malloc(f->page_size);
	return f->page ? read_wal(f, err) : es_fail_nomem(err);
}

void rawfile_close(struct rawfile *f)
{
	size_t i;

	if (f->fd >= 0)
		close(f->fd);
	if (f->wal_fd >= 0)
		close(f->wal_fd);
	for (i = 0; i < f->n_types; i++)
		free(f->types[i].name);
	free(f->types);
	free(f->cells);
	free(f->in_wal);
	free(f->page);
	*f = (struct rawfile){.fd = -1, .wal_fd = -1};
}

int rawfile_page(const struct rawfile *f, uint32_t page, void *to)
{
	if (page < 1 || page > f->pages)
		return 0;
	if (f->in_wal && f->in_wal[page])
		return read_at(f->wal_fd, to, f->page_size, f->in_wal[page]);
	return read_at(f->fd, to, f->page_size,
	    (int64_t)(page - 1) * f->page_size);
}
