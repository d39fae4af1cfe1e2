#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "refused.h"

static int fail(const struct refused *r, struct es_err *err)
{
	return es_fail_errno(err, "%s", r->path);
}

/* Something that cannot be synced, a pipe or a device, has no need to be. */
static int sync_fd(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == EROFS ||
	    errno == ENOTSUP ? 0 : -1;
}

/* The name of a new file is on the disk when its directory is. */
static int sync_directory(const struct refused *r, struct es_err *err)
{
	char *dir = strdup(r->path), *slash;
	int fd, result;

	if (!dir)
		return es_fail_nomem(err);
	slash = strrchr(dir, '/');
	if (slash)
		slash[slash == dir] = '\0';
	fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	/* One may be allowed to make files, and not to look at them. */
	if (fd < 0)
		return errno == EACCES ? 0 : fail(r, err);
	result = sync_fd(fd) < 0 ? fail(r, err) : 0;
	close(fd);
	return result;
}

/* Whether the last byte is something else than a newline. */
static bool ends_in_line(const char *path, off_t size)
{
	char last = '\n';
	int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC) : -1;

	if (fd < 0)
		return false;
	if (pread(fd, &last, 1, size - 1) < 1)
		last = '\n';
	close(fd);
	return last != '\n';
}

int refused_open(struct refused *r, const char *path, struct es_err *err)
{
	struct stat st;

	*r = (struct refused){0};
	r->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	if (r->fd < 0)
		return es_fail_errno(err, "%s", path);
	r->path = path;
	if (fstat(r->fd, &st) < 0)
		return fail(r, err);
	r->regular = S_ISREG(st.st_mode);
	if (!r->regular)
		return 0;
	r->torn = ends_in_line(path, st.st_size);
	return st.st_size > 0 ? 0 : sync_directory(r, err);
}

bool refused_is(const struct refused *r, const char *path)
{
	struct stat mine, other;
	bool in = !path || strcmp(path, "-") == 0;

	return r->path && r->regular && fstat(r->fd, &mine) == 0 &&
	    (in ? fstat(STDIN_FILENO, &other) : stat(path, &other)) == 0 &&
	    mine.st_dev == other.st_dev && mine.st_ino == other.st_ino;
}

int refused_add(struct refused *r, struct span text, bool more,
    struct es_err *err)
{
	return spool_add(&r->lines, text.p, text.n, err) < 0 ||
	    (!more && spool_add(&r->lines, "\n", 1, err) < 0) ? -1 : 0;
}

static int write_all(const struct refused *r, struct span s,
    struct es_err *err)
{
	while (s.n > 0) {
		ssize_t n = write(r->fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail(r, err);
		s.p += n;
		s.n -= (size_t)n;
	}
	return 0;
}

static off_t size_of(const struct refused *r)
{
	struct stat st;

	return r->regular && fstat(r->fd, &st) == 0 ? st.st_size : -1;
}

int refused_keep(struct refused *r, struct es_err *err)
{
	struct span all;

	if (spool_end(&r->lines, &all, err) < 0)
		return -1;
	r->was = size_of(r);
	if (all.n > 0 && ((r->torn && write_all(r, SPAN_LIT("\n"), err) < 0) ||
	    write_all(r, all, err) < 0 ||
	    (sync_fd(r->fd) < 0 && fail(r, err) < 0))) {
		r->is = size_of(r);
		refused_undo(r);
		return -1;
	}
	r->is = size_of(r);
	if (all.n > 0)
		r->torn = false;
	spool_reset(&r->lines);
	return 0;
}

void refused_drop(struct refused *r)
{
	spool_reset(&r->lines);
}

/* Best effort: a line that is there twice is better than one that is lost. */
void refused_undo(struct refused *r)
{
	if (r->was >= 0 && r->is == size_of(r) && r->is > r->was &&
	    ftruncate(r->fd, r->was) == 0)
		r->is = r->was;
	spool_reset(&r->lines);
}

void refused_close(struct refused *r)
{
	if (r->path)
		close(r->fd);
	spool_free(&r->lines);
	*r = (struct refused){0};
}
