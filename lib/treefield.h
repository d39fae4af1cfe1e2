/*
 * treefield: a field of a form, between what reads it (treefield.c) and what
 * writes its control (treecontrol.c).  Private to the two.
 */
#ifndef ES_TREEFIELD_H
#define ES_TREEFIELD_H

#include "treeint.h"

enum tree_control { INPUT, CHECKBOX, RADIO, SELECT, TEXTAREA };

enum tree_option {
	O_LABEL, O_TYPE, O_VALUE, O_OPTIONS, O_HELP, O_PLACEHOLDER, O_MIN,
	O_MAX, O_STEP, O_PATTERN, O_MINLENGTH, O_MAXLENGTH, O_INPUTMODE,
	O_AUTOCOMPLETE, O_ROWS, O_REQUIRED, O_READONLY, O_AUTOFOCUS, N_OPTIONS
};
#define O_TEXTS O_PLACEHOLDER	/* up to O_ROWS: attributes with a value */
#define O_FLAGS O_REQUIRED	/* up to the end: attributes without one */

extern const char *const tree_options[N_OPTIONS];

struct tree_field {
	struct buf name, id, type;
	enum tree_control control;
	uint32_t v[N_OPTIONS];		/* JSON_NONE: not given, null, false */
	struct buf value;		/* what it shows */
	bool has_value;
	struct buf error;
};

int tree_control(struct tree *, const struct tree_field *,
    const struct tree_place *);

#endif
