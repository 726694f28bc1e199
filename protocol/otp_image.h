/* protocol/otp_image.h - the 176 bytes that make a chip one device.
 * Boundary: fields above, bytes below; no chip is touched here.  The same bytes on every chip; only run-time cells differ
 * (protocol/otp_cells.h).  Memory: caller's.  Secrets: slots of role SLOT_SECRET and SLOT_CHIP_MADE, and the image that
 * holds them. Power: otp_image_spans gives the burn order; the magic is last, so that a cut anywhere leaves a chip that does
 * not start. Source: docs/protocol.md, "OTP image". */
#ifndef PROTOCOL_OTP_IMAGE_H
#define PROTOCOL_OTP_IMAGE_H

#include "protocol/crypto.h"
#include "protocol/scheme.h"

enum {
    OTP_IMAGE_LEN = 176,
    OTP_IMAGE_VERSION = 1,
    OTP_SERIAL_LEN = 8,
    OTP_MAC_LEN = 16,
    OTP_UNIT = 8, /* burned in units of so many bytes on every chip */
    OTP_SPANS_MAX = 8,
    OTP_HOLES_MAX = 4,

    /* offsets, in bytes */
    OTP_OFF_MAGIC = 0x00, /* "FL1O" */
    OTP_OFF_VERSION = 0x04,
    OTP_OFF_SCHEME = 0x05,
    OTP_OFF_SUITE = 0x06,
    OTP_OFF_USED = 0x07, /* highest used slot + 1 */
    OTP_OFF_SERIAL = 0x08,
    OTP_OFF_FLEET = 0x10,
    OTP_OFF_MODEL = 0x12,
    OTP_OFF_POLICY = 0x14,
    OTP_OFF_EPOCH = 0x16,
    OTP_OFF_GEN = 0x17,
    OTP_OFF_DAY = 0x18,
    OTP_OFF_STATION = 0x1A,
    OTP_OFF_CRC = 0x1C,
    OTP_OFF_SLOT = 0x20,
    OTP_OFF_MAC = 0xA0
};

struct otp_image {
    uint8_t scheme, suite; /* 1..8; enum suite */
    uint8_t serial[OTP_SERIAL_LEN];
    uint16_t fleet, model;
    uint16_t policy; /* enum policy */
    uint8_t epoch;   /* initial; 0 where the scheme has none */
    uint8_t gen;     /* initial generation: 0 in this version of every scheme */
    uint16_t day;    /* factory day since 2020-01-01, UTC; frozen in the intent */
    uint16_t station;
    uint8_t slot[SLOTS][SLOT_LEN]; /* unused: all FF */
};

/* What is wrong with an image, in the order of the boot checks.  Numbers and names are stable: the device sends the number
 * on its console (protocol/local.h), the host prints the name. */
enum otp_result {
    OTP_OK = 0,
    OTP_BLANK = 1,   /* all FF: nothing was ever burned */
    OTP_MAGIC = 2,   /* not ours, or a burn that was cut before the end */
    OTP_VERSION = 3, /* another layout version */
    OTP_CRC = 4,
    OTP_SCHEME = 5,  /* scheme or suite that this version does not speak */
    OTP_POLICY = 6,  /* policy bits, epoch or generation that do not go with the scheme */
    OTP_SLOT = 7,    /* a slot that the scheme needs is empty, or one that it has not is used; or the count is wrong */
    OTP_RETIRED = 8, /* lifecycle: the retired cell is burned */
    OTP_MAC = 9,
    OTP_POINT = 10,  /* a public slot is no x of a point; a u of small order */
    OTP_DIGEST = 11, /* a scheme digest does not match */
    OTP_CRYPTO = 12, /* the crypto table failed */
    OTP_RESULTS
};
const char *otp_result_name(enum otp_result r); /* "otp-crc"; never NULL */

/* Bytes of an image: whole 8-byte units in burn order, or holes of any size. */
struct otp_image_span {
    uint16_t offset, len;
};

/* Fields -> bytes, with CRC and otp_mac.  Nothing is written unless OTP_OK.
 * OTP_SCHEME, OTP_POLICY, OTP_SLOT, OTP_POINT: the fields contradict each other or the scheme; OTP_CRYPTO. */
enum otp_result otp_image_encode(const struct crypto *c, const struct otp_image *in, uint8_t image[OTP_IMAGE_LEN]);

/* The station's image of a scheme whose key the chip makes: as above, but slots of role SLOT_CHIP_MADE and SLOT_CHIP_DIGEST,
 * the CRC and otp_mac stay FF.  hole[0..*n) says where; for other schemes *n is 0 and the image is complete. */
enum otp_result otp_image_draft(const struct crypto *c, const struct otp_image *in, uint8_t image[OTP_IMAGE_LEN],
                                struct otp_image_span hole[OTP_HOLES_MAX], size_t *n);

/* Write CRC and otp_mac into an image whose slots are all there (on the chip: into the draft it was given, with its own
 * seed).  False: the table failed. */
bool otp_image_finish(const struct crypto *c, uint8_t image[OTP_IMAGE_LEN]);

/* Bytes -> fields; only magic, version and CRC are looked at (OTP_BLANK, OTP_MAGIC, OTP_VERSION, OTP_CRC): for showing an
 * image of any scheme.  *out is untouched unless OTP_OK. */
enum otp_result otp_image_decode(const uint8_t image[OTP_IMAGE_LEN], struct otp_image *out);

/* All boot checks that need no flash: magic, version, CRC, fields, lifecycle, mac, points, in this order.
 *   retired  the run-time cell "retired" reads as burned
 * Scheme digests are checked by the firmware, which holds what they are of.  *out (may be NULL) is untouched unless OTP_OK.
 * The host checks a read-back with it too; an image with holes can't pass. */
enum otp_result otp_image_check(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], bool retired,
                                struct otp_image *out);

/* The order of burning: slots, serial, ids, mac, day and CRC, the magic last.  All whole units, no overlap; a slot that the
 * chip makes, and that is blank in the image, is in none of them.  image: complete, or the draft after CRC and otp_mac came
 * from the chip.  Returns how many,
 * at most OTP_SPANS_MAX; 0 for an unknown scheme.  A unit whose wanted value is all FF lies in a span and is not to be
 * programmed. */
size_t otp_image_spans(const uint8_t image[OTP_IMAGE_LEN], struct otp_image_span span[OTP_SPANS_MAX]);

/* SHA-256 of the image as a proof names it: a chip-made slot counts as FF, whatever it holds. */
bool otp_image_digest(const struct crypto *c, const uint8_t image[OTP_IMAGE_LEN], uint8_t digest[SHA256_LEN]);

/* The secret slot's 32 bytes inside `image`, or NULL: the scheme has none, or the slot is empty (all FF). */
const uint8_t *otp_image_secret(const uint8_t image[OTP_IMAGE_LEN]);

#endif
