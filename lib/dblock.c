/* The lock that makes writers fair and checkpoints safe (db.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dbint.h"
#include "sys.h"

#define GATE 1			/* byte of the lock file */

int db_open_beside(const char *path, const char *suffix, int *fd,
    struct es_err *err)
{
	char *name = sys_beside(path, suffix, err);

	if (!name)
		return -1;
	*fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
	if (*fd < 0)
		es_fail_errno(err, "%s%s", path, errno == ENOENT ? "" : suffix);
	free(name);
	return *fd < 0 ? -1 : 0;
}

bool db_is_removed(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_nlink == 0;
}

/*
 * 0, 1 when others hold it for longer than wait_ms, -1.  The kernel wakes who
 * waits for a lock, but whoever asks meanwhile gets it; so it is waited for
 * with GATE held, one at a time, and who gives it back and wants it again
 * queues up at the gate, behind those who came earlier.
 */
int db_queue(struct db *db, int wait_ms, struct es_err *err)
{
	int64_t until = sys_monotonic() + wait_ms, left;
	int r = sys_lock(db->lock_fd, GATE, 1, wait_ms, err);

	if (r != 0)
		return r;
	left = until - sys_monotonic();
	r = sys_lock(db->lock_fd, 0, 1, left > 0 ? (int)left : 0, err);
	sys_unlock(db->lock_fd, GATE, 1, NULL);
	return r;
}

void db_unlock(struct db *db)
{
	sys_unlock(db->lock_fd, 0, 1, NULL);
}

/*
 * A lock file that was removed excludes nobody who opens the next one: what is
 * locked must be what has the name.
 */
int db_take_lock(struct db *db, int wait_ms, struct es_err *err)
{
	struct stat st;
	int r;

	while ((r = db_queue(db, wait_ms, err)) == 0 &&
	    db_is_removed(db->lock_fd)) {
		if (stat(db->path, &st) < 0)
			return es_fail_errno(err, "%s", db->path);
		close(db->lock_fd);
		if (db_open_beside(db->path, "-lock", &db->lock_fd, err) < 0)
			return -1;
	}
	if (r < 0)
		return es_err_at(err, "%s-lock", db->path);
	if (r == 0 && db_check_files(db, err) < 0) {
		db_unlock(db);
		return -1;
	}
	return r;
}

int db_lock(struct db *db, struct es_err *err)
{
	int r = db_take_lock(db, db->busy_ms, err);

	return r <= 0 ? r : es_fail(err, ES_BUSY, "%s: busy: other writers "
	    "held it for %g s", db->path, db->busy_ms / 1000.0);
}
