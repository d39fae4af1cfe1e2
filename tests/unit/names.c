#include "names.h"
#include "storeunit.h"

/* The room alone: types and shapes in the tables of a store. */
static struct db *db_a, *db_b;
static struct names *a, *b;

static void begin(struct db *db, struct names *n)
{
	need(db_begin(db, &err) == 0);
	check_int(names_refresh(n, &err), 0);
}

static int type(struct names *n, const char *text, bool add)
{
	int i = -2;

	check_int(names_type(n, span_str(text), add, &i, &err), 0);
	return i;
}

/* Of a type with attributes "x,y". */
static int shape(struct names *n, int t, const char *payload)
{
	struct keys keys = {0};
	int i = -2;

	need(message_keys(SPAN_NONE, span_str(payload), NULL, NULL, &keys,
	    &err) == 0);
	check_int(names_shape(n, t, &keys, &i, &err), 0);
	keys_free(&keys);
	return i;
}

static void check_type(const struct names *n, int i, const char *text)
{
	if (!span_is(names_type_text(n, i), text))
		check_str(names_type_text(n, i).p, text);
}

static void test_basic(void)
{
	const struct names_shape *s;
	int x, y;

	begin(db_a, a);
	check_int(names_types(a), 0);
	check_int(names_shapes(a), 1);
	check_int(type(a, "t.x", false), -1);
	x = type(a, "t.x", true);
	y = type(a, "t.y", true);
	check(x != y);
	check_int(type(a, "t.x", true), x);
	check_int(type(a, "t.x", false), x);
	check_int(names_types(a), 2);
	check_int(shape(a, x, "{}"), 1);
	check_int(shape(a, x, "{\"p\":1,\"o\":2}"), 2);
	check_int(shape(a, y, "{\"p\":1,\"o\":2}"), 3);
	check_int(shape(a, x, "{\"o\":\"b\",\"p\":null}"), 4);
	check_int(shape(a, x, "{\"o\":\"b\",\"p\":\"q\"}"), 2);
	s = names_shape_at(a, 2);
	check_int(s->type, x);
	check_int(s->n, 2);
	check(names_carries(s, SPAN_LIT("o")) &&
	    names_carries(s, SPAN_LIT("p")) &&
	    !names_carries(s, SPAN_LIT("op")));
	/* What is not there is "other", or a question mark. */
	check_int(names_shape_at(a, 99)->type, -1);
	check_int(names_shape_at(a, -1)->type, -1);
	check_type(a, 99, "?");
	check_type(a, -1, "?");
	need(db_commit(db_a, &err) == 0);
	names_rollback(a);		/* to the last refresh */
	check_int(names_types(a), 0);
	check_int(type(a, "t.x", false), -1);
	check_int(names_refresh(a, &err), 0);
	check_int(type(a, "t.x", false), x);
	check_int(names_shapes(a), 5);
}

static void test_others(void)
{
	int n = names_types(a), shapes = names_shapes(a);

	/* b adds; a, not refreshed, does not know, and then does. */
	begin(db_b, b);
	check_int(names_types(b), n);
	check_int(type(b, "b.one", true), n);
	check_int(shape(b, n, "{\"q\":1}"), shapes);
	need(db_commit(db_b, &err) == 0);
	check_int(type(a, "b.one", false), -1);
	/* What a had added when it was rolled back gives way. */
	begin(db_a, a);
	check_int(type(a, "b.one", false), n);
	check_int(type(a, "a.lost", true), n + 1);
	check_int(shape(a, n + 1, "{}"), shapes + 1);
	db_rollback(db_a);
	names_rollback(a);
	check_int(type(a, "a.lost", false), -1);
	check_int(names_types(a), n + 1);
	begin(db_b, b);
	check_int(type(b, "b.two", true), n + 1);
	check_int(shape(b, n + 1, "{\"r\":1}"), shapes + 1);
	need(db_commit(db_b, &err) == 0);
	begin(db_a, a);
	check_type(a, n + 1, "b.two");
	check_int(type(a, "a.lost", true), n + 2);
	check_int(shape(a, n + 1, "{\"r\":2}"), shapes + 1);
	check_int(shape(a, n + 2, "{\"r\":2}"), shapes + 2);
	need(db_commit(db_a, &err) == 0);
	check_int(names_refresh(b, &err), 0);
	check_type(b, n + 2, "a.lost");
	check_int(names_shape_at(b, shapes + 2)->type, n + 2);
}

/* Many, over several rebuilds of the tables, some of them taken back. */
static void test_many(void)
{
	enum { MANY = 3000 };
	char text[40], payload[40];
	int n, shapes;

	begin(db_a, a);
	n = names_types(a);
	shapes = names_shapes(a);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "many.t%d", i);
		check_int(type(a, text, true), n + i);
	}
	db_rollback(db_a);
	names_rollback(a);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "many.t%d", i);
		check_int(type(a, text, false), -1);
	}
	begin(db_a, a);
	for (int i = MANY - 1; i >= 0; i--) {
		snprintf(text, sizeof text, "many.t%d", i);
		check_int(type(a, text, true), n + MANY - 1 - i);
	}
	for (int i = shapes; i < NAMES_SHAPES + 50; i++) {
		snprintf(payload, sizeof payload, "{\"n%d\":1}", i);
		check_int(shape(a, 0, payload), i < NAMES_SHAPES ? i :
		    NAMES_OTHER);
	}
	need(db_commit(db_a, &err) == 0);
	check_int(names_refresh(b, &err), 0);
	check_int(names_types(b), n + MANY);
	check_int(names_shapes(b), NAMES_SHAPES);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "many.t%d", i);
		check_int(type(b, text, false), n + MANY - 1 - i);
		check_type(b, n + MANY - 1 - i, text);
	}
	for (int i = shapes; i < NAMES_SHAPES; i++) {
		snprintf(payload, sizeof payload, "n%d", i);
		check(names_carries(names_shape_at(b, i), span_str(payload)));
		check_int(names_shape_at(b, i)->n, 1);
	}
}

/* A reader has no statements to add with, and asks only. */
static void test_reader(void)
{
	struct db *db;
	struct names *n;

	need(db_open(place_store, DB_READ, &db, NULL, &err) == 0);
	need(names_open(db, &n, &err) == 0);
	check_int(names_types(n), 0);
	check_int(names_refresh(n, &err), 0);
	check(type(n, "t.x", false) >= 0);
	names_close(n);
	names_close(NULL);
	db_close(db);
}

int main(void)
{
	int fds;

	place_make("names");
	fds = place_fds();
	store_close(unit_store());
	need(db_open(place_store, DB_WRITE, &db_a, NULL, &err) == 0);
	need(db_open(place_store, DB_WRITE, &db_b, NULL, &err) == 0);
	need(names_open(db_a, &a, &err) == 0);
	need(names_open(db_b, &b, &err) == 0);
	test_basic();
	test_others();
	test_many();
	test_reader();
	names_close(a);
	names_close(b);
	/* No statement is left but those of the db itself. */
	for (sqlite3_stmt *st = NULL; (st = sqlite3_next_stmt(db_a->h, st));)
		check(st == db_a->begin || st == db_a->commit);
	db_close(db_a);
	db_close(db_b);
	check_int(place_fds(), fds);
	place_remove();
	return unit_end();
}
