/* What cannot be read is not called damaged, and what is damaged is. */
#include "storeimpl.h"
#include "storeunit.h"

static int stop(void *arg)
{
	(void)arg;
	return 1;
}

static void not_damaged(int r)
{
	check_int(r, -1);
	if (!strstr(err.text, "interrupted"))
		check_str(err.text, "interrupted");
}

static void test_unreadable(void)
{
	struct store *s = unit_store();
	struct draft d = {.type = SPAN_LIT("a"), .id = SPAN_LIT("x")};
	struct appended a;
	struct message m;

	unit_put(s, "{'type':'a','id':'x'}");
	sqlite3_progress_handler(store_db(s)->h, 1, stop, NULL);
	not_damaged(store_get_known(s, 1, &m, &err));
	not_damaged(store_read_catalog_at(s, 1, &err));
	not_damaged(identity_repeated(s, &d, 1, &a, &err));
	sqlite3_progress_handler(store_db(s)->h, 0, NULL, NULL);
	check_int(store_get_known(s, 1, &m, &err), 0);
	check_int(store_get_known(s, 2, &m, &err), -1);
	check(strstr(err.text, "damaged: no message at position 2") != NULL);
	store_close(s);
}

/* A store whose catalog is said to be at a place where there is none. */
static void no_catalog(const char *sql)
{
	struct store *s = unit_store(), *again;

	need(db_begin(store_db(s), &err) == 0);
	check_int(db_exec(store_db(s), sql, &err), 0);
	check_int(db_commit(store_db(s), &err), 0);
	store_close(s);
	check_int(store_open(place_store, false, &again, &err), -1);
	if (!strstr(err.text, "damaged: no message at position"))
		check_str(err.text, "damaged");
	store_close(again);
}

int main(void)
{
	int fds;

	place_make("storeerror");
	fds = place_fds();
	test_unreadable();
	no_catalog("update meta set value = 7 where name = 'catalog'");
	no_catalog("update meta set value = -1 where name = 'catalog'");
	check_int(place_fds(), fds);
	place_remove();
	return unit_end();
}
