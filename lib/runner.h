/*
 * runner: runs an app's groups over a store: deciders, reactors, projectors.
 *
 * One process reads the log once a group for the shards that it has claimed,
 * hands messages to jq workers and executables, and puts what came of them
 * into the log: what has finished meanwhile goes into one transaction,
 * together with the acknowledgements.  Partitions run side by side, the
 * messages of one partition in order.
 *
 *   app_load -> runner_open -> runner_run -> runner_close
 *
 * runner_open() starts the jq workers before it opens the store, so that no
 * database handle crosses a fork.  Single-threaded.
 */
#ifndef ES_RUNNER_H
#define ES_RUNNER_H

#include <signal.h>
#include "app.h"
#include "query.h"

/* How a group begins that is not there yet. */
enum runner_from { FROM_DEFAULT, FROM_START, FROM_NOW, FROM_POSITION };

struct runner_options {
	bool strict;		/* refuse types that the catalog lacks */
	bool follow;		/* stay; else until nothing is pending */
	int jobs;		/* executables at once; 0: 4 */
	int breaker;		/* parked partitions that stop a group; 0: none */
	enum runner_from from;
	int64_t from_position;
	/*
	 * What the app's last handler is given instead of the types that it
	 * names (es-react --name); NULL: none.
	 */
	const struct query *deliver;
	/* Lines for a person: faults, retries, stops. */
	void (*say)(void *ctx, const char *line);
	void *ctx;
	/* Set by a signal handler: stop when what runs has finished. */
	volatile sig_atomic_t *stop;
};

/* --from start, now or a position; ES_USAGE otherwise. */
int runner_parse_from(const char *text, struct runner_options *,
    struct es_err *err);

struct runner;

/* app and options are borrowed until runner_close(). */
int runner_open(const char *store, struct app *app,
    const struct runner_options *, struct runner **out, struct es_err *err);

/* 0, or -1 when it cannot go on (the store fails). */
int runner_run(struct runner *, struct es_err *err);

/*
 * The exit status of what is left behind: 0, ES_FAILED when a partition is
 * parked or a group stopped, ES_NOEXEC or ES_NOTFOUND when that is why; -1.
 */
int runner_status(struct runner *, struct es_err *err);
void runner_close(struct runner *);

/*
 * Let each jq handler of an app say its `about` (it is compiled for that), so
 * that the definitions are complete.
 */
int runner_learn(struct app *app, struct es_err *err);

/*
 * Create the groups of an app that has learnt, where they are not there yet,
 * so that nothing that is appended afterwards is missed (es-init APP).
 */
int runner_create_groups(const char *store, const struct app *app,
    struct es_err *err);

/*
 * A handler's definition as a group of this store keeps it: what it handles,
 * how it is partitioned, where it was told to begin.
 */
int runner_definition(const struct handler *, const struct query *deliver,
    const struct runner_options *, struct buf *out, struct es_err *err);

#endif
