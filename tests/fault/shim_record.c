/*
 * shim_record: preloaded into the programs, writes down what they do to the
 * files of the directory that they are started in (into the file $ES_RECORD),
 * and what they say on stdout.  It stands below SQLite's VFS, so that it sees
 * the directory's own fsync, and what is written past SQLite.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "record.h"

enum { FILES = 1024 };

static int to = -1;
static bool acknowledges;		/* what it says is stored */
static char here[4096];
static uint64_t inode[FILES];		/* of the descriptors, 0: not ours */
static bool is_directory[FILES];

__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv("ES_RECORD");
	int fd;

	if (!path || strncmp(program_invocation_short_name, "es-", 3) != 0 ||
	    !getcwd(here, sizeof here))
		return;
	acknowledges = strcmp(program_invocation_short_name, "es-query") != 0;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path,
	    O_WRONLY | O_APPEND | O_CLOEXEC, 0);
	to = (int)syscall(SYS_fcntl, fd, F_DUPFD_CLOEXEC, FILES);
	syscall(SYS_close, fd);
}

static void record(enum record_type type, uint64_t file, uint64_t at,
    const void *p, size_t n)
{
	struct record r = {.type = type, .n = (uint32_t)n, .file = file,
	    .at = at};
	char padding[8] = {0};
	struct iovec v[3] = {{&r, sizeof r}, {(void *)(uintptr_t)p, n},
	    {padding, (8 - n % 8) % 8}};
	int kept = errno;

	if (to >= 0)
		syscall(SYS_writev, to, v, 3);
	errno = kept;
}

static uint64_t ours(int fd)
{
	return to >= 0 && fd >= 0 && fd < FILES ? inode[fd] : 0;
}

/* The name within the directory, NULL when it lies elsewhere. */
static const char *name_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (to < 0)
		return NULL;
	if (!slash)
		return path;
	return strncmp(path, here, (size_t)(slash - path)) == 0 &&
	    here[slash - path] == '\0' ? slash + 1 : NULL;
}

static void opened(int fd, const char *path, bool is_new)
{
	const char *name = name_of(path);
	struct stat st;

	if (fd < 0 || fd >= FILES)
		return;
	inode[fd] = 0;
	is_directory[fd] = to >= 0 && strcmp(path, here) == 0;
	if (!name || is_directory[fd] || fstat(fd, &st) < 0 ||
	    !S_ISREG(st.st_mode))
		return;
	inode[fd] = st.st_ino;
	if (is_new)
		record(RECORD_CREATE, st.st_ino, 0, name, strlen(name));
}

static int open_at(const char *path, int flags, mode_t mode)
{
	bool is_new = (flags & O_CREAT) && to >= 0 &&
	    syscall(SYS_faccessat, AT_FDCWD, path, F_OK) < 0;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);

	opened(fd, path, is_new);
	if (fd >= 0 && !is_new && (flags & O_TRUNC) && ours(fd))
		record(RECORD_TRUNCATE, ours(fd), 0, NULL, 0);
	return fd;
}

static mode_t mode_of(int flags, va_list ap)
{
	return flags & (O_CREAT | O_TMPFILE) ? va_arg(ap, mode_t) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list ap;
	int fd;

	va_start(ap, flags);
	fd = open_at(path, flags, mode_of(flags, ap));
	va_end(ap);
	return fd;
}

int open64(const char *path, int flags, ...)
{
	va_list ap;
	int fd;

	va_start(ap, flags);
	fd = open_at(path, flags, mode_of(flags, ap));
	va_end(ap);
	return fd;
}

int close(int fd)
{
	if (fd >= 0 && fd < FILES) {
		inode[fd] = 0;
		is_directory[fd] = false;
	}
	return (int)syscall(SYS_close, fd);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	ssize_t r = syscall(SYS_pwrite64, fd, p, n, at);

	if (r > 0 && ours(fd))
		record(RECORD_WRITE, ours(fd), (uint64_t)at, p, (size_t)r);
	return r;
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite64(fd, p, n, at);
}

ssize_t write(int fd, const void *p, size_t n)
{
	off_t at = ours(fd) ? lseek(fd, 0, SEEK_CUR) : 0;
	ssize_t r = syscall(SYS_write, fd, p, n);

	if (r > 0 && ours(fd))
		record(RECORD_WRITE, ours(fd), (uint64_t)at, p, (size_t)r);
	else if (r > 0 && fd == 1 && acknowledges)
		record(RECORD_SAID, 0, 0, p, (size_t)r);
	return r;
}

int ftruncate64(int fd, off64_t n)
{
	int r = (int)syscall(SYS_ftruncate, fd, n);

	if (r == 0 && ours(fd))
		record(RECORD_TRUNCATE, ours(fd), (uint64_t)n, NULL, 0);
	return r;
}

int ftruncate(int fd, off_t n)
{
	return ftruncate64(fd, n);
}

static int sync_with(long call, int fd)
{
	int r = (int)syscall(call, fd);

	if (r == 0 && ours(fd))
		record(RECORD_SYNC, ours(fd), 0, NULL, 0);
	else if (r == 0 && fd >= 0 && fd < FILES && is_directory[fd])
		record(RECORD_SYNC_DIRECTORY, 0, 0, NULL, 0);
	return r;
}

int fsync(int fd)
{
	return sync_with(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return sync_with(SYS_fdatasync, fd);
}

int unlink(const char *path)
{
	const char *name = name_of(path);
	int r = (int)syscall(SYS_unlink, path);

	if (r == 0 && name)
		record(RECORD_UNLINK, 0, 0, name, strlen(name));
	return r;
}

int rename(const char *from, const char *into)
{
	const char *a = name_of(from), *b = name_of(into);
	int r = (int)syscall(SYS_rename, from, into);
	char both[1024];
	int n;

	if (r == 0 && a && b) {
		n = snprintf(both, sizeof both, "%s%c%s", a, '\0', b);
		record(RECORD_RENAME, 0, 0, both, (size_t)n);
	}
	return r;
}
