/*
 * handler: a file that decides, folds or reacts, loaded and described.
 *
 * handler_load() reads a jq, SQL or executable file and finds out, without
 * running it, what it handles: for jq by scan.h, for executables from the
 * `# es:` lines at the top, for SQL from its `-- es:` lines.  handler_about()
 * then takes what the jq worker said of `about`.
 *
 * A struct handler owns its strings and is immutable after that.
 */
#ifndef ES_HANDLER_H
#define ES_HANDLER_H

#include "jqrun.h"
#include "scan.h"

enum handler_kind { HANDLER_JQ, HANDLER_SQL, HANDLER_EXEC };

struct handler_read {		/* an item of about.reads */
	struct scan_types types;	/* within those that evolve applies */
	char **tags;		/* templates: "student_id:{student_id}" */
	size_t n_tags;
	bool optional;		/* left out when a value is not there */
};

struct handler {
	enum handler_kind kind;
	char *path;		/* as given */
	char *name;		/* group name: about.name or the base name
				   without its last suffix */
	bool stream;		/* an executable: a coprocess */
	bool named;		/* with an `about`: once handler_start() knows */
	char *directory;	/* where an executable runs; NULL: here */
	char **argv;		/* executables: what is run */
	struct buf text;	/* the file's bytes (not for `-- CMD`) */
	unsigned char hash[32];	/* SHA-256 of the text, or of argv */
	unsigned ops;		/* enum scan_op; executables: SCAN_DECIDE or
				   SCAN_REACT */
	struct scan scan;	/* types decided, evolved, reacted to */
	char **partition_by;	/* sorted as given; */
	size_t n_partition_by;	/* 0 = one partition */
	struct handler_read *reads;	/* what a decision reads; none: */
	size_t n_reads;			/* its partition */
	char **read_names;	/* the names in their tags, each once */
	size_t n_read_names;
	int retries;		/* tries after the first; -1: the default */
	int64_t backoff_ms;	/* -1: the default */
	int64_t deadline_ms;	/* -1: the default of its kind */
};

/* Whether a group can have this name (it becomes part of file names). */
int handler_check_name(const char *name, struct es_err *err);

/* Default group names come from the base name: "deciders/donation.jq" is
 * "donation". */
int handler_load(const char *path, struct handler *out, struct es_err *);

/* A handler that runs a command (es-react … -- CMD ARG...). */
int handler_command(const char *name, char *const argv[],
    struct handler *out, struct es_err *);

/* Add a name to partition_by; its form is checked. */
int handler_add_partition(struct handler *, struct span name,
    struct es_err *err);

/* "a,b" (--by): the same for several; NULL: none.  Errors are ES_USAGE. */
int handler_partition_by(struct handler *, const char *names,
    struct es_err *err);

/*
 * Apply `about` (JSON object text): name, partition_by, reads,
 * handles, deadline, retries, backoff.  A field that is not known (yet) is refused by name.
 */
int handler_about(struct handler *, struct span about, struct es_err *);

/*
 * Compile a jq handler and start its worker, then apply its `about`; a
 * deadline given there wins over the limits'.  limits NULL: the default ones.
 * For other kinds nothing happens and *out is NULL.
 */
int handler_start(struct handler *, const struct jqrun_limits *limits,
    struct jqrun **out, struct es_err *err);

/* The same for the i-th handler of those that were compiled as one program. */
int handler_start_one(struct handler *, struct jqnursery *, size_t i,
    struct jqrun **out, struct es_err *err);

/*
 * The group's definition as JSON text: kind, types, partition_by.  Two
 * definitions that differ may not run under one name (es-group redefine).
 */
void handler_definition(const struct handler *, struct buf *out);

void handler_free(struct handler *);

#endif
