/*
 * runnerimpl: what the files of runner, lane, start and finish share; not for
 * others.
 *
 * A lane is one group in this process.  A task is a message that is to be
 * handled; a part is a partition that has tasks or is failing.  The tasks of a
 * part wait in a queue of which only the first may run.  Tasks keep no text,
 * only a position: the log is at hand.
 */
#ifndef ES_RUNNERIMPL_H
#define ES_RUNNERIMPL_H

#include "decide.h"
#include "delivery.h"
#include "execute.h"
#include "group.h"
#include "runner.h"
#include "upcast.h"
#include "view.h"
#include "workers.h"

#define LANE_WINDOW 2048	/* tasks read ahead */
#define LANE_PAGE 256		/* messages read at a time */
#define JQ_PIPELINE 64		/* jq operations under way a lane */
#define BATCH_MAX 256		/* tasks a transaction */
#define CONFLICTS_MAX 3		/* then it decides inside the transaction */

enum task_state { TASK_QUEUED, TASK_RUNNING, TASK_FINISHED };

enum task_result {
	RESULT_OK, RESULT_REJECTED, RESULT_FAULT,
	RESULT_NONE	/* nothing to do: decided elsewhere */
};

enum task_fate {
	FATE_DONE,
	FATE_AGAIN,	/* it saw what is erased: once more */
	FATE_CONFLICT,	/* decide once more, and not for ever */
	FATE_FAIL,	/* its partition fails, as `row` says */
	FATE_NEXT,	/* a retry: the row moves to the next message */
	FATE_SKIPPED,	/* a retry: a person gave the message up meanwhile */
	FATE_CLEAR,	/* a retry: the partition is well again */
	FATE_LOST	/* the shard is another process's now */
};

struct part;
struct lane;

struct task {
	struct lane *lane;
	struct part *part;
	struct task *next_in_part;
	struct task *next;		/* of the lane's tasks */
	struct task *next_ready;	/* of those, or of the runner's
					   finished ones */
	int64_t position;
	int64_t epoch;			/* of its shard when it was read */
	enum task_state state;
	bool retry;			/* the part's failing row owns it */
	bool handled;			/* by the transaction that is open */
	int attempt;			/* from 1 */
	int conflicts;
	int64_t seen;			/* the log's head when it began */
	/* what is to become of it once the transaction is committed */
	enum task_fate fate;
	struct group_failing row;	/* FATE_FAIL, FATE_NEXT */
	/* the result */
	enum task_result result;
	bool retryable;
	struct fold_result fold;
	struct proc proc;
	bool has_proc;
	bool executed;			/* by an executable: `lines` */
	bool bare;			/* its reason names no message */
	struct buf lines;		/* what the executable made */
	struct buf reason;		/* of a fault or a rejection */
};

struct part {
	char *text;			/* the partition as JSON */
	uint64_t hash;
	int shard;
	struct part *next;		/* in its bucket */
	struct task *first, *last;
	bool failing;
	struct group_failing row;	/* while failing; partition unused */
};

#define LANE_BUCKETS 1024

struct lane {
	struct runner *runner;
	struct app_handler *app;
	const struct handler *handler;
	struct jqrun *jq;
	struct fold *fold;
	struct view *view;
	struct executing **streams;	/* options.jobs places, or NULL */
	struct buf definition;
	struct query deliver;
	int64_t start, react_from;
	bool broken;		/* did not compile: `reason` */
	bool stopped;
	struct buf reason;
	bool told;		/* of what is wrong with it, by this process */
	/* shards */
	bool mine[GROUP_SHARDS];
	int64_t epoch[GROUP_SHARDS];
	int64_t low[GROUP_SHARDS];	/* up to it all is handled */
	int64_t seen[GROUP_SHARDS];	/* up to it there are tasks for all */
	int64_t scanned;	/* the log is read up to here */
	int64_t reads;		/* messages read since all shards were acked */
	int64_t done_up_to;	/* above it nothing can be done already */
	bool foreign;		/* some shard is another process's */
	struct task *tasks, *tasks_last;	/* by position; no retries */
	size_t n_tasks, running;
	struct task *ready, *ready_last;
	struct task *stubborn;	/* to be decided inside the transaction */
	struct part *buckets[LANE_BUCKETS];
	bool projected;		/* the view is at the head */
};

struct runner {
	struct app *app;
	struct runner_options options;
	struct store *store;
	struct groups *groups;
	struct workers *workers;
	struct bell *bell;
	char *store_path;	/* absolute, for ES_STORE */
	int me;
	struct lane *lanes;
	size_t n_lanes;
	struct jqnursery *together;	/* while they open: one program */
	struct task *finished, *finished_last;
	int executing;		/* executables under way */
	struct task **executables;	/* options.jobs places */
	int64_t head;
	int64_t data_version;
	int64_t beat_at, claim_at;	/* monotonic ms */
	bool draining;
	struct message_scratch scratch;
	struct buf line;
	struct upcast *upcast;	/* what executables are given */
};

