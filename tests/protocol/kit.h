/* tests/protocol/kit.h - for the tests of schemes 4, 5, 6 (RSA), ROTATE and REKEY: OpenSSL's table with random bytes of our
 * own, and images of any scheme. */
#ifndef TESTS_PROTOCOL_KIT_H
#define TESTS_PROTOCOL_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "hsm/hpke_host.h"
#include "protocol/bytes.h"
#include "protocol/kem.h"
#include "protocol/otp_image.h"
#include "protocol/p256.h"

static struct crypto kit;
static struct hpke_host *kit_host;
static uint8_t kit_rng;     /* every random byte; +1 after each call */
static bool kit_rng_broken; /* the source fails its test */

static inline bool kit_random(void *io, void *out, size_t len)
{
    (void)io;
    memset(out, kit_rng++, len);
    return !kit_rng_broken;
}

static inline int kit_open(void **state)
{
    (void)state;
    kit_host = hpke_host_open(&kit);
    kit.random = kit_random;
    return kit_host ? 0 : -1;
}

static inline int kit_close(void **state)
{
    (void)state;
    hpke_host_close(kit_host);
    return 0;
}

static const uint8_t KIT_SERIAL[OTP_SERIAL_LEN] = { 'T', 'E', 'S', 'T', 0x00, 0x00, 0x12, 0x34 };
enum { KIT_FLEET = 0x0102, KIT_EPOCH = 3 };

/* d = 32 times `seed`, 04 | x | y_even. */
static inline void kit_key(uint8_t seed, uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    memset(d, seed, P256_LEN);
    assert_true(kit.p256_public(kit.io, d, pk));
    p256_even_y(pk);
}

static inline const uint8_t *kit_x(uint8_t seed)
{
    static uint8_t pk[P256_PK_LEN];
    uint8_t d[P256_LEN];
    kit_key(seed, d, pk);
    return pk + 1;
}

/* The same of the key that is sealed to: in suite 2 u of X25519, as protocol/kem.h has it. */
static inline void kit_seal(uint8_t suite, uint8_t seed, uint8_t d[P256_LEN], uint8_t pk[P256_PK_LEN])
{
    static const uint8_t base[X25519_LEN] = { 9 };
    if (suite != SUITE_X25519_CCM) {
        kit_key(seed, d, pk);
        return;
    }
    memset(d, seed, P256_LEN);
    assert_true(kit.x25519(kit.io, d, base, pk));
}

/* An image with slots of seed 0x21, 0x22, ..: points of those keys, or 32 such bytes. */
static inline void kit_image(uint8_t scheme, uint8_t suite, const uint8_t *s0, uint8_t image[OTP_IMAGE_LEN])
{
    const struct scheme *s = scheme_by_id(scheme);
    struct otp_image in = { .scheme = scheme,
                            .suite = suite,
                            .fleet = KIT_FLEET,
                            .policy = POLICY_NVM_REQUIRED,
                            .epoch = s->epoch ? KIT_EPOCH : 0 };
    memcpy(in.serial, KIT_SERIAL, sizeof in.serial);
    memset(in.slot, 0xFF, sizeof in.slot);
    for (uint8_t i = 0; i < SLOTS; i++) {
        uint8_t d[P256_LEN], pk[P256_PK_LEN];
        kit_seal(s->slot[i] == SLOT_SEAL ? suite : SUITE_P256_CCM, (uint8_t)(0x21 + i), d, pk);
        if (s->slot[i] == SLOT_POINT || s->slot[i] == SLOT_SEAL)
            memcpy(in.slot[i], pk + (s->slot[i] == SLOT_SEAL ? kem_of(suite)->name : 1), SLOT_LEN);
        else if (s->slot[i] != SLOT_UNUSED)
            memset(in.slot[i], 0x21 + i, SLOT_LEN);
    }
    if (s0)
        memcpy(in.slot[0], s0, SLOT_LEN);
    assert_int_equal(otp_image_encode(&kit, &in, image), OTP_OK);
}

#endif
