#include <string.h>

#include "flash/openocd/session.h"

static const uint8_t rdp_byte[] = { 0xAA, 0x55, 0xCC }; /* RM0351 s. 3.5.1, RM0090 s. 3.9: AA, anything else, CC */

/* Order the level.  Whether it was reached shows only after a fresh attach: loading option bytes resets the part, and the
 * error that OpenOCD then reports ("option load failed") is the success. */
static enum err_code order(struct openocd *o, unsigned level, struct err *e)
{
    const struct ask set = { "rdp set", o->slot.slow_ms, FLASH_RDP_FAILED };
    const struct ask load = { "option load", o->slot.call_ms, FLASH_RDP_FAILED };
    uint32_t v = 0;
    struct err expected;

    o->burned = true;
    enum err_code rc = session_ask(o, &set, &v, 1, e, "fl_rdp_set %u", rdp_byte[level]);
    if (rc == ERR_OK && v != 1)
        rc = session_fault(o, FLASH_OPENOCD_GARBAGE, set.op, e, "%s", "");
    if (rc == ERR_OK)
        (void)session_ask(o, &load, &v, 1, &expected, "fl_rdp_load");
    session_end(o);
    return rc;
}

/* At level 1 the debug port must not see the flash.  Our own look, not the option byte's word for it. */
static enum err_code flash_refused(struct openocd *o, struct err *e)
{
    const struct ask ask = { "flash read at RDP level 1", o->slot.call_ms, FLASH_READ_FAILED };
    uint32_t word;
    struct err expected;

    if (session_ask(o, &ask, &word, 1, &expected, "fl_mem_read %u 1", o->chip.desc->flash.base) == ERR_OK)
        return session_fault(o, FLASH_RDP_FAILED, ask.op, e, "%s", "the debug port still reads the flash");
    if (expected.fault != &flash_fault[FLASH_READ_FAILED]) {
        *e = expected; /* OpenOCD died or lied: no refusal of the part's */
        return e->code;
    }
    return ERR_OK;
}

static enum err_code prove(struct openocd *o, unsigned level, const uint8_t uid[CHIP_UID_LEN], struct err *e)
{
    struct chip_identity id;
    enum err_code rc = openocd_probe(&o->chip, &id, e);

    if (level == 2 && rc != ERR_OK && e->fault == &flash_fault[FLASH_NO_CHIP])
        return ERR_OK;
    if (rc != ERR_OK || id.rdp != level) {
        char why[sizeof e->subject] = "";
        if (rc != ERR_OK)
            memcpy(why, e->subject, sizeof why);
        return session_fault(o, FLASH_RDP_FAILED, "rdp set", e, "level %u wanted, %s%.80s", level,
                             rc != ERR_OK ? "and then " : "not reached", why);
    }
    if (memcmp(id.uid, uid, CHIP_UID_LEN) != 0)
        return session_fault(o, FLASH_BOARD_CHANGED, "rdp set", e, "%s", "");
    if (level != 1)
        return ERR_OK;
    /* The refused read leaves a session nobody should go on with: look, then attach once more. */
    return (rc = flash_refused(o, e)) != ERR_OK ? rc : openocd_probe(&o->chip, &id, e);
}

enum err_code openocd_rdp_set(struct chip *c, unsigned level, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    uint8_t uid[CHIP_UID_LEN];
    enum err_code rc;

    if (level > 2)
        return session_fault(o, FLASH_UNSUPPORTED, "rdp set", e, "there is no level %u", level);
    if (!o->probed)
        return session_fault(o, FLASH_READ_FAILED, "rdp set", e, "%s", "contact was lost before: probe again");
    memcpy(uid, o->id.uid, sizeof uid);
    if (o->id.rdp != level && (rc = order(o, level, e)) != ERR_OK)
        return rc;
    return prove(o, level, uid, e);
}
