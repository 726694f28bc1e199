#include "flash/openocd/openocd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "flash/openocd/scripts.h"
#include "flash/openocd/session.h"

static enum err_code check_identity(struct openocd *o, const struct chip_identity *id, struct err *e)
{
    static const uint8_t zeros[CHIP_UID_LEN] = { 0 };
    uint8_t ones[CHIP_UID_LEN];

    memset(ones, 0xFF, sizeof ones);
    if (memcmp(id->uid, zeros, CHIP_UID_LEN) == 0 || memcmp(id->uid, ones, CHIP_UID_LEN) == 0)
        return session_fault(o, FLASH_BAD_UID, "probe", e, "%s", "");
    if (id->flash_bytes == 0 || id->flash_bytes > o->slot.desc->flash.size)
        return session_fault(o, FLASH_WRONG_CHIP, "probe", e, "the part says it has %u KiB of flash",
                             id->flash_bytes / 1024);
    if (id->rdp == 2) /* its own debug port would be dead */
        return session_fault(o, FLASH_NO_CHIP, "probe", e, "%s", "it claims RDP level 2 and answers");
    return ERR_OK;
}

/* Reset, halt, and see which part it is, before any address is read that only the right part has. */
static enum err_code read_device_id(struct openocd *o, uint32_t *dbgmcu, struct err *e)
{
    const struct chip_desc *d = o->slot.desc;
    const struct ask ask = { "reset halt", o->slot.call_ms, FLASH_NO_CHIP };
    enum err_code rc = session_ask(o, &ask, dbgmcu, 1, e, "fl_halt %u", d->dbgmcu.addr);

    if (rc == ERR_OK && (*dbgmcu & 0xFFF) != d->dbgmcu.dev_id)
        rc = session_fault(o, FLASH_WRONG_CHIP, "probe", e, "DBGMCU_IDCODE 0x%08x, device id 0x%03x expected", *dbgmcu,
                           d->dbgmcu.dev_id);
    return rc;
}

static enum err_code read_idcode(struct openocd *o, bool swd, uint32_t *idcode, struct err *e)
{
    const struct ask ask = { "idcode", o->slot.call_ms, FLASH_NO_CHIP };
    const uint32_t want = swd ? o->slot.desc->debug.swd_dpidr : o->slot.desc->debug.jtag_idcode;
    enum err_code rc = session_ask(o, &ask, idcode, 1, e, "fl_idcode %d", swd);

    if (rc == ERR_OK && (*idcode == 0 || *idcode == UINT32_MAX))
        rc = session_fault(o, FLASH_NO_CHIP, "idcode", e, "%s", "nothing was scanned");
    else if (rc == ERR_OK && *idcode != want)
        rc = session_fault(o, FLASH_WRONG_IDCODE, "idcode", e, "0x%08x scanned, 0x%08x expected", *idcode, want);
    return rc;
}

static void put_le32(uint8_t *out, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        out[i] = (uint8_t)(v >> 8 * i);
}

static enum err_code identify(struct openocd *o, struct chip_identity *id, struct err *e)
{
    const struct chip_desc *d = o->slot.desc;
    const struct ask ask = { "identify", o->slot.call_ms, FLASH_READ_FAILED };
    enum { UID, FLASH_KIB = UID + 3, RDP, N };
    uint32_t v[N];
    enum err_code rc = session_ask(o, &ask, v, N, e, "fl_identify %u %u", d->uid_addr, d->flash_size_addr);

    if (rc != ERR_OK)
        return rc;
    for (int i = 0; i < 3; i++)
        put_le32(id->uid + 4 * i, v[UID + i]);
    id->flash_bytes = (v[FLASH_KIB] & 0xFFFF) * 1024;
    id->rdp = v[RDP] == 0xAA ? 0 : v[RDP] == 0xCC ? 2 : 1;
    return check_identity(o, id, e);
}

enum err_code openocd_probe(struct chip *c, struct chip_identity *id, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    struct chip_identity got = { 0 };
    bool swd = false;
    enum err_code rc;

    if ((rc = session_start(o, &swd, e)) != ERR_OK || (rc = read_idcode(o, swd, &got.idcode, e)) != ERR_OK ||
        (rc = read_device_id(o, &got.dbgmcu, e)) != ERR_OK || (rc = identify(o, &got, e)) != ERR_OK) {
        session_end(o);
        return rc;
    }
    o->probed = true;
    o->id = got;
    *id = got;
    return ERR_OK;
}

static enum err_code openocd_run(struct chip *c, struct err *e)
{
    struct openocd *o = (struct openocd *)c;
    const struct ask ask = { "reset run", o->slot.call_ms, FLASH_WRITE_FAILED };
    uint32_t none;
    enum err_code rc = session_ready(o, ask.op, e);

    return rc != ERR_OK ? rc : session_ask(o, &ask, &none, 1, e, "fl_reset 0");
}

static void openocd_release(struct chip *c)
{
    session_end((struct openocd *)c);
}

static void openocd_close(struct chip *c)
{
    struct openocd *o = (struct openocd *)c;

    session_end(o);
    close(o->image_fd);
    free(o);
}

static const struct chip_ops ops = {
    .probe = openocd_probe,
    .otp_read = openocd_otp_read,
    .otp_locks = openocd_otp_locks,
    .otp_program = openocd_otp_program,
    .otp_lock = openocd_otp_lock,
    .flash_write = openocd_flash_write,
    .mem_read = openocd_mem_read,
    .mem_write = openocd_mem_write,
    .wipe_ram = openocd_wipe_ram,
    .run = openocd_run,
    .rdp_set = openocd_rdp_set,
    .close = openocd_close,
    .release = openocd_release,
};

enum err_code openocd_open(struct chip **out, const struct openocd_slot *slot, struct err *e)
{
    /* OpenOCD puts the path into a Tcl command, in braces. */
    if (slot->adapter[0] == '\0' || strpbrk(slot->adapter, "{}[]$\\\"\n\r") != NULL)
        return err_set(e, &flash_fault[FLASH_OPENOCD_START], "open", NULL, 0,
                       "slot '%s': the adapter's path must not be empty or hold any of {}[]$\\\": %s", slot->name,
                       slot->adapter);
    if (openocd_controller_tcl(slot->desc->controller) == NULL)
        return err_set(e, &flash_fault[FLASH_UNSUPPORTED], "open", NULL, 0, "slot '%s': %s", slot->name, slot->desc->name);

    struct openocd *o = calloc(1, sizeof *o);
    if (o == NULL || (o->image_fd = memfd_create("firmware", MFD_CLOEXEC)) < 0) {
        err_errno(e, &flash_fault[FLASH_OPENOCD_MISSING], "memfd_create", "slot '%s'", slot->name);
        free(o);
        return e->code;
    }
    o->chip = (struct chip){ .ops = &ops, .desc = slot->desc };
    o->slot = *slot;
    o->slot.openocd = slot->openocd != NULL ? slot->openocd : "/usr/bin/openocd";
    o->slot.start_ms = slot->start_ms != 0 ? slot->start_ms : 10000;
    o->slot.call_ms = slot->call_ms != 0 ? slot->call_ms : 5000;
    o->slot.slow_ms = slot->slow_ms != 0 ? slot->slow_ms : 120000;
    *out = &o->chip;
    return ERR_OK;
}
