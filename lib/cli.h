/*
 * cli: what all programs do alike; the flag table, usage, lines in and out.
 *
 * Every flag of every program stands once in the table of cli.c, with its
 * letter, long name, argument and help; a program lists the ids that it takes.
 * Usage text, errors and completions come from that table, so the same letter
 * means the same everywhere.  This is the one room of the library that writes
 * to stdout and stderr, and only bin/ calls it (it never exits).
 *
 *   cli_begin -> cli_next* -> (work) -> cli_close
 *
 * Every program also knows `--completion-table`, for the makers of shell
 * completions and not for people (so -h does not show it): a line a flag on
 * stdout, tab between short letter, long name, argument's name and help.
 *
 * One thread; stdout has one buffer a process, which a fork copies: a child
 * leaves with _exit() and without cli_close().
 */
#ifndef ES_CLI_H
#define ES_CLI_H

#include <stdio.h>
#include "buf.h"

enum cli_id {
	CLI_END = 0, CLI_ERROR = -1, CLI_OPERAND = -2, CLI_DONE = -3,
	/* every program */
	CLI_STORE = 1, CLI_QUIET, CLI_VERBOSE, CLI_HELP, CLI_VERSION,
	/* queries */
	CLI_TYPE, CLI_KEY, CLI_TAG, CLI_OR, CLI_LAST, CLI_PARTITION, CLI_KIND,
	CLI_AFTER, CLI_BEFORE, CLI_LIMIT, CLI_TAIL, CLI_REVERSE, CLI_SINCE,
	CLI_UNTIL, CLI_ID, CLI_CORRELATION,
	/* more than one program */
	CLI_FOLLOW, CLI_GUARD, CLI_JOBS, CLI_GIVEN, CLI_STATE, CLI_JSON,
	CLI_PRETTY, CLI_COUNT, CLI_NAME, CLI_BY, CLI_FROM, CLI_META, CLI_CAUSE,
	CLI_EACH, CLI_BATCH, CLI_SKIP_BAD, CLI_IMPORT, CLI_DRY_RUN, CLI_UNLESS,
	CLI_PRINT, CLI_PATH, CLI_REBUILD, CLI_NEW,
	CLI_CATALOG, CLI_RETRIES, CLI_DEADLINE, CLI_ONCE, CLI_BREAKER,
	CLI_TIMEOUT, CLI_FORCE, CLI_STRICT, CLI_UPCAST,
	CLI_LISTEN, CLI_HOST, CLI_NO_REACT, CLI_SALVAGE,
	CLI_AS_OF, CLI_REJECTIONS, CLI_DELETE, CLI_CHECK, CLI_TRIAL
};

/* What a program says of itself; all static text. */
struct cli_program {
	const char *name;		/* "es-append" */
	const char *const *synopsis;	/* lines behind the name, NULL-ended */
	const char *summary;		/* one line */
	const char *examples;		/* lines, each with two spaces */
	const char *see_also;		/* "es-query(1), es-message(5)" */
	const int *flags;		/* ids, 0-ended; the five of every
					   program are added */
	/* What a flag means here, where the shared text does not fit; ended
	   by id 0, and a NULL keeps the shared text: */
	const struct cli_help { int id; const char *arg, *help; } *help;
};

struct cli {
	const struct cli_program *program;
	int argc;
	char **argv;
	/* private: the next word, the letter in it, the word behind `--` */
	int at, sub, rest;
	bool ended;
	char flag[24];		/* the current option as it was written */
	/* what every program has */
	const char *store;	/* -s, else $ES_STORE, else "es.db" */
	bool store_given;	/* by -s */
	bool quiet;
	int verbose;
	/* the current option */
	const char *arg;	/* its argument, or the operand */
};

/*
 * Begin: sets SIGPIPE to its default, opens /dev/null for closed standard
 * descriptors (a closed stdout stays an error for cli_close).
 */
void cli_begin(struct cli *, const struct cli_program *, int argc,
    char **argv);

/*
 * The next option's id, CLI_OPERAND with cli->arg, or CLI_END.  The shared
 * five are handled here: after -h or -V it returns CLI_DONE (leave with
 * cli_close's result).  On CLI_ERROR err says what is wrong (ES_USAGE).
 * Options and operands come in any order; `--` ends options; `-` is an
 * operand; -fq, -n5, -n 5, --limit=5 and --limit 5 all work.
 * Programs with "-- CMD ARG..." call cli_rest() once cli_ended() is true.
 */
int cli_next(struct cli *, struct es_err *);

