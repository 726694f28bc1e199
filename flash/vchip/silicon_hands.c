/* What hands do to a part and see of it: faults, planted contents, counters.  See silicon.h, "faults". */
#include "flash/vchip/model.h"

static void changed(const struct silicon *s, uint32_t addr, uint32_t len)
{
    if (s->port.changed != NULL)
        s->port.changed(s->port.io, addr, len);
}

void silicon_on_ram_erase(struct silicon *s, void (*ram_erased)(void *io))
{
    s->ram_erased = ram_erased;
}

void silicon_arm_cut(struct silicon *s, enum silicon_cut_kind kind, uint64_t k, enum silicon_tear tear)
{
    s->cut[kind].left = k;
    s->cut[kind].tear = tear;
}

static uint32_t cell_len(const struct silicon *s, const struct nvm_area *a)
{
    return a == &s->nvm.area[NVM_LOCKS] ? 1 : s->desc->otp.cell; /* flash takes pulses of the same width */
}

bool silicon_tear_cell(struct silicon *s, uint32_t addr)
{
    struct nvm_area *a = nvm_find(&s->nvm, addr, 1);

    if (a == NULL)
        return false;
    const uint32_t len = cell_len(s, a), off = (addr - a->base) / len * len;
    const uint64_t old = nvm_get(a, off, len);
    nvm_put(&s->nvm, a, off, len, 0);
    s->model->tear_pulse(s, a, off, len, old);
    changed(s, a->base + off, len);
    return true;
}

bool silicon_stick_bit(struct silicon *s, uint32_t addr, unsigned bit, bool value)
{
    if (!nvm_bad_bit(&s->nvm, addr, bit, value, 0))
        return false;
    changed(s, addr, 1);
    return true;
}

bool silicon_weak_bit(struct silicon *s, uint32_t addr, unsigned bit, unsigned period)
{
    return period > 0 && nvm_bad_bit(&s->nvm, addr, bit, false, period);
}

bool silicon_plant(struct silicon *s, uint32_t addr, const uint8_t *bytes, uint32_t len)
{
    struct nvm_area *a = nvm_find(&s->nvm, addr, len);

    if (a == NULL || len == 0)
        return false;
    for (uint32_t i = 0, off = addr - a->base; i < len; i++, off++) {
        nvm_put(&s->nvm, a, off, 1, bytes[i]);
        nvm_bit_set(a->ecc, off, false);
        if (bytes[i] != 0xFF)
            nvm_bit_set(a->spent, off, true);
    }
    changed(s, addr, len);
    return true;
}

void silicon_busy_scale(struct silicon *s, unsigned per_mille)
{
    s->scale = per_mille;
}

void silicon_stats_get(const struct silicon *s, struct silicon_stats *out)
{
    *out = s->stats;
}

void silicon_stats_clear(struct silicon *s)
{
    s->stats = (struct silicon_stats){ 0 };
}

const uint8_t *silicon_uid(const struct silicon *s)
{
    return s->nvm.head->uid;
}

uint8_t *silicon_flash(struct silicon *s)
{
    return s->nvm.area[NVM_FLASH].data;
}
