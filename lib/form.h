/*
 * form: a message that is told by flags and words instead of a line of JSON.
 *
 *   es-append -t TYPE [NAME=STRING|NAME:=JSON]... [-g TAG] [--meta NAME=VALUE]
 *
 * A zeroed struct form is valid.  form_flag() and form_word() take what the
 * command line has; then form_line() makes the line, or form_defaults() gives
 * what the flags say to a message that came in another way.
 *
 * The words are borrowed and must outlive the form.  All faults of the words
 * are ES_USAGE and name the flag or the attribute.
 */
#ifndef ES_FORM_H
#define ES_FORM_H

#include "cli.h"
#include "message.h"

struct form_pair { struct span name, value; };

struct form {
	struct span type, id, cause;
	enum message_kind kind;
	/* private */
	struct buf tags;		/* elements, comma between */
	struct form_pair *metadata;
	size_t n_metadata;
	struct buf payload;		/* members, comma between */
	struct span *names;		/* of the attributes so far */
	size_t n_names;
	struct span *exact;		/* those given by := */
	size_t n_exact;
	struct buf line;
};

void form_free(struct form *);

/*
 * Take -t, --id, --kind, -g, --meta or --cause (`arg` is its argument);
 * returns 1 when the flag is none of these.
 */
int form_flag(struct form *, int id, const char *arg, struct es_err *);

/* An attribute of the payload: NAME=STRING or NAME:=JSON, each name once. */
int form_word(struct form *, const char *word, struct es_err *);

/*
 * The message as a draft: strings are coerced by the catalog (draft.coerce),
 * but for those given as JSON.  It borrows from form and scratch.
 */
int form_draft(struct form *, struct message_scratch *, struct draft *,
    struct es_err *);

/*
 * What the flags say, for a draft that was parsed from a line with this
 * scratch: tags and metadata are added, kind and cause are given where it has
 * none.  A name of the metadata that is there already is ES_FAILED.  The draft
 * then borrows from `text` too, which is overwritten.
 */
int form_defaults(const struct form *, struct draft *,
    struct message_scratch *, struct buf *text, struct es_err *);

#endif
