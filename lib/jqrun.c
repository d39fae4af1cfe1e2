#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hash.h"
#include "jqrunint.h"
#include "sys.h"

#define COMPILE_MS 60000	/* a compiler that takes longer hangs */
#define START_MS 10000		/* a worker that has not begun by then hangs */
#define GRACE_MS 200		/* the worker ends itself before we do */
#define START_TRIES 3

struct nursery {		/* shared by the clones */
	int references;
	struct jqprogram program;
	struct proc proc;
	pid_t owner;
};

struct pending {
	uint64_t sequence;
	uint64_t end;		/* of its frame, in bytes queued so far */
	int deadline_ms;
	uint64_t n_events;
	bool failed;		/* the worker died: */
	enum jqrun_result result;
	enum jq_death death;
	int signal;
	enum jq_operation operation;
	uint64_t event;
};

struct jqrun {
	struct nursery *nursery;
	int deadline_ms;
	unsigned generation;
	struct proc worker;
	bool running;
	struct jqprogress *page;
	int starts;		/* since the last reply */
	/*
	 * Requests under way: a queue in an array.  The first `settled` of
	 * them have failed or have their reply in `in`; the others are the
	 * running worker's.
	 */
	struct pending *queue;
	size_t first, n, cap, settled;
	uint64_t sequence, queued;
	int64_t waiting_since;	/* for the reply to the first unsettled */
	struct buf in;		/* replies, from `taken` */
	size_t taken, complete;	/* up to here in full */
};

static const char *const operations[] = {[OP_NONE] = "",
    [OP_INITIAL] = "initial", [OP_EVOLVE] = "evolve", [OP_DECIDE] = "decide",
    [OP_REACT] = "react", [OP_ABOUT] = "about"};

/* ---- the nursery ---- */

static void wait_for(struct proc *p, int64_t until)
{
	struct pollfd fds[PROC_FDS];
	int64_t left = until - sys_monotonic();
	int timeout = left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;

	poll(fds, (nfds_t)proc_poll(p, fds), timeout);
}

/* What the compiler said: 0 when it is content. */
static int hear_compiler(struct nursery *n, struct es_err *err)
{
	int64_t until = sys_monotonic() + COMPILE_MS;
	struct buf *in = &n->proc.received;
	uint64_t length = 0;
	int r;

	for (;;) {
		r = proc_pump(&n->proc, err);
		if (r < 0)
			return -1;
		if (in->n >= sizeof length) {
			memcpy(&length, in->p, sizeof length);
			if (in->n >= sizeof length + length)
				break;
		}
		if (r == 0 || sys_monotonic() > until)
			return es_fail(err, ES_FAILED, "%s: jq's compiler %s",
			    n->program.file, r == 0 ? "crashed" : "hangs");
		wait_for(&n->proc, until);
	}
	if (length == 0)
		return 0;
	return es_fail(err, ES_FAILED, "%.*s", (int)length,
	    in->p + sizeof length);
}

static int nursery_start(struct nursery *n, struct es_err *err)
{
	proc_free(&n->proc);
	n->owner = getpid();
	if (proc_worker(&n->proc, jqnursery, &n->program, n->program.memory,
	    err) < 0)
		return -1;
	return hear_compiler(n, err);
}

static void nursery_drop(struct nursery *n)
{
	if (!n || --n->references > 0)
		return;
	/* In a fork of its owner it is not ours to kill. */
	n->proc.is_foreign |= n->owner != getpid();
	if (n->proc.is_foreign)
		n->proc.pid = 0;
	proc_free(&n->proc);
	free(n->program.file);
	buf_free(&n->program.text);
	free(n);
}

static size_t count_lines(struct span text)
{
	size_t i, n = 0;

	for (i = 0; i < text.n; i++)
		n += text.p[i] == '\n' || i + 1 == text.n;
	return n ? n : 1;
}

static struct nursery *nursery_new(const char *file, struct span text,
    char *const *defs, unsigned ops, size_t memory, struct es_err *err)
{
	struct nursery *n = calloc(1, sizeof *n);
	struct buf hex = {0};
	unsigned char random[16];

	if (!n) {
		es_fail_nomem(err);
		return NULL;
	}
	n->references = 1;
	n->program = (struct jqprogram){.file = strdup(file),
	    .lines = count_lines(text), .ops = ops, .memory = memory};
	if (hash_random(random, sizeof random, err) < 0) {
		nursery_drop(n);
		return NULL;
	}
	hash_hex(&hex, random, sizeof random);
	snprintf(n->program.key, sizeof n->program.key, "_es_%s", hex.p);
	buf_free(&hex);
	jqprogram(&n->program.text, n->program.key, text, defs, ops);
	if (!n->program.file || n->program.text.failed) {
		es_fail_nomem(err);
		nursery_drop(n);
		return NULL;
	}
	return n;
}

