#include <errno.h>
#include <poll.h>
#include <stdlib.h>

#include "foldint.h"
#include "sys.h"

/* ---- memory ---- */

static void free_op(struct op *o)
{
	partition_free(&o->partition);
	buf_free(&o->key);
	buf_free(&o->message);
	buf_free(&o->place);
	jqrun_reply_free(&o->reply);
	free(o);
}

static struct op *new_op(enum jqrun_op kind, const struct partition *p,
    int64_t up_to, struct span message, void *tag, struct es_err *err)
{
	struct op *o = calloc(1, sizeof *o);

	if (!o) {
		es_fail_nomem(err);
		return NULL;
	}
	*o = (struct op){.kind = kind, .up_to = up_to, .tag = tag, .slot = -1};
	partition_print(p, &o->key);
	buf_add_span(&o->message, message);
	if (buf_check(&o->key, err) < 0 || buf_check(&o->message, err) < 0 ||
	    partition_copy(p, &o->partition, err) < 0) {
		free_op(o);
		return NULL;
	}
	return o;
}

static int open_fold(struct store *store, struct given *given,
    const struct handler *h, struct jqrun *j, struct fold **out,
    struct es_err *err)
{
	struct fold *f = calloc(1, sizeof *f);

	*out = NULL;
	if (!f)
		return es_fail_nomem(err);
	f->store = store;
	f->given = given;
	f->handler = h;
	f->jqrun = j;
	f->generation = jqrun_generation(j);
	f->looked = -1;
	f->last = &f->first;
	f->last_request = &f->first_request;
	if (slots_open(JQRUN_SLOTS, &f->slots, err) < 0 ||
	    (store && upcast_open(&f->upcast, err) < 0)) {
		slots_close(f->slots);
		free(f);
		return -1;
	}
	*out = f;
	return 0;
}

int fold_open(struct store *store, const struct handler *h, struct jqrun *j,
    struct fold **out, struct es_err *err)
{
	return open_fold(store, NULL, h, j, out, err);
}

int fold_open_given(struct given *given, const struct handler *h,
    struct jqrun *j, struct fold **out, struct es_err *err)
{
	return open_fold(NULL, given, h, j, out, err);
}

void fold_hide_private(struct fold *f)
{
	f->hides = true;
}

static void drop_requests(struct fold *f)
{
	struct request *r;

	while ((r = f->first_request)) {
		f->first_request = r->next;
		r->op->requests--;
		free(r);
	}
	f->last_request = &f->first_request;
}

static struct op *take_op(struct fold *f)
{
	struct op *o = f->first;

	f->first = o->next;
	if (!f->first)
		f->last = &f->first;
	if (o->slot >= 0)
		slots_set_busy(f->slots, o->slot, false);
	if (!o->abandoned)
		f->pending--;
	return o;
}

void fold_close(struct fold *f)
{
	if (!f)
		return;
	drop_requests(f);
	while (f->first)
		free_op(take_op(f));
	slots_close(f->slots);
	upcast_close(f->upcast);
	buf_free(&f->batch.text);
	buf_free(&f->shown);
	free(f);
}

void fold_result_free(struct fold_result *r)
{
	jqrun_reply_free(&r->reply);
	buf_free(&r->place);
	*r = (struct fold_result){0};
}

void fold_forget(struct fold *f)
{
	/* Those under way must not be kept either. */
	f->erasures++;
	slots_forget(f->slots);
}

size_t fold_pending(const struct fold *f)
{
	return f->pending;
}

/* ---- replies ---- */

/* "TYPE ID at POSITION". */
void fold_name_message(const struct message *m, struct buf *out)
{
	buf_add_span(out, m->type);
	buf_addc(out, ' ');
	buf_add_span(out, m->id);
	buf_addf(out, " at %lld", (long long)m->position);
}

/* By a find: store_get() would take the caller's message from under him. */
static void name_event(struct fold *f, int64_t position, struct buf *out)
{
	struct query_bounds b = QUERY_BOUNDS_ALL;
	struct query q = {.everything = true};
	struct find *find;
	struct message m;

	if (f->given) {
		fold_name_message(given_at(f->given, position), out);
		return;
	}
	b.after = position - 1;
	b.limit = 1;
	if (find_open(f->store, &q, &b, position, &find, NULL) < 0)
		return;
	if (find_next(find, &m, NULL) > 0)
		fold_name_message(&m, out);
	find_close(find);
}

static bool is_fault(const struct jqrun_reply *reply)
{
	return reply->result != JQ_OK && reply->result != JQ_REJECTED;
}

/* The reply belongs to the oldest request. */
static struct op *take_reply(struct fold *f, struct jqrun_reply *reply)
{
	struct request *r = f->first_request;
	struct op *o = r->op;

