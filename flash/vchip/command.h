/* flash/vchip/command.h - the commands of the control socket: one table, one row each; `vchip --help` prints it.
 * A command that is refused answers "error: ..." and has changed nothing. */
#ifndef VCHIP_COMMAND_H
#define VCHIP_COMMAND_H

#include <stddef.h>

#include "flash/vchip/board.h"
#include "flash/vchip/reply.h"

enum { COMMAND_LINE_MAX = 8192 }; /* bytes */

struct hands { /* what the commands work on */
    struct board *board;
    void (*drop)(void *io); /* close the JTAG link */
    void (*quit)(void *io); /* end the program, once the answer is out */
    void *io;
    uint64_t cpu_ns_base; /* of `stats` */
};

struct command {
    const char *name, *args, *help; /* help: one or more lines */
    int min, max;                   /* number of arguments */
    void (*run)(struct hands *h, struct reply *r, int argc, char *argv[]);
};

extern const struct command commands[];
extern const size_t commands_n;

/* Carry out one line (which is taken apart) and fill *r. */
void command_run(struct hands *h, char *line, struct reply *r);

#endif
