/*
 * proc: child processes; the one room that forks.
 *
 * Two kinds of child, both with the caller's nonblocking end in a struct proc:
 *   - a worker: a fork of this process that runs a C function over a socket
 *     pair (jqrun's).  It keeps that socket and stderr and no other
 *     descriptor, so it holds none of its parent's locks and pipes; it must
 *     not touch a SQLite handle of the parent; it does not hear SIGHUP,
 *     SIGINT and SIGTERM;
 *   - a command: exec of an executable, in a process group of its own, with
 *     fds 0 to 2 only, default signals and the environment given; stdin is fed
 *     and stdout gathered by proc_pump() without blocking; stderr passes
 *     through to ours line by line with a prefix, and its end is kept for the
 *     reason.  It is done when it has exited and its stdout has ended: a
 *     process that it left behind may still be writing.  Whatever is left of
 *     its group is then killed.
 *
 *   proc_worker / proc_command     start; on failure nothing is left to free
 *   loop: poll(proc_poll, proc_timeout), proc_pump() until it returns 0
 *   proc_reason                    what went wrong, for people
 *   proc_free                      kills, reaps and closes
 *
 * Single-threaded, but a thread may own its procs.  A child never outlives its
 * parent where the system can say so (PR_SET_PDEATHSIG).  Writing to a child
 * that does not read is no SIGPIPE.
 */
#ifndef ES_PROC_H
#define ES_PROC_H

#include <sys/types.h>
#include "buf.h"

#define PROC_FDS 3		/* at most, from proc_poll() */

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
	bool flooded;		/* ... or because of received_max */
	/*
	 * Set by the caller: a coprocess, whose stdin stays open until
	 * proc_end_input(), and whose own exit is the end, whoever else holds
	 * its stdout.
	 */
	bool coprocess;
	/* private */
	bool is_worker, is_foreign, input_ended;
	int pidfd;		/* readable once it has exited, or -1 */
	int64_t started;	/* monotonic ms; a reason counts from it */
	bool has_prefix;
	struct buf prefix, partial;
};

/*
 * Fork a worker: the child calls body(fd, ctx) and exits with its result.
 * in == out == the socket.  data_limit: bytes of RLIMIT_DATA, 0 = none.
 */
int proc_worker(struct proc *, int (*body)(int fd, void *ctx), void *ctx,
    size_t data_limit, struct es_err *);

/*
 * For a worker that forks others itself: a child that runs body over fd, which
 * the caller made and may close then.  Nobody waits for it (the caller ignores
 * SIGCHLD); the other side takes it up with proc_attach().
 */
pid_t proc_fork(int fd, int (*body)(int fd, void *ctx), void *ctx);

/* For a worker: end at once, from a signal handler too. */
_Noreturn void proc_exit(int status);

/* Both ends close-on-exec, above 2. */
int proc_socketpair(int fds[2], struct es_err *);

/* Built with a sanitizer, whose shadow memory no limit may touch and whose
 * reports have to be heard. */
bool proc_sanitized(void);

/*
 * Take up our end of a socket pair whose other end a foreign process has.  Its
 * end is known by the end of the socket; there is no status.  pid 0 = not
 * known (yet): it cannot be killed then.
 */
int proc_attach(struct proc *, int fd, pid_t pid, struct es_err *);

/*
 * Start a command.  argv[0] is looked up in env's PATH when it has no slash,
 * and seen from `directory` when it is relative; directory NULL = stay.  env
 * is a NULL-ended list that is the child's whole environment.  Not executable
 * / not found are ES_NOEXEC / ES_NOTFOUND.  The bytes of input are copied, and
 * written by proc_pump(); then its stdin is closed.  prefix stands before
 * each line of stderr; NULL = stderr is kept but not shown.
 */
int proc_command(struct proc *, char *const argv[], char *const env[],
    const char *directory, const char *prefix, struct span input,
    struct es_err *);

/*
 * Move what can be moved without blocking: write send, read received and
 * stderr, reap.  Returns 1 while there is more to come, 0 when a command has
 * exited and its output is complete (or a worker died), -1 on an I/O error.
 * Kills the group at the deadline, after it has read what was there.  Of a
 * command that prints without a pause a part is read, so that others have
 * their turn.
 */
int proc_pump(struct proc *, struct es_err *);

/* What poll() should wait for (up to PROC_FDS entries); returns how many. */
struct pollfd;
int proc_poll(const struct proc *, struct pollfd *fds);
/* Milliseconds until the deadline: -1 none, 0 past. */
int proc_timeout(const struct proc *);

/* For a coprocess: more to write. */
void proc_send(struct proc *, struct span);
/* Close its stdin once all of send is written. */
void proc_end_input(struct proc *);

/* Both are harmless on a zeroed struct and when repeated. */
void proc_kill(struct proc *);
void proc_free(struct proc *);

/*
 * "killed after 60 s", "exit 3: last line of stderr", "crashed (signal 11)";
 * nothing after exit 0.
 */
void proc_reason(const struct proc *, struct buf *out);

#endif
