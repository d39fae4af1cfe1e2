#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hash.h"
#include "jqhost.h"
#include "sys.h"

#define COMPILE_MS 60000	/* a compiler that takes longer hangs */
#define START_MS 10000		/* a worker that has not begun by then hangs */
#define GRACE_MS 200		/* the worker ends itself before we do */
#define START_TRIES 3

/* ---- the nursery ---- */

static void wait_for(struct proc *p, int64_t until)
{
	struct pollfd fds[PROC_FDS];
	int64_t left = until - sys_monotonic();
	int timeout = left < 0 ? 0 : left > 1000000 ? 1000000 : (int)left;

	poll(fds, (nfds_t)proc_poll(p, fds), timeout);
}

/* What the compiler said: 0 when it is content. */
static int hear_compiler(struct jqnursery *n, struct es_err *err)
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

int jqhost_compile(struct jqnursery *n, struct es_err *err)
{
	proc_free(&n->proc);
	n->owner = getpid();
	if (proc_worker(&n->proc, jqnursery, &n->program, n->program.memory,
	    err) < 0)
		return -1;
	return hear_compiler(n, err);
}

void jqhost_drop(struct jqnursery *n)
{
	size_t i;

	if (!n || --n->references > 0)
		return;
	/* In a fork of its owner it is not ours to kill. */
	n->proc.is_foreign |= n->owner != getpid();
	if (n->proc.is_foreign)
		n->proc.pid = 0;
	proc_free(&n->proc);
	for (i = 0; n->program.parts && i < n->program.n_parts; i++)
		free(n->program.parts[i].file);
	free(n->program.parts);
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

static int add_parts(struct jqprogram *p, const struct jqrun_source *v,
    size_t n, struct es_err *err)
{
	size_t i;

	p->parts = calloc(n, sizeof *p->parts);
	if (!p->parts)
		return es_fail_nomem(err);
	for (p->n_parts = n, i = 0; i < n; i++) {
		p->parts[i] = (struct jqpart){strdup(v[i].file), v[i].ops};
		if (!p->parts[i].file)
			return es_fail_nomem(err);
	}
	p->file = p->parts[0].file;
	return 0;
}

struct jqnursery *jqhost_nursery(const struct jqrun_source *v, size_t count,
    size_t memory, struct es_err *err)
{
	struct jqnursery *n = calloc(1, sizeof *n);
	struct buf hex = {0};
	unsigned char random[16];

	if (!n) {
		es_fail_nomem(err);
		return NULL;
	}
	n->references = 1;
	n->program = (struct jqprogram){.lines = count_lines(v[0].text),
	    .memory = memory};
	if (add_parts(&n->program, v, count, err) < 0 ||
	    hash_random(random, sizeof random, err) < 0) {
		jqhost_drop(n);
		return NULL;
	}
	hash_hex(&hex, random, sizeof random);
	snprintf(n->program.key, sizeof n->program.key, "_es_%s", hex.p);
	buf_free(&hex);
	jqprogram(&n->program.text, n->program.key, v, count);
	if (n->program.text.failed) {
		es_fail_nomem(err);
		jqhost_drop(n);
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
	struct jqnursery *n = jq->nursery;
	unsigned char part = (unsigned char)jq->index;

	if (jqnursery_ask(n->proc.in, part, fds[1], page) < 0 &&
	    (jqhost_compile(n, err) < 0 ||
	    jqnursery_ask(n->proc.in, part, fds[1], page) < 0))
		return es_fail(err, ES_FAILED, "%s: cannot start a jq process",
		    n->program.parts[part].file);
	return 0;
}

int jqhost_start(struct jqrun *jq, struct es_err *err)
{
	int fds[2], page, r;

	if (jq->starts++ >= START_TRIES)
		return es_fail(err, ES_FAILED,
		    "%s: the jq process does not stay alive",
		    jq->nursery->program.parts[jq->index].file);
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

void jqhost_stop(struct jqrun *jq)
{
	proc_free(&jq->worker);
	close_page(jq);
	jq->running = false;
	jq->generation++;
}

/* ---- deaths ---- */

static struct jqpending *unsettled(struct jqrun *jq)
{
	return jq->settled < jq->n ?
	    &jq->queue[jq->first + jq->settled] : NULL;
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

static void blame(struct jqrun *jq, struct jqpending *p)
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
	struct jqpending *culprit = unsettled(jq);

	if (culprit && jq->page->sequence == culprit->sequence)
		blame(jq, culprit);
	else if (culprit)
		culprit->result = JQ_LOST;
	for (; jq->settled < jq->n; jq->settled++) {
		struct jqpending *p = unsettled(jq);

		p->failed = true;
		if (p != culprit)
			p->result = JQ_LOST;
	}
	/* Half a reply is none. */
	buf_truncate(&jq->in, jq->complete);
	jqhost_stop(jq);
}

/* When to give up on the request under way, if the worker does not itself. */
static void set_hard_deadline(struct jqrun *jq)
{
	const struct jqpending *p = unsettled(jq);

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
int jqhost_pump(struct jqrun *jq, struct es_err *err)
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

