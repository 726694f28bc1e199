/* flash/vchip/cpu_unicorn.c - cpu.h on Unicorn 2.0.1: execution and stops.
 * What the engine does not do right is put right here and in cpu_unicorn_{map,regs}.c: stops are exact but for IT blocks,
 * faults leave the registers as before the instruction, stores never reach flash, changed memory is translated anew. */
#include "flash/vchip/cpu_unicorn.h"

#include <stdlib.h>
#include <string.h>

enum {
    UNTIL = 0 /* the engine stops by itself at this PC; 0 is the vector table, and the only value that costs no time */
};

enum { /* exception numbers of the engine's UC_HOOK_INTR (its EXCP_*) */
       INTR_SVC = 2,
       INTR_PREFETCH_ABORT = 3,
       INTR_DATA_ABORT = 4,
       INTR_BKPT = 7,
       INTR_EXC_RETURN = 8
};

static void end_run(struct cpu *c, enum cpu_stop why)
{
    if (!c->stopping) {
        c->stopping = true;
        c->stop = why;
    }
    c->left = 0;
    (void)uc_emu_stop(c->uc);
}

/* Inside an IT block the engine goes on to the end of the block: keep the registers as they are at the fault. */
void cpu_data_fault(struct cpu *c, uint32_t addr)
{
    if (c->stopping)
        return;
    c->fault_addr = addr;
    for (int r = 0; r <= CPU_PC; r++)
        c->saved[r] = cpu_get(c, (enum cpu_reg)r);
    end_run(c, CPU_FAULT_DATA);
}

static uint32_t read_masks(struct cpu *c)
{
    return cpu_engine_get(c, UC_ARM_REG_PRIMASK) | cpu_engine_get(c, UC_ARM_REG_FAULTMASK) << 1 |
           cpu_engine_get(c, UC_ARM_REG_BASEPRI) << 8;
}

/* ARMv7-M ARM A5.3.18: coprocessor space 111x11.., coprocessors 10 and 11. */
static bool is_fp(struct cpu *c, uint32_t addr)
{
    uint16_t hw1, hw2;
    return cpu_peek16(c, addr, &hw1) && (hw1 & 0xec00) == 0xec00 && cpu_peek16(c, addr + 2, &hw2) &&
           (hw2 & 0x0e00) == 0x0a00;
}

static bool stops_here(struct cpu *c, uint32_t addr, uint32_t size)
{
    for (size_t i = 0; i < c->n_breakpoint; i++)
        if (c->breakpoint[i] == addr) {
            end_run(c, CPU_BREAKPOINT);
            return true;
        }
    if (c->fpu_off && size == 4 && is_fp(c, addr)) {
        end_run(c, CPU_NO_FPU);
        return true;
    }
    if (c->watch_masks && read_masks(c) != c->masks) {
        end_run(c, CPU_QUOTA);
        return true;
    }
    return false;
}

static unsigned insn_bytes(uint16_t hw)
{
    return hw >= 0xe800 ? 4 : 2;
}

/* ITSTATE for the instruction at pc when the IT instruction at `it` was executed lately; 0: not in its block.
 * ARMv7-M ARM A7.3.3. */
static uint32_t itstate_from(struct cpu *c, uint32_t it, uint32_t pc)
{
    uint16_t hw;
    uint32_t state;
    if (!cpu_peek16(c, it, &hw) || (hw & 0xff00) != 0xbf00 || (hw & 0xf) == 0)
        return 0;
    state = hw & 0xff;
    for (it += 2; (state & 0xf) != 0; it += insn_bytes(hw)) {
        if (it == pc)
            return state;
        if (!cpu_peek16(c, it, &hw))
            return 0;
        state = (state & 7) == 0 ? 0 : (state & 0xe0) | ((state << 1) & 0x1f);
    }
    return 0;
}

/* Stopped inside an IT block, the engine has the rest of it done all the same, and does it again when it goes on: a key
 * written twice locks a flash controller.  So a block is finished first: at most three instructions more. */
static bool inside_it_block(struct cpu *c, uint32_t addr)
{
    for (unsigned i = 0; i < TRAIL; i++)
        if (itstate_from(c, c->trail[i], addr) != 0)
            return true;
    return false;
}

