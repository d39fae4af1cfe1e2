#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "sys.h"

#define FILE_MAX_BYTES ((size_t)1 << 20)

static int copy(const char *from, const char *to, struct es_err *err);

static int not_special(const struct dirent *d)
{
	return strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0;
}

static int copy_file(const char *from, const char *to, mode_t mode,
    struct es_err *err)
{
	struct buf text = {0};
	int fd, r;

	if (sys_read_file(from, FILE_MAX_BYTES, &text, err) < 0)
		return -1;
	/* A file that is there already is never written over. */
	fd = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
	    mode & S_IXUSR ? 0777 : 0666);
	r = fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n ?
	    es_fail_errno(err, "%s", to) : 0;
	if (fd >= 0 && close(fd) < 0 && r == 0)
		r = es_fail_errno(err, "%s", to);
	buf_free(&text);
	return r;
}

static int copy_entry(const char *from, const char *to, const char *name,
    struct es_err *err)
{
	struct buf a = {0}, b = {0};
	int r = -1;

	buf_addf(&a, "%s/%s", from, name);
	buf_addf(&b, "%s/%s", to, name);
	if (buf_check(&a, err) == 0 && buf_check(&b, err) == 0)
		r = copy(a.p, b.p, err);
	buf_free(&a);
	buf_free(&b);
	return r;
}

static int copy_directory(const char *from, const char *to,
    struct es_err *err)
{
	struct dirent **list = NULL;
	int n, r = 0;

	if (mkdir(to, 0777) < 0 && errno != EEXIST)
		return es_fail_errno(err, "%s", to);
	n = scandir(from, &list, not_special, alphasort);
	if (n < 0)
		return es_fail_errno(err, "%s", from);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = copy_entry(from, to, list[i]->d_name, err);
		free(list[i]);
	}
	free(list);
	return r;
}

static int copy(const char *from, const char *to, struct es_err *err)
{
	struct stat st;

	if (stat(from, &st) < 0)
		return es_fail_errno(err, "%s", from);
	return S_ISDIR(st.st_mode) ? copy_directory(from, to, err) :
	    copy_file(from, to, st.st_mode, err);
}

/* Only into a new directory, or one without anything in it. */
static int check_empty(const char *path, struct es_err *err)
{
	struct dirent **list = NULL;
	int n = scandir(path, &list, not_special, NULL);

	if (n < 0)
		return errno == ENOENT ? 0 : es_fail_errno(err, "%s", path);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return n == 0 ? 0 : es_fail(err, ES_FAILED, "%s: the directory is "
	    "not empty", path);
}

int app_new(const char *path, struct es_err *err)
{
	char *from;
	int r;

	if (check_empty(path, err) < 0)
		return -1;
	from = sys_share("new", err);
	if (!from)
		return -1;
	r = copy_directory(from, path, err);
	free(from);
	return r;
}
