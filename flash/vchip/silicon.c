#include "flash/vchip/silicon.h"

#include <stdlib.h>
#include <string.h>

#include "flash/vchip/fault.h"
#include "flash/vchip/model.h"

enum { REGS_SIZE = 0x400 };

enum region { REGION_NONE, REGION_ARRAY, REGION_SYSTEM, REGION_OPTIONS, REGION_REGS };

static const struct flash_model *const models[] = {
    [FLASH_STM32L4] = &flash_l4_model,
    [FLASH_STM32F4] = &flash_f4_model,
};

/* ---- life ---- */

enum err_code silicon_open(struct silicon **out, const struct chip_desc *desc, const char *path,
                           const struct silicon_port *port, struct err *e)
{
    struct silicon *s = calloc(1, sizeof *s);

    if (s == NULL)
        return err_errno(e, &vchip_fault[VCHIP_NO_MEMORY], "calloc", "%s", desc->name);
    s->desc = desc;
    s->model = models[desc->controller];
    s->scale = 1000;
    if (port != NULL)
        s->port = *port;
    const enum err_code rc = nvm_open(&s->nvm, desc, path, s->model->factory, e);
    if (rc != ERR_OK) {
        free(s);
        return rc;
    }
    opt_load(s);
    *out = s;
    return ERR_OK;
}

void silicon_close(struct silicon *s)
{
    if (s == NULL)
        return;
    s->port.changed = NULL; /* who would drop translated code is gone by now */
    op_abort(s);
    nvm_close(&s->nvm);
    free(s);
}

static void forget_faults(struct silicon *s)
{
    memset(s->cut, 0, sizeof s->cut);
    s->scale = 1000;
}

void silicon_new_part(struct silicon *s, const uint8_t uid[CHIP_UID_LEN])
{
    const bool on = s->powered;

    silicon_power(s, false);
    nvm_blank(&s->nvm, uid, s->model->factory);
    forget_faults(s);
    opt_load(s);
    if (s->port.changed != NULL)
        s->port.changed(s->port.io, s->desc->flash.base, s->desc->flash.size);
    silicon_power(s, on);
}

/* ---- power and reset ---- */

static void reset_registers(struct silicon *s)
{
    s->half.waiting = false;
    s->sr = s->cr = s->eccr = s->pdkeyr = 0;
    memcpy(s->opt, s->active, sizeof s->opt);
    s->model->reset(s);
}

void silicon_power(struct silicon *s, bool on)
{
    if (on == s->powered)
        return;
    op_abort(s);
    s->powered = on;
    if (!on)
        return;
    s->intrusion = false;
    opt_load(s);
    reset_registers(s);
}

void silicon_system_reset(struct silicon *s)
{
    op_abort(s);
    reset_registers(s);
}

void silicon_debug_attached(struct silicon *s)
{
    s->intrusion = true;
}

unsigned silicon_rdp(struct silicon *s)
{
    op_settle(s);
    return s->rdp;
}

bool silicon_flash_open(struct silicon *s)
{
    op_settle(s);
    return s->powered && opt_array_open(s, BUS_CPU_FLASH);
}

/* ---- the address map ---- */

static bool within(uint32_t addr, struct addr_range r)
{
    return addr - r.base < r.size;
}

static enum region region_of(const struct silicon *s, uint32_t addr)
{
    const struct flash_model *m = s->model;

    if (nvm_index(&s->nvm, addr, 1) >= 0)
        return REGION_ARRAY;
    if (within(addr, (struct addr_range){ s->desc->flash_regs, REGS_SIZE }))
        return REGION_REGS;
    for (size_t i = 0; i < sizeof m->options / sizeof *m->options; i++)
        if (within(addr, m->options[i]))
            return REGION_OPTIONS;
    for (size_t i = 0; i < sizeof m->system / sizeof *m->system; i++)
        if (within(addr, m->system[i]))
            return REGION_SYSTEM;
    return REGION_NONE;
}

bool silicon_owns(const struct silicon *s, uint32_t addr)
{
    return region_of(s, addr) != REGION_NONE;
}

/* UID and flash size; ASSUME: the boot loader and the rest of system memory read as blank, nothing of ours runs them. */
static uint8_t system_byte(const struct silicon *s, uint32_t addr)
{
    if (addr - s->desc->uid_addr < CHIP_UID_LEN)
        return s->nvm.head->uid[addr - s->desc->uid_addr];
    if (addr - s->desc->flash_size_addr < 2)
        return (uint8_t)(s->desc->flash.size / 1024 >> (8 * (addr - s->desc->flash_size_addr)));
    return 0xFF;
}

bool silicon_peek(struct silicon *s, uint32_t addr, uint8_t *bytes, uint32_t len)
{
    const struct nvm_area *a = nvm_find(&s->nvm, addr, len);

    if (a != NULL) {
        memcpy(bytes, a->data + (addr - a->base), len);
        return true;
    }
    for (uint32_t i = 0; i < len; i++)
        if (region_of(s, addr + i) != REGION_SYSTEM)
            return false;
    for (uint32_t i = 0; i < len; i++)
        bytes[i] = system_byte(s, addr + i);
    return true;
}

