/*
 * app: a folder with a catalog and handlers; es-app(5).
 *
 *   APP/messages.json  APP/deciders/  APP/reactors/  APP/projectors/
 *
 * app_load() reads and checks it: every handler loads, group names differ, no
 * command type has two deciders.  It runs nothing.  A single handler file is
 * an app of one handler without a catalog.
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

struct app {
	char *path;
	struct catalog *catalog;	/* NULL: none */
	struct app_handler *handlers;
	size_t n;
};

/* Add a folder or a handler file to the app (zeroed is empty). */
int app_load(struct app *, const char *path, struct es_err *err);
/* Add a handler that is loaded already (es-react --name … -- CMD). */
int app_add(struct app *, enum app_role, const struct handler *,
    struct es_err *err);
void app_free(struct app *);

/*
 * Refuse an app whose messages.json is not the catalog that is loaded; the
 * error names es-init.
 */
int app_check_catalog(const struct app *, const struct store *,
    struct es_err *err);

#endif
