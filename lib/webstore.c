/* The store under a server that stays: is it still that one, can it be read. */
#include "webint.h"

#define BUSY_MS 100		/* a wait for the writers' lock: nobody is
				   served meanwhile */
#define AGAIN_MS 1000		/* what cannot be read is tried again */

int web_store_open(struct web *w, const char *path, struct es_err *err)
{
	if (store_open(path, true, &w->store, err) < 0)
		return -1;
	store_db(w->store)->busy_ms = BUSY_MS;
	return 0;
}

int web_store_check(struct web *w, struct es_err *err)
{
	if (store_check_files(w->store, err) < 0)
		return -1;
	/* What cannot be read now is no other store. */
	return store_check_same(w->store, err) < 0 && !err->outside ? -1 : 0;
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
