#include "firmware-stub/make_key.h"

#include <string.h>

#include "firmware-stub/chip.h"
#include "protocol/bytes.h"
#include "protocol/seed.h"
#include "protocol/signing.h"

enum { RAW = SEED_KEY_LEN };

enum unit_state { UNIT_BLANK, UNIT_WHOLE, UNIT_TORN };

/* ---- one unit ---- */

/* The check byte is burned last and is never FF: until then the unit is not whole. */
static enum unit_state read_unit(uint32_t at, uint8_t unit[OTP_UNIT])
{
    if (!chip_read(at, unit, OTP_UNIT))
        return UNIT_TORN;
    if (bytes_all(unit, OTP_UNIT, 0xFF))
        return UNIT_BLANK;
    return unit[SEED_UNIT_RANDOM] != 0xFF && unit[SEED_UNIT_RANDOM] == seed_check_byte(unit) ? UNIT_WHOLE : UNIT_TORN;
}

static bool burn_unit(uint32_t at, const uint8_t unit[OTP_UNIT])
{
    uint8_t got[OTP_UNIT];
    (void)chip_program(at, unit, OTP_UNIT); /* what counts is what reads back */
    bool ok = read_unit(at, got) == UNIT_WHOLE && bytes_equal(got, unit, OTP_UNIT);
    bytes_wipe(got, sizeof got);
    return ok;
}

/* ---- the slot ---- */

/* Twice the bytes that are needed, from two readings of the RNG, through HMAC; the draft makes two chips differ even where
 * their RNGs do not. */
static enum device_code draw(const struct crypto *c, const uint8_t *draft, uint8_t seed[SLOT_LEN])
{
    uint8_t raw[2][RAW];
    const struct crypto_part salt[] = { { raw[1], RAW }, { draft, OTP_IMAGE_LEN } };
    if (!c->random(c->io, raw, sizeof raw))
        return DEVICE_RANDOM;
    bool ok = seed_make(c, raw[0], salt, 2, seed);
    bytes_wipe(raw, sizeof raw);
    return ok ? DEVICE_OK : DEVICE_CRYPTO;
}

/* What the slot holds, into seed; false: a unit is torn. *blank: units to burn. */
static bool read_slot(uint32_t at, uint8_t seed[SLOT_LEN], unsigned *blank)
{
    *blank = 0;
    for (unsigned i = 0; i < SEED_UNITS; i++) {
        enum unit_state state = read_unit(at + i * OTP_UNIT, seed + i * OTP_UNIT);
        if (state == UNIT_TORN)
            return false;
        *blank += state == UNIT_BLANK;
    }
    return true;
}

/* The seed that is in OTP, burned if it is not there yet. */
static enum device_code seed_get(const struct crypto *c, uint32_t at, const uint8_t *draft, uint8_t seed[SLOT_LEN])
{
    uint8_t fresh[SLOT_LEN];
    unsigned blank;
    if (!read_slot(at, seed, &blank))
        return DEVICE_SEED;
    if (blank == 0)
        return DEVICE_OK;
    enum device_code code = draw(c, draft, fresh);
    for (unsigned i = 0; code == DEVICE_OK && i < SEED_UNITS; i++) {
        uint8_t *unit = seed + i * OTP_UNIT;
        if (!bytes_all(unit, OTP_UNIT, 0xFF))
            continue;
        memcpy(unit, fresh + i * OTP_UNIT, OTP_UNIT);
        if (!burn_unit(at + i * OTP_UNIT, unit))
            code = DEVICE_OTP_WRITE;
    }
    bytes_wipe(fresh, sizeof fresh);
    return code;
}

/* ---- the image with the key in it ---- */

/* Index of the slot of that role; SLOTS: none. */
static unsigned slot_of(const struct scheme *s, enum slot_role role)
{
    unsigned i = 0;
    while (i < SLOTS && s->slot[i] != role)
        i++;
    return i;
}

static enum device_code finish(const struct crypto *c, const struct scheme *s, const uint8_t seed[SLOT_LEN],
                               uint8_t image[OTP_IMAGE_LEN], uint8_t answer[MAILBOX_KEY_ANSWER_LEN])
{
    uint8_t d[P256_LEN], x[P256_LEN];
    const struct crypto_part part = { x, sizeof x };
    unsigned digest = slot_of(s, SLOT_CHIP_DIGEST);
    bool ok = signing_key(c, seed, d, x);
    bytes_wipe(d, sizeof d);
    if (!ok)
        return DEVICE_CRYPTO;
    if (digest < SLOTS && !c->sha256(c->io, &part, 1, image + OTP_OFF_SLOT + digest * SLOT_LEN))
        return DEVICE_CRYPTO;
    if (!otp_image_finish(c, image))
        return DEVICE_CRYPTO;
    enum otp_result r = otp_image_check(c, image, false, NULL);
    if (r != OTP_OK)
        return (enum device_code)r; /* one number space: protocol/local.h */
    memcpy(answer, x, P256_LEN);
    memcpy(answer + P256_LEN, image + OTP_OFF_CRC, 4);
    memcpy(answer + P256_LEN + 4, image + OTP_OFF_MAC, OTP_MAC_LEN);
    return DEVICE_OK;
}

enum device_code make_key(const struct crypto *c, uint8_t scheme, const uint8_t draft[MAILBOX_KEY_REQUEST_LEN],
                          uint8_t answer[MAILBOX_KEY_ANSWER_LEN])
{
    const struct scheme *s = scheme_by_id(scheme);
    uint8_t image[OTP_IMAGE_LEN];
    unsigned slot = s ? slot_of(s, SLOT_CHIP_MADE) : SLOTS;
    if (slot == SLOTS || draft[OTP_OFF_SCHEME] != scheme)
        return DEVICE_REQUEST;
    uint32_t offset = OTP_OFF_SLOT + slot * SLOT_LEN;
    uint8_t *seed = image + offset;
    if (!bytes_all(draft + offset, SLOT_LEN, 0xFF))
        return DEVICE_REQUEST;
    memcpy(image, draft, sizeof image);
    enum device_code code = seed_get(c, chip_otp + offset, draft, seed);
    if (code == DEVICE_OK)
        code = finish(c, s, seed, image, answer);
    bytes_wipe(image, sizeof image);
    return code;
}
