/*
 * bytes: eight bytes at a time.
 *
 * Most text on its way into the log is plain: printable ASCII without quotes
 * and backslashes.  To find where that ends is most of what reading and
 * writing JSON costs, so it is done by the word.  Pure functions.
 */
#ifndef ES_BYTES_H
#define ES_BYTES_H

#include <stddef.h>
#include <stdint.h>

/* Eight bytes as a number, lowest first; compilers make one load of it. */
static inline uint64_t load64(const void *from)
{
	const unsigned char *p = from;

	return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 |
	    (uint64_t)p[3] << 24 | (uint64_t)p[4] << 32 |
	    (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
	    (uint64_t)p[7] << 56;
}

static inline void store64(void *to, uint64_t v)
{
	unsigned char *p = to;
	int i;

	for (i = 0; i < 8; i++, v >>= 8)
		p[i] = (unsigned char)v;
}

static inline uint16_t load16(const void *from)
{
	const unsigned char *p = from;

	return (uint16_t)(p[0] | p[1] << 8);
}

static inline void store16(void *to, uint16_t v)
{
	unsigned char *p = to;

	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
}

/* Whether a byte is printable ASCII that JSON strings hold as it is. */
static inline int byte_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

/*
 * The high bit of each byte that is not plain; what a borrow or carry marks
 * beside those stands above one that is marked rightly, so the lowest is right.
 */
static inline uint64_t bytes_not_plain(uint64_t w)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t below = w - ones * 0x20, del = w + ones;
	uint64_t quote = (w ^ ones * '"') - ones;
	uint64_t slash = (w ^ ones * '\\') - ones;

	return (w | below | del | quote | slash) & ones << 7;
}

/* How many of p[0..n) are plain before the first that is not. */
static inline size_t bytes_plain(const char *p, size_t n)
{
	size_t i = 0;
	uint64_t odd;

	for (; n - i >= 8; i += 8) {
		odd = bytes_not_plain(load64(p + i));
		if (odd)
			return i + (size_t)__builtin_ctzll(odd) / 8;
	}
	while (i < n && byte_plain((unsigned char)p[i]))
		i++;
	return i;
}

#endif
