/*
 * disk: the files of one directory as a disk has them: what was synced, and
 * what was written since, of which the power may take any part.
 */
#ifndef ES_DISK_H
#define ES_DISK_H

#include "buf.h"
#include "record.h"

enum { DISK_FILES = 64 };

enum loss { LOSE_ALL, LOSE_SOME, LOSE_SECTORS, LOSE_NONE, LOSSES };

struct disk_file {
	uint64_t inode;
	struct buf durable;
	const struct record **pending;	/* not synced yet */
	size_t n_pending, cap_pending;
};

struct disk_entry {
	char name[64];
	int now, durable;	/* files, -1: none */
};

struct disk {
	struct disk_file file[DISK_FILES];
	struct disk_entry entry[DISK_FILES];
	int n_files, n_entries;
};

/* Do what a record says; the records are kept by the caller. */
void disk_do(struct disk *, const struct record *);
/* Write what the power has left into an empty directory. */
void disk_write(const struct disk *, const char *dir, enum loss);
void disk_free(struct disk *);

#endif
