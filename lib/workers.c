#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "workers.h"

struct workers {
	char *path;
	int fd, me, lease_ms;
};

/* Bytes 0 to WORKERS_MAX - 1 are locked; heartbeats stand behind them. */
static off_t beat_at(int slot)
{
	return WORKERS_MAX + (off_t)slot * (off_t)sizeof(int64_t);
}

static char *file_of(const char *store, struct es_err *err)
{
	return sys_beside(store, "-workers", err);
}

int workers_join(const char *store, struct workers **out, int *me,
    struct es_err *err)
{
	struct workers *w = calloc(1, sizeof *w);
	int slot, r = 1;

	*out = NULL;
	if (!w)
		return es_fail_nomem(err);
	w->lease_ms = WORKERS_LEASE_MS;
	w->path = file_of(store, err);
	w->fd = w->path ? open(w->path, O_RDWR | O_CREAT | O_CLOEXEC |
	    O_NOFOLLOW, 0666) : -1;
	if (w->fd < 0) {
		if (w->path)
			es_fail_errno(err, "%s", w->path);
		free(w->path);
		free(w);
		return -1;
	}
	for (slot = 1; slot < WORKERS_MAX && r > 0; slot++)
		r = sys_lock(w->fd, slot, 1, 0, err);
	if (r == 0) {
		w->me = *me = slot - 1;
		r = workers_beat(w, err);
	} else if (r > 0) {
		r = es_fail(err, ES_BUSY, "%s: %d workers run already", store,
		    WORKERS_MAX - 1);
	}
	if (r < 0) {
		workers_leave(w);
		return -1;
	}
	*out = w;
	return 0;
}

void workers_leave(struct workers *w)
{
	if (!w)
		return;
	close(w->fd);
	free(w->path);
	free(w);
}

/*
 * Without its name the file tells nobody anything, and who comes next is given
 * the slot of one who lives.
 */
static bool has_name(const struct workers *w)
{
	struct stat open, named;

	return fstat(w->fd, &open) == 0 && stat(w->path, &named) == 0 &&
	    open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

int workers_beat(struct workers *w, struct es_err *err)
{
	int64_t now = sys_monotonic();
	ssize_t n;

	if (!has_name(w))
		return es_fail(err, ES_FAILED, "%s: is gone, or another file "
		    "than the one that was opened", w->path);

	/* In part is written again as a whole. */
	do
		n = pwrite(w->fd, &now, sizeof now, beat_at(w->me));
	while (n < 0 ? errno == EINTR : n > 0 && n < (ssize_t)sizeof now);
	if (n != sizeof now)
		return es_fail_errno(err, "%s", w->path);
	return 0;
}

static int look(int fd, int slot, int lease_ms, bool *gone,
    struct es_err *err)
{
	int64_t beat;
	bool held;

	*gone = true;
	if (slot < 1 || slot >= WORKERS_MAX)
		return 0;
	if (sys_locked(fd, slot, 1, &held, err) < 0)
		return -1;
	if (!held)
		return 0;
	if (pread(fd, &beat, sizeof beat, beat_at(slot)) != sizeof beat)
		return 0;
	*gone = sys_monotonic() - beat > lease_ms;
	return 0;
}

void workers_lease(struct workers *w, int ms)
{
	w->lease_ms = ms;
}

int workers_gone(struct workers *w, int slot, bool *gone, struct es_err *err)
{
	if (slot == w->me) {
		*gone = false;
		return 0;
	}
	return look(w->fd, slot, w->lease_ms, gone, err);
}

int workers_alive(const char *store, int slot, bool *alive,
    struct es_err *err)
{
	char *path = file_of(store, err);
	bool gone = true;
	int fd, r;

	*alive = false;
	if (!path)
		return -1;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) {
		r = errno == ENOENT ? 0 : es_fail_errno(err, "%s", path);
		free(path);
		return r;
	}
	free(path);
	r = look(fd, slot, WORKERS_LEASE_MS, &gone, err);
	*alive = !gone;
	close(fd);
	return r;
}
