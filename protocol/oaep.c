#include "protocol/oaep.h"

#include <string.h>

#include "protocol/bytes.h"

/* EM = Y1 | seed32 | DB479, DB = lHash32 | 00.. | 01 | message */
enum { OFF_SEED = 1, OFF_DB = OFF_SEED + OAEP_SEED_LEN, DB_LEN = RSA_LEN - OFF_DB };

/* out ^= MGF1(in, len). */
static bool mask(const struct crypto *c, const uint8_t *in, size_t in_len, uint8_t *out, size_t len)
{
    uint8_t counter[4], h[SHA256_LEN];
    const struct crypto_part part[] = { { in, in_len }, { counter, sizeof counter } };
    bool ok = true;
    for (uint32_t i = 0; ok && i * SHA256_LEN < len; i++) {
        put32(counter, i);
        ok = c->sha256(c->io, part, 2, h);
        for (size_t k = 0; k < SHA256_LEN && i * SHA256_LEN + k < len; k++)
            out[i * SHA256_LEN + k] ^= h[k];
    }
    bytes_wipe(h, sizeof h);
    return ok;
}

bool oaep_encode(const struct crypto *c, const struct crypto_part *label, size_t n_label, const uint8_t seed[OAEP_SEED_LEN],
                 const struct crypto_part *message, size_t n, uint8_t em[RSA_LEN])
{
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (message[i].len > OAEP_MESSAGE_MAX - len)
            return false;
        len += message[i].len;
    }

    uint8_t *p = em + RSA_LEN - len;
    memset(em, 0, RSA_LEN);
    memcpy(em + OFF_SEED, seed, OAEP_SEED_LEN);
    p[-1] = 0x01;
    for (size_t i = 0; i < n; p += message[i++].len)
        if (message[i].len)
            memcpy(p, message[i].data, message[i].len);
    bool ok = c->sha256(c->io, label, n_label, em + OFF_DB) && mask(c, em + OFF_SEED, OAEP_SEED_LEN, em + OFF_DB, DB_LEN) &&
              mask(c, em + OFF_DB, DB_LEN, em + OFF_SEED, OAEP_SEED_LEN);
    if (!ok)
        bytes_wipe(em, RSA_LEN);
    return ok;
}

/* All ones if the bytes are equal, else 0; no branch. */
static uint32_t same(uint8_t a, uint8_t b)
{
    return 0 - (((uint32_t)(a ^ b) - 1) >> 31);
}

/* All ones if db is lHash | 00.. | 01 | message; *start is then the message's place.  Every byte is looked at. */
static uint32_t look(const uint8_t db[DB_LEN], const uint8_t hash[SHA256_LEN], uint32_t *start)
{
    uint32_t good = 0 - (uint32_t)bytes_equal(db, hash, SHA256_LEN), found = 0;
    *start = 0;
    for (uint32_t i = SHA256_LEN; i < DB_LEN; i++) {
        uint32_t first = same(db[i], 0x01) & ~found;
        *start |= first & (i + 1);
        found |= first;
        good &= found | same(db[i], 0x00);
    }
    return good & found;
}

bool oaep_decode(const struct crypto *c, const struct crypto_part *label, size_t n_label, const uint8_t em[RSA_LEN],
                 uint8_t message[OAEP_MESSAGE_MAX], size_t *len)
{
    uint8_t work[RSA_LEN], hash[SHA256_LEN], *db = work + OFF_DB;
    uint32_t start = 0, good = 0;
    memcpy(work, em, sizeof work);
    if (c->sha256(c->io, label, n_label, hash) && mask(c, db, DB_LEN, work + OFF_SEED, OAEP_SEED_LEN) &&
        mask(c, work + OFF_SEED, OAEP_SEED_LEN, db, DB_LEN))
        good = look(db, hash, &start) & same(work[0], 0x00);
    if (good) {
        *len = DB_LEN - start;
        memcpy(message, db + start, DB_LEN - start);
    }
    bytes_wipe(work, sizeof work);
    return good != 0;
}
