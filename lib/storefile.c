#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "db.h"
#include "storefile.h"
#include "sys.h"

/*
 * The bytes of a database that SQLite's readers lock; in WAL mode each
 * connection does so from its first read to its close.
 */
#define SHARED_FIRST 0x40000002
#define SHARED_BYTES 510

#define LOOK_AGAIN_NS 20000000

int storefile_in_use(const char *path, int wait_ms, bool *used,
    struct es_err *err)
{
	const struct timespec pause = {0, LOOK_AGAIN_NS};
	int64_t until = sys_monotonic() + wait_ms;
	int fd = open(path, O_RDONLY | O_CLOEXEC), r;

	if (fd < 0)
		return es_fail_errno(err, "%s", path);
	while ((r = sys_locked(fd, SHARED_FIRST, SHARED_BYTES, used,
	    err)) == 0 && *used && sys_monotonic() < until)
		nanosleep(&pause, NULL);
	close(fd);
	return r < 0 ? es_err_at(err, "%s", path) : 0;
}
