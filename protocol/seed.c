#include "protocol/seed.h"

#include <string.h>

#include "protocol/bytes.h"
#include "protocol/crc32.h"

uint8_t seed_check_byte(const uint8_t unit[OTP_UNIT])
{
    return (uint8_t)crc32_ieee(0, unit, SEED_UNIT_RANDOM);
}

/* False: a check byte would be FF, as in a unit that was cut before its end. */
static bool cut(const uint8_t mac[SHA256_LEN], uint8_t seed[SLOT_LEN])
{
    bool ok = true;
    for (unsigned i = 0; i < SEED_UNITS; i++) {
        uint8_t *unit = seed + i * OTP_UNIT;
        memcpy(unit, mac + i * SEED_UNIT_RANDOM, SEED_UNIT_RANDOM);
        unit[SEED_UNIT_RANDOM] = seed_check_byte(unit);
        ok = ok && unit[SEED_UNIT_RANDOM] != 0xFF;
    }
    return ok;
}

bool seed_make(const struct crypto *c, const uint8_t key[SEED_KEY_LEN], const struct crypto_part *salt, size_t n,
               uint8_t seed[SLOT_LEN])
{
    uint8_t mac[SHA256_LEN], try = 0;
    struct crypto_part part[2 + SEED_SALTS_MAX] = { { "fl1 seed", 8 }, { &try, 1 } };
    bool ok, whole = false;
    memcpy(part + 2, salt, n * sizeof *salt);
    do {
        ok = c->hmac_sha256(c->io, key, SEED_KEY_LEN, part, 2 + n, mac);
        whole = ok && cut(mac, seed);
    } while (ok && !whole && ++try != 0);
    bytes_wipe(mac, sizeof mac);
    return whole;
}