/* Apart from on_instruction, which most instructions leave without a call. */
__attribute__((noinline)) static bool ends_here(struct cpu *c, uint32_t addr, uint32_t size)
{
    if (c->left == 0 && !inside_it_block(c, addr)) {
        end_run(c, CPU_QUOTA);
        return true;
    }
    return stops_here(c, addr, size);
}

/* Of most instructions the first halfword says that they are none; elsewhere than in the region of the last look: see is_fp.
 */
static bool maybe_fp(const struct cpu *c, uint32_t addr)
{
    const struct region *m = &c->region[c->last_region];
    const uint32_t at = addr - m->addr;
    return at >= m->len || (m->host[at + 1] & 0xec) == 0xec;
}

/* The one hook for each instruction: without it the engine's PC is only right at the start of a block, and hooks that come
 * later do not reach code that has been translated. */
static void on_instruction(uc_engine *uc, uint64_t at, uint32_t size, void *user)
{
    struct cpu *c = user;
    const uint32_t addr = (uint32_t)at;
    (void)uc;
    if ((c->left == 0 || c->closely || (c->fpu_off && size == 4 && maybe_fp(c, addr))) && ends_here(c, addr, size))
        return;
    if (c->left > 0)
        c->left--;
    c->executed++;
    c->last_pc = addr;
    c->trail[c->trail_at++ % TRAIL] = addr;
}

static void on_exception(uc_engine *uc, uint32_t number, void *user)
{
    (void)uc;
    switch (number) {
    case INTR_SVC:
        end_run(user, CPU_SVC);
        break;
    case INTR_BKPT:
        end_run(user, CPU_BKPT);
        break;
    case INTR_EXC_RETURN:
        end_run(user, CPU_EXC_RETURN);
        break;
    case INTR_PREFETCH_ABORT:
        end_run(user, CPU_FAULT_FETCH);
        break;
    case INTR_DATA_ABORT: /* the engine's memory has no other reason than alignment */
        end_run(user, CPU_UNALIGNED);
        break;
    default:
        end_run(user, CPU_UNDEFINED);
        break;
    }
}

/* The engine forgets where in an IT block a data fault came: find the IT among the instructions before it. */
static void restore_itstate(struct cpu *c, uint32_t pc)
{
    for (unsigned i = 0; i < TRAIL; i++) {
        uint32_t it = itstate_from(c, c->trail[i], pc);
        if (it != 0) {
            uint32_t xpsr = cpu_engine_get(c, UC_ARM_REG_XPSR) & ~0x0600fc00u;
            cpu_engine_put(c, UC_ARM_REG_XPSR_NZCVQG, xpsr | (it & 3) << 25 | (it & 0xfc) << 8);
            return;
        }
    }
}

static enum cpu_stop finish_data_fault(struct cpu *c)
{
    for (int r = 0; r <= CPU_PC; r++)
        cpu_set(c, (enum cpu_reg)r, c->saved[r]);
    restore_itstate(c, c->saved[CPU_PC]);
    return CPU_FAULT_DATA;
}

static bool thumb(struct cpu *c)
{
    return (cpu_engine_get(c, UC_ARM_REG_XPSR) & XPSR_T) != 0;
}

/* WFE and YIELD end the engine's run like an undefined instruction, but behind the instruction. */
static bool was_hint(struct cpu *c, uc_err rc)
{
    uint32_t pc = cpu_engine_get(c, UC_ARM_REG_PC) & ~1u;
    return rc == UC_ERR_INSN_INVALID && !c->stopping && thumb(c) && pc - c->last_pc - 1 < 4;
}

static enum cpu_stop why_stopped(struct cpu *c, uc_err rc)
{
    if (c->stopping && c->stop == CPU_FAULT_DATA)
        return finish_data_fault(c);
    if (c->stopping && (c->stop != CPU_UNDEFINED && c->stop != CPU_FAULT_FETCH))
        return c->stop;
    if (!thumb(c))
        return CPU_INVALID_STATE;
    if (c->stopping)
        return c->stop;
    if (rc == UC_ERR_INSN_INVALID || rc == UC_ERR_EXCEPTION)
        return CPU_UNDEFINED;
    if (rc != UC_ERR_OK || (cpu_engine_get(c, UC_ARM_REG_PC) & ~1u) == UNTIL)
        return CPU_FAULT_FETCH;
    return CPU_WFI; /* the engine came back by itself */
}

