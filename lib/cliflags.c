#include <string.h>

#include "cliflags.h"

/* The one place where a flag has its letter, its name and its meaning. */
static const struct cli_flag flags[] = {
	{CLI_STORE, 's', "--store", "FILE",
	    "the store (default: $ES_STORE, else es.db in this directory)"},
	{CLI_QUIET, 'q', "--quiet", NULL, "say less"},
	{CLI_VERBOSE, 'v', "--verbose", NULL, "say more"},
	{CLI_HELP, 'h', "--help", NULL, "print this help"},
	{CLI_VERSION, 'V', "--version", NULL, "print the version"},

	{CLI_TYPE, 't', "--type", "TYPE",
	    "messages of this type; \"area.\" stands for all that begin with "
	    "it (repeat: or)"},
	{CLI_KEY, 'k', "--key", "NAME=VALUE",
	    "messages found by this name and value (repeat: and)"},
	{CLI_TAG, 'g', "--tag", "TAG",
	    "messages with this tag, NAME:VALUE or any other (repeat: and)"},
	{CLI_OR, 'o', "--or", NULL,
	    "begin the next item: a message has to match only one"},
	{CLI_LAST, 0, "--last", NULL, "only the newest match of this item"},
	{CLI_PARTITION, 'p', "--partition", "NAME=VALUE",
	    "messages that carry one of these names, and of each that they "
	    "carry this value (repeat)"},
	{CLI_KIND, 0, "--kind", "KIND", "only this kind: event or command"},
	{CLI_AFTER, 'a', "--after", "POS", "only after this position"},
	{CLI_BEFORE, 'b', "--before", "POS", "only before this position"},
	{CLI_LIMIT, 'n', "--limit", "N", "at most N messages"},
	{CLI_TAIL, 0, "--tail", "N",
	    "the newest N, in log order; with -f, then follow"},
	{CLI_REVERSE, 'r', "--reverse", NULL, "newest first"},
	{CLI_SINCE, 0, "--since", "TIME",
	    "stored at this time or later: RFC 3339, or how long ago "
	    "(90s, 5m, 2d)"},
	{CLI_UNTIL, 0, "--until", "TIME", "stored at this time or earlier"},
	{CLI_ID, 0, "--id", "ID", "the message with this id"},
	{CLI_CORRELATION, 0, "--correlation", "ID",
	    "messages with this correlation_id"},

	{CLI_FOLLOW, 'f', "--follow", NULL, "stay, and go on with what is new"},
	{CLI_GUARD, 0, "--guard", "FILE",
	    "what was read, for an append that depends on it"},
	{CLI_JOBS, 'j', "--jobs", "N", "this many workers"},
	{CLI_GIVEN, 0, "--given", "FILE",
	    "no store: take the history from FILE"},
	{CLI_CHECK, 0, "--check", NULL,
	    "run nothing: only say what is wrong with what would be run"},
	{CLI_STATE, 0, "--state", NULL, "print the state"},
	{CLI_JSON, 0, "--json", NULL, "print NDJSON instead of text"},
	{CLI_PRETTY, 0, "--pretty", NULL,
	    "one aligned line a message, for people"},
	{CLI_COUNT, 0, "--count", NULL, "print only how many"},
	{CLI_NAME, 0, "--name", "NAME", "the group's name"},
	{CLI_BY, 0, "--by", "NAME[,NAME]",
	    "one partition for each value of these names"},
	{CLI_FROM, 0, "--from", "WHERE",
	    "where a new group begins: start, now or a position"},
	{CLI_META, 0, "--meta", "NAME=VALUE",
	    "a string for the metadata (repeat)"},
	{CLI_CAUSE, 0, "--cause", "ID", "the stored message that caused this"},
	{CLI_EACH, 0, "--each", NULL, "line by line, not all or nothing"},
	{CLI_BATCH, 0, "--batch", "N",
	    "N lines at a time, each batch all or nothing"},
	{CLI_SKIP_BAD, 0, "--skip-bad", "FILE",
	    "put lines that are refused into FILE, and go on"},
	{CLI_IMPORT, 0, "--import", NULL,
	    "take the lines of an export as they were, into an empty store"},
	{CLI_DRY_RUN, 0, "--dry-run", NULL,
	    "only print what would be stored"},
	{CLI_UNLESS, 0, "--unless", NULL,
	    "comes last, with query flags behind it: only if nothing matches "
	    "them"},
	{CLI_PRINT, 0, "--print", NULL, "print the read model as NDJSON"},
	{CLI_PATH, 0, "--path", NULL, "print the read model's file name"},
	{CLI_REBUILD, 0, "--rebuild", NULL,
	    "make the read model anew, then switch to it"},
	{CLI_NEW, 0, "--new", "DIR", "write a starter app to DIR"},
	{CLI_CATALOG, 'm', "--catalog", "FILE", "load this catalog"},
	{CLI_RETRIES, 0, "--retries", "N", "tries after the first"},
	{CLI_DEADLINE, 0, "--deadline", "DURATION",
	    "how long a handler may take (500ms, 30s, 5m)"},
	{CLI_ONCE, 0, "--once", NULL,
	    "until nothing is pending; the default without -f"},
	{CLI_BREAKER, 0, "--breaker", "N",
	    "stop a group when this many of its partitions are parked"},
	{CLI_TIMEOUT, 0, "--timeout", "DURATION", "give up after this long"},
	{CLI_FORCE, 0, "--force", NULL, "do it although something is there"},
	{CLI_LISTEN, 'l', "--listen", "ADDRESS:PORT",
	    "where to listen (default: 127.0.0.1:8080; port 0: any)"},
	{CLI_HOST, 0, "--host", "NAME",
	    "another name that this server has (repeat)"},
	{CLI_NO_REACT, 0, "--no-react", NULL, "do not run es-react beside it"},
	{CLI_SALVAGE, 0, "--salvage", NULL,
	    "print every message that can be read"},
	{CLI_AS_OF, 0, "--as-of", "POS|TIME",
	    "as it was at this position, or at this time"},
	{CLI_REJECTIONS, 0, "--rejections", NULL, "print rejections, too"},
	{CLI_DELETE, 0, "--delete", NULL, "remove a store with all its files"},
	{CLI_UPCAST, 0, "--upcast", NULL,
	    "as the catalog's newest version of each type"},
	{CLI_TRIAL, 0, "--trial", NULL,
	    "no store: what test libraries ask, line by line; es-bats(7)"},
	{CLI_STRICT, 0, "--strict", NULL,
	    "a type that the catalog lacks is an error"},
};

