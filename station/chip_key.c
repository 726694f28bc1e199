/* The device key that the chip makes itself (schemes 3 and 8): nobody else ever holds its seed.  The station gives the image
 * with its holes, and gets what others may know: x, and the CRC and otp_mac that only the chip can compute.
 * Source: docs/protocol.md, "Keys made on the chip". */
#include <string.h>

#include "db/device_key.h"
#include "db/fault.h"
#include "protocol/bytes.h"
#include "station/task.h"

/* The journal's image as it was before the chip was ever asked. */
static void draft(const struct task *t, uint8_t image[OTP_IMAGE_LEN])
{
    memcpy(image, t->device.image, OTP_IMAGE_LEN);
    for (unsigned i = 0; i < SLOTS; i++)
        if (slot_rule(t->s->product, i).from == FROM_CHIP)
            memset(image + OTP_OFF_SLOT + i * SLOT_LEN, 0xFF, SLOT_LEN);
    memset(image + OTP_OFF_CRC, 0xFF, 4);
    memset(image + OTP_OFF_MAC, 0xFF, OTP_MAC_LEN);
}

/* Of a half-written firmware that ran before, the first answer is its old note. */
static enum err_code ask(struct task *t, const uint8_t image[OTP_IMAGE_LEN], struct mailbox_answer *a, struct err *e)
{
    const struct mailbox_question q = { "chip key", MAILBOX_MAKE_KEY, image, MAILBOX_KEY_REQUEST_LEN };
    enum err_code rc = mailbox_ask(t, &q, a, e);

    if (rc == ERR_OK && mailbox_is_old_note(a))
        rc = mailbox_ask(t, &q, a, e);
    if (rc == ERR_OK && a->view.state == MAILBOX_ERROR)
        rc = mailbox_refused(&a->view, q.op, e);
    return rc;
}

/* x32 | crc4 | otp_mac16 into the image; a digest slot is of x. */
static enum err_code take(struct task *t, const struct mailbox_view *v, uint8_t image[OTP_IMAGE_LEN], struct err *e)
{
    const struct crypto *c = t->s->crypto;
    const struct crypto_part x = { v->data, P256_LEN };
    const struct scheme *s = scheme_by_id(t->s->product->scheme);
    uint8_t pk[P256_PK_LEN];

    if (v->len != MAILBOX_KEY_ANSWER_LEN || !c->p256_decompress(c->io, v->data, pk))
        return err_set(e, &station_fault[STATION_BAD_ANSWER], "chip key", NULL, 0, "%zu bytes, or no point", v->len);
    for (unsigned i = 0; i < SLOTS; i++)
        if (s->slot[i] == SLOT_CHIP_DIGEST && !c->sha256(c->io, &x, 1, image + OTP_OFF_SLOT + i * SLOT_LEN))
            return err_set(e, &station_fault[STATION_CRYPTO], "SHA-256", NULL, 0, "key");
    memcpy(image + OTP_OFF_CRC, v->data + P256_LEN, 4);
    memcpy(image + OTP_OFF_MAC, v->data + P256_LEN + 4, OTP_MAC_LEN);
    return ERR_OK;
}

static bool is_other_key(const struct fault *f)
{
    return f == &db_fault[DB_KEY_PINNED] || f == &db_fault[DB_KEY_KNOWN];
}

static enum err_code make(struct task *t, struct err *e)
{
    struct mailbox_answer a = { .view = { 0 } };
    uint8_t image[OTP_IMAGE_LEN];
    enum err_code rc;

    draft(t, image);
    if ((rc = ask(t, image, &a, e)) != ERR_OK || (rc = take(t, &a.view, image, e)) != ERR_OK)
        return rc;
    rc = registry_chip_made(t->s->registry, t->device.serial, a.view.data, image, e);
    if (rc == ERR_OK)
        memcpy(t->device.image, image, sizeof image);
    if (rc == ERR_CONFLICT && is_other_key(e->fault)) {
        const struct err was = *e;
        rc = err_set(e, &station_fault[STATION_OTHER_CHIP_KEY], was.op, was.source, was.native, "%s", was.subject);
    }
    return rc;
}

/* A torn seed, or a key that is not this chip's, ends the board: only if a second question says so too. */
static enum err_code judge(struct task *t, enum err_code rc, struct err *e)
{
    const struct err was = *e;

    if (was.fault != &station_fault[STATION_SEED_TORN] && was.fault != &station_fault[STATION_OTHER_CHIP_KEY])
        return rc;
    if (probe_again(t, e) != ERR_OK || make(t, e) == ERR_OK || e->fault != was.fault)
        return unsteady(t, &was, e);
    return task_quarantine(t, e);
}

/* Once the chip has told its key and the station has burned a cell behind it, the chip is not asked again: between the cells
 * of the last unit it would refuse.  Its answer stands in the cells, and the proof tells whether it is that chip. */
static enum err_code is_told(const struct task *t, bool *told, struct err *e)
{
    enum device_key_state state = DEVICE_KEY_NONE;
    uint8_t x[P256_LEN];
    enum err_code rc = registry_device_key(t->s->registry, t->device.serial, x, &state, e);

    *told = t->found != FOUND_BLANK && state != DEVICE_KEY_NONE;
    return rc;
}

enum err_code chip_key_step(struct task *t, struct err *e)
{
    bool told = false;
    enum err_code rc;

    if (!slots_chip_makes_key(t->s->product) || t->device.state != DEV_BURNING)
        return ERR_OK;
    if ((rc = is_told(t, &told, e)) != ERR_OK || told || (rc = firmware_step(t, e)) != ERR_OK)
        return rc;
    t->begun = true; /* the chip burns its seed */
    if ((rc = make(t, e)) != ERR_OK)
        return judge(t, rc, e);
    image_wipe(t);
    return chip_wipe_ram(t->s->chip, e); /* and halted: it is we who program now */
}
