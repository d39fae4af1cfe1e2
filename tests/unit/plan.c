/*
 * What reads cost: a guard, a partition and tags touch only rows that match,
 * in a log of 10,000 messages as in one of 110,000, of which 100,000 belong to
 * one campaign.
 *
 * A donation has ten messages, a thousand donations are alive at a time.  One
 * message in eleven is of one of 20 small campaigns, the rest of the large
 * one; each campaign has three messages of its own.
 */
#include "storeunit.h"

struct cost {
	uint64_t rows, messages;	/* of the index, and of the log */
};

enum { DONATION, ONE_TAG, TWO_TAGS, CLOSED, OPEN_GUARD, NEW, OWN, TYPES,
    NEWEST, TAIL, BROKEN, SMALL, KIND, COSTS };

static struct cost costs[2][COSTS];

static void put_own(struct store *s, const char *type, int campaign)
{
	char line[200];

	snprintf(line, sizeof line, "{'type':'campaigns.%s','payload':"
	    "{'campaign_id':'c%d','name':'x'}}", type, campaign);
	need(unit_append(s, line, NULL) > 0);
}

static void fill(struct store *s, int messages)
{
	char line[300];

	need(store_begin(s, &err) == 0);
	for (int i = 0; i <= 20; i++)
		put_own(s, "created", i);
	for (int i = 0; i < messages; i++) {
		int donation = i / 10000 * 1000 + i % 1000;

		if (i % 10000 == 0) {
			need(store_commit(s, &err) == 0);
			need(store_begin(s, &err) == 0);
		}
		if (i == messages / 2)
			for (int k = 0; k <= 20; k++)
				put_own(s, "changed", k);
		snprintf(line, sizeof line, "{'type':'donations.t%d',"
		    "'kind':'%s','payload':{'campaign_id':'c%d',"
		    "'donation_id':'d%d','amount':%d,'note':'%d'}}",
		    i / 1000 % 10, i / 1000 % 10 ? "event" : "command",
		    donation % 11 ? 0 : 1 + donation / 11 % 20, donation,
		    i % 7 * 10, i);
		need(unit_append(s, line, NULL) > 0);
	}
	for (int i = 0; i <= 20; i++)
		put_own(s, "closed", i);
	need(store_commit(s, &err) == 0);
}

static struct cost count(struct store *s, const char *text,
    const struct query_bounds *b, int64_t want)
{
	struct query q = unit_query(text);
	struct cost c = {find_rows_read(s), find_messages_read(s)};
	struct message m;
	struct find *f;
	int64_t n = 0;

	need(find_open(s, &q, b, 0, &f, &err) == 0);
	while (find_next(f, &m, &err) > 0)
		n++;
	if (n != want)
		printf("%s:\n", text);
	check_int(n, want);
	find_close(f);
	query_free(&q);
	return (struct cost){find_rows_read(s) - c.rows,
	    find_messages_read(s) - c.messages};
}

static struct cost any(struct store *s, const char *text, int64_t after,
    bool want)
{
	struct query q = unit_query(text);
	struct cost c = {find_rows_read(s), find_messages_read(s)};
	bool is;

	check_int(find_any(s, &q, after, unit_head(s), &is, NULL, &err), 0);
	if (is != want)
		printf("%s:\n", text);
	check_int(is, want);
	query_free(&q);
	return (struct cost){find_rows_read(s) - c.rows,
	    find_messages_read(s) - c.messages};
}

#define ITEM(s) "{'items':[{" s "}]}"
#define ALL "'types':['campaigns.','donations.'],"

static void measure(int messages, struct cost *c)
{
	struct store *s = unit_store();
	struct query_bounds last = QUERY_BOUNDS_ALL, tail = QUERY_BOUNDS_ALL;
	int64_t head;

	fill(s, messages);
	head = unit_head(s);
	/* The large campaign's three, and one donation's ten. */
	c[DONATION] = count(s, ITEM(ALL "'partition':{'campaign_id':'c0',"
	    "'donation_id':'d507'}"), NULL, 13);
	c[ONE_TAG] = count(s, ITEM("'tags':['donation_id:d507']"), NULL, 10);
	c[TWO_TAGS] = count(s, ITEM("'tags':['campaign_id:c0',"
	    "'donation_id:d507']"), NULL, 10);
	/* Guards: after the read, after all but the closing, a new donation. */
	c[CLOSED] = any(s, ITEM(ALL "'partition':{'campaign_id':'c0',"
	    "'donation_id':'d507'}"), head, false);
	c[OPEN_GUARD] = any(s, ITEM("'types':['campaigns.changed',"
	    "'donations.'],'partition':{'campaign_id':'c0',"
	    "'donation_id':'d507'}"), messages / 2 + 200, messages < 20000);
	c[NEW] = any(s, ITEM("'types':['donations.'],'partition':"
	    "{'campaign_id':'c0','donation_id':'new'}"), 0, false);
	c[BROKEN] = any(s, ITEM("'tags':['campaign_id:c0']"), 0, true);
	c[OWN] = count(s, ITEM("'types':['campaigns.'],"
	    "'tags':['campaign_id:c0']"), NULL, 3);
	c[TYPES] = count(s, ITEM("'types':['campaigns.closed']"), NULL, 21);
	c[SMALL] = count(s, ITEM("'types':['campaigns.'],"
	    "'partition':{'campaign_id':'c7','donation_id':null}"), NULL, 3);
	c[NEWEST] = count(s, ITEM("'types':['donations.'],"
	    "'tags':['campaign_id:c0'],'last':true"), NULL, 1);
	tail.tail = 5;
	c[TAIL] = count(s, ITEM("'tags':['campaign_id:c0']"), &tail, 5);
	last.limit = 1;
	last.reverse = true;
	c[KIND] = count(s, ITEM("'kind':'event','tags':['campaign_id:c0']"),
	    &last, 1);
	store_close(s);
}

static void bound(int i, const char *name, uint64_t rows, uint64_t messages)
{
	for (int k = 0; k < 2; k++)
		if (costs[k][i].rows > rows || costs[k][i].messages > messages)
			printf("%s at %s:\n", name, k ? "110k" : "10k"),
			check_int(costs[k][i].rows, rows),
			check_int(costs[k][i].messages, messages);
	printf("%s %d+%d %d+%d\n", name, (int)costs[0][i].rows,
	    (int)costs[0][i].messages, (int)costs[1][i].rows,
	    (int)costs[1][i].messages);
}

int main(void)
{
	setenv("ES_SYNC", "normal", 1);
	place_make("plan");
	measure(10000, costs[0]);
	measure(110000, costs[1]);
	printf("rows of the index + of the log, at 10k and 110k\n");
	/*
	 * A tag may be in each of the runs, at most seven of a size, and is
	 * looked for when it is counted and when it is read.
	 */
	bound(DONATION, "donation", 60, 13);
	bound(ONE_TAG, "tag", 15, 10);
	bound(TWO_TAGS, "tags", 30, 10);
	bound(CLOSED, "guard", 0, 0);
	bound(OPEN_GUARD, "late guard", 45, 1);
	bound(NEW, "new", 30, 0);
	bound(BROKEN, "broken", 30, 1);
	bound(OWN, "campaign", 15, 3);
	bound(TYPES, "types", 10, 21);
	bound(SMALL, "small campaign", 10, 3);
	bound(NEWEST, "last", 30, 2);
	bound(TAIL, "tail", 40, 10);
	bound(KIND, "kind", 30, 1);
	place_remove();
	return unit_end();
}
