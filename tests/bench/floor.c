/*
 * floor: the least that any log in SQLite has to do.
 *
 *   floor DB BATCH [FILE]
 *
 * Each line of FILE (or of stdin) becomes a row of a table with one TEXT
 * column and no index, BATCH rows a transaction (0: all in one), by one
 * prepared statement.  WAL mode with SQLite's own checkpoints, when 1,000
 * pages are in the WAL and at the end; synchronous is FULL, or what ES_SYNC
 * says.  So it is a program like es-append, from its start to its end.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

static void run(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		bench_die(sqlite3_errmsg(db), NULL);
}

static sqlite3 *open_floor(const char *path)
{
	const char *sync = getenv("ES_SYNC");
	sqlite3 *db;

	if (sqlite3_open(path, &db) != SQLITE_OK)
		bench_die(path, NULL);
	run(db, "pragma journal_mode=wal");
	run(db, sync && strcmp(sync, "normal") == 0 ?
	    "pragma synchronous=normal" : "pragma synchronous=full");
	run(db, "create table if not exists log(line text)");
	return db;
}

static void insert(sqlite3 *db, FILE *in, long batch)
{
	sqlite3_stmt *st;
	char *line = NULL;
	size_t room = 0;
	long n = 0;
	ssize_t length;

	if (sqlite3_prepare_v2(db, "insert into log values (?)", -1, &st,
	    NULL) != SQLITE_OK)
		bench_die(sqlite3_errmsg(db), NULL);
	while ((length = getline(&line, &room, in)) > 0) {
		if (n++ == 0)
			run(db, "begin immediate");
		sqlite3_bind_text(st, 1, line, (int)length - 1,
		    SQLITE_STATIC);
		if (sqlite3_step(st) != SQLITE_DONE)
			bench_die(sqlite3_errmsg(db), NULL);
		sqlite3_reset(st);
		if (n == batch) {
			run(db, "commit");
			n = 0;
		}
	}
	if (n > 0)
		run(db, "commit");
	sqlite3_finalize(st);
	free(line);
}

int main(int argc, char **argv)
{
	FILE *in = stdin;
	sqlite3 *db;

	if (argc != 3 && argc != 4)
		bench_die("usage: floor DB BATCH [FILE]", NULL);
	if (argc == 4 && !(in = fopen(argv[3], "re")))
		bench_die(argv[3], NULL);
	db = open_floor(argv[1]);
	insert(db, in, bench_number(argv[2]));
	sqlite3_close(db);
	return 0;
}