/* ---- the worker ---- */

static int open_page(struct jqrun *jq, int *fd, struct es_err *err)
{
	void *page;

#ifdef MFD_CLOEXEC
	*fd = memfd_create("es-jq", MFD_CLOEXEC);
	if (*fd < 0)
#endif
		if (sys_tempfile(fd, err) < 0)
			return -1;
	page = ftruncate(*fd, sizeof *jq->page) < 0 ? MAP_FAILED :
	    mmap(NULL, sizeof *jq->page, PROT_READ | PROT_WRITE, MAP_SHARED,
	    *fd, 0);
	if (page == MAP_FAILED) {
		es_fail_errno(err, "shared memory");
		close(*fd);
		return -1;
	}
	jq->page = page;
	return 0;
}

static void close_page(struct jqrun *jq)
{
	if (jq->page)
		munmap(jq->page, sizeof *jq->page);
	jq->page = NULL;
}

static int ask(struct jqrun *jq, int fds[2], int page, struct es_err *err)
{
	struct nursery *n = jq->nursery;

	if (jqnursery_ask(n->proc.in, fds[1], page) < 0 &&
	    (nursery_start(n, err) < 0 ||
	    jqnursery_ask(n->proc.in, fds[1], page) < 0))
		return es_fail(err, ES_FAILED, "%s: cannot start a jq process",
		    n->program.file);
	return 0;
}

static int start(struct jqrun *jq, struct es_err *err)
{
	int fds[2], page, r;

	if (jq->starts++ >= START_TRIES)
		return es_fail(err, ES_FAILED,
		    "%s: the jq process does not stay alive",
		    jq->nursery->program.file);
	if (open_page(jq, &page, err) < 0)
		return -1;
	if (proc_socketpair(fds, err) < 0) {
		close(page);
		close_page(jq);
		return -1;
	}
	r = ask(jq, fds, page, err);
	close(fds[1]);
	close(page);
	if (r < 0 || proc_attach(&jq->worker, fds[0], 0, err) < 0) {
		close(fds[0]);
		close_page(jq);
		return -1;
	}
	jq->running = true;
	jq->queued = 0;
	jq->waiting_since = sys_monotonic();
	return 0;
}

static void stop(struct jqrun *jq)
{
	proc_free(&jq->worker);
	close_page(jq);
	jq->running = false;
	jq->generation++;
}

/* ---- deaths ---- */

static struct pending *waiting(struct jqrun *jq, size_t i)
{
	return i < jq->n ? &jq->queue[jq->first + i] : NULL;
}

/* Settle the requests whose replies have come in full. */
static void settle(struct jqrun *jq)
{
	uint64_t size;

	while (jq->in.n - jq->complete >= sizeof size) {
		memcpy(&size, jq->in.p + jq->complete, sizeof size);
		if (jq->in.n - jq->complete < size)
			break;
		jq->complete += (size_t)size;
		jq->settled++;
		jq->waiting_since = sys_monotonic();
		jq->starts = 0;
	}
}

static void blame(struct jqrun *jq, struct pending *p)
{
	p->death = (enum jq_death)atomic_load(&jq->page->death);
	p->signal = atomic_load(&jq->page->signal);
	p->operation = (enum jq_operation)atomic_load(&jq->page->operation);
	p->event = atomic_load(&jq->page->event);
	if (jq->worker.timed_out)
		p->death = DEATH_DEADLINE;
	p->result = p->death == DEATH_DEADLINE ? JQ_DEADLINE :
	    p->death == DEATH_MEMORY ? JQ_MEMORY : JQ_CRASH;
}

/*
 * The worker is dead: the request that it was working on is the culprit, the
 * others are lost.  When it had not begun with the first that is unanswered
 * (somebody killed it), that one is lost too.
 */
static void died(struct jqrun *jq)
{
	struct pending *culprit = waiting(jq, jq->settled);

	if (culprit && jq->page->sequence == culprit->sequence)
		blame(jq, culprit);
	else if (culprit)
		culprit->result = JQ_LOST;
	for (; jq->settled < jq->n; jq->settled++) {
		struct pending *p = waiting(jq, jq->settled);

		p->failed = true;
		if (p != culprit)
			p->result = JQ_LOST;
	}
	/* Half a reply is none. */
	buf_truncate(&jq->in, jq->complete);
	stop(jq);
}

