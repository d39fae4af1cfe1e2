/*
 * catalogfile: catalogs that stand in files; an app's is its messages.json.
 */
#ifndef ES_CATALOGFILE_H
#define ES_CATALOGFILE_H

#include "catalog.h"

/* Its place is the path. */
int catalog_read(const char *path, struct catalog **out, struct es_err *err);
/* The same of a file that may be absent: then *out is NULL. */
int catalog_read_if(const char *path, struct catalog **out,
    struct es_err *err);

/*
 * Of a handler's file that stands in an app, as APP/deciders/FILE does (or in
 * reactors or projectors): APP/messages.json, malloced, or NULL with 0.
 */
int catalog_path_beside(const char *handler, char **out, struct es_err *err);

#endif
