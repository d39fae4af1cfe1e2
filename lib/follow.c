#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bell.h"
#include "findint.h"
#include "follow.h"

#define POLL_MS 1000		/* behind the bell, should a ring be missed */

struct follow {
	struct store **store;
	struct find **find;
	const struct query *query;
	struct query_bounds bounds;
	struct bell *bell;
	/* the newest message that was there, to know the log again */
	int64_t position;
	char id[MESSAGE_ID_BYTES + 1];
};

static int remember(struct follow *f, struct es_err *err)
{
	struct message m;
	int r;

	f->position = find_head(*f->find);
	f->id[0] = '\0';
	r = store_get(*f->store, f->position, &m, err);
	if (r > 0 && m.id.n < sizeof f->id) {
		memcpy(f->id, m.id.p, m.id.n);
		f->id[m.id.n] = '\0';
	}
	return r < 0 ? -1 : 0;
}

static int check_log(const struct follow *f, struct es_err *err)
{
	struct message m;
	int r;

	if (f->position == 0)
		return 0;
	r = store_get(*f->store, f->position, &m, err);
	if (r < 0 || (r > 0 && span_is(m.id, f->id)))
		return r < 0 ? -1 : 0;
	return es_fail(err, ES_FAILED, "%s: another log: position %lld, "
	    "which was read before, %s (a backup was restored?)",
	    store_path(*f->store), (long long)f->position, r == 0 ?
	    "is not there" : "holds another message");
}

static bool same_store(const struct store *a, const struct store *b)
{
	return a->inode == b->inode && a->device == b->device &&
	    strcmp(a->epoch, b->epoch) == 0;
}

/*
 * The old one is closed first: SQLite would share its files with another that
 * the process opens.
 */
static int open_again(struct follow *f, struct es_err *err)
{
	struct store old = **f->store;
	char *path = strdup(store_path(*f->store));
	int64_t left = (*f->find)->left;
	int r;

	if (!path)
		return es_fail_nomem(err);
	find_close(*f->find);
	store_close(*f->store);
	*f->find = NULL;
	*f->store = NULL;
	r = store_open(path, false, f->store, err);
	free(path);
	if (r < 0)
		return -1;
	if (!same_store(*f->store, &old))
		return es_fail(err, ES_FAILED, "%s: is another store than the "
		    "one that was opened", store_path(*f->store));
	if (check_log(f, err) < 0)
		return -1;
	if (f->position > f->bounds.after)
		f->bounds.after = f->position;
	f->bounds.tail = -1;
	f->bounds.limit = left;
	if (find_open(*f->store, f->query, &f->bounds, 0, f->find, err) < 0)
		return -1;
	return remember(f, err);
}

int follow_begin(struct store **s, struct find **find, const struct query *q,
    const struct query_bounds *b, struct follow **out, struct es_err *err)
{
	struct follow *f = calloc(1, sizeof *f);

	*out = NULL;
	if (!f)
		return es_fail_nomem(err);
	f->store = s;
	f->find = find;
	f->query = q;
	f->bounds = *b;
	if (bell_open(store_path(*s), &f->bell, err) < 0 ||
	    remember(f, err) < 0) {
		follow_end(f);
		return -1;
	}
	*out = f;
	return 0;
}

void follow_end(struct follow *f)
{
	if (!f)
		return;
	bell_close(f->bell);
	free(f);
}

int follow_more(struct follow *f, struct es_err *err)
{
	bell_clear(f->bell);
	if (store_check_same(*f->store, err) < 0)
		return -1;
	/*
	 * What are open may be files without a name, to which nobody writes.
	 * Who reads a file that does not change has none; store_check_same()
	 * watches for him.
	 */
	if (store_check_files(*f->store, NULL) < 0)
		return open_again(f, err);
	return check_log(f, err) < 0 || find_more(*f->find, err) < 0 ||
	    remember(f, err) < 0 ? -1 : 0;
}

int follow_wait(struct follow *f, struct es_err *err)
{
	if (bell_wait(f->bell, POLL_MS) < 0 && errno != EINTR)
		return es_fail_errno(err, "%s-bell", store_path(*f->store));
	return 0;
}
