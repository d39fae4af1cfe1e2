#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "sys.h"
#include "workers.h"

struct workers {
	int fd, me, lease_ms;
};

/* Bytes 0 to WORKERS_MAX - 1 are locked; heartbeats stand behind them. */
static off_t beat_at(int slot)
{
	return WORKERS_MAX + (off_t)slot * (off_t)sizeof(int64_t);
}

static int open_file(const char *store, int flags, struct es_err *err)
{
	char *path = sys_beside(store, "-workers", err);
	int fd, saved;

	if (!path)
		return -1;
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (fd < 0 && err)
		es_fail_errno(err, "%s", path);
	saved = errno;
	free(path);
	errno = saved;
	return fd;
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
	w->fd = open_file(store, O_RDWR | O_CREAT, err);
	if (w->fd < 0) {
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
	free(w);
}

int workers_beat(struct workers *w, struct es_err *err)
{
	int64_t now = sys_monotonic();
	ssize_t n;

	/* In part is written again as a whole. */
	do
		n = pwrite(w->fd, &now, sizeof now, beat_at(w->me));
	while (n < 0 ? errno == EINTR : n > 0 && n < (ssize_t)sizeof now);
	if (n != sizeof now)
		return es_fail_errno(err, "the heartbeat beside the store");
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
	bool gone = true;
	int fd = open_file(store, O_RDONLY, NULL), r;

	*alive = false;
	if (fd < 0)
		return errno == ENOENT ? 0 :
		    es_fail_errno(err, "%s-workers", store);
	r = look(fd, slot, WORKERS_LEASE_MS, &gone, err);
	*alive = !gone;
	close(fd);
	return r;
}
