/*
 * sys: clock, files and locks of the system.
 */
#ifndef ES_SYS_H
#define ES_SYS_H

#include "buf.h"

int64_t sys_now(void);			/* microseconds since 1970, UTC */
int64_t sys_monotonic(void);		/* milliseconds */

/*
 * Lock n bytes of fd from `start`, exclusively, for this open file description
 * (F_OFD_SETLK; POSIX record locks where there are none: then one handle a
 * process).  wait_ms: 0 = try once, -1 = for ever.  Returns 0, 1 when somebody
 * else holds it (still), -1 on error.  While it waits it uses SIGALRM and the
 * real interval timer of the process.
 */
int sys_lock(int fd, int64_t start, int64_t n, int wait_ms, struct es_err *);
int sys_unlock(int fd, int64_t start, int64_t n, struct es_err *);
/* Whether somebody (else) holds any of these bytes. */
int sys_locked(int fd, int64_t start, int64_t n, bool *held, struct es_err *);

/* Read a whole file, at most max bytes. */
int sys_read_file(const char *path, size_t max, struct buf *out,
    struct es_err *);
/* The same of a descriptor, to its end; name is for errors. */
int sys_read_fd(int fd, const char *name, size_t max, struct buf *out,
    struct es_err *);
/* Write a whole file by rename from a temporary file beside it, 0666 & umask;
 * synced when sync is set. */
int sys_write_file(const char *path, struct span content, bool sync,
    struct es_err *);
/*
 * The path of the file that stands beside another under its name and suffix
 * (STORE-lock), malloced.  Links are followed: whatever name a store is opened
 * by, it has one lock.
 */
char *sys_beside(const char *path, const char *suffix, struct es_err *);
/* An unlinked temporary file in $TMPDIR or /tmp. */
int sys_tempfile(int *fd, struct es_err *);

/*
 * A file of share/es: $ES_SHARE, else ../share/es beside the running program,
 * else the directory compiled in (ES_SHAREDIR).  The path is malloced.
 */
char *sys_share(const char *name, struct es_err *);
/* A program that is no command: in ../libexec/es, or ES_LIBEXECDIR. */
char *sys_libexec(const char *name, struct es_err *);

/*
 * Another program of es: beside the running one, else by its name alone, for
 * PATH.  Malloced.
 */
char *sys_program(const char *name, struct es_err *err);

#endif
