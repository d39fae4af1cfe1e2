/*
 * replay: the stored commands decided once more, by two versions of a decider,
 * each on what was read for it when it was decided.
 *
 *   replay_open     two handlers that are started, and a store to read
 *   replay_select   which commands
 *   replay_next     one after the other, in the order of what was read, until
 *                   it gives 0
 *   replay_close
 *
 * A command is read for as of the position that its outcome's provenance
 * records; one without (imported, skipped, not decided yet) as of its
 * own position.  The log is folded anew by each version up to there.  Going
 * in the order of these positions, a state that a worker keeps goes forward
 * only, so that no history is folded twice.
 *
 * Both versions work at the same time, and each on several commands.  Nothing
 * is written.  Borrows everything that is passed to replay_open(); both
 * handlers should go by one name, for it stands in some reasons.
 *
 * A handler's fault is an answer like others; -1 is something of the store's
 * or of this machine's, and ends it.
 */
#ifndef ES_REPLAY_H
#define ES_REPLAY_H

#include "decide.h"

enum { REPLAY_OLD, REPLAY_NEW, REPLAY_SIDES };

struct replay_version {
	const struct handler *handler;
	struct jqrun *jqrun;
};

enum replay_kind {
	REPLAY_UNDECIDED,	/* it does not decide commands of this type */
	REPLAY_DECIDED, REPLAY_REJECTED, REPLAY_FAULT
};

struct replay_answer {
	enum replay_kind kind;
	struct made *made;	/* decided: what it made, n of them */
	size_t n;
	struct span reason;	/* rejected: text; fault: what went wrong */
	struct span detail;	/* rejected: JSON text or SPAN_NONE */
};

/* Valid until the next call. */
struct replayed {
	const struct message *command;
	int64_t read_at;
	bool differ;
	const struct replay_answer *answers[REPLAY_SIDES];
};

struct replay;
int replay_open(struct store *, const struct replay_version[REPLAY_SIDES],
    struct replay **out, struct es_err *err);
void replay_close(struct replay *);

/*
 * Those commands of the types that one of the versions decides that match the
 * query, which is restricted to them: without any item left (no type that it
 * has is decided) it is ES_USAGE.
 */
int replay_select(struct replay *, struct query *, const struct query_bounds *,
    struct es_err *err);
int64_t replay_total(const struct replay *);
/* Commands that match and were erased; they are left out. */
int64_t replay_erased(const struct replay *);

/* 1, 0 at the end, -1. */
int replay_next(struct replay *, struct replayed *out, struct es_err *err);

/*
 * A difference appended to out: for people in the manner of diff(1), or one
 * line of JSON.
 */
int replay_print(const struct replayed *, bool colour, struct buf *out,
    struct es_err *err);
void replay_print_json(const struct replayed *, struct buf *out);

#endif
