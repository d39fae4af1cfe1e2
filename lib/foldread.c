/* fold: reading the log, and the requests to the worker. */
#include <stdlib.h>

#include "foldint.h"

/* ---- requests ---- */

/* A worker that was started again has no states. */
void fold_check_generation(struct fold *f)
{
	unsigned now = jqrun_generation(f->jqrun);

	if (now == f->generation)
		return;
	f->generation = now;
	slots_forget(f->slots);
}

static void empty_batch(struct batch *b)
{
	b->n = 0;
	buf_truncate(&b->text, 0);
}

static int submit_request(struct fold *f, struct op *o, bool final,
    bool fresh, struct es_err *err)
{
	struct batch *b = &f->batch;
	struct jqrun_request q = {.op = final ? o->kind : JQ_FOLD,
	    .slot = (unsigned)o->slot, .fresh = fresh,
	    .partition = fresh ? buf_span(&o->key) : SPAN_NONE,
	    .events = b->events, .n_events = b->n,
	    .message = final && o->kind != JQ_STATE ? buf_span(&o->message) :
	    SPAN_NONE};
	struct request *r = malloc(sizeof *r + b->n * sizeof *r->positions);
	const char *p = b->text.p;
	size_t i;

	if (!r)
		return es_fail_nomem(err);
	*r = (struct request){.op = o, .final = final, .n = b->n};
	for (i = 0; i < b->n; i++) {
		r->positions[i] = b->positions[i];
		b->events[i].p = p;
		p += b->events[i].n;
	}
	if (buf_check(&b->text, err) < 0 ||
	    jqrun_submit(f->jqrun, &q, err) < 0) {
		free(r);
		return -1;
	}
	*f->last_request = r;
	f->last_request = &r->next;
	o->requests++;
	empty_batch(b);
	return 0;
}

/* ---- reading ---- */

static void add_event(struct batch *b, int64_t position, struct span line)
{
	b->events[b->n].n = line.n;
	b->positions[b->n++] = position;
	buf_add_span(&b->text, line);
}

static bool batch_full(const struct batch *b)
{
	return b->n == BATCH_EVENTS || b->text.n >= BATCH_BYTES;
}

/* No more of it needs to be read. */
static bool stopped(const struct op *o)
{
	return o->answered || o->lost;
}

/* A full batch goes ahead.  *fresh: this is the first request. */
static int send_batch(struct fold *f, struct op *o, bool *fresh,
    struct es_err *err)
{
	if (submit_request(f, o, false, *fresh, err) < 0)
		return -1;
	*fresh = false;
	/* Who waits holds no snapshot; the next page has its own. */
	if (f->store)
		db_read_end(store_db(f->store));
	/* The batch is empty now: others may be submitted again meanwhile. */
	while (o->requests > BATCHES_AHEAD && !stopped(o))
		if (fold_wait(f, -1, err) < 0)
			return -1;
	return 0;
}

static int read_given(struct fold *f, struct op *o, const struct query *q,
    int64_t after, bool *fresh, struct es_err *err)
{
	int64_t p;

	for (p = after + 1; p <= o->up_to && !stopped(o); p++) {
		if (!given_match(f->given, p, q))
			continue;
		if (batch_full(&f->batch) &&
		    send_batch(f, o, fresh, err) < 0)
			return -1;
		add_event(&f->batch, p, given_line(f->given, p));
	}
	return 0;
}

static int hide_private(struct fold *f, struct message *m, struct es_err *err)
{
	const struct catalog_entry *e =
	    catalog_find(store_catalog(f->store), m->type);

	buf_truncate(&f->shown, 0);
	if (!e || catalog_public(e, m->payload, &f->shown) == 0)
		return 0;
	m->payload = buf_span(&f->shown);
	return buf_check(&f->shown, err);
}

/* The operation's answer, before the worker has had all of it. */
static void fail_upcast(struct fold *f, struct op *o, const struct message *m)
{
	struct jqrun_reply *reply = &o->reply;

	jqrun_reply_free(reply);
	reply->result = JQ_FAULT;
	reply->operation = "upcast";
	buf_adds(&reply->text, upcast_fault(f->upcast));
	reply->reason = buf_span(&reply->text);
	fold_name_message(m, &o->place);
	o->answered = true;
}