/* ---- bus ---- */

static enum bus_status read_array(struct silicon *s, enum bus_master m, uint32_t addr, unsigned size, uint32_t *value)
{
    struct nvm_area *a = nvm_find(&s->nvm, addr, size);

    if (a == NULL || !opt_array_open(s, m))
        return BUS_FAULT;
    const uint32_t off = addr - a->base;
    *value = (uint32_t)nvm_get(a, off, size);
    if (s->nvm.head->n_bad > 0)
        *value ^= nvm_weak(&s->nvm, addr, size);
    if (nvm_bit(a->ecc, off) && s->model->ecc_error != NULL) {
        s->model->ecc_error(s, a, off);
        if (m != BUS_DEBUG && s->port.ecc_nmi != NULL)
            s->port.ecc_nmi(s->port.io);
    }
    return BUS_OK;
}

static uint32_t read_bytes(struct silicon *s, enum region r, uint32_t addr, unsigned size)
{
    uint32_t v = 0;

    for (uint32_t i = 0; i < size; i++) {
        const uint32_t byte = r == REGION_SYSTEM ? system_byte(s, addr + i) : s->model->option_byte(s, addr + i);

        v |= byte << (8 * i);
    }
    return v;
}

static uint32_t lanes(unsigned size, uint32_t addr)
{
    return (size == 4 ? UINT32_MAX : (1u << (8 * size)) - 1) << (8 * (addr & 3));
}

enum bus_status silicon_read(struct silicon *s, enum bus_master m, uint32_t addr, unsigned size, uint32_t *value)
{
    const enum region r = region_of(s, addr);

    op_settle(s);
    /* ASSUME: at level 1 the debug port still sees UID, system memory and the FLASH registers (RM0351 table "Access status
     * versus protection level"; for the UID the station's own check after the lock tells). */
    if (!s->powered || addr % size != 0 || r == REGION_NONE || (m == BUS_DEBUG && s->rdp == 2))
        return BUS_FAULT;
    if (r == REGION_REGS) {
        *value = (s->model->reg_read(s, (addr - s->desc->flash_regs) & ~3u) & lanes(size, addr)) >> (8 * (addr & 3));
        return BUS_OK;
    }
    if (silicon_busy(s))
        return BUS_WAIT;
    if (r == REGION_ARRAY)
        return read_array(s, m, addr, size, value);
    *value = read_bytes(s, r, addr, size);
    return BUS_OK;
}

static enum bus_status write_array(struct silicon *s, enum bus_master m, uint32_t addr, unsigned size, uint32_t value)
{
    struct nvm_area *a = nvm_find(&s->nvm, addr, size);
    const uint64_t otp_pulses = s->stats.otp_pulses;
    const bool odd_half = s->half.waiting;

    if (a == NULL || !opt_array_open(s, m))
        return BUS_FAULT;
    if (silicon_busy(s))
        return BUS_WAIT;
    const enum bus_status st = s->model->program(s, a, addr - a->base, size, value);
    /* Neither a pulse nor the first half of a double word: refused. */
    if (a != &s->nvm.area[NVM_FLASH] && s->stats.otp_pulses == otp_pulses && (odd_half || !s->half.waiting))
        s->stats.otp_refused++;
    return st;
}

enum bus_status silicon_write(struct silicon *s, enum bus_master m, uint32_t addr, unsigned size, uint32_t value)
{
    op_settle(s);
    if (!s->powered || (m == BUS_DEBUG && s->rdp == 2))
        return BUS_FAULT;
    switch (region_of(s, addr)) {
    case REGION_ARRAY:
        return write_array(s, m, addr, size, value);
    case REGION_REGS:
        if (addr % size != 0)
            return BUS_FAULT;
        s->master = m;
        return s->model->reg_write(s, (addr - s->desc->flash_regs) & ~3u, (value << (8 * (addr & 3))) & lanes(size, addr),
                                   lanes(size, addr));
    case REGION_SYSTEM:
    case REGION_OPTIONS:
    case REGION_NONE:
        break;
    }
    return BUS_FAULT;
}

/* ---- keys ---- */

void key_reset(struct key_lock *k, uint32_t key1, uint32_t key2)
{
    *k = (struct key_lock){ .key = { key1, key2 }, .locked = true };
}

enum bus_status key_write(struct key_lock *k, uint32_t value)
{
    /* Keys for an open lock are a wrong sequence too: OpenOCD's drivers look before they write them. */
    if (k->dead || !k->locked || value != k->key[k->step]) {
        k->dead = k->locked = true;
        return BUS_FAULT;
    }
    if (++k->step == 2) {
        k->locked = false;
        k->step = 0;
    }
    return BUS_OK;
}
