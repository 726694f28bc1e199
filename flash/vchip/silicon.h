/* flash/vchip/silicon.h - the memory of an STM32 that forgets nothing: flash, OTP, option bytes, UID, and the FLASH
 * controller in front of them.  One model for the simulated board (vchip) and for the in-process chip (flash/inproc).
 * Boundary: bus accesses above; a state file (or plain memory) below.  Knows no CPU, no JTAG, no image of ours.
 * Memory: one heap object per part.  Threads: none of its own; one thread per object.
 * Power: contents are changed in place, pulse by pulse, so a killed process leaves what a cut leaves.
 * Source: RM0351 rev 9 ch. 3 (L4), RM0090 rev 19 ch. 3 (F4); where ST's drivers or errata say otherwise, the code says so.
 */
#ifndef VCHIP_SILICON_H
#define VCHIP_SILICON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "flash/chips/chips.h"

enum bus_master {
    BUS_DEBUG,     /* the debugger, through the MEM-AP */
    BUS_CPU_FLASH, /* the core, executing from flash */
    BUS_CPU_RAM    /* the core, executing from RAM (OpenOCD's loaders) */
};

enum bus_status {
    BUS_OK,
    BUS_WAIT, /* the flash is busy: ask again; nothing happened */
    BUS_FAULT /* bus error; a write did not happen */
};

struct silicon_port {             /* what the memory needs from the board around it; any function may be NULL */
    uint64_t (*now_ns)(void *io); /* busy times run on this clock; NULL: operations take no time */
    void (*power_cut)(void *io);  /* an armed cut fired: power is gone, the access returns BUS_FAULT */
    void (*changed)(void *io, uint32_t addr, uint32_t len); /* array contents changed: drop translated code */
    void (*launch)(void *io);                               /* OBL_LAUNCH: options were reloaded, reset the system */
    void (*ecc_nmi)(void *io);                              /* a double ECC error was read by the core */
    void *io;
};

struct silicon_stats {                 /* since silicon_open or silicon_stats_clear */
    uint64_t otp_pulses, flash_pulses; /* program pulses that were started, the cut one included */
    uint64_t otp_refused;              /* OTP writes that the controller refused */
    uint64_t erases;                   /* sectors, and 1 per mass erase */
    uint64_t busy_ns;                  /* simulated busy time, scaled */
};

enum silicon_cut_kind { CUT_OTP, CUT_FLASH };
enum silicon_tear {
    TEAR_NONE,   /* power goes before the pulse: the cell keeps its old value */
    TEAR_DONE,   /* power goes right after the pulse: the cell holds the new value */
    TEAR_PARTIAL /* in the middle: L4 ECC error; F4 a value between old and new */
};

struct silicon;

/* Open a part on the state file at path, created with a fresh blank part (random UID) when absent; path NULL: in memory
 * only. The file names its chip; another chip's file, a short one or one of another version is refused with ERR_INPUT and
 * not changed. */
enum err_code silicon_open(struct silicon **out, const struct chip_desc *desc, const char *path,
                           const struct silicon_port *port, struct err *e);
void silicon_close(struct silicon *s);

/* Put a new, blank part in place of the present one: all ones in flash and OTP, factory option bytes, no faults, this UID
 * (or a random one when NULL). */
void silicon_new_part(struct silicon *s, const uint8_t uid[CHIP_UID_LEN]);

/* Power up (on), with registers at reset values and options loaded, or down.  While down every access is BUS_FAULT. */
void silicon_power(struct silicon *s, bool on);
/* System reset: the register block goes to its reset values, the intrusion latch stays.  An operation under way ends, and
 * what it was changing is undefined (RM0351 3.3.5, RM0090 3.6: "the contents are not guaranteed"): torn, as by a cut. */
void silicon_system_reset(struct silicon *s);
/* A debugger has touched the core or the bus: at RDP level 1 flash stays closed until the next power cycle. */
void silicon_debug_attached(struct silicon *s);

/* Readout protection now in force: 0, 1 or 2. */
unsigned silicon_rdp(struct silicon *s);
/* May the core fetch code from flash?  (false: RDP 1 and the intrusion latch is set, or power is down) */
bool silicon_flash_open(struct silicon *s);
/* True while an operation keeps the array busy. */
bool silicon_busy(const struct silicon *s);

/* Does addr belong to the part's flash, OTP, system memory, option area or FLASH registers? */
bool silicon_owns(const struct silicon *s, uint32_t addr);
/* One aligned access of 1, 2 or 4 bytes; values little-endian in the low bits.  A 64-bit program is two 32-bit writes.
 * A write that the controller refuses with an error flag in FLASH_SR is BUS_OK on the bus, as on silicon.  While the array
 * is busy, its cells and FLASH_CR answer BUS_WAIT; the other registers work. */
enum bus_status silicon_read(struct silicon *s, enum bus_master m, uint32_t addr, unsigned size, uint32_t *value);
enum bus_status silicon_write(struct silicon *s, enum bus_master m, uint32_t addr, unsigned size, uint32_t value);

/* Leaving RDP level 1 has erased the backup registers and, on L4, SRAM2: the board clears them.  Gets the port's io. */
void silicon_on_ram_erase(struct silicon *s, void (*ram_erased)(void *io));

/* Flash, OTP, lock bytes or system memory as the cells are, behind everybody's back and with no effect, powered or not.
 * false: not all of it is memory of the part. */
bool silicon_peek(struct silicon *s, uint32_t addr, uint8_t *bytes, uint32_t len);

/* The main array, desc->flash.size bytes, for a core that fetches from it directly.  Never write through it. */
uint8_t *silicon_flash(struct silicon *s);

/* ---- faults, for the control socket and for tests ---- */

/* At the k-th program pulse of that kind from now (k = 1 is the next one), cut power as `tear` says.  k = 0 disarms. */
void silicon_arm_cut(struct silicon *s, enum silicon_cut_kind kind, uint64_t k, enum silicon_tear tear);
/* Tear the OTP cell, lock byte or flash cell at addr now, as if power had gone in a pulse that programs zero: L4 ECC error,
 * F4 half the bits. */
bool silicon_tear_cell(struct silicon *s, uint32_t addr);
/* Bit `bit` (0..7) of the byte at addr reads and stays `value` whatever is programmed.  Flash, OTP or lock bytes; at most 32
 * bad bits a part.  They are the part's, in its file: a power cycle and a restart keep them. */
bool silicon_stick_bit(struct silicon *s, uint32_t addr, unsigned bit, bool value);
/* That bit reads wrong on every `period`-th read of its byte. */
bool silicon_weak_bit(struct silicon *s, uint32_t addr, unsigned bit, unsigned period); /* period > 0 */
/* Write OTP bytes, lock bytes or flash behind the controller's back: a part that came from elsewhere. */
bool silicon_plant(struct silicon *s, uint32_t addr, const uint8_t *bytes, uint32_t len);
/* Busy times, per mille of the data sheet's typical values: 1000 real, 0 none, 10000 a worn part. */
void silicon_busy_scale(struct silicon *s, unsigned per_mille);
void silicon_stats_get(const struct silicon *s, struct silicon_stats *out);
void silicon_stats_clear(struct silicon *s);
const uint8_t *silicon_uid(const struct silicon *s); /* [CHIP_UID_LEN] */

#endif
