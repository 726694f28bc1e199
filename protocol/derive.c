#include "protocol/derive.h"

#include <string.h>

#include "protocol/bytes.h"

void derive_root_input(const uint8_t serial[8], uint8_t out[DERIVE_ROOT_INPUT_LEN])
{
    memcpy(out, serial, 8);
    memcpy(out + 8, "fl1root1", 8);
    memcpy(out + 16, serial, 8);
    memcpy(out + 24, "fl1root2", 8);
}

void derive_gen_input(uint8_t gen, const uint8_t salt[DERIVE_SALT_LEN], uint8_t out[DERIVE_GEN_INPUT_LEN])
{
    put32(out, 1); /* [i], the only block */
    memcpy(out + 4, "fl1 gen", 7);
    out[11] = 0x00;
    out[12] = gen;
    memcpy(out + 13, salt, DERIVE_SALT_LEN);
    put32(out + 13 + DERIVE_SALT_LEN, 8 * DERIVE_KEY_LEN); /* [L] */
}

bool derive_gen(const struct crypto *c, const uint8_t K_root[DERIVE_KEY_LEN], uint8_t gen,
                const uint8_t salt[DERIVE_SALT_LEN], uint8_t K_gen[DERIVE_KEY_LEN])
{
    uint8_t input[DERIVE_GEN_INPUT_LEN];
    const struct crypto_part part = { input, sizeof input };
    derive_gen_input(gen, salt, input);
    return c->hmac_sha256(c->io, K_root, DERIVE_KEY_LEN, &part, 1, K_gen);
}
