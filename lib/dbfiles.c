/* Whether the -wal and the -shm that are open are those of the file's name. */
#include <stdlib.h>
#include <sys/stat.h>

#include "db.h"
#include "sys.h"

static const char *const suffixes[DB_BESIDE] = {"-wal", "-shm"};
enum { WAL, SHM };

int db_know_files(struct db *db, struct es_err *err)
{
	struct stat st;

	if (db->frozen)
		return 0;
	db_forget_files(db);
	for (int i = 0; i < DB_BESIDE; i++) {
		char *path = sys_beside(db->path, suffixes[i], err);

		if (!path)
			return -1;
		/* Without a WAL there is neither. */
		if (stat(path, &st) == 0)
			db->beside[i] = (struct db_file){path, st.st_dev,
			    st.st_ino};
		else
			free(path);
	}
	return 0;
}

void db_forget_files(struct db *db)
{
	for (int i = 0; i < DB_BESIDE; i++) {
		free(db->beside[i].path);
		db->beside[i].path = NULL;
	}
}

static bool is_same(const struct db_file *f)
{
	struct stat st;

	return stat(f->path, &st) == 0 && st.st_dev == f->device &&
	    st.st_ino == f->inode;
}

int db_check_files(const struct db *db, struct es_err *err)
{
	for (int i = 0; i < DB_BESIDE; i++)
		if (db->beside[i].path && !is_same(&db->beside[i]))
			return es_fail(err, ES_FAILED, "%s%s: is gone, or "
			    "another file than the one that was opened",
			    db->path, suffixes[i]);
	return 0;
}

bool db_wal_removed(const struct db *db)
{
	const struct db_file *wal = &db->beside[WAL];
	struct stat st;

	return wal->path && db->beside[SHM].path && !is_same(wal) &&
	    is_same(&db->beside[SHM]) &&
	    (stat(wal->path, &st) < 0 || st.st_size == 0);
}