enum cpu_stop cpu_run(struct cpu *c, uint32_t n)
{
    uc_err rc;
    if (n == 0)
        return CPU_QUOTA;
    c->left = n;
    c->stopping = false;
    c->changed_lo = c->changed_hi = 0;
    memset(c->trail, 0xff, sizeof c->trail);
    if (c->watch_masks)
        c->masks = read_masks(c);
    c->running = true;
    do {
        uint64_t pc = (cpu_engine_get(c, UC_ARM_REG_PC) & ~1u) | thumb(c);
        c->last_pc = (uint32_t)pc; /* count and timeout of uc_emu_start stay 0: they hang, or cost milliseconds */
        rc = uc_emu_start(c->uc, pc, UNTIL, 0, 0);
    } while (was_hint(c, rc) && c->left > 0);
    c->running = false;
    if (c->changed_hi != 0)
        cpu_forget_range(c, c->changed_lo, c->changed_hi);
    return was_hint(c, rc) ? CPU_QUOTA : why_stopped(c, rc);
}

/* Not uc_emu_stop: from inside a store the engine would execute that store again. */
void cpu_request_stop(struct cpu *c)
{
    c->left = 0;
}

static void choose_closely(struct cpu *c)
{
    c->closely = c->n_breakpoint > 0 || c->watch_masks;
}

void cpu_set_breakpoints(struct cpu *c, const uint32_t *addr, size_t n)
{
    c->n_breakpoint = n < BREAKPOINTS ? n : BREAKPOINTS;
    if (n > 0)
        memcpy(c->breakpoint, addr, c->n_breakpoint * sizeof *addr);
    choose_closely(c);
}

void cpu_set_fpu(struct cpu *c, bool on)
{
    c->fpu_off = !on;
}

void cpu_watch_masks(struct cpu *c, bool on)
{
    c->watch_masks = on;
    choose_closely(c);
}

uint32_t cpu_fault_address(const struct cpu *c)
{
    return c->fault_addr;
}

uint64_t cpu_instructions(const struct cpu *c)
{
    return c->executed;
}

/* ---- life ---- */

/* The engine takes callbacks as void *. */
static uc_err add_hook(struct cpu *c, int type, void (*callback)(void))
{
    uc_hook hook;
    void *p;
    memcpy(&p, &callback, sizeof p);
    return uc_hook_add(c->uc, &hook, type, p, c, 1, 0);
}

/* UC_MODE_MCLASS would force a Cortex-M33, whose EXC_RETURN and CONTROL differ. */
static bool open_engine(struct cpu *c)
{
    return uc_open(UC_ARCH_ARM, UC_MODE_THUMB, &c->uc) == UC_ERR_OK &&
           uc_ctl_set_cpu_model(c->uc, UC_CPU_ARM_CORTEX_M4) == UC_ERR_OK &&
           add_hook(c, UC_HOOK_CODE, (void (*)(void))on_instruction) == UC_ERR_OK &&
           add_hook(c, UC_HOOK_INTR, (void (*)(void))on_exception) == UC_ERR_OK &&
           add_hook(c, UC_HOOK_MEM_INVALID, (void (*)(void))cpu_on_invalid_access) == UC_ERR_OK;
}

struct cpu *cpu_new(const struct cpu_bus *bus)
{
    struct cpu *c = calloc(1, sizeof *c);
    if (c == NULL)
        return NULL;
    c->bus = *bus;
    if (!open_engine(c)) {
        cpu_free(c);
        return NULL;
    }
    cpu_set_fpu(c, false);
    cpu_set(c, CPU_XPSR, XPSR_T);
    return c;
}

void cpu_free(struct cpu *c)
{
    if (c == NULL)
        return;
    if (c->uc != NULL)
        (void)uc_close(c->uc);
    for (size_t i = 0; i < c->n_window; i++)
        free(c->window[i]);
    free(c);
}
