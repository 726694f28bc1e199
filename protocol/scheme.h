/* protocol/scheme.h - the eight schemes as one table: what each holds in OTP, and which policy it may carry.
 * Boundary: data only; who branches on a scheme reads a column here instead.  Source: docs/protocol.md, "OTP image". */
#ifndef PROTOCOL_SCHEME_H
#define PROTOCOL_SCHEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SLOTS = 4, SLOT_LEN = 32, SCHEME_MAX = 8, SECRET_NONE = 0xFF };

/* What a 32-byte slot of the OTP image holds. */
enum slot_role {
    SLOT_UNUSED,     /* FF */
    SLOT_POINT,      /* public: the x of a P-256 point, for signatures; it has a square root, or the image is refused */
    SLOT_SEAL,       /* public: the key to seal to, by its name in the suite (protocol/kem.h); refused as above */
    SLOT_DIGEST,     /* public: SHA-256 of something the firmware holds */
    SLOT_SECRET,     /* secret: drawn in the HSM, burned by the station */
    SLOT_CHIP_MADE,  /* secret: drawn and burned by the chip itself, a hole in the station's image; or injected */
    SLOT_CHIP_DIGEST /* public, but known only after the chip made its key; a hole until then */
};

/* Policy bits of the image (bit n = 1 << n); all others are 0. */
enum policy {
    POLICY_ONE_WAY = 1 << 0,
    POLICY_SIGN_ALL = 1 << 1,
    POLICY_TAG16 = 1 << 2,        /* clear: compact first frames; DATA never changes */
    POLICY_NVM_REQUIRED = 1 << 3, /* always set */
    POLICY_PSK = 1 << 4,          /* scheme 1: set iff S1 is burned */
    POLICY_FIELD_SIGN_UP = 1 << 5
};

enum suite { SUITE_P256_CCM = 1, SUITE_X25519_CCM = 2, SUITE_P256_CHACHA = 3, SUITE_RSA = 0x10 };

struct scheme {
    uint8_t id;           /* 1..8 */
    const char *name;     /* stable, in configs and output: "sealed" */
    uint8_t suite[3];     /* enum suite that protocol/ speaks it in; 0: none.  Images of others are refused */
    uint8_t slot[SLOTS];  /* enum slot_role */
    bool optional[SLOTS]; /* may also be unused */
    uint8_t secret;       /* index of the secret slot (keys otp_mac and the ephemerals), or SECRET_NONE */
    uint8_t policy;       /* bits that may be set; POLICY_NVM_REQUIRED must be */
    bool epoch;           /* the image carries an initial epoch 1..255; else 0 */
};

/* The row of a scheme; NULL outside 1..8. */
const struct scheme *scheme_by_id(uint8_t id);
/* The row of exactly that name; NULL if there is none. */
const struct scheme *scheme_by_name(const char *name);
/* Its images and frames can be made and read, from the station to the verifier. */
bool scheme_spoken(uint8_t scheme, uint8_t suite);

/* A product is of a scheme in a suite.  What that is called in commands and firmware files, stable: the scheme's name in
 * suite 1, "session-rsa" and the like (scheme.c) in others.  NULL: no such scheme. */
const char *scheme_form(uint8_t scheme, uint8_t suite);
/* The row of that name, and its suite: SUITE_P256_CCM where the name says nothing else.  NULL if there is none. */
const struct scheme *scheme_by_form(const char *name, uint8_t *suite);

#endif
