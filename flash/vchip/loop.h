/* flash/vchip/loop.h - the program's one thread: poll the JTAG link, the control socket and the serial line, and run the
 * core between.  JTAG comes first; a core that sleeps, is halted or has no power costs nothing. */
#ifndef VCHIP_LOOP_H
#define VCHIP_LOOP_H

#include "flash/vchip/ctl.h"
#include "flash/vchip/pty.h"
#include "flash/vchip/rbb.h"

struct loop {
    struct board *board;
    struct rbb *rbb;
    struct ctl *ctl;
    struct pty *pty; /* NULL: no serial line */
    int signal_fd;   /* readable when the program shall end; -1: none */
    bool quit;       /* set from inside: end after this round */
    long displaced;  /* how often another process has taken our processor; since then until crowd_ends_ns we are many */
    uint64_t crowd_ends_ns;
};

void loop_run(struct loop *l);

#endif
