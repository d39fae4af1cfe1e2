/*
 * app: a folder with a catalog and handlers; es-app(5).
 *
 *   APP/messages.json  APP/deciders/  APP/reactors/  APP/projectors/
 *   APP/pages/  APP/public/
 *
 * app_load() reads and checks it: every handler loads and stands in the folder
 * of what it does, group names differ, no command type has two deciders.  It
 * runs nothing.  A single handler file is an app of one handler without a
 * catalog.  In the folders of handlers, directories and files whose name
 * begins with a dot or ends in `~` are passed over; everything else must load.
 * What pages/ and public/ hold is looked at by those who serve them (page.h).
 * Handlers stand in a fixed order: deciders, reactors, projectors, by name.
 *
 * A zeroed struct app is empty and valid; it owns its handlers and catalog.
 * After a failure it must still be freed.
 */
#ifndef ES_APP_H
#define ES_APP_H

#include "handler.h"
#include "store.h"

enum app_role { APP_DECIDER, APP_REACTOR, APP_PROJECTOR };

struct app_handler {
	enum app_role role;
	struct handler handler;
};

/* Told of each fault, if there is one: loading goes on behind it. */
typedef void app_fault(void *ctx, const struct es_err *);

struct app {
	app_fault *fault;
	void *fault_ctx;
	char *path;			/* the first folder, or NULL */
	struct catalog *catalog;	/* NULL: none */
	struct app_handler *handlers;
	size_t n;
};

/*
 * Add a folder or a handler file to the app (zeroed is empty).  Of two folders
 * with a catalog each, the catalogs must be equal.
 */
int app_load(struct app *, const char *path, struct es_err *err);

/*
 * Add a handler that is loaded already (es-react --name … -- CMD).  On success
 * the app owns what the handler owned.
 */
int app_add(struct app *, enum app_role, const struct handler *,
    struct es_err *err);

/*
 * No command type has two deciders, and names differ.  The functions above
 * check it; to be called again when handler_start() has told the names.
 */
int app_check(const struct app *, struct es_err *err);

void app_free(struct app *);

/*
 * Refuse an app whose messages.json is not the catalog that is loaded; the
 * error names es-init.
 */
int app_check_catalog(const struct app *, const struct store *,
    struct es_err *err);

/*
 * Write the starter app (share/es/new) into a directory that is made here or
 * is empty.
 */
int app_new(const char *path, struct es_err *err);

#endif
