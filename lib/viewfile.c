#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys.h"
#include "viewfile.h"

#define NAME_BYTES 200		/* so that all file names fit */
#define GENERATION 16		/* hexadecimal digits */
#define LOCK_MS 30000

/* ---- names ---- */

/*
 * A name becomes a file's and a view's in the database, beside the table
 * `states` and what begins with es_model.
 */
static int check_name(const char *name, struct es_err *err)
{
	char shown[256];

	if (*name && *name != '.' && !strchr(name, '/') &&
	    strlen(name) <= NAME_BYTES && strcasecmp(name, "states") != 0 &&
	    strncasecmp(name, "es_model", 8) != 0 &&
	    strncasecmp(name, "sqlite_", 7) != 0)
		return 0;
	return es_fail(err, ES_FAILED, "a projector cannot be called \"%s\": "
	    "its read model is a file of that name, with a view of that name "
	    "beside the table states (see about.name)",
	    es_escape(shown, sizeof shown, name, strlen(name)));
}

static char *join(const char *dir, const char *file, const char *suffix)
{
	struct buf b = {0};

	buf_addf(&b, "%s/%s%s", dir, file, suffix);
	return buf_detach(&b);
}

int viewfile_init(struct viewfile *f, const char *store, const char *name,
    struct es_err *err)
{
	struct buf dir = {0};

	*f = (struct viewfile){.lock_fd = -1};
	if (check_name(name, err) < 0)
		return -1;
	buf_addf(&dir, "%s.views", store);
	f->dir = buf_detach(&dir);
	f->name = strdup(name);
	f->link = f->dir ? join(f->dir, name, ".db") : NULL;
	if (f->name && f->link)
		return 0;
	viewfile_free(f);
	return es_fail_nomem(err);
}

/*
 * Without a -wal the file can be copied as it is, and read where the directory
 * cannot be written.
 */
void viewfile_close(struct viewfile *f)
{
	if (f->db && f->db->mode != DB_READ)
		db_checkpoint(f->db);
	db_close(f->db);
	free(f->generation);
	f->db = NULL;
	f->generation = NULL;
	f->linked = false;
}

void viewfile_free(struct viewfile *f)
{
	viewfile_close(f);
	viewfile_unlock(f);
	free(f->name);
	free(f->dir);
	free(f->link);
	*f = (struct viewfile){.lock_fd = -1};
}

/* Whether a file name begins as a generation's does; *end is behind ".db". */
static bool is_generation(const struct viewfile *f, const char *file,
    const char **end)
{
	size_t n = strlen(f->name), i;

	if (strncmp(file, f->name, n) != 0 || file[n] != '.')
		return false;
	file += n + 1;
	for (i = 0; i < GENERATION; i++)
		if (!file[i] || !strchr("0123456789abcdef", file[i]))
			return false;
	*end = file + GENERATION + 3;
	return strncmp(file + GENERATION, ".db", 3) == 0;
}

/* ---- the link ---- */

int viewfile_linked(const struct viewfile *f, struct buf *out,
    struct es_err *err)
{
	char target[4096];
	const char *end;
	struct stat st;
	ssize_t n = readlink(f->link, target, sizeof target - 1);

	if (n < 0 && errno == ENOENT)
		return 0;
	if (n < 0 && errno != EINVAL)
		return es_fail_errno(err, "%s", f->link);
	/* An empty file: the sqlite3 shell was here before us. */
	if (n < 0 && lstat(f->link, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size == 0)
		return 0;
	if (n >= 0)
		target[n] = '\0';
	if (n < 0 || !is_generation(f, target, &end) || *end)
		return es_fail(err, ES_FAILED, "%s: not a link that "
		    "es-project has made: move it away", f->link);
	buf_add(out, target, (size_t)n);
	return buf_check(out, err) < 0 ? -1 : 1;
}

int viewfile_current(const struct viewfile *f, bool *yes, struct es_err *err)
{
	struct buf now = {0};
	int r = viewfile_linked(f, &now, err);

	*yes = r > 0 && strcmp(now.p, f->generation) == 0;
	buf_free(&now);
	return r < 0 ? -1 : 0;
}

/* Whether there is a file that does not begin as a database does. */
static bool is_damaged(const char *path)
{
	char head[16];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, head, sizeof head);
	close(fd);
	return n >= 0 && (n < (ssize_t)sizeof head ||
	    memcmp(head, "SQLite format 3", sizeof head) != 0);
}

/* One try; 2: the link moved meanwhile. */
static int open_linked(struct viewfile *f, enum db_mode mode, bool *damaged,
    struct es_err *err)
{
	struct buf file = {0};
	char *path;
	bool missing = false, same = false;
	int r = viewfile_linked(f, &file, err);

