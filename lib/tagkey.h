/*
 * tagkey: from a tag's text to its key in the index.
 *
 * A key is 63 bits, never 0, and depends on a secret (SipHash-2-4), so nobody
 * outside can make tags that share one.  It is no plain hash: tags that are
 * used together lie near each other, for then a commit touches few pages.
 *
 * - A tag that ends in a version-7 UUID: bit 62, its time (34 bits, a step is
 *   16 s), 28 bits of hash.  New entities come last in the tree.
 * - Any other: 46 bits of hash of all but its last two bytes, then those two
 *   bytes.  Numbers that count up come together by the hundred.
 *
 * The map from tag to key is part of the format of the index.
 */
#ifndef ES_TAGKEY_H
#define ES_TAGKEY_H

#include <stdbool.h>
#include "bytes.h"

uint64_t tagkey(const unsigned char secret[16], const char *p, size_t n);

/* Whether the key is that of a tag that ends in a version-7 UUID. */
bool tagkey_is_timed(uint64_t key);

/* The least and the greatest key that such a tag of the same time may have. */
void tagkey_same_time(uint64_t key, uint64_t *least, uint64_t *greatest);

/* SipHash-2-4 of n bytes, as a number. */
uint64_t siphash(const unsigned char secret[16], const void *p, size_t n);

#endif
