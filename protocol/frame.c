#include "protocol/frame.h"

/* Only the headers named here exist; anything else is refused. */
static const struct frame_form forms[] = {
    /* hdr                     kind        scheme kid boot ctr  x  tag */
    { HDR_OPEN_SEALED, FRAME_OPEN, 1, 8, 0, 0, 32, 16 }, { HDR_OPEN_SEALED_COMPACT, FRAME_OPEN, 1, 4, 0, 0, 32, 8 },
    { HDR_DATA_2_1, FRAME_DATA, 0, 2, 0, 1, 0, 8 },      { HDR_DATA_2_2, FRAME_DATA, 0, 2, 0, 2, 0, 8 },
    { HDR_DATA_4_1, FRAME_DATA, 0, 4, 0, 1, 0, 8 },      { HDR_DATA_4_2, FRAME_DATA, 0, 4, 0, 2, 0, 8 },
};
enum { FORMS = sizeof forms / sizeof *forms };

const char *frame_result_name(enum frame_result r)
{
    static const char *const name[FRAME_RESULTS] = {
        "frame-ok", "frame-empty", "frame-header", "frame-short", "frame-long", "frame-counter",
    };
    return (unsigned)r < FRAME_RESULTS ? name[r] : "frame-unknown";
}

const struct frame_form *frame_form(uint8_t hdr)
{
    for (unsigned i = 0; i < FORMS; i++)
        if (forms[i].hdr == hdr)
            return &forms[i];
    return NULL;
}

uint8_t frame_data_hdr(unsigned sid_len, unsigned ctr_len)
{
    for (unsigned i = 0; i < FORMS; i++)
        if (forms[i].kind == FRAME_DATA && forms[i].kid_len == sid_len && forms[i].ctr_len == ctr_len)
            return forms[i].hdr;
    return 0;
}

static size_t head_len(const struct frame_form *form)
{
    return 1u + form->kid_len + form->boot_len + form->ctr_len + form->x_len;
}

size_t frame_size(const struct frame_form *form, size_t data_len)
{
    return head_len(form) + data_len + form->tag_len;
}

/* The next field of `len` bytes; NULL for a field that is absent. */
static const uint8_t *take(const uint8_t **p, unsigned len)
{
    const uint8_t *field = *p;
    *p += len;
    return len ? field : NULL;
}

enum frame_result frame_parse(const uint8_t *bytes, size_t len, struct frame *out)
{
    if (len == 0)
        return FRAME_EMPTY;
    if (len > FRAME_MAX)
        return FRAME_LONG;
    const struct frame_form *form = frame_form(bytes[0]);
    if (!form)
        return FRAME_HEADER;
    if (len < frame_size(form, 0))
        return FRAME_SHORT;
    if (len > frame_size(form, FRAME_DATA_MAX))
        return FRAME_LONG;

    struct frame f = { .form = form, .bytes = bytes, .len = len };
    const uint8_t *p = bytes + 1;
    f.kid = take(&p, form->kid_len);
    (void)take(&p, form->boot_len); /* no form of this version has one */
    f.ctr = take(&p, form->ctr_len);
    f.x = take(&p, form->x_len);
    f.ct = p;
    f.head_len = head_len(form);
    f.data_len = len - frame_size(form, 0);
    for (unsigned i = 0; i < form->ctr_len; i++)
        f.counter = f.counter << 8 | f.ctr[i];
    if (form->ctr_len && f.counter == 0)
        return FRAME_COUNTER;
    *out = f;
    return FRAME_OK;
}
