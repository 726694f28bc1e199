#include "protocol/frame.h"

#include "protocol/scheme.h"

/* What a sealed text holds beside its data. */
enum {
    DATA = FRAME_DATA_MAX,
    SIGNED = 8 + FRAME_BOOT_LEN + FRAME_SIG_LEN,         /* serial8 (or x5t8) boot3 .. sig64 */
    SIGNED_COMPACT = 4 + FRAME_BOOT_LEN + FRAME_SIG_LEN, /* serial4 boot3 .. sig64 */
    PK = 32
};

/* Only the headers named here exist; anything else is refused. */
/* hdr, kind, scheme, kid, epoch, boot, ctr, x, tag, least, most */
const struct frame_form frame_open_sealed[2] = {
    { HDR_OPEN_SEALED, FRAME_OPEN, 1, 8, 0, 0, 0, 32, 16, 0, DATA },
    { HDR_OPEN_SEALED_COMPACT, FRAME_OPEN, 1, 4, 0, 0, 0, 32, 8, 0, DATA },
};
const struct frame_form frame_open_fleet[2] = {
    { HDR_OPEN_FLEET, FRAME_OPEN, 2, 0, 1, 0, 0, 32, 16, 8, 8 + DATA },
    { HDR_OPEN_FLEET_COMPACT, FRAME_OPEN, 2, 0, 1, 0, 0, 32, 8, 4, 4 + DATA },
};
const struct frame_form frame_open_identity[2] = {
    { HDR_OPEN_IDENTITY, FRAME_OPEN, 3, 0, 1, 0, 0, 32, 16, SIGNED, SIGNED + DATA },
    { HDR_OPEN_IDENTITY_COMPACT, FRAME_OPEN, 3, 0, 1, 0, 0, 32, 8, SIGNED_COMPACT, SIGNED_COMPACT + DATA },
};
const struct frame_form frame_open_signup[2] = {
    { HDR_OPEN_SIGNUP, FRAME_OPEN, 8, 0, 1, 0, 0, 32, 16, SIGNED + PK, SIGNED + PK + DATA },
    { HDR_OPEN_SIGNUP_COMPACT, FRAME_OPEN, 8, 0, 1, 0, 0, 32, 8, SIGNED_COMPACT + PK, SIGNED_COMPACT + PK + DATA },
};
const struct frame_form frame_open_certificate[2] = {
    { HDR_OPEN_CERTIFICATE, FRAME_OPEN, 7, 0, 1, 0, 0, 32, 16, SIGNED, SIGNED + DATA },
    { HDR_OPEN_CERTIFICATE_COMPACT, FRAME_OPEN, 7, 0, 1, 0, 0, 32, 8, SIGNED, SIGNED + DATA }, /* x5t8 stays whole */
};
const struct frame_form frame_open_session[2] = {
    { HDR_OPEN_SESSION, FRAME_OPEN, 6, 0, 1, 0, 0, 32, 16, 0, DATA },
    { HDR_OPEN_SESSION_COMPACT, FRAME_OPEN, 6, 0, 1, 0, 0, 32, 8, 0, DATA },
};
const struct frame_form frame_open_rsa[1] = {
    { HDR_OPEN_RSA, FRAME_OPEN, 6, 0, 0, 0, 0, 0, 0, FRAME_RSA_LEN, FRAME_RSA_LEN },
};
const struct frame_form frame_data_sid[FORMS_DATA] = {
    { HDR_DATA_2_1, FRAME_DATA, 0, 2, 0, 0, 1, 0, 8, 0, DATA + FRAME_SIG_LEN },
    { HDR_DATA_2_2, FRAME_DATA, 0, 2, 0, 0, 2, 0, 8, 0, DATA + FRAME_SIG_LEN },
    { HDR_DATA_4_1, FRAME_DATA, 0, 4, 0, 0, 1, 0, 8, 0, DATA + FRAME_SIG_LEN },
    { HDR_DATA_4_2, FRAME_DATA, 0, 4, 0, 0, 2, 0, 8, 0, DATA + FRAME_SIG_LEN },
};
const struct frame_form frame_data_boot[1] = {
    { HDR_DATA_BOOT, FRAME_DATA, 0, 4, 0, FRAME_BOOT_LEN, 2, 0, 8, 0, DATA },
};
const struct frame_form frame_down[FORMS_DOWN] = {
    { HDR_DOWN_2, FRAME_DOWN, 0, 2, 0, 0, 1, 0, 8, 0, DATA },
    { HDR_DOWN_4, FRAME_DOWN, 0, 4, 0, 0, 1, 0, 8, 0, DATA },
};
const struct frame_form frame_rotate[2] = {
    { HDR_ROTATE, FRAME_ROTATE, 0, 0, 1, 0, 0, 32, FRAME_SIG_LEN, 0, 0 },
    { HDR_ROTATE_BACKUP, FRAME_ROTATE, 0, 0, 1, 0, 0, 32, FRAME_SIG_LEN, 0, 0 },
};
const struct frame_form frame_rekey[1] = {
    { HDR_REKEY, FRAME_REKEY, 0, 4, 1, 0, 0, 0, 8, FRAME_SALT_LEN, FRAME_SALT_LEN },
};

