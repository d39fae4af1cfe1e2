#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "jqrunint.h"
#include "sys.h"

#define TICKS 10		/* looks at the clock within a deadline */

/* What signal handlers have to know; one worker a process. */
static struct {
	struct jqprogress *page;
	struct jqvm *vm;
	uintptr_t stack;	/* about where it begins */
	volatile sig_atomic_t active, expired;
	int64_t deadline;
	int stderr_fd;
} me = {.stderr_fd = -1};

int *jqworker_stderr(void)
{
	return &me.stderr_fd;
}

_Noreturn static void die(enum jq_death why)
{
	if (me.page)
		atomic_store(&me.page->death, why);
	proc_exit(1);
}

_Noreturn void jqworker_no_memory(void *ctx)
{
	(void)ctx;
	if (!me.page)
		jqnursery_no_memory();
	die(DEATH_MEMORY);
}

/*
 * Soft: ask libjq to stop.  Hard: it is in one of its C functions that does
 * not look; nothing here can be trusted any more.
 */
static void on_alarm(int sig)
{
	int saved = errno;
	int64_t took;

	(void)sig;
	if (!me.active)
		return;
	took = sys_monotonic() - atomic_load(&me.page->began);
	if (took >= 2 * me.deadline)
		die(DEATH_DEADLINE);
	if (took >= me.deadline) {
		me.expired = 1;
		jqvm_halt(me.vm);
	}
	errno = saved;
}

static void on_crash(int sig, siginfo_t *info, void *context)
{
	uintptr_t at = (uintptr_t)info->si_addr;
	struct rlimit stack;
	size_t size = (size_t)8 << 20;

	(void)context;
	if (getrlimit(RLIMIT_STACK, &stack) == 0 &&
	    stack.rlim_cur != RLIM_INFINITY)
		size = stack.rlim_cur;
	atomic_store(&me.page->signal, sig);
	if (sig == SIGSEGV && at < me.stack && me.stack - at <
	    size + ((size_t)1 << 20))
		die(DEATH_STACK);
	die(DEATH_SIGNAL);
}

static void catch_signals(void)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	struct sigaction alarm = {.sa_handler = on_alarm},
	    crash = {.sa_sigaction = on_crash, .sa_flags = SA_SIGINFO |
	    SA_ONSTACK};
	stack_t stack = {.ss_size = 65536};
	size_t i;

	alarm.sa_flags = SA_RESTART | SA_ONSTACK;
	sigemptyset(&alarm.sa_mask);
	sigemptyset(&crash.sa_mask);
	sigaction(SIGALRM, &alarm, NULL);
	signal(SIGPIPE, SIG_IGN);
	stack.ss_sp = malloc(stack.ss_size);
	if (!stack.ss_sp || sigaltstack(&stack, NULL) < 0)
		return;
	for (i = 0; i < sizeof crashes / sizeof *crashes; i++)
		sigaction(crashes[i], &crash, NULL);
}

static void set_timer(int64_t first, int64_t interval)
{
	struct itimerval t = {
		{(time_t)(interval / 1000), (suseconds_t)(interval % 1000 * 1000)},
		{(time_t)(first / 1000), (suseconds_t)(first % 1000 * 1000)}};

	setitimer(ITIMER_REAL, &t, NULL);
}

void jqworker_begin(enum jq_operation op, uint64_t event)
{
	me.active = 0;
	me.expired = 0;
	atomic_store_explicit(&me.page->operation, op, memory_order_relaxed);
	atomic_store_explicit(&me.page->event, event, memory_order_relaxed);
	atomic_store_explicit(&me.page->began, sys_monotonic(),
	    memory_order_release);
	me.active = 1;
}

bool jqworker_end(void)
{
	me.active = 0;
	return me.expired;
}

/* ---- frames ---- */

/* Take n bytes of texts off a frame. */
static struct span take(const char **p, uint64_t n)
{
	struct span s = {*p, (size_t)n};

	if (n == JQ_ABSENT)
		return SPAN_NONE;
	*p += n;
	return s;
}

struct state {
	struct buf in, out;
	struct span *events;
	size_t cap_events;
	struct jqanswer answer;
};

static void read_frame(struct state *s, const struct jqframe_request *f,
    struct jqwork *w)
{
	const char *lengths = s->in.p + sizeof *f;
	const char *p = lengths + f->n_events * sizeof(uint64_t);
	size_t i;

