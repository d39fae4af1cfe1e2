/*
 * groupbranch: groups in a branch of the log, which lacks its newest messages.
 */
#ifndef ES_GROUPBRANCH_H
#define ES_GROUPBRANCH_H

#include "group.h"

/*
 * [w] Set all groups of a branch, which has the messages of `from` up to a
 * position and the rows of its groups as they are, to where they stood then:
 * what they made later is not there, so what they made it of is to be handled
 * again, and only that.  The cost grows with the distance between the first
 * message of which that is true and the end of the branch.
 */
int group_branch(struct groups *, struct store *from, int64_t up_to,
    struct es_err *err);

#endif
