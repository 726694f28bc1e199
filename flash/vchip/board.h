/* flash/vchip/board.h - a board with one part on it: silicon, core, debug port, RAM, peripherals; power, reset, socket.
 * Boundary: the event loop (loop.h) turns it, the control socket (ctl.h) handles it, wires reach it through jtag and usart.
 * Knows no OpenOCD and no identity of ours.  Time is the host's: base/clock.h.
 * Memory: one heap object.  Threads: one.  A board starts inserted and powered. */
#ifndef VCHIP_BOARD_H
#define VCHIP_BOARD_H

#include "flash/vchip/bus.h"
#include "flash/vchip/jtag.h"

struct board;

/* Open the board on the state file at path (NULL: in memory only). */
enum err_code board_open(struct board **out, const struct chip_desc *desc, const char *path, struct err *e);
void board_close(struct board *b); /* NULL is fine */

/* Run the core for at most n instructions if it can run, and see to resets and watchdog that are due. */
void board_run(struct board *b, uint32_t n);
/* When board_run is wanted next, by clock_mono_ns: 0 = now, UINT64_MAX = not before something comes from outside. */
uint64_t board_next_ns(struct board *b);

/* ---- hands on the board ---- */

void board_power(struct board *b, bool on);  /* the supply; RAM is lost, state file and armed faults stay */
void board_insert(struct board *b, bool in); /* into the fixture: without it there is neither power nor contact */
/* Another board in place of this one: blank part, this UID (random when NULL), no faults; inserted and powered. */
void board_new_part(struct board *b, const uint8_t uid[CHIP_UID_LEN]);
void board_reset(struct board *b); /* a pulse on nRST */

/* ---- what happens after so many more JTAG clocks; 0 takes it back ---- */

enum board_alarm { ALARM_CUT, ALARM_GONE, ALARM_DROP, ALARMS };
void board_alarm(struct board *b, enum board_alarm which, uint64_t clocks);
/* Who closes the JTAG link when ALARM_DROP goes off. */
void board_on_drop(struct board *b, void (*drop)(void *io), void *io);

/* ---- looking, behind readout protection's back ---- */

/* RAM, flash, OTP or system memory as it is, with no effect on the part; false: not all of it is memory. */
bool board_peek(struct board *b, uint32_t addr, uint8_t *bytes, uint32_t len);
/* How often the pattern occurs in RAM and RAM2; *first: where, untouched when nowhere. */
unsigned board_find(const struct board *b, const uint8_t *pattern, size_t len, uint32_t *first);

struct board_stats {
    uint64_t tck, instructions; /* since board_open or board_stats_clear */
    bool powered, inserted;
    const char *core; /* running, sleeping, halted, lockup, off */
};
void board_stats_get(const struct board *b, struct board_stats *out);
void board_stats_clear(struct board *b); /* the silicon's too */

const struct chip_desc *board_desc(const struct board *b);
struct silicon *board_silicon(struct board *b);
struct jtag *board_jtag(struct board *b);
struct periph *board_periph(struct board *b);
struct bus *board_bus(struct board *b);

#endif