static void describe_death(const struct pending *p, struct buf *out)
{
	switch (p->death) {
	case DEATH_DEADLINE:
		buf_addf(out, "no answer after %d ms (killed)",
		    2 * p->deadline_ms);
		break;
	case DEATH_MEMORY:
		buf_adds(out, "it reached the memory limit");
		break;
	case DEATH_STACK:
		buf_adds(out, "jq crashed: stack overflow (a value that is "
		    "nested too deeply?)");
		break;
	case DEATH_SIGNAL:
		buf_addf(out, "jq crashed (signal %d)", p->signal);
		break;
	default:
		buf_adds(out, "the jq process was killed");
	}
}

/* When to give up on the request under way, if the worker does not itself. */
static void set_hard_deadline(struct jqrun *jq)
{
	const struct pending *p = waiting(jq, jq->settled);

	jq->worker.deadline = 0;
	if (!p || !jq->running)
		return;
	if (jq->worker.pid == 0)
		jq->worker.pid = atomic_load(&jq->page->pid);
	if (jq->queued - (jq->worker.send.n - jq->worker.sent) < p->end)
		return;			/* it has not got it yet */
	jq->worker.deadline = 2 * p->deadline_ms +
	    (atomic_load(&jq->page->sequence) == p->sequence ?
	    atomic_load(&jq->page->began) + GRACE_MS :
	    jq->waiting_since + START_MS);
}

/* Move bytes; notice a death. */
static int pump(struct jqrun *jq, struct es_err *err)
{
	int r;

	if (!jq->running)
		return 0;
	set_hard_deadline(jq);
	r = proc_pump(&jq->worker, err);
	buf_add_span(&jq->in, buf_span(&jq->worker.received));
	buf_truncate(&jq->worker.received, 0);
	if (jq->in.failed || jq->worker.send.failed)
		return es_fail_nomem(err);
	settle(jq);
	if (r == 0)
		died(jq);
	else
		set_hard_deadline(jq);
	return r < 0 ? -1 : 0;
}

/* ---- requests ---- */

static struct pending *add_pending(struct jqrun *jq)
{
	if (jq->first > 0 && jq->first + jq->n == jq->cap) {
		memmove(jq->queue, jq->queue + jq->first,
		    jq->n * sizeof *jq->queue);
		jq->first = 0;
	}
	if (jq->first + jq->n == jq->cap) {
		size_t cap = jq->cap ? jq->cap * 2 : 16;
		struct pending *v = realloc(jq->queue, cap * sizeof *v);

		if (!v)
			return NULL;
		jq->queue = v;
		jq->cap = cap;
	}
	return &jq->queue[jq->first + jq->n++];
}

static uint64_t length(struct span s, struct jqframe_request *f)
{
	f->size += s.p ? s.n : 0;
	return s.p ? s.n : JQ_ABSENT;
}

static void write_request(struct jqrun *jq, const struct jqrun_request *r)
{
	struct buf *out = &jq->worker.send;
	struct jqframe_request f = {.size = sizeof f +
	    r->n_events * sizeof(uint64_t), .sequence = ++jq->sequence,
	    .op = r->op, .slot = r->slot, .deadline_ms = jq->deadline_ms,
	    .fresh = r->fresh, .n_events = r->n_events};
	size_t i;

	f.partition = length(r->fresh ? r->partition : SPAN_NONE, &f);
	f.state = length(r->fresh ? r->state : SPAN_NONE, &f);
	f.message = length(r->message, &f);
	for (i = 0; i < r->n_events; i++)
		f.size += r->events[i].n;
	/* What was sent makes room, but not for every request. */
	if (jq->worker.sent > 65536 && jq->worker.sent > out->n / 2) {
		memmove(out->p, out->p + jq->worker.sent,
		    out->n - jq->worker.sent);
		buf_truncate(out, out->n - jq->worker.sent);
		jq->worker.sent = 0;
	}
	buf_add(out, &f, sizeof f);
	for (i = 0; i < r->n_events; i++) {
		uint64_t n = r->events[i].n;

		buf_add(out, &n, sizeof n);
	}
	if (r->fresh) {
		buf_add_span(out, r->partition);
		buf_add_span(out, r->state);
	}
	buf_add_span(out, r->message);
	for (i = 0; i < r->n_events; i++)
		buf_add_span(out, r->events[i]);
	jq->queued += f.size;
}

