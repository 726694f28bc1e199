#include "flash/vchip/model.h"

static uint64_t now_ns(const struct silicon *s)
{
    return s->port.now_ns == NULL ? 0 : s->port.now_ns(s->port.io);
}

bool silicon_busy(const struct silicon *s)
{
    return s->op.kind != OP_NONE && now_ns(s) < s->op.until_ns;
}

static void changed(const struct silicon *s, const struct nvm_area *a, uint32_t off, uint32_t len)
{
    if (s->port.changed != NULL)
        s->port.changed(s->port.io, a->base + off, len);
}

uint64_t op_noise(uint32_t addr)
{
    uint64_t z = addr + 0x9E3779B97F4A7C15u; /* SplitMix64 (Steele, Lea, Flood 2014) */

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

void op_settle(struct silicon *s)
{
    if (s->op.kind == OP_NONE || silicon_busy(s))
        return;
    s->op.kind = OP_NONE;
    if (s->op.eop)
        s->sr |= 1;
    if (s->op.load)
        opt_load(s);
}

void op_start(struct silicon *s, struct operation op, uint64_t ns)
{
    const uint64_t scaled = ns * s->scale / 1000;

    s->stats.busy_ns += scaled;
    s->op = op;
    s->op.eop = (s->cr >> 24 & 1) != 0;
    s->op.until_ns = now_ns(s) + (s->port.now_ns == NULL ? 0 : scaled);
    op_settle(s);
}

void op_abort(struct silicon *s)
{
    const struct operation op = s->op;

    op_settle(s);
    if (s->op.kind != OP_NONE) {
        if (op.kind == OP_PROGRAM)
            s->model->tear_pulse(s, op.area, op.off, op.len, op.old);
        else if (op.len > 0)
            s->model->tear_erase(s, op.area, op.off, op.len);
        if (op.kind == OP_OPTIONS)
            s->nvm.head->options_torn = 1;
        if (op.len > 0)
            changed(s, op.area, op.off, op.len);
    }
    s->op.kind = OP_NONE;
}

/* Count the pulse; true when it is the one at which power goes. */
static bool cut_due(struct silicon *s, enum silicon_cut_kind kind)
{
    uint64_t *pulses = kind == CUT_OTP ? &s->stats.otp_pulses : &s->stats.flash_pulses;

    (*pulses)++;
    return s->cut[kind].left > 0 && --s->cut[kind].left == 0;
}

enum bus_status op_program(struct silicon *s, struct nvm_area *a, uint32_t off, uint32_t len, uint64_t want, uint64_t ns)
{
    const enum silicon_cut_kind kind = a == &s->nvm.area[NVM_FLASH] ? CUT_FLASH : CUT_OTP;
    const bool cut = cut_due(s, kind);
    const enum silicon_tear tear = s->cut[kind].tear;
    const uint64_t old = nvm_get(a, off, len);

    if (!cut || tear != TEAR_NONE) {
        nvm_put(&s->nvm, a, off, len, want);
        nvm_bit_set(a->ecc, off, false); /* a new code word; only reached when the controller allows one */
        nvm_bit_set(a->spent, off, true);
        if (cut && tear == TEAR_PARTIAL)
            s->model->tear_pulse(s, a, off, len, old);
        changed(s, a, off, len);
    }
    if (!cut) {
        op_start(s, (struct operation){ .kind = OP_PROGRAM, .area = a, .off = off, .len = len, .old = old }, ns);
        return BUS_OK;
    }
    silicon_power(s, false);
    if (s->port.power_cut != NULL)
        s->port.power_cut(s->port.io);
    return BUS_FAULT;
}

void op_erase(struct silicon *s, uint32_t off, uint32_t len, uint64_t ns)
{
    struct nvm_area *a = &s->nvm.area[NVM_FLASH];

    nvm_erase(&s->nvm, a, off, len);
    changed(s, a, off, len);
    s->stats.erases++;
    op_start(s, (struct operation){ .kind = OP_ERASE, .area = a, .off = off, .len = len }, ns);
}
