/*
 * hash: digests, random bytes, identifiers.  SHA-256 is nettle's.
 *
 * UUIDs: RFC 9562 version 7 (48-bit Unix milliseconds, then random) in
 * lower-case text, 36 characters and a NUL.
 */
#ifndef ES_HASH_H
#define ES_HASH_H

#include "buf.h"

#define UUID_TEXT 37

/* Random bytes from the kernel (pooled); never fails once the system is up. */
int hash_random(void *out, size_t n, struct es_err *);

/* Version 7, strictly increasing within a process. */
int hash_uuid7(unsigned char out[16], struct es_err *);
void hash_uuid_text(const unsigned char uuid[16], char out[UUID_TEXT]);
/* Exactly the canonical lower-case form; false otherwise. */
bool hash_uuid_parse(struct span text, unsigned char out[16]);

/* SHA-256 over several pieces: init, add, end. */
struct hash_sha256 { uint64_t state[16]; };	/* private */
void hash_sha256_init(struct hash_sha256 *);
void hash_sha256_add(struct hash_sha256 *, const void *p, size_t n);
void hash_sha256_end(struct hash_sha256 *, unsigned char out[32]);
void hash_hex(struct buf *out, const unsigned char *p, size_t n);

#endif
