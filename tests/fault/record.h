/*
 * record: what a program does to the files of one directory, as the shim
 * writes it down and power.c reads it: one struct record after the other, each
 * followed by its bytes and as many more as make it a multiple of 8.
 */
#ifndef ES_RECORD_H
#define ES_RECORD_H

#include <stdint.h>

enum record_type {
	RECORD_CREATE,		/* bytes: the name */
	RECORD_WRITE, RECORD_TRUNCATE, RECORD_SYNC,
	RECORD_UNLINK,		/* bytes: the name */
	RECORD_RENAME,		/* bytes: the names, a NUL between them */
	RECORD_SYNC_DIRECTORY,
	RECORD_SAID,		/* bytes: written to stdout */
	RECORD_ENDED		/* the program, well; by who runs it */
};

struct record {
	uint32_t type, n;	/* n: bytes that follow */
	uint64_t file;		/* inode */
	uint64_t at;		/* offset; of a truncation, the size */
};

static inline const char *record_bytes(const struct record *r)
{
	return (const char *)(r + 1);
}

#endif
