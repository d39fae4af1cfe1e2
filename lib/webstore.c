/* The store under a server that stays: is it still that one, can it be read. */
#include <stdlib.h>
#include <sys/stat.h>

#include "sys.h"
#include "webint.h"

#define BUSY_MS 100		/* a wait for the writers' lock: nobody is
				   served meanwhile */
#define AGAIN_MS 1000		/* what cannot be read is tried again */

static const char *const beside[WEB_BESIDE] = {"-wal", "-shm"};

/* Its inode, 0 when there is none. */
static ino_t inode_of(const char *store, const char *suffix)
{
	char *path = sys_beside(store, suffix, NULL);
	struct stat st;
	ino_t inode = path && stat(path, &st) == 0 ? st.st_ino : 0;

	free(path);
	return inode;
}

int web_store_open(struct web *w, const char *path, struct es_err *err)
{
	size_t i;

	if (store_open(path, true, &w->store, err) < 0)
		return -1;
	store_db(w->store)->busy_ms = BUSY_MS;
	for (i = 0; i < WEB_BESIDE; i++)
		w->beside[i] = inode_of(path, beside[i]);
	return 0;
}

int web_store_check(struct web *w, struct es_err *err)
{
	const char *path = store_path(w->store);
	size_t i;

	if (store_check_same(w->store, err) < 0)
		return -1;
	for (i = 0; i < WEB_BESIDE; i++)
		if (inode_of(path, beside[i]) != w->beside[i])
			return es_fail(err, ES_FAILED, "%s%s: is gone, or "
			    "another file than the one that was opened", path,
			    beside[i]);
	return 0;
}

static int look(struct web *w, int *timeout, struct es_err *err)
{
	int64_t head;

	if (store_refresh(w->store, err) < 0 ||
	    store_head(w->store, &head, err) < 0)
		return -1;
	if (head != w->head) {
		w->head = head;
		web_events_wake(w);
	}
	return live_step(w->live, timeout, err);
}

void web_store_look(struct web *w, int *timeout)
{
	struct es_err err = {0};
	bool told = w->blind;

	w->blind = look(w, timeout, &err) < 0;
	if (!w->blind)
		return;
	*timeout = AGAIN_MS;
	if (!told)
		web_say(w, "%s: tried again until it can be read", err.text);
}
