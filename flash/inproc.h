/* flash/inproc.h - a chip in this process: struct chip on the silicon model, without wires, OpenOCD or waiting.
 * For tests that need thousands of parts and a power cut at every pulse.  Works the FLASH registers with the same keys and
 * sequences as a debugger would (BUS_DEBUG), so the model judges it as it judges OpenOCD.  There is no core: RAM is a
 * buffer. Time: virtual; a busy part makes the clock jump.  Threads: one per chip. Power: an armed cut
 * (flash/vchip/silicon.h) leaves the part without power until inproc_power(c, true). */
#ifndef FLASH_INPROC_H
#define FLASH_INPROC_H

#include "flash/chip.h"
#include "flash/vchip/silicon.h"

/* A powered part: fresh and blank in memory (path NULL), or on a state file as silicon_open.  chip_close frees it. */
enum err_code inproc_open(struct chip **out, const struct chip_desc *desc, const char *path, struct err *e)
    __attribute__((warn_unused_result));

/* The part under the chip: arm faults, plant contents, count pulses, silicon_new_part for another one. */
struct silicon *inproc_silicon(struct chip *c);

/* Take the power away, or give it back.  RAM is lost. */
void inproc_power(struct chip *c, bool on);

/* Called by chip_run after the reset: stands for the firmware, works on memory by inproc_ram.  NULL: none. */
void inproc_on_run(struct chip *c, void (*run)(void *io, struct chip *c), void *io);

/* RAM at addr, len bytes, for that firmware; NULL: not RAM. */
uint8_t *inproc_ram(struct chip *c, uint32_t addr, size_t len);

uint64_t inproc_now_ns(const struct chip *c); /* the virtual clock, from 0 */

#endif
