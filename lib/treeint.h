/*
 * treeint: what the files of tree share; not for others.
 *
 *   tree.c       nodes, elements, raw HTML, the slot
 *   treeattr.c   which elements and attributes there are; URLs
 *   treeform.c   forms and what belongs to them; ids
 *   treefield.c  fields; treecontrol.c what one types or chooses in
 */
#ifndef ES_TREEINT_H
#define ES_TREEINT_H

#include "tree.h"

/* Where in the tree, from the node upwards: an index or a name. */
struct tree_place {
	const struct tree_place *up;
	struct span name;		/* SPAN_NONE: an index */
	uint32_t index;
};

struct tree_open {			/* the form that is open */
	struct buf type, id;
	uint32_t hidden;
	bool filled;			/* it is the one that was refused */
	bool has_submit;
	struct buf names;		/* of its fields, each ended by NUL */
};

struct tree {
	const struct json_doc *doc;
	const char *key;
	const struct tree_form *again;
	struct span slot;
	int slots;
	struct buf *out;
	size_t from;			/* where out was when it began */
	struct es_err *err;
	struct tree_open *open;		/* NULL: no form */
	int inert, svg;			/* how deep in what has no forms */
	struct buf text;		/* of tree_string() */
	uint64_t *ids;			/* hashes of those given, a hash table */
	size_t n_ids, cap_ids;
};

/* Fill in the error: -1. */
int tree_fault(struct tree *, const struct tree_place *, const char *fmt, ...)
    ES_PRINTF(3, 4);

/* A node in which there can be no part of a form. */
int tree_inert(struct tree *, uint32_t node, const struct tree_place *);
/* The elements of an array of nodes. */
int tree_children(struct tree *, uint32_t array, const struct tree_place *);

/* Of a member that the helpers made: JSON_NONE without. */
uint32_t tree_member(const struct tree *, uint32_t object, const char *name);
enum json_type tree_type(const struct tree *, uint32_t node);
/* A string decoded, until the next call. */
struct span tree_string(struct tree *, uint32_t node);
/* The text of a string, a number or a boolean; false for others. */
bool tree_scalar(const struct json_doc *, uint32_t node, struct buf *out);
/* NAME="escaped" with a space in front. */
void tree_attribute(struct tree *, const char *name, struct span value);

/* ---- treeattr.c ---- */

enum { TREE_VOID = 1, TREE_SVG = 2 };
/* Flags of an element, -1 when there is none of that name. */
int tree_tag(struct span name);
int tree_attributes(struct tree *, uint32_t object, const struct tree_place *);

/* ---- treeform.c ---- */

int tree_form(struct tree *, uint32_t node, const struct tree_place *,
    bool link);
int tree_submit(struct tree *, uint32_t node, const struct tree_place *);
/* Whether the form has a field of that name, not counting the first names, up
 * to the byte `from`, which are the hidden ones. */
bool tree_has_field(const struct tree_open *, size_t from, struct span name);
/* Text of an id becomes one that no other has. */
int tree_claim(struct tree *, struct buf *id);

/* ---- treefield.c ---- */

int tree_field(struct tree *, uint32_t node, const struct tree_place *);

#endif