/*
 * All that stands behind `--` (the current operand too), or, where there was
 * none, argv from the next word on; ends the parsing.
 */
char **cli_rest(struct cli *, int *n);
/* Whether a `--` was met: what comes now stands behind it. */
bool cli_ended(const struct cli *);

/* "--limit", for errors about an option of which only the id is at hand. */
const char *cli_flag_name(int id);

/* Numbers and durations of arguments: ES_USAGE errors that name the flag. */
int cli_int(const struct cli *, int64_t min, int64_t max, int64_t *out,
    struct es_err *);
int cli_duration(const struct cli *, int64_t *millis, struct es_err *);
/* "NAME=VALUE" -> two spans. */
int cli_pair(const struct cli *, struct span *name, struct span *value,
    struct es_err *);
/* A decimal integer within [min, max]; -1 without touching *out otherwise. */
int cli_int_parse(struct span, int64_t min, int64_t max, int64_t *out);
/* A duration "1500ms", "5m", "2d": ms s m h d w; milliseconds.  At most
 * 10,000 years, so that microseconds fit as well. */
int cli_duration_parse(struct span, int64_t *millis, struct es_err *);

/* One line "PROG: text" on stderr in one write, control bytes escaped. */
void cli_warn(const struct cli *, const char *fmt, ...) ES_PRINTF(2, 3);
/* Without "PROG: ", for what begins with FILE:LINE, so that editors jump. */
void cli_finding(const struct cli *, const char *text);
/* The same for an error; returns its code, which is the exit status.  For
 * ES_USAGE a second line is never printed: the text ends in "(see -h)". */
int cli_error(const struct cli *, const struct es_err *);

/*
 * ---- output: block-buffered stdout that is checked ----
 * Errors read "<stdout>: fault"; after one, all that follows fails the same.
 */
int cli_write(const void *p, size_t n, struct es_err *);
int cli_flush(struct es_err *);	/* hand all to the kernel now */
/*
 * The one way out: flush and close stdout, and if that failed say so once and
 * return ES_FAILED, else return status.  Says nothing when cli_error() has
 * told of it already.
 */
int cli_close(const struct cli *, int status);

/* ---- input: lines of NDJSON from files or stdin ---- */
struct cli_lines {
	const char *name;	/* "<stdin>" or the file's name, for places */
	int64_t line;		/* number of the current line, from 1 */
	/* private */
	int fd;
	struct buf buf;
	size_t from, scanned;	/* the current line's start; no newline
				   stands between the two */
	size_t max;
	int64_t blank;		/* lines that cli_lines_ready() skipped */
	int error;		/* errno of a read that failed */
	bool eof, truncated;	/* in a line that is too long */
};
/* path NULL or "-": stdin.  Place in errors: NAME:LINE. */
int cli_lines_open(struct cli_lines *, const char *path, struct es_err *);
/*
 * The next line without its newline: 1, 0 at the end, -1 on error (a line
 * over `max` bytes is an error that names the line; blank lines are skipped).
 * The last line may lack its newline: `unterminated` is then set and it counts
 * only if it parses.  The line is valid until the next call of any of these.
 * After a line that is too long one may go on with the next: its rest is
 * read past, never held in memory.
 */
int cli_lines_next(struct cli_lines *, size_t max, struct span *line,
    bool *unterminated, struct es_err *);
/*
 * After a line that is too long: whether it was that, and its text instead of
 * reading past it, piece by piece: 1, 0 with the last piece, -1.  The piece is
 * valid until the next call of any of these.
 */
bool cli_lines_too_long(const struct cli_lines *);
int cli_lines_rest(struct cli_lines *, struct span *piece, struct es_err *);
/* Whether another line (or its error) can be had without waiting. */
bool cli_lines_ready(struct cli_lines *);
void cli_lines_close(struct cli_lines *);

/* ---- terminals ---- */
bool cli_colour(FILE *);	/* a terminal, and NO_COLOR is not set */
int cli_width(FILE *);		/* columns, 0 when not a terminal */

/*
 * ---- progress: a line on stderr where that is a terminal, without -q ----
 * Drawn ten times a second at most, however often it is told; a total of 0 is
 * one that is not known.  Clear it before anything else is printed and at the
 * end.
 */
struct cli_progress {
	/* private */
	bool on, shown;
	int64_t drawn;
};
void cli_progress_begin(struct cli_progress *, const struct cli *);
void cli_progress(struct cli_progress *, const char *what, int64_t done,
    int64_t total);
void cli_progress_clear(struct cli_progress *);

#endif
