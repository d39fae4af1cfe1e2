#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "replayimpl.h"

static struct run *run_at(struct replay *r, size_t i)
{
	return &r->runs[i % REPLAY_AHEAD];
}

/* ---- memory ---- */

/* Memory that it will need again stays. */
static void forget(struct half *h)
{
	free(h->answer.made);
	fold_result_free(&h->result);
	h->answer = (struct replay_answer){0};
	buf_truncate(&h->text, 0);
	buf_truncate(&h->key, 0);
	arena_reset(&h->payloads);
	h->submitted = h->done = false;
}

int replay_open(struct store *store,
    const struct replay_version versions[REPLAY_SIDES], struct replay **out,
    struct es_err *err)
{
	struct replay *r = calloc(1, sizeof *r);
	size_t s;

	*out = NULL;
	if (!r)
		return es_fail_nomem(err);
	r->store = store;
	if (upcast_open(&r->upcast, err) < 0) {
		replay_close(r);
		return -1;
	}
	for (s = 0; s < REPLAY_SIDES; s++) {
		r->sides[s].handler = versions[s].handler;
		r->sides[s].jqrun = versions[s].jqrun;
		if (fold_open(store, versions[s].handler, versions[s].jqrun,
		    &r->sides[s].fold, err) < 0) {
			replay_close(r);
			return -1;
		}
	}
	*out = r;
	return 0;
}

void replay_close(struct replay *r)
{
	size_t i, s;

	if (!r)
		return;
	for (s = 0; s < REPLAY_SIDES; s++)
		fold_close(r->sides[s].fold);
	upcast_close(r->upcast);
	for (i = 0; i < REPLAY_AHEAD; i++) {
		struct run *run = &r->runs[i];

		for (s = 0; s < REPLAY_SIDES; s++) {
			forget(&run->halves[s]);
			buf_free(&run->halves[s].key);
			buf_free(&run->halves[s].text);
			arena_free(&run->halves[s].payloads);
		}
		buf_free(&run->line);
		buf_free(&run->shown);
		buf_free(&run->fault);
		message_scratch_free(&run->scratch);
	}
	message_scratch_free(&r->scratch);
	buf_free(&r->payload);
	free(r->chosen);
	free(r);
}

int64_t replay_total(const struct replay *r)
{
	return (int64_t)r->n;
}

int64_t replay_erased(const struct replay *r)
{
	return r->erased;
}

/* ---- commands on their way ---- */

/* The command as its decider is given it. */
static int show_run(struct replay *r, struct run *run, struct message *m,
    struct es_err *err)
{
	int bad = upcast_message(r->upcast, store_catalog(r->store), m, err);

	buf_truncate(&run->fault, 0);
	if (bad == UPCAST_FAULT) {
		buf_addf(&run->fault, "upcast: %.*s %.*s at %lld: %s",
		    (int)m->type.n, m->type.p, (int)m->id.n, m->id.p,
		    (long long)m->position, upcast_fault(r->upcast));
		return buf_check(&run->fault, err);
	}
	if (bad < 0)
		return -1;
	buf_truncate(&run->shown, 0);
	message_print(&run->shown, m);
	if (buf_check(&run->shown, err) < 0)
		return -1;
	buf_truncate(&run->shown, run->shown.n - 1);
	return 0;
}

static int load_run(struct replay *r, struct run *run,
    const struct chosen *chosen, struct es_err *err)
{
	struct message m;
	int got = store_get(r->store, chosen->position, &m, err);
	size_t s;

	if (got <= 0)
		return got < 0 ? -1 : es_fail(err, ES_FAILED, "%s: message "
		    "%lld is gone", store_path(r->store),
		    (long long)chosen->position);
	run->position = chosen->position;
	run->read_at = chosen->read_at;
	buf_truncate(&run->line, 0);
	message_print(&run->line, &m);
	if (buf_check(&run->line, err) < 0)
		return -1;
	buf_truncate(&run->line, run->line.n - 1);
	if (show_run(r, run, &m, err) < 0)
		return -1;
	for (s = 0; s < REPLAY_SIDES; s++)
		forget(&run->halves[s]);
	return message_parse_stored(&run->scratch, run->line.p, run->line.n,
	    &run->message, err);
}

static int load(struct replay *r, struct es_err *err)
{
	for (; r->loaded < r->n && r->loaded - r->first < REPLAY_AHEAD;
	    r->loaded++)
		if (load_run(r, run_at(r, r->loaded), &r->chosen[r->loaded],
		    err) < 0)
			return -1;
	return 0;
}

