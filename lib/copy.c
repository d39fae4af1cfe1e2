#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "copyint.h"
#include "groupbranch.h"
#include "storefile.h"
#include "sys.h"

/* ---- where it goes ---- */

static char *join(const char *a, const char *b, struct es_err *err)
{
	struct buf text = {0};
	char *result;

	buf_addf(&text, "%s%s", a, b);
	result = buf_detach(&text);
	if (!result)
		es_fail_nomem(err);
	return result;
}

/* A -wal without its database would become the copy's. */
static int check_beside(const struct copy *c, const char *suffix,
    struct es_err *err)
{
	char *name = join(c->real, suffix, err);
	struct stat st;
	int r = 0;

	if (!name)
		return -1;
	if (lstat(name, &st) == 0 && c->options->force)
		r = unlink(name) < 0 ? es_fail_errno(err, "%s", name) : 0;
	else if (lstat(name, &st) == 0)
		r = es_fail(err, ES_FAILED, "%s%s: is left of another store: "
		    "remove it, or use --force", c->to, suffix);
	free(name);
	return r;
}

static int check_to(struct copy *c, const struct stat *from,
    struct es_err *err)
{
	struct stat st;

	if (stat(c->to, &st) < 0) {
		if (lstat(c->to, &st) == 0)
			return es_fail(err, ES_FAILED, "%s: is a link to "
			    "nothing", c->to);
		if (errno != ENOENT)
			return es_fail_errno(err, "%s", c->to);
		return check_beside(c, "-wal", err) < 0 ||
		    check_beside(c, "-journal", err) < 0 ? -1 : 0;
	}
	if (st.st_dev == from->st_dev && st.st_ino == from->st_ino)
		return es_fail(err, ES_FAILED, "%s: is the store itself",
		    c->to);
	if (S_ISDIR(st.st_mode))
		return es_fail(err, ES_FAILED, "%s: is a directory", c->to);
	if (storefile_is_store(c->to, err) < 0)
		return -1;
	return c->options->force ? 0 : es_fail(err, ES_FAILED,
	    "%s: is there already: --force replaces it", c->to);
}

/* Unlink what a copy has in its directory, which has no directories. */
static void clean(const struct copy *c)
{
	DIR *d = opendir(c->dir);
	struct dirent *e;

	while (d && (e = readdir(d)))
		if (strcmp(e->d_name, "lock") != 0)
			unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
}

/* 1: it was removed meanwhile. */
static int take_directory(struct copy *c, struct es_err *err)
{
	char *lock = join(c->dir, "/lock", err);
	struct stat st;
	int r = 0;

	if (!lock)
		return -1;
	if (mkdir(c->dir, 0700) < 0 && errno != EEXIST)
		r = es_fail_errno(err, "%s", c->to);
	if (r == 0) {
		c->lock_fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC |
		    O_NOFOLLOW, 0600);
		if (c->lock_fd < 0)
			r = errno == ENOENT ? 1 :
			    es_fail_errno(err, "%s", lock);
	}
	if (r == 0 && (r = sys_lock(c->lock_fd, 0, 1, 0, err)) > 0)
		r = es_fail(err, ES_BUSY, "%s: another copy is made there",
		    c->to);
	if (r == 0 && (fstat(c->lock_fd, &st) < 0 || st.st_nlink == 0))
		r = 1;
	if (r != 0 && c->lock_fd >= 0) {
		close(c->lock_fd);
		c->lock_fd = -1;
	}
	free(lock);
	return r;
}

static int make_directory(struct copy *c, struct es_err *err)
{
	int r;

	c->dir = join(c->real, ".copying", err);
	c->file = c->dir ? join(c->dir, "/es.db", err) : NULL;
	if (!c->file)
		return -1;
	while ((r = take_directory(c, err)) > 0)
		;
	if (r == 0)
		clean(c);
	return r;
}

static void remove_directory(struct copy *c)
{
	char *lock;

	if (c->lock_fd < 0)
		return;
	clean(c);
	lock = join(c->dir, "/lock", NULL);
	if (lock)
		unlink(lock);
	free(lock);
	rmdir(c->dir);
	close(c->lock_fd);
}

/* ---- what it is ---- */

static int write_rest(struct copy *c, struct store *to, struct groups *g,
    struct es_err *err)
{
	if (store_begin(to, err) < 0)
		return -1;
	if ((c->branch && (copy_index(c, to, err) < 0 ||
	    group_branch(g, c->from, c->up_to, err) < 0)) ||
	    store_begin_epoch(to, c->up_to, err) < 0) {
		store_rollback(to);
		return -1;
	}
	return store_commit(to, err);
}

static int finish(struct copy *c, struct es_err *err)
{
	struct store *to = NULL;
	struct groups *g = NULL;
	int r = store_refresh(c->from, err);

	if (r == 0)
		r = store_open_any(c->file, true, &to, err);
	if (r == 0)
		r = groups_open(to, &g, err);
	if (r == 0)
		r = write_rest(c, to, g, err);
	if (r == 0)
		r = db_seize(store_db(to), true, err);
	groups_close(g);
	store_close(to);
	return r;
}

/* Errors about the file that is made name the copy. */
static int as_copy(const struct copy *c, struct es_err *err)
{
	size_t n = strlen(c->file);
	char rest[sizeof err->text];

	if (err && strncmp(err->text, c->file, n) == 0) {
		memcpy(rest, err->text + n, sizeof rest - n);
		es_fail(err, err->code, "%s%s", c->to, rest);
	}
	return -1;
}

static int to_disk(struct copy *c, struct es_err *err)
{
	int fd = open(c->file, O_RDWR | O_CLOEXEC), r = 0;

	if (fd < 0 || fchmod(fd, c->mode & 07777) < 0 || fsync(fd) < 0)
		r = es_fail_errno(err, "%s", c->to);
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = es_fail_errno(err, "%s", c->to);
	return r;
}

/* Not over what came there meanwhile; where there are no links, that too. */
static int place_new(struct copy *c, struct es_err *err)
{
	if (link(c->file, c->real) == 0)
		return storefile_sync_directory(c->real, err);
	if (errno == EEXIST)
		return es_fail(err, ES_FAILED, "%s: is there already",
		    c->to);
	return rename(c->file, c->real) < 0 ?
	    es_fail_errno(err, "%s", c->to) :
	    storefile_sync_directory(c->real, err);
}

static int place(struct copy *c, struct es_err *err)
{
	struct stat st;

	if (to_disk(c, err) < 0)
		return -1;
	return c->options->force && stat(c->real, &st) == 0 ?
	    storefile_replace(c->to, c->file, err) : place_new(c, err);
}

static int make(struct copy *c, struct es_err *err)
{
	struct stat st;

	if (stat(store_path(c->from), &st) < 0)
		return es_fail_errno(err, "%s", store_path(c->from));
	c->mode = st.st_mode;
	c->real = sys_beside(c->to, "", err);
	if (!c->real || check_to(c, &st, err) < 0 ||
	    make_directory(c, err) < 0)
		return -1;
	if (copy_rows(c, err) < 0 || finish(c, err) < 0 || place(c, err) < 0)
		return as_copy(c, err);
	return 0;
}

int copy_store(const char *from, const char *to,
    const struct copy_options *options, int64_t *messages, struct es_err *err)
{
	struct copy c = {.options = options, .to = to, .lock_fd = -1};
	int r = store_open_any(from, false, &c.from, err);

	if (r == 0)
		r = make(&c, err);
	*messages = c.up_to;
	remove_directory(&c);
	store_close(c.from);
	free(c.real);
	free(c.dir);
	free(c.file);
	return r;
}
