/* protocol/local.h - records of type 0 on the device's console: never forwarded, never recorded as telemetry.
 * 01 code1 text: the device says why it sends nothing.  02 challenge32: the host asks for a proof.  03 rdp1 frame: the
 * proof, behind the readout protection level that the part's flash controller shows (0, 1, 2). Inside COBS like every frame
 * (protocol/cobs.h).  Source: docs/protocol.md, "Serial line". */
#ifndef PROTOCOL_LOCAL_H
#define PROTOCOL_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LOCAL_ERROR = 0x01, LOCAL_CHALLENGE = 0x02, LOCAL_PROOF = 0x03, LOCAL_CHALLENGE_LEN = 32, LOCAL_TEXT_MAX = 64 };

/* What a device can have to say; one byte, stable, extend-only.  1..31 are enum otp_result (protocol/otp_image.h). */
enum device_code {
    DEVICE_OK = 0,
    DEVICE_SELF_TEST = 32,  /* a known-answer test failed */
    DEVICE_RANDOM = 33,     /* the RNG failed its test, and no secret slot stands in */
    DEVICE_BOOT_FULL = 34,  /* all boot numbers are used */
    DEVICE_BOOT_WRITE = 35, /* a boot number could not be written and read back */
    DEVICE_CRYPTO = 36,     /* sealing failed */
    DEVICE_REQUEST = 37,    /* a mailbox or console request that is malformed or unknown */
    DEVICE_STACK = 38,      /* the stack guard was hit */
    DEVICE_FAULT = 39,      /* the CPU faulted */
    DEVICE_OTP_READ = 40,   /* OTP could not be read (ECC) */
    DEVICE_OTP_WRITE = 41,  /* a cell did not read back as burned */
    DEVICE_SEED = 42        /* the seed slot holds a torn unit: no key can be made on this chip any more */
};
const char *device_code_name(uint8_t code); /* "self-test", or the otp_result's name; "unknown" */

struct local {
    uint8_t type;        /* LOCAL_* */
    uint8_t code;        /* of LOCAL_ERROR */
    uint8_t rdp;         /* of LOCAL_PROOF: 0, 1 or 2 */
    const uint8_t *body; /* text, challenge or frame; into the caller's bytes */
    size_t len;
};

/* The byte that starts a record of type 0 (so it is not a frame). */
bool local_is(const uint8_t *bytes, size_t len);

/* False: not one of the three, or of the wrong length.  Text may hold any bytes: the host cleans it before it prints it. */
bool local_parse(const uint8_t *bytes, size_t len, struct local *out);

/* Return the length, 0 if max is too small; text is cut at LOCAL_TEXT_MAX. */
size_t local_error(uint8_t code, const char *text, uint8_t *out, size_t max);
size_t local_challenge(const uint8_t challenge[LOCAL_CHALLENGE_LEN], uint8_t *out, size_t max);
size_t local_proof(uint8_t rdp, const uint8_t *frame, size_t len, uint8_t *out, size_t max);

#endif
