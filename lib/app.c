#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app.h"
#include "sys.h"

#define CATALOG_MAX ((size_t)16 << 20)

static const struct {
	const char *folder, *role;
	unsigned needs, refuses;	/* enum scan_op */
} roles[] = {
	[APP_DECIDER] = {"deciders", "decider", SCAN_DECIDE, 0},
	[APP_REACTOR] = {"reactors", "reactor", SCAN_REACT, 0},
	[APP_PROJECTOR] = {"projectors", "projector", SCAN_EVOLVE,
	    SCAN_DECIDE | SCAN_REACT},
};

/* ---- checks ---- */

/* A fault that somebody else sees to is none. */
static int told(const struct app *a, int r, const struct es_err *err)
{
	if (r == 0 || !a->fault)
		return r;
	a->fault(a->fault_ctx, err);
	return 0;
}

/* Whether some type matches both: either may be a prefix, ending in a dot. */
static bool overlaps(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);

	if (na && a[na - 1] == '.' && strncmp(a, b, na) == 0)
		return true;
	if (nb && b[nb - 1] == '.' && strncmp(a, b, nb) == 0)
		return true;
	return strcmp(a, b) == 0;
}

static int check_pair(const struct handler *a, const struct handler *b,
    struct es_err *err)
{
	const struct scan_types *x = &a->scan.decides, *y = &b->scan.decides;

	if (a->named && b->named && strcmp(a->name, b->name) == 0)
		return es_fail(err, ES_FAILED, "%s: its name, %s, is that of "
		    "%s too", b->path, b->name, a->path);
	for (size_t i = 0; i < x->n; i++) {
		for (size_t j = 0; j < y->n; j++) {
			if (!overlaps(x->v[i], y->v[j]))
				continue;
			return es_fail(err, ES_FAILED,
			    "%s: decides %s, as %s does: a command has one "
			    "decider", b->path, y->v[j], a->path);
		}
	}
	return 0;
}

int app_check(const struct app *a, struct es_err *err)
{
	for (size_t i = 1; i < a->n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (told(a, check_pair(&a->handlers[j].handler,
			    &a->handlers[i].handler, err), err) < 0)
				return -1;
		}
	}
	return 0;
}

static const char *op_name(unsigned ops)
{
	return ops & SCAN_DECIDE ? "decide" :
	    ops & SCAN_REACT ? "react" : "evolve";
}

/* What a handler does must be what its folder says. */
static int check_role(enum app_role role, const struct handler *h,
    struct es_err *err)
{
	unsigned needs = roles[role].needs;
	unsigned refused = h->ops & roles[role].refuses;

	/* es-decide may run the rest of the file; a reaction would be lost. */
	if (h->scan.later)
		return es_fail(err, ES_FAILED, "%s:%u: %s", h->path,
		    h->scan.later_line, h->scan.later);
	if (h->kind == HANDLER_SQL) {
		if (role == APP_PROJECTOR)
			return 0;
		return es_fail(err, ES_FAILED, "%s: SQL is for projectors, "
		    "not for a %s", h->path, roles[role].role);
	}
	if (h->kind == HANDLER_EXEC && role == APP_PROJECTOR)
		return es_fail(err, ES_FAILED, "%s: a projector is a .jq "
		    "file", h->path);
	if (h->kind == HANDLER_EXEC && !(h->ops & needs))
		return es_fail(err, ES_FAILED, "%s: a %s that is an "
		    "executable needs \"# es: %s TYPE...\" in its first "
		    "lines", h->path, roles[role].role,
		    role == APP_DECIDER ? "decide" : "on");
	if (!(h->ops & needs))
		return es_fail(err, ES_FAILED, "%s: a %s must define %s",
		    h->path, roles[role].role, op_name(needs));
	if (refused)
		return es_fail(err, ES_FAILED, "%s: a %s does not run %s",
		    h->path, roles[role].role, op_name(refused));
	return 0;
}

/* ---- loading ---- */

static int add(struct app *a, enum app_role role, const struct handler *h,
    struct es_err *err)
{
	struct app_handler *p;

	p = realloc(a->handlers, (a->n + 1) * sizeof(*p));
	if (!p)
		return es_fail_nomem(err);
	a->handlers = p;
	a->handlers[a->n++] = (struct app_handler){role, *h};
	return 0;
}

int app_add(struct app *a, enum app_role role, const struct handler *h,
    struct es_err *err)
{
	if (add(a, role, h, err) < 0)
		return -1;
	if (app_check(a, err) < 0) {
		a->n--;
		return -1;
	}
	return 0;
}

static char *join(const char *folder, const char *name, struct es_err *err)
{
	struct buf b = {0};
	char *out;

	buf_adds(&b, folder);
	if (b.n && b.p[b.n - 1] != '/')
		buf_addc(&b, '/');
	buf_adds(&b, name);
	out = buf_detach(&b);
	if (!out)
		es_fail_nomem(err);
	return out;
}

/* An executable runs in the app's directory. */
static int place_executable(struct handler *h, const char *folder,
    struct es_err *err)
{
	if (h->kind != HANDLER_EXEC)
		return 0;
	free(h->directory);
	h->directory = realpath(folder, NULL);
	return h->directory ? 0 : es_fail_errno(err, "%s", folder);
}

