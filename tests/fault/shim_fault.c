/*
 * shim_fault: preloaded into the programs, lets the nth call of some class
 * fail, or fall short, or be the last; fault.h says how it is told.
 *
 * It calls the kernel, and glibc's own allocator, by themselves: to look for
 * the next definition of a symbol needs memory.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fault.h"

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static struct fault *fault;

__attribute__((constructor)) static void attach(void)
{
	const char *path = getenv("ES_FAULT");
	int fd, none = 0;
	void *p;

	if (!path || strncmp(program_invocation_short_name, "es-", 3) != 0)
		return;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return;
	p = (void *)syscall(SYS_mmap, NULL, sizeof *fault,
	    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0L);
	syscall(SYS_close, fd);
	if (p == MAP_FAILED)
		return;
	atomic_compare_exchange_strong(&((struct fault *)p)->first, &none,
	    (int)getpid());
	fault = p;
}

/* Whether this call is the one. */
static bool meant(unsigned class)
{
	long n;

	if (!fault || !(fault->classes & class) || (fault->only_first &&
	    atomic_load(&fault->first) != (int)syscall(SYS_getpid)))
		return false;
	n = atomic_fetch_add(&fault->calls, 1) + 1;
	if (fault->mode == FAULT_NOTHING || (n != fault->n &&
	    (fault->mode != FAULT_FROM || n < fault->n)))
		return false;
	atomic_fetch_add(&fault->hits, 1);
	if (fault->mode == FAULT_KILL)
		syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
	return true;
}

/* The same for what can only fail. */
static bool fails(unsigned class)
{
	if (!meant(class) || fault->mode == FAULT_SHORT)
		return false;
	errno = fault->error;
	return true;
}

/* How much of n bytes: all, a part, or none at all (-1). */
static ssize_t part(unsigned class, size_t n)
{
	if (!meant(class))
		return (ssize_t)n;
	if (fault->mode == FAULT_SHORT)
		return (ssize_t)(n > 1 ? n / 2 : n);
	errno = fault->error;
	return -1;
}

/* ---- bytes ---- */

ssize_t write(int fd, const void *p, size_t n)
{
	ssize_t take = fd == 2 ? (ssize_t)n : part(FAULT_WRITE, n);

	return take < 0 ? -1 : syscall(SYS_write, fd, p, (size_t)take);
}

ssize_t pwrite64(int fd, const void *p, size_t n, off64_t at)
{
	ssize_t take = part(FAULT_WRITE, n);

	return take < 0 ? -1 : syscall(SYS_pwrite64, fd, p, (size_t)take, at);
}

ssize_t pwrite(int fd, const void *p, size_t n, off_t at)
{
	return pwrite64(fd, p, n, at);
}

ssize_t writev(int fd, const struct iovec *v, int n)
{
	return fails(FAULT_WRITE) ? -1 : syscall(SYS_writev, fd, v, n);
}

ssize_t read(int fd, void *p, size_t n)
{
	ssize_t take = part(FAULT_READ, n);

	return take < 0 ? -1 : syscall(SYS_read, fd, p, (size_t)take);
}

ssize_t pread64(int fd, void *p, size_t n, off64_t at)
{
	ssize_t take = part(FAULT_READ, n);

	return take < 0 ? -1 : syscall(SYS_pread64, fd, p, (size_t)take, at);
}

ssize_t pread(int fd, void *p, size_t n, off_t at)
{
	return pread64(fd, p, n, at);
}

int fsync(int fd)
{
	return fails(FAULT_SYNC) ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return fails(FAULT_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

int ftruncate64(int fd, off64_t n)
{
	return fails(FAULT_TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, n);
}

int ftruncate(int fd, off_t n)
{
	return ftruncate64(fd, n);
}

/* ---- names and descriptors ---- */

static int open_at(int dir, const char *path, int flags, mode_t mode)
{
	return fails(FAULT_OPEN) ? -1 :
	    (int)syscall(SYS_openat, dir, path, flags, mode);
}

#define MODE_OF(flags, last) __extension__ ({ \
	va_list ap; \
	mode_t mode = 0; \
	if ((flags) & (O_CREAT | O_TMPFILE)) { \
		va_start(ap, last); \
		mode = va_arg(ap, mode_t); \
		va_end(ap); \
	} \
	mode; \
})

int open(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE_OF(flags, flags));
}

int open64(const char *path, int flags, ...)
{
	return open_at(AT_FDCWD, path, flags, MODE_OF(flags, flags));
}

int openat(int dir, const char *path, int flags, ...)
{
	return open_at(dir, path, flags, MODE_OF(flags, flags));
}

int mkostemp(char *path, int flags)
{
	static int (*next)(char *, int);

	if (fails(FAULT_OPEN))
		return -1;
	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "mkostemp");
	return next(path, flags);
}

int fcntl64(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fails(FAULT_LOCK) ? -1 :
	    (int)syscall(SYS_fcntl, fd, command, arg);
}

int fcntl(int fd, int command, ...)
{
	va_list ap;
	void *arg;

	va_start(ap, command);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fcntl64(fd, command, arg);
}

int unlink(const char *path)
{
	return fails(FAULT_NAME) ? -1 : (int)syscall(SYS_unlink, path);
}

int unlinkat(int dir, const char *path, int flags)
{
	return fails(FAULT_NAME) ? -1 :
	    (int)syscall(SYS_unlinkat, dir, path, flags);
}

int rmdir(const char *path)
{
	return fails(FAULT_NAME) ? -1 : (int)syscall(SYS_rmdir, path);
}

int link(const char *from, const char *to)
{
	return fails(FAULT_NAME) ? -1 : (int)syscall(SYS_link, from, to);
}

int rename(const char *from, const char *to)
{
	return fails(FAULT_NAME) ? -1 : (int)syscall(SYS_rename, from, to);
}

int mkdir(const char *path, mode_t mode)
{
	return fails(FAULT_NAME) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}

int symlink(const char *to, const char *path)
{
	return fails(FAULT_NAME) ? -1 : (int)syscall(SYS_symlink, to, path);
}

/* ---- memory ---- */

void *malloc(size_t n)
{
	return fails(FAULT_MEMORY) ? NULL : __libc_malloc(n);
}

void *calloc(size_t n, size_t size)
{
	return fails(FAULT_MEMORY) ? NULL : __libc_calloc(n, size);
}

void *realloc(void *p, size_t n)
{
	return fails(FAULT_MEMORY) ? NULL : __libc_realloc(p, n);
}

int posix_memalign(void **out, size_t align, size_t n)
{
	if (fails(FAULT_MEMORY))
		return ENOMEM;
	*out = __libc_memalign(align, n);
	return *out ? 0 : ENOMEM;
}

void *aligned_alloc(size_t align, size_t n)
{
	return fails(FAULT_MEMORY) ? NULL : __libc_memalign(align, n);
}

void *mmap64(void *p, size_t n, int prot, int flags, int fd, off64_t at)
{
	return fails(FAULT_MAP) ? MAP_FAILED :
	    (void *)syscall(SYS_mmap, p, n, prot, flags, fd, at);
}

void *mmap(void *p, size_t n, int prot, int flags, int fd, off_t at)
{
	return mmap64(p, n, prot, flags, fd, at);
}