	if (r <= 0) {
		buf_free(&file);
		return r;
	}
	f->generation = buf_detach(&file);
	path = join(f->dir, f->generation, "");
	if (!path)
		return es_fail_nomem(err);
	*damaged = is_damaged(path);
	r = *damaged ? 0 :
	    db_open(path, mode, &f->db, &missing, err) < 0 ? -1 : 1;
	free(path);
	if (r > 0) {
		f->linked = true;
		return 1;
	}
	if (viewfile_current(f, &same, r < 0 ? NULL : err) == 0 && !same)
		r = 2;
	else if (missing) {
		*damaged = true;
		r = 0;
	}
	viewfile_close(f);
	return r;
}

int viewfile_open(struct viewfile *f, enum db_mode mode, bool *damaged,
    struct es_err *err)
{
	int r = 2, tries;

	viewfile_close(f);
	for (tries = 0; r == 2 && tries < 100; tries++) {
		*damaged = false;
		r = open_linked(f, mode, damaged, err);
	}
	if (r == 2)
		return es_fail(err, ES_BUSY, "%s: it is rebuilt again and "
		    "again", f->link);
	return r;
}

int viewfile_publish(struct viewfile *f, struct es_err *err)
{
	char *temporary = join(f->dir, f->generation, "-link");

	if (!temporary)
		return es_fail_nomem(err);
	if (symlink(f->generation, temporary) < 0 ||
	    rename(temporary, f->link) < 0) {
		es_fail_errno(err, "%s", f->link);
		unlink(temporary);
		free(temporary);
		return -1;
	}
	free(temporary);
	f->linked = true;
	return 0;
}

/* ---- making and removing generations ---- */

int viewfile_lock(struct viewfile *f, struct es_err *err)
{
	char *path;
	int r;

	if (f->lock_fd >= 0)
		return 0;
	if (mkdir(f->dir, 0777) < 0 && errno != EEXIST)
		return es_fail_errno(err, "%s", f->dir);
	path = join(f->dir, f->name, ".lock");
	if (!path)
		return es_fail_nomem(err);
	f->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
	    0666);
	if (f->lock_fd < 0)
		r = es_fail_errno(err, "%s", path);
	else if ((r = sys_lock(f->lock_fd, 0, 1, LOCK_MS, err)) < 0)
		es_err_at(err, "%s", path);
	else if (r > 0)
		r = es_fail(err, ES_BUSY, "%s: another process is "
		    "rebuilding it", f->link);
	free(path);
	if (r < 0 && f->lock_fd >= 0) {
		close(f->lock_fd);
		f->lock_fd = -1;
	}
	return r;
}

void viewfile_unlock(struct viewfile *f)
{
	if (f->lock_fd < 0)
		return;
	sys_unlock(f->lock_fd, 0, 1, NULL);
	close(f->lock_fd);
	f->lock_fd = -1;
}

static int new_file(struct viewfile *f, struct es_err *err)
{
	unsigned char uuid[16];
	struct buf file = {0};
	char *path;
	int fd, r;

	if (hash_uuid7(uuid, err) < 0)
		return -1;
	buf_addf(&file, "%s.", f->name);
	hash_hex(&file, uuid, GENERATION / 2);
	buf_adds(&file, ".db");
	f->generation = buf_detach(&file);
	path = f->generation ? join(f->dir, f->generation, "") : NULL;
	if (!path)
		return es_fail_nomem(err);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	if (fd < 0) {
		r = es_fail_errno(err, "%s", path);
	} else {
		close(fd);
		r = db_open(path, DB_CREATE, &f->db, NULL, err);
	}
	free(path);
	return r;
}

int viewfile_create(struct viewfile *f, const struct handler *h,
    const struct viewfile_mark *mark, struct es_err *err)
{
	viewfile_close(f);
	viewfile_clean(f);
	if (new_file(f, err) < 0 || viewfile_schema(f, h, mark, err) < 0) {
		viewfile_close(f);
		return -1;
	}
	return 0;
}

static bool is_beside(const char *suffix)
{
	static const char *const all[] = {"", "-wal", "-shm", "-lock",
	    "-bell", "-journal", "-link"};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(suffix, all[i]) == 0)
			return true;
	return false;
}

/* What cannot be removed stays for the next time. */
void viewfile_clean(const struct viewfile *f)
{
	struct buf linked = {0};
	struct dirent *e;
	DIR *d = NULL;

	if (viewfile_linked(f, &linked, NULL) < 0 || !(d = opendir(f->dir)))
		goto out;
	while ((e = readdir(d))) {
		const char *end;
		struct stat st;
		struct span file;

		if (!is_generation(f, e->d_name, &end) || !is_beside(end))
			continue;
		file = (struct span){e->d_name, (size_t)(end - e->d_name)};
		if (span_eq(file, buf_span(&linked)) ||
		    (f->generation && span_is(file, f->generation)))
			continue;
		/* A projector may be called as a generation of ours is. */
		if (!*end && (fstatat(dirfd(d), e->d_name, &st,
		    AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode)))
			continue;
		unlinkat(dirfd(d), e->d_name, 0);
	}
out:
	if (d)
		closedir(d);
	buf_free(&linked);
}
