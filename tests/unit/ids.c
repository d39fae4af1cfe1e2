/*
 * ids: rows that wait are found as those that are written, in any order.
 */
#include "unit.h"
#include "hash.h"
#include "ids.h"
#include "place.h"
#include "store.h"

#define MANY 10000		/* more than may wait */

static struct es_err err;
static struct db *db;
static struct ids *ids;

static void begin(void)
{
	need(db_begin(db, &err) == 0);
	ids_begin(ids);
}

static void commit(void)
{
	need(ids_flush(ids, &err) == 0);
	need(db_commit(db, &err) == 0);
	ids_forget(ids);
}

static void rollback(void)
{
	db_rollback(db);
	ids_forget(ids);
}

/* The UUID number i of a sequence, ascending or scattered. */
static struct span uuid(unsigned i, bool scattered)
{
	static char text[UUID_TEXT];
	unsigned char id[16] = {0};

	if (scattered)
		i = i * 2654435761u;
	id[0] = scattered;
	id[1] = (unsigned char)(i >> 24);
	id[2] = (unsigned char)(i >> 16);
	id[3] = (unsigned char)(i >> 8);
	id[4] = (unsigned char)i;
	hash_uuid_text(id, text);
	return span_str(text);
}

/* The id's position; 0 when it is free. */
static int64_t at(struct span id)
{
	int64_t position = 0;
	int r = ids_find(ids, id, &position, &err);

	need(r >= 0);
	check((r > 0) == (position != 0));
	return position;
}

static int64_t rows(void)
{
	int64_t n;

	need(db_int(db, "select count(*) from ids", &n, &err) == 0);
	return n;
}

static void check_many(unsigned n, bool scattered)
{
	for (unsigned i = 1; i <= n; i++)
		if (at(uuid(i, scattered)) != i) {
			printf("%u of %u, %s: is at %" PRId64 "\n", i, n,
			    scattered ? "scattered" : "ascending",
			    at(uuid(i, scattered)));
			unit_failed++;
			return;
		}
	check_int(at(uuid(n + 1, scattered)), 0);
}

static void test_many(bool scattered)
{
	int64_t before = rows();

	begin();
	for (unsigned i = 1; i <= MANY; i++) {
		if (i % 7 == 0)
			check_int(at(uuid(i, scattered)), 0);
		need(ids_add(ids, uuid(i, scattered), i, &err) == 0);
		if (i % 5 == 0)
			check_int(at(uuid(i / 2 + 1, scattered)), i / 2 + 1);
	}
	check_many(MANY, scattered);
	rollback();
	check_int(rows(), before);
	check_int(at(uuid(1, scattered)), 0);

	begin();
	for (unsigned i = 1; i <= MANY; i++)
		need(ids_add(ids, uuid(i, scattered), i, &err) == 0);
	commit();
	check_int(rows(), before + MANY);
	check_many(MANY, scattered);
	begin();
	check_many(MANY, scattered);
	rollback();
}

static void test_text(void)
{
	begin();
	check_int(at(SPAN_LIT("a")), 0);
	need(ids_add(ids, SPAN_LIT("a"), 1, &err) == 0);
	/* A UUID in capitals is text, and another id. */
	need(ids_add(ids, SPAN_LIT("01A20F97-628A-7347-B597-000000000001"),
	    2, &err) == 0);
	check_int(at(SPAN_LIT("a")), 1);
	check_int(at(SPAN_LIT("01A20F97-628A-7347-B597-000000000001")), 2);
	check_int(at(SPAN_LIT("01a20f97-628a-7347-b597-000000000001")), 0);
	check_int(at(SPAN_LIT("01a20f97-628a-7347-b597-00000000000")), 0);
	check_int(at(SPAN_LIT("A")), 0);
	commit();
	check_int(at(SPAN_LIT("a")), 1);
}

static void test_reserved(void)
{
	static const char id[] = "ffffffff-628a-7347-b597-000000000001";

	begin();
	check_int(at(span_str(id)), 0);
	need(ids_reserve(ids, span_str(id), 7, &err) == 0);
	check_int(at(span_str(id)), -7);
	need(ids_reserve(ids, span_str(id), 8, &err) == 0);
	check_int(at(span_str(id)), -7);
	need(ids_release(ids, span_str(id), &err) == 0);
	check_int(at(span_str(id)), 0);
	need(ids_add(ids, span_str(id), 9, &err) == 0);
	need(ids_reserve(ids, span_str(id), 10, &err) == 0);
	check_int(at(span_str(id)), 9);
	commit();
	check_int(at(span_str(id)), 9);
}

/* What another connection has written is seen by the next transaction. */
static void test_others(void)
{
	static const char id[] = "ffffffff-ffff-7fff-bfff-ffffffffffff";
	struct ids *own = ids;
	struct db *mine = db;

	begin();
	check_int(at(span_str(id)), 0);
	commit();
	need(db_open(place_store, DB_WRITE, &db, NULL, &err) == 0);
	need(ids_open(db, (const unsigned char *)"0123456789abcdef", &ids,
	    &err) == 0);
	begin();
	need(ids_add(ids, span_str(id), 77, &err) == 0);
	commit();
	ids_close(ids);
	db_close(db);
	db = mine;
	ids = own;
	check_int(at(span_str(id)), 77);
	begin();
	check_int(at(span_str(id)), 77);
	rollback();
}

/* Rows are never written alone, and what is there twice is an error. */
static void test_faults(void)
{
	struct span id = SPAN_LIT("01a20f97-628a-7347-b597-0000000000aa");

	ids_begin(ids);
	need(ids_add(ids, id, 1, &err) == 0);
	check_int(ids_flush(ids, &err), -1);
	check(strstr(err.text, ": no transaction is open") != NULL);
	ids_forget(ids);
	check_int(ids_flush(ids, &err), 0);
	check_int(at(id), 0);
	begin();
	need(ids_add(ids, id, 1, &err) == 0);
	need(ids_add(ids, id, 2, &err) == 0);
	check_int(ids_flush(ids, &err), -1);
	check(strstr(err.text, ": UNIQUE constraint failed: ids.id") != NULL);
	rollback();
	check_int(at(id), 0);
}

int main(void)
{
	bool created;

	place_make("ids");
	need(store_create(place_store, &created, &err) == 0);
	need(db_open(place_store, DB_WRITE, &db, NULL, &err) == 0);
	need(ids_open(db, (const unsigned char *)"0123456789abcdef", &ids,
	    &err) == 0);
	test_text();
	test_many(false);
	test_many(true);
	test_reserved();
	test_others();
	test_faults();
	ids_close(ids);
	db_close(db);
	place_remove();
	return unit_end();
}
