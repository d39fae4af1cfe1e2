#include <errno.h>
#include <nettle/sha2.h>
#include <pthread.h>
#include <string.h>
#include <sys/random.h>

#include "hash.h"
#include "sys.h"

/* A pool, so that a salt a message is not a system call a message. */
static struct {
	unsigned char bytes[1024];
	size_t left;
	bool watched;
} pool;

/* A fork must not give out its parent's bytes again. */
static void forget_pool(void)
{
	pool.left = 0;
}

static int random_bytes(unsigned char *out, size_t n, struct es_err *err)
{
	while (n > 0) {
		ssize_t got = getrandom(out, n, 0);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return es_fail_errno(err, "getrandom");
		out += got;
		n -= (size_t)got;
	}
	return 0;
}

int hash_random(void *out, size_t n, struct es_err *err)
{
	unsigned char *from;

	if (n > sizeof pool.bytes)
		return random_bytes(out, n, err);
	if (!pool.watched) {
		pthread_atfork(NULL, NULL, forget_pool);
		pool.watched = true;
	}
	if (pool.left < n) {
		if (random_bytes(pool.bytes, sizeof pool.bytes, err) < 0)
			return -1;
		pool.left = sizeof pool.bytes;
	}
	pool.left -= n;
	from = pool.bytes + pool.left;
	memcpy(out, from, n);
	explicit_bzero(from, n);
	return 0;
}

int hash_uuid7(unsigned char out[16], struct es_err *err)
{
	static uint64_t last;
	uint64_t now = (uint64_t)sys_now(), ms, fraction, stamp;

	/*
	 * RFC 9562, 6.2 method 3: 12 bits of sub-millisecond time behind the
	 * version, so that ids sort by the order in which they were made.
	 */
	stamp = (now / 1000) << 12 | (now % 1000) * 4096 / 1000;
	if (stamp <= last)
		stamp = last + 1;
	last = stamp;
	ms = stamp >> 12;
	fraction = stamp & 0xfff;
	if (hash_random(out + 8, 8, err) < 0)
		return -1;
	for (int i = 0; i < 6; i++)
		out[i] = (unsigned char)(ms >> (40 - 8 * i));
	out[6] = (unsigned char)(0x70 | fraction >> 8);
	out[7] = (unsigned char)fraction;
	out[8] = (unsigned char)(0x80 | (out[8] & 0x3f));
	return 0;
}

static const char digits[] = "0123456789abcdef";

void hash_uuid_text(const unsigned char uuid[16], char out[UUID_TEXT])
{
	char *p = out;

	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = digits[uuid[i] >> 4];
		*p++ = digits[uuid[i] & 15];
	}
	*p = '\0';
}

/* The value of a lower-case hex digit and one more; 0 for any other byte. */
static const unsigned char nibbles[256] = {
	['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
	['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10, ['a'] = 11, ['b'] = 12,
	['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16
};

bool hash_uuid_parse(struct span text, unsigned char out[16])
{
	/* Where the pairs of digits stand. */
	static const unsigned char at[16] = {0, 2, 4, 6, 9, 11, 14, 16, 19, 21,
	    24, 26, 28, 30, 32, 34};
	const unsigned char *p = (const unsigned char *)text.p;
	unsigned bad = 0;

	if (text.n != UUID_TEXT - 1 || p[8] != '-' || p[13] != '-' ||
	    p[18] != '-' || p[23] != '-')
		return false;
	for (int i = 0; i < 16; i++) {
		unsigned high = nibbles[p[at[i]]], low = nibbles[p[at[i] + 1]];

		bad |= ((high - 1) | (low - 1)) & 16;
		out[i] = (unsigned char)((high - 1) << 4 | (low - 1));
	}
	return !bad;
}

_Static_assert(sizeof(struct sha256_ctx) <= sizeof(struct hash_sha256),
    "struct hash_sha256 holds nettle's context");

void hash_sha256_init(struct hash_sha256 *h)
{
	sha256_init((struct sha256_ctx *)h);
}

void hash_sha256_add(struct hash_sha256 *h, const void *p, size_t n)
{
	if (n)
		sha256_update((struct sha256_ctx *)h, n, p);
}

void hash_sha256_end(struct hash_sha256 *h, unsigned char out[32])
{
	sha256_digest((struct sha256_ctx *)h, 32, out);
}

void hash_hex(struct buf *out, const unsigned char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		buf_addc(out, digits[p[i] >> 4]);
		buf_addc(out, digits[p[i] & 15]);
	}
}
