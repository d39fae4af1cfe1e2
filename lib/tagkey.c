#include "hash.h"
#include "tagkey.h"

#define BITS(n) ((UINT64_C(1) << (n)) - 1)
#define TIMED (UINT64_C(1) << 62)
#define TIMED_HASH BITS(28)

static inline uint64_t rotl(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

/* Inlined with an array that never leaves its function: in registers. */
static inline void mix(uint64_t v[4])
{
	v[0] += v[1];
	v[2] += v[3];
	v[1] = rotl(v[1], 13) ^ v[0];
	v[3] = rotl(v[3], 16) ^ v[2];
	v[0] = rotl(v[0], 32);
	v[2] += v[1];
	v[0] += v[3];
	v[1] = rotl(v[1], 17) ^ v[2];
	v[3] = rotl(v[3], 21) ^ v[0];
	v[2] = rotl(v[2], 32);
}

static inline void absorb(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v);
	mix(v);
	v[0] ^= word;
}

uint64_t siphash(const unsigned char secret[16], const void *p, size_t n)
{
	const unsigned char *q = p, *end = q + (n & ~(size_t)7);
	uint64_t k0 = load64(secret), k1 = load64(secret + 8);
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573)
	};
	uint64_t word = (uint64_t)n << 56;
	size_t i;

	for (; q < end; q += 8)
		absorb(v, load64(q));
	for (i = 0; i < (n & 7); i++)
		word |= (uint64_t)q[i] << (8 * i);
	absorb(v, word);
	v[2] ^= 0xff;
	mix(v);
	mix(v);
	mix(v);
	mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* uuid7_time() of one that is not written in lower case. */
static int any_case(const char *p, uint64_t *ms)
{
	int i;

	*ms = 0;
	for (i = 0; i < 36; i++) {
		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (p[i] != '-')
				return 0;
			continue;
		}
		if (hex(p[i]) < 0)
			return 0;
		if (i < 13)
			*ms = *ms << 4 | (uint64_t)hex(p[i]);
	}
	return 1;
}

/* Whether the 36 bytes at p are a version-7 UUID; its 48 bits of time. */
static int uuid7_time(const char *p, uint64_t *ms)
{
	unsigned char uuid[16];
	int i;

	if (p[14] != '7')
		return 0;
	if (!hash_uuid_parse((struct span){p, 36}, uuid))
		return any_case(p, ms);
	*ms = 0;
	for (i = 0; i < 6; i++)
		*ms = *ms << 8 | uuid[i];
	return 1;
}

uint64_t tagkey(const unsigned char secret[16], const char *p, size_t n)
{
	size_t head = n < 2 ? 0 : n - 2;
	uint64_t ms, key, i;

	if (n >= 36 && uuid7_time(p + n - 36, &ms))
		return TIMED | ms >> 14 << 28 |
		    (siphash(secret, p, n) & TIMED_HASH);
	key = siphash(secret, p, head) & BITS(46);
	for (i = head; i < head + 2; i++)
		key = key << 8 | (i < n ? (unsigned char)p[i] : 0);
	return key ? key : 1;
}

bool tagkey_is_timed(uint64_t key)
{
	return (key & TIMED) != 0;
}

void tagkey_same_time(uint64_t key, uint64_t *least, uint64_t *greatest)
{
	*least = key & ~TIMED_HASH;
	*greatest = key | TIMED_HASH;
}
