/* Any 512 bytes as a block that came out of the token: what decodes is what encoding the same again gives. */
#include <string.h>

#include "hsm/hpke_host.h"
#include "protocol/oaep.h"
#include "tests/fuzz/fuzz.h"

/* The seed that a block hides: MGF1 of its DB takes the mask off. */
static void unmask_seed(const struct crypto *c, const uint8_t em[RSA_LEN], uint8_t seed[OAEP_SEED_LEN])
{
    static const uint8_t first[4];
    const struct crypto_part part[] = { { em + 1 + OAEP_SEED_LEN, RSA_LEN - 1 - OAEP_SEED_LEN }, { first, sizeof first } };
    require(c->sha256(c->io, part, 2, seed));
    for (size_t i = 0; i < OAEP_SEED_LEN; i++)
        seed[i] ^= em[1 + i];
}

/* Input: 'E', then a message to encode and, behind its first 64 bytes, changes to the block; else the block itself. */
int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    static struct crypto c;
    static const struct crypto_part label = { "fl1 rsa\0\1", 9 };
    uint8_t em[RSA_LEN] = { 0 }, again[RSA_LEN], message[OAEP_MESSAGE_MAX], seed[OAEP_SEED_LEN] = { 5 };
    size_t n = 0x7777;
    if (!c.io)
        require(hpke_host_open(&c) != NULL);
    if (len > 0 && in[0] == 'E') {
        const struct crypto_part m = { in + 1, len - 1 < 64 ? len - 1 : 64 };
        require(oaep_encode(&c, &label, 1, seed, &m, 1, em));
        require(oaep_decode(&c, &label, 1, em, message, &n) && n == m.len && (n == 0 || !memcmp(message, m.data, n)));
        for (size_t i = 65; i < len && i - 65 < RSA_LEN; i++)
            em[i - 65] ^= in[i];
    } else
        memcpy(em, in, len < RSA_LEN ? len : RSA_LEN);
    n = 0x7777;
    if (!oaep_decode(&c, &label, 1, em, message, &n)) {
        require(n == 0x7777);
        return 0;
    }
    const struct crypto_part m = { message, n };
    require(n <= OAEP_MESSAGE_MAX);
    unmask_seed(&c, em, seed);
    require(oaep_encode(&c, &label, 1, seed, &m, 1, again) && !memcmp(em, again, RSA_LEN));
    return 0;
}
