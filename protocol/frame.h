/* protocol/frame.h - the frames on the air: which header bytes exist, and where the fields lie.
 * Boundary: pure parsing; no key, no copy: fields point into the caller's bytes.  What a frame may be is decided by the
 * device's profile (protocol/sealed.h), never by the frame.
 * One layout for all:  hdr1 | kid | boot | ctr | x | ciphertext | tag, fields of length 0 being absent.
 * Source: docs/protocol.md, "Frames". */
#ifndef PROTOCOL_FRAME_H
#define PROTOCOL_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_MAX = 1024,     /* bytes of any frame */
    FRAME_DATA_MAX = 512, /* bytes of application data */
    FRAME_X_LEN = 32,
    FRAME_SID_LEN = 8, /* as exported; 2 or 4 of them on the air */

    HDR_OPEN_SEALED = 0x20,
    HDR_OPEN_SEALED_COMPACT = 0x28,
    HDR_DATA_2_1 = 0x49, /* sid 2, ctr 1 */
    HDR_DATA_2_2 = 0x4A,
    HDR_DATA_4_1 = 0x51,
    HDR_DATA_4_2 = 0x52
};

enum frame_kind { FRAME_OPEN, FRAME_DATA };

/* hdr = type (3 bits) | variant (5 bits). */
struct frame_form {
    uint8_t hdr;
    uint8_t kind;    /* enum frame_kind */
    uint8_t scheme;  /* of an OPEN; 0 in DATA: the session knows */
    uint8_t kid_len; /* serial 8 or 4, sid 2 or 4 */
    uint8_t boot_len, ctr_len, x_len;
    uint8_t tag_len;
};

struct frame {
    const struct frame_form *form;
    const uint8_t *bytes;
    size_t len;
    const uint8_t *kid; /* [form->kid_len] */
    const uint8_t *ctr; /* [form->ctr_len], NULL if 0 */
    const uint8_t *x;   /* [form->x_len], NULL if 0 */
    const uint8_t *ct;  /* ciphertext, then tag: up to the end of the frame */
    size_t head_len;    /* bytes before the ciphertext: what the AAD covers */
    size_t data_len;    /* bytes of ciphertext without tag, 0..FRAME_DATA_MAX */
    uint32_t counter;   /* ctr as a number: 0 for OPEN, 1.. for DATA */
};

enum frame_result {
    FRAME_OK,
    FRAME_EMPTY,
    FRAME_HEADER, /* a header byte that does not exist here */
    FRAME_SHORT,
    FRAME_LONG,    /* over FRAME_MAX, or over FRAME_DATA_MAX bytes of data */
    FRAME_COUNTER, /* ctr 0 where it starts at 1 */
    FRAME_RESULTS
};
const char *frame_result_name(enum frame_result r); /* stable: "frame-short"; never NULL */

/* *out is untouched unless FRAME_OK; it points into bytes. */
enum frame_result frame_parse(const uint8_t *bytes, size_t len, struct frame *out);

/* The row of a header byte; NULL: it does not exist. */
const struct frame_form *frame_form(uint8_t hdr);

/* Header byte of DATA for sid_len 2 or 4 and ctr_len 1 or 2; 0 for any other lengths. */
uint8_t frame_data_hdr(unsigned sid_len, unsigned ctr_len);

/* Bytes of a frame of that form with data_len bytes of data. */
size_t frame_size(const struct frame_form *form, size_t data_len);

#endif