static const struct {
    const struct frame_form *form;
    unsigned n;
} families[] = {
    { frame_open_sealed, 2 },  { frame_open_fleet, 2 }, { frame_open_identity, 2 },     { frame_open_signup, 2 },
    { frame_open_session, 2 }, { frame_open_rsa, 1 },   { frame_open_certificate, 2 },  { frame_data_boot, 1 },
    { frame_rotate, 2 },       { frame_rekey, 1 },      { frame_data_sid, FORMS_DATA }, { frame_down, FORMS_DOWN },
};

const char *frame_result_name(enum frame_result r)
{
    static const char *const name[FRAME_RESULTS] = {
        "frame-ok", "frame-empty", "frame-header", "frame-short", "frame-long", "frame-counter",
    };
    return (unsigned)r < FRAME_RESULTS ? name[r] : "frame-unknown";
}

const struct frame_form *frame_form(uint8_t hdr)
{
    for (unsigned i = 0; i < sizeof families / sizeof *families; i++)
        for (unsigned k = 0; k < families[i].n; k++)
            if (families[i].form[k].hdr == hdr)
                return &families[i].form[k];
    return NULL;
}

bool frame_is_compact(uint8_t scheme, uint8_t suite, uint16_t policy)
{
    if ((policy & POLICY_TAG16) != 0 || suite == SUITE_RSA || suite == SUITE_P256_CHACHA)
        return false;
    for (unsigned i = 0; i < sizeof families / sizeof *families; i++)
        if (families[i].form->kind == FRAME_OPEN && families[i].form->scheme == scheme && families[i].n > FORM_COMPACT)
            return true;
    return false;
}

static const struct frame_form *by_lengths(const struct frame_form *form, unsigned n, unsigned kid_len, unsigned ctr_len)
{
    for (; n-- > 0; form++)
        if (form->kid_len == kid_len && form->ctr_len == ctr_len)
            return form;
    return NULL;
}

const struct frame_form *frame_data_form(unsigned sid_len, unsigned ctr_len)
{
    return by_lengths(frame_data_sid, FORMS_DATA, sid_len, ctr_len);
}

const struct frame_form *frame_down_form(unsigned sid_len)
{
    return by_lengths(frame_down, FORMS_DOWN, sid_len, 1);
}

size_t frame_head_len(const struct frame_form *form)
{
    return 1u + form->kid_len + form->epoch_len + form->boot_len + form->ctr_len + form->x_len;
}

size_t frame_size(const struct frame_form *form, size_t body_len)
{
    return frame_head_len(form) + body_len + form->tag_len;
}

/* The next field of `len` bytes; NULL for a field that is absent. */
static const uint8_t *take(const uint8_t **p, unsigned len)
{
    const uint8_t *field = *p;
    *p += len;
    return len ? field : NULL;
}

static enum frame_result parse(const struct frame_form *form, const uint8_t *bytes, size_t len, struct frame *out)
{
    if (len < frame_size(form, form->least))
        return FRAME_SHORT;
    if (len > frame_size(form, form->most))
        return FRAME_LONG;

    struct frame f = { .form = form, .bytes = bytes, .len = len };
    const uint8_t *p = bytes + 1;
    f.kid = take(&p, form->kid_len);
    f.epoch = take(&p, form->epoch_len);
    f.boot = take(&p, form->boot_len);
    f.ctr = take(&p, form->ctr_len);
    f.x = take(&p, form->x_len);
    f.ct = p;
    f.head_len = frame_head_len(form);
    f.data_len = len - frame_size(form, 0);
    for (unsigned i = 0; i < form->ctr_len; i++)
        f.counter = f.counter << 8 | f.ctr[i];
    if (form->ctr_len && f.counter == 0)
        return FRAME_COUNTER;
    *out = f;
    return FRAME_OK;
}

enum frame_result frame_parse(const uint8_t *bytes, size_t len, struct frame *out)
{
    if (len == 0)
        return FRAME_EMPTY;
    if (len > FRAME_MAX)
        return FRAME_LONG;
    const struct frame_form *form = frame_form(bytes[0]);
    return form ? parse(form, bytes, len, out) : FRAME_HEADER;
}

enum frame_result frame_parse_as(const struct frame_form *form, const uint8_t *bytes, size_t len, struct frame *out)
{
    if (len == 0)
        return FRAME_EMPTY;
    return bytes[0] == form->hdr ? parse(form, bytes, len, out) : FRAME_HEADER;
}
