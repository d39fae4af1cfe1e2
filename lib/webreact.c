/* es-react beside it. */
#include <poll.h>
#include <signal.h>

#include "sys.h"
#include "webint.h"

#define WAIT_MS 500		/* before it is started again; doubles */
#define WAIT_MAX_MS 30000
#define WELL_MS 60000		/* it ran so long: no reason to go slow */
#define END_MS 5000		/* it may take to end when it is asked to */

extern char **environ;

void web_start_react(struct web *w)
{
	struct es_err err = {0};
	char follow[] = "-f", store[] = "-s", strict[] = "--strict";
	char *argv[] = {(char *)(uintptr_t)w->options.react_path, follow,
	    store, w->store_path, w->app->path,
	    w->options.strict ? strict : NULL, NULL};

	w->react_at = sys_monotonic();
	if (proc_command(&w->react, argv, environ, NULL, "", SPAN_LIT(""),
	    &err) == 0) {
		w->reacting = true;
		return;
	}
	web_say(w, "%s", err.text);
	w->react_at += WAIT_MAX_MS;
}

static void await_next_start(struct web *w)
{
	int64_t now = sys_monotonic();

	if (w->react_wait == 0 || now - w->react_at >= WELL_MS)
		w->react_wait = WAIT_MS;
	else if ((w->react_wait *= 2) > WAIT_MAX_MS)
		w->react_wait = WAIT_MAX_MS;
	w->react_at = now + w->react_wait;
}

void web_watch_react(struct web *w)
{
	struct buf reason = {0};
	struct es_err err = {0};

	if (!w->options.react)
		return;
	if (!w->reacting) {
		if (sys_monotonic() >= w->react_at)
			web_start_react(w);
		return;
	}
	if (proc_pump(&w->react, &err) > 0)
		return;
	await_next_start(w);
	proc_reason(&w->react, &reason);
	web_say(w, "es-react ended (%s): it is started again in %.1f s",
	    reason.n ? reason.p : "exit 0", w->react_wait / 1000.0);
	buf_free(&reason);
	proc_free(&w->react);
	w->reacting = false;
}

void web_stop_react(struct web *w)
{
	int64_t until = sys_monotonic() + END_MS, left;

	if (!w->reacting)
		return;
	kill(w->react.pid, SIGTERM);
	while (proc_pump(&w->react, NULL) > 0 &&
	    (left = until - sys_monotonic()) > 0) {
		struct pollfd fds[PROC_FDS];
		int n = proc_poll(&w->react, fds);

		poll(fds, (nfds_t)n, (int)left);
	}
	proc_free(&w->react);
	w->reacting = false;
}
