/* protocol/sealed.h - what became of a frame, on either side and in every scheme.
 * Source: docs/protocol.md, "Frames". */
#ifndef PROTOCOL_SEALED_H
#define PROTOCOL_SEALED_H

/* Stable numbers and names, extend-only. */
enum sealed_result {
    SEALED_OK,
    SEALED_FORM,      /* the frame's form is not the profile's */
    SEALED_SERIAL,    /* another device's serial, another epoch's key, or another session's sid */
    SEALED_POINT,     /* x names no point, or pkRm is not the even one */
    SEALED_AUTH,      /* the AEAD refused it */
    SEALED_RANGE,     /* too much data, a counter used up, a boot number of 0 or above 24 bits, no room */
    SEALED_RANDOM,    /* the random source failed and there is no secret to stand in */
    SEALED_CRYPTO,    /* the crypto table failed */
    SEALED_SIGNATURE, /* it opened, and the device's signature is wrong */
    SEALED_COUNTER,   /* a DOWN frame whose ctr is not above the last accepted one */
    SEALED_RESULTS
};
const char *sealed_result_name(enum sealed_result r); /* "sealed-auth"; never NULL */

#endif
