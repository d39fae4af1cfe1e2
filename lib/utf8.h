/*
 * utf8: the byte sequences of well-formed UTF-8 (RFC 3629).
 */
#ifndef ES_UTF8_H
#define ES_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* Length of the well-formed sequence that p[0..n) begins with, else 0. */
size_t utf8_length(const unsigned char *p, size_t n);

/* Encode a scalar value (no surrogate) in out, which has 4 bytes. */
size_t utf8_put(char *out, uint32_t c);

#endif
