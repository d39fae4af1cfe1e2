#include "digest.h"
#include "hash.h"

void digest_message(const unsigned char salt[DIGEST_SALT], struct span line,
    const unsigned char *identity, unsigned char out[DIGEST_BYTES])
{
	struct hash_sha256 h;

	hash_sha256_init(&h);
	hash_sha256_add(&h, salt, DIGEST_SALT);
	hash_sha256_add(&h, line.p, line.n);
	if (identity)
		hash_sha256_add(&h, identity, DIGEST_BYTES);
	hash_sha256_end(&h, out);
}

void digest_message_1(const unsigned char salt[DIGEST_SALT], struct span line,
    unsigned char out[DIGEST_BYTES])
{
	digest_message(salt, line, NULL, out);
}

void digest_payload(const unsigned char salt[DIGEST_SALT],
    struct span payload, unsigned char out[DIGEST_BYTES])
{
	digest_message(salt, payload, NULL, out);
}
