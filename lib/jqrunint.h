/*
 * jqrunint: what jqrun's two sides say to each other.  Private to the room.
 *
 *   jqrun.c, jqhost.c       the caller's side: frames; processes and deaths
 *   jqprogram.c             the text: prelude, the user's part, driver
 *   jqnursery.c             the nursery: compile, fork workers
 *   jqworker.c              a worker: frames, its deadline and its end
 *   jqvm.c, jqvalue.c, jqcall.c, jqoutput.c, jqnumber.c
 *                           libjq: compile, give, call, take outputs
 *
 * Frames are structs in the byte order of the machine, because both sides are
 * forks of one process.  A page of shared memory says what a worker is doing
 * and of what it died, since nobody here can wait for it: it is the nursery's
 * child.
 */
#ifndef ES_JQRUNINT_H
#define ES_JQRUNINT_H

#include <stdatomic.h>
#include "jqrun.h"
#include "scan.h"

#define JQ_ABOUT 16		/* an operation of jqrun_open()'s own */
#define JQ_ABSENT UINT64_MAX	/* length of SPAN_NONE */

struct jqframe_request {	/* then n_events lengths, then the texts: */
	uint64_t size;		/* of the whole frame */
	uint64_t sequence;
	uint32_t op, slot;
	int32_t deadline_ms;
	uint32_t fresh;
	uint64_t n_events, partition, state, message;	/* lengths */
};

struct jqframe_reply {		/* then the outputs, then the texts: */
	uint64_t size;
	uint32_t result, operation;
	uint64_t event, n_outputs;
	uint64_t state, reason, detail;			/* lengths */
};

struct jqframe_output {
	uint64_t command, type, payload, metadata;	/* lengths */
};

enum jq_operation { OP_NONE, OP_INITIAL, OP_EVOLVE, OP_DECIDE, OP_REACT,
	OP_ABOUT, OP_RENDER, OP_LAYOUT };

enum jq_death { DEATH_NONE, DEATH_DEADLINE, DEATH_MEMORY, DEATH_SIGNAL,
	DEATH_STACK };

struct jqprogress {
	_Atomic int32_t pid;
	_Atomic uint64_t sequence;	/* of the request under way */
	_Atomic int64_t began;		/* the call under way; monotonic ms */
	_Atomic uint32_t operation;
	_Atomic uint64_t event;
	_Atomic int32_t death, signal;
};

/*
 * The program, in one text.  Of one handler, nothing before the user's first
 * line has a newline, so that jq counts the user's own lines; of several, each
 * is a definition, chosen by the answers to jqprogram_choice().
 */
void jqprogram(struct buf *out, const char *key,
    const struct jqrun_source *, size_t n);

/* From *lo = 0, *hi = n: the next answer, until they are one apart. */
bool jqprogram_choice(size_t index, size_t *lo, size_t *hi);

#define JQ_PARTS 256		/* an order for a worker is a byte */
#define JQ_CHOICES 8

/* What a nursery and its workers have by the fork. */
struct jqprogram {
	char *file;		/* the first part's */
	struct buf text;	/* the whole program */
	size_t lines;		/* of the user's text */
	char key[40];		/* marks what event() and reject() made */
	size_t memory;
	struct jqpart {
		char *file;
		unsigned ops;
	} *parts;
	size_t n_parts;
};

int jqnursery(int fd, void *program);	/* the body of its process */

/* The compiler's end, when nothing can be allocated any more. */
_Noreturn void jqnursery_no_memory(void);

/* Ask a nursery for a part's worker over this socket and this page's file. */
int jqnursery_ask(int fd, unsigned char part, int socket, int page);

/* ---- the worker's side ---- */

struct jqvm;			/* jqcall.c: a compiled program */
struct jqvm *jqvm_new(const struct jqprogram *);
/* 0, or -1 with what the compiler said, in lines FILE:LINE: … */
int jqvm_compile(struct jqvm *, struct buf *errors);

/* A request as the worker has it: spans into its frame. */
struct jqwork {
	uint32_t op, slot;
	bool fresh;
	struct span partition, state, message;
	const struct span *events;
	size_t n_events;
};
/* Its answer; texts are appended in the order of the reply frame. */
struct jqanswer {
	struct jqframe_reply head;
	struct buf outputs;	/* struct jqframe_output */
	struct buf output_texts, state, reason, detail;
	bool has_detail;
};
void jqvm_work(struct jqvm *, const struct jqwork *, struct jqanswer *);

int jqworker(int fd, struct jqprogress *, struct jqvm *);

/* ---- what jqcall.c needs of the worker that it runs in ---- */
void jqworker_begin(enum jq_operation, uint64_t event);	/* a call begins */
bool jqworker_end(void);	/* it ends; whether its deadline had passed */
int *jqworker_stderr(void);	/* where debug writes */
_Noreturn void jqworker_no_memory(void *);
/* The signal handler stops the program by this. */
void jqvm_halt(struct jqvm *);

#endif