int jqrun_submit(struct jqrun *jq, const struct jqrun_request *r,
    struct es_err *err)
{
	struct pending *p;

	if (jq->running && pump(jq, err) < 0)
		return -1;
	if (!jq->running && start(jq, err) < 0)
		return -1;
	p = add_pending(jq);
	if (!p)
		return es_fail_nomem(err);
	write_request(jq, r);
	*p = (struct pending){.sequence = jq->sequence, .end = jq->queued,
	    .deadline_ms = jq->deadline_ms, .n_events = r->n_events};
	if (jq->n == jq->settled + 1)
		jq->waiting_since = sys_monotonic();
	return pump(jq, err);
}

/* ---- replies ---- */

static struct span take(const char **p, uint64_t n)
{
	struct span s = {*p, (size_t)n};

	if (n == JQ_ABSENT)
		return SPAN_NONE;
	*p += n;
	return s;
}

static int read_outputs(const struct jqframe_reply *f, const char **p,
    struct jqrun_reply *out, struct es_err *err)
{
	const char *text = *p + f->n_outputs * sizeof(struct jqframe_output);
	size_t i;

	if (f->n_outputs > out->cap) {
		struct jqrun_output *v = realloc(out->outputs,
		    (size_t)f->n_outputs * sizeof *v);

		if (!v)
			return es_fail_nomem(err);
		out->outputs = v;
		out->cap = (size_t)f->n_outputs;
	}
	for (i = 0; i < f->n_outputs; i++) {
		struct jqframe_output o;

		memcpy(&o, *p + i * sizeof o, sizeof o);
		out->outputs[i] = (struct jqrun_output){.command = o.command,
		    .type = take(&text, o.type),
		    .payload = take(&text, o.payload),
		    .metadata = take(&text, o.metadata)};
	}
	out->n_outputs = (size_t)f->n_outputs;
	*p = text;
	return 0;
}

static void clear_reply(struct jqrun_reply *out)
{
	out->n_outputs = 0;
	out->state = out->reason = out->detail = SPAN_NONE;
	out->operation = "";
	out->event = 0;
	buf_truncate(&out->text, 0);
}

static int read_reply(const char *frame, int deadline_ms,
    struct jqrun_reply *out, struct es_err *err)
{
	struct jqframe_reply f;
	const char *p;

	memcpy(&f, frame, sizeof f);
	buf_add(&out->text, frame + sizeof f, (size_t)f.size - sizeof f);
	p = buf_span(&out->text).p;
	if (buf_check(&out->text, err) < 0 ||
	    read_outputs(&f, &p, out, err) < 0)
		return -1;
	out->result = (enum jqrun_result)f.result;
	out->operation = operations[f.operation];
	out->event = (size_t)f.event;
	if (f.state > 0)
		out->state = take(&p, f.state);
	out->reason = take(&p, f.reason);
	out->detail = take(&p, f.detail);
	if (out->result == JQ_DEADLINE) {
		buf_truncate(&out->text, 0);
		buf_addf(&out->text, "no answer after %d ms", deadline_ms);
		out->reason = buf_span(&out->text);
	}
	return 0;
}

static void failed_reply(const struct pending *p, struct jqrun_reply *out)
{
	out->result = p->result;
	if (p->result == JQ_LOST)
		buf_adds(&out->text, "the jq process ended before it was done");
	else {
		describe_death(p, &out->text);
		out->operation = operations[p->operation];
		out->event = (size_t)p->event;
	}
	out->reason = buf_span(&out->text);
}

static void taken(struct jqrun *jq, size_t n)
{
	jq->taken += n;
	if (jq->taken < jq->in.n && jq->taken < jq->in.n / 2 + 65536)
		return;
	memmove(jq->in.p, jq->in.p + jq->taken, jq->in.n - jq->taken);
	buf_truncate(&jq->in, jq->in.n - jq->taken);
	jq->complete -= jq->taken;
	jq->taken = 0;
}

/* The first reply, if it is there: 1, 0, -1. */
static int take_reply(struct jqrun *jq, struct jqrun_reply *out,
    struct es_err *err)
{
	struct pending *p = waiting(jq, 0);
	uint64_t size;

	clear_reply(out);
	if (jq->settled == 0)
		return 0;
	if (p->failed) {
		failed_reply(p, out);
	} else {
		memcpy(&size, jq->in.p + jq->taken, sizeof size);
		if (read_reply(jq->in.p + jq->taken, p->deadline_ms, out,
		    err) < 0)
			return -1;
		taken(jq, (size_t)size);
	}
	jq->first++;
	jq->n--;
	jq->settled--;
	if (jq->n == 0)
		jq->first = 0;
	return 1;
}

