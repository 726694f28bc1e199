/* Any frame, expanded: the COSE holds exactly the frame's bytes, and the frame can be put together from it again. */
#include <string.h>

#include "protocol/cose.h"
#include "protocol/scheme.h"
#include "tests/fuzz/fuzz.h"

/* The content of the byte string at *p, which moves behind it. */
static const uint8_t *bstr(const uint8_t **p, size_t *len)
{
    const uint8_t *q = *p;
    require(*q >> 5 == 2);
    *len = *q & 31;
    q++;
    if (*len == 24)
        *len = *q++;
    else if (*len == 25) {
        *len = (size_t)q[0] << 8 | q[1];
        q += 2;
    }
    *p = q + *len;
    return q;
}

/* A ROTATE shows its payload and a signature whose s is the low one; REKEY and RSA show nothing. */
static int other_forms(const struct frame *f)
{
    uint8_t cose[FRAME_MAX + 32], payload[COSE_ROTATE_MAX];
    size_t total = cose_expand(f, SUITE_P256_CCM, cose, f->len + 32), n;
    const uint8_t *p = cose + 6, *content;
    if (f->form->kind != FRAME_ROTATE) {
        require(total == 0);
        return 0;
    }
    require(memcmp(cose, "\x84\x43\xA1\x01\x28\xA0", 6) == 0);
    content = bstr(&p, &n);
    require(n == cose_rotate_payload(SUITE_P256_CCM, *f->epoch, f->x, payload) && memcmp(content, payload, n) == 0);
    content = bstr(&p, &n);
    require(n == FRAME_SIG_LEN && p == cose + total && memcmp(content, f->ct, 32) == 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
    struct frame f;
    if (frame_parse(in, len, &f) != FRAME_OK)
        return 0;
    if (!cose_has_form(f.form) || f.form->kind == FRAME_ROTATE)
        return other_forms(&f);
    uint8_t again[FRAME_MAX];
    uint8_t *cose = malloc(len + 32); /* exactly what the contract asks for: ASan sees one byte more */
    require(cose != NULL);
    size_t total = cose_expand(&f, SUITE_P256_CCM, cose, len + 32), n, at = 1, kid_len = 0;
    require(total > 0 && total <= len + 32);

    const uint8_t *p = cose + 1, *content = bstr(&p, &n);
    require(cose[0] == 0x83 && n == (f.form->tag_len == 8 ? 3 : 4) && content[0] == 0xA1);
    again[0] = in[0];
    for (unsigned entries = *p++ & 31; entries > 0; entries--) {
        uint8_t label = *p++;
        content = bstr(&p, &n);
        memcpy(again + at, content, n);
        at += n;
        require(label == 4 || label == 6 || label == 0x23);
        kid_len += label == 4 ? n : 0;
    }
    content = bstr(&p, &n);
    memcpy(again + at, content, n);
    require(p == cose + total && kid_len == f.form->kid_len + f.form->epoch_len + f.form->boot_len && at + n == len &&
            memcmp(again, in, len) == 0);
    free(cose);
    return 0;
}
