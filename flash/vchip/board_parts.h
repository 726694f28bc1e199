/* flash/vchip/board_parts.h - what a board is made of: for board.c (power, reset, running, hands) and wiring.c (the ports
 * between the parts), and nobody else. */
#ifndef VCHIP_BOARD_PARTS_H
#define VCHIP_BOARD_PARTS_H

#include "flash/vchip/board.h"

struct board {
    const struct chip_desc *desc;
    struct silicon *silicon;
    struct cpu *cpu;
    struct core *core;
    struct jtag *jtag;
    struct memory memory;
    struct bus bus;

    bool inserted, supply; /* what the hands have done */
    bool powered;          /* what comes of it; false as soon as a cut fires */
    bool held;             /* nRST is low */

    bool cut_due, reset_due; /* asked for from inside an access: done when it is over */
    enum reset_cause cause;

    uint64_t alarm[ALARMS]; /* JTAG clocks left, 0 = not set */
    bool alarms_set;
    void (*drop)(void *io);
    void *drop_io;
    uint64_t tck_base, instructions_base;
};

/* ---- wiring.c ---- */
enum err_code board_wire_silicon(struct board *b, const char *path, struct err *e);
bool board_wire(struct board *b); /* all the rest; false: out of memory */
enum bus_master board_master(const struct board *b);

/* ---- board.c ---- */
void board_follow_supply(struct board *b);  /* after inserted or supply has changed */
void board_hold(struct board *b, bool low); /* the nRST pin */
void board_ask_reset(struct board *b, enum reset_cause cause);
void board_settle(struct board *b); /* do what was asked for during an access */

#endif
