/*
 * err: what went wrong, as a value.
 *
 * A function that can fail takes a `struct es_err *` last, returns 0 or -1
 * (or NULL), and on failure has filled it in: a code, which is the exit status
 * that a program ends with, and one line of text for a person, without a
 * trailing full stop or newline and with control bytes escaped.  The library
 * never prints and never exits.
 *
 * The text reads "PLACE: fault"; es_err_at() puts a place in front as the
 * error travels up.  A struct es_err owns no memory; text that does not fit is
 * cut at a character and ends in "...".
 */
#ifndef ES_ERR_H
#define ES_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum es_code {
	ES_OK = 0,
	ES_FAILED = 1,		/* I/O, store, bad record, fault */
	ES_USAGE = 2,
	ES_CONFLICT = 3,	/* append condition not met */
	ES_REJECTED = 4,	/* the answer is no */
	ES_BUSY = 5,		/* busy or timed out */
	ES_NOEXEC = 126,	/* handler not executable */
	ES_NOTFOUND = 127	/* handler not found */
};

struct es_err {
	int code;
	bool outside;	/* the system failed (I/O, memory), not what it got */
	char text[2048];
};

#define ES_PRINTF(f, a) __attribute__((format(printf, f, a)))

/* Fill in err (which may be NULL), outside false, and return -1. */
int es_fail(struct es_err *err, int code, const char *fmt, ...) ES_PRINTF(3, 4);

/* The same, followed by ": " and the text of errno; outside. */
int es_fail_errno(struct es_err *err, const char *fmt, ...) ES_PRINTF(2, 3);

/* Out of memory: code ES_FAILED, outside. */
int es_fail_nomem(struct es_err *err);

/* Put "PLACE: " in front of the text; return -1. */
int es_err_at(struct es_err *err, const char *fmt, ...) ES_PRINTF(2, 3);

#ifdef __clang_analyzer__
/* It looks at one file at a time: tell it what they return. */
#define es_fail(...) (es_fail(__VA_ARGS__), -1)
#define es_fail_errno(...) (es_fail_errno(__VA_ARGS__), -1)
#define es_fail_nomem(...) (es_fail_nomem(__VA_ARGS__), -1)
#define es_err_at(...) (es_err_at(__VA_ARGS__), -1)
#endif

/* vsnprintf(), of which what does not fit is cut as above; size >= 4. */
void es_text(char *out, size_t size, const char *fmt, va_list) ES_PRINTF(3, 0);

/* Forget an error, so that the struct can be used again. */
void es_err_clear(struct es_err *err);

/*
 * Copy n bytes of input text to out for use in a message: control bytes and
 * bytes that are not UTF-8 become \xNN, and what goes beyond size is cut and
 * ends in "...".  out always ends in NUL.  Returns out.
 */
char *es_escape(char *out, size_t size, const char *p, size_t n);

#endif
