#include "flash/vchip/board_parts.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "flash/vchip/fault.h"
#include "flash/vchip/iwdg.h"

enum { DBGMCU_APB1_FZ = 2 };
static const uint32_t dbg_iwdg_stop = 1u << 12;
static const uint64_t stall_poll_ns = 50000; /* a stalled core looks at the flash this often */

/* ---- power and reset ---- */

/* The core has flash and RAM2 directly while it may, and through the bus, which refuses, while it may not. */
static void map_memories(struct board *b)
{
    bool open = b->powered && silicon_flash_open(b->silicon);

    memory_map_flash(&b->memory, open ? silicon_flash(b->silicon) : NULL);
    (void)memory_map_ram(&b->memory, 1, open || silicon_rdp(b->silicon) == 0); /* no memory: over the bus, slower */
}

static void power_down(struct board *b)
{
    b->powered = false;
    b->cut_due = b->reset_due = false;
    silicon_power(b->silicon, false);
    map_memories(b);
}

static void power_up(struct board *b)
{
    b->powered = true;
    silicon_power(b->silicon, true);
    memset(b->bus.dbgmcu, 0, sizeof b->bus.dbgmcu);
    memory_forget(&b->memory);
    map_memories(b);
    periph_reset(b->bus.periph, RESET_POWER);
    jtag_power_on(b->jtag);
    core_reset(b->core, true);
}

/* The one place that makes the part follow what the hands did. */
void board_follow_supply(struct board *b)
{
    bool on = b->inserted && b->supply;

    if (on == b->powered)
        return;
    if (on)
        power_up(b);
    else
        power_down(b);
}

static void board_system_reset(struct board *b)
{
    b->reset_due = false;
    silicon_system_reset(b->silicon);
    map_memories(b);
    periph_reset(b->bus.periph, b->cause);
    core_reset(b->core, false);
}

void board_settle(struct board *b)
{
    if (b->cut_due) {
        b->supply = false;
        power_down(b);
    }
    if (b->powered && b->reset_due)
        board_system_reset(b);
    map_memories(b);
}

void board_ask_reset(struct board *b, enum reset_cause cause)
{
    b->reset_due = true;
    b->cause = cause;
    core_request_stop(b->core);
}

void board_hold(struct board *b, bool low)
{
    if (low && !b->held && b->powered) {
        b->cause = RESET_PIN;
        board_system_reset(b);
    }
    b->held = low;
}

/* ---- assembly ---- */

enum err_code board_open(struct board **out, const struct chip_desc *desc, const char *path, struct err *e)
{
    struct board *b = calloc(1, sizeof *b);
    enum err_code rc;

    if (b == NULL)
        return err_errno(e, &vchip_fault[VCHIP_NO_MEMORY], "calloc", "%s", desc->name);
    b->desc = desc;
    if ((rc = board_wire_silicon(b, path, e)) != ERR_OK)
        goto fail;
    if (!board_wire(b)) {
        rc = err_errno(e, &vchip_fault[VCHIP_NO_MEMORY], "board_open", "%s", desc->name);
        goto fail;
    }
    b->inserted = b->supply = true;
    board_follow_supply(b);
    *out = b;
    return ERR_OK;
fail:
    board_close(b);
    return rc;
}

void board_close(struct board *b)
{
    if (b == NULL)
        return;
    core_free(b->core);
    cpu_free(b->cpu);
    jtag_free(b->jtag);
    periph_free(b->bus.periph);
    silicon_close(b->silicon);
    memory_fini(&b->memory);
    free(b);
}

/* ---- running ---- */

/* The flash is busy and the core would fetch from it. */
static bool stalled(const struct board *b)
{
    return silicon_busy(b->silicon) && board_master(b) == BUS_CPU_FLASH;
}

static void see_to_watchdog(struct board *b)
{
    struct iwdg *w = periph_iwdg(b->bus.periph);

    if (iwdg_deadline_ns(w) == UINT64_MAX)
        return;
    if (core_state(b->core) == CORE_HALTED && (b->bus.dbgmcu[DBGMCU_APB1_FZ] & dbg_iwdg_stop) != 0)
        iwdg_freeze(w);
    else if (clock_mono_ns() >= iwdg_deadline_ns(w))
        board_ask_reset(b, RESET_WATCHDOG);
    board_settle(b);
}

