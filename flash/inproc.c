#include "flash/inproc.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flash/fault.h"
#include "flash/inproc_parts.h"

/* ---- contact ---- */

/* Nothing answers any more: whoever goes on must probe anew.  After the first burned cell nobody can promise that nothing
 * irreversible happened. */
enum err_code inproc_lost(struct inproc *p, enum flash_fault_id f, const char *op, uint32_t addr, struct err *e)
{
    p->probed = false;
    return err_set(e, &flash_fault[p->burned ? FLASH_CONTACT_LOST : f], op, NULL, 0, "%s at 0x%08" PRIx32,
                   p->chip.desc->name, addr);
}

enum err_code inproc_ready(struct inproc *p, const char *op, bool level1_too, struct err *e)
{
    if (!p->probed)
        return inproc_lost(p, FLASH_READ_FAILED, op, 0, e);
    if (p->rdp != 0 && !level1_too)
        return err_set(e, &flash_fault[FLASH_READ_PROTECTED], op, NULL, 0, "%s", p->chip.desc->name);
    return ERR_OK;
}

/* ---- reading ---- */

static enum err_code read_words(struct inproc *p, const char *op, uint32_t addr, uint8_t *out, size_t len, struct err *e)
{
    for (size_t i = 0; i < len; i += 4) {
        uint32_t v = 0;

        if (!port_read(&p->port, addr + (uint32_t)i, 4, &v))
            return inproc_lost(p, FLASH_READ_FAILED, op, addr + (uint32_t)i, e);
        for (size_t k = 0; k < 4 && i + k < len; k++)
            out[i + k] = (uint8_t)(v >> (8 * k));
    }
    return ERR_OK;
}

static bool all_bytes(const uint8_t *p, size_t n, uint8_t value)
{
    for (size_t i = 0; i < n; i++)
        if (p[i] != value)
            return false;
    return true;
}

static enum err_code inproc_probe(struct chip *c, struct chip_identity *id, struct err *e)
{
    struct inproc *p = inproc_of(c);
    const struct chip_desc *d = c->desc;
    struct chip_identity who = { .idcode = d->debug.jtag_idcode, .dbgmcu = d->dbgmcu.idcode };
    uint32_t kib = 0;
    uint8_t rdp = 0;
    enum err_code rc;

    p->probed = p->burned = false;
    silicon_system_reset(p->port.silicon); /* reset halt */
    silicon_debug_attached(p->port.silicon);
    if (!port_rdp_byte(&p->port, &rdp))
        return inproc_lost(p, FLASH_NO_CHIP, "probe", 0, e);
    if ((rc = read_words(p, "probe", d->uid_addr, who.uid, sizeof who.uid, e)) != ERR_OK)
        return rc;
    if (!port_read(&p->port, d->flash_size_addr, 2, &kib))
        return inproc_lost(p, FLASH_READ_FAILED, "probe", d->flash_size_addr, e);
    if (all_bytes(who.uid, sizeof who.uid, 0x00) || all_bytes(who.uid, sizeof who.uid, 0xFF))
        return err_set(e, &flash_fault[FLASH_BAD_UID], "probe", NULL, 0, "%s", d->name);
    who.flash_bytes = kib * 1024;
    who.rdp = p->rdp = rdp == 0xAA ? 0 : 1;
    p->probed = true;
    *id = who;
    return ERR_OK;
}

/* ---- memory ---- */

uint8_t *inproc_ram(struct chip *c, uint32_t addr, size_t len)
{
    struct inproc *p = inproc_of(c);
    const struct chip_desc *d = c->desc;

    if (addr - d->ram.base < d->ram.size && len <= d->ram.size - (addr - d->ram.base))
        return p->ram + (addr - d->ram.base);
    if (addr - d->ram2.base < d->ram2.size && len <= d->ram2.size - (addr - d->ram2.base))
        return p->ram2 + (addr - d->ram2.base);
    return NULL;
}

static enum err_code inproc_mem_read(struct chip *c, uint32_t addr, void *buf, size_t len, struct err *e)
{
    struct inproc *p = inproc_of(c);
    const uint8_t *ram = inproc_ram(c, addr, len);
    const bool uid = addr >= c->desc->uid_addr && addr - c->desc->uid_addr + len <= CHIP_UID_LEN;
    enum err_code rc;

    if ((rc = inproc_ready(p, "mem read", uid, e)) != ERR_OK)
        return rc;
    if (ram != NULL) {
        memcpy(buf, ram, len);
        return ERR_OK;
    }
    if (addr == c->desc->dbgmcu.addr && len == 4) {
        memcpy(buf, &c->desc->dbgmcu.idcode, 4);
        return ERR_OK;
    }
    uint8_t *whole = malloc(len > 0 ? len : 1); /* the caller's buffer stays as it is on failure */
    if (whole == NULL)
        return inproc_lost(p, FLASH_READ_FAILED, "malloc", addr, e);
    if ((rc = read_words(p, "mem read", addr, whole, len, e)) == ERR_OK)
        memcpy(buf, whole, len);
    free(whole);
    return rc;
}

static enum err_code inproc_mem_write(struct chip *c, uint32_t addr, const void *buf, size_t len, struct err *e)
{
    uint8_t *ram = inproc_ram(c, addr, len);
    enum err_code rc = inproc_ready(inproc_of(c), "mem write", false, e);

    if (rc != ERR_OK)
        return rc;
    if (ram == NULL)
        return err_set(e, &flash_fault[FLASH_UNSUPPORTED], "mem write", NULL, 0, "%s, 0x%08" PRIx32 " is no RAM",
                       c->desc->name, addr);
    memcpy(ram, buf, len);
    return ERR_OK;
}