int jqrun_next(struct jqrun *jq, struct jqrun_reply *out, struct es_err *err)
{
	int r;

	if (jq->n == 0)
		return 0;
	r = take_reply(jq, out, err);
	if (r != 0)
		return r;
	if (pump(jq, err) < 0)
		return -1;
	return take_reply(jq, out, err);
}

int jqrun_poll(const struct jqrun *jq, struct pollfd *fds)
{
	return jq->running ? proc_poll(&jq->worker, fds) : 0;
}

int jqrun_timeout(const struct jqrun *jq)
{
	if (jq->n == 0)
		return -1;
	if (jq->settled > 0)
		return 0;
	return proc_timeout(&jq->worker);
}

size_t jqrun_pending(const struct jqrun *jq)
{
	return jq->n;
}

unsigned jqrun_generation(const struct jqrun *jq)
{
	return jq->generation;
}

void jqrun_set_deadline(struct jqrun *jq, int milliseconds)
{
	jq->deadline_ms = milliseconds;
}

int jqrun_call(struct jqrun *jq, const struct jqrun_request *request,
    struct jqrun_reply *out, struct es_err *err)
{
	struct pollfd fds[PROC_FDS];
	int r;

	if (jq->n > 0)
		return es_fail(err, ES_FAILED, "jqrun_call among others");
	if (jqrun_submit(jq, request, err) < 0)
		return -1;
	while ((r = jqrun_next(jq, out, err)) == 0)
		poll(fds, (nfds_t)jqrun_poll(jq, fds), jqrun_timeout(jq));
	return r < 0 ? -1 : 0;
}

void jqrun_reply_free(struct jqrun_reply *r)
{
	free(r->outputs);
	buf_free(&r->text);
	*r = (struct jqrun_reply){0};
}

/* ---- beginning and end ---- */

static struct jqrun *new_jqrun(struct nursery *n, int deadline_ms,
    struct es_err *err)
{
	struct jqrun *jq = calloc(1, sizeof *jq);

	if (!jq) {
		es_fail_nomem(err);
		return NULL;
	}
	jq->nursery = n;
	jq->deadline_ms = deadline_ms;
	return jq;
}

static int ask_about(struct jqrun *jq, struct buf *about, struct es_err *err)
{
	struct jqrun_request r = {.op = (enum jqrun_op)JQ_ABOUT};
	struct jqrun_reply reply = {0};
	int result;

	if (!(jq->nursery->program.ops & SCAN_ABOUT)) {
		buf_adds(about, "{}");
		return buf_check(about, err);
	}
	result = jqrun_call(jq, &r, &reply, err);
	if (result == 0 && reply.result != JQ_OK)
		result = es_fail(err, ES_FAILED, "%s: about: %.*s",
		    jq->nursery->program.file, (int)reply.reason.n,
		    reply.reason.p);
	if (result == 0)
		buf_add_span(about, reply.state);
	jqrun_reply_free(&reply);
	return result < 0 ? -1 : buf_check(about, err);
}

int jqrun_open(const char *file, struct span text, char *const *defs,
    unsigned ops, const struct jqrun_limits *limits, struct jqrun **out,
    struct buf *about, struct es_err *err)
{
	struct nursery *n = nursery_new(file, text, defs, ops, limits->memory,
	    err);

	*out = NULL;
	if (!n)
		return -1;
	if (nursery_start(n, err) < 0 ||
	    !(*out = new_jqrun(n, limits->deadline_ms, err))) {
		nursery_drop(n);
		return -1;
	}
	if (start(*out, err) == 0 && ask_about(*out, about, err) == 0)
		return 0;
	jqrun_close(*out);
	*out = NULL;
	return -1;
}

int jqrun_clone(const struct jqrun *jq, struct jqrun **out,
    struct es_err *err)
{
	*out = new_jqrun(jq->nursery, jq->deadline_ms, err);
	if (!*out)
		return -1;
	jq->nursery->references++;
	if (start(*out, err) == 0)
		return 0;
	jqrun_close(*out);
	*out = NULL;
	return -1;
}

void jqrun_close(struct jqrun *jq)
{
	if (!jq)
		return;
	if (jq->running)
		stop(jq);
	nursery_drop(jq->nursery);
	free(jq->queue);
	buf_free(&jq->in);
	free(jq);
}
