/* group: whether a group is held back, for who runs its handler by hand. */
#include "group.h"

int group_check_held(struct store *s, const char *name, struct es_err *err)
{
	struct groups *g;
	struct group_row row;
	int r;

	if (groups_open(s, &g, err) < 0)
		return -1;
	r = group_load(g, name, &row, err);
	if (r > 0) {
		r = row.held ? es_fail(err, ES_FAILED, "%s: is held back: a "
		    "new epoch has begun, and it would do again what it did "
		    "for another store; let it go on with es-group adopt %s",
		    name, name) : 0;
		group_row_free(&row);
	}
	groups_close(g);
	return r;
}
