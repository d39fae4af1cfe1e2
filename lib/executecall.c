/* execute: one message, waited for; and what was printed, as made messages. */
#include <poll.h>
#include <stdlib.h>

#include "execute.h"

static int call_process(const struct handler *h, const struct message *m,
    struct span line, const char *store, struct execute *out,
    struct es_err *err)
{
	struct pollfd fds[PROC_FDS];
	struct proc p;
	int r;

	if (execute_start(&p, h, m, line, 1, store, err) < 0)
		return -1;
	while ((r = proc_pump(&p, err)) > 0)
		poll(fds, (nfds_t)proc_poll(&p, fds), proc_timeout(&p));
	if (r == 0)
		r = execute_end(&p, true, out, err);
	proc_free(&p);
	return r;
}

static int call_stream(struct executing *e, const struct message *m,
    struct span line, struct execute *out, struct es_err *err)
{
	struct pollfd fds[PROC_FDS];
	void *tag;

	while (!execute_ready(e) && !execute_running(e))
		poll(fds, 0, execute_timeout(e));
	if (execute_put(e, m, line, true, NULL, err) < 0)
		return -1;
	for (;;) {
		if (execute_pump(e, err) < 0)
			return -1;
		if (execute_next(e, out, &tag))
			return 0;
		poll(fds, (nfds_t)execute_poll(e, fds), execute_timeout(e));
	}
}

int execute_call(const struct handler *h, struct executing *stream,
    const struct message *m, struct span line, const char *store,
    struct execute *out, struct es_err *err)
{
	int r;

	do {
		*out = (struct execute){0};
		r = stream ? call_stream(stream, m, line, out, err) :
		    call_process(h, m, line, store, out, err);
	} while (r == 0 && out->result == EXECUTE_AGAIN);
	if (r < 0)
		execute_free(out);
	return r;
}

int execute_finish(struct executing *e, struct es_err *err)
{
	struct pollfd fds[PROC_FDS];

	execute_stop(e);
	for (;;) {
		if (execute_pump(e, err) < 0)
			return -1;
		if (!execute_running(e))
			return 0;
		poll(fds, (nfds_t)execute_poll(e, fds), execute_timeout(e));
	}
}

int execute_made(struct span lines, struct message_scratch *scratch,
    struct arena *keep, struct made **out, size_t *n, struct es_err *err)
{
	struct span rest = lines, line;
	int64_t number = 0;
	struct draft d;
	size_t count = 1;

	while (execute_line(&rest, &number, &line))
		count++;
	*n = 0;
	*out = calloc(count, sizeof **out);
	if (!*out)
		return es_fail_nomem(err);
	for (number = 0; execute_line(&lines, &number, &line); ) {
		if (message_parse(scratch, line.p, line.n, 0, &d, err) < 0) {
			free(*out);
			*out = NULL;
			return es_err_at(err, "output line %lld",
			    (long long)number);
		}
		/* What was decoded goes with the next line. */
		(*out)[(*n)++] = (struct made){
		    .command = d.kind == KIND_COMMAND,
		    .type = arena_copy(keep, d.type), .payload = d.payload,
		    .metadata = d.metadata, .id = arena_copy(keep, d.id),
		    .tags = d.tags, .version = d.version,
		    .created_at = arena_copy(keep, d.created_at)};
	}
	return keep->failed ? es_fail_nomem(err) : 0;
}
