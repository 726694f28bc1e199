/* protocol/profile.h - what both sides must agree on, fixed per product: from the OTP image and the firmware's build on one
 * side, from the registry on the other.  Never from a frame.  Source: docs/protocol.md, "Frames". */
#ifndef PROTOCOL_PROFILE_H
#define PROTOCOL_PROFILE_H

#include "protocol/otp_image.h"

enum {
    PROOF_LABEL_LEN = 9,
    CHALLENGE_LEN = 32,
    PROOF_LEN = PROOF_LABEL_LEN + CHALLENGE_LEN + SHA256_LEN,
    BOOT_MAX = 0xFFFFFF
};

struct profile {
    uint8_t suite, scheme; /* enum suite; 1..8 */
    uint16_t fleet;
    bool psk;        /* scheme 1: mode_psk; else mode_base */
    bool compact;    /* serial4 and tag 8 in OPEN, where the scheme has such a form */
    bool sign_all;   /* 3, 7, 8: DATA is signed as well */
    uint8_t sid_len; /* 2 or 4 */
    uint8_t ctr_len; /* 1 or 2 */
};

/* The profile that policy bits (enum policy) stand for. */
struct profile profile_make(uint8_t scheme, uint8_t suite, uint16_t fleet, uint16_t policy, uint8_t sid_len,
                            uint8_t ctr_len);

/* profile of a checked image; sid_len and ctr_len are the build's. */
struct profile profile_from_image(const struct otp_image *image, uint8_t sid_len, uint8_t ctr_len);

/* What a proof appends to external_aad: "fl1 proof" challenge32 image_digest32 (otp_image_digest). */
void profile_proof(const uint8_t challenge[CHALLENGE_LEN], const uint8_t image_digest[SHA256_LEN], uint8_t out[PROOF_LEN]);

#endif
