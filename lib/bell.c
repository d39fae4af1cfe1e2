#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/inotify.h>
#endif

#include "bell.h"
#include "sys.h"

/*
 * A bell file that is removed and made again is another inode: bell_clear()
 * watches whatever has the name by then, and bell_wait() polls until one has.
 */
struct bell {
	char *path;
	int fd;			/* inotify, or -1 */
	int watch;		/* the file's watch, -1 when it has none */
};

int bell_ring_open(const char *store)
{
	char *path = sys_beside(store, "-bell", NULL);
	int fd = -1;

	if (path)
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
		    0666);
	free(path);
	return fd;
}

void bell_ring(int fd)
{
	ssize_t ignored;

	if (fd < 0)
		return;
	/* Always the same byte: the file does not grow. */
	ignored = pwrite(fd, "!", 1, 0);
	(void)ignored;
}

#ifdef __linux__
/* IN_ATTRIB: its name is removed while a writer still has it open. */
static void watch_file(struct bell *b)
{
	if (b->fd >= 0)
		b->watch = inotify_add_watch(b->fd, b->path,
		    IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF);
}

static void open_watch(struct bell *b)
{
	b->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	b->watch = -1;
	watch_file(b);
}

/* Read all that is queued; a bell that went away is watched anew. */
static void drain(struct bell *b)
{
	_Alignas(struct inotify_event) char events[4096];

	while (read(b->fd, events, sizeof events) > 0)
		;
	watch_file(b);
}
#else
static void open_watch(struct bell *b)
{
	b->fd = -1;
}

static void drain(struct bell *b)
{
	(void)b;
}
#endif

int bell_open(const char *store, struct bell **out, struct es_err *err)
{
	struct bell *b = calloc(1, sizeof *b);

	*out = NULL;
	if (!b || !(b->path = sys_beside(store, "-bell", NULL))) {
		free(b);
		return es_fail_nomem(err);
	}
	open_watch(b);
	*out = b;
	return 0;
}

void bell_close(struct bell *b)
{
	if (!b)
		return;
	if (b->fd >= 0)
		close(b->fd);
	free(b->path);
	free(b);
}

int bell_fd(const struct bell *b)
{
	return b->fd;
}

void bell_clear(struct bell *b)
{
	if (b->fd >= 0)
		drain(b);
}

int bell_wait(struct bell *b, int timeout_ms)
{
	struct pollfd pfd = {.fd = b->fd, .events = POLLIN};

	/* Without a watch the wait is a poll of the log, at 20 ms. */
	if ((b->fd < 0 || b->watch < 0) &&
	    (timeout_ms < 0 || timeout_ms > 20))
		timeout_ms = 20;
	return poll(&pfd, b->fd >= 0, timeout_ms) < 0 ? -1 : 0;
}
