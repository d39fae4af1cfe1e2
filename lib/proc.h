/*
 * proc: child processes; the one room that forks.
 *
 * Two kinds of child, both with the caller's nonblocking end in a struct proc:
 *   - a worker: a fork of this process that runs a C function over a socket
 *     pair (jqrun's); it must not touch a SQLite handle of the parent;
 *   - a command: exec of an executable, in a process group of its own, with
 *     fds 0 to 2 only, default signals and the environment given; stdin is fed
 *     and stdout gathered by proc_pump() without blocking; stderr passes
 *     through to ours with a prefix, and its end is kept for the reason.
 *
 * Single-threaded.  proc_kill() kills the process group; proc_free() kills,
 * reaps and closes.  A child never outlives its parent where the system can
 * say so (PR_SET_PDEATHSIG).
 */
#ifndef ES_PROC_H
#define ES_PROC_H

#include <sys/types.h>
#include "buf.h"

struct proc {
	pid_t pid;
	int in, out, errfd;	/* our ends, -1 when closed */
	struct buf send;	/* what is still to be written, from sent */
	size_t sent;
	struct buf received, errors;	/* stdout so far; end of stderr (4 KB) */
	size_t received_max;	/* more than this is a fault; 0 = 64 MiB */
	bool exited;
	int status;		/* as waitpid's, once exited */
	int64_t deadline;	/* monotonic ms, 0 = none; set by the caller */
	bool timed_out;		/* proc_pump() killed it at the deadline */
	/* private */
	bool is_worker;
	struct buf prefix, partial;
};

/* Fork a worker: the child calls body(fd, ctx) and exits with its result.
 * in == out == the socket.  limits: bytes of RLIMIT_DATA, 0 = none. */
int proc_worker(struct proc *, int (*body)(int fd, void *ctx), void *ctx,
    size_t data_limit, struct es_err *);

/*
 * Start a command.  argv[0] is looked up in PATH when it has no slash;
 * directory NULL = stay.  env is a NULL-ended list that is the child's whole
 * environment.  Not executable / not found are ES_NOEXEC / ES_NOTFOUND.
 * The bytes of input are written, then its stdin is closed.
 */
int proc_command(struct proc *, char *const argv[], char *const env[],
    const char *directory, const char *prefix, struct span input,
    struct es_err *);

/*
 * Move what can be moved without blocking: write send, read received and
 * stderr, reap.  Returns 1 while there is more to come, 0 when a command has
 * exited and its output is complete (or a worker died), -1 on an I/O error.
 * Kills the group at the deadline.
 */
int proc_pump(struct proc *, struct es_err *);

/* Add what poll() should wait for (up to 3 entries); returns how many. */
struct pollfd;
int proc_poll(const struct proc *, struct pollfd *fds);
/* Milliseconds until the deadline: -1 none, 0 past. */
int proc_timeout(const struct proc *);

void proc_kill(struct proc *);
void proc_free(struct proc *);
/* "killed after 60 s", "exit 3: last line of stderr", "crashed (signal 11)". */
void proc_reason(const struct proc *, struct buf *out);

#endif
