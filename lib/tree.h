/*
 * tree: an element tree, as a page's render gives it, made HTML; es-app(5).
 *
 *   null, false, []          nothing
 *   string, number           text, escaped
 *   true                     a fault
 *   [TAG, {attributes}?, node...]   an element
 *   [node...]                a sequence, when the first is no string
 *   {KEY: "form"|"field"|"submit"|"link_command"|"raw"|"slot", …}
 *                            what only the prelude's functions can make: KEY is
 *                            random per process, so no data can look like it
 *
 * TAG is an inert HTML element; attributes are names with a string, a number,
 * true (bare), null or false (absent) or an array (joined by spaces).  `on*`,
 * `style`, `srcdoc` and scriptable URLs are refused.  Anything else is a fault
 * with its path in the tree ("[2][0].href: …").  Pure: JSON in, bytes out.
 */
#ifndef ES_TREE_H
#define ES_TREE_H

#include "json.h"

/*
 * What a form shows again after it was refused: for forms of `type`, the value
 * that each field had and what is wrong with it.  Both are JSON objects of
 * strings by attribute.
 */
struct tree_form {
	struct span type;
	const struct json_doc *values, *errors;	/* NULL: none */
};

/*
 * Render the node at `root`.  key: the brand (jqrun_key()).  form may be NULL.
 * slot (SPAN_NONE: not allowed) stands where the tree has its slot; *slots
 * (may be NULL) counts them.
 */
int tree_render(const struct json_doc *, uint32_t root, const char *key,
    const struct tree_form *form, struct span slot, int *slots,
    struct buf *out, struct es_err *err);

/* Escape text for HTML, in text and in quoted attributes alike. */
void tree_escape(struct buf *out, struct span text);

#endif
