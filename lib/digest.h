/*
 * digest: what makes a damaged message known.
 *
 * Each message has 16 random bytes of salt, so that a digest tells nothing
 * about the text that it is of, and erasing one message leaves the digests of
 * the others as they are.  All functions are pure.
 *
 * The line is the message as message_print() prints it, without its newline.
 * identity is digest_payload() of the payload as it came in where the catalog
 * has rewritten it, else NULL: a repeated append is compared with it, so it is
 * part of what must not change.
 */
#ifndef ES_DIGEST_H
#define ES_DIGEST_H

#include "buf.h"

#define DIGEST_SALT 16
#define DIGEST_BYTES 32

/* SHA-256(salt, line, identity): the digest since format 2. */
void digest_message(const unsigned char salt[DIGEST_SALT], struct span line,
    const unsigned char *identity, unsigned char out[DIGEST_BYTES]);

/* SHA-256(salt, line): the digest in format 1. */
void digest_message_1(const unsigned char salt[DIGEST_SALT], struct span line,
    unsigned char out[DIGEST_BYTES]);

/* SHA-256(salt, payload); the payload without insignificant white space. */
void digest_payload(const unsigned char salt[DIGEST_SALT],
    struct span payload, unsigned char out[DIGEST_BYTES]);

#endif
