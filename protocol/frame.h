/* protocol/frame.h - the frames on the air: which header bytes exist, and where the fields lie.
 * Boundary: pure parsing; no key, no copy: fields point into the caller's bytes.  What a frame may be is decided by the
 * device's or fleet's profile (protocol/profile.h), never by the frame.
 * One layout for all:  hdr1 | kid | epoch | boot | ctr | x | body | tag, fields of length 0 being absent; an OPEN has a kid
 * or an epoch.  The forms stand in families, so that a firmware links the rows of its own scheme alone.
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
    FRAME_BOOT_LEN = 3,
    FRAME_SIG_LEN = 64,
    FRAME_RSA_LEN = 512,
    FRAME_RSA_DATA_MAX = 413, /* of application data in it */
    FRAME_SALT_LEN = 16,
    FRAME_INNER_MAX = 8 + FRAME_BOOT_LEN + 32 + FRAME_SIG_LEN, /* beside the data of the longest sealed text, 23 */
    FRAME_PLAIN_MAX = FRAME_DATA_MAX + FRAME_INNER_MAX
};

/* hdr = type (3 bits) | variant (5 bits). */
enum frame_hdr {
    HDR_OPEN_SEALED = 0x20,
    HDR_OPEN_FLEET = 0x21,
    HDR_OPEN_IDENTITY = 0x22,
    HDR_OPEN_SIGNUP = 0x23,
    HDR_OPEN_CERTIFICATE = 0x24,
    HDR_OPEN_SEALED_COMPACT = 0x28,
    HDR_OPEN_FLEET_COMPACT = 0x29,
    HDR_OPEN_IDENTITY_COMPACT = 0x2A,
    HDR_OPEN_SIGNUP_COMPACT = 0x2B,
    HDR_OPEN_CERTIFICATE_COMPACT = 0x2C,
    HDR_OPEN_RSA = 0x30,
    HDR_OPEN_SESSION = 0x31,
    HDR_OPEN_SESSION_COMPACT = 0x39,
    HDR_DATA_2_1 = 0x49, /* sid 2, ctr 1 */
    HDR_DATA_2_2 = 0x4A,
    HDR_DATA_4_1 = 0x51,
    HDR_DATA_4_2 = 0x52,
    HDR_DATA_BOOT = 0x55, /* schemes 4 and 5: every frame of theirs */
    HDR_DOWN_2 = 0x69,
    HDR_DOWN_4 = 0x71, /* kid: sid4, or serial4 in schemes 4 and 5; the layout is one */
    HDR_ROTATE = 0x80, /* signed by the RA */
    HDR_ROTATE_BACKUP = 0x81,
    HDR_REKEY = 0xC0
};

enum frame_kind { FRAME_OPEN, FRAME_DATA, FRAME_DOWN, FRAME_ROTATE, FRAME_REKEY };

struct frame_form {
    uint8_t hdr;
    uint8_t kind;      /* enum frame_kind */
    uint8_t scheme;    /* of an OPEN; 0: the session, or whoever holds the serial, knows */
    uint8_t kid_len;   /* serial 8 or 4, sid 2 or 4; 0: the epoch names the key */
    uint8_t epoch_len; /* 1 or 0; REKEY: its generation */
    uint8_t boot_len, ctr_len, x_len;
    uint8_t tag_len;      /* AEAD tag; ROTATE: signature; REKEY: mac */
    uint16_t least, most; /* bytes of the body */
};

/* The families.  OPEN: [0] whole, [1] compact (tag 8, serial4), where the scheme has one. */
enum { FORM_WHOLE = 0, FORM_COMPACT = 1, FORMS_DATA = 4, FORMS_DOWN = 2 };
extern const struct frame_form frame_open_sealed[2], frame_open_fleet[2], frame_open_identity[2], frame_open_signup[2],
    frame_open_certificate[2], frame_open_session[2], frame_open_rsa[1];
extern const struct frame_form frame_data_sid[FORMS_DATA], frame_data_boot[1], frame_down[FORMS_DOWN], frame_rotate[2],
    frame_rekey[1];

struct frame {
    const struct frame_form *form;
    const uint8_t *bytes;
    size_t len;
    const uint8_t *kid;   /* [form->kid_len], NULL if 0; so all below */
    const uint8_t *epoch; /* [form->epoch_len] */
    const uint8_t *boot;  /* [form->boot_len] */
    const uint8_t *ctr;   /* [form->ctr_len] */
    const uint8_t *x;     /* [form->x_len] */
    const uint8_t *ct;    /* the body (ciphertext, RSA block, salt), then tag: up to the end of the frame */
    size_t head_len;      /* bytes before the body: what the AAD covers */
    size_t data_len;      /* bytes of the body: for a sealed text, of ciphertext without tag */
    uint32_t counter;     /* ctr as a number: 0 for OPEN, 1.. where there is a ctr */
};

enum frame_result {
    FRAME_OK,
    FRAME_EMPTY,
    FRAME_HEADER, /* a header byte that does not exist here */
    FRAME_SHORT,
    FRAME_LONG,    /* over FRAME_MAX, or more than a body of that form can have */
    FRAME_COUNTER, /* ctr 0 where it starts at 1 */
    FRAME_RESULTS
};
const char *frame_result_name(enum frame_result r); /* stable: "frame-short"; never NULL */

/* *out is untouched unless FRAME_OK; it points into bytes. */
enum frame_result frame_parse(const uint8_t *bytes, size_t len, struct frame *out);

/* The same where only one form will do (a device's DOWN): FRAME_HEADER for any other. */
enum frame_result frame_parse_as(const struct frame_form *form, const uint8_t *bytes, size_t len, struct frame *out);

/* The row of a header byte; NULL: it does not exist. */
const struct frame_form *frame_form(uint8_t hdr);

/* Are the first frames of such a product compact?  Never where scheme or suite has no such form, whatever its policy says.
 */
bool frame_is_compact(uint8_t scheme, uint8_t suite, uint16_t policy);

/* The form of DATA for sid_len 2 or 4 and ctr_len 1 or 2, of DOWN for sid_len 2 or 4; NULL for any other lengths. */
const struct frame_form *frame_data_form(unsigned sid_len, unsigned ctr_len);
const struct frame_form *frame_down_form(unsigned sid_len);

/* Bytes before the body; and of a frame of that form with body_len bytes of body. */
size_t frame_head_len(const struct frame_form *form);
size_t frame_size(const struct frame_form *form, size_t body_len);

#endif
