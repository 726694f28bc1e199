/* The ports of the board's parts: who calls whom, and what must wait until an access is over. */
#include "base/clock.h"
#include "flash/vchip/board_parts.h"

/* ---- what silicon wants ---- */

static uint64_t on_now(void *io)
{
    (void)io;
    return clock_mono_ns();
}

static void on_power_cut(void *io)
{
    struct board *b = io;

    b->cut_due = true;
    b->powered = false;
    core_request_stop(b->core);
}

static void on_changed(void *io, uint32_t addr, uint32_t len)
{
    struct board *b = io;

    if (b->memory.desc != NULL) /* else nothing runs yet */
        memory_changed(&b->memory, addr, len);
}

static void on_launch(void *io)
{
    board_ask_reset(io, RESET_OPTIONS);
}

static void on_ecc_nmi(void *io)
{
    struct board *b = io;

    core_nmi(b->core);
}

static void on_ram_erase(void *io)
{
    struct board *b = io;

    memory_erase(&b->memory, 1);
}

/* ---- what the core wants ---- */

enum bus_master board_master(const struct board *b)
{
    return bus_core_master(&b->bus, cpu_get(b->cpu, CPU_PC));
}

/* An access to a busy flash holds the core up until the flash is done: RM0351 s. 3.3.6, RM0090 s. 3.6. */
static bool cpu_read(void *io, uint32_t addr, unsigned size, uint32_t *value)
{
    struct board *b = io;
    enum bus_status st;

    while ((st = bus_read(&b->bus, board_master(b), addr, size, value)) == BUS_WAIT)
        clock_sleep_ms(0);
    return st == BUS_OK;
}

static bool cpu_write(void *io, uint32_t addr, unsigned size, uint32_t value)
{
    struct board *b = io;
    enum bus_status st;

    while ((st = bus_write(&b->bus, board_master(b), addr, size, value)) == BUS_WAIT)
        clock_sleep_ms(0);
    if (silicon_busy(b->silicon) && board_master(b) == BUS_CPU_FLASH)
        core_request_stop(b->core); /* it is stalled: board_run sees to it */
    return st == BUS_OK;
}

static bool core_read32(void *io, uint32_t addr, uint32_t *value)
{
    struct board *b = io;

    /* Vectors are fetched over the I-code bus, wherever the code was that they interrupt. */
    return bus_read(&b->bus, BUS_CPU_FLASH, addr, 4, value) == BUS_OK;
}

static bool core_write32(void *io, uint32_t addr, uint32_t value)
{
    struct board *b = io;

    return bus_write(&b->bus, BUS_CPU_FLASH, addr, 4, value) == BUS_OK;
}

static uint32_t on_core_hz(void *io)
{
    const struct board *b = io;

    return periph_hclk_hz(b->bus.periph);
}

static void on_sysresetreq(void *io)
{
    board_ask_reset(io, RESET_SOFTWARE);
}

static void on_debug(void *io)
{
    struct board *b = io;

    silicon_debug_attached(b->silicon);
}

/* ---- what the debug port wants ---- */

static enum bus_status debug_read(void *io, uint32_t addr, unsigned size, uint32_t *value)
{
    struct board *b = io;

    silicon_debug_attached(b->silicon);
    enum bus_status st = bus_read(&b->bus, BUS_DEBUG, addr, size, value);
    board_settle(b);
    return st;
}

#define DHCSR UINT32_C(0xE000EDF0) /* ARMv7-M ARM C1.6.2 */

static enum bus_status debug_write(void *io, uint32_t addr, unsigned size, uint32_t value)
{
    struct board *b = io;

    silicon_debug_attached(b->silicon);
    if (addr == DHCSR)
        memory_refresh(&b->memory); /* a step runs inside this write: with the code that the debugger has just put there */
    enum bus_status st = bus_write(&b->bus, BUS_DEBUG, addr, size, value);
    board_settle(b);
    return st;
}

static bool on_present(void *io)
{
    const struct board *b = io;

    return b->powered && silicon_rdp(b->silicon) != 2;
}

static void on_reset_pin(void *io, bool low)
{
    board_hold(io, low);
}

static void alarm_rings(struct board *b, enum board_alarm which)
{
    switch (which) {
    case ALARM_CUT:
        b->supply = false;
        break;
    case ALARM_GONE:
        b->inserted = false;
        break;
    default:
        if (b->drop != NULL)
            b->drop(b->drop_io);
    }
    board_follow_supply(b);
}

static void on_clock(void *io)
{
    struct board *b = io;

    if (!b->alarms_set)
        return;
    b->alarms_set = false;
    for (enum board_alarm i = 0; i < ALARMS; i++) {
        if (b->alarm[i] > 0 && --b->alarm[i] == 0)
            alarm_rings(b, i);
        b->alarms_set = b->alarms_set || b->alarm[i] > 0;
    }
}

/* ---- what devices want ---- */

static void on_irq(void *io, unsigned irqn, bool asserted)
{
    struct board *b = io;

    if (b->core != NULL)
        core_irq(b->core, irqn, asserted);
}

/* ---- assembly ---- */

enum err_code board_wire_silicon(struct board *b, const char *path, struct err *e)
{
    const struct silicon_port port = { .now_ns = on_now,
                                       .power_cut = on_power_cut,
                                       .changed = on_changed,
                                       .launch = on_launch,
                                       .ecc_nmi = on_ecc_nmi,
                                       .io = b };
    enum err_code rc = silicon_open(&b->silicon, b->desc, path, &port, e);

    if (rc == ERR_OK)
        silicon_on_ram_erase(b->silicon, on_ram_erase);
    return rc;
}

bool board_wire(struct board *b)
{
    const struct cpu_bus cpu_bus = { .read = cpu_read, .write = cpu_write, .guarded_write = cpu_write, .io = b };
    const struct core_port core_port = { .now_ns = on_now,
                                         .core_hz = on_core_hz,
                                         .read32 = core_read32,
                                         .write32 = core_write32,
                                         .sysresetreq = on_sysresetreq,
                                         .debug_enabled = on_debug,
                                         .io = b,
                                         .rom_part = b->desc->dbgmcu.dev_id };
    const struct jtag_port jtag_port = {
        .read = debug_read, .write = debug_write, .present = on_present, .reset = on_reset_pin, .clock = on_clock, .io = b
    };
    const struct device_port device_port = { .now_ns = on_now, .irq = on_irq, .io = b };

    b->bus = (struct bus){ .desc = b->desc, .silicon = b->silicon, .memory = &b->memory };
    if ((b->cpu = cpu_new(&cpu_bus)) == NULL || !memory_init(&b->memory, b->desc, b->cpu))
        return false;
    b->bus.core = b->core = core_new(b->cpu, &core_port);
    b->bus.periph = periph_new(b->desc, &device_port);
    b->jtag = jtag_new(b->desc, &jtag_port);
    return b->core != NULL && b->bus.periph != NULL && b->jtag != NULL;
}