/* ---- runner.c ---- */
/* A signal has asked for the end. */
bool runner_is_stopping(const struct runner *);
void runner_say(struct runner *, const char *fmt, ...) ES_PRINTF(2, 3);
/* Tell others that this process lives, when it is time. */
int runner_beat(struct runner *, struct es_err *err);
/* Look where the log's head is now. */
int runner_look(struct runner *, bool *moved, struct es_err *err);

/* ---- runnerdefine.c ---- */
/* Where a new group begins; options may be NULL. */
void runner_beginning(const struct handler *, const struct runner_options *,
    int64_t head, int64_t *start, int64_t *react_from);

/* ---- runnerleft.c ---- */
/* Nothing is pending that this process or another would handle. */
int runner_idle(struct runner *, bool *idle, struct es_err *err);

/* ---- lane.c ---- */
struct part *lane_part(struct lane *, struct span text, bool add,
    struct es_err *err);
/* A part without tasks that does not fail has nothing to say. */
void lane_forget_part(struct lane *, struct part *);
struct task *lane_new_task(struct lane *, struct part *, int64_t position,
    struct es_err *err);
void lane_make_ready(struct lane *, struct task *);
void lane_remove_task(struct lane *, struct task *);	/* not freed */
/* Those that wait only. */
void lane_drop_part_tasks(struct lane *, struct part *);
/*
 * The group has stopped: what waits is dropped, and read again when it starts.
 * What runs may come to its end meanwhile, and is acknowledged.
 */
void lane_rewind(struct lane *);
void lane_lose_shard(struct lane *, int shard);
/* What runs, too: the lane is of no use afterwards. */
void lane_free_tasks(struct lane *);
/* Up to where each shard is handled, by what is in memory. */
void lane_lows(const struct lane *, int64_t low[GROUP_SHARDS]);
/* Whether its shard is still the one that it was read for. */
bool task_is_ours(const struct task *);
void task_free(struct task *);

/* ---- laneclaim.c ---- */
/* The group as it stands in the store; without it, an error. */
int lane_load_group(const struct lane *, struct group_row *out,
    struct es_err *err);
int lane_claim(struct lane *, bool *any, struct es_err *err);

/* ---- laneread.c ---- */
/* The partition's JSON text; out is overwritten. */
int lane_partition(struct lane *, const struct message *, struct buf *out,
    struct es_err *err);
/* Whether the group has to handle it. */
int lane_wants(struct lane *, const struct message *, bool *wants,
    struct es_err *err);
int lane_read_ahead(struct lane *, bool *progress, struct es_err *err);
/* Pending in a shard that another process has. */
int lane_foreign_pending(struct lane *, bool *pending, struct es_err *err);

/* ---- lanefailing.c ---- */
int lane_reload_failing(struct lane *, struct es_err *err);
/* The next message of a failing partition behind `after`; 0: none. */
int lane_next_of_part(struct lane *, const struct part *, int64_t after,
    int64_t *position, struct es_err *err);
int lane_retry_due(struct lane *, int64_t now, bool *progress,
    struct es_err *err);

/* ---- start.c ---- */
int lane_dispatch(struct lane *, bool *progress, struct es_err *err);
int lane_collect(struct lane *, bool *progress, struct es_err *err);
void runner_finish(struct runner *, struct task *, enum task_result);
/* What the reply in its fold says; and whether a fault is tried again. */
enum task_result task_reply(struct task *);

/* ---- startexec.c ---- */
bool lane_may_execute(const struct lane *);
/* Hand the message to an executable. */
int lane_execute(struct lane *, struct task *, struct message *,
    struct es_err *err);
int lane_open_streams(struct lane *, struct es_err *err);
void lane_close_streams(struct lane *);
int runner_collect_executables(struct runner *, bool *progress,
    struct es_err *err);
/* What poll() should wait for: fds has room for runner_executable_fds(). */
size_t runner_executable_fds(const struct runner *);
size_t runner_poll_executables(struct runner *, struct pollfd *fds,
    int64_t *timeout);
/* Let the coprocesses come to their end: within a while after a signal. */
int runner_end_streams(struct runner *, struct es_err *err);

/*
 * The message's line, upcast, into runner->line; 1: it cannot be, and the
 * task's reason says why.
 */
int task_line(struct task *, const struct message *, struct es_err *err);

/* ---- finishapply.c ---- */
/*
 * Append what came of it, and note its fate; inside: decide it now, in the
 * transaction.
 */
int runner_apply(struct runner *, struct task *, bool inside,
    struct es_err *err);

/* ---- finish.c ---- */
int runner_commit(struct runner *, struct es_err *err);
/* Acknowledge what was read and needed no handling, once it is much. */
int runner_sweep(struct runner *, struct lane *, struct es_err *err);
/* Decide a lane's stubborn task inside the transaction. */
int runner_decide_inside(struct runner *, struct lane *, struct es_err *err);
int runner_stop_group(struct runner *, struct lane *, const char *reason,
    int code, struct es_err *err);

#endif
