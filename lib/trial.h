/*
 * trial: handlers tried on a history in memory; es-decide --trial.
 *
 * A conversation: a request is a line, a JSON array of strings, the words of
 * es-bats(7); its answer is a line, {"ok":true} or {"ok":false,"message":…}
 * with, where something was expected, "expected" and "actual", text of several
 * lines to be laid side by side.
 *
 *   ["begin","/app"]     forget history and handler; the catalog is that
 *                        directory's messages.json, if there is one, and files
 *                        are relative to it
 *   ["handler","FILE"]   which handler is tried
 *   ["given",…]          a message that happened
 *   ["history","FILE","N"]  the messages of FILE happened; what comes after
 *                        position N counts as what `when` made
 *   ["when",…]           decide a command, or react to an event
 *   ["then_…",…]         compare
 *
 * A handler is compiled once; it is read again with each "handler", and
 * compiled again when its text has changed.  A "begin" answers only for this
 * process: what is compiled stays.
 */
#ifndef ES_TRIAL_H
#define ES_TRIAL_H

#include "buf.h"

struct trial;
int trial_open(struct trial **out, struct es_err *err);
void trial_close(struct trial *);

/* Append the answer, newline included, to out. */
void trial_answer(struct trial *, struct span request, struct buf *out);

#endif
