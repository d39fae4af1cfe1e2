/* groupimpl: what group*.c share; not for others. */
#ifndef ES_GROUPIMPL_H
#define ES_GROUPIMPL_H

#include "group.h"

enum group_query {
	GQ_LOAD, GQ_NAMES, GQ_INSERT, GQ_INSERT_SHARD, GQ_SHARDS, GQ_CLAIM,
	GQ_RELEASE, GQ_ACK, GQ_TRIM, GQ_DONE, GQ_IS_DONE, GQ_FAILING,
	GQ_FAILING_PUT, GQ_FAILING_REMOVE, GQ_STATE, GQ_RETRY, GQ_SKIP,
	GQ_IS_SKIPPED, GQ_REDEFINE, GQ_RESHARD, GQ_CLEAR_DONE, GQ_LAST_DONE,
	GQ_ERROR, GQ_COUNT
};

struct groups {
	struct store *store;
	sqlite3_stmt *statements[GQ_COUNT];
};

sqlite3_stmt *group_statement(struct groups *, enum group_query,
    struct es_err *err);
int group_run(struct groups *, sqlite3_stmt *, struct es_err *err);
/* A copy of a column's text, NULL for null. */
char *group_text(sqlite3_stmt *, int column);

/* The new text and its es.group_redefined. */
int group_set_definition(struct groups *, const char *name,
    struct span definition, struct es_err *err);

#endif
