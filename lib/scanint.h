/*
 * scanint: what scandefs.c and scanread.c find and scan.c and scanops.c judge.
 * Private to them.
 *
 * The reader goes once over the tokens with a stack of what is open
 * (definitions, brackets, if … end) and a list of the names that are visible,
 * so that each call is resolved by jq's own rules: the innermost definition or
 * parameter of that name and number of parameters, defined before it.
 */
#ifndef ES_SCANINT_H
#define ES_SCANINT_H

#include "jqlex.h"
#include "scan.h"

#define SCAN_NONE UINT32_MAX

struct scan_def {
	struct span name;
	uint32_t arity, line;
	uint32_t parent;	/* SCAN_NONE: top level */
	bool binds;		/* its only parameter is a `$name` */
	/* on() and apply() stand in it where their outputs are its own */
	bool gives_on, gives_apply;
	bool reached;		/* for scan.c */
};

struct scan_call {
	uint32_t token;		/* the name */
	uint32_t owner;		/* the definition that it stands in */
	uint32_t target;	/* what it calls; SCAN_NONE: not the file's own */
	uint32_t arity;
	uint32_t argument;	/* token of the first argument, 0 without */
};

struct scan_source {
	const char *place;
	bool page;		/* else a handler */
	bool handles;		/* about.handles may say what is not read */
	struct jqlex lex;
	struct scan_def *defs;
	size_t n_defs, cap_defs;
	struct scan_call *calls;	/* without those of parameters */
	size_t n_calls, cap_calls;
	struct scan_fault {
		uint32_t line;
		char *text;
	} *faults;		/* behind which it was read on */
	size_t n_faults, cap_faults;
	/* for ( and ; of calls' arguments: the ; or ) that ends the argument */
	uint32_t *argument_end;
};

/* ---- the reader: scanread.c walks, scandefs.c knows names ---- */

enum scan_context_type { IN_DEF, IN_BRACKET, IN_IF };

struct scan_context {
	enum scan_context_type type;
	uint32_t token;		/* what opened it */
	uint32_t def;		/* IN_DEF: which */
	size_t visible;		/* names visible at the start of a region */
	bool call;		/* ( of a call's arguments */
	bool key;		/* { where an object's key is expected */
	uint32_t separator;	/* ( or ; that began the argument */
	/* on() and apply() so far: in this stage of the pipe, in the stages
	 * before it, left of a comma of this stage, in the whole region */
	bool on, apply, piped_on, comma_apply, any_on, any_apply;
};

struct scan_name {
	struct span name;
	uint32_t arity;
	uint32_t def;		/* SCAN_NONE: a parameter */
};

struct scan_reader {
	struct scan_source *s;
	struct scan_context *open;
	size_t n_open, cap_open;
	struct scan_name *names;
	size_t n_names, cap_names;
	uint32_t at, owner;
	struct es_err *err;
};

int scan_read(struct scan_source *, struct es_err *);

/* es's own on() or apply(), and its types. */
bool scan_is_switch(const struct scan_source *, const struct scan_call *);
int scan_switch_types(struct scan_source *, const struct scan_call *,
    struct scan_types *to, struct es_err *);
/* The literal types between two arguments' ends. */
int scan_read_types(struct scan_source *, uint32_t from, uint32_t end,
    struct scan_types *to, struct es_err *);

/* What decide, evolve and react reach. */
int scan_collect(struct scan_source *, struct scan *, struct es_err *);
void scan_free_uses(struct scan *);

void scan_source_free(struct scan_source *);

int scan_refuse(const struct scan_source *, uint32_t line, struct es_err *,
    const char *fmt, ...) ES_PRINTF(4, 5);

/* Keep what scan_refuse() has said, and go on: -1 only without memory. */
int scan_note(struct scan_source *, struct es_err *);

/* Which reserved definitions there are, and whether they may be here. */
int scan_check_ops(struct scan_source *, struct scan *, struct es_err *);

/* Make room for one more element. */
void *scan_grow(void *v, size_t n, size_t *cap, size_t size);

/* From `def` to the colon of its body, and at the `;` of its end. */
int scan_begin_def(struct scan_reader *);
void scan_end_def(struct scan_reader *);

/* Resolve and record a call, whose arguments (if any) have been read. */
int scan_add_call(struct scan_reader *, uint32_t token, uint32_t arity);

/* Outputs of on() or apply() are seen in the context that is open. */
int scan_saw(struct scan_reader *, bool on, bool apply, uint32_t line);

struct scan_context *scan_enter(struct scan_reader *, enum scan_context_type);
struct scan_context *scan_top(const struct scan_reader *);
void scan_end_region(struct scan_reader *, struct scan_context *);
const struct jqtoken *scan_token(const struct scan_reader *, uint32_t at);
uint32_t scan_line(const struct scan_reader *);

#endif
