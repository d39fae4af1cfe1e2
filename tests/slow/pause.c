/*
 * pause: preloaded, it makes a program dawdle where a race would be lost or
 * won: before and after each lock that it takes or gives back, and around each
 * write and sync.  ES_PAUSE_SEED says at which of them, and for how long.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

int fcntl(int fd, int cmd, ...);
int fcntl64(int fd, int cmd, ...);

/* One call in four, for up to 4 ms: about as long as a whole program takes. */
static void dawdle(void)
{
	static unsigned long state;
	struct timespec t = {0};

	if (state == 0) {
		const char *seed = getenv("ES_PAUSE_SEED");

		state = seed ? strtoul(seed, NULL, 10) * 2 + 1 : 1;
	}
	state = state * 6364136223846793005UL + 1442695040888963407UL;
	if (state >> 62)
		return;
	t.tv_nsec = (long)((state >> 32) % 4000000);
	nanosleep(&t, NULL);
}

static int call_fcntl(const char *name, int fd, int cmd, void *arg)
{
	int (*real)(int, int, ...);
	int lock = cmd == F_SETLK || cmd == F_SETLKW ||
	    cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW, r;

	*(void **)&real = dlsym(RTLD_NEXT, name);
	if (lock)
		dawdle();
	r = real(fd, cmd, arg);
	if (lock)
		dawdle();
	return r;
}

#define FCNTL(name) \
int name(int fd, int cmd, ...) \
{ \
	va_list ap; \
	void *arg; \
 \
	va_start(ap, cmd); \
	arg = va_arg(ap, void *); \
	va_end(ap); \
	return call_fcntl(#name, fd, cmd, arg); \
}

FCNTL(fcntl)
FCNTL(fcntl64)

int fdatasync(int fd)
{
	int (*real)(int);
	int r;

	*(void **)&real = dlsym(RTLD_NEXT, "fdatasync");
	dawdle();
	r = real(fd);
	dawdle();
	return r;
}

ssize_t pwrite64(int fd, const void *p, size_t n, off_t at)
{
	ssize_t (*real)(int, const void *, size_t, off_t);

	*(void **)&real = dlsym(RTLD_NEXT, "pwrite64");
	dawdle();
	return real(fd, p, n, at);
}
