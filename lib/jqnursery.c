#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "jqvm.h"

struct birth {			/* what a new worker is given */
	struct jqprogress *page;
	struct jqvm *vm;
};

static int worker_body(int fd, void *ctx)
{
	const struct birth *b = ctx;

	return jqworker(fd, b->page, b->vm);
}

/* One byte with two descriptors: atomic, so several processes may ask. */
int jqnursery_ask(int fd, unsigned char part, int socket, int page)
{
	union { struct cmsghdr head; char space[CMSG_SPACE(2 * sizeof(int))]; }
	    control;
	struct iovec iov = {&part, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof control};
	int fds[2] = {socket, page};
	ssize_t n;

	memset(&control, 0, sizeof control);
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof fds);
	memcpy(CMSG_DATA(&control.head), fds, sizeof fds);
	do
		n = sendmsg(fd, &m, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n == 1 ? 0 : -1;
}

/* 1 with a part and two descriptors, 0 at the end. */
static int take_order(int fd, unsigned char *part, int fds[2])
{
	union { struct cmsghdr head; char space[CMSG_SPACE(2 * sizeof(int))]; }
	    control;
	unsigned char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1,
	    .msg_control = &control, .msg_controllen = sizeof control};
	ssize_t n;

	do
		n = recvmsg(fd, &m, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0 || m.msg_controllen < CMSG_LEN(2 * sizeof(int)))
		return 0;
	memcpy(fds, CMSG_DATA(&control.head), 2 * sizeof(int));
	*part = byte;
	return 1;
}

static void deliver(int fds[2], struct jqvm *vm)
{
	struct birth b = {.vm = vm};
	void *page = mmap(NULL, sizeof *b.page, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fds[1], 0);

	if (page != MAP_FAILED) {
		b.page = page;
		proc_fork(fds[0], worker_body, &b);
		munmap(page, sizeof *b.page);
	}
	close(fds[0]);
	close(fds[1]);
}

/* A handler sees no environment, no locale and no time zone. */
static void be_nowhere(void)
{
	clearenv();
	setlocale(LC_ALL, "C");
}

static int send_all(int fd, const void *p, size_t n)
{
	const char *at = p;

	while (n > 0) {
		ssize_t wrote = write(fd, at, n);

		if (wrote < 0 && errno != EINTR)
			return -1;
		if (wrote > 0) {
			at += wrote;
			n -= (size_t)wrote;
		}
	}
	return 0;
}

/* What to say, and to whom, where nothing more can be allocated. */
static struct {
	int fd;
	char text[512];
} last_words;

_Noreturn void jqnursery_no_memory(void)
{
	uint64_t length = strlen(last_words.text);

	if (send_all(last_words.fd, &length, sizeof length) == 0)
		send_all(last_words.fd, last_words.text, length);
	proc_exit(1);
}

int jqnursery(int fd, void *ctx)
{
	const struct jqprogram *program = ctx;
	struct buf errors = {0};
	struct jqvm *vm;
	uint64_t length;
	unsigned char part;
	int fds[2], r;

	last_words.fd = fd;
	snprintf(last_words.text, sizeof last_words.text,
	    "%s: jq's compiler reached the memory limit", program->file);
	be_nowhere();
	signal(SIGCHLD, SIG_IGN);	/* the dead reap themselves */
	vm = jqvm_new(program);
	if (!vm)
		return 1;
	r = jqvm_compile(vm, &errors);
	length = errors.n;
	buf_add_span(&errors, SPAN_LIT(""));
	/* Only now: jq would show it as $ENV. */
	setenv("TZ", "UTC", 1);
	tzset();
	if (send_all(fd, &length, sizeof length) < 0 ||
	    send_all(fd, errors.p, errors.n) < 0 || r < 0)
		return 1;
	buf_free(&errors);
	while (take_order(fd, &part, fds)) {
		vm->index = part;
		deliver(fds, vm);
	}
	return 0;
}
