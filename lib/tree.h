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
 * with its path in the tree ("[2][0].href: …"); of what a helper made the path
 * goes on with its arguments ("[1].children[0].options.type: …").
 *
 * What es.js finds: <form id="es-TYPE…" method="post" action="/commands/TYPE"
 * data-es-command="TYPE">, in it a <p class="es-error" data-es-error="NAME"> a
 * field (and with the name "" one for the form) and a <p class="es-outcome">;
 * a field's control has the name of the attribute and is described by that
 * place.  Ids are made of the type, the hidden values and the name, so that
 * they stay when a page is rendered again.
 *
 * A tree is nested at most JSON_DEPTH deep and gives at most TREE_BYTES.  Pure:
 * JSON in, bytes out.
 */
#ifndef ES_TREE_H
#define ES_TREE_H

#include "json.h"

#define TREE_BYTES ((size_t)4 << 20)

/*
 * What a form shows again after it was refused: for forms of `type`, the value
 * that each field had and what is wrong with it.  Both are JSON objects of
 * strings by attribute; an error of "" is the whole form's.  Of several forms
 * of the type it is those whose hidden values are not others.
 *
 * page: the path and query that all of it stands at (SPAN_NONE: not said).  The
 * address of the answer is the command's, so the forms have to say the page's.
 */
struct tree_form {
	struct span type;
	const struct json_doc *values, *errors;	/* NULL: none */
	struct span page;
};

/*
 * Render the node at `root`.  key: the brand (jqrun_key()).  form may be NULL.
 * slot (SPAN_NONE: not allowed) stands where the tree has its slot; *slots
 * (may be NULL) counts them.  After a fault nothing was added to out.
 */
int tree_render(const struct json_doc *, uint32_t root, const char *key,
    const struct tree_form *form, struct span slot, int *slots,
    struct buf *out, struct es_err *err);

/*
 * Escape text for HTML, in text and in quoted attributes alike.  What comes
 * out has no carriage return, which would end a line of an event stream.
 */
void tree_escape(struct buf *out, struct span text);

#endif
