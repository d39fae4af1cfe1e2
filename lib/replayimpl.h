/*
 * replayimpl: what the files of replay share; not for others.
 *
 * replay.c keeps the commands that are under way, replayselect.c finds them,
 * replayanswer.c makes answers of results and compares them, replayprint.c
 * shows them.
 */
#ifndef ES_REPLAYIMPL_H
#define ES_REPLAYIMPL_H

#include "arena.h"
#include "replay.h"
#include "upcast.h"

#define REPLAY_AHEAD 128	/* commands under way */

/* What one version makes of one command. */
struct half {
	bool submitted, done;
	struct buf key;			/* its partition, as it is told apart */
	struct fold_result result;
	struct buf text;		/* behind the answer's spans, */
	struct arena payloads;		/* and what the catalog completed */
	struct replay_answer answer;
};

struct run {
	int64_t position, read_at;
	struct buf line;
	struct buf shown;		/* the line that is decided: upcast, */
	struct buf fault;		/* or why it cannot be */
	struct message_scratch scratch;
	struct message message;		/* in line */
	struct half halves[REPLAY_SIDES];
};

struct chosen {
	int64_t position, read_at;
};

struct side {
	const struct handler *handler;
	struct jqrun *jqrun;
	struct fold *fold;
	size_t next;		/* of the chosen, to be submitted */
};

struct replay {
	struct store *store;
	struct upcast *upcast;	/* of commands */
	struct side sides[REPLAY_SIDES];
	struct chosen *chosen;
	size_t n, room;
	int64_t erased;
	struct message_scratch scratch;	/* of one check by the catalog */
	struct buf payload;
	size_t first, loaded;	/* of the chosen: in runs[] modulo its size */
	bool given;		/* the first was handed out */
	struct run runs[REPLAY_AHEAD];
};

/* The answer is a fault. */
void replay_fault(struct half *, struct span text);
/* The result that came for a command is its answer. */
int replay_answer_result(struct replay *, size_t side, struct run *,
    struct es_err *err);
/* Whether two outputs are the same but for how they are written. */
int replay_same_made(const struct made *, const struct made *, bool *same,
    struct es_err *err);
int replay_compare(struct run *, bool *differ, struct es_err *err);

#endif
