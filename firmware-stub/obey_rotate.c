#include "firmware-stub/obey_rotate.h"

#include <string.h>

#include "firmware-stub/boot_number.h"
#include "firmware-stub/cells.h"
#include "firmware-stub/chip.h"
#include "protocol/rotate_store.h"

static struct rotate_now now; /* as last looked */

struct look {
    const struct crypto *c;
    const uint8_t *image;
    uint8_t pk[P256_PK_LEN]; /* of the last frame that verified */
};

static bool read_slot(void *io, unsigned slot, uint8_t out[ROTATE_SLOT_LEN])
{
    (void)io;
    return chip_read(chip_rotate[slot], out, ROTATE_SLOT_LEN);
}

static enum sealed_result verify(struct look *l, const uint8_t *frame, size_t len, struct rotate_mark *mark)
{
    return rotate_verify_image(l->c, l->image, cell_burned(NULL, CELL_RA_REVOKED), frame, len, mark, l->pk);
}

static bool verify_stored(void *io, const uint8_t frame[ROTATE_LEN], struct rotate_mark *mark)
{
    return verify(io, frame, ROTATE_LEN, mark) == SEALED_OK;
}

/* What is in force; the next boot number's record will name it. */
static void look(struct look *l)
{
    const struct rotate_slots slots = { read_slot, verify_stored, l };
    struct counter_record record;
    boot_number_record(&record);
    rotate_store_look(&slots, &record, l->image[OTP_OFF_EPOCH], cell_burned(NULL, CELL_RA_REVOKED), &now);
    rotate_store_floor(&now, &record);
    boot_number_floor(record.v, record.epoch);
}

/* Seal to what is in force from now on. */
static enum device_code enforce(const struct look *l, struct device_side *d)
{
    if (now.slot < 0) /* as the image has it */
        return DEVICE_OK;
    if (now.burn && !cell_burn(CELL_RA_REVOKED))
        return DEVICE_OTP_WRITE;
    d->epoch = now.mark.epoch;
    memcpy(d->pkRm, l->pk, sizeof d->pkRm);
    return DEVICE_OK;
}

enum device_code rotate_recall(const struct crypto *c, struct device_side *d)
{
    struct look l = { .c = c, .image = d->image };
    look(&l);
    return enforce(&l, d);
}

static void write_slot(unsigned slot, const uint8_t frame[ROTATE_LEN])
{
    uint8_t bytes[ROTATE_SLOT_LEN];
    rotate_slot_encode(frame, bytes);
    if (chip_erase(chip_rotate[slot]))
        (void)chip_program(chip_rotate[slot], bytes, sizeof bytes); /* what counts is what reads back */
}

enum device_code rotate_obey(const struct crypto *c, struct device_side *d, const uint8_t *frame, size_t len,
                             uint32_t *taken)
{
    struct look l = { .c = c, .image = d->image };
    struct rotate_mark mark;
    struct counter_record record;
    enum sealed_result r = verify(&l, frame, len, &mark);
    if (r != SEALED_OK || !rotate_store_accepts(&now, mark))
        return r == SEALED_CRYPTO ? DEVICE_CRYPTO : DEVICE_REQUEST;

    unsigned slot = rotate_store_spare(&now);
    write_slot(slot, frame);
    look(&l);
    if (now.slot != (int)slot) /* it did not take: the old key stays */
        return DEVICE_REQUEST;
    enum device_code code = boot_number_take(NULL, &record);
    if (code == DEVICE_OK)
        code = enforce(&l, d);
    *taken = record.boot;
    return code;
}