#define N_FLAGS (sizeof flags / sizeof *flags)

static const int shared[] = {CLI_STORE, CLI_QUIET, CLI_VERBOSE, CLI_HELP,
    CLI_VERSION};

#define N_SHARED (sizeof shared / sizeof *shared)

const struct cli_flag *cli_flag_find(int id)
{
	size_t i;

	for (i = 0; i < N_FLAGS; i++)
		if (flags[i].id == id)
			return &flags[i];
	return NULL;
}

static size_t count(const struct cli_program *p)
{
	size_t n = 0;

	while (p->flags && p->flags[n])
		n++;
	return n;
}

/* The id of a program's i-th flag, its own before the shared ones; else 0. */
static int id_at(const struct cli_program *p, size_t i)
{
	size_t own = count(p);

	if (i < own)
		return p->flags[i];
	return i - own < N_SHARED ? shared[i - own] : 0;
}

bool cli_flag_at(const struct cli_program *p, size_t i, struct cli_flag *out)
{
	const struct cli_flag *f = cli_flag_find(id_at(p, i));
	const struct cli_help *h;

	if (!f)
		return false;
	*out = *f;
	for (h = p->help; h && h->id; h++)
		if (h->id == f->id) {
			out->arg = h->arg ? h->arg : f->arg;
			out->help = h->help ? h->help : f->help;
		}
	return true;
}

const struct cli_flag *cli_flag_by_letter(const struct cli_program *p, char c)
{
	size_t i;
	int id;

	for (i = 0; (id = id_at(p, i)); i++) {
		const struct cli_flag *f = cli_flag_find(id);

		if (f && f->letter && f->letter == c)
			return f;
	}
	return NULL;
}

const struct cli_flag *cli_flag_by_name(const struct cli_program *p,
    const char *name, size_t n)
{
	size_t i;
	int id;

	for (i = 0; (id = id_at(p, i)); i++) {
		const struct cli_flag *f = cli_flag_find(id);

		if (f && strlen(f->name) == n && memcmp(f->name, name, n) == 0)
			return f;
	}
	return NULL;
}

const char *cli_flag_name(int id)
{
	const struct cli_flag *f = cli_flag_find(id);

	return f ? f->name : "option";
}
