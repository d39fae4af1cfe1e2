#include "unit.h"
#include "query.h"

static const char catalog_json[] = "{"
    "\"d.select\":{\"keys\":[\"id\"],\"payload\":{\"id\":\"string\","
    "\"amount\":\"integer\"}},"
    "\"d.all\":{\"private\":[\"email\"],\"payload\":{\"id\":\"string\","
    "\"email\":\"email\",\"note\":\"string\"}},"
    "\"free\":{}}";

static struct catalog *catalog;

static bool stored(void *ctx, struct span name)
{
	return span_is(name, ctx);
}

/* The error for an item of a query, "" when its names are good. */
static const char *names(const struct catalog *c, const char *item,
    const char *known)
{
	static struct es_err err;
	struct query q;
	char json[256], copy[32];

	snprintf(json, sizeof json, "{\"items\":[%s]}", item);
	snprintf(copy, sizeof copy, "%s", known ? known : "");
	need(query_parse(json, strlen(json), &q, &err) == 0);
	es_err_clear(&err);
	if (query_check_names(&q, c, known ? stored : NULL, copy, &err) < 0)
		check_int(err.code, ES_USAGE);
	query_free(&q);
	return err.text;
}

static const char *item(const char *text)
{
	return names(catalog, text, NULL);
}

static void test_types(void)
{
	check_str(item("{\"types\":[\"d.select\"],\"tags\":[\"id:1\"]}"), "");
	check_str(item("{\"types\":[\"d.select\"],\"tags\":[\"amount:1\"]}"),
	    "amount: no message of d.select is found by this name (see keys "
	    "in the catalog)");
	check_str(item("{\"types\":[\"d.select\",\"d.all\"],"
	    "\"tags\":[\"note:1\"]}"), "");
	check(strstr(item("{\"types\":[\"d.select\",\"d.all\"],"
	    "\"tags\":[\"id:1\",\"email:x\"]}"), "email: no message of a type"));
	check(strstr(item("{\"types\":[\"d.\"],\"tags\":[\"amount:1\"]}"),
	    "amount: "));
	check_str(item("{\"types\":[\"d.\"],\"tags\":[\"note:1\"]}"), "");
	/* Types that the catalog lacks may carry anything. */
	check_str(item("{\"types\":[\"x\"],\"tags\":[\"any:1\"]}"), "");
	check_str(item("{\"types\":[\"d.select\",\"es.\"],"
	    "\"tags\":[\"any:1\"]}"), "");
	check_str(item("{\"types\":[\"free\"],\"tags\":[\"any:1\"]}"), "");
}

static void test_others(void)
{
	struct catalog *empty;
	struct es_err err = {0};
	const char *amount = "{\"types\":[\"d.select\"],"
	    "\"tags\":[\"amount:1\"]}";

	/* "free" may carry anything, so a query without types is good. */
	check_str(item("{\"tags\":[\"any:1\"]}"), "");
	check(strstr(item("{\"types\":[\"d.select\"],\"partition\":"
	    "{\"id\":\"1\",\"amount\":null}}"), "amount: "));
	check(strstr(item("{\"kind\":\"event\"},{\"types\":[\"d.select\"],"
	    "\"tags\":[\"nope:1\"]}"), "nope: "));
	/* Tags that are not NAME:VALUE, and names that are in the store. */
	check_str(item("{\"types\":[\"d.select\"],\"tags\":[\"loose\","
	    "\"a-b:c\",\":x\"]}"), "");
	check_str(names(catalog, amount, "amount"), "");
	check(strstr(names(catalog, amount, "other"), "amount: "));
	need(catalog_parse("c", "{}", 2, &empty, &err) == 0);
	check_str(names(empty, amount, NULL), "");
	check_str(names(empty, "{\"tags\":[\"x:1\"]}", NULL), "");
	catalog_free(empty);
}

static void test_without_free(void)
{
	static const char json[] = "{\"a\":{\"keys\":[\"id\"]}}";
	struct catalog *c;
	struct es_err err = {0};
	struct query q = {.everything = true};

	need(catalog_parse("c", json, strlen(json), &c, &err) == 0);
	check(strstr(names(c, "{\"tags\":[\"x:1\"]}", NULL), "x: no message "
	    "of a type that this can match"));
	check_str(names(c, "{\"tags\":[\"id:1\"]}", NULL), "");
	check_int(query_check_names(&q, c, NULL, NULL, &err), 0);
	catalog_free(c);
}

int main(void)
{
	struct es_err err = {0};

	need(catalog_parse("c", catalog_json, strlen(catalog_json), &catalog,
	    &err) == 0);
	test_types();
	test_others();
	test_without_free();
	catalog_free(catalog);
	return unit_end();
}