	*w = (struct jqwork){.op = f->op, .slot = f->slot, .fresh = f->fresh,
	    .n_events = (size_t)f->n_events};
	w->partition = take(&p, f->partition);
	w->state = take(&p, f->state);
	w->message = take(&p, f->message);
	if (w->n_events > s->cap_events) {
		s->cap_events = w->n_events;
		s->events = realloc(s->events,
		    s->cap_events * sizeof *s->events);
		if (!s->events)
			die(DEATH_MEMORY);
	}
	for (i = 0; i < w->n_events; i++) {
		uint64_t n;

		memcpy(&n, lengths + i * sizeof n, sizeof n);
		s->events[i] = take(&p, n);
	}
	w->events = s->events;
}

static void clear(struct jqanswer *a)
{
	a->head = (struct jqframe_reply){.result = JQ_OK};
	a->has_detail = false;
	buf_truncate(&a->outputs, 0);
	buf_truncate(&a->output_texts, 0);
	buf_truncate(&a->state, 0);
	buf_truncate(&a->reason, 0);
	buf_truncate(&a->detail, 0);
}

static void write_frame(struct buf *out, struct jqanswer *a)
{
	struct jqframe_reply *h = &a->head;

	h->state = a->state.n;
	h->reason = a->reason.n;
	h->detail = a->has_detail ? a->detail.n : JQ_ABSENT;
	h->size = sizeof *h + a->outputs.n + a->output_texts.n + a->state.n +
	    a->reason.n + (a->has_detail ? a->detail.n : 0);
	buf_truncate(out, 0);
	buf_add(out, h, sizeof *h);
	buf_add_span(out, buf_span(&a->outputs));
	buf_add_span(out, buf_span(&a->output_texts));
	buf_add_span(out, buf_span(&a->state));
	buf_add_span(out, buf_span(&a->reason));
	if (a->has_detail)
		buf_add_span(out, buf_span(&a->detail));
	if (out->failed || a->outputs.failed || a->output_texts.failed ||
	    a->state.failed || a->reason.failed || a->detail.failed)
		die(DEATH_MEMORY);
}

static int write_all(int fd, const struct buf *out)
{
	size_t done = 0;

	while (done < out->n) {
		ssize_t n = write(fd, out->p + done, out->n - done);

		if (n < 0 && errno != EINTR)
			return -1;
		done += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

/* Work off the frame that the buffer begins with. */
static int work(int fd, struct state *s, const struct jqframe_request *f)
{
	struct jqwork w;
	int r;

	read_frame(s, f, &w);
	me.deadline = f->deadline_ms > 0 ? f->deadline_ms : 1;
	atomic_store(&me.page->operation, OP_NONE);
	atomic_store(&me.page->began, sys_monotonic());
	atomic_store(&me.page->sequence, f->sequence);
	clear(&s->answer);
	set_timer(me.deadline, me.deadline / TICKS + 1);
	jqvm_work(me.vm, &w, &s->answer);
	write_frame(&s->out, &s->answer);
	r = write_all(fd, &s->out);
	/* Of no concern to whoever waits for the answer. */
	set_timer(0, 0);
	return r;
}

/* Frames that are complete are worked off and taken away. */
static int work_all(int fd, struct state *s)
{
	struct jqframe_request f;

	while (s->in.n >= sizeof f) {
		memcpy(&f, s->in.p, sizeof f);
		if (s->in.n < f.size)
			return 0;
		if (work(fd, s, &f) < 0)
			return -1;
		memmove(s->in.p, s->in.p + f.size, s->in.n - f.size);
		buf_truncate(&s->in, s->in.n - f.size);
	}
	return 0;
}

static void hide_stderr(void)
{
	int fd;

	me.stderr_fd = fcntl(2, F_DUPFD_CLOEXEC, 3);
	if (proc_sanitized())
		return;		/* it has to be heard */
	/* libjq says what it dies of; the caller says it better. */
	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	dup2(fd, 2);
	close(fd);
}

int jqworker(int fd, struct jqprogress *page, struct jqvm *vm)
{
	struct state s = {0};
	char here;

	me.page = page;
	me.vm = vm;
	me.stack = (uintptr_t)&here + 65536;
	hide_stderr();
	catch_signals();
	atomic_store(&page->pid, (int32_t)getpid());
	for (;;) {
		char *to = buf_room(&s.in, 65536);
		ssize_t n;

		if (!to)
			die(DEATH_MEMORY);
		n = read(fd, to, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return 0;
		buf_truncate(&s.in, s.in.n + (size_t)n);
		if (work_all(fd, &s) < 0)
			return 1;
	}
}