void board_run(struct board *b, uint32_t n)
{
    if (!b->powered || b->held)
        return;
    see_to_watchdog(b);
    if (stalled(b))
        return;
    memory_refresh(&b->memory);
    core_run(b->core, n);
    board_settle(b);
}

uint64_t board_next_ns(struct board *b)
{
    if (!b->powered || b->held)
        return UINT64_MAX;
    uint64_t dog = iwdg_deadline_ns(periph_iwdg(b->bus.periph)), core = UINT64_MAX;
    switch (core_state(b->core)) {
    case CORE_RUNNING:
        core = stalled(b) ? clock_mono_ns() + stall_poll_ns : 0;
        break;
    case CORE_SLEEPING:
        core = core_wake_ns(b->core);
        break;
    case CORE_HALTED: /* until the debugger comes */
    case CORE_LOCKUP: /* until a reset */
        break;
    }
    return dog < core ? dog : core;
}

/* ---- hands on the board ---- */

void board_power(struct board *b, bool on)
{
    b->supply = on;
    board_follow_supply(b);
}

void board_insert(struct board *b, bool in)
{
    b->inserted = in;
    board_follow_supply(b);
}

void board_new_part(struct board *b, const uint8_t uid[CHIP_UID_LEN])
{
    if (b->powered)
        power_down(b);
    silicon_new_part(b->silicon, uid);
    memory_changed(&b->memory, b->desc->flash.base, b->desc->flash.size);
    rng_set_mode(periph_rng(b->bus.periph), RNG_OK);
    jtag_set_idcode(b->jtag, 0);
    jtag_inject_wait(b->jtag, 0);
    memset(b->alarm, 0, sizeof b->alarm);
    b->inserted = b->supply = true;
    board_follow_supply(b);
}

void board_reset(struct board *b)
{
    board_hold(b, true);
    board_hold(b, false);
}

void board_alarm(struct board *b, enum board_alarm which, uint64_t clocks)
{
    b->alarm[which] = clocks;
    b->alarms_set = true;
}

void board_on_drop(struct board *b, void (*drop)(void *io), void *io)
{
    b->drop = drop;
    b->drop_io = io;
}

/* ---- looking ---- */

bool board_peek(struct board *b, uint32_t addr, uint8_t *bytes, uint32_t len)
{
    const uint8_t *ram = memory_at(&b->memory, addr, len);

    if (ram != NULL) {
        memcpy(bytes, ram, len);
        return true;
    }
    return silicon_peek(b->silicon, addr, bytes, len);
}

unsigned board_find(const struct board *b, const uint8_t *pattern, size_t len, uint32_t *first)
{
    return memory_find(&b->memory, pattern, len, first);
}

void board_stats_get(const struct board *b, struct board_stats *out)
{
    static const char *const states[] = {
        [CORE_RUNNING] = "running", [CORE_SLEEPING] = "sleeping", [CORE_HALTED] = "halted", [CORE_LOCKUP] = "lockup"
    };

    out->tck = jtag_clocks(b->jtag) - b->tck_base;
    out->instructions = cpu_instructions(b->cpu) - b->instructions_base;
    out->powered = b->powered;
    out->core = b->powered ? states[core_state(b->core)] : "off";
    out->inserted = b->inserted;
}

void board_stats_clear(struct board *b)
{
    b->tck_base = jtag_clocks(b->jtag);
    b->instructions_base = cpu_instructions(b->cpu);
    silicon_stats_clear(b->silicon);
}

const struct chip_desc *board_desc(const struct board *b)
{
    return b->desc;
}

struct silicon *board_silicon(struct board *b)
{
    return b->silicon;
}

struct jtag *board_jtag(struct board *b)
{
    return b->jtag;
}

struct periph *board_periph(struct board *b)
{
    return b->bus.periph;
}

struct bus *board_bus(struct board *b)
{
    return &b->bus;
}
