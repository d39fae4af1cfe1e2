#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "spool.h"
#include "sys.h"

#define WRITE_BYTES (1024 * 1024)	/* once there is a file */
#define KEEP_BYTES (8 * 1024 * 1024)	/* of memory, to be filled again */

static int write_out(struct spool *s, struct es_err *err)
{
	const char *p = s->memory.p;
	size_t left = s->memory.n;

	while (left > 0) {
		ssize_t n = write(s->fd, p, left);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return es_fail_errno(err, "temporary file");
		p += n;
		left -= (size_t)n;
	}
	s->in_file += s->memory.n;
	buf_free(&s->memory);
	return 0;
}

int spool_add(struct spool *s, const void *p, size_t n, struct es_err *err)
{
	size_t limit = s->spilled ? WRITE_BYTES : SPOOL_MEMORY;

	if (s->memory.n > 0 && s->memory.n + n > limit) {
		if (!s->spilled && sys_tempfile(&s->fd, err) < 0)
			return -1;
		s->spilled = true;
		if (write_out(s, err) < 0)
			return -1;
	}
	buf_add(&s->memory, p, n);
	return buf_check(&s->memory, err);
}

size_t spool_size(const struct spool *s)
{
	return s->in_file + s->memory.n;
}

int spool_end(struct spool *s, struct span *all, struct es_err *err)
{
	*all = buf_span(&s->memory);
	if (!s->spilled)
		return 0;
	if (write_out(s, err) < 0)
		return -1;
	s->map = mmap(NULL, s->in_file, PROT_READ, MAP_PRIVATE, s->fd, 0);
	if (s->map == MAP_FAILED) {
		s->map = NULL;
		return es_fail_errno(err, "temporary file");
	}
	*all = (struct span){s->map, s->in_file};
	return 0;
}

static void drop_file(struct spool *s)
{
	if (s->map)
		munmap(s->map, s->in_file);
	if (s->spilled)
		close(s->fd);
	s->map = NULL;
	s->spilled = false;
	s->in_file = 0;
}

void spool_reset(struct spool *s)
{
	drop_file(s);
	if (s->memory.cap > KEEP_BYTES)
		buf_free(&s->memory);
	else
		buf_truncate(&s->memory, 0);
}

void spool_free(struct spool *s)
{
	drop_file(s);
	buf_free(&s->memory);
}