static int load_handler(struct app *a, enum app_role role, const char *path,
    const char *folder, struct es_err *err)
{
	struct handler h = {0};

	if (handler_load(path, &h, err) < 0)
		return -1;
	if (check_role(role, &h, err) < 0 ||
	    place_executable(&h, folder, err) < 0 ||
	    add(a, role, &h, err) < 0) {
		handler_free(&h);
		return -1;
	}
	return 0;
}

static int is_handler(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && d->d_name[n - 1] != '~';
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* One file of a folder of handlers; directories are passed over. */
static int load_entry(struct app *a, enum app_role role, const char *folder,
    const char *app_path, const char *name, struct es_err *err)
{
	struct stat st;
	char *path;
	int r = 0;

	path = join(folder, name, err);
	if (!path)
		return -1;
	if (stat(path, &st) < 0)
		r = es_fail_errno(err, "%s", path);
	else if (!S_ISDIR(st.st_mode))
		r = load_handler(a, role, path, app_path, err);
	free(path);
	return r;
}

/* *found: the folder is there. */
static int load_role(struct app *a, enum app_role role, const char *app_path,
    bool *found, struct es_err *err)
{
	struct dirent **list = NULL;
	char *folder;
	int n, r = 0;

	folder = join(app_path, roles[role].folder, err);
	if (!folder)
		return -1;
	n = scandir(folder, &list, is_handler, by_name);
	if (n >= 0)
		*found = true;
	else if (errno != ENOENT)
		r = es_fail_errno(err, "%s", folder);
	for (int i = 0; i < n; i++) {
		if (r == 0)
			r = told(a, load_entry(a, role, folder, app_path,
			    list[i]->d_name, err), err);
		free(list[i]);
	}
	free(list);
	free(folder);
	return r;
}

static int take_catalog(struct app *a, const char *file, struct catalog *c,
    struct es_err *err)
{
	if (!a->catalog) {
		a->catalog = c;
		return 0;
	}
	if (catalog_equal(a->catalog, c)) {
		catalog_free(c);
		return 0;
	}
	catalog_free(c);
	return es_fail(err, ES_FAILED, "%s: not the catalog of %s", file,
	    a->path);
}

static int load_catalog(struct app *a, const char *path, bool *found,
    struct es_err *err)
{
	struct buf text = {0};
	struct catalog *c;
	char *file;
	int r = 0;

	file = join(path, "messages.json", err);
	if (!file)
		return -1;
	if (access(file, F_OK) < 0 && errno == ENOENT) {
		free(file);
		return 0;
	}
	*found = true;
	if (sys_read_file(file, CATALOG_MAX, &text, err) < 0 ||
	    catalog_parse(file, text.p ? text.p : "", text.n, &c, err) < 0)
		r = -1;
	else
		r = take_catalog(a, file, c, err);
	buf_free(&text);
	free(file);
	return r;
}

/* Folders that page.h and es-serve read; here they only make an app. */
static int find_folder(const char *path, const char *name, bool *found,
    struct es_err *err)
{
	char *folder = join(path, name, err);
	struct stat st;

	if (!folder)
		return -1;
	if (stat(folder, &st) == 0 && S_ISDIR(st.st_mode))
		*found = true;
	free(folder);
	return 0;
}

static int load_folder(struct app *a, const char *path, struct es_err *err)
{
	bool found = false;

	if (told(a, load_catalog(a, path, &found, err), err) < 0)
		return -1;
	if (!a->path) {
		a->path = strdup(path);
		if (!a->path)
			return es_fail_nomem(err);
	}
	for (int role = APP_DECIDER; role <= APP_PROJECTOR; role++) {
		if (load_role(a, (enum app_role)role, path, &found, err) < 0)
			return -1;
	}
	if (find_folder(path, "pages", &found, err) < 0 ||
	    find_folder(path, "public", &found, err) < 0)
		return -1;
	if (!found)
		return es_fail(err, ES_FAILED, "%s: not an app: neither "
		    "messages.json nor deciders, reactors, projectors, pages "
		    "or public", path);
	return 0;
}

/* A handler file that stands alone: what it does is its role. */
static int load_file(struct app *a, const char *path, struct es_err *err)
{
	struct handler h = {0};
	enum app_role role = APP_PROJECTOR;

	if (handler_load(path, &h, err) < 0)
		return -1;
	if (h.ops & SCAN_DECIDE)
		role = APP_DECIDER;
	else if (h.ops & SCAN_REACT)
		role = APP_REACTOR;
	if (check_role(role, &h, err) < 0 || add(a, role, &h, err) < 0) {
		handler_free(&h);
		return -1;
	}
	return 0;
}

int app_load(struct app *a, const char *path, struct es_err *err)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0) {
		r = errno == ENOENT;
		es_fail_errno(err, "%s", path);
		if (r && err)
			err->code = ES_NOTFOUND;
		return -1;
	}
	r = S_ISDIR(st.st_mode) ? load_folder(a, path, err) :
	    load_file(a, path, err);
	return r < 0 ? -1 : app_check(a, err);
}

void app_free(struct app *a)
{
	for (size_t i = 0; i < a->n; i++)
		handler_free(&a->handlers[i].handler);
	free(a->handlers);
	catalog_free(a->catalog);
	free(a->path);
	*a = (struct app){0};
}

int app_check_catalog(const struct app *a, const struct store *s,
    struct es_err *err)
{
	if (!a->catalog || catalog_equal(a->catalog, store_catalog(s)))
		return 0;
	return es_fail(err, ES_FAILED, "%s: its messages.json is not the "
	    "catalog that %s has loaded: run es-init %s", a->path,
	    store_path(s), a->path);
}