static void clear_ram(struct inproc *p)
{
    memset(p->ram, 0, p->chip.desc->ram.size);
    memset(p->ram2, 0, p->chip.desc->ram2.size);
}

static enum err_code inproc_wipe_ram(struct chip *c, struct err *e)
{
    const enum err_code rc = inproc_ready(inproc_of(c), "wipe ram", false, e);

    if (rc == ERR_OK)
        clear_ram(inproc_of(c));
    return rc;
}

static enum err_code inproc_run(struct chip *c, struct err *e)
{
    struct inproc *p = inproc_of(c);
    const enum err_code rc = inproc_ready(p, "run", false, e);

    if (rc != ERR_OK)
        return rc;
    silicon_system_reset(p->port.silicon);
    if (p->run != NULL)
        p->run(p->run_io, c);
    return ERR_OK;
}

/* ---- readout protection ---- */

/* What a debugger that attaches anew can tell: at level 2 nothing answers, at level 1 the UID does and the flash does not.
 */
static bool rdp_reached(struct inproc *p, unsigned level)
{
    uint32_t v = 0;
    const bool uid = port_read(&p->port, p->chip.desc->uid_addr, 4, &v);
    const bool flash = port_read(&p->port, p->chip.desc->flash.base, 4, &v);

    if (!p->powered) /* silence that is not level 2's */
        return false;
    return level == 2 ? !uid : uid && flash == (level == 0);
}

static enum err_code inproc_rdp_set(struct chip *c, unsigned level, struct err *e)
{
    static const uint8_t byte[] = { 0xAA, 0x00, 0xCC };
    struct inproc *p = inproc_of(c);
    uint32_t sr = 0;
    enum err_code rc;

    if (level > 2)
        return err_set(e, &flash_fault[FLASH_UNSUPPORTED], "rdp set", NULL, 0, "%s, level %u", c->desc->name, level);
    if ((rc = inproc_ready(p, "rdp set", true, e)) != ERR_OK)
        return rc;
    if (p->rdp != level) /* judged by what the part then lets us see */
        (void)port_rdp_program(&p->port, byte[level], &sr);
    p->probed = level != 2;
    if (!rdp_reached(p, level)) {
        p->probed = false;
        return err_set(e, &flash_fault[FLASH_RDP_FAILED], "rdp set", sr != 0 ? "FLASH_SR" : NULL, (long)sr, "%s, level %u",
                       c->desc->name, level);
    }
    p->rdp = level;
    return ERR_OK;
}

/* ---- life ---- */

static uint64_t on_now(void *io)
{
    return ((const struct inproc *)io)->port.now_ns;
}

static void on_power_cut(void *io)
{
    struct inproc *p = io;

    p->powered = p->probed = false;
    clear_ram(p);
}

static void on_ram_erased(void *io)
{
    struct inproc *p = io;

    if (p->chip.desc->controller == FLASH_STM32L4) /* RM0351 3.5.2: SRAM2; RM0090 knows only backup SRAM */
        memset(p->ram2, 0, p->chip.desc->ram2.size);
}

static void inproc_close(struct chip *c)
{
    struct inproc *p = inproc_of(c);

    silicon_close(p->port.silicon);
    free(p->ram);
    free(p->ram2);
    free(p);
}

static void inproc_release(struct chip *c)
{
    inproc_of(c)->probed = false;
}

static const struct chip_ops ops = {
    .probe = inproc_probe,
    .otp_read = inproc_otp_read,
    .otp_locks = inproc_otp_locks,
    .otp_program = inproc_otp_program,
    .otp_lock = inproc_otp_lock,
    .flash_write = inproc_flash_write,
    .mem_read = inproc_mem_read,
    .mem_write = inproc_mem_write,
    .wipe_ram = inproc_wipe_ram,
    .run = inproc_run,
    .rdp_set = inproc_rdp_set,
    .close = inproc_close,
    .release = inproc_release,
};

enum err_code inproc_open(struct chip **out, const struct chip_desc *desc, const char *path, struct err *e)
{
    struct inproc *p = calloc(1, sizeof *p);
    uint8_t *ram = calloc(1, desc->ram.size), *ram2 = calloc(1, desc->ram2.size + 1);
    const struct silicon_port port = { .now_ns = on_now, .power_cut = on_power_cut, .io = p };
    enum err_code rc;

    if (p == NULL || ram == NULL || ram2 == NULL) {
        rc = err_set(e, &flash_fault[FLASH_NO_CHIP], "calloc", NULL, 0, "%s: out of memory", desc->name);
        goto fail;
    }
    if ((rc = silicon_open(&p->port.silicon, desc, path, &port, e)) != ERR_OK)
        goto fail;
    p->chip = (struct chip){ .ops = &ops, .desc = desc };
    p->port.desc = desc;
    p->ram = ram;
    p->ram2 = ram2;
    silicon_on_ram_erase(p->port.silicon, on_ram_erased);
    inproc_power(&p->chip, true);
    *out = &p->chip;
    return ERR_OK;
fail:
    free(ram2);
    free(ram);
    free(p);
    return rc;
}

struct silicon *inproc_silicon(struct chip *c)
{
    return inproc_of(c)->port.silicon;
}

void inproc_power(struct chip *c, bool on)
{
    struct inproc *p = inproc_of(c);

    silicon_power(p->port.silicon, on);
    p->powered = on;
    p->probed = false;
    if (!on)
        clear_ram(p);
}

void inproc_on_run(struct chip *c, void (*run)(void *io, struct chip *c), void *io)
{
    inproc_of(c)->run = run;
    inproc_of(c)->run_io = io;
}

uint64_t inproc_now_ns(const struct chip *c)
{
    return ((const struct inproc *)c)->port.now_ns;
}