	f->first_request = r->next;
	if (!f->first_request)
		f->last_request = &f->first_request;
	o->requests--;
	if (reply->result == JQ_LOST)
		o->lost = true;
	if (o->answered || o->lost || (!r->final && !is_fault(reply))) {
		jqrun_reply_free(reply);
		free(r);
		return o;
	}
	o->answered = true;
	o->reply = *reply;
	*reply = (struct jqrun_reply){0};
	if (is_fault(&o->reply)) {
		if (o->reply.operation && o->reply.event < r->n &&
		    span_is(span_str(o->reply.operation), "evolve"))
			name_event(f, r->positions[o->reply.event], &o->place);
	} else if (o->erasures == f->erasures) {
		slots_set(f->slots, o->slot, o->up_to);
	}
	free(r);
	return o;
}

/* Take in what is there: 1 after a reply, 0 when there is none, -1. */
static int take_in(struct fold *f, struct es_err *err)
{
	struct jqrun_reply reply = {0};
	struct op *o;
	int r;

	if (!f->first_request)
		return 0;
	r = jqrun_next(f->jqrun, &reply, err);
	if (r <= 0)
		return r;
	o = take_reply(f, &reply);
	fold_check_generation(f);
	/*
	 * Each loss comes from a death that answered another operation, so
	 * this ends.  One that is being submitted sees to it itself.
	 */
	if (o->lost && o->submitted && !o->answered && o->requests == 0 &&
	    fold_submit_op(f, o, err) < 0)
		return -1;
	return 1;
}

int fold_wait(struct fold *f, int most_ms, struct es_err *err)
{
	int64_t until = sys_monotonic() + most_ms, left;
	struct pollfd fds[PROC_FDS];
	int n, r, timeout;

	while ((r = take_in(f, err)) == 0 && f->first_request) {
		timeout = jqrun_timeout(f->jqrun);
		left = until - sys_monotonic();
		if (most_ms >= 0 && left <= 0)
			return 0;
		if (most_ms >= 0 && (timeout < 0 || timeout > left))
			timeout = (int)left;
		n = jqrun_poll(f->jqrun, fds);
		if (poll(fds, (nfds_t)n, timeout) < 0 && errno != EINTR)
			return es_fail_errno(err, "poll");
	}
	return r;
}

/* ---- operations ---- */

/*
 * Two partitions of a handler with reads may read the same, and be under way
 * at once: each has a slot of its own then.
 */
static int take_slot(struct fold *f, const struct op *o)
{
	bool reads = partition_is_reads(f->handler, &o->partition);
	struct buf key = {0};
	int slot = -1, i = 0;

	if (!reads)
		return slots_take(f->slots, buf_span(&o->key));
	do {
		buf_truncate(&key, 0);
		buf_addf(&key, "%d", i++);
		buf_add_span(&key, buf_span(&o->key));
		slot = key.failed ? -1 :
		    slots_take(f->slots, buf_span(&key));
	} while (slot >= 0 && slots_busy(f->slots, slot));
	buf_free(&key);
	return slot;
}

int fold_submit(struct fold *f, enum jqrun_op kind, const struct partition *p,
    int64_t up_to, struct span message, void *tag, struct es_err *err)
{
	struct op *o = new_op(kind, p, up_to, message, tag, err);

	if (!o)
		return -1;
	o->slot = take_slot(f, o);
	if (o->slot < 0 || slots_busy(f->slots, o->slot)) {
		es_fail(err, ES_FAILED, o->slot < 0 ?
		    "%s: too many operations at once" :
		    "%s: a second operation on one partition",
		    f->handler->name);
		free_op(o);
		return -1;
	}
	slots_set_busy(f->slots, o->slot, true);
	*f->last = o;
	f->last = &o->next;
	f->pending++;
	if (fold_submit_op(f, o, err) == 0)
		return 0;
	/* It is the last one; its requests, if any, still get replies. */
	o->abandoned = o->answered = true;
	f->pending--;
	return -1;
}

int fold_next(struct fold *f, struct fold_result *out, struct es_err *err)
{
	struct op *o;
	int r;

	*out = (struct fold_result){0};
	for (;;) {
		while ((o = f->first) && o->answered && o->requests == 0) {
			take_op(f);
			if (o->abandoned) {
				free_op(o);
				continue;
			}
			out->reply = o->reply;
			out->place = o->place;
			out->read_at = o->up_to;
			out->tag = o->tag;
			o->reply = (struct jqrun_reply){0};
			o->place = (struct buf){0};
			free_op(o);
			return 1;
		}
		r = take_in(f, err);
		if (r <= 0)
			return r;
	}
}

int fold_call(struct fold *f, enum jqrun_op op, const struct partition *p,
    int64_t up_to, struct span message, struct fold_result *out,
    struct es_err *err)
{
	int r;

	*out = (struct fold_result){0};
	if (fold_submit(f, op, p, up_to, message, NULL, err) < 0)
		return -1;
	while ((r = fold_next(f, out, err)) == 0)
		if (fold_wait(f, -1, err) < 0)
			return -1;
	return r < 0 ? -1 : 0;
}