/* A state is one command's at a time. */
static bool under_way(struct replay *r, size_t side, struct span key)
{
	size_t i;

	for (i = r->first; i < r->sides[side].next; i++) {
		const struct half *h = &run_at(r, i)->halves[side];

		if (h->submitted && !h->done && span_eq(buf_span(&h->key), key))
			return true;
	}
	return false;
}

/* 1, or 0 when it has to wait. */
static int submit_reading(struct replay *r, size_t side, struct run *run,
    const struct partition *p, struct es_err *err)
{
	struct half *h = &run->halves[side];

	buf_truncate(&h->key, 0);
	partition_print(p, &h->key);
	if (buf_check(&h->key, err) < 0)
		return -1;
	if (under_way(r, side, buf_span(&h->key)))
		return 0;
	h->submitted = true;
	return fold_submit(r->sides[side].fold, JQ_DECIDE, p, run->read_at,
	    buf_span(&run->shown), run, err) < 0 ? -1 : 1;
}

static int submit_run(struct replay *r, size_t side, struct run *run,
    struct es_err *err)
{
	const struct handler *handler = r->sides[side].handler;
	struct half *h = &run->halves[side];
	struct partition p;
	int done = 1;

	if (!query_type_in(handler->scan.decides.v, handler->scan.decides.n,
	    run->message.type)) {
		h->done = true;
		return 1;
	}
	if (run->fault.n) {
		replay_fault(h, buf_span(&run->fault));
		h->done = true;
		return buf_check(&h->text, err) < 0 ? -1 : 1;
	}
	if (decide_partition(r->store, handler, &run->message, &p, &h->text,
	    err) < 0)
		return -1;
	if (h->text.n) {
		h->answer.kind = REPLAY_REJECTED;
		h->answer.reason = buf_span(&h->text);
		h->done = true;
	} else {
		done = submit_reading(r, side, run, &p, err);
	}
	partition_free(&p);
	return done;
}

static int submit(struct replay *r, size_t side, bool *moved,
    struct es_err *err)
{
	struct side *s = &r->sides[side];
	int done = 1;

	while (s->next < r->loaded &&
	    (done = submit_run(r, side, run_at(r, s->next), err)) > 0) {
		s->next++;
		*moved = true;
	}
	return done < 0 ? -1 : 0;
}

static int take_results(struct replay *r, size_t side, bool *moved,
    struct es_err *err)
{
	struct side *s = &r->sides[side];
	struct fold_result result;
	int got;

	while ((got = fold_next(s->fold, &result, err)) > 0) {
		struct run *run = result.tag;

		run->halves[side].result = result;
		*moved = true;
		if (replay_answer_result(r, side, run, err) < 0)
			return -1;
	}
	return got;
}

static bool first_done(struct replay *r)
{
	const struct run *run = run_at(r, r->first);

	return r->first < r->loaded && run->halves[REPLAY_OLD].done &&
	    run->halves[REPLAY_NEW].done;
}

static int wait_for_workers(struct replay *r, struct es_err *err)
{
	struct pollfd fds[REPLAY_SIDES * PROC_FDS];
	int n = 0, timeout = -1, t;
	size_t s;

	for (s = 0; s < REPLAY_SIDES; s++) {
		if (fold_pending(r->sides[s].fold) == 0)
			continue;
		n += jqrun_poll(r->sides[s].jqrun, fds + n);
		t = jqrun_timeout(r->sides[s].jqrun);
		if (t >= 0 && (timeout < 0 || t < timeout))
			timeout = t;
	}
	if (poll(fds, (nfds_t)n, timeout) < 0 && errno != EINTR)
		return es_fail_errno(err, "poll");
	return 0;
}

/* Until the first one is answered by both. */
static int work(struct replay *r, struct es_err *err)
{
	bool moved;
	size_t s;

	if (load(r, err) < 0)
		return -1;
	while (!first_done(r) && r->first < r->loaded) {
		moved = false;
		for (s = 0; s < REPLAY_SIDES; s++)
			if (submit(r, s, &moved, err) < 0 ||
			    take_results(r, s, &moved, err) < 0)
				return -1;
		/* What has come may let others go on. */
		if (!moved && wait_for_workers(r, err) < 0)
			return -1;
	}
	return 0;
}

int replay_next(struct replay *r, struct replayed *out, struct es_err *err)
{
	struct run *run;

	if (r->given)
		r->first++;
	r->given = false;
	if (!first_done(r) && work(r, err) < 0)
		return -1;
	if (r->first == r->n)
		return 0;
	run = run_at(r, r->first);
	r->given = true;
	*out = (struct replayed){.command = &run->message,
	    .read_at = run->read_at,
	    .answers = {&run->halves[REPLAY_OLD].answer,
	    &run->halves[REPLAY_NEW].answer}};
	return replay_compare(run, &out->differ, err) < 0 ? -1 : 1;
}