static int read_found(struct fold *f, struct op *o, struct find *find,
    bool *fresh, struct es_err *err)
{
	struct batch *b = &f->batch;
	struct message m;
	int r = 0;

	while (!stopped(o) && (r = find_next(find, &m, err)) > 0) {
		size_t from;

		if (m.erased_at)
			continue;
		if (batch_full(b) && send_batch(f, o, fresh, err) < 0)
			return -1;
		r = upcast_message(f->upcast, store_catalog(f->store), &m,
		    err);
		if (r == UPCAST_FAULT) {
			fail_upcast(f, o, &m);
			r = 0;
			break;
		}
		if (r < 0)
			return -1;
		if (f->hides && hide_private(f, &m, err) < 0)
			return -1;
		from = b->text.n;
		message_print(&b->text, &m);
		if (buf_check(&b->text, err) < 0)
			return -1;
		buf_truncate(&b->text, b->text.n - 1);
		b->events[b->n].n = b->text.n - from;
		b->positions[b->n++] = m.position;
	}
	return r < 0 ? -1 : 0;
}

static int read_events(struct fold *f, struct op *o, int64_t after,
    bool *fresh, struct es_err *err)
{
	struct query_bounds bounds = QUERY_BOUNDS_ALL;
	struct query q = {0};
	struct find *find;
	int r;

	if (o->up_to <= after || f->handler->scan.evolves.n == 0)
		return 0;
	if (partition_query(f->handler, &o->partition, &q, err) < 0)
		return -1;
	bounds.after = after;
	if (f->given) {
		r = read_given(f, o, &q, after, fresh, err);
	} else {
		r = find_open(f->store, &q, &bounds, o->up_to, &find, err);
		if (r == 0)
			r = read_found(f, o, find, fresh, err);
		find_close(find);
	}
	query_free(&q);
	return r;
}

/* ---- operations ---- */

/*
 * A state may hold a message that was erased since; which one is not worth
 * knowing.  Only what is committed counts: a transaction may be rolled back.
 */
static int forget_erased(struct fold *f, struct es_err *err)
{
	struct store *s = f->store;
	int64_t head = store_before(s);
	bool any = false;

	if (!store_db(s)->writing && store_head(s, &head, err) < 0)
		return -1;
	if (f->looked >= 0 && find_erased(s, f->looked, head, &any, err) < 0)
		return -1;
	f->looked = head;
	if (any) {
		f->erasures++;
		slots_forget(f->slots);
	}
	return 0;
}

static int submit_once(struct fold *f, struct op *o, struct es_err *err)
{
	int64_t after;
	bool fresh;

	fold_check_generation(f);
	/* States may have been folded by other upcasts. */
	if (f->store && store_catalog_at(f->store) != f->catalog_at) {
		f->catalog_at = store_catalog_at(f->store);
		fold_forget(f);
	}
	if (f->store && forget_erased(f, err) < 0)
		return -1;
	o->erasures = f->erasures;
	after = slots_position(f->slots, o->slot);
	fresh = after < 0 || after > o->up_to;
	o->lost = false;
	slots_set(f->slots, o->slot, -1);
	if (read_events(f, o, fresh ? 0 : after, &fresh, err) < 0 ||
	    (!stopped(o) && submit_request(f, o, true, fresh, err) < 0)) {
		empty_batch(&f->batch);
		return -1;
	}
	empty_batch(&f->batch);
	/* When it was lost on the way, what is under way is lost as well. */
	while (o->lost && !o->answered && o->requests > 0)
		if (fold_wait(f, -1, err) < 0)
			return -1;
	return 0;
}

int fold_submit_op(struct fold *f, struct op *o, struct es_err *err)
{
	int r;

	o->submitted = false;
	do
		r = submit_once(f, o, err);
	while (r == 0 && o->lost && !o->answered);
	o->submitted = true;
	return r;
}
