/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SHA-256 of file.h, by libcrypto: its code for the processor at hand is several times a plain one's speed.
 */
#include "netns/base/file.h"

#include <openssl/evp.h>

struct sha256 {
    EVP_MD_CTX *context;
};

/* libcrypto fails here for want of memory alone; a hash that is not one must never be used. */
static void must(int result)
{
    if (result != 1)
        memory_exhausted();
}

struct sha256 *sha256_new(void)
{
    struct sha256 *hash = memory_alloc(sizeof(*hash));
    hash->context = EVP_MD_CTX_new();
    must(hash->context ? EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL) : 0);
    return hash;
}

void sha256_update(struct sha256 *hash, const void *bytes, size_t length)
{
    must(EVP_DigestUpdate(hash->context, bytes, length));
}

void sha256_finish(struct sha256 *hash, char text[SHA256_TEXT_MAX])
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    must(EVP_DigestFinal_ex(hash->context, digest, &length));
    must(length == (SHA256_TEXT_MAX - 1) / 2);
    for (unsigned i = 0; i < length; i++)
        snprintf(text + (size_t)2 * i, 3, "%02x", digest[i]);
    EVP_MD_CTX_free(hash->context);
    free(hash);
}

void sha256_text(const void *bytes, size_t length, char text[SHA256_TEXT_MAX])
{
    struct sha256 *hash = sha256_new();
    sha256_update(hash, bytes, length);
    sha256_finish(hash, text);
}
