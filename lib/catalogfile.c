#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "catalogfile.h"
#include "sys.h"

#define CATALOG_BYTES ((size_t)16 << 20)

int catalog_read(const char *path, struct catalog **out, struct es_err *err)
{
	struct buf text = {0};
	int r;

	*out = NULL;
	r = sys_read_file(path, CATALOG_BYTES, &text, err) < 0 ? -1 :
	    catalog_parse(path, text.p ? text.p : "", text.n, out, err);
	buf_free(&text);
	return r;
}

int catalog_read_if(const char *path, struct catalog **out,
    struct es_err *err)
{
	*out = NULL;
	return access(path, F_OK) < 0 && errno == ENOENT ? 0 :
	    catalog_read(path, out, err);
}

/* ---- beside a handler ---- */

/* Which of the folders of handlers a directory is, or NULL. */
static const char *folder_of(const char *directory)
{
	static const char *const names[] = {"deciders", "reactors",
	    "projectors"};
	char *real = realpath(*directory ? directory : ".", NULL);
	const char *last = real ? strrchr(real, '/') : NULL, *found = NULL;
	size_t i;

	for (i = 0; last && i < sizeof names / sizeof *names; i++)
		if (strcmp(last + 1, names[i]) == 0)
			found = names[i];
	free(real);
	return found;
}

int catalog_path_beside(const char *handler, char **out, struct es_err *err)
{
	const char *slash = strrchr(handler, '/'), *folder;
	struct buf path = {0};
	size_t n, from;

	*out = NULL;
	buf_add(&path, handler, slash ? (size_t)(slash - handler) + 1 : 0);
	if (buf_check(&path, err) < 0)
		return -1;
	folder = folder_of(path.p ? path.p : "");
	if (!folder) {
		buf_free(&path);
		return 0;
	}
	/* By its own name, or by another: a link, a dot. */
	n = path.n;
	from = n > strlen(folder) ? n - strlen(folder) - 1 : 0;
	if (n > 0 && strncmp(path.p + from, folder, strlen(folder)) == 0 &&
	    (from == 0 || path.p[from - 1] == '/'))
		buf_truncate(&path, from);
	else
		buf_adds(&path, "../");
	buf_adds(&path, "messages.json");
	*out = buf_detach(&path);
	return *out ? 0 : es_fail_nomem(err);
}
