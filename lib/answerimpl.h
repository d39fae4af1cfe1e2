/*
 * answerimpl: what answer.c and answergiven.c share; not for others.
 */
#ifndef ES_ANSWERIMPL_H
#define ES_ANSWERIMPL_H

#include "answer.h"

struct answers {
	struct store *store;
	struct given *given;
	const struct handler *handler;
	struct fold *fold;
	struct buf definition;
	char id[UUID_TEXT];
	/* the command that is being answered */
	struct buf line, again;
	struct message_scratch scratch;
};

void answer_begin(struct answer *);
/* Its kind and type are those of a command that the handler decides. */
int answer_check(const struct handler *, enum message_kind, struct span type,
    struct es_err *err);
/* A new id. */
int answer_new_id(struct answers *, struct span *out, struct es_err *err);
void answer_reject(struct answer *, struct span reason, struct span detail);
/* Put FILE and command in front of a fault. */
int answer_at_handler(const struct handler *, const struct message *,
    struct es_err *err);
/*
 * Decide the command m, whose text is a->line, as of `head`: 0 with outputs in
 * *result, or rejected in *out; -1 for a fault.
 */
int answer_decide(struct answers *, const struct message *m,
    const struct partition *, int64_t head, struct fold_result *result,
    struct answer *out, struct es_err *err);

#endif
